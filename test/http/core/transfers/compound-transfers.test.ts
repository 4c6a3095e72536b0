import { describe, expect, test } from "vitest";
import { homeVnodeOf } from "../../../../src/actors/ledger/routing.ts";
import { createTestApp, problemOf } from "../../test-app.ts";
import {
  type Body,
  balance,
  GOOD,
  pending,
  send,
  transferOf,
  withAccounts,
} from "../accounts/two-accounts.ts";

const AT = "2026-11-20T10:00:00.000Z";
const MOST = Number.MAX_SAFE_INTEGER;

describe("the command of a request", () => {
  const ONE = [{ debit: "alice", credit: "bob", amount: 5 }];
  const compound = {
    op: "compound_transfer",
    postings: ONE,
    available: false,
    pending: false,
    timeoutMs: null,
  };
  test.each<[string, object, object]>([
    ["plain", GOOD, { op: "transfer", debit: "alice", credit: "bob", amount: 5 }],
    ["one posting", { postings: [GOOD] }, { op: "transfer", debit: "alice", credit: "bob", amount: 5 }],
    ["pending: false", { ...GOOD, pending: false }, { op: "transfer", debit: "alice" }],
    ["pending", { ...GOOD, pending: true }, { ...compound, pending: true }],
    ["one pending posting", { postings: [GOOD], pending: true }, { ...compound, pending: true }],
    [
      "pending for a minute",
      { ...GOOD, pending: true, timeout_s: 60 },
      { ...compound, pending: true, timeoutMs: 60_000 },
    ],
    [
      "pending for as long as it can be",
      { ...GOOD, pending: true, timeout_s: 31_622_400 },
      { ...compound, pending: true, timeoutMs: 31_622_400_000 },
    ],
    ["two postings", { postings: [GOOD, GOOD] }, { ...compound, postings: [...ONE, ...ONE] }],
    [
      "64 postings",
      { postings: Array.from({ length: 64 }, () => GOOD) },
      { ...compound, postings: Array.from({ length: 64 }, () => ONE[0]) },
    ],
    [
      "postings that sum to 2^53 − 1",
      { postings: [GOOD, { ...GOOD, amount: MOST - 5 }] },
      { ...compound, postings: [ONE[0], { debit: "alice", credit: "bob", amount: MOST - 5 }] },
    ],
    [
      "the available balance",
      { ...GOOD, amount: "available" },
      { ...compound, available: true, postings: [{ debit: "alice", credit: "bob", amount: MOST }] },
    ],
    [
      "the available balance, up to 5",
      { ...GOOD, amount: "available", max_amount: 5 },
      { ...compound, available: true },
    ],
    [
      "the available balance, pending",
      { ...GOOD, amount: "available", max_amount: 5, pending: true },
      { ...compound, available: true, pending: true },
    ],
    [
      "with all optional fields",
      {
        ...GOOD,
        pending: true,
        memo: "m",
        metadata: { b: "2", a: "1" },
        occurred_at: "2026-11-20T11:00:00+01:00",
      },
      { ...compound, pending: true, memo: "m", metadata: '{"a":"1","b":"2"}', occurredAtMs: Date.parse(AT) },
    ],
  ])("%s", async (_, json, command) => {
    const app = createTestApp();
    app.ledger.faults.rejection = "same_account";
    await send(app, json);
    const vnode = homeVnodeOf("acme", "alice", "bob", null);
    const remarks = { memo: null, metadata: null, occurredAtMs: null };
    expect(app.ledger.commands).toMatchObject([
      { partner: "acme", key: null, fingerprint: 0, vnode, ...remarks, ...command },
    ]);
  });

  test("the home vnode follows from the first posting, or from the key if both its accounts are system accounts", async () => {
    const app = createTestApp();
    app.ledger.faults.rejection = "same_account";
    const between = { debit_account: "@x", credit_account: "@y", amount: 1 };
    await send(app, { postings: [{ ...GOOD, debit_account: "@x" }, GOOD] });
    await send(app, { postings: [between, GOOD] }, "some-key");
    expect(app.ledger.commands).toMatchObject([
      { vnode: homeVnodeOf("acme", "bob", "", null) },
      { vnode: homeVnodeOf("acme", "@x", "@y", "some-key") },
    ]);
  });
});

describe("one idempotency key", () => {
  const OTHER = { debit_account: "bob", credit_account: "alice", amount: 7 };
  const variants: [string, object][] = [
    ["plain", GOOD],
    ["pending", { ...GOOD, pending: true }],
    ["with an expiry", { ...GOOD, pending: true, timeout_s: 60 }],
    ["with another expiry", { ...GOOD, pending: true, timeout_s: 61 }],
    ["the available balance, up to the same amount", { ...GOOD, amount: "available", max_amount: 5 }],
    ["the available balance", { ...GOOD, amount: "available" }],
    [
      "the available balance, up to the same amount, pending",
      { ...GOOD, amount: "available", max_amount: 5, pending: true },
    ],
    ["several postings", { postings: [GOOD, OTHER] }],
    ["in another order", { postings: [OTHER, GOOD] }],
    ["pending, several", { postings: [GOOD, OTHER], pending: true }],
    ["one posting more", { postings: [GOOD, OTHER, OTHER] }],
    ["with a memo", { postings: [GOOD, OTHER], memo: "m" }],
    ["with metadata", { postings: [GOOD, OTHER], metadata: { a: "1" } }],
    ["with a time", { postings: [GOOD, OTHER], occurred_at: AT }],
  ];

  test("distinguishes any two different requests", async () => {
    const app = createTestApp();
    app.ledger.faults.rejection = "same_account";
    for (const [i, [name, json]] of variants.entries()) {
      await send(app, json, `k${i}`);
      for (const [other, otherJson] of variants) {
        const { code } = await problemOf(await send(app, otherJson, `k${i}`));
        expect(code, `${name}, then ${other}`).toBe(
          name === other ? "same_account" : "idempotency_key_reused",
        );
      }
    }
  });

  test.each<[string, object, object]>([
    ["a plain one with pending: false", GOOD, { ...GOOD, pending: false }],
    ["one posting that is pending", { ...GOOD, pending: true }, { postings: [GOOD], pending: true }],
    [
      "the available balance, with and without the largest max_amount",
      { ...GOOD, amount: "available" },
      { ...GOOD, amount: "available", max_amount: MOST, pending: false },
    ],
    [
      "members in another order",
      { postings: [GOOD, OTHER], metadata: { a: "1", b: "2" } },
      { metadata: { b: "2", a: "1" }, postings: [GOOD, OTHER] },
    ],
    [
      "a time with another offset",
      { postings: [GOOD, OTHER], occurred_at: AT },
      { postings: [GOOD, OTHER], occurred_at: "2026-11-20T11:00:00+01:00" },
    ],
  ])("%s is the same request", async (_, json, same) => {
    const app = await withAccounts();
    const first = await send(app, json, "k");
    expect(first.status).toBe(201);
    const again = await send(app, same, "k");
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(await again.text()).toBe(await first.text());
  });
});

test("a pending transfer is answered with its holds and its expiry", async () => {
  const app = await withAccounts();
  const response = await send(app, { ...GOOD, pending: true, timeout_s: 90, memo: 'a "memo"' });
  expect(response.status).toBe(201);
  expect(response.headers.get("daybook-position")).toMatch(/^0:1-/);
  const { id, ...body } = await transferOf(response);
  expect(id).toMatch(/^tr_/);
  expect(body).toEqual({
    status: "pending",
    postings: [GOOD],
    posted_amount: 0,
    memo: 'a "memo"',
    metadata: {},
    expires_at: "2026-11-20T10:01:30.000Z",
    created_at: AT,
    balances: { alice: balance(100, 5, 1) },
  });
});

test("several postings are answered with each account's balance after the last one", async () => {
  const app = await withAccounts();
  const back = { debit_account: "bob", credit_account: "alice", amount: 2 };
  const out = { debit_account: "bob", credit_account: "@revenue", amount: 1 };
  const body = await transferOf(send(app, { postings: [GOOD, back, out], metadata: { a: "1" } }));
  expect(body).toMatchObject({
    status: "posted",
    postings: [GOOD, back, out],
    posted_amount: 8,
    metadata: { a: "1" },
  });
  expect(body.balances).toEqual({ alice: balance(97, 0, 3), bob: balance(2, 0, 3) });
});

test("a transfer of the available balance is answered with its amount", async () => {
  const app = await withAccounts();
  const body = await transferOf(send(app, { ...GOOD, amount: "available" }));
  expect(body).toMatchObject({
    postings: [{ ...GOOD, amount: 100 }],
    posted_amount: 100,
    balances: { alice: balance(0, 0, 2), bob: balance(100, 0, 1) },
  });
});

describe("a dry run", () => {
  test.each<[string, object]>([
    ["a plain transfer", GOOD],
    ["a pending one", { ...GOOD, pending: true, timeout_s: 60 }],
    ["several postings", { postings: [GOOD, GOOD], memo: "m", occurred_at: AT }],
  ])("of %s has the answer of the transfer, without id and position", async (_, json) => {
    const app = await withAccounts();
    const dry = await app.request("POST", "/v1/transfers?dry_run=true", { json });
    expect(dry.status).toBe(201);
    expect(dry.headers.get("daybook-position")).toBeNull();
    expect(dry.headers.get("request-id")).not.toBeNull();
    const foretold = await transferOf(dry);
    expect(app.ledger.commands).toEqual([]);
    const { id: _id, ...done } = await transferOf(send(app, json));
    expect(foretold).toEqual(done);
  });

  test("always asks the ledger for a compound transfer", async () => {
    const app = await withAccounts();
    const json = { ...GOOD, memo: "m", metadata: { a: "1" }, occurred_at: AT };
    await app.request("POST", "/v1/transfers?dry_run=true", { json });
    const { debit_account: debit, credit_account: credit, amount } = GOOD;
    expect(app.ledger.dryRuns).toEqual([
      {
        op: "compound_transfer",
        partner: "acme",
        key: null,
        fingerprint: 0,
        postings: [{ debit, credit, amount }],
        available: false,
        pending: false,
        timeoutMs: null,
        memo: "m",
        metadata: '{"a":"1"}',
        occurredAtMs: Date.parse(AT),
        vnode: homeVnodeOf("acme", "alice", "bob", null),
      },
    ]);
  });

  test("=false is an ordinary request, and a dry run that the ledger cannot answer is a problem", async () => {
    const app = await withAccounts();
    const sure = await app.request("POST", "/v1/transfers?dry_run=false", { json: GOOD });
    expect((await transferOf(sure)).id).toMatch(/^tr_/);
    app.ledger.faults.operating = "overloaded";
    const response = await app.request("POST", "/v1/transfers?dry_run=true", { json: GOOD });
    expect(await problemOf(response)).toMatchObject({ status: 503, code: "overloaded" });
  });
});

test("the filters of the list, status and account, are passed to the ledger", async () => {
  const app = await withAccounts();
  const held = await pending(app, { timeout_s: 60 });
  const { id: posted } = await transferOf(send(app, GOOD));
  const voided = await pending(app);
  await app.request("POST", `/v1/transfers/${voided}/void`);
  const idsOf = async (query: string): Promise<string[]> => {
    const response = await app.request("GET", `/v1/transfers?account=bob${query}`);
    const { data } = (await response.json()) as { data: Body[] };
    return data.map(({ id }) => id);
  };
  expect(await idsOf("")).toEqual([posted, held, voided].toSorted().toReversed());
  expect(await idsOf("&status=pending")).toEqual([held]);
  expect(await idsOf("&status=posted")).toEqual([posted]);
  expect(await idsOf("&status=voided")).toEqual([voided]);
  expect(await idsOf("&status=expired")).toEqual([]);
  const response = await app.request("GET", "/v1/transfers?status=pending");
  expect(await response.json()).toEqual({
    data: [
      {
        id: held,
        status: "pending",
        postings: [GOOD],
        posted_amount: 0,
        memo: null,
        metadata: {},
        expires_at: "2026-11-20T10:01:00.000Z",
        created_at: AT,
      },
    ],
    next_cursor: null,
  });
});
