// Signing in and out, as a person does it.
import assert from "node:assert/strict";
import { emailOf, PASSWORD } from "../lib/server.mjs";
import { tabTo } from "../lib/browser.mjs";

export default ({ test, visit }) => {
  test("sign in: what was asked for is shown, a wrong password is explained, and signing out ends it", async () => {
    const { page, ...rest } = await visit({ storage: null });
    await page.goto("/admin/orders?status=paid");
    await page.waitForURL(/\/admin\/sign-in\?next=/);
    await page.getByLabel("E-mail").fill(emailOf("manager"));
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("do not belong together").waitFor();
    assert.equal(await page.getByLabel("E-mail").inputValue(), emailOf("manager"), "what was typed is kept");
    assert.equal(await page.getByLabel("Password").inputValue(), "", "but for the password");
    assert.match(await page.title(), /^Not saved: /);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL("**/admin/orders?status=paid");
    const cookies = await page.context().cookies();
    const session = cookies.find((cookie) => cookie.name === "session");
    assert.ok(session.httpOnly && session.sameSite === "Lax" && session.domain === "demo.localhost", JSON.stringify(session));
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You are signed out.").waitFor();
    await page.goBack();
    await page.goto("/admin/orders");
    await page.waitForURL(/\/admin\/sign-in\?next=/);
  });

  test("sign in by keyboard alone", async () => {
    const { page } = await visit({ storage: null });
    await page.goto("/admin");
    await tabTo(page, "E-mail");
    await page.keyboard.type(emailOf("viewer"));
    await tabTo(page, "Password");
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await page.waitForURL(/localhost:\d+\/admin$/);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  });

  test("without JavaScript: sign in, and choose a language before", async () => {
    const { page } = await visit({ storage: null, script: false });
    await page.goto("/admin/sign-in");
    await page.getByRole("button", { name: "Русский" }).click();
    await page.getByLabel("Пароль").fill(PASSWORD);
    await page.locator("#f-email").fill(emailOf("viewer"));
    await page.locator("form.card button.main").click();
    await page.waitForURL(/localhost:\d+\/admin$/);
    assert.equal(await page.locator("html").getAttribute("lang"), "ru");
  });

  test("a link of `rustok user link` signs in once", async ({ server }) => {
    const printed = await server.command("user", "link", emailOf("viewer"), "--tenant", "demo");
    const link = `/admin/sign-in/link?link=${printed.match(/rsl_[A-Za-z0-9_-]{43}/)[0]}`;
    const first = await visit({ storage: null });
    await first.page.goto(link);
    await first.page.getByRole("button", { name: "Sign in" }).click();
    await first.page.waitForURL(/localhost:\d+\/admin$/);
    const second = await visit({ storage: null });
    await second.page.goto(link);
    await second.page.getByRole("button", { name: "Sign in" }).click();
    await second.page.getByText("This link was used already").waitFor();
  });
};
