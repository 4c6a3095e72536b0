/** What a shard reserves for a transfer of another shard, balance by balance, until the transfer moves or is given up. */
import { describe, expect, test } from "vitest";
import { needReservation } from "../../../../src/actors/ledger/transfers/reservations.ts";
import { reservationBytes } from "../../../../src/actors/quotas/bytes.ts";
import type { Posting } from "../../../../src/actors/records/compound-command.ts";
import { restoredShard } from "../copies.ts";
import { LedgerShard, legsOn, ownersOn, PARTNER, portionOf, posting, vnodeOf } from "../ledger-shard.ts";

const [A = "", B = "", U = ""] = ownersOn(1);
const A_USD = `${A}/usd`;

function shard(): LedgerShard {
  const made = new LedgerShard(1);
  for (const id of [A, B]) made.open(id);
  for (const id of [A_USD, U]) made.open(id, { asset: "USD/2" });
  return made;
}

/** Credits of one system account on four slices, and a debit of one of them. */
const SPENDING = [
  posting(A, "@x", 4),
  posting(A, "@x", 2),
  posting(B, "@x", 1),
  posting(A_USD, "@x", 3),
  posting(U, "@x", 5),
  posting("@x", B, 7),
];

/** Debits of one system account on three slices. */
const ISSUING = [posting("@x", A, 2), posting("@x", B, 5), posting("@x", A_USD, 7)];

const hold = (account: string, asset: string, beside: string, amount: number) => {
  return { account, asset, vnode: vnodeOf(beside), amount };
};
const slice = (asset: string, beside: string) => ({ asset, vnode: vnodeOf(beside) });
const balancesOf = (of: LedgerShard) => [
  of.balance(A),
  of.balance(B),
  of.slice("@x", A),
  of.slice("@x", B),
  of.slice("@x", A, "USD/2"),
  of.slice("@x", U, "USD/2"),
];

test.each<readonly [string, readonly Posting[], isPosted: boolean, isPending: boolean]>([
  ["a debit of an account", [posting(A, "@x", 1)], true, true],
  ["a debit of a system account", [posting("@x", A, 1)], false, true],
  ["a credit", [posting(ownersOn(0)[0] ?? "", A, 1)], false, false],
])("%s is reserved in the log if it must be there after the commit", (_, postings, isPosted, isPending) => {
  const legs = legsOn(1, postings);
  expect([needReservation(legs, false), needReservation(legs, true)]).toEqual([isPosted, isPending]);
});

describe("a reservation", () => {
  test("holds the deepest dip of each balance and reserves all credits, slice by slice", () => {
    const { holds, rises, moves } = shard().reserve("tr_1", SPENDING);
    expect(holds).toEqual([
      hold(A, "PTS/0", A, 6),
      hold(B, "PTS/0", B, 1),
      // Credited with 1 before it is debited by 7.
      hold("@x", "PTS/0", B, 6),
      hold(A_USD, "USD/2", A, 3),
      hold(U, "USD/2", U, 5),
    ]);
    expect(moves.map(({ account, posting: index, held }) => [account, index, held])).toEqual([
      [A, 0, 6],
      [B, 2, 1],
      ["@x", 2, 6],
      [A_USD, 3, 3],
      [U, 4, 5],
    ]);
    expect(rises).toEqual([
      { account: B, amount: 7, count: 1 },
      { account: "@x", amount: 6, count: 2, slice: slice("PTS/0", A) },
      { account: "@x", amount: 1, count: 1, slice: slice("PTS/0", B) },
      { account: "@x", amount: 3, count: 1, slice: slice("USD/2", A) },
      { account: "@x", amount: 5, count: 1, slice: slice("USD/2", U) },
    ]);
  });

  test("is in the balances until it is released, also in a shard that was restored from an image", () => {
    const made = shard();
    made.reserve("tr_1", SPENDING);
    made.reserve("tr_2", ISSUING);
    const copy = new LedgerShard(1, restoredShard(made.ledger));
    for (const each of [made, copy]) {
      expect(balancesOf(each)).toEqual([
        [100, 6, 2],
        [100, 1, 12],
        [0, 2, 6],
        [0, 11, 1],
        [0, 7, 3],
        [0, 0, 5],
      ]);
      each.release("tr_1");
      expect(balancesOf(each)).toEqual([
        [100, 0, 2],
        [100, 0, 5],
        [0, 2, 0],
        [0, 5, 0],
        [0, 7, 0],
        [0, 0, 0],
      ]);
    }
  });

  test("is released by its own transfer only, although others hold the same slices", () => {
    const made = shard();
    for (const id of ["tr_1", "tr_2"]) made.reserve(id, ISSUING);
    const asset = (account: string) => (account === A_USD ? "USD/2" : "PTS/0");
    const legs = legsOn(1, ISSUING).map((leg) => {
      return { ...leg, asset: asset(leg.amount < 0 ? leg.counterparty : leg.account) };
    });
    made.receive(portionOf({ transfer: { id: "tr_1" } as never }, 1, legs));
    expect([made.slice("@x", A), made.slice("@x", B), made.slice("@x", A, "USD/2")]).toEqual([
      [-2, 2, 0],
      [-5, 5, 0],
      [-7, 7, 0],
    ]);
    expect([made.balance(A), made.balance(B), made.balance(A_USD)]).toEqual([
      [102, 0, 2],
      [105, 0, 5],
      [107, 0, 7],
    ]);
  });

  test("counts its bytes against the quota of its partner", () => {
    const made = shard();
    const { usage } = made.ledger.compound.bookOf(PARTNER);
    const before = usage.bytes;
    made.reserve("tr_1", [posting(A, B, 3)]);
    const kept = made.ledger.compound.reservations.get("tr_1");
    if (kept === undefined) throw new Error("the reservation is kept");
    expect(usage.bytes).toBe(before + reservationBytes(kept));
    expect(restoredShard(made.ledger).compound.bookOf(PARTNER).usage.bytes).toBe(usage.bytes);
    made.release("tr_1");
    expect(usage.bytes).toBe(before);
  });

  test("that does not exist is released without any change", () => {
    const made = shard();
    const before = [...made.ledger.stateLines(0)];
    expect(made.release("tr_1")).toEqual({ ok: true, moves: [] });
    expect([...made.ledger.stateLines(0)]).toEqual(before);
  });
});
