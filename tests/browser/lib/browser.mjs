// Chromium, and pages that are watched: whatever the console says, each error of a script and each violation of the
// content security policy is kept, and a test fails on it.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { PASSWORD, emailOf } from "./server.mjs";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export async function launch() {
  const isRoot = process.getuid?.() === 0;
  const args = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  return chromium.launch({ executablePath: process.env.CHROMIUM, args: [...(isRoot ? ["--no-sandbox"] : []), ...args] });
}

/// A browser of one person. `storage` is what it kept of an earlier visit.
export async function visitor(browser, server, { storage, script = true, language = "en-GB", scheme = "light", width = 1280 } = {}) {
  const context = await browser.newContext({
    baseURL: server.url, javaScriptEnabled: script, locale: language, colorScheme: scheme, storageState: storage,
    viewport: { width, height: 900 },
  });
  context.setDefaultTimeout(10_000);
  return new Visitor(context, await context.newPage());
}

export class Visitor {
  constructor(context, page) {
    this.context = context;
    this.page = page;
    this.noticed = [];
    this.watch(page);
  }

  watch(page) {
    page.on("console", (message) => {
      const at = message.location().url;
      // A page with another status than 2xx is one that a test asks for.
      if (/^Failed to load resource: the server responded with a status of 4\d\d/.test(message.text()) && at === page.url()) return;
      this.noticed.push(`console ${message.type()}: ${message.text()} (${at})`);
    });
    page.on("pageerror", (error) => {
      // The browser leaves out an animation between two pages when it is late.
      if (/^Transition was (aborted|skipped)/.test(error.message)) return;
      this.noticed.push(`error: ${error.message}`);
    });
    page.on("requestfailed", (request) => {
      // What a person left behind by going on.
      if (request.failure()?.errorText !== "net::ERR_ABORTED") this.noticed.push(`request ${request.url()}: ${request.failure()?.errorText}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400 && !response.request().isNavigationRequest()) this.noticed.push(`${response.status()} ${response.url()}`);
    });
  }

  /// One more tab of the same person.
  async tab() {
    const page = await this.context.newPage();
    this.watch(page);
    return page;
  }

  /// Violations of the policy, since the last call. The console says them too; this names them where it does not.
  async reportViolations() {
    await this.context.exposeBinding("policyViolated", (_, what) => this.noticed.push(`policy: ${what}`));
    await this.context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (e) => globalThis.policyViolated(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`));
    });
  }

  /// Fails when a page said anything that it should not.
  assertQuiet(what = "the page") {
    const noticed = this.noticed.splice(0);
    assert.deepEqual(noticed, [], what);
  }

  async signIn(role, next = "/admin") {
    await this.page.goto(next);
    await this.page.getByLabel(/^(E-mail|Эл)/).fill(emailOf(role));
    await this.page.getByLabel(/^(Password|Пароль)/).fill(PASSWORD);
    await this.page.locator("form.card button.main").click();
    await this.page.waitForURL((url) => !url.pathname.startsWith("/admin/sign-in"));
  }

  async close() {
    await this.context.close();
  }
}

/// The violations of axe-core's rules on a page. It runs in a world of its own, so the policy of the page stays as it is.
export async function violations(page) {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId: contextId } = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
  await session.send("Runtime.evaluate", { expression: axe, contextId });
  const run = `axe.run(document, { runOnly: ${JSON.stringify(RULES)}, resultTypes: ["violations"] })
    .then((r) => JSON.stringify(r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html.slice(0, 200)).join(" | "))))`;
  const { result, exceptionDetails } = await session.send("Runtime.evaluate", { expression: run, contextId, awaitPromise: true, returnByValue: true });
  await session.detach();
  if (exceptionDetails) throw new Error(`axe: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
  return JSON.parse(result.value);
}

/// Presses Tab until what has the focus has this name, as a person without a mouse does; fails after 80 steps.
export async function tabTo(page, name) {
  const seen = [];
  for (let step = 0; step < 80; step++) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body) return null;
      const label = e.labels?.[0]?.textContent ?? e.getAttribute("aria-label") ?? e.textContent;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(e);
      return { name: label.trim().replace(/\s+/g, " "), isShown: (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none" };
    });
    if (!focus) continue;
    seen.push(focus.name);
    if (!(name instanceof RegExp ? name.test(focus.name) : focus.name === name)) continue;
    assert.ok(focus.isShown, `the focus on ${focus.name} cannot be seen`);
    return;
  }
  assert.fail(`Tab does not lead to ${name}, only to ${seen.join(", ")}`);
}
