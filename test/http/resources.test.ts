import { describe, expect, test } from "vitest";
import { OPERATOR } from "./fake-directory.ts";
import { createTestApp, problemOf, type TestApp } from "./test-app.ts";

const AT = "2026-11-20T10:00:00.000Z";

async function openAccount(
  { request }: TestApp,
  json: Record<string, unknown>,
  key?: string,
): Promise<Response> {
  return request("POST", "/v1/accounts", {
    json,
    headers: key === undefined ? {} : { "idempotency-key": key },
  });
}

describe("accounts", () => {
  test("an account is created with floor 0 and read by its encoded id", async () => {
    const app = createTestApp();
    const json = { id: "alice/points", asset: "PTS/0", metadata: { b: "2", a: "1" } };
    const created = await openAccount(app, json);
    expect(created.status).toBe(201);
    expect(created.headers.get("daybook-position")).toBe("0:1-1");
    const account = await created.json();
    expect(account).toEqual({
      id: "alice/points",
      asset: "PTS/0",
      status: "open",
      floor: 0,
      ceiling: null,
      limits: [],
      posted: 0,
      held: 0,
      available: 0,
      seq: 0,
      metadata: { a: "1", b: "2" },
      created_at: AT,
    });
    const read = await app.request("GET", "/v1/accounts/alice%2Fpoints");
    expect(await read.json()).toEqual(account);
    expect((await app.request("HEAD", "/v1/accounts/alice%2Fpoints")).status).toBe(200);
    expect((await problemOf(await openAccount(app, json))).code).toBe("account_exists");
  });

  test("floor and ceiling are as requested: none, a value, -0", async () => {
    const app = createTestApp();
    await openAccount(app, { id: "a", asset: "USD/2", floor: null, ceiling: 5, limits: [] });
    await openAccount(app, { id: "b", asset: "USD/2", floor: -5 });
    const minusZero = '{"id":"c","asset":"USD/2","floor":-0,"ceiling":-0}';
    await app.request("POST", "/v1/accounts", {
      body: minusZero,
      headers: { "content-type": "application/json" },
    });
    const rules = app.ledger.commands.map(
      (command) => "floor" in command && [command.floor, command.ceiling],
    );
    expect(rules).toEqual(
      [
        [null, 5],
        [-5, null],
        [0, null],
      ].map((rule, i) => (i === 2 ? [0, 0] : rule)),
    );
  });

  test("a generated id is the same for the same key, and different without a key", async () => {
    const app = createTestApp();
    const idOf = async (key?: string): Promise<string> => {
      const { id } = (await (await openAccount(app, { asset: "USD/2" }, key)).json()) as { id: string };
      expect(id).toMatch(/^acc_[0-9a-f]{24}$/);
      return id;
    };
    const first = await idOf("k");
    expect(await idOf("k")).toBe(first);
    expect(await idOf("l")).not.toBe(first);
    expect(await idOf()).not.toBe(await idOf());
    const others = await app.request("POST", "/v1/accounts", {
      key: "other-key",
      json: { asset: "USD/2" },
      headers: { "idempotency-key": "k" },
    });
    expect(((await others.json()) as { id: string }).id).not.toBe(first);
  });

  test("accounts are listed in pages, and several are read by id", async () => {
    const app = createTestApp();
    for (const id of ["a1", "a2", "a3", "b1"]) await openAccount(app, { id, asset: "USD/2" });
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page = await app.request(
        "GET",
        `/v1/accounts?prefix=a&limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`,
      );
      const { data, next_cursor } = (await page.json()) as {
        data: { id: string }[];
        next_cursor: string | null;
      };
      seen.push(...data.map(({ id }) => id));
      cursor = next_cursor;
    }
    expect(seen).toEqual(["a1", "a2", "a3"]);
    const response = await app.request("GET", "/v1/accounts?ids=b1,nobody,a1,b1");
    const answer = (await response.json()) as { data: { id: string }[]; missing: string[] };
    expect(answer.data.map(({ id }) => id)).toEqual(["b1", "a1"]);
    expect(answer.missing).toEqual(["nobody"]);
  });

  test("accounts are changed, frozen and closed; system accounts are not", async () => {
    const app = createTestApp();
    await openAccount(app, { id: "a", asset: "USD/2" });
    const patch = { floor: -5, metadata: { b: null, a: "1" } };
    expect((await app.request("PATCH", "/v1/accounts/a", { json: patch })).status).toBe(200);
    expect(app.ledger.commands.at(-1)).toMatchObject({ floor: -5, metadata: '{"a":"1","b":null}' });
    expect(app.ledger.commands.at(-1)).not.toHaveProperty("ceiling");
    for (const [action, status] of [
      ["freeze", "frozen"],
      ["unfreeze", "open"],
      ["close", "closed"],
    ]) {
      const response = await app.request("POST", `/v1/accounts/a/${action}`);
      expect(await response.json()).toMatchObject({ id: "a", status });
    }
    expect((await app.request("POST", "/v1/accounts/a/freeze", { json: {} })).status).toBe(200);
    expect((await app.request("POST", "/v1/accounts/a/freeze", { json: { x: 1 } })).status).toBe(400);
    expect((await app.request("POST", "/v1/accounts/@bank/freeze")).status).toBe(400);
    expect((await app.request("PATCH", "/v1/accounts/@bank", { json: {} })).status).toBe(400);
  });
});

describe("transfers", () => {
  const json = {
    debit_account: "@issuance",
    credit_account: "alice/points",
    amount: 5,
    memo: 'a "memo"',
    metadata: { order: "1017" },
    occurred_at: "2026-11-20T10:30:00.5+02:00",
  };

  test("a transfer is answered with its balances, repeated with the same answer, and read without balances", async () => {
    const app = createTestApp();
    await openAccount(app, { id: "alice/points", asset: "PTS/0" });
    const send = (): Promise<Response> =>
      app.request("POST", "/v1/transfers", { json, headers: { "idempotency-key": "order-1017" } });
    const first = await send();
    expect(first.status).toBe(201);
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    const text = await first.text();
    const { id, ...body } = JSON.parse(text) as { id: string; balances: unknown };
    expect(body).toEqual({
      status: "posted",
      postings: [{ debit_account: "@issuance", credit_account: "alice/points", amount: 5 }],
      posted_amount: 5,
      memo: 'a "memo"',
      metadata: { order: "1017" },
      occurred_at: "2026-11-20T08:30:00.500Z",
      created_at: AT,
      balances: { "alice/points": { posted: 5, held: 0, available: 5, seq: 1 } },
    });
    const again = await send();
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.headers.get("daybook-position")).toBe(first.headers.get("daybook-position"));
    expect(await again.text()).toBe(text);
    const { balances: _, ...withoutBalances } = { id, ...body };
    const read = await app.request("GET", `/v1/transfers/${id}`);
    expect(await read.json()).toEqual(withoutBalances);
    const list = await app.request("GET", "/v1/transfers?account=alice/points&status=posted");
    expect(await list.json()).toEqual({ data: [withoutBalances], next_cursor: null });
    const pending = await app.request("GET", "/v1/transfers?status=pending");
    expect(await pending.json()).toEqual({ data: [], next_cursor: null });
  });

  test("balances of both accounts are shown, but none of system accounts", async () => {
    const app = createTestApp();
    await openAccount(app, { id: "a", asset: "PTS/0" });
    await openAccount(app, { id: "b", asset: "PTS/0" });
    const balancesOf = async (debit_account: string, credit_account: string): Promise<string[]> => {
      const response = await app.request("POST", "/v1/transfers", {
        json: { debit_account, credit_account, amount: 1 },
      });
      return Object.keys(((await response.json()) as { balances: object }).balances);
    };
    expect(await balancesOf("a", "b")).toEqual(["a", "b"]);
    expect(await balancesOf("@x", "b")).toEqual(["b"]);
    expect(await balancesOf("a", "@x")).toEqual(["a"]);
    expect(await balancesOf("@x", "@y")).toEqual([]);
  });

  test("a transfer with one posting is the same command in both forms", async () => {
    const app = createTestApp();
    app.ledger.faults.rejection = "same_account";
    const { debit_account, credit_account, amount, ...rest } = json;
    const headers = { "idempotency-key": "k" };
    await app.request("POST", "/v1/transfers", { json, headers });
    const postings = [{ amount, credit_account, debit_account }];
    const again = await app.request("POST", "/v1/transfers", { json: { ...rest, postings }, headers });
    expect(again.headers.get("idempotency-replayed")).toBe("true");
  });
});

async function withEntries(): Promise<TestApp> {
  const app = createTestApp();
  await openAccount(app, { id: "alice", asset: "PTS/0" });
  for (const [amount, memo] of [
    [5, '=HYPERLINK("x")'],
    [7, "two\nlines, and a comma"],
  ]) {
    const json = { debit_account: "@issuance", credit_account: "alice", amount, memo };
    await app.request("POST", "/v1/transfers", { json });
  }
  return app;
}

describe("entries", () => {
  test("are newest first, with opening and closing balance if a range is requested", async () => {
    const { request } = await withEntries();
    const all = (await (await request("GET", "/v1/accounts/alice/entries")).json()) as Record<
      string,
      unknown
    >;
    expect(Object.keys(all)).toEqual(["data", "next_cursor"]);
    expect(all["data"]).toMatchObject([
      { seq: 2, amount: 7, balance_after: 12, counterparty: "@issuance", metadata: {}, at: AT },
      { seq: 1, amount: 5, balance_after: 5 },
    ]);
    const response = await request("GET", "/v1/accounts/alice/entries?from=2026-01-01T00:00:00Z");
    expect(await response.json()).toMatchObject({ opening_balance: 0, closing_balance: 7 });
    const system = await request("GET", "/v1/accounts/@issuance/entries?from=2026-01-01T00:00:00Z");
    const text = await system.text();
    expect(text).not.toMatch(/balance/);
    expect(JSON.parse(text)).toMatchObject({ data: [{ amount: -7 }, { amount: -5 }] });
  });

  test("as CSV are quoted by RFC 4180, and no cell is a formula to a spreadsheet", async () => {
    const { request } = await withEntries();
    const response = await request("GET", "/v1/accounts/alice/entries?limit=2", {
      headers: { accept: "text/csv" },
    });
    expect(response.headers.get("content-type")).toContain("text/csv");
    expect(response.headers.get("link")).toBe('</v1/accounts/alice/entries?limit=2&cursor=more>; rel="next"');
    const text = await response.text();
    expect(text.split("\r\n")[0]).toBe("seq,transfer_id,amount,balance_after,counterparty,memo,metadata,at");
    expect(text).toContain(`,7,12,@issuance,"two\nlines, and a comma",{},${AT}\r\n`);
    expect(text).toContain(`,5,5,@issuance,"'=HYPERLINK(""x"")",{},${AT}\r\n`);
  });

  test("of system accounts are shown, and reconciliation compares balance and sum", async () => {
    const { request } = await withEntries();
    expect(await (await request("GET", "/v1/accounts/alice/reconciliation")).json()).toEqual({
      account: "alice",
      balance: 12,
      entries_sum: 12,
      entries_count: 2,
      difference: 0,
      reconciled: true,
    });
    expect(await (await request("GET", "/v1/accounts/@issuance")).json()).toEqual({
      id: "@issuance",
      system: true,
      balances: { "PTS/0": { posted: -12, held: 0 } },
    });
    expect((await problemOf(await request("GET", "/v1/accounts/@nothing"))).code).toBe("account_not_found");
  });
});

const create = (app: TestApp, key: string, idempotencyKey?: string): Promise<Response> =>
  app.request("POST", "/v1/partners", {
    key,
    json: { id: "new", name: "New" },
    headers: idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey },
  });
type Created = { key_id: string; api_key: string | null };

describe("partners and keys", () => {
  test("a partner's first key works at once, is stored as a hash, and is not shown to a retry", async () => {
    const app = createTestApp();
    const first = (await (await create(app, OPERATOR, "k")).json()) as Created;
    expect(first).toMatchObject({ id: "new", name: "New", status: "active", created_at: AT });
    expect(first.api_key).toMatch(/^dk_partner_[A-Za-z0-9_-]{32}$/);
    expect(JSON.stringify(app.ledger.commands)).not.toContain(first.api_key);
    expect((await app.request("GET", "/v1/accounts", { key: first.api_key ?? "" })).status).toBe(200);
    const again = await create(app, OPERATOR, "k");
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(await again.json()).toEqual({ ...first, api_key: null, secret_shown: true });
  });

  test("a partner's key is shown once, also to a retry; every secret is different", async () => {
    const app = createTestApp();
    const make = async (key: string, headers: Record<string, string>): Promise<Record<string, unknown>> => {
      const response = await app.request("POST", "/v1/partners/acme/keys", {
        key,
        json: { role: "read", name: "r" },
        headers,
      });
      expect(response.status).toBe(201);
      return (await response.json()) as Record<string, unknown>;
    };
    const first = await make("acme-key", { "idempotency-key": "k" });
    expect(Object.keys(first)).toEqual(["id", "role", "name", "api_key"]);
    expect(first["api_key"]).toMatch(/^dk_read_/);
    for (const key of ["acme-key", OPERATOR])
      expect(await make(key, { "idempotency-key": "k" })).toEqual({
        ...first,
        api_key: null,
        secret_shown: true,
      });
    expect((await make("acme-key", {}))["api_key"]).not.toBe((await make("acme-key", {}))["api_key"]);
  });

  test("a secret cannot be derived from the request: the same request to another server gets a different one", async () => {
    const secrets = await Promise.all(
      [1, 2].map(async (salt) => {
        const app = createTestApp({ salt });
        return ((await (await create(app, OPERATOR, "k")).json()) as Created).api_key;
      }),
    );
    expect(secrets[0]).not.toBe(secrets[1]);
  });

  test("keys are listed with their prefix, and revoked", async () => {
    const app = createTestApp();
    const made = await app.request("POST", "/v1/partners/acme/keys", { json: { role: "read", name: "r" } });
    const { id, api_key } = (await made.json()) as { id: string; api_key: string };
    const list = await app.request("GET", "/v1/partners/acme/keys");
    const text = await list.text();
    expect(text).not.toContain(api_key);
    const { data } = JSON.parse(text) as { data: { id: string }[] };
    const prefix = api_key.slice(0, "dk_read_".length + 6);
    expect(data.find((key) => key.id === id)).toEqual({
      id,
      role: "read",
      name: "r",
      prefix,
      created_at: AT,
      last_used_at: null,
    });
    const revoked = await app.request("DELETE", `/v1/partners/acme/keys/${id}`);
    expect(revoked.status).toBe(204);
    expect(await revoked.text()).toBe("");
    expect(revoked.headers.get("daybook-position")).toMatch(/^0:1-/);
    expect((await app.request("GET", "/v1/accounts", { key: api_key })).status).toBe(401);
    const again = await app.request("DELETE", `/v1/partners/acme/keys/${id}`);
    expect((await problemOf(again)).code).toBe("key_not_found");
  });

  test("the operator lists, reads, renames and suspends partners", async () => {
    const { request } = createTestApp();
    const page = await request("GET", "/v1/partners?limit=1", { key: OPERATOR });
    const { data, next_cursor } = (await page.json()) as { data: { id: string }[]; next_cursor: string };
    expect(data.map(({ id }) => id)).toEqual(["acme"]);
    const next = await request("GET", `/v1/partners?cursor=${next_cursor}`, { key: OPERATOR });
    expect(await next.json()).toMatchObject({ data: [{ id: "other" }], next_cursor: null });
    expect((await request("GET", "/v1/partners?cursor=a*", { key: OPERATOR })).status).toBe(400);
    const json = { name: "Acme Ltd", status: "suspended" };
    const patched = await request("PATCH", "/v1/partners/acme", { key: OPERATOR, json });
    expect(await patched.json()).toEqual({ id: "acme", ...json, created_at: AT });
    expect((await request("GET", "/v1/accounts")).status).toBe(403);
    const unknown = await request("GET", "/v1/partners/nobody", { key: OPERATOR });
    expect((await problemOf(unknown)).code).toBe("partner_not_found");
  });
});
