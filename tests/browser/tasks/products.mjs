// Products: a price is changed by mouse, by keyboard alone, and without JavaScript.
import assert from "node:assert/strict";
import { tabTo } from "../lib/browser.mjs";

const flash = (page, text) => page.getByRole("status").getByText(text).waitFor();
const prices = async (things, product) => {
  const { variants } = await things.admin("GET", `/products/${product.id}`);
  return variants.map(({ price }) => price.amount);
};

export default ({ test, visit, things }) => {
  test("task 20: change a price; what is no price is named at its cell, and nothing typed is lost", async () => {
    const product = await things.product("active", { title: "Wool hat" });
    const { page } = await visit();
    await page.goto("/admin/products");
    await page.getByRole("searchbox").fill("wool hat");
    await page.locator(".tools button").click();
    await page.locator(`#rows a[href$="${product.id}"]`).click();
    await page.waitForURL(`**/admin/products/${product.id}`);
    await page.getByLabel("Vendor").fill("Northern");
    const price = page.locator("[name=variant-price]").first();
    await price.fill("6,2.00");
    await page.locator(".save .main").click();
    await page.getByRole("alert").waitFor();
    assert.equal(await price.getAttribute("aria-invalid"), "true");
    assert.equal(await price.inputValue(), "6,2.00");
    assert.equal(await page.getByLabel("Vendor").inputValue(), "Northern");
    assert.deepEqual(await prices(things, product), ["5.50", "9.90"]);
    await price.fill("1 012,90");
    await page.locator(".save .main").click();
    await flash(page, "Saved.");
    assert.deepEqual(await prices(things, product), ["1012.90", "9.90"]);
  });

  test("task 20 by keyboard alone: change a price", async () => {
    const product = await things.product("active", { title: "Felt hat" });
    const { page } = await visit();
    await page.goto("/admin");
    await page.keyboard.press("g");
    await page.keyboard.press("p");
    await page.waitForURL("**/admin/products");
    await page.keyboard.press("/");
    await page.keyboard.type("felt hat");
    await page.keyboard.press("Enter");
    await page.waitForURL("**q=felt*");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/admin/products/${product.id}`);
    await tabTo(page, /^Price/);
    await page.keyboard.press("Control+a");
    await page.keyboard.type("7.25");
    await page.keyboard.press("Control+s");
    await flash(page, "Saved.");
    assert.deepEqual(await prices(things, product), ["7.25", "9.90"]);
  });

  test("without JavaScript: task 20, change a price", async () => {
    const product = await things.product("active", { title: "Straw hat" });
    const { page } = await visit({ script: false });
    await page.goto(`/admin/products/${product.id}`);
    await page.locator("[name=variant-price]").last().fill("11.10");
    await page.locator(".save .main").click();
    await flash(page, "Saved.");
    assert.deepEqual(await prices(things, product), ["5.50", "11.10"]);
  });
};
