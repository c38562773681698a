// Looks at one page as the walk and the table of all pages do.
import { violations } from "./browser.mjs";

/// Goes to an address; what is wrong there in one of the ways.
export async function look(person, address, way) {
  const { page } = person;
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: way.scheme });
  const answer = await page.goto(address, { waitUntil: "load" });
  // No language of the pages is written from the right yet: their texts are turned round.
  if (way.isRightToLeft) await page.evaluate(() => document.documentElement.setAttribute("dir", "rtl"));
  const wide = await page.evaluate(() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return [];
    const beyond = (e) => { const { left, right, width } = e.getBoundingClientRect(); return width > 0 && (right > root.clientWidth + 1 || left < -1); };
    return [...document.querySelectorAll("main *, header *")].filter(beyond).slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).concat("its texts").slice(0, 3);
  });
  const found = (await violations(page)).map((violation) => `axe ${violation}`);
  if (wide.length > 0) found.push(`wider than 390 px: ${wide.join(" | ")}`);
  const titles = await page.evaluate(() => ({ title: document.title, headings: document.querySelectorAll("h1:not(.prose h1)").length, lang: document.documentElement.lang }));
  if (!titles.title.includes(" · ")) found.push(`its title is ${titles.title}`);
  if (titles.headings !== 1) found.push(`it has ${titles.headings} headings of the first level`);
  if (!way.language.startsWith(titles.lang)) found.push(`its language is ${titles.lang}`);
  const wider = await page.setViewportSize({ width: 1440, height: 900 }).then(() => page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth));
  if (wider) found.push("wider than 1440 px");
  found.push(...person.noticed.splice(0));
  return { status: answer.status(), found };
}
