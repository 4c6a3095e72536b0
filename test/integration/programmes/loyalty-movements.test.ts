/** References, tills, batches, points that begin later, and members by name, over HTTP. */
import { Packr } from "msgpackr";
import { beforeAll, expect, test } from "vitest";
import { readFeed } from "../../support/event-stream.ts";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";

const MEMBERS = "/v1/loyalty/members";
const BATCH = "/v1/loyalty/movements/batch";
const LATE = "2999-01-01T00:00:00.000Z";

function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}

function body(points: number, more: Json = {}): Json {
  return { points, description: "x", ...more };
}

const house = startTestServer({ ISOLATION: "processes" });
let acme: Caller;
let key: string;
let made = 0;

beforeAll(async () => {
  key = await house.newPartner("acme");
  acme = house.caller(key);
});

async function member(more: Json = {}): Promise<string> {
  made += 1;
  await acme.post(MEMBERS, 201, { id: `m${made}`, ...more });
  return `${MEMBERS}/m${made}`;
}

const accrue = (path: string, points: number, more: Json = {}) =>
  acme.post(`${path}/accruals`, 201, body(points, more));
const redeem = (path: string, points: number) => acme.post(`${path}/redemptions`, 201, body(points));
const revert = (id: unknown, status = 201) => acme.post(`/v1/transfers/${String(id)}/revert`, status);
const eventsOf = (query: string) => readFeed(acme.client, `/v1/events?${query}`);
const keyOf = async (more: Json) => String((await acme.post("/v1/partners/acme/keys", 201, more))["api_key"]);

async function reconciled(path: string): Promise<void> {
  const account = path.replace(`${MEMBERS}/`, "/v1/accounts/points:");
  expect(await acme.get(`${account}/reconciliation`)).toMatchObject({ reconciled: true });
  expect(await acme.get("/v1/trial-balance")).toMatchObject({ balanced: true });
}

test("a reference is used once for a member, also by a redemption; the problem names the first movement", async () => {
  const [path, other] = [await member(), await member()];
  const said = { reference: "receipt-1", metadata: { order: "17" } };
  const first = await accrue(path, 10, said);
  expect(first).toMatchObject({ ...said, points: 10, balance: 10 });
  for (const kind of ["accruals", "redemptions"])
    expect(await acme.post(`${path}/${kind}`, 409, body(1, said))).toMatchObject({
      code: "duplicate_reference",
      id: first["id"],
    });
  expect(await accrue(other, 10, said)).toMatchObject(said);
  await revert(first["id"]);
  expect(await acme.post(`${path}/accruals`, 409, body(1, said))).toMatchObject({ id: first["id"] });
  const [, entry] = await acme.all(`${path}/entries`);
  expect(entry).toMatchObject({ ...said, type: "accrual", till: null });
  expect(await acme.get(`/v1/transfers/${String(first["id"])}`)).toMatchObject(said);
  const events = await eventsOf(`types=transfer.posted&subject=points:m${made - 1}`);
  expect(events[0]?.["data"]).toMatchObject({ id: first["id"], ...said });
});

test("of many requests with one reference at once exactly one moves points", async () => {
  for (let round = 0; round < 8; round++) {
    const path = await member();
    const statuses = await acme.race(12, (client, i) =>
      client.send("POST", `${path}/${i % 3 === 2 ? "redemptions" : "accruals"}`, body(5, { reference: "r" })),
    );
    const balance = Number((await acme.get(path))["balance"]);
    expect(statuses.get(201) ?? 0, JSON.stringify([...statuses])).toBe(1);
    expect(balance).toBe(5);
  }
});

test("a till credits and debits points and reads members, and nothing else; its name is in the entries", async () => {
  const path = await member({ name: "Tilda" });
  await acme.refused("POST", "/v1/partners/acme/keys", 400, "validation_failed", { role: "till" });
  const till = house.caller(await keyOf({ role: "till", name: "till 7" }));
  const second = house.caller(await keyOf({ role: "till", name: "till 8" }));
  const retried = { "Idempotency-Key": `till-${made}` };
  const given = await till.ask("POST", `${path}/accruals`, 201, body(10), retried);
  expect(given).toMatchObject({ till: "till 7", balance: 10 });
  expect(await second.ask("POST", `${path}/accruals`, 201, body(10), retried)).toEqual(given);
  expect(await second.post(`${path}/redemptions`, 201, body(4))).toMatchObject({
    till: "till 8",
    balance: 6,
  });
  expect(await till.get(path)).toMatchObject({ balance: 6 });
  expect(await till.get(`${MEMBERS}?name=tild`)).toMatchObject({ data: [{ name: "Tilda" }] });
  await till.post(BATCH, 200, {
    movements: [{ type: "accrual", member: `m${made}`, ...body(1) }],
  });
  const entries = await acme.all(`${path}/entries`);
  expect(entries.map((entry) => entry["till"])).toEqual(["till 7", "till 8", "till 7"]);
  const csv = await fetch(`${house.server.url}${path}/entries`, {
    headers: { accept: "text/csv", authorization: `Bearer ${key}` },
  });
  expect(await csv.text()).toContain(",till 8,");
  const id = String(given["id"]);
  for (const [method, route, sent] of [
    ["POST", MEMBERS, { id: "x" }],
    ["PATCH", path, { name: "x" }],
    ["DELETE", path],
    ["GET", `${path}/entries`],
    ["GET", `${path}/lots`],
    ["GET", "/v1/loyalty/summary"],
    ["PUT", "/v1/loyalty/settings", { member_threshold: 1, total_threshold: 1 }],
    ["POST", `/v1/transfers/${id}/revert`],
    ["GET", `/v1/transfers/${id}`],
    ["GET", "/v1/accounts"],
    ["POST", "/v1/users", {}],
    ["GET", "/v1/events"],
  ] as const)
    await till.refused(method, route, 403, "forbidden", sent);
});

test("a batch moves points item by item, in each encoding, and a retry repeats each first answer", async () => {
  const [one, two] = [await member(), await member()].map((path) => path.slice(MEMBERS.length + 1));
  const movements = [
    { type: "accrual", member: one, ...body(30, { reference: "b1", metadata: { a: "1" } }) },
    { type: "redemption", member: one, ...body(50) },
    { type: "accrual", member: "nobody", ...body(1) },
    { type: "redemption", member: one, ...body(20) },
    { type: "redemption", member: one, ...body(1), expires_at: LATE },
    { type: "accrual", member: two, ...body(9, { activates_at: LATE }) },
    { type: "accrual", member: two, ...body(9, { activates_at: "2020-01-01T00:00:00Z" }) },
    { type: "accrual", member: one, ...body(1, { reference: "b1" }) },
    { type: "accrual", member: two, ...body(3), idempotency_key: `own-${made}` },
    { type: "gift", member: two, ...body(3) },
    { type: "accrual", member: two, ...body(3), extra: 1 },
  ];
  const expected = [
    { status: 201, id: expect.any(String) },
    { status: 422, code: "insufficient_funds" },
    { status: 404, code: "member_not_found" },
    { status: 201, id: expect.any(String) },
    { status: 400, code: "validation_failed" },
    { status: 201, id: expect.any(String) },
    { status: 400, code: "validation_failed" },
    { status: 409, code: "duplicate_reference" },
    { status: 201, id: expect.any(String) },
    { status: 400, code: "validation_failed" },
    { status: 400, code: "validation_failed" },
  ];
  const retried = { "Idempotency-Key": `batch-${made}` };
  const first = await acme.ask("POST", BATCH, 200, { movements }, retried);
  expect(first).toEqual({ results: expected });
  expect(await acme.ask("POST", BATCH, 200, { movements }, retried)).toEqual(first);
  expect(await acme.get(`${MEMBERS}/${one}`)).toMatchObject({ balance: 10, earned: 30, spent: 20 });
  expect(await acme.get(`${MEMBERS}/${two}`)).toMatchObject({ balance: 3, pending: 9 });
  const send = async (type: string, text: string | Uint8Array<ArrayBuffer>) => {
    const headers = { "content-type": type, authorization: `Bearer ${key}` };
    return fetch(house.server.url + BATCH, { method: "POST", body: text, headers });
  };
  const lines = movements.slice(2, 4).map((item) => JSON.stringify(item));
  const ndjson = await send("application/x-ndjson", `${lines.join("\n")}\nno json\n`);
  expect(await ndjson.json()).toMatchObject({
    results: [{ status: 404 }, { status: 422, code: "insufficient_funds" }, { status: 400 }],
  });
  const packr = new Packr({ useRecords: false, variableMapSize: true });
  const packed = await send("application/msgpack", new Uint8Array(packr.pack(movements.slice(3, 4))));
  expect(packr.unpack(Buffer.from(await packed.arrayBuffer()))).toMatchObject({
    results: [{ status: 422 }],
  });
  await acme.refused("POST", BATCH, 400, "validation_failed", { transfers: [] });
  const many = Array.from({ length: 10_001 }, () => 1);
  await acme.refused("POST", BATCH, 413, "batch_too_large", { movements: many });
  await acme.refused("POST", `${BATCH}?dry_run=true`, 400, "validation_failed", { movements: [] });
});

test("a large batch of movements is read on the other thread and moves the sum", async () => {
  const ids = [await member(), await member(), await member()];
  const names = ids.map((path) => path.slice(MEMBERS.length + 1));
  const movements = Array.from({ length: 3_000 }, (_, i) => ({
    type: "accrual",
    member: names[i % 3],
    ...body(1, { reference: `big-${i}` }),
  }));
  const first = await acme.ask("POST", BATCH, 200, { movements });
  expect((first["results"] as Json[]).filter(({ status }) => status === 201)).toHaveLength(3_000);
  const again = await acme.ask("POST", BATCH, 200, { movements: movements.slice(0, 500) });
  expect(new Set((again["results"] as Json[]).map(({ code }) => code))).toEqual(
    new Set(["duplicate_reference"]),
  );
  const balances = await Promise.all(ids.map(async (path) => Number((await acme.get(path))["balance"])));
  expect(balances.reduce((sum, balance) => sum + balance, 0)).toBe(3_000);
});

test("points that begin later are pending, cannot be spent, and then are an entry of their own", async () => {
  await acme.ask("PUT", "/v1/loyalty/settings", 200, { member_threshold: 50, total_threshold: 100_000 });
  const path = await member();
  const expires_at = LATE;
  const before = await acme.get("/v1/loyalty/summary");
  const soon = inMs(8_000);
  const later = await accrue(path, 70, { activates_at: soon, expires_at, reference: "later" });
  expect(later).toMatchObject({ points: 70, balance: 0, activates_at: soon, reference: "later" });
  const far = await accrue(path, 5, { activates_at: LATE });
  expect(await acme.get(path)).toMatchObject({ balance: 0, pending: 75, earned: 0 });
  expect(await acme.get(`${path}/lots`)).toMatchObject({
    data: [
      { id: later["id"], points: 70, expires_at, activates_at: soon },
      { id: far["id"], points: 5, expires_at: null, activates_at: LATE },
    ],
  });
  await acme.refused("POST", `${path}/redemptions`, 422, "insufficient_funds", body(1));
  await acme.refused("DELETE", path, 422, "account_not_empty");
  const summary = await acme.get("/v1/loyalty/summary");
  expect(Number(summary["pending"]) - Number(before["pending"])).toBe(75);
  expect(summary["outstanding"]).toBe(before["outstanding"]);
  expect(await acme.get(`/v1/transfers/${String(later["id"])}`)).toMatchObject({ status: "pending" });
  await acme.refused("POST", `/v1/transfers/${String(far["id"])}/post`, 422, "managed_account");
  await acme.refused("POST", `/v1/transfers/${String(far["id"])}/void`, 422, "managed_account");
  const type = "loyalty.member.above_threshold";
  expect(await eventsOf(`types=${type}&subject=m${made}`)).toEqual([]);
  await until("the points have begun", async () => (await acme.get(path))["balance"] === 70);
  expect(await acme.get(path)).toMatchObject({ balance: 70, pending: 5, earned: 70 });
  expect(await acme.all(`${path}/entries`)).toMatchObject([
    { type: "activation", amount: 70, balance_after: 70, transfer_id: later["id"], reference: "later" },
  ]);
  const events = await eventsOf(`types=${type}&subject=m${made}`);
  expect(events).toMatchObject([{ data: { balance: 70, transfer_id: later["id"] } }]);
  expect(await acme.get(`${path}/lots?limit=1`)).toMatchObject({ data: [{ id: later["id"], points: 70 }] });
  expect((await acme.all(`${path}/lots?limit=1`)).map(({ id }) => id)).toEqual([later["id"], far["id"]]);
  await redeem(path, 30);
  await reconciled(path);
});

test("a revert of points that have not begun voids them, once; afterwards it takes them back", async () => {
  const path = await member();
  const first = await accrue(path, 20, { activates_at: LATE });
  const retried = { "Idempotency-Key": `revert-${made}` };
  const url = `/v1/transfers/${String(first["id"])}/revert`;
  const undone = await acme.ask("POST", url, 201, undefined, retried);
  expect(undone).toMatchObject({ id: first["id"], status: "voided", posted_amount: 0 });
  expect(await acme.ask("POST", url, 201, undefined, retried)).toEqual(undone);
  await acme.refused("POST", url, 409, "already_reverted");
  expect(await acme.get(path)).toMatchObject({ balance: 0, pending: 0 });
  const second = await accrue(path, 30, { activates_at: inMs(1_000) });
  await until("the points have begun", async () => (await acme.get(path))["balance"] === 30);
  expect(await revert(second["id"])).toMatchObject({ reverts: second["id"], posted_amount: 30 });
  expect(await acme.get(path)).toMatchObject({ balance: 0, earned: 0 });
  expect((await acme.all(`${path}/entries`)).map(({ type }) => type)).toEqual(["revert", "activation"]);
  await reconciled(path);
});

test("of reverts around the moment at which points begin exactly one is done", async () => {
  for (let round = 0; round < 5; round++) {
    const path = await member();
    const given = await accrue(path, 10, { activates_at: inMs(800) });
    const startMs = performance.now();
    const racing = await acme.race(20, async (client, i) => {
      const restMs = 600 + 20 * i - (performance.now() - startMs);
      await new Promise((resolve) => setTimeout(resolve, restMs));
      return client.send("POST", `/v1/transfers/${String(given["id"])}/revert`, undefined, {
        "Idempotency-Key": `${path}-${i}`,
      });
    });
    expect(racing, JSON.stringify([...racing])).toEqual(
      new Map([
        [201, 1],
        [409, 19],
      ]),
    );
    expect(await acme.get(path)).toMatchObject({ balance: 0, pending: 0, earned: 0 });
    await reconciled(path);
  }
});

test("times must be in the future and in order, and pending points survive a restart", async () => {
  const path = await member();
  const at = (activates_at: string, expires_at: string) => body(1, { activates_at, expires_at });
  const url = `${path}/accruals`;
  for (const sent of [
    at("2999-01-02T00:00:00Z", LATE),
    at(LATE, LATE),
    body(1, { activates_at: "2020-01-01T00:00:00Z" }),
  ])
    await acme.refused("POST", url, 400, "validation_failed", sent);
  await acme.refused(
    "POST",
    `${path}/redemptions`,
    400,
    "validation_failed",
    body(1, { activates_at: LATE }),
  );
  await accrue(path, 8, { activates_at: inMs(2_500), expires_at: LATE });
  await accrue(path, 2, { activates_at: LATE });
  await house.restart();
  acme = house.caller(key);
  await until("the points have begun", async () => (await acme.get(path))["balance"] === 8);
  expect(await acme.get(path)).toMatchObject({ balance: 8, pending: 2 });
  expect(await acme.get(`${path}/lots`)).toMatchObject({ data: [{ points: 8 }, { points: 2 }] });
  await reconciled(path);
});

test("members are found by the beginning of their name, in pages; letter case and composition do not count", async () => {
  const names = ["Zoë Adler", "zoe\u0308 Brandt", "ZOËLLA", "Zora", "Aaron"];
  for (const name of names) await member({ name });
  const found = async (name: string, limit = 50) =>
    (await acme.all(`${MEMBERS}?limit=${limit}&name=${encodeURIComponent(name)}`)).map((row) => row["name"]);
  expect(await found("zoë")).toEqual(["Zoë Adler", "zoe\u0308 Brandt", "ZOËLLA"].map(String));
  expect(await found("ZO", 2)).toEqual([names[3], ...names.slice(0, 3)]);
  expect(await found("nobody")).toEqual([]);
  await acme.ask("PATCH", `${MEMBERS}/m${made}`, 200, { name: "Zoë Aaron" });
  expect(await found("Zoë a")).toEqual(["Zoë Aaron", "Zoë Adler"]);
  expect(await found("aaron")).toEqual([]);
  await acme.ask("DELETE", `${MEMBERS}/m${made}`, 204);
  expect(await found("zoë aa")).toEqual([]);
  await acme.refused("GET", `${MEMBERS}?name=`, 400, "validation_failed");
  await acme.refused("GET", `${MEMBERS}?name=z&cursor=@`, 400, "validation_failed");
});

test("a deleted member's references stay used, and its pending points are nobody's", async () => {
  const path = await member();
  const id = path.slice(MEMBERS.length + 1);
  const first = await accrue(path, 5, { reference: "once" });
  const later = await accrue(path, 3, { activates_at: inMs(1_000) });
  await until("the points have begun", async () => (await acme.get(path))["balance"] === 8);
  await redeem(path, 8);
  await acme.ask("DELETE", path, 204);
  await acme.post(MEMBERS, 201, { id });
  expect(await acme.post(`${path}/accruals`, 409, body(1, { reference: "once" }))).toMatchObject({
    id: first["id"],
  });
  await acme.refused("POST", `/v1/transfers/${String(later["id"])}/revert`, 404, "member_not_found");
  expect(await acme.get(path)).toMatchObject({ balance: 0, pending: 0, earned: 0 });
});
