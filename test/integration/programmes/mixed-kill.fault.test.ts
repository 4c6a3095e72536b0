/**
 * All five programmes run at once on a server that is killed repeatedly: every acknowledged fact is present once, and
 * the books balance. As a client would, each worker retries with its idempotency key until it knows the outcome.
 */
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import { type Answer, Client, operator } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";

const KILLS = 2;
const ROUNDS_BETWEEN_KILLS = 40;
const RETRY_MS = 100;

const house = startTestServer({ ISOLATION: "processes" });
let partnerKey = "";
let houseKey = "";
let sellerKey = "";
let bankKey = "";
const wallets: Wallet[] = [];
let keys = 0;

beforeAll(async () => {
  partnerKey = await house.newPartner("acme");
  const admin = operator(house.server);
  const roles = [
    ["bank", "first"],
    ["partner", "books"],
  ] as const;
  const made: string[] = [];
  for (const [role, name] of roles) {
    const { text } = await admin.send("POST", "/v1/partners/house/keys", { role, name });
    made.push((JSON.parse(text) as { api_key: string }).api_key);
  }
  admin.close();
  [bankKey = "", houseKey = ""] = made;
  const acme = house.caller(partnerKey);
  for (let i = 0; i < 4; i++) {
    await acme.post("/v1/loyalty/members", 201, { id: `m${i}` });
    await acme.post("/v1/customers", 201, { email: `c${i}@example.com` });
    await acme.post("/v1/segments", 201, { slug: `SEG_${i}` });
  }
  await acme.ask("PUT", "/v1/offers/spring", 200, { discount: 10 });
  sellerKey = String((await acme.post("/v1/sellers", 201, { id: "s", name: "S" }))["api_key"]);
  const request = await house.caller(sellerKey).post("/v1/credit-requests", 201, { amount: 1_000_000 });
  await acme.post(`/v1/credit-requests/${String(request["id"])}/approve`, 200);
  const nobody = house.caller("");
  for (let i = 0; i < 3; i++) {
    const user = { name: `U${i}`, email: `u${i}@example.com`, password: "a long password" };
    const { wallet_id, token } = await nobody.post("/v1/wallet/signup", 201, user);
    wallets.push({ id: String(wallet_id), token: String(token) });
  }
});

type KnownAnswer = Readonly<{ status: number; body: Json }>;

/** Retries until an answer states the outcome; the address of the server may change in between. */
async function retryUntilKnown(
  as: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<KnownAnswer> {
  keys += 1;
  const headers = { "Idempotency-Key": `mixed-${keys}` };
  for (;;) {
    const answer = await attempt(as, method, path, body, headers);
    if (answer !== undefined && answer.status !== 503) {
      const parsed = answer.text === "" ? {} : (JSON.parse(answer.text) as Json);
      return { status: answer.status, body: parsed };
    }
    await delay(RETRY_MS);
  }
}

async function attempt(
  as: string,
  method: string,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<Answer | undefined> {
  let client: Client | undefined;
  try {
    client = new Client(house.server.url, as);
    return await client.send(method, path, body, headers);
  } catch {
    // The server was killed, or is not ready yet.
    return undefined;
  } finally {
    client?.close();
  }
}

/** The acknowledged facts. */
const points = new Map<string, number>();
const vouchers = new Map<string, "valid" | "redeemed">();
const memberships = new Map<string, Set<string>>();
const balances = new Map<string, number>();
let credit = 1_000_000;
let sold = 0;
/** Shared by all workers. */
const run = { rounds: 0, isOver: false };

const sum = (map: Map<string, number>, key: string, amount: number) =>
  map.set(key, (map.get(key) ?? 0) + amount);

async function loyalty(i: number): Promise<void> {
  const path = `/v1/loyalty/members/m${i % 4}`;
  const isAccrual = i % 3 !== 0;
  const amount = 1 + (i % 7);
  const body = { points: amount, description: "x" };
  const { status } = await retryUntilKnown(
    partnerKey,
    "POST",
    `${path}/${isAccrual ? "accruals" : "redemptions"}`,
    body,
  );
  expect([201, 422]).toContain(status);
  if (status === 201) sum(points, path, isAccrual ? amount : -amount);
}

async function voucher(i: number): Promise<void> {
  const email = `c${i % 4}@example.com`;
  const voucher = { email, offer_name: "spring", expires_at: "2090-01-01T00:00:00Z" };
  const { status, body } = await retryUntilKnown(partnerKey, "POST", "/v1/vouchers", voucher);
  expect(status).toBe(201);
  const code = String(body["code"]);
  expect(vouchers.has(code)).toBe(false);
  vouchers.set(code, "valid");
  if (i % 2 === 0) return;
  expect((await retryUntilKnown(partnerKey, "POST", `/v1/vouchers/${code}/redeem`, { email })).status).toBe(
    200,
  );
  vouchers.set(code, "redeemed");
}

async function segment(i: number): Promise<void> {
  const user = `user${i % 9}`;
  const slug = `SEG_${i % 4}`;
  const held = memberships.get(user) ?? new Set();
  memberships.set(user, held);
  const isAdding = !held.has(slug);
  const body = isAdding ? { add: [slug] } : { remove: [slug] };
  const answer = await retryUntilKnown(partnerKey, "PATCH", `/v1/users/${user}/segments`, body);
  expect(answer.status).toBe(200);
  if (isAdding) held.add(slug);
  else held.delete(slug);
  expect(answer.body).toMatchObject({ added: isAdding ? 1 : 0, removed: isAdding ? 0 : 1 });
}

async function wallet(i: number): Promise<void> {
  const [from, to] = [wallets[i % 3], wallets[(i + 1) % 3]] as Wallet[];
  if (from === undefined || to === undefined) return;
  const deposit = { wallet_id: from.id, amount: 10, details: "x", bank_ref: `ref-${i}` };
  expect((await retryUntilKnown(bankKey, "POST", "/v1/deposits", deposit)).status).toBe(201);
  sum(balances, from.id, 10);
  const sent = { to_wallet_id: to.id, amount: 7 };
  const { status } = await retryUntilKnown(from.token, "POST", "/v1/wallet/transfers", sent);
  expect([201, 422]).toContain(status);
  if (status === 201) pay(from.id, to.id, 7);
  await PAPERS[i % PAPERS.length]?.(from, to);
}

type Wallet = Readonly<{ id: string; token: string }>;

function pay(from: string, to: string, amount: number): void {
  sum(balances, from, -amount);
  sum(balances, to, amount);
}

/** Creates something and returns its id, also across kills; `undefined` if funds were insufficient. */
async function create(as: string, path: string, body: Json): Promise<string | undefined> {
  const { status, body: made } = await retryUntilKnown(as, "POST", path, body);
  expect([201, 422]).toContain(status);
  return status === 201 ? String(made["id"]) : undefined;
}

async function ended(as: string, path: string, body?: Json): Promise<void> {
  expect((await retryUntilKnown(as, "POST", path, body)).status, path).toBe(200);
}

const PAPERS: readonly ((from: Wallet, to: Wallet) => Promise<void>)[] = [
  async (from, to) => {
    const hold = await create(from.token, "/v1/wallet/holds", { amount: 5 });
    if (hold === undefined) return;
    const captured = { to_wallet_id: to.id, amount: 3 };
    await ended(from.token, `/v1/wallet/holds/${hold}/capture`, captured);
    pay(from.id, to.id, 3);
  },
  async (from, to) => {
    const paymentRequest = { payer_wallet_id: from.id, amount: 2 };
    const request = await create(to.token, "/v1/wallet/payment-requests", paymentRequest);
    const path = `/v1/wallet/payment-requests/${request}/accept`;
    const { status } = await retryUntilKnown(from.token, "POST", path);
    expect([200, 422]).toContain(status);
    if (status === 200) pay(from.id, to.id, 2);
  },
  async (from) => {
    const withdrawal = await create(from.token, "/v1/wallet/withdrawals", { amount: 4, details: "DE02" });
    if (withdrawal === undefined) return;
    await ended(bankKey, `/v1/withdrawals/${withdrawal}/confirm`);
    sum(balances, from.id, -4);
  },
  async (from) => {
    const withdrawal = await create(from.token, "/v1/wallet/withdrawals", { amount: 4, details: "DE02" });
    if (withdrawal !== undefined) await ended(bankKey, `/v1/withdrawals/${withdrawal}/fail`);
  },
];

async function topup(i: number): Promise<void> {
  const sale = { phone: `0912000000${i % 5}`, amount: 100, reference: `sale-${i}` };
  expect((await retryUntilKnown(sellerKey, "POST", "/v1/topups", sale)).status).toBe(201);
  credit -= 100;
  sold += 1;
}

const PROGRAMMES = [loyalty, voucher, segment, wallet, topup];

/** Each worker works sequentially, so that its acknowledged facts are the expected state. */
async function work(programme: (i: number) => Promise<void>): Promise<void> {
  for (let i = 1; !run.isOver; i++) {
    await programme(i);
    run.rounds += 1;
  }
}

function roundsPass(count: number): Promise<void> {
  const end = run.rounds + count;
  return until("work is done", () => run.rounds >= end, 60_000);
}

test("kill -9 under a mixed load of all five programmes: every acknowledged fact is present once, and the books balance", async () => {
  const working = Promise.all(PROGRAMMES.map(work));
  for (let kill = 0; kill < KILLS; kill++) {
    await Promise.race([roundsPass(ROUNDS_BETWEEN_KILLS), working]);
    await house.restart();
  }
  await Promise.race([roundsPass(ROUNDS_BETWEEN_KILLS), working]);
  run.isOver = true;
  await working;
  const acme = house.caller(partnerKey);
  await checkPartner(acme);
  for (const { id, token } of wallets)
    expect(await house.caller(token).get("/v1/wallet")).toMatchObject({ balance: balances.get(id) ?? 0 });
  expect(await house.caller(houseKey).get("/v1/trial-balance")).toMatchObject({ balanced: true });
}, 300_000);

async function checkPartner(acme: Caller): Promise<void> {
  for (const [path, balance] of points) {
    expect(await acme.get(path)).toMatchObject({ balance });
    const entries = await acme.all(`${path}/entries?limit=500`);
    expect(entries.reduce((total, { amount }) => total + Number(amount), 0)).toBe(balance);
  }
  const listed = new Map<string, string>();
  for (let i = 0; i < 4; i++)
    for (const status of ["valid", "redeemed"])
      for (const { code } of await acme.all(
        `/v1/vouchers?email=c${i}@example.com&status=${status}&limit=500`,
      ))
        listed.set(String(code), status);
  expect(listed).toEqual(vouchers);
  for (const [user, held] of memberships) {
    const { segments } = (await acme.get(`/v1/users/${user}/segments`)) as { segments: { slug: string }[] };
    expect(new Set(segments.map(({ slug }) => slug))).toEqual(held);
  }
  expect(await acme.get("/v1/sellers/s")).toMatchObject({ credit, total_sold: 100 * sold });
  expect(await acme.get("/v1/sellers/s/reconciliation")).toMatchObject({ reconciled: true });
  const phones = await acme.all("/v1/phones");
  expect(phones.reduce((total, { topups }) => total + Number(topups), 0)).toBe(sold);
  expect(await acme.get("/v1/trial-balance")).toMatchObject({ balanced: true });
}
