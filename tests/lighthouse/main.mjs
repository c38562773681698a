// Lighthouse over five pages: the median of three runs of each; ends with 1 when one misses a bar.
import * as chromeLauncher from "chrome-launcher";
import lighthouse from "lighthouse";
import path from "node:path";
import { pathToFileURL } from "node:url";

const lib = (name) => import(pathToFileURL(path.join(process.env.REPOSITORY, "tests/browser/lib", name)));
const { Server, PASSWORD, emailOf } = await lib("server.mjs");
const { Things, send } = await lib("things.mjs");

const BARS = { performance: 95, accessibility: 100, "best-practices": 100 };
const RUNS = Number(process.env.RUNS ?? 3);

const server = await Server.start();
const chrome = await chromeLauncher.launch({
  chromePath: process.env.CHROMIUM,
  chromeFlags: ["--headless", "--disable-gpu", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
});
let failed = false;
try {
  await server.member("owner");
  const typed = new URLSearchParams({ email: emailOf("owner"), password: PASSWORD }).toString();
  const signedIn = await send(server.url, "POST", "/admin/sign-in", { "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin" }, typed);
  const cookie = signedIn.headers["set-cookie"].map((line) => line.split(";")[0]).join("; ");
  const things = new Things(server);
  const order = await things.order("paid");
  const pages = process.argv.length > 2 ? process.argv.slice(2) : ["/admin/sign-in", "/admin", "/admin/orders", `/admin/orders/${order.id}`, "/admin/search?q=tea"];
  console.log(["page".padEnd(52), ...Object.keys(BARS).map((name) => name.padStart(15))].join(" "));
  for (const page of pages) {
    const runs = [];
    for (let run = 0; run < RUNS; run++) {
      const extraHeaders = page === "/admin/sign-in" ? {} : { cookie };
      const { lhr } = await lighthouse(server.url + page, { port: chrome.port, onlyCategories: Object.keys(BARS), extraHeaders, logLevel: "error" });
      if (lhr.runtimeError) throw new Error(`${page}: ${lhr.runtimeError.message}`);
      runs.push(lhr);
    }
    const scores = Object.entries(BARS).map(([name, bar]) => {
      const all = runs.map((lhr) => Math.round(lhr.categories[name].score * 100)).sort((a, b) => a - b);
      const score = all[Math.floor(all.length / 2)];
      failed ||= score < bar;
      return `${score}${score < bar ? ` < ${bar}` : ""}`.padStart(15);
    });
    console.log([page.replace(/[0-9a-f-]{36}/, "{id}").padEnd(52), ...scores].join(" "));
    const wrong = Object.values(runs[0].audits).filter(({ score, scoreDisplayMode }) => scoreDisplayMode === "binary" && score === 0);
    for (const { id, title } of wrong) console.log(`    ${id}: ${title}`);
  }
} finally {
  await chrome.kill();
  await server.stop();
}
process.exitCode = failed ? 1 : 0;
