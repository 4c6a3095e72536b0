/** How much of a pending transfer can be posted, what each post moves, and what is counted against limits. */
import { describe, expect, test } from "vitest";
import { decideVoidOrExpiry, NOT_OPEN } from "../../../../src/actors/ledger/transfers/compound.ts";
import type { Limit } from "../../../../src/actors/records/command.ts";
import type {
  Posting,
  PostTransfer,
  Settled,
  VoidTransfer,
} from "../../../../src/actors/records/compound-command.ts";
import {
  keyless,
  LedgerShard,
  NOW_MS,
  ownersOn,
  posting,
  postOf,
  transferOf,
  vnodeOf,
} from "../ledger-shard.ts";

const [A = "", B = "", C = ""] = ownersOn(0);
const limits = (["debit", "credit"] as const).map((direction): Limit => {
  return { windowS: 60, direction, maxAmount: 90, maxCount: 9 };
});
const ONE = [posting(A, B, 10)];
const TWO = [posting(A, B, 10), posting(A, C, 4)];

/** A shard with one pending transfer. */
function pending(postings: readonly Posting[] = ONE): LedgerShard {
  const shard = new LedgerShard(0);
  for (const id of [A, B, C]) shard.open(id, { limits });
  shard.transfer(transferOf(postings, { pending: true }));
  return shard;
}

describe("a post of a pending transfer", () => {
  test.each<readonly [string, readonly Posting[], Partial<PostTransfer>, isAccepted: boolean]>([
    ["all of it", ONE, {}, true],
    ["all of it, as an amount", ONE, { amount: 10 }, true],
    ["a part of it", ONE, { amount: 9 }, true],
    ["more than it", ONE, { amount: 11 }, false],
    ["all of several postings", TWO, {}, true],
    ["all of several postings, as an amount", TWO, { amount: 14 }, true],
    ["a part of several postings", TWO, { amount: 13 }, false],
    ["more than several postings", TWO, { amount: 15 }, false],
  ])("of %s", (_, postings, more, isAccepted) => {
    const outcome = pending(postings).transfer(postOf(more));
    if (isAccepted) expect(outcome.ok).toBe(true);
    else expect(outcome).toEqual({ ok: false, code: "amount_exceeds_pending", subject: "tr_1" });
  });

  test("moves its part and keeps the rest held, until the rest is posted", () => {
    const shard = pending();
    for (const [amount, part, a, b] of [
      [4, 0, [96, 6, 0], [104, 0, 0]],
      [3, 1, [93, 3, 0], [107, 0, 0]],
    ] as const) {
      const outcome = shard.transfer(postOf({ amount }));
      expect(outcome).toMatchObject({ part, transfer: { status: "pending" } });
      expect([shard.balance(A), shard.balance(B)]).toEqual([a, b]);
    }
    for (const amount of [4, 11])
      expect(shard.decide(postOf({ amount }))).toMatchObject({ code: "amount_exceeds_pending" });
    const last = shard.transfer(postOf());
    expect(last).toMatchObject({ part: 2, transfer: { status: "posted", postedAmount: 10 } });
    expect([shard.balance(A), shard.balance(B)]).toEqual([
      [90, 0, 0],
      [110, 0, 0],
    ]);
    expect(shard.decide(postOf())).toBe(NOT_OPEN);
  });

  test("releases the rest if it is final", () => {
    const shard = pending();
    shard.transfer(postOf({ amount: 4 }));
    const outcome = shard.transfer(postOf({ amount: 1, final: true }));
    expect(outcome).toMatchObject({ part: 1, transfer: { status: "posted", postedAmount: 5 } });
    expect([shard.balance(A), shard.balance(B)]).toEqual([
      [95, 0, 0],
      [105, 0, 0],
    ]);
  });

  test("of two postings from one account releases all that is held there", () => {
    const shard = pending(TWO);
    expect(shard.balance(A)).toEqual([100, 14, 0]);
    shard.transfer(postOf());
    expect(shard.balance(A)).toEqual([86, 0, 0]);
  });

  test("of several postings releases the holds of all debit accounts", () => {
    const shard = pending([posting(A, B, 10), posting(B, C, 25), posting("@x", C, 3)]);
    expect([shard.balance(A), shard.balance(B), shard.slice("@x", C)]).toEqual([
      [100, 10, 0],
      [100, 15, 0],
      [0, 3, 0],
    ]);
    expect(shard.transfer(postOf()).ok).toBe(true);
    expect([shard.balance(A), shard.balance(B), shard.balance(C), shard.slice("@x", C)]).toEqual([
      [90, 0, 0],
      [85, 0, 0],
      [128, 0, 0],
      [-3, 0, 0],
    ]);
  });

  test("can credit another account, which is then that of the transfer", () => {
    const shard = pending();
    const outcome = shard.transfer(postOf({ amount: 4, credit: C }));
    expect(outcome).toMatchObject({ transfer: { postings: [posting(A, C, 10)], postedAmount: 4 } });
    expect([shard.balance(B), shard.balance(C)]).toEqual([
      [100, 0, 0],
      [104, 0, 0],
    ]);
    expect(shard.counted(C, "credit")).toEqual([4, 1]);
    expect(shard.transfer(postOf())).toMatchObject({ transfer: { postings: [posting(A, C, 10)] } });
  });

  test("is accepted although the debit account was frozen and its floor raised since", () => {
    const shard = pending([posting(A, B, 10), posting("@x", B, 3)]);
    const account = shard.ledger.account("p", A);
    if (account !== undefined) Object.assign(account, { status: "frozen", floor: 99 });
    expect(shard.transfer(postOf()).ok).toBe(true);
  });

  test("is accepted although a record of an older version took the system account beyond the range", () => {
    const max = Number.MAX_SAFE_INTEGER;
    const shard = new LedgerShard(0);
    for (const id of [A, `${A}/2`]) shard.open(id, { floor: null, posted: 0 });
    shard.transfer(transferOf([posting("@x", A, 3)], { pending: true }));
    const slice = shard.ledger.compound
      .bookOf("p")
      .sliceOf("@x", "PTS/0", transferOf([posting(A, B, 1)]).vnode);
    if (slice !== undefined) slice.posted = 3 - max;
    expect(shard.decide(transferOf([posting("@x", `${A}/2`, 1)]))).toMatchObject({
      code: "balance_out_of_range",
    });
    expect(shard.transfer(postOf()).ok).toBe(true);
  });
});

describe("the record of a pending transfer", () => {
  const said = { memo: "rent", metadata: '{"a":"1"}', occurredAtMs: 5 } as const;
  const postings = [posting(A, B, 10)];
  const of = (status: string, postedAmount: number, expiresAtMs: number | null) => {
    const times = { createdAtMs: NOW_MS, expiresAtMs, occurredAtMs: 5 };
    return { id: "tr_1", status, postings, postedAmount, ...times, reverts: null };
  };
  const released = {
    posting: 0,
    account: A,
    asset: "PTS/0",
    vnode: vnodeOf(A),
    amount: 0,
    posted: 97,
    held: 0,
    seq: 2,
  };
  const nothing = { sent: [], part: 1, holds: [], reservedAt: [], elsewhere: [] };

  function opened(timeoutMs: number | null): LedgerShard {
    const shard = pending();
    shard.void();
    const outcome = shard.transfer(transferOf(postings, { ...said, pending: true, timeoutMs }));
    const expiresAtMs = timeoutMs === null ? null : NOW_MS + timeoutMs;
    const { memo, metadata } = said;
    expect(outcome).toHaveProperty("transfer");
    expect("transfer" in outcome && outcome.transfer).toStrictEqual({
      ...of("pending", 0, expiresAtMs),
      memo,
      metadata,
    });
    expect(outcome).not.toHaveProperty("effect");
    shard.transfer(postOf({ amount: 3 }));
    return shard;
  }

  test("that is voided has the whole transfer, and releases what is held", () => {
    const { memo, metadata } = said;
    expect(opened(null).void()).toStrictEqual({
      ok: true,
      id: "tr_1",
      transfer: { ...of("voided", 3, null), memo, metadata },
      moves: [released],
      ...nothing,
    });
  });

  test("that expires is short", () => {
    const { compound } = opened(60).ledger;
    const expire = { op: "expire_transfer", ...keyless, id: "tr_1" } as const;
    expect(decideVoidOrExpiry(compound, expire, NOW_MS + 60)).toStrictEqual({
      ok: true,
      id: "tr_1",
      transfer: of("expired", 3, NOW_MS + 60),
      moves: [released],
      ...nothing,
    });
  });
});

describe("what limits count for a pending transfer", () => {
  test("is its debits at once, and its credits when they are posted", () => {
    const shard = pending(TWO);
    expect([shard.counted(A, "debit"), shard.counted(B, "credit")]).toEqual([
      [14, 2],
      [0, 0],
    ]);
    shard.transfer(postOf());
    expect([shard.counted(A, "debit"), shard.counted(B, "credit"), shard.counted(C, "credit")]).toEqual([
      [14, 2],
      [10, 1],
      [4, 1],
    ]);
    expect([shard.counted(A, "credit"), shard.counted(B, "debit")]).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  test("is nothing once it is voided", () => {
    for (const postings of [ONE, TWO]) {
      const shard = pending(postings);
      shard.void();
      expect([shard.counted(A, "debit"), shard.balance(A)]).toEqual([
        [0, 0],
        [100, 0, 0],
      ]);
    }
  });

  test("of several accounts is what other transfers have counted, once it is voided", () => {
    const shard = pending([posting(A, B, 10), posting(B, C, 4)]);
    for (const id of [A, B]) shard.transfer(transferOf([posting(id, C, 20)]), undefined, "tr_2");
    shard.void();
    expect([shard.counted(A, "debit"), shard.counted(B, "debit")]).toEqual([
      [20, 1],
      [20, 1],
    ]);
  });

  test("is what was posted, as one debit, once the rest is voided or released by a final post", () => {
    const end = {
      void: (shard: LedgerShard) => shard.void(),
      "final post": (shard: LedgerShard) => shard.transfer(postOf({ amount: 2, final: true })),
    };
    const counts = Object.values(end).map((each) => {
      const shard = pending();
      shard.transfer(postOf({ amount: 3 }));
      each(shard);
      return [shard.counted(A, "debit"), shard.counted(B, "credit")];
    });
    expect(counts).toEqual([
      [
        [3, 1],
        [3, 1],
      ],
      [
        [5, 1],
        [5, 2],
      ],
    ]);
  });

  test("is each debit and each credit of a transfer that posts at once", () => {
    const shard = pending();
    shard.transfer(transferOf([posting(B, C, 7), posting(B, A, 2), posting("@x", A, 5)]), undefined, "tr_2");
    expect([shard.counted(B, "debit"), shard.counted(C, "credit"), shard.counted(A, "credit")]).toEqual([
      [9, 2],
      [7, 1],
      [7, 2],
    ]);
    expect([shard.counted(A, "debit"), shard.counted(C, "debit")]).toEqual([
      [10, 1],
      [0, 0],
    ]);
  });
});

/** Commands that resolve a transfer that is not open. */
function commands(settled: Settled | null): readonly (PostTransfer | VoidTransfer)[] {
  return [postOf({ id: "tr_2", settled }), { op: "void_transfer", ...keyless, id: "tr_2", settled }];
}

function decide(shard: LedgerShard, command: PostTransfer | VoidTransfer): unknown {
  return command.op === "void_transfer"
    ? decideVoidOrExpiry(shard.ledger.compound, command, NOW_MS)
    : shard.decide(command);
}

describe("a transfer that is not open", () => {
  test.each<readonly [Settled, string]>([
    ["none", "transfer_not_found"],
    ["expired", "transfer_expired"],
    ["posted", "transfer_not_pending"],
    ["voided", "transfer_not_pending"],
  ])("and is %s in the archive is refused with %s", (settled, code) => {
    for (const command of commands(settled))
      expect(decide(pending(), command)).toEqual({ ok: false, code, subject: "tr_2" });
  });

  test("is left to the archive", () => {
    for (const command of commands(null)) expect(decide(pending(), command)).toBe(NOT_OPEN);
  });

  test("is not found by another partner", () => {
    const shard = pending();
    for (const command of commands(null))
      expect(decide(shard, { ...command, id: "tr_1", partner: "q" })).toEqual({
        ok: false,
        code: "transfer_not_found",
        subject: "tr_1",
      });
  });

  test("does not expire, and a record that resolves it is a broken invariant", () => {
    const shard = pending();
    const expire = { op: "expire_transfer", ...keyless, id: "tr_2" } as const;
    expect(decideVoidOrExpiry(shard.ledger.compound, expire, NOW_MS)).toEqual({
      ok: false,
      code: "transfer_expired",
      subject: "tr_2",
    });
    const voided = shard.void();
    const again = { op: "void_transfer", ...keyless, id: "tr_1", settled: null } as const;
    expect(() => shard.apply(again, { ...voided, moves: [] })).toThrow("I10");
  });
});

test("a read of an account that holds money waits for the batch of the hold", () => {
  const shard = new LedgerShard(0);
  for (const id of [A, B]) shard.open(id);
  const command = transferOf(ONE, { pending: true });
  const outcome = shard.decide(command);
  if (outcome === NOT_OPEN || !outcome.ok) throw new Error("the transfer is refused");
  const place = { epoch: 1, seq: 1, index: 0, timeMs: NOW_MS };
  shard.ledger.apply(command, outcome, place, 9);
  expect([shard.ledger.account("p", A)?.batch, shard.ledger.account("p", B)?.batch]).toEqual([9, 0]);
});
