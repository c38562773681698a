// Imports: a file is tried, imported, and its report read; by mouse, by keyboard alone, and without JavaScript.
import assert from "node:assert/strict";
import { tabTo } from "../lib/browser.mjs";
import { send } from "../lib/things.mjs";

/// A product export with one price that is none.
const csv = (handle) => ({
  name: "apparel.csv", mimeType: "text/csv",
  buffer: Buffer.from(`Handle,Title,Option1 Name,Option1 Value,Variant Price,SEO Title\n${handle},Red shirt,Size,M,19.90,Seo\n${handle},,,L,20.90,\n${handle}-bad,Bad,Title,Default Title,12x90,\n`),
});
const wxr = (slug) => ({
  name: "site.xml", mimeType: "text/xml",
  buffer: Buffer.from(`<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:wp="http://wordpress.org/export/1.2/"><channel><wp:wxr_version>1.2</wp:wxr_version><wp:base_site_url>https://${slug}.example</wp:base_site_url><item><title>Tea &amp; water</title><content:encoded><![CDATA[<p>Hot, not boiling.</p>]]></content:encoded><wp:post_id>7</wp:post_id><wp:post_name>${slug}</wp:post_name><wp:status>publish</wp:status><wp:post_type>post</wp:post_type></item></channel></rss>`),
});
const figure = (page, name) => page.locator(".figs div").filter({ hasText: name }).locator("dd").innerText();

export default ({ test, visit, things }) => {
  test("tasks 23 and 58: a CSV is tried first, then imported, and its report says what became of each line", async () => {
    const { page } = await visit();
    await page.goto("/admin");
    await page.getByRole("link", { name: "Imports" }).click();
    await page.getByRole("link", { name: "Import a file" }).click();
    await page.getByLabel("Currency of the prices").fill("usd");
    await page.locator("#f-file").setInputFiles(csv("mouse-shirt"));
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByRole("alert").getByText("three capital letters").waitFor();
    assert.equal(await page.getByLabel("Currency of the prices").inputValue(), "usd", "what was typed is kept");
    await page.getByLabel("Currency of the prices").fill("USD");
    await page.locator("#f-file").setInputFiles(csv("mouse-shirt"));
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByText("This was a trial: nothing was kept").waitFor();
    assert.deepEqual((await things.admin("GET", "/products?q=mouse-shirt")).items ?? [], []);
    await page.getByRole("link", { name: "Import it now" }).click();
    assert.ok(!(await page.getByLabel(/^Only try it/).isChecked()));
    await page.locator("#f-file").setInputFiles(csv("mouse-shirt"));
    await page.getByRole("button", { name: "Start" }).click();
    await page.locator(".pill", { hasText: "Finished" }).waitFor();
    assert.equal(await figure(page, "Errors"), "1");
    await page.getByRole("cell", { name: /is not a price/ }).waitFor();
    await page.getByText("Column “SEO Title”").waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Report as CSV" }).click()]);
    assert.equal(download.suggestedFilename(), "report.csv");
    // The same file again changes nothing.
    await page.getByRole("link", { name: "Send a file again" }).click();
    await page.locator("#f-file").setInputFiles(csv("mouse-shirt"));
    await page.getByRole("button", { name: "Start" }).click();
    await page.locator(".pill", { hasText: "Finished" }).waitFor();
    assert.equal(await figure(page, "Created"), "0");
    await page.getByRole("link", { name: "Imports" }).first().click();
    assert.ok((await page.locator("#rows tr").count()) >= 3);
  });

  test("without JavaScript: task 58 with an export of WordPress, in Russian", async () => {
    const { page } = await visit({ script: false, language: "ru-RU" });
    await page.goto("/admin/imports/new");
    await page.getByRole("link", { name: "WordPress" }).click();
    await page.getByLabel(/^Только попробовать/).uncheck();
    await page.locator("#f-file").setInputFiles(wxr("plain-site"));
    await page.getByRole("button", { name: "Начать" }).click();
    for (let tries = 0; tries < 40 && !(await page.locator(".pill", { hasText: "Завершён" }).isVisible()); tries++) {
      await page.waitForTimeout(250);
      await page.reload();
    }
    assert.equal(await figure(page, "Создано"), "1");
  });

  test("task 23 by keyboard alone", async () => {
    const { page } = await visit();
    await page.goto("/admin/imports");
    await tabTo(page, "Import a file");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/admin/imports/new");
    await tabTo(page, /^Drop the file here/);
    // A busy browser may still be changing to this page when the key comes.
    let chooser;
    for (let tries = 0; !chooser; tries += 1) {
      const chosen = page.waitForEvent("filechooser", { timeout: 4000 }).catch((late) => { if (tries > 3) throw late; });
      await page.keyboard.press("Enter");
      chooser = await chosen;
    }
    await chooser.setFiles(csv("keys-shirt"));
    await tabTo(page, "Start");
    await page.keyboard.press("Enter");
    await page.getByText("This was a trial: nothing was kept").waitFor();
  });

  test("a form without the token of its session sends no file", async ({ server }) => {
    const person = await visit();
    const cookies = await person.context.cookies();
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
    const body = (token) => `--x\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n${token}\r\n--x\r\nContent-Disposition: form-data; name="source"\r\n\r\nshopify\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nHandle,Title\r\na,A\r\n--x--\r\n`;
    const headers = { cookie, "content-type": "multipart/form-data; boundary=x", "sec-fetch-site": "same-origin" };
    const before = (await things.admin("GET", "/imports")).items.length;
    const forged = await send(server.url, "POST", "/admin/imports/new", headers, body("forged"));
    assert.equal(forged.status, 403);
    const foreign = await send(server.url, "POST", "/admin/imports/new", { ...headers, "sec-fetch-site": "cross-site" }, body("forged"));
    assert.equal(foreign.status, 403);
    assert.equal((await things.admin("GET", "/imports")).items.length, before);
  });
};
