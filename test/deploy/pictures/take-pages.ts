/**
 * `npm run page-pictures`: the pictures of the pages in docs/images. Starts a server under a mixed load, opens its
 * pages in Chromium and takes them. Needs the Debian package chromium.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { start, stop, waitForLine } from "../../bench/child-processes.ts";
import { makeDataFolder } from "../../bench/disk.ts";
import { launchChromium } from "../../support/chromium.ts";
import { Client } from "../../support/client.ts";
import { MixedLoad } from "./mixed-load.ts";

const ROOT = join(import.meta.dirname, "../../..");
const IMAGES = join(ROOT, "docs/images");
const OPERATOR_KEY = "operator-key-for-pictures-0123456789";
/** How long the overview is watched, so that its chart has something to show. */
const WATCHED_MS = 45_000;
const SIZE = { width: 1280, height: 860 } as const;
const NAMES = ["Ann Lee", "Bob Ray", "Carla Diaz", "Deniz Ay", "Emil Berg"];
const VOUCHER_MS = 90 * 24 * 60 * 60 * 1000;
const PHONE = { width: 390, height: 844 } as const;

await takePictures();
process.exit(0);

async function takePictures(): Promise<void> {
  const folder = makeDataFolder();
  mkdirSync(IMAGES, { recursive: true });
  const env = {
    PATH: process.env["PATH"],
    PORT: "0",
    OPERATOR_KEY,
    DATA_DIR: join(folder, "data"),
    SHARDS: "2",
    LOG_LEVEL: "warn",
    WEBHOOKS_ALLOW_PRIVATE: "true",
  };
  const server = start(process.execPath, [join(ROOT, "src/main.ts")], { env });
  const [, url = ""] = await waitForLine(server, /serves on (http:\S+?),/);
  const load = await MixedLoad.start(url, OPERATOR_KEY);
  const browser = await launchChromium();
  const light = await openArea(browser, url, "console", OPERATOR_KEY, "light");
  await delay(WATCHED_MS);
  await take(light, "console-overview");
  const dark = await openArea(browser, url, "console", OPERATOR_KEY, "dark");
  await delay(3_000);
  await take(dark, "console-overview-dark");
  await light.goto("/console/accounts/riverside/customer7");
  await take(light, "console-account");
  await light.goto("/console/transfers?partner=riverside&account=customer7");
  await light.locator("tbody th a").first().click();
  await light.waitForLoadState();
  await take(light, "console-transfer");
  await light.goto("/console/partners/riverside");
  await take(light, "console-partner");
  await takeApp(browser, url);
  await takeWallet(browser, url);
  await browser.close();
  await load.stop();
  await stop(server);
}

/** A business with members and customers who have names, vouchers, and a seller who asks for credit. */
async function takeApp(browser: Browser, url: string): Promise<void> {
  const operator = new Client(url, OPERATOR_KEY);
  const made = { id: "harbour", name: "Harbour Bakery" };
  const { api_key: key } = await operator.ask<{ api_key: string }>("POST", "/v1/partners", made);
  operator.close();
  const client = new Client(url, key);
  for (const [i, name] of NAMES.entries()) {
    await client.ask("POST", "/v1/loyalty/members", { id: `m${i}`, name });
    const accrual = { points: 120 * (i + 1), description: "Breakfast" };
    await client.ask("POST", `/v1/loyalty/members/m${i}/accruals`, accrual);
  }
  await issueVouchers(client);
  const shop = { id: "kiosk", name: "Kiosk at the pier" };
  const { api_key } = await client.ask<{ api_key: string }>("POST", "/v1/sellers", shop);
  const kiosk = new Client(url, api_key);
  await kiosk.ask("POST", "/v1/credit-requests", { amount: 250_000, note: "For the weekend" });
  kiosk.close();
  client.close();
  const page = await openArea(browser, url, "app", key, "light");
  await take(page, "app-overview");
  await page.goto("/app/members");
  await take(page, "app-members");
  await page.goto("/app/vouchers");
  await take(page, "app-vouchers");
}

async function issueVouchers(client: Client): Promise<void> {
  const offers = ["Free coffee", "Spring sale"];
  await client.ask("PUT", `/v1/offers/${encodeURIComponent("Free coffee")}`, { amount: 350, asset: "USD/2" });
  await client.ask("PUT", `/v1/offers/${encodeURIComponent("Spring sale")}`, { discount: 15 });
  const codes: string[] = [];
  for (const [i, name] of [...NAMES, ...NAMES].entries()) {
    const email = emailOf(name);
    if (i < NAMES.length) await client.ask("POST", "/v1/customers", { email, name });
    const expires_at = new Date(Date.now() + VOUCHER_MS).toISOString();
    const voucher = { email, offer_name: offers[i % 2], expires_at, uses_max: 1 + (i % 3) };
    codes.push((await client.ask<{ code: string }>("POST", "/v1/vouchers", voucher)).code);
  }
  for (const i of [0, 3, 4])
    await client.ask("POST", `/v1/vouchers/${codes[i]}/redeem`, { email: emailOf(NAMES[i] ?? "") });
  await client.ask("POST", `/v1/vouchers/${codes[7]}/cancel`);
}

function emailOf(name: string): string {
  return `${name.split(" ")[0]?.toLowerCase()}@example.com`;
}

/** A wallet on a phone, with a deposit, a payment and a request to pay. */
async function takeWallet(browser: Browser, url: string): Promise<void> {
  const operator = new Client(url, OPERATOR_KEY);
  const bankKey = { role: "bank", name: "Northbank" };
  const { api_key } = await operator.ask<{ api_key: string }>("POST", "/v1/partners/house/keys", bankKey);
  operator.close();
  const ann = await signUp(browser, url, "Ann Lee", "ann@example.com");
  const bob = await signUp(browser, url, "Bob Ray", "bob@example.com");
  const wallet = await ann.locator(".facts .mono").innerText();
  const bank = new Client(url, api_key);
  await bank.ask("POST", "/v1/deposits", { wallet_id: wallet, amount: 250_000, details: "Salary" });
  bank.close();
  await ann.goto("/wallet/send");
  await fill(ann, { To: "bob@example.com", Amount: "25.50", "What for": "Lunch" }, "Continue");
  await ann.getByRole("button", { name: "Send", exact: true }).click();
  await bob.goto("/wallet/requests");
  await fill(bob, { From: "ann@example.com", Amount: "12.50", "What for": "Half of the taxi" }, "Ask");
  await ann.goto("/wallet");
  await take(ann, "wallet");
}

async function signUp(browser: Browser, url: string, name: string, email: string): Promise<Page> {
  const context = await browser.newContext({ baseURL: url, viewport: PHONE, locale: "en-GB" });
  const page = await context.newPage();
  await page.goto("/signup");
  await fill(page, { Name: name, "E-mail": email, Password: "correct horse battery" }, "Open wallet");
  return page;
}

async function fill(page: Page, fields: Readonly<Record<string, string>>, button: string): Promise<void> {
  for (const [label, text] of Object.entries(fields)) await page.getByLabel(label).fill(text);
  await page.getByRole("button", { name: button, exact: true }).click();
  await page.waitForLoadState();
}

async function openArea(
  browser: Browser,
  url: string,
  area: "console" | "app",
  key: string,
  colorScheme: "light" | "dark",
): Promise<Page> {
  const context = await browser.newContext({ baseURL: url, colorScheme, viewport: SIZE, locale: "en-GB" });
  const page = await context.newPage();
  await page.goto(`/${area}/login`);
  await page.getByLabel("API key").fill(key);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/${area}`);
  return page;
}

async function take(page: Page, name: string): Promise<void> {
  const path = join(IMAGES, `${name}.png`);
  await page.screenshot({ path });
  process.stderr.write(`${path}\n`);
}
