// The table of all routes (crates/rustok-pages/tests/routes.txt).
import fs from "node:fs";
import path from "node:path";

/// The pages: their addresses with `{id}`, the kind of thing that it stands for, and whether they need a session.
export function pages() {
  const text = fs.readFileSync(path.join(process.env.REPOSITORY, "crates/rustok-pages/tests/routes.txt"), "utf8");
  const rows = text.split("\n").filter((line) => line.trim() && !line.startsWith("#")).map((line) => line.split(/\s+/));
  const isPage = ([method, path, , status]) => method === "GET" && status === "200" && !path.endsWith(".csv");
  return rows.filter(isPage)
    .map(([, path, thing, ...answers]) => ({ path, thing: thing === "-" ? null : thing, isOpen: !/^\d+$/.test(answers[1] ?? "") }));
}

/// The address of a page, with a thing of its kind.
export async function addressOf(page, things) {
  if (!page.thing) return page.path;
  const thing = await things.thing(page.thing);
  return page.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(thing[name]));
}

/// What the names of tests and tables call a page.
export const nameOf = ({ path, thing }) => path + (thing ? ` (${thing})` : "");

/// The ways in which a page is looked at: look, language, and the direction of writing.
export const WAYS = ["light", "dark"].flatMap((scheme) => ["en", "ru", "rtl"].map((words) => ({
  scheme, language: words === "ru" ? "ru-RU" : "en-GB", isRightToLeft: words === "rtl", name: `${scheme} ${words}`,
})));
