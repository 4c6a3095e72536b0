/** The pages of a partner in a browser, on a real server. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  accessibilityFaults,
  beginSession,
  type Cookies,
  openPage,
  overflow,
  type View,
} from "../../support/browser.ts";
import { launchChromium } from "../../support/chromium.ts";
import { makeScratchFolder } from "../../support/scratch-folder.ts";
import { Client, OPERATOR_KEY, ServerProcess } from "../../support/server.ts";
import { until } from "../../support/until.ts";

const EVIL = `<script>alert("x")</script>`;
const EVIL_EMAIL = `${EVIL}@example.com`;
const STATISTICS = fileURLToPath(new URL("../../../src/statistics/main.ts", import.meta.url));

let server: ServerProcess;
let browser: Browser;
let receiver: Server;
let key: string;
let cookies: Cookies;
let seller: Client;
let webhook: string;
let voucher: string;
let batch: string;
/** Bodies that the receiver of webhooks has got. */
const received: string[] = [];
/** The status that it answers with. */
let answers = 500;
let dir: string;

beforeAll(async () => {
  dir = makeScratchFolder("daybook-test");
  server = ServerProcess.launch({
    DATA_DIR: dir,
    SHARDS: "2",
    GATEWAYS: "2",
    WEBHOOKS_ALLOW_PRIVATE: "true",
  });
  await server.serving();
  receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      received.push(body);
      response.writeHead(answers).end(EVIL);
    });
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  browser = await launchChromium();
  await fill();
  return async () => {
    await browser.close();
    seller.close();
    receiver.closeAllConnections();
    receiver.close();
    await server.kill();
    rmSync(dir, { recursive: true, force: true });
  };
});

async function fill(): Promise<void> {
  const operator = new Client(server.url, OPERATOR_KEY);
  const made = { id: "riverside", name: EVIL };
  await operator.ask("POST", "/v1/partners", made);
  const named = { name: EVIL, role: "partner" };
  ({ api_key: key } = await operator.ask<{ api_key: string }>("POST", "/v1/partners/riverside/keys", named));
  operator.close();
  const client = new Client(server.url, key);
  await fillWebhook(client);
  for (const [id, name] of [
    ["m1", "Ann Lee"],
    ["m2", EVIL],
  ])
    await client.ask("POST", "/v1/loyalty/members", { id, name });
  for (const id of ["m1", "m2"])
    await client.ask("POST", `/v1/loyalty/members/${id}/accruals`, { points: 120, description: EVIL });
  await client.ask("POST", "/v1/segments", { slug: "REGULARS" });
  await fillVouchers(client);
  const shop = { id: "kiosk", name: EVIL };
  const { api_key } = await client.ask<{ api_key: string }>("POST", "/v1/sellers", shop);
  seller = new Client(server.url, api_key);
  const { id } = await ask(1_000);
  await client.ask("POST", `/v1/credit-requests/${id}/reject`, { reason: EVIL });
  await ask(1_000);
  client.close();
  cookies = await beginSession(browser, server.url, key, "/app");
}

async function fillWebhook(client: Client): Promise<void> {
  const { port } = receiver.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/events?${EVIL}`;
  const hook = { url, types: ["account.created"], description: EVIL };
  ({ id: webhook } = await client.ask<{ id: string }>("POST", "/v1/webhooks", hook));
}

async function fillVouchers(client: Client): Promise<void> {
  await client.ask("PUT", `/v1/offers/${encodeURIComponent(EVIL)}`, { discount: 15 });
  await client.ask("POST", "/v1/customers", { email: EVIL_EMAIL, name: EVIL });
  const terms = { offer_name: EVIL, expires_at: "2090-01-01T00:00:00Z" };
  ({ code: voucher } = await client.ask<{ code: string }>("POST", "/v1/vouchers", {
    ...terms,
    email: EVIL_EMAIL,
  }));
  ({ id: batch } = await client.ask<{ id: string }>("POST", "/v1/voucher-batches", {
    ...terms,
    emails: "all",
  }));
  const state = () => client.ask<{ status: string }>("GET", `/v1/voucher-batches/${batch}`);
  await until("the batch is issued", async () => (await state()).status === "completed");
}

function ask(amount: number): Promise<{ id: string }> {
  return seller.ask("POST", "/v1/credit-requests", { amount, note: EVIL });
}

async function open(path: string, view: View = {}, mayInject = false): Promise<Page> {
  const page = await openPage(browser, server.url, { ...view, cookies }, mayInject);
  await page.goto(path);
  return page;
}

async function press(page: Page, label: string): Promise<void> {
  await page.locator("button[data-opens]", { hasText: label }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: label, exact: true }).click();
}

/** Each page, and how many texts of users it shows at least. */
function pages(): readonly (readonly [path: string, evil: number])[] {
  return [
    ["", 1],
    ["/members", 1],
    ["/members/m2", 2],
    ["/customers", 2],
    [`/customers/${encodeURIComponent(EVIL_EMAIL)}`, 4],
    ["/vouchers", 4],
    [`/vouchers?find=${encodeURIComponent(EVIL)}`, 0],
    [`/vouchers/${voucher}`, 2],
    ["/voucher-batches", 0],
    [`/voucher-batches?id=${batch}`, 2],
    ["/offers", 1],
    ["/segments", 0],
    ["/sellers", 3],
    ["/webhooks", 1],
    [`/webhooks/${webhook}`, 2],
    ["/statistics", 0],
  ];
}

/** What pages show once something was pressed, and how many texts of users that has at least. */
const PRESSED: readonly (readonly [path: string, press: (page: Page) => Promise<void>, evil: number])[] = [
  ["/sellers", sendNewSeller, 2],
  ["/voucher-batches", sendBatch, 1],
  [`/customers/${encodeURIComponent(EVIL_EMAIL)}`, openDialog, 5],
];

async function sendNewSeller(page: Page): Promise<void> {
  await page.locator("#name").fill(EVIL);
  await page.getByRole("button", { name: "Create seller" }).click();
  await page.locator(".secret").waitFor();
}

async function sendBatch(page: Page): Promise<void> {
  await page.locator("#expires_at").fill("2090-01-01");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Issue these vouchers?" }).waitFor();
}

async function openDialog(page: Page): Promise<void> {
  await page.locator("[data-opens]").first().click();
  await page.getByRole("dialog").waitFor();
}

async function checkShown(page: Page, path: string, evil: number): Promise<void> {
  expect([path, await accessibilityFaults(page)]).toEqual([path, []]);
  expect([path, await overflow(page)]).toEqual([path, 0]);
  const shown = (await page.locator("main").innerText()).split(EVIL).length - 1;
  expect([path, shown >= evil, shown]).toEqual([path, true, shown]);
  // The page's own scripts are in its head.
  expect([path, await page.locator("body script").count()]).toEqual([path, 0]);
}

describe.each(["light", "dark"] as const)("in %s colours", (scheme) => {
  test.each([390, 1280])(
    "at %i px each page fits, axe finds nothing, and texts of users are text",
    async (width) => {
      await until("an event was tried", async () => received.length > 0);
      const page = await open("/app", { scheme, width }, true);
      for (const [path, evil] of pages()) {
        await page.goto(`/app${path}`);
        await checkShown(page, path, evil);
      }
      for (const [path, pressed, evil] of PRESSED) {
        await page.goto(`/app${path}`);
        await pressed(page);
        await checkShown(page, path, evil);
      }
      await page.setViewportSize({ width: 1280, height: 800 });
      expect(await page.locator(".who").innerText()).toBe(`riverside, ${EVIL}`);
    },
  );
});

test("the figures of the overview fill their row", async () => {
  const page = await open("/app");
  const rest =
    "(() => { const row = document.querySelector('.figures'); return row.getBoundingClientRect().right - row.lastElementChild.getBoundingClientRect().right; })()";
  for (const width of [1280, 900, 390]) {
    await page.setViewportSize({ width, height: 800 });
    expect([width, await page.evaluate<number>(rest)]).toEqual([width, expect.closeTo(1, 0)]);
  }
});

test("a member is found by name, and gets points once, however often the form is sent", async () => {
  const page = await open("/app/members");
  await page.getByLabel("Name begins with").fill("ann");
  await page.getByRole("button", { name: "Show" }).click();
  expect(await page.locator("tbody tr").count()).toBe(1);
  await page.getByRole("link", { name: "m1" }).click();
  await page.getByRole("heading", { name: "Ann Lee" }).waitFor();
  const before = await page.locator(".balance").innerText();
  expect(before).toBe("120 points");
  await page.getByLabel("Points").fill("30");
  await page.getByLabel("What for").fill("Sorry");
  const again =
    "fetch(location.pathname, { method: 'POST', body: new URLSearchParams(new FormData(document.querySelector('main form'))) }).then(r => r.url)";
  for (let i = 0; i < 3; i++) expect(await page.evaluate(again)).toMatch(/done=moved$/);
  await page.goto("/app/members/m1");
  expect(await page.locator(".balance").innerText()).toBe("150 points");
  await page.getByLabel("Direction").selectOption("Debit");
  await page.getByLabel("Points").fill("151");
  await page.getByLabel("What for").fill("Too much");
  await page.getByRole("button", { name: "Book" }).click();
  await page.getByRole("alert").waitFor();
  expect(await page.getByLabel("Points").inputValue()).toBe("151");
  expect(await page.locator(".balance").innerText()).toBe("150 points");
});

test("credit requests are approved and rejected after a question", async () => {
  await ask(7_000);
  await ask(500);
  const page = await open("/app/sellers");
  const waiting = page.locator("button[data-opens]", { hasText: "Approve" });
  const row = (amount: string) =>
    page.getByRole("row").filter({ has: page.getByRole("cell", { name: amount, exact: true }) });
  await row("500").locator("button[data-opens]", { hasText: "Reject" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Reject" }).click();
  await page.getByText("The credit request is rejected.").waitFor();
  const before = await waiting.count();
  await row("7,000").locator("button[data-opens]", { hasText: "Approve" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await page.getByText("The credit request is approved.").waitFor();
  expect(await waiting.count()).toBe(before - 1);
  expect(await seller.ask("GET", "/v1/sellers/kiosk")).toMatchObject({ credit: 7_000 });
});

test("an offer is made, and a percentage that is none is said at its field", async () => {
  const page = await open("/app/offers");
  const store = async (name: string, percent: string) => {
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Discount").fill(percent);
    await page.getByRole("button", { name: "Store" }).click();
  };
  await store("autumn", "much");
  await page.getByText("must be a percentage such as 15 or 12.5").waitFor();
  expect(await page.getByLabel("Name").inputValue()).toBe("autumn");
  await store("autumn", "12,5");
  await page.getByText("The offer is stored.").waitFor();
  expect(await page.getByRole("row", { name: /autumn/ }).innerText()).toContain("12.5 %");
  await page.getByLabel("Or an amount").fill("3,50");
  await page.getByLabel("Pricing").selectOption("snapshot");
  await store("coffee", "");
  await page.getByText("is required with an amount").waitFor();
  await page.getByLabel("Asset").fill("USD/2");
  await page.getByRole("button", { name: "Store" }).click();
  await page.getByText("The offer is stored.").waitFor();
  const row = await page.getByRole("row", { name: /coffee/ }).innerText();
  for (const part of ["3.50 USD", "snapshot"]) expect(row).toContain(part);
});

test("an event whose delivery has failed is sent again", async () => {
  await until("an event was tried", async () => received.length > 0);
  const page = await open(`/app/webhooks/${webhook}`);
  answers = 204;
  const before = received.length;
  await press(page, "Send again");
  await page.getByText("The event is sent again.").waitFor();
  await until("it has come again", async () => received.length > before);
});

test("statistics are a chart and a file once the service runs", async () => {
  const page = await open("/app/statistics");
  await page.getByText("has not started the statistics service").waitFor();
  const service = spawn(process.execPath, [STATISTICS], {
    env: { ...process.env, DATA_DIR: dir },
    stdio: "ignore",
  });
  try {
    const ready = async () => {
      await page.reload();
      return (await page.getByText("has not started the statistics service").count()) === 0;
    };
    await until("the service has stored something", ready, 60_000);
    const link = page.getByRole("link", { name: "Download CSV" });
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    expect(download.suggestedFilename()).toBe("loyalty.csv");
    await page.getByLabel("Show").selectOption("Vouchers");
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByRole("heading", { name: "Vouchers" }).waitFor();
  } finally {
    service.kill();
    await once(service, "exit");
  }
});
