// One path over PostgreSQL: what is special about that database is tried by the other tests.
export default ({ test, visit, things }) => {
  test("an order is found and confirmed", async () => {
    const order = await things.order("pending", "smoke@example.com");
    const { page } = await visit();
    await page.goto("/admin/orders");
    await page.getByRole("searchbox").fill("smoke@example.com");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("link", { name: `#${order.number}` }).click();
    await page.getByRole("button", { name: "Confirm" }).click();
    await page.getByRole("status").getByText("The order is confirmed.").waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You are signed out.").waitFor();
  });
};
