// The second factor, as a person turns it on and signs in with it.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { PASSWORD } from "../lib/server.mjs";

/// The code that an app shows for a key `steps` half minutes from now (RFC 6238).
function codeOf(key, steps = 0) {
  const bits = [...key].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const seed = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const hash = createHmac("sha1", seed).update(step).digest();
  const number = hash.readUInt32BE(hash[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

export default ({ test, visit }) => {
  test("second factor: turn it on, sign in with the app, then with a recovery code, which works once", async ({ server }) => {
    const email = await server.member("viewer", `second-${Date.now()}@example.com`);
    const { page } = await visit({ storage: null });
    await page.goto("/admin/account");
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(/\/admin\/account$/);
    await page.getByRole("link", { name: "Set up" }).click();
    await page.getByLabel("Present password").fill(PASSWORD);
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("img", { name: "Picture of the key" }).waitFor();
    const key = await page.locator(".secret code").innerText();
    await page.getByLabel("Code from the app").fill("000000");
    await page.getByRole("button", { name: "Turn on" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Code from the app").fill(codeOf(key));
    await page.getByRole("button", { name: "Turn on" }).click();
    await page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
    const codes = await page.locator(".lines code").allInnerTexts();
    assert.equal(codes.length, 10);
    await page.getByRole("link", { name: "I have kept them" }).click();

    const signIn = async (code) => {
      await page.getByLabel("E-mail").fill(email);
      await page.getByLabel("Password").fill(PASSWORD);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.waitForURL(/\/admin\/sign-in\/second/);
      await page.getByLabel("Code from the app").fill(code);
      await page.getByRole("button", { name: "Sign in" }).click();
    };
    const signOut = async () => {
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByText("You are signed out.").waitFor();
    };
    await signOut();
    // The step of the code that turned it on is taken.
    await signIn(codeOf(key, 1));
    await page.waitForURL(/localhost:\d+\/admin$/);
    await signOut();
    await signIn(codes[0]);
    await page.waitForURL(/localhost:\d+\/admin$/);
    await signOut();
    await signIn(codes[0]);
    await page.getByRole("alert").getByText("This code is wrong").waitFor();
    await page.getByLabel("Code from the app").fill(codes[1]);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(/localhost:\d+\/admin$/);
  });
};
