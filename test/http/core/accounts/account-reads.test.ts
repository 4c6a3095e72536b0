import { describe, expect, test } from "vitest";
import { NOW_MS } from "../../fake-book.ts";
import { createTestApp, problemOf, type TestApp } from "../../test-app.ts";

type Account = { id: string; limits: unknown[]; [name: string]: unknown };

async function open({ request }: TestApp, json: Record<string, unknown>): Promise<Account> {
  const response = await request("POST", "/v1/accounts", { json: { asset: "USD/2", ...json } });
  expect(response.status).toBe(201);
  return (await response.json()) as Account;
}

describe("limits", () => {
  const LIMITS = [
    { window_s: 1, direction: "debit", max_amount: 0 },
    { window_s: 1, direction: "credit", max_count: 3 },
    { window_s: 31_622_400, direction: "debit", max_amount: Number.MAX_SAFE_INTEGER, max_count: 0 },
  ];
  const ASKED = [
    { windowS: 1, direction: "debit", maxAmount: 0, maxCount: null },
    { windowS: 1, direction: "credit", maxAmount: null, maxCount: 3 },
    { windowS: 31_622_400, direction: "debit", maxAmount: Number.MAX_SAFE_INTEGER, maxCount: 0 },
  ];

  test("are set when the account is created, changed, and shown as given", async () => {
    const app = createTestApp();
    const created = await open(app, { id: "a", limits: LIMITS });
    expect(app.ledger.commands.at(-1)).toMatchObject({ op: "create_account", limits: ASKED });
    expect(created.limits).toEqual(LIMITS);
    const read = await app.request("GET", "/v1/accounts/a");
    expect(await read.json()).toEqual(created);
    const [first] = LIMITS;
    const patched = await app.request("PATCH", "/v1/accounts/a", { json: { limits: [first] } });
    expect(app.ledger.commands.at(-1)).toMatchObject({ op: "update_account", limits: [ASKED[0]] });
    expect(((await patched.json()) as Account).limits).toEqual([first]);
    const none = await app.request("PATCH", "/v1/accounts/a", { json: { limits: [] } });
    expect(app.ledger.commands.at(-1)).toMatchObject({ limits: [] });
    expect(((await none.json()) as Account).limits).toEqual([]);
  });

  test("up to 16 are accepted, and each direction has its own windows", async () => {
    const app = createTestApp();
    const limits = Array.from({ length: 16 }, (_, i) => ({
      window_s: 60 + Math.floor(i / 2),
      direction: i % 2 === 0 ? "debit" : "credit",
      max_count: i,
    }));
    expect((await open(app, { limits })).limits).toEqual(limits);
  });

  test("are absent from the command if the request has none", async () => {
    const app = createTestApp();
    await open(app, { id: "a" });
    expect(app.ledger.commands.at(-1)).not.toHaveProperty("limits");
    await app.request("PATCH", "/v1/accounts/a", { json: { floor: -5 } });
    expect(app.ledger.commands.at(-1)).not.toHaveProperty("limits");
  });

  test("of -0 become 0", async () => {
    const app = createTestApp();
    const body =
      '{"asset":"USD/2","limits":[{"window_s":60,"direction":"debit","max_amount":-0,"max_count":-0}]}';
    await app.request("POST", "/v1/accounts", { body, headers: { "content-type": "application/json" } });
    const [command] = app.ledger.commands;
    const limits = command?.op === "create_account" ? command.limits : undefined;
    expect(limits).toEqual([{ windowS: 60, direction: "debit", maxAmount: 0, maxCount: 0 }]);
  });

  test("change the fingerprint of the request", async () => {
    const app = createTestApp();
    const headers = { "idempotency-key": "k" };
    const json = { asset: "USD/2", limits: LIMITS };
    await app.request("POST", "/v1/accounts", { json, headers });
    const other = { ...json, limits: LIMITS.slice(1) };
    const response = await app.request("POST", "/v1/accounts", { json: other, headers });
    expect((await problemOf(response)).code).toBe("idempotency_key_reused");
  });
});

describe("an account at a past moment", () => {
  test.each([
    ["2026-11-20T11:00:00.000%2B01:00", NOW_MS],
    ["2026-11-20T10:00:01.000Z", NOW_MS + 1000],
    ["2026-11-20T10:00:00.999999Z", NOW_MS + 999],
  ])("at %s", async (at, askedAtMs) => {
    const app = createTestApp();
    const account = await open(app, { id: "a/b" });
    const response = await app.request("GET", `/v1/accounts/a%2Fb?at=${at}`);
    expect(app.ledger.askedAtMs).toBe(askedAtMs);
    expect(await response.json()).toEqual(account);
  });

  test("is unknown before it existed; without a moment the current state is read", async () => {
    const app = createTestApp();
    await open(app, { id: "a" });
    const before = await app.request("GET", "/v1/accounts/a?at=2026-11-20T09:59:59.999Z");
    expect(await problemOf(before)).toMatchObject({ status: 404, code: "account_not_found" });
    app.ledger.askedAtMs = undefined;
    expect((await app.request("GET", "/v1/accounts/a")).status).toBe(200);
    expect(app.ledger.askedAtMs).toBeUndefined();
  });

  test.each([
    ["/v1/accounts/a?at=2026-11-20T10:00:01.001Z", "at"],
    ["/v1/accounts/@bank?at=2026-11-20T10:00:00Z", "at"],
    ["/v1/accounts?consistent=true", "consistent"],
    ["/v1/accounts?ids=@bank,a&consistent=true", "ids"],
    ["/v1/accounts?ids=a&consistent=true&limit=5", "limit"],
  ])("GET %s is 400", async (path, field) => {
    const app = createTestApp();
    await open(app, { id: "a" });
    const problem = await problemOf(await app.request("GET", path));
    expect(problem.code).toBe("validation_failed");
    expect(problem.errors?.map((error) => error.path)).toEqual([field]);
  });
});

const idsOf = (body: unknown) => (body as { data: Account[] }).data.map(({ id }) => id);

describe("accounts by id", () => {
  test("end where a page ends, and the rest follows with the same ids and the cursor", async () => {
    const app = createTestApp();
    for (const id of ["a", "b", "c"]) await open(app, { id });
    const read = app.ledger.accounts.bind(app.ledger);
    app.ledger.accounts = async (partner, ids) => ({ ...(await read(partner, ids.slice(0, 3))), read: 3 });
    const path = "/v1/accounts?ids=b,nobody,a,none,c";
    const first = await (await app.request("GET", path)).json();
    expect(idsOf(first)).toEqual(["b", "a"]);
    expect(first).toMatchObject({ missing: ["nobody"], next_cursor: "a" });
    app.ledger.accounts = read;
    const rest = await (await app.request("GET", `${path}&cursor=a`)).json();
    expect(idsOf(rest)).toEqual(["c"]);
    expect(rest).toMatchObject({ missing: ["none"], next_cursor: null });
  });

  test.each([
    ["/v1/accounts?ids=a&cursor=b", "cursor"],
    ["/v1/accounts?ids=a&cursor=a&consistent=true", "cursor"],
  ])("GET %s is 400", async (path, field) => {
    const app = createTestApp();
    await open(app, { id: "a" });
    const problem = await problemOf(await app.request("GET", path));
    expect(problem.errors?.map((error) => error.path)).toEqual([field]);
  });

  test("a consistent cut that exceeds a page is refused", async () => {
    const app = createTestApp();
    await open(app, { id: "a" });
    app.ledger.consistentAccounts = async () => undefined;
    const problem = await problemOf(await app.request("GET", "/v1/accounts?ids=a&consistent=true"));
    expect(problem).toMatchObject({ status: 400, detail: expect.stringContaining("1 MiB") });
  });
});

describe("a consistent cut", () => {
  test("has the accounts in the requested order, the missing ones, and the amounts in transit", async () => {
    const app = createTestApp();
    const a = await open(app, { id: "a" });
    const b = await open(app, { id: "b" });
    app.ledger.inTransit = { "USD/2": 7n, "PTS/0": 1n };
    const response = await app.request("GET", "/v1/accounts?ids=b,nobody,a,b&consistent=true");
    expect(await response.json()).toEqual({
      data: [b, a],
      missing: ["nobody"],
      in_transit: { "USD/2": 7, "PTS/0": 1 },
    });
  });

  test("has an empty in_transit if nothing is in transit; other reads have no in_transit", async () => {
    const app = createTestApp();
    const a = await open(app, { id: "a" });
    const cut = await app.request("GET", "/v1/accounts?ids=a&consistent=true");
    expect(await cut.json()).toEqual({ data: [a], missing: [], in_transit: {} });
    const loose = await app.request("GET", "/v1/accounts?ids=a&consistent=false");
    expect(await loose.json()).toEqual({ data: [a], missing: [], next_cursor: null });
  });
});
