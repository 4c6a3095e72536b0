import { expect, test } from "vitest";
import type { Command } from "../../../../src/actors/records/command.ts";
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

const asked = { partner: "acme", key: null, fingerprint: 0 };

test.each<[string, unknown, object]>([
  ["no body", undefined, { amount: null, final: false }],
  ["an empty object", {}, { amount: null, final: false }],
  ["an amount", { amount: 2 }, { amount: 2, final: false }],
  ["a last amount", { amount: 2, final: true }, { amount: 2, final: true }],
  ["the rest, said to be the last", { final: true }, { amount: null, final: true }],
  ["final: false", { final: false }, { amount: null, final: false }],
])("a post with %s", async (_, json, command) => {
  const app = await withAccounts();
  const id = await pending(app);
  const response = await app.request("POST", `/v1/transfers/${id}/post`, { json });
  expect(response.status).toBe(200);
  expect(response.headers.get("daybook-position")).toMatch(/^0:1-/);
  expect(app.ledger.commands).toEqual([{ op: "post_transfer", ...asked, id, ...command, settled: null }]);
});

test("a post in parts shows what was posted, and each time the balances", async () => {
  const app = await withAccounts();
  const id = await pending(app);
  const post = (json: object): Promise<Body> =>
    transferOf(app.request("POST", `/v1/transfers/${id}/post`, { json }));
  expect(await post({ amount: 2 })).toMatchObject({
    id,
    status: "pending",
    postings: [GOOD],
    posted_amount: 2,
    balances: { alice: balance(98, 3, 2), bob: balance(2, 0, 1) },
  });
  expect(await post({ amount: 1, final: true })).toMatchObject({
    id,
    status: "posted",
    posted_amount: 3,
    balances: { alice: balance(97, 0, 3), bob: balance(3, 0, 2) },
  });
  const { balances: _, ...read } = await transferOf(app.request("GET", `/v1/transfers/${id}`));
  expect(read).toMatchObject({ id, status: "posted", posted_amount: 3 });
});

test("a body without a content type is 415, and an empty body with one counts as absent", async () => {
  const app = await withAccounts();
  const path = `/v1/transfers/${await pending(app)}/post`;
  const body = new TextEncoder().encode("{}");
  expect((await app.request("POST", path, { body })).status).toBe(415);
  const headers = { "content-type": "application/json" };
  expect((await app.request("POST", path, { body: "", headers })).status).toBe(200);
});

test("a void is answered with the released holds", async () => {
  const app = await withAccounts();
  const id = await pending(app, { timeout_s: 60 });
  const response = await app.request("POST", `/v1/transfers/${id}/void`);
  expect(response.status).toBe(200);
  expect(await transferOf(response)).toMatchObject({
    id,
    status: "voided",
    posted_amount: 0,
    expires_at: "2026-11-20T10:01:00.000Z",
    balances: { alice: balance(100, 0, 1) },
  });
  expect(app.ledger.commands).toEqual([{ op: "void_transfer", ...asked, id, settled: null }]);
});

test("a revert is a new transfer in the opposite direction, and the two refer to each other", async () => {
  const app = await withAccounts();
  const fee = { debit_account: "alice", credit_account: "@revenue", amount: 1 };
  const { id } = await transferOf(send(app, { postings: [GOOD, fee] }));
  const response = await app.request("POST", `/v1/transfers/${id}/revert`, { json: {} });
  expect(response.status).toBe(201);
  const { balances, ...back } = await transferOf(response);
  expect(back).toMatchObject({
    status: "posted",
    postings: [
      { debit_account: "@revenue", credit_account: "alice", amount: 1 },
      { debit_account: "bob", credit_account: "alice", amount: 5 },
    ],
    reverts: id,
  });
  expect(balances).toEqual({ alice: balance(100, 0, 5), bob: balance(0, 0, 2) });
  expect(await transferOf(app.request("GET", `/v1/transfers/${back.id}`))).toEqual(back);
  const original = await transferOf(app.request("GET", `/v1/transfers/${id}`));
  expect(original).toMatchObject({ id, status: "posted", reverted_by: back.id });
  expect(original).not.toHaveProperty("reverts");
  const again = await app.request("POST", `/v1/transfers/${id}/revert`);
  expect(await problemOf(again)).toMatchObject({ status: 409, code: "already_reverted" });
});

test.each(["post", "void", "revert"])(
  "a repeated %s with the same key gets the same answer",
  async (action) => {
    const app = await withAccounts();
    const id = action === "revert" ? (await transferOf(send(app, GOOD))).id : await pending(app);
    const again = (): Promise<Response> =>
      app.request("POST", `/v1/transfers/${id}/${action}`, { headers: { "idempotency-key": "k" } });
    const first = await again();
    const second = await again();
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await second.text()).toBe(await first.text());
    expect(second.status).toBe(first.status);
  },
);

test("one key used for another action, transfer or body is refused", async () => {
  const app = createTestApp();
  app.ledger.faults.rejection = "transfer_not_found";
  const headers = { "idempotency-key": "k" };
  const requests: [string, unknown][] = [
    ["tr_0a11001/post", undefined],
    ["tr_0a11001/post", { amount: 1 }],
    ["tr_0a11001/post", { final: true }],
    ["tr_0a11001/void", undefined],
    ["tr_0a11001/revert", undefined],
    ["tr_0a11002/post", undefined],
    ["tr_0a11002/void", undefined],
    ["tr_0a11002/revert", undefined],
  ];
  for (const [path, json] of requests) await app.request("POST", `/v1/transfers/${path}`, { json, headers });
  const prints = app.ledger.commands.map((command: Command) => command.fingerprint);
  expect(prints).toHaveLength(requests.length);
  expect(new Set(prints).size).toBe(requests.length);
  expect(prints).not.toContain(0);
});

test.each(["nothing", "tr_", "tr_0a11001x", "tr_zz11001", "TR_0A11001", "%2E%2E%2F"])(
  "an id that none can have (%s) is 404 at the door",
  async (id) => {
    const { request, ledger } = createTestApp();
    for (const action of ["post", "void", "revert"]) {
      const problem = await problemOf(await request("POST", `/v1/transfers/${id}/${action}`));
      expect(problem).toMatchObject({ status: 404, code: "transfer_not_found" });
    }
    const read = await request("GET", `/v1/transfers/${id}`);
    expect((await problemOf(read)).code).toBe("transfer_not_found");
    expect(ledger.commands).toEqual([]);
  },
);

test("a transfer of another partner does not exist", async () => {
  const app = await withAccounts();
  const id = await pending(app);
  for (const action of ["post", "void", "revert"]) {
    const response = await app.request("POST", `/v1/transfers/${id}/${action}`, { key: "other-key" });
    expect((await problemOf(response)).code).toBe("transfer_not_found");
  }
  const read = await app.request("GET", `/v1/transfers/${id}`, { key: "other-key" });
  expect((await problemOf(read)).code).toBe("transfer_not_found");
});
