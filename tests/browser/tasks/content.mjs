// Articles: written, translated and published, by mouse, by keyboard alone, and without JavaScript.
import assert from "node:assert/strict";
import { tabTo } from "../lib/browser.mjs";

const flash = (page, text) => page.getByRole("status").getByText(text).first().waitFor();

/// Whether readers find the article in this language; its title.
async function published(things, locale, slug) {
  const node = await things.api("GET", `/api/store/v1/nodes/${encodeURIComponent(slug)}?locale=${locale}`, undefined, [200, 404]);
  return node.title;
}

async function publishInTwoLanguages(page, things, title) {
  await page.goto("/admin/content");
  await page.getByRole("link", { name: "New article" }).first().click();
  await page.locator("#f-title").fill(title);
  await page.locator("#f-body").fill("Hot, not **boiling**.");
  await page.locator("#f-tags").fill("tea");
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await flash(page, "Published.");
  const slug = await page.locator("#f-slug").inputValue();
  assert.equal(await published(things, "en", slug), title);
  await page.locator(".tabs").getByRole("link", { name: /Русский/ }).click();
  await page.waitForURL("**locale=ru*");
  await page.locator("#f-title").fill("Вода");
  await page.locator("#f-body").fill("Горячая, но не кипяток.");
  await page.getByRole("button", { name: "Publish changes" }).click();
  await flash(page, "Published.");
  assert.equal(await published(things, "ru", await page.locator("#f-slug").inputValue()), "Вода");
}

export default ({ test, visit, things }) => {
  test("tasks 54 and 55: write an article and publish it in two languages", async () => {
    const { page } = await visit();
    await publishInTwoLanguages(page, things, "Water by mouse");
    await page.goto("/admin/content?status=published");
    await page.locator("#rows").getByText("Water by mouse").waitFor();
  });

  test("task 54 by keyboard alone: write and publish an article", async () => {
    const { page } = await visit();
    await page.goto("/admin/content/new");
    await tabTo(page, "Title");
    await page.keyboard.type("Water by keys");
    await tabTo(page, /^Text in Markdown/);
    await page.keyboard.type("Hot.");
    await tabTo(page, "Publish");
    await page.keyboard.press("Enter");
    await flash(page, "Published.");
    assert.equal(await published(things, "en", await page.locator("#f-slug").inputValue()), "Water by keys");
  });

  test("without JavaScript: tasks 54 and 55, publish an article in two languages", async () => {
    const { page } = await visit({ script: false });
    await publishInTwoLanguages(page, things, "Water without scripts");
  });
};
