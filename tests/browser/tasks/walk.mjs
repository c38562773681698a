// Every page of the table: nothing that axe-core finds, nothing on the console, nothing against the policy, nothing wider
// than a phone. Each page is looked at in one way, the next page in the next; with --all in every way.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { addressOf, nameOf, pages, WAYS } from "../lib/routes.mjs";
import { look } from "../lib/walk.mjs";

export default ({ test, visit, things, everything, context }) => {
  // One place further with each page that is added, so that over time every page is seen in every way.
  const listed = pages();
  const waysOf = (index) => everything ? WAYS : [WAYS[(index + listed.length) % WAYS.length]];
  for (const [number, way] of WAYS.entries()) {
    const seen = listed.filter((_, index) => waysOf(index).includes(way));
    if (seen.length === 0) continue;
    test(`walk, ${way.name}: ${seen.length} pages`, async () => {
      const member = await visit({ language: way.language });
      const stranger = await visit({ storage: null, language: way.language });
      const wrong = [];
      for (const page of seen) {
        const person = page.isOpen ? stranger : member;
        const { status, found } = await look(person, await addressOf(page, things), way);
        if (status !== 200) found.push(`status ${status}`);
        if (found.length > 0) wrong.push(`${nameOf(page)}: ${found.join("\n    ")}`);
        if (process.env.SHOTS) {
          fs.mkdirSync(process.env.SHOTS, { recursive: true });
          const file = `${nameOf(page)} ${way.name}`.replace(/[^\w]+/g, "_");
          await person.page.screenshot({ path: path.join(process.env.SHOTS, `${file}.png`), fullPage: true });
        }
      }
      // A problem is a page too.
      const { status, found } = await look(member, `/admin/orders/${crypto.randomUUID()}?${number}`, way);
      if (status !== 404 || found.length > 0) wrong.push(`a page that is not there: ${status} ${found.join("\n    ")}`);
      assert.equal(wrong.join("\n"), "");
    });
  }

  test("the walk sees what is wrong with a page", async () => {
    const person = await visit({ storage: null });
    const body = `<!doctype html><html lang="en"><title>x</title><main style="color: red"><input><pre>${"wide ".repeat(200)}</pre><script>1</script></main>`;
    await person.page.route("**/broken", (route) => route.fulfill({
      status: 200, contentType: "text/html", body, headers: { "content-security-policy": "default-src 'self'" },
    }));
    const { found } = await look(person, "/broken", WAYS[0]);
    for (const what of [/^axe label: /, /^wider than 390 px: /, /^policy: script-src/, /^policy: style-src/, /^console error: /, /^its title/, /^it has 0 headings/]) {
      assert.ok(found.some((text) => what.test(text)), `${what} in ${found.join("\n")}`);
    }
  });

  test("each link of each page leads to a page", async () => {
    const { page } = await visit();
    const from = new Map();
    for (const listed of pages()) {
      const address = await addressOf(listed, things);
      await page.goto(address);
      const links = await page.evaluate(() => [...document.querySelectorAll("a[href], [hx-get], form[method=get]")]
        .map((e) => e.href ?? new URL(e.getAttribute("hx-get") ?? e.action, location).href));
      for (const link of links.map((link) => link.split("#")[0])) {
        if (link.startsWith(context.server.url) && !from.has(link)) from.set(link, address);
      }
    }
    const broken = [];
    for (const [link, address] of from) {
      const status = await page.evaluate((link) => fetch(link).then((answer) => answer.status), link);
      if (status !== 200) broken.push(`${status} ${link} on ${address}`);
    }
    assert.equal(broken.join("\n"), "");
    assert.ok(from.size > 50, `only ${from.size} links`);
  });
};
