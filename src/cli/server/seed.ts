/**
 * `daybook seed`: creates the demo data of a small business on a running server. Repeating it creates nothing twice, except
 * for keys: they are random, and no server shows one again.
 */
import type { Command } from "commander";
import { type Daybook, DaybookError } from "../../../clients/typescript/src/index.ts";
import { jsonOption } from "../settings.ts";
import { formatTime, note, paint, printJson, printLines } from "../terminal.ts";
import { connect, defaultUrl, readOperatorKey, shown } from "./server-client.ts";

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

type Key = Readonly<{ api_key: string | null }>;

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
  const operator = connect(url, operatorKey);
  progress("a partner");
  const body = { id: PARTNER, name: "Riverside Coffee" };
  const path = { id: PARTNER };
  const partnerKey = await keyOf(
    () => operator.post("/v1/partners", { body }),
    () => operator.post("/v1/partners/{id}/keys", { path, body: { role: "partner", name: KEY_NAME } }),
  );
  const partner = connect(url, partnerKey);
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

async function makeMembers(partner: Daybook, nowMs: number): Promise<void> {
  for (const [i, name] of MEMBERS.entries()) {
    const id = name.toLowerCase();
    const path = { id };
    await partner.post("/v1/loyalty/members", { body: { id, name }, idempotencyKey: `seed-member-${id}` });
    const welcome = {
      points: 100,
      description: "Welcome",
      occurred_at: formatTime(nowMs - 30 * DAY_MS),
      expires_at: formatTime(nowMs + (30 + i) * DAY_MS),
    };
    await once(() =>
      partner.post("/v1/loyalty/members/{id}/accruals", {
        path,
        body: welcome,
        idempotencyKey: `seed-welcome-${id}`,
      }),
    );
    const coffees = { points: 40 * (i + 1), description: `${i + 1} coffees` };
    await partner.post("/v1/loyalty/members/{id}/accruals", {
      path,
      body: coffees,
      idempotencyKey: `seed-coffees-${id}`,
    });
    if (i % 3 !== 0) continue;
    const spent = { points: 50, description: "A free coffee" };
    await partner.post("/v1/loyalty/members/{id}/redemptions", {
      path,
      body: spent,
      idempotencyKey: `seed-free-${id}`,
    });
  }
}

async function makeVouchers(partner: Daybook, nowMs: number): Promise<void> {
  for (let i = 0; i < 10; i++) {
    const customer = { email: `customer${i}@gmail.com`, name: `customer ${i}` };
    await partner.post("/v1/customers", { body: customer, idempotencyKey: `seed-customer-${i}` });
  }
  for (const { name, discount, pricing } of OFFERS)
    await partner.put("/v1/offers/{name}", {
      path: { name },
      body: { discount, pricing },
      idempotencyKey: `seed-offer-${name}`,
    });
  const expires_at = formatTime(nowMs + 60 * DAY_MS);
  for (let i = 0; i < 10; i++) {
    const { name: offer_name } = OFFERS[i % 2 === 0 ? 0 : 1];
    const body = { email: `customer${i}@gmail.com`, offer_name, expires_at };
    await once(() => partner.post("/v1/vouchers", { body, idempotencyKey: `seed-voucher-${i}` }));
  }
}

async function makeSegments(partner: Daybook): Promise<void> {
  for (let i = 0; i < 20; i++)
    await partner.post("/v1/users", { body: {}, idempotencyKey: `seed-user-${i}` });
  const birds = { slug: "EARLY_BIRDS" };
  await partner.post("/v1/segments", { body: birds, idempotencyKey: "seed-early-birds" });
  const half = { slug: "NEW_CHECKOUT", user_percent: 50 };
  await partner.post("/v1/segments", { body: half, idempotencyKey: "seed-new-checkout" });
  await partner.post("/v1/segments/{slug}/users", {
    path: birds,
    body: { ids: ["1", "2", "3", "5", "8", "13"] },
    idempotencyKey: "seed-birds",
  });
}

async function makeSellers(url: string, partner: Daybook): Promise<Readonly<Record<string, string>>> {
  const keys: Record<string, string> = {};
  for (const { id, name, credit, sales } of SELLERS) {
    const key = await keyOf(
      () => partner.post("/v1/sellers", { body: { id, name } }),
      () =>
        partner.post("/v1/partners/{id}/keys", {
          path: { id: PARTNER },
          body: { role: "seller", name: KEY_NAME, seller: id },
        }),
    );
    keys[id] = key;
    const seller = connect(url, key);
    const created = await seller.post("/v1/credit-requests", {
      body: { amount: credit, note: "Opening credit" },
      idempotencyKey: `seed-request-${id}`,
    });
    await partner.post("/v1/credit-requests/{id}/approve", {
      path: { id: created.id },
      idempotencyKey: `seed-approval-${id}`,
    });
    for (let i = 0; i < sales; i++) {
      const sale = { phone: `0912${String(1_000_000 + (i % 9))}`, amount: SALE, reference: `sale-${i}` };
      await seller.post("/v1/topups", { body: sale, idempotencyKey: `seed-sale-${id}-${i}` });
    }
  }
  return keys;
}

async function makeWallets(url: string, operator: Daybook): Promise<Pick<Demo, "bankKey" | "people">> {
  const made = await operator.post("/v1/partners/{id}/keys", {
    path: { id: "house" },
    body: { role: "bank", name: BANK },
  });
  const bankKey = shown(made.api_key);
  const bank = connect(url, bankKey);
  const open = connect(url);
  const people: Demo["people"][number][] = [];
  for (const { name, email, deposit } of PEOPLE) {
    const { wallet_id, token } = await enter(open, name, email);
    people.push({ email, password: PASSWORD, walletId: wallet_id, token });
    const given = { wallet_id, amount: deposit, details: "Salary", bank_ref: `seed-${email}` };
    await bank.post("/v1/deposits", { body: given, idempotencyKey: `seed-deposit-${email}` });
  }
  const [first, second] = people;
  if (first !== undefined && second !== undefined) {
    const sender = connect(url, first.token);
    const sent = { to_wallet_id: second.walletId, amount: 2_500, memo: "Dinner" };
    await sender.post("/v1/wallet/transfers", { body: sent, idempotencyKey: "seed-dinner" });
  }
  return { bankKey, people };
}

/** The API key of a new partner or seller, or another key if that exists or the answer with its key was lost. */
async function keyOf(make: () => Promise<Key>, makeAnother: () => Promise<Key>): Promise<string> {
  try {
    const { api_key: key } = await make();
    if (key !== null) return key;
  } catch (error) {
    if (!(error instanceof DaybookError && EXISTS.has(error.code))) throw error;
  }
  return shown((await makeAnother()).api_key);
}

/** Signs up, or logs in if the account exists. */
async function enter(
  open: Daybook,
  name: string,
  email: string,
): Promise<Readonly<{ wallet_id: string; token: string }>> {
  try {
    const { wallet_id, token } = await open.post("/v1/wallet/signup", {
      body: { name, email, password: PASSWORD },
    });
    if (token !== null) return { wallet_id, token };
  } catch (error) {
    if (!(error instanceof DaybookError && error.code === "email_taken")) throw error;
  }
  const { wallet_id, token } = await open.post("/v1/wallet/login", { body: { email, password: PASSWORD } });
  return { wallet_id, token: shown(token) };
}

/** A request whose body contains the current time differs when repeated. The refusal then means that it was done before. */
async function once(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    if (!(error instanceof DaybookError && error.code === "idempotency_key_reused")) throw error;
  }
}
