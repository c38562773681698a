// All tests of the pages in a browser, on one server. Every task is a function of tasks/*.mjs; each test gets a browser of
// its own for each person in it, and fails when a page of it said anything on the console or broke its policy.
//
//   node main.mjs [--all] [--postgres URL] [WORD...]
import { test as run } from "node:test";
import assert from "node:assert/strict";
import fs from "node:fs";
import { Server, ROLES } from "./lib/server.mjs";
import { Things } from "./lib/things.mjs";
import { launch, visitor } from "./lib/browser.mjs";

const args = process.argv.slice(2);
const everything = args.includes("--all");
const postgres = args.includes("--postgres") ? args[args.indexOf("--postgres") + 1] : undefined;
const words = args.filter((arg) => !arg.startsWith("--") && arg !== postgres);

const tests = [];
const context = {};
const test = (name, body) => tests.push({ name, body });
let visitors = [];
const visit = async (options = {}) => {
  const person = await visitor(context.browser, context.server, { storage: context.storages.owner, ...options, ...(options.storage === null && { storage: undefined }) });
  await person.reportViolations();
  visitors.push(person);
  return person;
};

const things = new Things(null);
const files = postgres ? ["smoke.mjs"] : fs.readdirSync("tasks").filter((name) => name !== "smoke.mjs").sort();
for (const file of files) (await import(`./tasks/${file}`)).default({ test, visit, things, everything, context });

const wanted = tests.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
assert.ok(wanted.length > 0, `no test is called ${words.join(", ")}`);

await run(postgres ? "in a browser, on PostgreSQL" : "in a browser", async (all) => {
  context.server = things.server = await Server.start({ postgres });
  context.browser = await launch();
  try {
    for (const role of postgres ? ["owner"] : ROLES) await context.server.member(role);
    context.storages = {};
    const owner = await visitor(context.browser, context.server);
    await owner.signIn("owner");
    context.storages.owner = await owner.context.storageState();
    await owner.close();
    for (const { name, body } of wanted) {
      await all.test(name, { timeout: 180_000 }, async () => {
        visitors = [];
        try {
          await body(context);
          for (const person of visitors) person.assertQuiet();
        } catch (error) {
          const shown = await Promise.all(visitors.map(({ page }) => page.isClosed() ? "" : page.locator("main").innerText({ timeout: 1_000 }).catch(() => "")));
          error.message += `\n${visitors.map(({ page, noticed }, n) => `${page.url()} ${noticed.join("; ")}\n${shown[n].slice(0, 1_500)}`).join("\n")}`;
          throw error;
        } finally {
          for (const person of visitors) await person.close();
        }
      });
    }
  } finally {
    await context.browser.close();
    await context.server.stop();
  }
});
