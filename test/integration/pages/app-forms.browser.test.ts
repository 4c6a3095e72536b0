/** Forms of a partner in a browser, on a real server: by keyboard, with faults, without scripts, and while a shard is killed. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import {
  accessibilityFaults,
  beginSession,
  type Cookies,
  openPage,
  tabTo,
  tabToElement,
  type View,
} from "../../support/browser.ts";
import { launchChromium } from "../../support/chromium.ts";
import { makeScratchFolder } from "../../support/scratch-folder.ts";
import { Client, OPERATOR_KEY, ServerProcess, shardsOf } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { FAULTS } from "./form-faults.ts";

const OFFERS = ["Coffee", "Spring sale"];
const EXPIRY = "2090-12-31T00:00:00Z";

let dir: string;
let server: ServerProcess;
let browser: Browser;
let operator: Client;
let client: Client;
let cookies: Cookies;

beforeAll(async () => {
  dir = makeScratchFolder("daybook-test");
  const settings = { DATA_DIR: dir, SHARDS: "2", ISOLATION: "processes", WEBHOOKS_ALLOW_PRIVATE: "true" };
  server = ServerProcess.launch(settings);
  await server.serving();
  operator = new Client(server.url, OPERATOR_KEY);
  const made = { id: "riverside", name: "Riverside Coffee" };
  const { api_key: key } = await operator.ask<{ api_key: string }>("POST", "/v1/partners", made);
  client = new Client(server.url, key);
  for (const name of OFFERS)
    await client.ask("PUT", `/v1/offers/${encodeURIComponent(name)}`, { discount: 15 });
  browser = await launchChromium();
  cookies = await beginSession(browser, server.url, key, "/app");
  return async () => {
    await browser.close();
    operator.close();
    client.close();
    await server.kill();
    rmSync(dir, { recursive: true, force: true });
  };
});

async function open(path: string, view: View = {}, mayInject = false): Promise<Page> {
  const page = await openPage(browser, server.url, { ...view, cookies }, mayInject);
  await page.goto(path);
  return page;
}

/** The files of the server that contain this text. */
function filesWith(text: string): readonly string[] {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => readFileSync(path).includes(text));
}

/** A customer with a valid voucher. @returns the code */
async function customerWithVoucher(email: string): Promise<string> {
  await client.ask("POST", "/v1/customers", { email });
  const voucher = { email, offer_name: "Coffee", expires_at: EXPIRY };
  return (await client.ask<{ code: string }>("POST", "/v1/vouchers", voucher)).code;
}

/** Fills the fields with these ids by typing, and sends the form with Enter. */
async function typeAndSend(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [id, text] of Object.entries(fields)) {
    await tabToElement(page, page.locator(`#${id}`));
    await page.keyboard.type(text);
  }
  await page.keyboard.press("Enter");
}

/** Opens the dialog of a button, closes it with Escape, opens it again and says yes: by keys. */
async function confirmByKeys(page: Page, label: string): Promise<void> {
  const dialog = page.getByRole("dialog");
  await tabTo(page, label);
  await page.keyboard.press("Space");
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await page.keyboard.press("Enter");
  await dialog.waitFor();
  await tabToElement(page, dialog.getByRole("button", { name: label }));
  await page.keyboard.press("Enter");
}

test("a customer is created, gets a voucher, loses it and is erased, by the keyboard alone", async () => {
  const page = await open("/app/customers");
  await typeAndSend(page, { email: "Ann@Example.com", name: "Ann Lee" });
  await page.getByText("The customer is created.").waitFor();
  await tabTo(page, "Offer", "combobox");
  await page.keyboard.press("ArrowDown");
  const chosen = await page.locator("#offer_name").inputValue();
  await typeAndSend(page, { expires_at: "12312090", uses_max: "3" });
  await page.getByText("The voucher is issued.").waitFor();
  const code = await page.getByRole("heading", { level: 1 }).innerText();
  const facts = await page.locator("main").innerText();
  for (const part of [chosen, "0 of 3", "2091", "valid", "ann@example.com"]) expect(facts).toContain(part);
  await confirmByKeys(page, "Cancel voucher");
  await page.getByText("The voucher is cancelled.").waitFor();
  expect(await page.getByRole("button", { name: "Cancel voucher" }).count()).toBe(0);
  await tabTo(page, "ann@example.com", "link");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Ann Lee" }).waitFor();
  await confirmByKeys(page, "Erase customer");
  await page.getByText("The customer is erased.").waitFor();
  expect(await page.locator("main").innerText()).not.toContain("ann@example.com");
  expect((await page.goto(`/app/vouchers/${code}`))?.status()).toBe(404);
  // What a form contains is logged, but no personal data.
  expect(filesWith("riverside")).not.toEqual([]);
  for (const text of ["ann@example.com", "Ann@Example.com", "Ann Lee"]) expect(filesWith(text)).toEqual([]);
});

test("vouchers are found by code, by e-mail, by offer and by state", async () => {
  const codes = await Promise.all(["bob", "eve"].map((name) => customerWithVoucher(`${name}@example.com`)));
  await client.ask("POST", `/v1/vouchers/${codes[1]}/cancel`);
  const page = await open("/app/vouchers");
  const shown = () => page.getByRole("rowheader").allInnerTexts();
  const find = async (fields: Readonly<Record<string, string>>) => {
    await page.goto("/app/vouchers");
    await typeAndSend(page, fields);
    await page.waitForURL(/status=/);
    return shown();
  };
  expect(await find({ find: codes[0]?.toLowerCase() ?? "" })).toEqual([codes[0]]);
  expect(await find({ find: "EVE@example.com" })).toEqual([codes[1]]);
  expect(await find({ find: "nobody@example.com" })).toEqual([]);
  expect(await find({ offer: "Spring sale" })).not.toContain(codes[0]);
  expect((await find({ offer: "Coffee" })).slice(0, 2).toSorted()).toEqual(codes.toSorted());
  await page.goto("/app/vouchers");
  await tabTo(page, "State", "combobox");
  // All, valid, redeemed, expired, cancelled.
  for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowDown");
  await tabTo(page, "Show");
  await page.keyboard.press("Enter");
  await page.waitForURL(/status=cancelled/);
  expect(await shown()).toContain(codes[1]);
  expect(await shown()).not.toContain(codes[0]);
});

test("a long list of vouchers has pages, and each voucher is on one of them, also with a filter", async () => {
  await client.ask("POST", "/v1/customers", { email: "max@example.com" });
  const voucher = { email: "max@example.com", offer_name: "Spring sale", expires_at: EXPIRY };
  const made = Array.from({ length: 30 }, () =>
    client.ask<{ code: string }>("POST", "/v1/vouchers", voucher),
  );
  const codes = (await Promise.all(made)).map(({ code }) => code);
  const page = await open("/app/vouchers");
  for (const query of ["", "?offer=Spring+sale&status=valid", "?find=max%40example.com"]) {
    const found: string[] = [];
    await page.goto(`/app/vouchers${query}`);
    for (;;) {
      found.push(...(await page.getByRole("rowheader").allInnerTexts()));
      const more = page.getByRole("link", { name: "More vouchers" });
      if ((await more.count()) === 0) break;
      await page.goto((await more.getAttribute("href")) ?? "");
    }
    expect([query, found.filter((code) => codes.includes(code)).toSorted()]).toEqual([
      query,
      codes.toSorted(),
    ]);
  }
});

test("what is wrong stands at its field, and what was typed stays", async () => {
  await customerWithVoucher("kim@example.com");
  await client.ask("POST", "/v1/loyalty/members", { id: "kim" });
  await client.ask("POST", "/v1/segments", { slug: "KNOWN" });
  await client.ask("POST", "/v1/sellers", { id: "known", name: "Known" });
  const page = await open("/app", {}, true);
  for (const { path, typed, field, says, kept } of FAULTS) {
    await page.goto(path);
    await typeAndSend(page, typed);
    const error = page.locator(`#${field}-error`);
    await error.waitFor();
    expect([path, field, await error.innerText()]).toEqual([path, field, expect.stringContaining(says)]);
    const input = page.locator(`#${field}`);
    expect(await input.getAttribute("aria-invalid")).toBe("true");
    expect(await input.getAttribute("aria-describedby")).toContain(`${field}-error`);
    const [name, value] = kept;
    expect([path, await page.locator(`#${name}`).inputValue()]).toEqual([path, value]);
    expect([path, await page.locator("[aria-invalid]").count()]).toEqual([path, 1]);
  }
  expect(await accessibilityFaults(page)).toEqual([]);
});

test("a member and a segment are created by the keyboard alone", async () => {
  const page = await open("/app/members");
  await typeAndSend(page, { member_name: "Uma Roy", id: "uma" });
  await page.getByText("The member is created.").waitFor();
  await page.getByRole("heading", { name: "Uma Roy" }).waitFor();
  await page.goto("/app/members");
  await typeAndSend(page, { member_name: "Nameless" });
  await page.getByText("The member is created.").waitFor();
  expect(page.url()).toMatch(/\/mem_[0-9a-f]{24}\?/);
  await page.goto("/app/segments");
  await typeAndSend(page, { slug: "REGULARS", user_percent: "50" });
  await page.getByText("The segment is created.").waitFor();
  expect(await page.getByRole("row", { name: /REGULARS/ }).innerText()).toContain("50 %");
});

/** Sends the last form of the page as it is, and then once more. @returns both answers */
function sendTwice(page: Page): Promise<readonly [string, string]> {
  return page.evaluate<[string, string]>(`(async () => {
    const body = new URLSearchParams(new FormData([...document.querySelectorAll("main form")].at(-1)));
    const send = async () => (await fetch(location.pathname, { method: "POST", body })).text();
    return [await send(), await send()];
  })()`);
}

test("the key of a new seller works, and is shown once", async () => {
  const page = await open("/app/sellers");
  await typeAndSend(page, { name: "Kiosk", id: "kiosk" });
  const secret = await page.locator(".secret").innerText();
  const kiosk = new Client(server.url, secret);
  expect(await kiosk.ask("GET", "/v1/sellers/kiosk")).toMatchObject({ name: "Kiosk" });
  kiosk.close();
  await page.goto("/app/sellers");
  await page.locator("#name").fill("Booth");
  const [first, second] = await sendTwice(page);
  expect(first).toContain("dk_seller_");
  expect(second).toContain("Only its first answer shows the key.");
  expect(second).not.toContain("dk_seller_");
});

test("a webhook gets the events that are ticked, and its secret is shown once", async () => {
  const page = await open("/app/webhooks");
  await tabToElement(page, page.locator("#url"));
  await page.keyboard.type("http://127.0.0.1:9/a");
  await tabToElement(page, page.locator("summary"));
  await page.keyboard.press("Enter");
  await tabTo(page, "voucher.issued", "checkbox");
  await page.keyboard.press("Space");
  expect(await page.getByLabel("voucher.issued").isChecked()).toBe(true);
  await tabTo(page, "Create webhook");
  await page.keyboard.press("Enter");
  expect(await page.locator(".secret").innerText()).toMatch(/^whsec_/);
  await tabTo(page, "To the webhook", "link");
  await page.keyboard.press("Enter");
  await page.locator(".facts").waitFor();
  expect(await page.locator(".facts").innerText()).toContain("voucher.issued");
  await page.goto("/app/webhooks");
  await page.locator("#url").fill("http://127.0.0.1:9/b");
  const [first, second] = await sendTwice(page);
  expect(first).toContain("whsec_");
  expect(second).not.toContain("whsec_");
  const { data } = await client.ask<{ data: readonly { url: string; types: string[] }[] }>(
    "GET",
    "/v1/webhooks",
  );
  expect(data.map(({ url, types }) => [url, types])).toEqual([
    ["http://127.0.0.1:9/b", []],
    ["http://127.0.0.1:9/a", ["voucher.issued"]],
  ]);
});

test("every customer gets a voucher after a question, and the codes are a file", async () => {
  await customerWithVoucher("zoe@example.com");
  const page = await open("/app/voucher-batches");
  await typeAndSend(page, { expires_at: "12312090" });
  await page.getByRole("heading", { name: "Issue these vouchers?" }).waitFor();
  await tabTo(page, "Issue vouchers");
  await page.keyboard.press("Enter");
  await page.getByText("The vouchers are being issued.").waitFor();
  const done = async () => {
    await page.reload();
    return (await page.getByText("completed").count()) > 0;
  };
  await until("the batch is completed", done);
  const codes = await page.getByRole("rowheader").allInnerTexts();
  const link = page.getByRole("link", { name: "Download CSV" });
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  const csv = readFileSync(await download.path(), "utf8");
  expect(csv).toMatch(/^code,email,offer_name,/);
  expect(csv).toContain("zoe@example.com");
  for (const code of codes) expect(csv).toContain(code);
});

test("without scripts each question is on its page, and the forms work", async () => {
  const code = await customerWithVoucher("noa@example.com");
  const page = await open(`/app/vouchers/${code}`, { isScripted: false });
  expect(await page.locator("[data-opens]").isVisible()).toBe(false);
  await page.getByText("It stays cancelled for good.").waitFor();
  await page.getByRole("button", { name: "Cancel voucher" }).click();
  await page.getByText("The voucher is cancelled.").waitFor();
  await page.goto("/app/customers/noa%40example.com");
  await page.getByText("Nobody can undo this.").waitFor();
  await page.getByRole("button", { name: "Erase customer" }).click();
  await page.getByText("The customer is erased.").waitFor();
  await page.locator("#email").fill("noa@example.com");
  await page.getByRole("button", { name: "Create customer" }).click();
  await page.getByText("The customer has no vouchers yet.").waitFor();
});

test("with scripts nothing is asked until a button is pressed", async () => {
  const code = await customerWithVoucher("lea@example.com");
  const page = await open(`/app/vouchers/${code}`);
  expect(await page.getByText("It stays cancelled for good.").isVisible()).toBe(false);
});

test("pages keep working while a shard is killed", async () => {
  const code = await customerWithVoucher("pia@example.com");
  const paths = [
    "",
    "/members",
    "/customers",
    "/customers/pia%40example.com",
    "/vouchers",
    "/vouchers?find=pia%40example.com",
  ];
  paths.push(`/vouchers/${code}`, "/offers", "/segments", "/sellers", "/webhooks", "/voucher-batches");
  const page = await open("/app");
  const statuses = async () => {
    const found: number[] = [];
    for (const path of paths) {
      found.push((await page.goto(`/app${path}`))?.status() ?? 0);
      // Whatever it shows, it is a page that says what to do.
      expect(await page.getByRole("heading", { level: 1 }).count()).toBe(1);
    }
    return found;
  };
  for (const { pid } of await shardsOf(operator)) {
    process.kill(pid ?? -1, "SIGKILL");
    for (const status of await statuses()) expect([200, 503]).toContain(status);
    await until(
      "all pages are there again",
      async () => (await statuses()).every((status) => status === 200),
      60_000,
    );
  }
  await page.goto("/app/customers/pia%40example.com");
  await page.locator("#expires_at").fill("2090-01-01");
  for (const { pid } of await shardsOf(operator)) process.kill(pid ?? -1, "SIGKILL");
  const press = (name: string) =>
    Promise.all([page.waitForEvent("load"), page.getByRole("button", { name }).click()]);
  await press("Issue voucher");
  const issued = async () => {
    if ((await page.getByText("The voucher is issued.").count()) > 0) return true;
    await press("Send again");
    return false;
  };
  await until("the voucher is issued", issued, 60_000);
  await page.goto("/app/customers/pia%40example.com");
  expect(await page.getByRole("rowheader").count()).toBe(2);
  await page.goto(`/app/vouchers/${code}`);
  await page.locator("[data-opens]").click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel voucher" }).click();
  await page.getByText("The voucher is cancelled.").waitFor();
});
