// Members, tokens, the own account and the settings of the shop.
import assert from "node:assert/strict";
import { emailOf, PASSWORD } from "../lib/server.mjs";
import { tabTo } from "../lib/browser.mjs";
import { send } from "../lib/things.mjs";

const flash = (page, text) => page.getByRole("status").getByText(text).waitFor();
const rowOf = (page, text) => page.getByRole("row").filter({ hasText: text });

/// Signs in with the form that is shown.
async function signIn(page, email, password) {
  await page.goto("/admin/sign-in");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/admin/sign-in"));
}

/// Invites a person; the link, which is shown once.
async function invite(page, email, role) {
  await page.goto("/admin/settings/members");
  await page.getByLabel("E-mail").fill(email);
  await page.getByRole("radio", { name: new RegExp(`^${role}`) }).check();
  await page.getByRole("button", { name: "Make an invitation" }).click();
  await page.getByText(`The invitation for ${email} is made`).waitFor();
  return page.locator(".secret code").innerText();
}

export default ({ test, visit }) => {
  test("task 44: invite a colleague as editor, change the role, remove; a taken back link is worth nothing", async () => {
    const owner = await visit();
    const link = await invite(owner.page, "joe@example.com", "Editor");
    await owner.page.reload({ waitUntil: "domcontentloaded" });
    await owner.page.goto("/admin/settings/members");
    assert.ok(!(await owner.page.content()).includes(link.split("=")[1]), "the link is shown once");
    const fresh = await invite(owner.page, "joe@example.com", "Editor");
    const joe = await visit({ storage: null });
    await joe.page.goto(fresh);
    await joe.page.getByLabel("Name").fill("Joe Doe");
    await joe.page.getByLabel("Password").fill("short");
    await joe.page.getByRole("button", { name: "Join" }).click();
    await joe.page.getByRole("alert").getByText("too short").waitFor();
    assert.equal(await joe.page.getByLabel("Name").inputValue(), "Joe Doe");
    await joe.page.getByLabel("Password").fill("a few odd words");
    await joe.page.getByRole("button", { name: "Join" }).click();
    await joe.page.waitForURL(/localhost:\d+\/admin$/);
    assert.equal(await joe.page.getByRole("link", { name: "Settings" }).count(), 0, "an editor has no settings");
    await joe.page.goto("/admin/settings/members");
    await joe.page.getByText("Your role does not allow this").waitFor();

    await owner.page.goto("/admin/settings/members");
    await rowOf(owner.page, "joe@example.com").getByRole("link", { name: /^Change role/ }).click();
    await owner.page.getByRole("dialog").getByRole("radio", { name: /^Manager/ }).check();
    await owner.page.getByRole("dialog").getByRole("button", { name: "Change role" }).click();
    await flash(owner.page, "The role is changed.");
    await joe.page.goto("/admin");
    await joe.page.waitForURL(/\/admin\/sign-in/);
    await rowOf(owner.page, "joe@example.com").getByRole("link", { name: /^Remove/ }).click();
    await owner.page.getByRole("dialog").getByText("All sessions here end at once").waitFor();
    await owner.page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await flash(owner.page, "The member is removed.");
    assert.equal(await rowOf(owner.page, "joe@example.com").count(), 0);

    const gone = await invite(owner.page, "jim@example.com", "Viewer");
    await owner.page.getByRole("listitem").filter({ hasText: "jim@example.com" }).getByRole("button").click();
    await flash(owner.page, "The invitation is taken back");
    const jim = await visit({ storage: null });
    await jim.page.goto(gone);
    await jim.page.getByLabel("Name").fill("Jim");
    await jim.page.getByLabel("Password").fill("a few odd words");
    await jim.page.getByRole("button", { name: "Join" }).click();
    await jim.page.getByText("There is no such invitation").waitFor();
  });

  test("task 45: sessions are listed with device and place, and end one by one or all others; the password changes", async ({ server }) => {
    const email = await server.member("viewer", "sessions@example.com", "Sue");
    const here = await visit({ storage: null });
    const there = await visit({ storage: null });
    await signIn(here.page, email, PASSWORD);
    await signIn(there.page, email, PASSWORD);
    await here.page.getByRole("link", { name: "Sue" }).click();
    const sessions = here.page.getByRole("listitem").filter({ hasText: "127.0.0.1" });
    assert.equal(await sessions.count(), 2);
    assert.equal(await sessions.filter({ hasText: "This one" }).count(), 1);
    await sessions.filter({ hasNotText: "This one" }).getByRole("button").click();
    await flash(here.page, "The session has ended.");
    await there.page.goto("/admin/account");
    await there.page.waitForURL(/\/admin\/sign-in/);
    await signIn(there.page, email, PASSWORD);
    await here.page.goto("/admin/account");
    await here.page.getByRole("button", { name: "End all others" }).click();
    await flash(here.page, "All other sessions have ended.");
    await there.page.goto("/admin/account");
    await there.page.waitForURL(/\/admin\/sign-in/);
    await here.page.getByLabel("Present password").fill("wrong password");
    await here.page.getByLabel("New password").fill("quite other words");
    await here.page.getByRole("button", { name: "Change password" }).click();
    await here.page.getByRole("alert").getByText("not your present password").waitFor();
    assert.equal(await here.page.getByLabel("New password").inputValue(), "");
    await here.page.getByLabel("Present password").fill(PASSWORD);
    await here.page.getByLabel("New password").fill("quite other words");
    await here.page.getByRole("button", { name: "Change password" }).click();
    await flash(here.page, "The password is changed");
    await signIn(there.page, email, "quite other words");
  });

  test("task 46: a token is made, shown once, used and revoked", async ({ server }) => {
    const { page } = await visit();
    await page.goto("/admin/settings/tokens");
    await page.getByLabel("Name").fill("Warehouse");
    await page.getByRole("radio", { name: "Editor" }).check();
    await page.getByRole("button", { name: "Make a token" }).click();
    await page.getByText("The token “Warehouse” is made").waitFor();
    const secret = await page.locator(".secret code").innerText();
    const ask = async () => (await send(server.url, "GET", "/api/admin/v1/products", { authorization: `Bearer ${secret}` })).status;
    assert.equal(await ask(), 200);
    await page.goto("/admin/settings/tokens");
    assert.ok(!(await page.content()).includes(secret));
    await page.goBack();
    assert.ok(!(await page.content()).includes(secret), "history does not keep it");
    await page.goto("/admin/settings/tokens");
    await rowOf(page, "Warehouse").getByRole("link", { name: /^Revoke/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await flash(page, "The token is revoked.");
    assert.equal(await ask(), 401);
  });

  test("task 46 by keyboard alone: a token is made and revoked", async () => {
    const { page } = await visit();
    await page.goto("/admin/settings/tokens");
    await tabTo(page, "Name");
    await page.keyboard.type("Keys");
    await tabTo(page, "Make a token");
    await page.keyboard.press("Enter");
    await page.getByText("The token “Keys” is made").waitFor();
    await tabTo(page, /^Revoke….*Keys/);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByText("Revoke “Keys”?").waitFor();
    await tabTo(page, "Revoke");
    await page.keyboard.press("Enter");
    await flash(page, "The token is revoked.");
  });

  test("without JavaScript: invite, and change the role in the dialog that the page shows", async () => {
    const { page } = await visit({ script: false });
    await invite(page, "nojs@example.com", "Viewer");
    await rowOf(page, emailOf("support")).getByRole("link", { name: /^Change role/ }).click();
    await page.locator("#ask").getByRole("radio", { name: /^Viewer/ }).check();
    await page.locator("#ask").getByRole("button", { name: "Change role" }).click();
    await flash(page, "The role is changed.");
    await rowOf(page, emailOf("support")).getByText("Viewer").waitFor();
    await rowOf(page, emailOf("support")).getByRole("link", { name: /^Change role/ }).click();
    await page.locator("#ask").getByRole("radio", { name: /^Support/ }).check();
    await page.locator("#ask").getByRole("button", { name: "Change role" }).click();
    await flash(page, "The role is changed.");
  });

  test("settings: what is wrong is named at its field, and nothing typed is lost when a colleague saves meanwhile", async () => {
    const one = await visit();
    const { page } = one;
    await page.goto("/admin/settings");
    const name = page.getByLabel("Name");
    const before = await name.inputValue();
    await name.fill("Tea & Co");
    await page.getByLabel(/^Cancel orders that nobody confirms/).fill("soon");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").getByText("Write a whole number").waitFor();
    assert.equal(await name.inputValue(), "Tea & Co");
    await page.getByLabel(/^Cancel orders that nobody confirms/).fill("30");
    const other = await one.tab();
    await other.goto("/admin/settings");
    await other.getByLabel("Name").fill("Other");
    await other.getByRole("button", { name: "Save" }).click();
    await flash(other, "Saved.");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").getByText("A colleague changed the settings").waitFor();
    assert.equal(await name.inputValue(), "Tea & Co");
    await page.getByRole("button", { name: "Save" }).click();
    await flash(page, "Saved.");
    assert.match(await page.title(), /Tea & Co$/);
    await name.fill(before);
    await page.keyboard.press("Control+s");
    await page.waitForFunction((text) => document.title.endsWith(text), before);
    await page.getByRole("link", { name: "Access from other sites" }).click();
    await page.getByRole("textbox").fill("https://shop.example\nshop");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").getByText("shop: write an address").waitFor();
  });
};
