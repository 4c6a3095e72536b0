/** Who gets into a wallet and how, and what others may store in it, in a browser on a real server. */
import { expect, test } from "vitest";
import { openPage, tabToElement } from "../../support/browser.ts";
import { shardsOf } from "../../support/server.ts";
import { EVIL, fillAndSend, PASSWORD, PHONE, type User, WalletWorld } from "./wallet-world.ts";

const world = WalletWorld.shared();

test("a new password ends all sessions, and only it opens the wallet", async () => {
  const { page, email } = await world.signUp(PHONE);
  const elsewhere = await openPage(world.browser, world.server.url, PHONE);
  await elsewhere.goto("/login");
  await fillAndSend(elsewhere, { "E-mail": email, Password: PASSWORD }, "Log in");
  await elsewhere.getByRole("heading", { name: "Balance" }).waitFor();
  await page.getByRole("link", { name: "Password" }).click();
  const change = async (password: string, next: string) => {
    await page.getByLabel("Password", { exact: true }).fill(password);
    await fillAndSend(page, { "New password": next }, "Change password");
  };
  await change("wrong password", "another long one");
  await page.getByRole("alert").waitFor();
  await change(PASSWORD, "short");
  await page.getByText("must be text of 8 to 200 characters").waitFor();
  await change(PASSWORD, "another long one ");
  await page.getByText("The password is changed").waitFor();
  await elsewhere.goto("/wallet");
  await elsewhere.getByRole("heading", { name: "Log in to your wallet" }).waitFor();
  for (const old of [PASSWORD, "another long one"]) {
    await fillAndSend(page, { "E-mail": email, Password: old }, "Log in");
    await page.getByRole("alert").waitFor();
  }
  await fillAndSend(page, { "E-mail": email, Password: "another long one " }, "Log in");
  await page.getByRole("heading", { name: "Balance" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/wallet");
});

test("a forgotten password is set anew with the platform's code, once", async () => {
  const { page, email } = await world.signUp(PHONE);
  const { data } = await world.house.get<{ data: { user_id: string }[] }>(`/v1/wallet-users?email=${email}`);
  const path = `/v1/wallet-users/${data[0]?.user_id}/password-reset`;
  const { token } = await world.house.ask<{ token: string }>("POST", path);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  const reset = (code: string, password: string) =>
    fillAndSend(page, { Code: code, "New password": password }, "Set password");
  await reset("wr_nonsense", "another long one");
  await page.getByRole("alert").waitFor();
  expect(await page.getByLabel("Code").inputValue()).toBe("wr_nonsense");
  await reset(token, "another long one");
  await page.getByText("The password is set").waitFor();
  await fillAndSend(page, { "E-mail": email, Password: "another long one" }, "Log in");
  await page.getByRole("heading", { name: "Balance" }).waitFor();
  await page.goto("/reset-password");
  await reset(token, "a third long one");
  await page.getByRole("alert").waitFor();
});

test("a wallet is opened, and money sent, paid on request and refused, by the keyboard alone", async () => {
  const page = await openPage(world.browser, world.server.url);
  const { keyboard } = page;
  const bob = await world.apiUser("Bob");
  const email = world.newEmail();
  /** Fills fields that follow each other, and sends their form. */
  const type = async (first: string, ...texts: readonly string[]) => {
    await tabToElement(page, page.getByLabel(first, { exact: true }));
    for (const [i, text] of texts.entries()) {
      if (i > 0) await keyboard.press("Tab");
      await keyboard.type(text);
    }
    await keyboard.press("Enter");
  };
  const follow = async (role: "link" | "button", name: string) => {
    await tabToElement(page, page.getByRole(role, { name, exact: true }).first());
    await keyboard.press("Enter");
  };
  const heading = (name: string) => page.getByRole("heading", { name, level: 1 }).waitFor();
  await page.goto("/signup");
  await type("Name", "Ann Lee", email, PASSWORD);
  await heading("Balance");
  await follow("button", "Log out");
  await heading("Log in to your wallet");
  await type("E-mail", email, PASSWORD);
  await heading("Balance");
  const wallet = await page.locator(".facts .mono").innerText();
  await world.payIn(wallet, 10_000);
  await follow("link", "Send");
  await heading("Send");
  await type("To", bob.email, "25", "Lunch");
  await page.getByText("25.00 USD").waitFor();
  await follow("button", "Send");
  await page.getByText("The money is sent.").waitFor();
  for (const memo of ["Taxi", "Cinema"])
    await bob.client.ask("POST", "/v1/wallet/payment-requests", {
      payer_wallet_id: wallet,
      amount: 1_000,
      memo,
    });
  await follow("link", "Requests");
  await heading("Requests");
  for (const [label, done] of [
    ["Pay", "The request is paid."],
    ["Decline", "The request is declined."],
  ] as const) {
    await tabToElement(page, page.locator("button[data-opens]", { hasText: label }).first());
    await keyboard.press("Enter");
    await tabToElement(page, page.getByRole("dialog").getByRole("button", { name: label, exact: true }));
    await keyboard.press("Enter");
    await page.getByText(done).waitFor();
  }
  expect(await bob.client.get("/v1/wallet")).toMatchObject({ balance: 3_500 });
  await follow("button", "Log out");
  await heading("Log in to your wallet");
});

/** What a script of the user's page gets from the API. */
function call({ page }: User, path: string, body: object): Promise<number> {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  return page.evaluate<number>(
    `fetch(${JSON.stringify(path)}, ${JSON.stringify(init)}).then((r) => r.status)`,
  );
}

function evil({ email }: User, what: string): string {
  return `<script>alert("${what} of ${email}")</script>`;
}

test("every text that a user can store is shown as text to both sides", async () => {
  const ann = await world.signUp(PHONE, 10_000, EVIL);
  const bob = await world.signUp(PHONE, 10_000, EVIL);
  for (const [from, to] of [
    [ann, bob],
    [bob, ann],
  ] as const)
    for (const [path, body] of [
      ["transfers", { to_wallet_id: to.wallet, amount: 1, memo: evil(from, "transfer") }],
      ["payment-requests", { payer_wallet_id: to.wallet, amount: 1, memo: evil(from, "request") }],
      ["holds", { to_wallet_id: to.wallet, amount: 1, memo: evil(from, "hold") }],
      ["withdrawals", { amount: 1, details: evil(from, "withdrawal") }],
    ] as const)
      expect([path, await call(from, `/v1/wallet/${path}`, body)]).toEqual([path, 201]);
  for (const [own, other] of [
    [ann, bob],
    [bob, ann],
  ] as const)
    for (const [path, texts] of [
      ["", [evil(own, "transfer"), evil(other, "transfer"), evil(other, "request")]],
      ["/requests", [evil(own, "request"), evil(other, "request")]],
      ["/withdrawals", [evil(own, "withdrawal")]],
      ["/holds", [evil(own, "hold"), evil(other, "hold")]],
      ["/statement", [evil(own, "transfer"), evil(other, "transfer")]],
    ] as const) {
      await own.page.goto(`/wallet${path}`);
      const shown = await own.page.locator("main").innerText();
      for (const text of texts) expect.soft([path, shown]).toEqual([path, expect.stringContaining(text)]);
      expect(await own.page.locator(".who").textContent()).toBe(EVIL);
      expect([path, await own.page.locator("body script, body img").count()]).toEqual([path, 0]);
    }
  await ann.page.goto(`/login?next=${encodeURIComponent(`/wallet?${EVIL}`)}`);
  expect(await ann.page.locator("main script").count()).toBe(0);
});

/** How often each shard was restarted; "" while one is away. */
async function restarts(): Promise<string> {
  const shards = await shardsOf(world.operator);
  return shards.every(({ status }) => status === "ready") ? shards.map((each) => each.restarts).join() : "";
}

test("the pages go on while a shard restarts, and the session stays", async () => {
  const { page } = await world.signUp(PHONE, 10_000);
  const paths = ["/wallet", "/wallet/requests", "/wallet/withdrawals", "/wallet/holds"];
  const statuses = new Set<number>();
  for (const [shard, after] of ["1,0", "1,1"].entries()) {
    await world.operator.ask("POST", `/v1/admin/shards/${shard}/restart`);
    do {
      const answers = await Promise.all(paths.map((path) => page.request.get(path, { maxRedirects: 0 })));
      for (const answer of answers) statuses.add(answer.status());
    } while ((await restarts()) !== after);
  }
  // A shard that is down is said on the page. Nobody is sent to the login meanwhile.
  expect([...statuses].filter((status) => status !== 200 && status !== 503)).toEqual([]);
  for (const path of paths) {
    await expect.poll(async () => (await page.goto(path))?.status()).toBe(200);
    expect(new URL(page.url()).pathname).toBe(path);
  }
  expect(await page.goto("/wallet").then(() => page.locator(".balance").innerText())).toBe("100.00 USD");
});
