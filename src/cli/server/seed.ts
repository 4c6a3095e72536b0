/**
 * `daybook seed`: creates the demo data of a small business on a running server. Repeating it creates nothing twice, except
 * for keys: they are random, and no server shows one again.
 */
import type { Command } from "commander";
import { jsonOption } from "../settings.ts";
import { formatTime, note, paint, printJson, printLines } from "../terminal.ts";
import { defaultUrl, readOperatorKey, ServerClient, ServerRefusal } from "./server-client.ts";

type Options = Readonly<{ url: string; json?: boolean }>;

export function seed(command: Command): Command {
  return command
    .option("--url <url>", "the server", defaultUrl())
    .addOption(jsonOption("document"))
    .addHelpText(
      "after",
      `
Uses the operator's key in OPERATOR_KEY. Within a day, a repeat creates nothing
twice.`,
    )
    .action(async ({ url, json }: Options) => {
      const demo = await makeDemo(url, readOperatorKey(), Date.now(), (part) => note(`creating ${part}`));
      if (json) await printJson(demo);
      else await printLines(describe(url, demo));
    });
}

function title(text: string): readonly string[] {
  return ["", paint("bold", text)];
}

function describe(url: string, demo: Demo): readonly string[] {
  const { partner, partnerKey, sellerKeys, bankKey, people } = demo;
  const call = (path: string, key: string) => `  curl -s '${url}${path}' -H 'Authorization: Bearer ${key}'`;
  const [person] = people;
  return [
    ...title("Keys"),
    `  partner ${partner}   ${partnerKey}`,
    ...Object.entries(sellerKeys).map(([id, key]) => `  seller ${id}   ${key}`),
    `  bank of the wallets   ${bankKey}`,
    ...people.map(({ email, password, token }) => `  wallet of ${email} (password: ${password})   ${token}`),
    ...title("To try"),
    call("/v1/loyalty/members", partnerKey),
    call("/v1/loyalty/members/ada/entries", partnerKey),
    call("/v1/vouchers?email=customer0@gmail.com", partnerKey),
    call("/v1/segments", partnerKey),
    call("/v1/sellers/kiosk-12/reconciliation", partnerKey),
    call("/v1/trial-balance", partnerKey),
    ...(person === undefined ? [] : [call("/v1/wallet", person.token)]),
    "",
    `The API is documented at ${url}/docs`,
  ];
}

const PARTNER = "riverside";
const DAY_MS = 24 * 60 * 60 * 1000;

const MEMBERS = [
  "Ada",
  "Ben",
  "Chiara",
  "Dmitri",
  "Esra",
  "Farid",
  "Greta",
  "Hugo",
  "Ines",
  "Jonas",
] as const;
const OFFERS = [
  { name: "spring", discount: 15, pricing: "live" },
  { name: "welcome", discount: 10, pricing: "snapshot" },
] as const;
const SELLERS = [
  { id: "kiosk-12", name: "Kiosk 12", credit: 1_000_000, sales: 60 },
  { id: "corner-shop", name: "Corner Shop", credit: 400_000, sales: 12 },
] as const;
const SALE = 5_000;
const PEOPLE = [
  { name: "Maya", email: "maya@example.com", deposit: 50_000 },
  { name: "Noah", email: "noah@example.com", deposit: 12_500 },
] as const;
const PASSWORD = "a long demo password";
const BANK = "first-bank";
const KEY_NAME = "demo";

type Key = Readonly<{ api_key: string }>;

const EXISTS: ReadonlySet<string> = new Set(["partner_exists", "seller_exists"]);

/** The created demo data, with the keys to read it. */
export type Demo = Readonly<{
  partner: string;
  partnerKey: string;
  sellerKeys: Readonly<Record<string, string>>;
  bankKey: string;
  people: readonly Readonly<{ email: string; password: string; walletId: string; token: string }>[];
}>;

/** @param progress called with the name of each part, before it is created. */
export async function makeDemo(
  url: string,
  operatorKey: string,
  nowMs: number,
  progress: (part: string) => void,
): Promise<Demo> {
  const operator = new ServerClient(url, operatorKey);
  progress("a partner");
  const body = { id: PARTNER, name: "Riverside Coffee" };
  const partnerKey = await keyOf(
    () => operator.ask("POST", "/v1/partners", body),
    () => operator.ask("POST", `/v1/partners/${PARTNER}/keys`, { role: "partner", name: KEY_NAME }),
  );
  const partner = new ServerClient(url, partnerKey);
  progress("a loyalty programme");
  await makeMembers(partner, nowMs);
  progress("vouchers");
  await makeVouchers(partner, nowMs);
  progress("segments");
  await makeSegments(partner);
  progress("sellers of top-up credit");
  const sellerKeys = await makeSellers(url, partner);
  progress("wallets");
  const { bankKey, people } = await makeWallets(url, operator);
  return { partner: PARTNER, partnerKey, sellerKeys, bankKey, people };
}

async function makeMembers(partner: ServerClient, nowMs: number): Promise<void> {
  for (const [i, name] of MEMBERS.entries()) {
    const id = name.toLowerCase();
    const path = `/v1/loyalty/members/${id}`;
    await partner.ask("POST", "/v1/loyalty/members", { id, name }, `seed-member-${id}`);
    const welcome = {
      points: 100,
      description: "Welcome",
      occurred_at: formatTime(nowMs - 30 * DAY_MS),
      expires_at: formatTime(nowMs + (30 + i) * DAY_MS),
    };
    await once(() => partner.ask("POST", `${path}/accruals`, welcome, `seed-welcome-${id}`));
    const coffees = { points: 40 * (i + 1), description: `${i + 1} coffees` };
    await partner.ask("POST", `${path}/accruals`, coffees, `seed-coffees-${id}`);
    if (i % 3 !== 0) continue;
    const spent = { points: 50, description: "A free coffee" };
    await partner.ask("POST", `${path}/redemptions`, spent, `seed-free-${id}`);
  }
}

async function makeVouchers(partner: ServerClient, nowMs: number): Promise<void> {
  for (let i = 0; i < 10; i++) {
    const customer = { email: `customer${i}@gmail.com`, name: `customer ${i}` };
    await partner.ask("POST", "/v1/customers", customer, `seed-customer-${i}`);
  }
  for (const { name, discount, pricing } of OFFERS)
    await partner.ask("PUT", `/v1/offers/${name}`, { discount, pricing }, `seed-offer-${name}`);
  const expires_at = formatTime(nowMs + 60 * DAY_MS);
  for (let i = 0; i < 10; i++) {
    const voucher = { email: `customer${i}@gmail.com`, offer_name: OFFERS[i % 2]?.name, expires_at };
    await once(() => partner.ask("POST", "/v1/vouchers", voucher, `seed-voucher-${i}`));
  }
}

async function makeSegments(partner: ServerClient): Promise<void> {
  for (let i = 0; i < 20; i++) await partner.ask("POST", "/v1/users", {}, `seed-user-${i}`);
  await partner.ask("POST", "/v1/segments", { slug: "EARLY_BIRDS" }, "seed-early-birds");
  await partner.ask("POST", "/v1/segments", { slug: "NEW_CHECKOUT", user_percent: 50 }, "seed-new-checkout");
  const birds = { ids: ["1", "2", "3", "5", "8", "13"] };
  await partner.ask("POST", "/v1/segments/EARLY_BIRDS/users", birds, "seed-birds");
}

async function makeSellers(url: string, partner: ServerClient): Promise<Readonly<Record<string, string>>> {
  const keys: Record<string, string> = {};
  for (const { id, name, credit, sales } of SELLERS) {
    const key = await keyOf(
      () => partner.ask("POST", "/v1/sellers", { id, name }),
      () =>
        partner.ask("POST", `/v1/partners/${PARTNER}/keys`, { role: "seller", name: KEY_NAME, seller: id }),
    );
    keys[id] = key;
    const seller = new ServerClient(url, key);
    const request = { amount: credit, note: "Opening credit" };
    const created = await seller.ask<{ id: string }>(
      "POST",
      "/v1/credit-requests",
      request,
      `seed-request-${id}`,
    );
    const path = `/v1/credit-requests/${created.id}/approve`;
    await partner.ask("POST", path, undefined, `seed-approval-${id}`);
    for (let i = 0; i < sales; i++) {
      const sale = { phone: `0912${String(1_000_000 + (i % 9))}`, amount: SALE, reference: `sale-${i}` };
      await seller.ask("POST", "/v1/topups", sale, `seed-sale-${id}-${i}`);
    }
  }
  return keys;
}

async function makeWallets(url: string, operator: ServerClient): Promise<Pick<Demo, "bankKey" | "people">> {
  const keyRequest = { role: "bank", name: BANK };
  const { api_key: bankKey } = await operator.ask<Key>("POST", "/v1/partners/house/keys", keyRequest);
  const bank = new ServerClient(url, bankKey);
  const open = new ServerClient(url, "");
  const people: Demo["people"][number][] = [];
  for (const { name, email, deposit } of PEOPLE) {
    const { wallet_id, token } = await enter(open, name, email);
    people.push({ email, password: PASSWORD, walletId: wallet_id, token });
    const given = { wallet_id, amount: deposit, details: "Salary", bank_ref: `seed-${email}` };
    await bank.ask("POST", "/v1/deposits", given, `seed-deposit-${email}`);
  }
  const [first, second] = people;
  if (first !== undefined && second !== undefined) {
    const sender = new ServerClient(url, first.token);
    const sent = { to_wallet_id: second.walletId, amount: 2_500, memo: "Dinner" };
    await sender.ask("POST", "/v1/wallet/transfers", sent, "seed-dinner");
  }
  return { bankKey, people };
}

/**
 * The API key of a new partner or seller, or another key if that exists. Sent without an idempotency key, since a replayed
 * answer does not show the secret.
 */
async function keyOf(make: () => Promise<Key>, makeAnother: () => Promise<Key>): Promise<string> {
  try {
    return (await make()).api_key;
  } catch (error) {
    if (!(error instanceof ServerRefusal && EXISTS.has(error.code))) throw error;
    return (await makeAnother()).api_key;
  }
}

/** Signs up, or logs in if the account exists. */
async function enter(
  open: ServerClient,
  name: string,
  email: string,
): Promise<Readonly<{ wallet_id: string; token: string }>> {
  try {
    return await open.ask("POST", "/v1/wallet/signup", { name, email, password: PASSWORD });
  } catch (error) {
    if (!(error instanceof ServerRefusal && error.code === "email_taken")) throw error;
    return open.ask("POST", "/v1/wallet/login", { email, password: PASSWORD });
  }
}

/** A request whose body contains the current time differs when repeated. The refusal then means that it was done before. */
async function once(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    if (!(error instanceof ServerRefusal && error.code === "idempotency_key_reused")) throw error;
  }
}
