// Compares the lines that a test of crates/rustok-pages/src/format.rs prints with what Intl makes of the same input.
//
// Where the pages differ on purpose: a minus is U+2212 and a code is followed by a no-break space in both languages; the
// hour stands behind a comma; in English the day stands before the month, as in en-GB, and amounts are those of en-US.
import readline from "node:readline";

const spaces = (text) => text.replace(/[\u00a0\u202f]/g, " ").replace("\u2212", "-");
const money = { en: "en-US", ru: "ru-RU" };
const time = { en: "en-GB", ru: "ru-RU" };
const words = { en: ["Today", "Yesterday"], ru: ["Сегодня", "Вчера"] };
const now = "2027-12-31T23:59:00Z";

const formats = new Map();
function format(kind, ...args) {
  const key = JSON.stringify(args);
  if (!formats.has(key)) formats.set(key, new Intl[kind](...args));
  return formats.get(key);
}

function shownMoney(tag, currency, amount, ours) {
  // The minor units are those of ISO 4217, which the amounts of an order have; CLDR leaves some of them out.
  const decimals = (tag === "en" ? /\.(\d+)$/ : /,(\d+)\u00a0\D/).exec(ours)?.[1].length ?? 0;
  return format("NumberFormat", money[tag], { style: "currency", currency, minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(Number(amount));
}

function shownTimes(tag, timeZone, at) {
  const date = new Date(at);
  const part = (options, when = date) => format("DateTimeFormat", time[tag], { timeZone, ...options }).format(when);
  const clock = part({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = (when) => part({ year: "numeric", month: "numeric", day: "numeric" }, when);
  const today = new Date(now), yesterday = new Date(today.getTime() - 86_400_000);
  const isThisYear = part({ year: "numeric" }) === part({ year: "numeric" }, today);
  const far = part({ day: "numeric", month: "short", year: "numeric" });
  let near = isThisYear ? part({ day: "numeric", month: "short" }) : far;
  if (day(date) === day(today)) near = words[tag][0];
  if (day(date) === day(yesterday)) near = words[tag][1];
  return [near, far, part({ day: "numeric", month: "long", year: "numeric" })].map((text) => `${text}, ${clock}`);
}

let compared = 0;
const differing = [];
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [kind, tag, ...rest] = line.split("\t");
  let ours, theirs;
  if (kind === "money") {
    const [currency, amount, shown] = rest;
    [ours, theirs] = [[shown], [shownMoney(tag, currency, amount, shown)]];
  } else if (kind === "time") {
    const [zone, at, ...shown] = rest;
    [ours, theirs] = [shown, shownTimes(tag, zone, at)];
  } else continue;
  for (const [n, text] of ours.entries()) {
    compared += 1;
    if (spaces(text) !== spaces(theirs[n])) differing.push(`${line}\n    Intl: ${theirs[n]}`);
  }
}
for (const text of differing.slice(0, 40)) console.log(text);
console.log(`${compared} texts compared with Intl of Node ${process.version}, CLDR ${process.versions.cldr}: ${differing.length} differ`);
process.exitCode = compared > 1_000 && differing.length === 0 ? 0 : 1;
