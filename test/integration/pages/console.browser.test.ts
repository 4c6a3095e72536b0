/** The operator's console in a browser, on a real server. */
import { rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { accessibilityFaults, logIn, openPage, overflow, tabToElement } from "../../support/browser.ts";
import { launchChromium } from "../../support/chromium.ts";
import { makeScratchFolder } from "../../support/scratch-folder.ts";
import { Client, OPERATOR_KEY, ServerProcess } from "../../support/server.ts";

let server: ServerProcess;
let browser: Browser;
/** A posted transfer that crossed shards or not, and was reverted. */
let reverted: string;
/** The one before it. */
let opening: string;
let position: string;
const STALLS = Array.from({ length: 4 }, (_, i) => `stall-${i}`);
const FEES = Array.from({ length: 12 }, (_, i) => `@fees:${10 + i}`);
/** Takes what is sent to `/taken`, and is down for everything else. */
const receiver: Server = createServer((request, response) => {
  response.writeHead(request.url === "/taken" ? 204 : 503);
  response.end(request.url === "/taken" ? undefined : "<b>down</b> for maintenance");
});

beforeAll(async () => {
  const dir = makeScratchFolder("daybook-test");
  server = ServerProcess.launch({
    DATA_DIR: dir,
    SHARDS: "2",
    GATEWAYS: "2",
    WEBHOOKS_ALLOW_PRIVATE: "true",
  });
  await server.serving();
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  browser = await launchChromium();
  await fill();
  return async () => {
    await browser.close();
    await server.kill();
    receiver.close();
    receiver.closeAllConnections();
    rmSync(dir, { recursive: true, force: true });
  };
});

async function fill(): Promise<void> {
  const operator = new Client(server.url, OPERATOR_KEY);
  await fillMarket(operator);
  const { api_key: key } = await operator.ask<{ api_key: string }>("POST", "/v1/partners", {
    id: "riverside",
    name: "Riverside Coffee",
  });
  const client = new Client(server.url, key);
  for (const id of ["alice/wallet", "bob/wallet"])
    await client.ask("POST", "/v1/accounts", { id, asset: "USD/2" });
  const { port } = receiver.address() as AddressInfo;
  for (const path of ["taken", "down"])
    await client.ask("POST", "/v1/webhooks", {
      url: `http://127.0.0.1:${port}/${path}`,
      types: ["transfer.posted"],
    });
  const move = (debit: string, credit: string, amount: number, more = {}) =>
    client.send("POST", "/v1/transfers", { debit_account: debit, credit_account: credit, amount, ...more });
  const first = await move("@issuance", "alice/wallet", 125_000, { memo: "opening balance" });
  opening = (JSON.parse(first.text) as { id: string }).id;
  const answer = await client.send(
    "POST",
    "/v1/transfers",
    { debit_account: "alice/wallet", credit_account: "bob/wallet", amount: 2_550, memo: "order 1017" },
    { "Idempotency-Key": "order-1017" },
  );
  reverted = (JSON.parse(answer.text) as { id: string }).id;
  position = String(answer.headers["daybook-position"]).split(",")[0] ?? "";
  await client.ask("POST", `/v1/transfers/${reverted}/revert`);
  await move("alice/wallet", "bob/wallet", 100, { pending: true });
  await client.ask("POST", "/v1/sellers", { id: "kiosk", name: "Kiosk" });
  operator.close();
  client.close();
}

/** A partner with many system accounts, on both shards. */
async function fillMarket(operator: Client): Promise<void> {
  const { api_key: key } = await operator.ask<{ api_key: string }>("POST", "/v1/partners", {
    id: "market",
    name: "Market",
  });
  const client = new Client(server.url, key);
  for (const id of STALLS) await client.ask("POST", "/v1/accounts", { id, asset: "USD/2" });
  const transfers = FEES.map((credit_account, i) => {
    return { debit_account: STALLS[i % STALLS.length], credit_account, amount: 1 };
  });
  const issued = STALLS.map((credit_account) => ({
    debit_account: "@issuance",
    credit_account,
    amount: 100,
  }));
  await client.ask("POST", "/v1/transfers/batch", { transfers: [...issued, ...transfers] });
  client.close();
}

function paths(): readonly string[] {
  return [
    "/console",
    "/console/search?q=alice/wallet",
    "/console/accounts",
    "/console/accounts/riverside/alice%2Fwallet",
    "/console/accounts/riverside/%40issuance",
    "/console/system-accounts",
    "/console/transfers",
    `/console/transfers/riverside/${reverted}`,
    "/console/partners",
    "/console/partners/riverside",
    "/console/shards",
    "/console/balance",
    "/console/log",
    `/console/log/${position}`,
    "/console/partners/nobody",
  ];
}

describe.each([
  { scheme: "light", width: 1280 },
  { scheme: "dark", width: 1280 },
  { scheme: "light", width: 390 },
  { scheme: "dark", width: 390 },
] as const)("in $scheme at $width px", (view) => {
  test("axe finds nothing on any page, and no page is wider than its window", async () => {
    const page = await openPage(browser, server.url, view, true);
    await page.goto("/console/login");
    expect(await accessibilityFaults(page)).toEqual([]);
    await logIn(page, OPERATOR_KEY);
    for (const path of paths()) {
      await page.goto(path);
      if (path === "/console") await page.getByRole("rowheader", { name: /^tr_/ }).first().waitFor();
      expect(await accessibilityFaults(page), path).toEqual([]);
      expect(await overflow(page), path).toBeLessThanOrEqual(0);
    }
  });
});

test("the overview says that all is well, and its figures follow the server", async () => {
  const page = await openPage(browser, server.url);
  await logIn(page, OPERATOR_KEY);
  await page.getByText("2 of 2 shards serve.").waitFor();
  await page.locator("#chart canvas").waitFor();
  const at = () => page.locator("#live [data-at]").getAttribute("data-at");
  const before = await at();
  await expect.poll(at).not.toBe(before);
  await page.getByRole("rowheader", { name: reverted }).waitFor();
});

test("search finds an account, a transfer, a key and a position, and leads to them", async () => {
  const page = await openPage(browser, server.url);
  await logIn(page, OPERATOR_KEY, "/console/search");
  const search = async (text: string, owner = "") => {
    await page.getByLabel("Account, transfer, idempotency key or log position").fill(text);
    await page.getByLabel("Owner of the key").fill(owner);
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByRole("heading", { name: "Found one" }).waitFor();
    return page.locator("tbody td:nth-child(3) a");
  };
  for (const [text, owner, kind] of [
    ["alice/wallet", "", "Account"],
    [reverted, "", "Transfer"],
    ["order-1017", "alice", "Idempotency key"],
    [position, "", "Log position"],
  ] as const) {
    const link = await search(text, owner);
    expect(await page.getByRole("rowheader").innerText()).toBe(kind);
    await page.goto((await link.getAttribute("href")) ?? "");
    expect(await page.getByRole("heading", { level: 1 }).innerText()).not.toContain("There is");
    await page.goto("/console/search");
  }
});

test("an account shows its balance by its decimals, and a statement that leads to each transfer", async () => {
  const page = await openPage(browser, server.url);
  await logIn(page, OPERATOR_KEY, "/console/accounts/riverside/alice%2Fwallet");
  expect(await page.locator(".balance").innerText()).toBe("1,250.00 USD");
  expect(await page.getByText("they add up to the balance").count()).toBe(1);
  await page.getByRole("link", { name: reverted }).first().click();
  await page.getByRole("heading", { name: reverted, level: 1 }).waitFor();
});

test("a transfer shows its key, its records with their events, and the transfer that reverted it", async () => {
  const page = await openPage(browser, server.url);
  await logIn(page, OPERATOR_KEY, `/console/transfers/riverside/${reverted}`);
  const text = await page.locator("main").innerText();
  for (const part of ["25.50 USD", "order 1017", "order-1017", "reverted", "transfer.posted"])
    expect(text).toContain(part);
  await page.getByRole("link", { name: position }).click();
  await page.getByRole("heading", { name: position, level: 1 }).waitFor();
  expect(await page.locator("tbody").innerText()).toContain("alice/wallet → bob/wallet 2550");
});

test("the events of a transfer show what became of them at each webhook, and what a receiver said is text", async () => {
  const page = await openPage(browser, server.url);
  await logIn(page, OPERATOR_KEY, `/console/transfers/riverside/${reverted}`);
  const row = (path: string) =>
    page
      .getByRole("row", { name: new RegExp(`transfer\\.posted.*/${path}`, "s") })
      .first()
      .innerText();
  // The receiver is asked soon after the transfer, but maybe not before the page is shown.
  const refreshed = async (path: string) => (await page.reload()) && row(path);
  await expect.poll(() => refreshed("taken")).toMatch(/delivered\s+http\S+\s+1\s+204/);
  const [, id = ""] = /(ev_[\w-]{22})/.exec(await row("taken")) ?? [];
  const client = new Client(server.url, OPERATOR_KEY);
  const { api_key: key } = await client.ask<{ api_key: string }>("POST", "/v1/partners/riverside/keys", {
    role: "read",
    name: "events",
  });
  const reader = new Client(server.url, key);
  const events = await reader.all<{ id: string; subject: string }>("/v1/events?types=transfer.posted");
  expect(events.find((event) => event.id === id)).toMatchObject({ data: { id: reverted } });
  for (const each of [client, reader]) each.close();
  await page.goto(`/console/transfers/riverside/${opening}`);
  await expect.poll(() => refreshed("down")).toMatch(/failed\s+http\S+\s+\d+\s+503 <b>down<\/b> for/);
});

test("all system accounts of a partner are listed, page by page", async () => {
  const page = await openPage(browser, server.url);
  await logIn(page, OPERATOR_KEY, "/console/accounts?partner=market");
  await page.getByRole("link", { name: "All system accounts" }).click();
  await page.getByRole("heading", { name: "System accounts", level: 1 }).waitFor();
  const names = await page.getByRole("rowheader").allInnerTexts();
  expect(names).toEqual([...FEES, "@issuance"]);
  expect(await page.getByRole("row", { name: /@issuance/ }).innerText()).toContain("−4.00 USD");
  await page.goto("/console/system-accounts?partner=market&cursor=@fees:20");
  expect(await page.getByRole("rowheader").allInnerTexts()).toEqual(["@fees:21", "@issuance"]);
});

test("keys of all roles are created and revoked, and a refused one is shown with what is wrong", async () => {
  const page = await openPage(browser, server.url);
  await logIn(page, OPERATOR_KEY, "/console/partners/riverside");
  const create = async (name: string, role: string, seller = "") => {
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Role").selectOption(role);
    await page.getByLabel("Seller").fill(seller);
    await page.getByRole("button", { name: "Create key" }).click();
  };
  await create("window", "seller");
  await page.getByText("is required for role seller").waitFor();
  expect(await page.getByLabel("Name").inputValue()).toBe("window");
  expect(await page.getByLabel("Role").inputValue()).toBe("seller");
  await create("window", "seller", "nobody");
  await page.getByText("There is no seller nobody.").waitFor();
  for (const [role, seller] of [
    ["seller", "kiosk"],
    ["till", ""],
    ["bank", ""],
    ["redeemer", ""],
    ["partner", ""],
  ] as const) {
    await create(`desk-of-${role}`, role, seller);
    expect(await page.locator(".secret").innerText()).toMatch(new RegExp(`^dk_${role}_`));
    await page.getByRole("link", { name: "To the partner" }).click();
    const row = page.getByRole("row", { name: `desk-of-${role}` });
    expect(await row.innerText()).toContain(seller === "" ? role : `${role} ${seller}`);
    await row.locator("button[data-opens]").click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await page.getByText("The key was revoked.").waitFor();
    expect(await row.count()).toBe(0);
  }
});

/** The button that opens a dialog, and not the one in it. */
function opener(page: Page, label: string) {
  return page.locator("button[data-opens]", { hasText: label });
}

test("a partner is created, gets a key and loses it, by the keyboard alone", async () => {
  const page = await openPage(browser, server.url);
  await page.goto("/console/partners");
  await page.keyboard.press("Tab");
  expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
  await tabToElement(page, page.getByLabel("API key"));
  await page.keyboard.type(OPERATOR_KEY);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Partners", level: 1 }).waitFor();
  await tabToElement(page, page.getByLabel("Id", { exact: true }));
  await page.keyboard.type("northwind");
  await page.keyboard.press("Tab");
  await page.keyboard.type("Northwind <b>Market</b>");
  await page.keyboard.press("Enter");
  expect(await page.locator(".secret").innerText()).toMatch(/^dk_partner_/);
  await tabToElement(page, page.getByRole("link", { name: "To the partner" }));
  await page.keyboard.press("Enter");
  await page.getByText("Northwind <b>Market</b>").waitFor();
  await tabToElement(page, page.getByRole("button", { name: "Revoke" }).first());
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  expect(await opener(page, "Revoke").count()).toBe(1);
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Revoke" }).focus();
  await page.keyboard.press("Enter");
  await page.getByText("The key was revoked.").waitFor();
  await page.getByText("The partner has no key.").waitFor();
});

test("a partner is suspended after a question, and active again", async () => {
  const page = await openPage(browser, server.url);
  await logIn(page, OPERATOR_KEY, "/console/partners/riverside");
  await opener(page, "Suspend").click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  expect(await page.locator(".facts").innerText()).toContain("active");
  await opener(page, "Suspend").click();
  await page.getByRole("dialog").getByRole("button", { name: "Suspend" }).click();
  await page.getByText("The partner was changed.").waitFor();
  expect(await page.locator(".facts").innerText()).toContain("suspended");
  await opener(page, "Reactivate").click();
  await page.getByRole("dialog").getByRole("button", { name: "Reactivate" }).click();
  await expect.poll(() => page.locator(".facts").innerText()).toContain("active");
});

test("quotas are set, and an empty field restores the default", async () => {
  const page = await openPage(browser, server.url);
  await logIn(page, OPERATOR_KEY, "/console/partners/riverside");
  const set = async (text: string) => {
    await page.getByText("Change quotas").click();
    await page.getByLabel("Open transfers").fill(text);
    await page.getByRole("button", { name: "Set quotas" }).click();
    await page.getByText("The quotas were changed.").waitFor();
    return page.getByRole("row", { name: /Open transfers/ }).innerText();
  };
  expect(await set("1234")).toContain("1,234");
  expect(await set("")).toContain("500,000");
});

test("pages keep working while a shard restarts", async () => {
  const page = await openPage(browser, server.url);
  const overview = await page.context().newPage();
  await logIn(page, OPERATOR_KEY, "/console/shards");
  await overview.goto("/console");
  await opener(page, "Restart shard 0").click();
  await page.getByRole("dialog").getByRole("button", { name: "Restart shard 0" }).click();
  await page.getByText("The shard restarts.").waitFor();
  await expect
    .poll(() =>
      page
        .getByRole("row", { name: /^0 ready/ })
        .first()
        .innerText(),
    )
    .toMatch(/1$/);
  await overview.bringToFront();
  await overview.getByText("2 of 2 shards serve.").waitFor();
  for (const path of paths()) {
    const response = await page.goto(path);
    expect([path, (response?.status() ?? 500) < 500]).toEqual([path, true]);
  }
});

test("the colours follow the switch, and stay", async () => {
  const page = await openPage(browser, server.url, { scheme: "light" });
  await logIn(page, OPERATOR_KEY);
  const background = () => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
  const light = await background();
  await page.getByLabel("Colours").selectOption("Dark");
  const dark = await background();
  expect(dark).not.toBe(light);
  await page.reload();
  expect(await background()).toBe(dark);
});

test("the log out ends the session at every gateway", async () => {
  const page = await openPage(browser, server.url);
  await logIn(page, OPERATOR_KEY);
  const [cookie] = await page.context().cookies();
  const open = () =>
    // A connection of its own may reach either gateway.
    fetch(`${server.url}/console`, {
      redirect: "manual",
      headers: { Cookie: `daybook_page=${cookie?.value ?? ""}`, Connection: "close" },
    });
  for (let i = 0; i < 10; i++) expect((await open()).status).toBe(200);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  for (let i = 0; i < 10; i++) expect((await open()).status).toBe(303);
});
