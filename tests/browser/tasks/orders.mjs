// Orders: found, filtered, and taken through their life by mouse, by keyboard alone, and without JavaScript.
import assert from "node:assert/strict";
import { tabTo } from "../lib/browser.mjs";

const open = async (page, order) => {
  await page.goto(`/admin/orders/${order.id}`);
  await page.getByRole("heading", { level: 1, name: `Order #${order.number}` }).waitFor();
};
const flash = (page, text) => page.getByRole("status").getByText(text).waitFor();

export default ({ test, visit, things }) => {
  test("task 1: find an order by its number and by the buyer's e-mail, in the list and with Ctrl K", async () => {
    const order = await things.order("pending", "find.me@example.com");
    const { page } = await visit();
    await page.goto("/admin/orders");
    for (const wanted of [String(order.number), `#${order.number}`, "Find.Me@example.com"]) {
      await page.getByRole("searchbox").fill(wanted);
      await page.getByRole("button", { name: "Search" }).click();
      await page.waitForURL(`**q=${encodeURIComponent(wanted).replace("%40", "*")}*`);
      assert.deepEqual(await page.locator("#rows th a").allTextContents(), [`#${order.number}`], wanted);
    }
    const shared = page.url();
    await page.goto("/admin");
    await page.goto(shared);
    await page.locator("#rows a").click();
    await page.getByRole("heading", { level: 1, name: `Order #${order.number}` }).waitFor();
    await page.keyboard.press("Control+k");
    await page.keyboard.type("find.me@example.com");
    await page.locator("#pal-list [role=option]").filter({ hasText: `#${order.number}` }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/admin/orders/${order.id}`);
    await page.goto("/admin/orders?q=nobody");
    await page.getByText("No order matches").waitFor();
  });

  test("task 2: filter orders by status, page by page; the filter is in the address", async () => {
    const paid = await things.order("paid");
    const { page } = await visit();
    await page.goto("/admin/orders");
    await page.getByRole("link", { name: "Paid", exact: true }).click();
    await page.waitForURL("**/admin/orders?status=paid");
    await page.locator("#rows a", { hasText: `#${paid.number}` }).waitFor();
    for (const state of await page.locator("#rows .pill").allTextContents()) assert.equal(state.trim(), "Paid");
    assert.equal(await page.getByRole("link", { name: "Paid", exact: true }).getAttribute("aria-current"), "page");
  });

  test("tasks 3 to 5: one order whole; confirm, pay, ship and deliver it by mouse", async () => {
    const order = await things.order("pending", "mouse@example.com");
    const { page } = await visit();
    await open(page, order);
    for (const text of ["mouse@example.com", "2 × $5.50", "$11.00"]) await page.getByText(text).first().waitFor();
    assert.deepEqual((await page.locator(".acts .btn").allTextContents()).sort(), ["Cancel…", "Confirm"]);
    await page.getByRole("button", { name: "Confirm" }).click();
    await flash(page, "The order is confirmed.");
    await page.getByRole("link", { name: "Record payment…" }).click();
    await page.getByLabel("Method").fill("card");
    await page.getByLabel("Name of the payment").fill(`mouse-${order.id}`);
    await page.getByRole("button", { name: "Record payment" }).click();
    await flash(page, "The payment is recorded.");
    await page.getByRole("link", { name: "Ship…" }).click();
    await page.getByLabel("Carrier").fill("DHL");
    await page.getByLabel("Tracking number").fill("JD0146");
    await page.getByRole("button", { name: "Mark as shipped" }).click();
    await flash(page, "marked as shipped");
    await page.getByRole("link", { name: "Mark as delivered…" }).click();
    await page.getByRole("button", { name: "Mark as delivered" }).click();
    await flash(page, "marked as delivered");
    assert.deepEqual(await page.locator(".acts .btn").allTextContents(), []);
    assert.equal(await page.locator("#history li").count(), 5);
    assert.equal((await things.admin("GET", `/orders/${order.id}`)).status, "delivered");
  });

  test("tasks 4 and 5 by keyboard alone", async () => {
    const order = await things.order("pending", "keys@example.com");
    const { page } = await visit();
    await page.goto("/admin");
    // G then O leads to the orders, J to the first row, Enter opens it.
    await page.keyboard.press("g");
    await page.keyboard.press("o");
    await page.waitForURL("**/admin/orders");
    await page.keyboard.press("/");
    await page.keyboard.type("keys@example.com");
    await page.keyboard.press("Enter");
    await page.waitForURL("**q=keys*");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/admin/orders/${order.id}`);
    await tabTo(page, "Confirm");
    await page.keyboard.press("Enter");
    await flash(page, "The order is confirmed.");
    await tabTo(page, "Record payment…");
    await page.keyboard.press("Enter");
    await page.locator("dialog[open]").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "hidden" });
    assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Record payment…", "the focus is back");
    await page.keyboard.press("Enter");
    await tabTo(page, "Method");
    await page.keyboard.type("card");
    await tabTo(page, "Name of the payment");
    await page.keyboard.type(`keys-${order.id}`);
    await page.keyboard.press("Enter");
    await flash(page, "The payment is recorded.");
    await tabTo(page, "Ship…");
    await page.keyboard.press("Enter");
    await tabTo(page, "Carrier");
    await page.keyboard.type("DHL");
    await tabTo(page, "Tracking number");
    await page.keyboard.type("JD0147");
    await tabTo(page, "Mark as shipped");
    await page.keyboard.press("Space");
    await flash(page, "marked as shipped");
    await tabTo(page, "Mark as delivered…");
    await page.keyboard.press("Enter");
    await tabTo(page, "Mark as delivered");
    await page.keyboard.press("Enter");
    await flash(page, "marked as delivered");
  });

  test("task 9: cancel an order; the reason is in the history and the goods are back on stock", async () => {
    const product = await things.thing("product");
    const stock = async () => (await things.admin("GET", `/variants/${product.variants[0].id}`)).available;
    const order = await things.order("confirmed");
    const before = await stock();
    const { page } = await visit();
    await open(page, order);
    await page.getByRole("link", { name: "Cancel…" }).click();
    await page.getByRole("link", { name: "Keep the order" }).click();
    await page.locator("dialog[open]").waitFor({ state: "hidden" });
    await page.getByRole("link", { name: "Cancel…" }).click();
    await page.getByLabel("Reason").fill("Ordered twice");
    await page.getByRole("button", { name: "Cancel the order" }).click();
    await flash(page, "The order is cancelled");
    await page.locator("#history").getByText("Ordered twice").waitFor();
    assert.equal(await stock(), before + 2);
  });

  test("task 9: a paid order is cancelled with its refund", async () => {
    const order = await things.order("paid");
    const { page } = await visit();
    await open(page, order);
    await page.getByRole("link", { name: "Cancel and refund…" }).click();
    await page.getByLabel("Reason").fill("Damaged");
    await page.getByLabel("Name of the refund").fill(`refund-${order.id}`);
    await page.getByRole("button", { name: "Cancel the order" }).click();
    await flash(page, "The order is cancelled");
    await page.getByText(`refund-${order.id}`).waitFor();
  });

  test("a second tab is answered with 409 and what is possible now; nothing happens twice", async () => {
    const order = await things.order("confirmed");
    const person = await visit();
    const { page } = person;
    const second = await person.tab();
    await open(page, order);
    await open(second, order);
    for (const [tab, id] of [[page, "first"], [second, "second"]]) {
      await tab.getByRole("link", { name: "Record payment…" }).click();
      await tab.getByLabel("Method").fill("card");
      await tab.getByLabel("Name of the payment").fill(`${id}-${order.id}`);
    }
    await page.getByRole("button", { name: "Record payment" }).click();
    await flash(page, "The payment is recorded.");
    const [answer] = await Promise.all([second.waitForNavigation(), second.getByRole("button", { name: "Record payment" }).click()]);
    assert.ok([409, 412].includes(answer.status()), String(answer.status()));
    await second.getByRole("alert").getByText("Nothing was changed").waitFor();
    assert.ok((await second.locator(".acts .btn").allTextContents()).includes("Ship…"));
    const { payment } = await things.admin("GET", `/orders/${order.id}`);
    assert.equal(payment.payment_id, `first-${order.id}`);
  });

  test("a double click confirms once", async () => {
    const order = await things.order("pending");
    const { page } = await visit();
    await open(page, order);
    await page.getByRole("button", { name: "Confirm" }).dblclick();
    await page.locator("#status").getByText("Confirmed").waitFor();
    const history = await things.admin("GET", `/orders/${order.id}/history`);
    assert.deepEqual(history.items.map((step) => step.transition).sort(), ["confirm", "place"]);
  });

  test("what is refused is explained at its field, and nothing typed is lost", async () => {
    const order = await things.order("confirmed");
    const { page } = await visit({ script: false });
    await page.goto(`/admin/orders/${order.id}?do=pay`);
    await page.getByLabel("Method").fill("m".repeat(300));
    await page.getByLabel("Name of the payment").fill("kept");
    await page.locator("dialog[open] button.main").click();
    await page.getByRole("alert").waitFor();
    assert.equal(await page.getByLabel("Name of the payment").inputValue(), "kept");
    assert.equal(await page.getByLabel("Method").inputValue(), "m".repeat(300));
    assert.equal(await page.getByLabel("Method").getAttribute("aria-invalid"), "true");
    await page.getByRole("alert").getByRole("link").first().click();
    assert.match(page.url(), /#f-method$/);
  });

  test("without JavaScript: tasks 1 and 2, find and filter orders", async () => {
    const order = await things.order("paid", "plain@example.com");
    const { page } = await visit({ script: false });
    await page.goto("/admin/orders");
    await page.getByRole("link", { name: "Paid", exact: true }).click();
    await page.getByRole("searchbox").fill("plain@example.com");
    await page.getByRole("button", { name: "Search" }).click();
    await page.locator("#rows a").click();
    await page.getByRole("heading", { level: 1, name: `Order #${order.number}` }).waitFor();
  });

  test("without JavaScript: tasks 4 and 5, confirm, pay, ship and deliver an order", async () => {
    const order = await things.order("pending", "plain2@example.com");
    const { page } = await visit({ script: false });
    await open(page, order);
    await page.getByRole("button", { name: "Confirm" }).click();
    await flash(page, "The order is confirmed.");
    for (const [link, typed, done] of [
      ["Record payment…", { Method: "cash", "Name of the payment": `plain-${order.id}` }, "The payment is recorded."],
      ["Ship…", { Carrier: "DHL", "Tracking number": "JD1" }, "marked as shipped"],
      ["Mark as delivered…", { "Received by": "A neighbour" }, "marked as delivered"],
    ]) {
      await page.getByRole("link", { name: link }).click();
      for (const [label, text] of Object.entries(typed)) await page.getByLabel(label).fill(text);
      await page.locator("dialog[open] button.main").click();
      await flash(page, done);
    }
  });

  test("without JavaScript: task 9, cancel an order", async () => {
    const order = await things.order("pending");
    const { page } = await visit({ script: false });
    await open(page, order);
    await page.getByRole("link", { name: "Cancel…" }).click();
    await page.getByLabel("Reason").fill("No answer");
    await page.locator("dialog[open] button.bad").click();
    await flash(page, "The order is cancelled");
  });
};
