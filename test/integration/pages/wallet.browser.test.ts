/** The pages of wallet users in a browser, on a real server. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { accessibilityFaults, overflow } from "../../support/browser.ts";
import { EVIL, fillAndSend, PASSWORD, PHONE, type User, WalletWorld } from "./wallet-world.ts";

const world = WalletWorld.shared();

async function balanceOf({ page }: User): Promise<string> {
  await page.goto("/wallet");
  return page.locator(".balance").innerText();
}

/** Answers yes to the question of a button. */
async function press(page: Page, label: string): Promise<void> {
  await page.locator("button[data-opens]", { hasText: label }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: label, exact: true }).click();
}

describe.each(["light", "dark"] as const)("in %s colours", (scheme) => {
  test.each([390, 1280])("at %i px each page fits, and axe finds nothing", async (width) => {
    const ann = await world.signUp({ scheme, width }, 10_000, "Ann Lee", true);
    const bob = await world.signUp({ scheme, width });
    await bob.page.goto("/wallet/requests");
    await fillAndSend(bob.page, { From: ann.email, Amount: "5", "What for": "Cinema" }, "Ask");
    await ann.page.goto("/wallet/withdrawals");
    await fillAndSend(ann.page, { Amount: "1", "Where to": "DE02 1203 0000 0000 2020 51" }, "Withdraw");
    const paths = ["", "/send", "/requests", "/withdrawals", "/holds", "/statement", "/password"].map(
      (path) => `/wallet${path}`,
    );
    for (const path of [...paths, "/signup", "/reset-password"]) {
      await ann.page.goto(path);
      expect([path, await accessibilityFaults(ann.page)]).toEqual([path, []]);
      expect([path, await overflow(ann.page)]).toEqual([path, 0]);
    }
    await ann.page.getByRole("heading", { level: 1 }).waitFor();
    await ann.page.goto("/wallet");
    await ann.page.getByRole("button", { name: "Log out" }).click();
    await ann.page.getByRole("heading", { name: "Log in to your wallet" }).waitFor();
    expect(await accessibilityFaults(ann.page)).toEqual([]);
  });
});

test("money is sent after a question, and arrives with its memo as text", async () => {
  const ann = await world.signUp(PHONE, 250_000);
  const bob = await world.signUp(PHONE, 0, EVIL);
  expect(await balanceOf(ann)).toBe("2,500.00 USD");
  await ann.page.getByRole("link", { name: "Send" }).last().click();
  await fillAndSend(ann.page, { To: bob.email, "Amount in USD": "25,5", "What for": EVIL }, "Continue");
  expect(await ann.page.locator(".balance").innerText()).toBe("25.50 USD");
  expect(await ann.page.locator("main").innerText()).toContain(EVIL);
  await ann.page.getByRole("button", { name: "Send", exact: true }).click();
  await ann.page.getByText("The money is sent.").waitFor();
  expect(await balanceOf(ann)).toBe("2,474.50 USD");
  expect(await balanceOf(bob)).toBe("25.50 USD");
  expect(await bob.page.locator(".rows").innerText()).toContain(EVIL);
});

test("a form that is sent again by the browser moves money once", async () => {
  const ann = await world.signUp(PHONE, 10_000);
  const bob = await world.signUp(PHONE);
  await ann.page.goto("/wallet/send");
  await fillAndSend(ann.page, { To: bob.wallet, Amount: "10" }, "Continue");
  await ann.page.getByRole("button", { name: "Send", exact: true }).waitFor();
  const sendAgain =
    "fetch('/wallet/send', { method: 'POST', body: new URLSearchParams(new FormData(document.querySelector('main form'))) }).then(r => r.url)";
  for (let i = 0; i < 3; i++) expect(await ann.page.evaluate(sendAgain)).toMatch(/done=sent$/);
  expect(await balanceOf(ann)).toBe("90.00 USD");
  expect(await balanceOf(bob)).toBe("10.00 USD");
});

test("what cannot be sent is said at its field, and what was typed stays", async () => {
  const { page } = await world.signUp(PHONE, 1_000);
  for (const [to, amount, said] of [
    ["nobody@example.com", "1", "no such wallet"],
    ["not an address", "1", "must be a wallet's id"],
    ["bob@example.com", "1e9", "must be an amount such as 12.50"],
    ["bob@example.com", "1.005", "has more than 2 decimals"],
    ["bob@example.com", "0", "must be an amount such as 12.50"],
  ] as const) {
    await page.goto("/wallet/send");
    await fillAndSend(page, { To: to, Amount: amount }, "Continue");
    const send = page.getByRole("button", { name: "Send", exact: true });
    await send.or(page.locator("[aria-invalid=true]")).first().waitFor();
    if (await send.isVisible()) await send.click();
    await expect.poll(() => page.locator("main").innerText()).toMatch(new RegExp(said, "i"));
    expect(await page.getByLabel("Amount").inputValue()).toBe(amount);
  }
});

test("a request for money is paid, declined or cancelled, each once", async () => {
  const ann = await world.signUp(PHONE, 10_000);
  const bob = await world.signUp(PHONE);
  for (const memo of ["Taxi", "Cinema", "Mistake"]) {
    await bob.page.goto("/wallet/requests");
    await fillAndSend(bob.page, { From: ann.email, "Amount in USD": "12.50", "What for": memo }, "Ask");
    await bob.page.getByText("The request is sent.").waitFor();
  }
  await press(bob.page, "Cancel request");
  await bob.page.getByText("The request is cancelled.").waitFor();
  await ann.page.goto("/wallet");
  await press(ann.page, "Decline");
  await ann.page.getByText("The request is declined.").waitFor();
  await press(ann.page, "Pay");
  await ann.page.getByText("The request is paid.").waitFor();
  expect(await ann.page.locator("button[data-opens]").count()).toBe(0);
  expect(await balanceOf(ann)).toBe("87.50 USD");
  expect(await balanceOf(bob)).toBe("12.50 USD");
});

test("a withdrawal is held, and its holds and statement show it; the file has all movements", async () => {
  const ann = await world.signUp(PHONE, 10_000);
  await ann.page.goto("/wallet/withdrawals");
  await fillAndSend(ann.page, { "Amount in USD": "40", "Where to": "DE02 1203" }, "Withdraw");
  await ann.page.getByText("held until the bank").waitFor();
  expect(await ann.page.locator(".rows").innerText()).toContain("DE02 1203");
  expect(await balanceOf(ann)).toBe("60.00 USD");
  await ann.page.goto("/wallet/statement?from=2020-01-01&to=2099-12-31");
  expect(await ann.page.locator(".facts").innerText()).toMatch(/0\.00 USD[^]*100\.00 USD/);
  const [download] = await Promise.all([
    ann.page.waitForEvent("download"),
    ann.page.getByRole("link", { name: "Download CSV" }).click(),
  ]);
  expect(download.suggestedFilename()).toBe("statement.csv");
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toMatch(
    /^seq,transfer_id,[^]*deposit,10000,10000,@bank:Northbank,Salary/,
  );
  await ann.page.goto("/wallet/statement?from=2026-12-02&to=2026-12-01");
  await ann.page.getByText("must not be before from").waitFor();
});

test("a hold of the user's own money is released", async () => {
  const ann = await world.signUp(PHONE, 10_000);
  const held = await ann.page.evaluate(
    "fetch('/v1/wallet/holds', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ amount: 2500, memo: 'taxi' }) }).then(r => r.status)",
  );
  expect(held).toBe(201);
  expect(await balanceOf(ann)).toBe("75.00 USD");
  await ann.page.getByRole("link", { name: "held" }).click();
  await press(ann.page, "Release");
  await ann.page.getByText("The hold is released.").waitFor();
  expect(await balanceOf(ann)).toBe("100.00 USD");
});

test("/ leads to the wallet while its user is logged in, and a page leads back after the login", async () => {
  const { page, email } = await world.signUp(PHONE);
  await page.goto("/");
  expect(new URL(page.url()).pathname).toBe("/wallet");
  await page.getByRole("button", { name: "Log out" }).click();
  await page.goto("/");
  expect(new URL(page.url()).pathname).toBe("/");
  await page.goto("/wallet/statement?from=2026-11-01");
  await fillAndSend(page, { "E-mail": email, Password: "wrong password" }, "Log in");
  await page.getByRole("alert").waitFor();
  await fillAndSend(page, { "E-mail": email, Password: PASSWORD }, "Log in");
  await page.getByRole("heading", { name: "Statement" }).waitFor();
  expect(new URL(page.url()).search).toBe("?from=2026-11-01");
});
