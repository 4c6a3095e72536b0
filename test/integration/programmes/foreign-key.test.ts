/** I12: another partner's key, a narrower key or no key reveals nothing about a partner's data. */
import { beforeAll, expect, test } from "vitest";
import { parseTransferId } from "../../../src/actors/ledger/transfer-id.ts";
import type { Answer } from "../../support/server.ts";
import { type Fills, type OpenApi, type Pair, type Twin, twinsOf } from "./route-walk.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";

/** Prefix of all names of the other partner, so that an answer that reveals one contains it. */
const MARK = "zebra";
const PHONE = "+989121111222";
const AMOUNT = 424_242;

const house = startTestServer({ ISOLATION: "threads" });
let owner: Caller;
let document: OpenApi;
let fills: Fills;
/** Callers with a key that must not read the data, by role. */
const strangers = new Map<string, Caller>();
/** Texts that no answer may contain. */
let secrets: readonly string[];

/** Well-formed ids of things that the walk does not create; they belong to no partner. */
function plausible(...ids: readonly string[]) {
  return { pairs: ids.map((id): Pair => [`${MARK}-${id}`, `nobody-${id}`]), plausible: true };
}

async function makeThings() {
  await house.beginStatistics();
  owner = await house.partner(MARK);
  const { id: account } = await owner.post("/v1/accounts", 201, { id: `${MARK}-account`, asset: "USD/2" });
  const move = { debit_account: `@${MARK}`, credit_account: account, amount: AMOUNT };
  const transfer = await owner.post("/v1/transfers", 201, { ...move, memo: `${MARK}-memo` });
  const pending = await owner.post("/v1/transfers", 201, { ...move, pending: true });
  const member = { id: `${MARK}-member`, name: `${MARK}-name` };
  await owner.post("/v1/loyalty/members", 201, member);
  const points = { points: AMOUNT, description: `${MARK}-points` };
  const accrual = await owner.post(`/v1/loyalty/members/${member.id}/accruals`, 201, points);
  const name = `${MARK}-name`;
  const seller = await owner.post("/v1/sellers", 201, { id: `${MARK}-seller`, name });
  const wish = { seller: seller["id"], amount: AMOUNT, note: `${MARK}-note` };
  const approved = await (await owner.colleague()).post("/v1/credit-requests", 201, wish);
  await owner.post(`/v1/credit-requests/${String(approved["id"])}/approve`, 200);
  const request = await owner.post("/v1/credit-requests", 201, wish);
  const sale = { seller: seller["id"], phone: PHONE, amount: 7, reference: `${MARK}-reference` };
  const topup = await owner.post("/v1/topups", 201, sale);
  const key = await owner.post(`/v1/partners/${MARK}/keys`, 201, { role: "read", name: `${MARK}-key` });
  await owner.post("/v1/customers", 201, { email: `${MARK}@example.com` });
  const watch = { account, field: "held", when: "above", value: 1_000_000 };
  const monitor = await owner.post("/v1/monitors", 201, watch);
  const webhook = await owner.post("/v1/webhooks", 201, { url: `https://${MARK}.invalid/` });
  return { transfer, pending, accrual, approved, request, topup, key, monitor, webhook };
}

function idOf(thing: Json): string {
  return String(thing["id"]);
}

function transferPair(thing: Json): Pair {
  expect(parseTransferId(idOf(thing))).toBeDefined();
  return [idOf(thing), `${idOf(thing).slice(0, -6)}000000`];
}

function requestPair(thing: Json): Pair {
  return [idOf(thing), `${idOf(thing).slice(0, 5)}${"0".repeat(24)}`];
}

function fillsFor(things: Awaited<ReturnType<typeof makeThings>>): Fills {
  const marked = (noun: string): Pair => [`${MARK}-${noun}`, `nobody-${noun}`];
  const accounts: readonly Pair[] = [
    marked("account"),
    [`@${MARK}`, "@nobody"],
    [`credit:${MARK}-seller`, "credit:nobody-seller"],
    [`points:${MARK}-member`, "points:nobody-member"],
  ];
  const topups = [transferPair(things.topup)];
  const others = [things.transfer, things.pending, things.accrual].map(transferPair);
  const phone: Pair = [PHONE, "+989129999999"];
  const taking = (side: 0 | 1) => ({
    debit_account: marked("account")[side],
    credit_account: "@x",
    amount: 1,
  });
  const email = (side: 0 | 1) => ({ email: [`${MARK}@example.com`, "nobody@example.com"][side] });
  return {
    nouns: {
      accounts: { pairs: accounts },
      transfers: { pairs: [...others, ...topups] },
      partners: { pairs: [[MARK, "nobody"]], own: "other" },
      keys: { pairs: [[idOf(things.key), `key_${"0".repeat(24)}`]] },
      members: { pairs: [marked("member")] },
      sellers: { pairs: [marked("seller")] },
      "credit-requests": { pairs: [things.request, things.approved].map(requestPair) },
      topups: { pairs: topups },
      phones: { pairs: [phone] },
      shards: { pairs: [["0", "99"]] },
      customers: { pairs: [[`${MARK}@example.com`, "nobody@example.com"]] },
      offers: plausible("offer"),
      vouchers: plausible("VOUCHER1"),
      "voucher-batches": plausible("batch"),
      segments: { pairs: [["ZEBRA_SEGMENT", "NOBODY_SEGMENT"]], plausible: true },
      users: plausible("user"),
      "segment-reports": plausible("report"),
      holds: plausible("hold"),
      "payment-requests": plausible("pay"),
      withdrawals: plausible("withdrawal"),
      deposits: plausible("deposit"),
      "wallet-transfers": plausible("wallet-transfer"),
      "wallet-users": plausible("wallet-user"),
      webhooks: { pairs: [[idOf(things.webhook), `wh_${"0".repeat(24)}`]] },
      deliveries: plausible("delivery"),
      monitors: { pairs: [[idOf(things.monitor), `mon_${"0".repeat(24)}`]] },
    },
    queries: {
      limit: null,
      cursor: null,
      from: null,
      to: null,
      "GET /v1/sellers/{id}/report from": "2026-01-01",
      "GET /v1/sellers/{id}/report to": "2026-01-02",
      at: null,
      status: null,
      consistent: null,
      date: "2026-01-01",
      dry_run: [["true", "true"]],
      account: accounts,
      prefix: [[MARK, "nobod"]],
      ids: [marked("account")],
      seller: [marked("seller")],
      phone: [phone],
      name: [[`${MARK}-name`, "nobody"]],
      email: [[`${MARK}@example.com`, "nobody@example.com"]],
      role: null,
      types: null,
      after: null,
      subject: [marked("account")],
      step: null,
      time_zone: null,
      reference: null,
    },
    bodies: {
      "POST /v1/transfers": taking,
      "POST /v1/transfers/batch": (side) => ({ transfers: [taking(side)] }),
      "POST /v1/transfers/{id}/post": () => ({}),
      "POST /v1/accounts": (side) => ({ id: marked("account")[side], asset: "USD/2" }),
      "POST /v1/partners": (side) => ({ id: [MARK, "nobody"][side], name: "x" }),
      "PATCH /v1/partners/{id}": () => ({ name: "x" }),
      "POST /v1/loyalty/members": (side) => ({ id: marked("member")[side] }),
      "PATCH /v1/loyalty/members/{id}": () => ({ name: "x" }),
      "POST /v1/loyalty/movements/batch": (side) => ({
        movements: [{ type: "accrual", member: marked("member")[side], points: 1, description: "x" }],
      }),
      "POST /v1/customers": email,
      "POST /v1/vouchers": (side) => ({
        ...email(side),
        offer_name: "none",
        expires_at: "2090-01-01T00:00:00Z",
      }),
      "POST /v1/voucher-batches": (side) => ({
        offer_name: "none",
        expires_at: "2090-01-01T00:00:00Z",
        emails: [email(side).email],
      }),
      "POST /v1/segments": (side) => ({ slug: ["ZEBRA_SEGMENT", "NOBODY_SEGMENT"][side] }),
      "POST /v1/users": (side) => ({ id: marked("user")[side] }),
      "PATCH /v1/segments/{slug}": () => ({ user_percent: 50 }),
      "POST /v1/vouchers/{code}/validate": email,
      "POST /v1/vouchers/{code}/redeem": email,
      "POST /v1/vouchers/{code}/rollback": email,
      "POST /v1/wallet/password": () => ({ password: "an old password", new_password: "a new password" }),
      "POST /v1/wallet/password/reset": () => ({ token: "wr_unknown", password: "a new password" }),
      "PUT /v1/wallet-users/{id}/limits": () => ({ limits: [] }),
      "POST /v1/wallet-transfers/{id}/correct": () => ({ reason: "x" }),
      "POST /v1/deposits/{id}/return": () => ({ reason: "x" }),
      "POST /v1/sellers": (side) => ({ id: marked("seller")[side], name: "x" }),
      "PATCH /v1/sellers/{id}": () => ({ low_credit_threshold: 5 }),
      "POST /v1/monitors": () => ({ prefix: "any", field: "posted", when: "above", value: 1 }),
      "POST /v1/credit-requests": (side) => ({ seller: marked("seller")[side], amount: 1 }),
      "PUT /v1/topup-settings": () => ({ phone_limits: null }),
      "POST /v1/topups": (side) => ({ seller: marked("seller")[side], phone: PHONE, amount: 1 }),
    },
  };
}

/** Everything that the owner can read, to detect changes. */
async function inventory(): Promise<readonly unknown[]> {
  const lists = [
    "/v1/accounts",
    "/v1/transfers",
    "/v1/loyalty/members",
    "/v1/sellers",
    "/v1/credit-requests",
  ];
  const more = ["/v1/topups", "/v1/phones"];
  const rows = await Promise.all([...lists, ...more].map((path) => owner.all(path)));
  const keys = await owner.all(`/v1/partners/${MARK}/keys`);
  return [
    rows,
    keys.map((key) => ({ ...key, last_used_at: null })),
    await owner.get("/v1/loyalty/settings"),
    (await owner.get("/v1/trial-balance"))["assets"],
  ];
}

beforeAll(async () => {
  const things = await makeThings();
  const other = await house.partner("other");
  strangers.set("another partner's key", other);
  await other.post("/v1/sellers", 201, { id: "stall", name: "Stall" });
  const keys: [string, Json][] = [
    ["another partner's read key", { role: "read" }],
    ["another partner's bank key", { role: "bank", name: "north" }],
    ["another partner's seller key", { role: "seller", seller: "stall" }],
  ];
  for (const [name, body] of keys) {
    const { api_key: key } = await other.post("/v1/partners/other/keys", 201, body);
    strangers.set(name, house.caller(String(key)));
  }
  const { api_key: neighbour } = await owner.post("/v1/sellers", 201, { id: "stall", name: "Stall" });
  strangers.set("the key of another seller of the partner", house.caller(String(neighbour)));
  const { api_key: bank } = await owner.post(`/v1/partners/${MARK}/keys`, 201, {
    role: "bank",
    name: "north",
  });
  strangers.set("the bank key of the partner", house.caller(String(bank)));
  document = (await owner.get("/openapi.json")) as unknown as OpenApi;
  fills = fillsFor(things);
  const ids = Object.values(things).map(idOf);
  secrets = [MARK, String(AMOUNT), PHONE.slice(1), ...ids];
});

/** The answer without the names in the request. Numbers are kept: they are too short to be recognised as names. */
function anonymous(text: string, { names }: Twin, side: 0 | 1): string {
  const said = names.map((pair) => pair[side]).filter((name) => !/^\d+$/.test(name));
  return said
    .toSorted((a, b) => b.length - a.length)
    .reduce((masked, name) => masked.replaceAll(name, "<it>"), text);
}

/** @param expected allowed statuses; default: any. */
async function walk(name: string, caller: Caller, twin: Twin, expected?: readonly number[]): Promise<void> {
  const { method, paths, bodies } = twin;
  const real = await caller.client.send(method, paths[0], bodies[0]);
  const missing = await caller.client.send(method, paths[1], bodies[1]);
  const what = `${method} ${paths[0]} with ${name}: ${real.status} ${real.text}`;
  expect(real.status, what).toBe(missing.status);
  expect(real.status, what).toBeLessThan(500);
  if (expected !== undefined) expect(expected, what).toContain(real.status);
  const said = anonymous(real.text, twin, 0);
  // If the caller creates its own thing with the same name, the answers differ in ids and times.
  if (real.status >= 400 || method === "GET") expect(said, what).toBe(anonymous(missing.text, twin, 1));
  for (const secret of secrets) expect(said, what).not.toContain(secret);
  if (real.status >= 400 || method === "GET") expect(headerNames(real), what).toEqual(headerNames(missing));
  const headers = anonymous(JSON.stringify(real.headers), twin, 0);
  for (const secret of secrets) expect(headers, what).not.toContain(secret);
}

function headerNames({ headers }: Answer): readonly string[] {
  return Object.keys(headers).toSorted();
}

/** A system account has no settings to change: such a request answers 400 for every caller. */
function expectedOf({ isNamed, names }: Twin): readonly number[] | undefined {
  if (!isNamed) return undefined;
  return names.some(([name]) => name.startsWith("@")) ? [400, 403, 404] : [403, 404];
}

/** Routes that create the caller's own things, with names that the other partner also uses. */
const CREATES = [
  "POST /v1/accounts",
  "POST /v1/loyalty/members",
  "POST /v1/sellers",
  "POST /v1/partners",
  "POST /v1/customers",
  "PUT /v1/offers/{name}",
  "POST /v1/segments",
  "POST /v1/users",
  "PATCH /v1/users/{id}/segments",
];

function isCreation({ method, route }: Twin): boolean {
  return CREATES.includes(`${method} ${route}`);
}

test("I12 without a key every route except the public ones answers 401, with any parameters", async () => {
  const nobody = house.caller("");
  const twins = twinsOf(document, fills);
  expect(new Set(twins.map(({ method, route }) => `${method} ${route}`)).size).toBeGreaterThan(45);
  for (const twin of twins) await walk("no key", nobody, twin, [401]);
});

function isFeed({ route }: Twin): boolean {
  return route === "/v1/events";
}

test("I12 a partner's data is closed to keys of other partners and to narrower keys", async () => {
  const before = await inventory();
  const twins = twinsOf(document, fills);
  const others = twins.filter((twin) => !isFeed(twin));
  const groups = [
    // A feed shows the caller its own refused requests, so it is read before there are any.
    twins.filter(isFeed),
    others.filter(({ isNamed }) => isNamed),
    others.filter((twin) => !twin.isNamed && !isCreation(twin)),
    others.filter(isCreation),
  ];
  for (const group of groups)
    for (const [name, caller] of strangers)
      for (const twin of group) await walk(name, caller, twin, expectedOf(twin));
  expect(await inventory()).toEqual(before);
});

test("I12 a cursor from another partner's list shows only the caller's own list", async () => {
  const caller = await house.partner("third");
  const things = [
    ["/v1/accounts", { asset: "USD/2" }],
    ["/v1/loyalty/members", {}],
    ["/v1/sellers", { name: "x" }],
    ["/v1/segments", null],
  ] as const;
  for (const [path, body] of things) {
    for (const side of ["y", "z"]) {
      const named =
        body === null ? { slug: `CURSOR_${side.toUpperCase()}` } : { id: `cursor-${side}`, ...body };
      await caller.post(path, 201, named);
      await owner.post(
        path,
        201,
        body === null ? { slug: `ZEBRA_${side}`.toUpperCase() } : { ...body, id: `${MARK}-${side}` },
      );
    }
    const { next_cursor: cursor } = await owner.get(`${path}?limit=1`);
    expect(cursor, path).toEqual(expect.any(String));
    const { status, text } = await caller.client.send("GET", `${path}?cursor=${String(cursor)}`);
    expect([200, 400], `${path}: ${text}`).toContain(status);
    for (const secret of [...secrets, "ZEBRA"]) expect(text, path).not.toContain(secret);
    const own = new Set((await caller.all(path)).map((row) => JSON.stringify(row)));
    const shown = status === 200 ? (JSON.parse(text) as { data: Json[] }).data : [];
    for (const row of shown) expect(own, path).toContain(JSON.stringify(row));
  }
});

test("I12 a key for another partner's seller cannot be created", async () => {
  const caller = strangers.get("another partner's key") as Caller;
  const bodies = [`${MARK}-only`, "nobody"].map((seller) => ({ role: "seller", seller }));
  await owner.post("/v1/sellers", 201, { id: `${MARK}-only`, name: "Only here" });
  for (const body of bodies)
    await caller.refused("POST", "/v1/partners/other/keys", 404, "seller_not_found", body);
});

test("I12 a read key reads what its partner's key reads, and changes nothing", async () => {
  const { api_key: key } = await owner.post(`/v1/partners/${MARK}/keys`, 201, { role: "read" });
  const reader = house.caller(String(key));
  for (const { method, paths, bodies } of twinsOf(document, fills)) {
    const { status, text } = await reader.client.send(method, paths[0], bodies[0]);
    const expected = method === "GET" ? (await owner.client.send(method, paths[0])).status : 403;
    expect(status, `${method} ${paths[0]}: ${text}`).toBe(expected);
  }
});

test("I12 the walk fails at a route whose parameters it cannot fill", () => {
  const operation = { security: [{}] };
  const withRoute = (path: string, more: object = {}): OpenApi => {
    return { ...document, paths: { ...document.paths, [path]: { post: { ...operation, ...more } } } };
  };
  expect(() => twinsOf(withRoute("/v1/gadgets/{id}"), fills)).toThrow("gadgets");
  const query = { parameters: [{ in: "query", name: "gadget" }] };
  expect(() => twinsOf(withRoute("/v1/gadgets", query), fills)).toThrow("?gadget=");
  const requestBody = { required: true, content: { "application/json": { schema: {} } } };
  expect(() => twinsOf(withRoute("/v1/gadgets", { requestBody }), fills)).toThrow(
    "the body of POST /v1/gadgets",
  );
});
