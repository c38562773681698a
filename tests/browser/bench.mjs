// What each page costs a shop with 500 products and 1,000 orders, on SQLite: CPU of the server, bytes as sent, statements.
// A panel is a card of the page: each may ask the database once more than the two statements that every page has.
import fs from "node:fs";
import http from "node:http";
import { execFileSync } from "node:child_process";
import { Server } from "./lib/server.mjs";
import { send, Things } from "./lib/things.mjs";
import { launch, visitor } from "./lib/browser.mjs";
import { addressOf, nameOf, pages } from "./lib/routes.mjs";

const BARS = { cpuMs: 0.5, bytes: 60_000 };
const requests = Number(process.env.REQUESTS ?? 1_000);
const unlimited = { RUSTOK_RATE_LIMIT_ADDRESS_PER_MINUTE: "0", RUSTOK_RATE_LIMIT_TOKEN_PER_MINUTE: "0", RUSTOK_RATE_LIMIT_TENANT_PER_MINUTE: "0" };

const server = await Server.start({ settings: unlimited });
const things = new Things(server);
const browser = await launch();
let failed = false;
try {
  await server.member("owner");
  const owner = await visitor(browser, server);
  await owner.signIn("owner");
  const cookie = (await owner.context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  await browser.close();
  for (let n = 0; n < 500; n++) {
    things.number = n;
    await things.product();
  }
  for (let n = 0; n < 1_000; n++) {
    things.number = n;
    await things.order(["pending", "confirmed", "paid", "shipped", "delivered"][n % 5]);
  }
  const listed = [];
  for (const page of pages()) listed.push({ page, address: await addressOf(page, things), headers: { ...(!page.isOpen && { cookie }), "accept-encoding": "br" } });

  // First with every statement in the log, told apart by the trace that the request names.
  const seen = await server.restart({ RUSTOK_LOG: "warn,rustok_db::sql=trace", RUSTOK_LOG_FORMAT: "json" }, async () => {
    for (const [n, { address, headers }] of listed.entries()) {
      // Once for what is prepared or cached.
      for (const trace of [1_000 + n, n + 1]) {
        await send(server.url, "GET", address, { ...headers, traceparent: `00-${trace.toString(16).padStart(32, "0")}-0000000000000001-01` });
      }
    }
  });
  const statements = new Map();
  for (const line of seen.split("\n").filter((text) => text.startsWith("{"))) {
    const { trace_id: trace, sql } = JSON.parse(line);
    if (trace && sql) statements.set(parseInt(trace, 16), (statements.get(parseInt(trace, 16)) ?? 0) + 1);
  }

  await server.restart({ RUSTOK_LOG: "warn", RUSTOK_LOG_FORMAT: "text" }, async () => {
    const hz = Number(execFileSync("getconf", ["CLK_TCK"]));
    const cpu = () => fs.readFileSync(`/proc/${server.process.pid}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 13).reduce((sum, ticks) => sum + Number(ticks) * 1_000 / hz, 0);
    const row = (name, ...cells) => console.log([name.padEnd(52), ...cells.map((cell) => String(cell).padStart(10))].join(" ").trimEnd());
    row("page", "CPU ms", "sent", "statements", "panels", "");
    for (const [n, { page, address, headers }] of listed.entries()) {
      const { status, bytes } = await send(server.url, "GET", address, headers);
      const plain = (await send(server.url, "GET", address, { ...headers, "accept-encoding": "identity" })).text;
      const panels = (plain.match(/class="card[" ]/g) ?? []).length;
      const costs = [];
      for (let slice = 0; slice < 3; slice++) {
        const before = cpu();
        await load(address, headers, requests);
        costs.push((cpu() - before) / requests);
      }
      const cost = costs.sort((a, b) => a - b)[1];
      const asked = statements.get(n + 1) ?? 0;
      const misses = [status !== 200 && `status ${status}`, cost > BARS.cpuMs && "CPU", bytes.length > BARS.bytes && "bytes", asked > 2 + panels && "statements"].filter(Boolean);
      failed ||= misses.length > 0;
      row(nameOf(page), cost.toFixed(3), bytes.length, asked, panels, misses.length > 0 ? `MISSES ${misses.join(", ")}` : "");
    }
  });
} finally {
  if (browser.isConnected()) await browser.close();
  await server.stop();
}
process.exitCode = failed ? 1 : 0;

/// So many requests over four connections that stay open.
async function load(path, headers, many) {
  const { host, port } = new URL(server.url);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  let left = many;
  const one = () => new Promise((done, wrong) => {
    http.get({ host: "127.0.0.1", port, path, agent, headers: { host, ...headers } }, (response) => response.resume().on("end", done)).on("error", wrong);
  });
  await Promise.all(Array.from({ length: 4 }, async () => { while (left-- > 0) await one(); }));
  agent.destroy();
}
