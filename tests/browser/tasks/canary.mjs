// Markup in every field that the API takes: pages show it as a text, and no script of it runs.
import assert from "node:assert/strict";
import { addressOf, nameOf, pages } from "../lib/routes.mjs";
import { Things } from "../lib/things.mjs";

const CANARY = `"'><img src=x onerror="globalThis.canary=1"><script>globalThis.canary=1</script><a href="javascript:globalThis.canary=1">x</a>`;

export default ({ test, visit, context }) => {
  test("no script runs that people wrote into a field", async () => {
    const things = new Things(context.server, CANARY);
    await context.server.member("owner", "canary@example.com", CANARY);
    const { page } = await visit();
    // The picture in the preview of an article: no picture, so that its handler would run.
    await page.route("**/admin/content/x", (route) => route.fulfill({ status: 204 }));
    const wrong = [];
    let shown = 0;
    for (const listed of pages()) {
      const address = await addressOf(listed, things);
      const asked = encodeURIComponent(CANARY);
      for (const target of [address, `${address}${address.includes("?") ? "&" : "?"}q=${asked}&next=${asked}&link=${asked}`]) {
        await page.goto(target, { waitUntil: "load" });
        const { ran, made, text } = await page.evaluate(() => ({
          ran: globalThis.canary === 1,
          // The preview of an article may have pictures, and nothing on them.
          made: document.querySelectorAll('img[src="x"]:not(.prose img), [onerror], script:not([src]), a[href^="javascript:"]').length,
          text: document.body.innerText + [...document.querySelectorAll("input, textarea")].map((e) => e.value).join(" "),
        }));
        if (ran || made > 0) wrong.push(`${nameOf(listed)}: ${ran ? "a script ran" : ""} ${made} elements`);
        if (text.includes("onerror=")) shown += 1;
      }
    }
    assert.equal(wrong.join("\n"), "");
    assert.ok(shown > 5, `the canary is seen on ${shown} pages only`);
  });
};
