// Prints a table of all pages: status, bytes, bytes as sent (brotli), what axe-core finds in any of the ways, and the
// median time of five answers, in milliseconds.
import { performance } from "node:perf_hooks";
import { Server } from "./lib/server.mjs";
import { send, Things } from "./lib/things.mjs";
import { launch, visitor } from "./lib/browser.mjs";
import { addressOf, nameOf, pages, WAYS } from "./lib/routes.mjs";
import { look } from "./lib/walk.mjs";

const ways = process.argv.includes("--all") ? WAYS : WAYS.slice(0, 1);
const server = await Server.start();
const browser = await launch();
const things = new Things(server);
let wrong = 0;
try {
  await server.member("owner");
  const owner = await visitor(browser, server);
  await owner.signIn("owner");
  const storage = await owner.context.storageState();
  const cookie = storage.cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  await owner.close();
  const people = new Map();
  for (const way of ways) {
    for (const isOpen of [true, false]) {
      const person = await visitor(browser, server, { storage: isOpen ? undefined : storage, language: way.language });
      await person.reportViolations();
      people.set(`${way.name} ${isOpen}`, person);
    }
  }
  const row = (...cells) => console.log(cells.map((cell, n) => n === 0 ? String(cell).padEnd(52) : String(cell).padStart(8)).join(" ").trimEnd());
  row("page", "status", "bytes", "sent", "wrong", "ms");
  for (const page of pages()) {
    const address = await addressOf(page, things);
    const headers = { ...(!page.isOpen && { cookie }) };
    const times = [];
    let plain;
    for (let turn = 0; turn < 5; turn++) {
      const start = performance.now();
      plain = await send(server.url, "GET", address, headers);
      times.push(performance.now() - start);
    }
    const sent = await send(server.url, "GET", address, { ...headers, "accept-encoding": "br" });
    const found = [];
    for (const way of ways) found.push(...(await look(people.get(`${way.name} ${page.isOpen}`), address, way)).found.map((what) => `${way.name}: ${what}`));
    row(nameOf(page), plain.status, plain.bytes.length, sent.bytes.length, found.length, times.sort((a, b) => a - b)[2].toFixed(1));
    for (const what of found) console.log(`    ${what}`);
    wrong += found.length + (plain.status === 200 ? 0 : 1);
  }
} finally {
  await browser.close();
  await server.stop();
}
process.exitCode = wrong > 0 ? 1 : 0;
