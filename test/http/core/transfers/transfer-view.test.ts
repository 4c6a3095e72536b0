import { expect, test } from "vitest";
import type { Move, TransferChanged, TransferView } from "../../../../src/actors/records/compound-command.ts";
import { changedJson, transferJson } from "../../../../src/http/core/transfers/transfer-view.ts";

const view: TransferView = {
  id: "tr_0a11001",
  status: "posted",
  postings: [{ debit: "alice/points", credit: "bob", amount: 5 }],
  postedAmount: 5,
  memo: null,
  metadata: null,
  occurredAtMs: null,
  createdAtMs: 0,
  expiresAtMs: null,
  reverts: null,
};

function move(account: string, posted: number, held: number, seq: number): Move {
  return { posting: 0, account, asset: "USD/2", vnode: 1, amount: 0, posted, held, seq };
}

function changed(moves: readonly Move[]): TransferChanged {
  return {
    ok: true,
    id: view.id,
    transfer: view,
    moves,
    holds: [],
    sent: [],
    part: 0,
    reservedAt: [],
    elsewhere: [],
  };
}

function balancesOf(moves: readonly Move[]): unknown {
  return (JSON.parse(changedJson(changed(moves))) as { balances: unknown }).balances;
}

test.each<[string, Move[], object]>([
  ["no moves", [], {}],
  ["only system accounts", [move("@a", 1, 0, 9), move("@a", 2, 0, 10)], {}],
  [
    "one move of each account",
    [move("bob", 7, 2, 3), move("alice/points", -5, 0, 1)],
    {
      bob: { posted: 7, held: 2, available: 5, seq: 3 },
      "alice/points": { posted: -5, held: 0, available: -5, seq: 1 },
    },
  ],
  [
    "the highest seq last",
    [move("bob", 1, 0, 1), move("@a", 0, 0, 1), move("bob", 3, 0, 2)],
    { bob: { posted: 3, held: 0, available: 3, seq: 2 } },
  ],
  [
    "the highest seq first, as shards answer in any order",
    [move("bob", 3, 0, 2), move("bob", 1, 0, 1)],
    { bob: { posted: 3, held: 0, available: 3, seq: 2 } },
  ],
  [
    "holds, which do not have their own seq",
    [move("bob", 9, 1, 4), move("bob", 9, 3, 4), move("bob", 9, 6, 4)],
    { bob: { posted: 9, held: 6, available: 3, seq: 4 } },
  ],
])("balances by moves: %s", (_, moves, balances) => {
  expect(balancesOf(moves)).toEqual(balances);
});

test.each<[string, Partial<TransferView>, object]>([
  ["memo", { memo: 'a "b"\n' }, { memo: 'a "b"\n' }],
  ["metadata", { metadata: '{"a":"1"}' }, { metadata: { a: "1" } }],
  ["the time it occurred", { occurredAtMs: 1 }, { occurred_at: "1970-01-01T00:00:00.001Z" }],
  ["the expiry", { expiresAtMs: 2 }, { expires_at: "1970-01-01T00:00:00.002Z" }],
  ["the reverted transfer", { reverts: "tr_0a11000" }, { reverts: "tr_0a11000" }],
  ["a status", { status: "expired", postedAmount: 2 }, { status: "expired", posted_amount: 2 }],
])("%s is shown if present, with and without balances", (_, more, shown) => {
  const bare = {
    id: view.id,
    status: "posted",
    postings: [{ debit_account: "alice/points", credit_account: "bob", amount: 5 }],
    posted_amount: 5,
    memo: null,
    metadata: {},
    created_at: "1970-01-01T00:00:00.000Z",
  };
  const row = { ...view, ...more, revertedBy: null };
  expect(JSON.parse(transferJson(row))).toEqual({ ...bare, ...shown });
  const withBalances: unknown = JSON.parse(changedJson({ ...changed([]), transfer: { ...view, ...more } }));
  expect(withBalances).toEqual({ ...bare, ...shown, balances: {} });
  const reverted: unknown = JSON.parse(transferJson({ ...row, revertedBy: "tr_0a11009" }));
  expect(reverted).toEqual({ ...bare, ...shown, reverted_by: "tr_0a11009" });
});
