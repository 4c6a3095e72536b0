/** Rules that one posting of a transfer breaks only together with the others, or with what is held already. */
import { describe, expect, test } from "vitest";
import { BALANCE_MAX } from "../../../../src/actors/ledger/account.ts";
import type { AccountView, Limit } from "../../../../src/actors/records/command.ts";
import type { Posting } from "../../../../src/actors/records/compound-command.ts";
import { LedgerShard, legsOn, ownersOn, posting, revertOf, transferOf } from "../ledger-shard.ts";

const MAX = 2 ** 52;
const [A = "", B = "", C = ""] = ownersOn(0);
/** On the vnode of A, so that both use the same slice of a system account. */
const A2 = `${A}/2`;
const A3 = `${A}/3`;

function limit(direction: Limit["direction"], more: Partial<Limit>): Limit {
  return { windowS: 60, direction, maxAmount: null, maxCount: null, ...more };
}

function shardWith(accounts: Readonly<Record<string, Partial<AccountView>>>): LedgerShard {
  const shard = new LedgerShard(0);
  for (const [id, fields] of Object.entries(accounts)) shard.open(id, fields);
  return shard;
}

/** "ok", or the code and subject of the rejection. */
function answerTo(shard: LedgerShard, postings: readonly Posting[], pending = false): unknown {
  const outcome = shard.transfer(transferOf(postings, { pending }), undefined, "tr_new");
  return outcome.ok ? "ok" : [outcome.code, outcome.subject];
}

describe("limits count all postings of a transfer together", () => {
  test.each<readonly [string, Limit, debit: boolean, third: number, answer: "ok" | "limit_exceeded"]>([
    ["the sum of debits", limit("debit", { maxAmount: 10 }), true, 4, "ok"],
    ["the sum of debits", limit("debit", { maxAmount: 10 }), true, 5, "limit_exceeded"],
    ["the sum of credits", limit("credit", { maxAmount: 10 }), false, 4, "ok"],
    ["the sum of credits", limit("credit", { maxAmount: 10 }), false, 5, "limit_exceeded"],
    ["the number of debits", limit("debit", { maxCount: 3 }), true, 4, "ok"],
    ["the number of debits", limit("debit", { maxCount: 2 }), true, 4, "limit_exceeded"],
    ["the number of credits", limit("credit", { maxCount: 3 }), false, 4, "ok"],
    ["the number of credits", limit("credit", { maxCount: 2 }), false, 4, "limit_exceeded"],
    ["no debits, where credits are limited", limit("credit", { maxCount: 0 }), true, 4, "ok"],
    ["no credits, where debits are limited", limit("debit", { maxCount: 0 }), false, 4, "ok"],
  ])("%s (%o)", (_, rule, isDebit, third, answer) => {
    const shard = shardWith({ [A]: { limits: [rule] }, [B]: {} });
    const postings = [1, 5, third].map((amount) => (isDebit ? posting(A, B, amount) : posting(B, A, amount)));
    expect(answerTo(shard, postings)).toEqual(answer === "ok" ? answer : [answer, A]);
  });

  test("pending debits count, pending credits do not", () => {
    const rules = (["debit", "credit"] as const).map((direction) => limit(direction, { maxAmount: 5 }));
    const shard = shardWith({ [A]: { limits: rules }, [B]: {} });
    expect(answerTo(shard, [posting(B, A, 6)], true)).toBe("ok");
    expect(answerTo(shardWith({ [A]: { limits: rules }, [B]: {} }), [posting(A, B, 6)], true)).toEqual([
      "limit_exceeded",
      A,
    ]);
  });
});

describe("a later posting sees what earlier ones did", () => {
  test.each<readonly [string, readonly Posting[], unknown]>([
    ["spends what the first credited", [posting(B, A, 50), posting(A, C, 150)], "ok"],
    ["spends one more than that", [posting(B, A, 50), posting(A, C, 151)], ["insufficient_funds", A]],
    ["is debited before it is credited", [posting(A, C, 101), posting(B, A, 50)], ["insufficient_funds", A]],
    ["fills the account to its ceiling", [posting(C, B, 60), posting(A, B, 40)], "ok"],
    ["exceeds the ceiling by one", [posting(C, B, 60), posting(A, B, 41)], ["ceiling_exceeded", B]],
  ])("%s", (_, postings, answer) => {
    expect(answerTo(shardWith({ [A]: {}, [B]: { ceiling: 200 }, [C]: {} }), postings)).toEqual(answer);
  });
});

describe("a pending transfer", () => {
  test.each<readonly [string, Partial<AccountView>, unknown]>([
    ["a closed account", { status: "closed" }, ["account_closed", B]],
    ["a frozen account", { status: "frozen" }, "ok"],
    ["an account at its ceiling", { ceiling: 100 }, "ok"],
    ["an account at the end of the range", { posted: MAX }, "ok"],
  ])("to %s", (_, fields, answer) => {
    expect(answerTo(shardWith({ [A]: {}, [B]: fields }), [posting(A, B, 5)], true)).toEqual(answer);
  });

  test("holds on each account the deepest dip of its postings", () => {
    const shard = shardWith({ [A]: {}, [B]: {}, [C]: {} });
    expect(
      answerTo(shard, [posting(A, B, 30), posting(B, C, 50), posting(C, A, 60), posting(A, C, 10)], true),
    ).toBe("ok");
    expect([shard.balance(A), shard.balance(B), shard.balance(C)]).toEqual([
      [100, 30, 0],
      [100, 20, 0],
      [100, 10, 0],
    ]);
  });
});

describe("no decision leaves the range", () => {
  /** What is held counts fully, whatever the balance is. */
  test.each<readonly [amount: number, answer: unknown]>([
    [5, "ok"],
    [6, ["balance_out_of_range", A]],
  ])("an account that holds 2^52 - 5, debited by %i", (amount, answer) => {
    const shard = shardWith({ [A]: { floor: null, held: MAX - 5 }, [B]: {} });
    expect(answerTo(shard, [posting(A, B, amount)])).toEqual(answer);
    const reverting = shardWith({ [A]: { floor: null, held: MAX - 5 }, [B]: {} });
    const revert = reverting.transfer(revertOf([posting(B, A, amount)]), undefined, "tr_new");
    expect(revert.ok ? "ok" : [revert.code, revert.subject]).toEqual(answer);
  });

  test("a debit that follows a credit needs no more than the dip", () => {
    const shard = shardWith({ [A]: { floor: null, held: MAX - 5 }, [B]: {} });
    expect(answerTo(shard, [posting(B, A, 50), posting(A, B, 55)])).toEqual("ok");
  });

  test.each<readonly [string, first: Posting, second: Posting, more: Posting]>([
    ["below", posting("@x", A, 10), posting("@x", A2, MAX - 10), posting("@x", A2, MAX - 9)],
    ["above", posting(A, "@x", 10), posting(A2, "@x", MAX - 10), posting(A2, "@x", MAX - 9)],
  ])("a system account's slice does not go %s it", (_, first, second, more) => {
    const rules = { floor: null, posted: 0 };
    const made = () => shardWith({ [A]: rules, [A2]: rules });
    expect(answerTo(made(), [first, second])).toBe("ok");
    const refused = ["balance_out_of_range", "@x"];
    expect(answerTo(made(), [first, more])).toEqual(refused);
    const shard = made();
    expect(answerTo(shard, [first])).toBe("ok");
    expect(answerTo(shard, [more])).toEqual(refused);
    expect(answerTo(shard, [second])).toBe("ok");
  });

  test("a pending credit of a full slice is accepted, and refused when it posts at once", () => {
    const rules = { floor: null, posted: 0 };
    const shard = shardWith({ [A]: rules, [A2]: rules });
    expect(answerTo(shard, [posting(A, "@x", MAX)])).toBe("ok");
    expect(answerTo(shard, [posting(A2, "@x", 1)])).toEqual(["balance_out_of_range", "@x"]);
    expect(answerTo(shard, [posting(A2, "@x", 1)], true)).toBe("ok");
  });

  test("pending credits are not checked, even together with credits that are reserved", () => {
    const rules = { floor: null, posted: 0 };
    const shard = shardWith({ [A]: rules, [A2]: rules, [A3]: { posted: 1 } });
    shard.reserve("tr_9", [posting(A3, "@x", 1)]);
    const postings = [posting(A, "@x", MAX), posting(A2, "@x", BALANCE_MAX - MAX)];
    expect(answerTo(shard, postings)).toEqual(["balance_out_of_range", "@x"]);
    expect(answerTo(shard, postings, true)).toBe("ok");
  });

  test("the credits of a slice are a safe integer in sum, even if it is far below zero", () => {
    const rules = { floor: null, posted: 0 };
    const made = () => {
      const shard = shardWith({ [A]: rules, [A2]: rules, [A3]: rules });
      answerTo(shard, [posting("@x", A3, MAX)]);
      return shard;
    };
    expect(answerTo(made(), [posting(A, "@x", MAX), posting(A2, "@x", BALANCE_MAX - MAX)])).toBe("ok");
    expect(answerTo(made(), [posting(A, "@x", MAX), posting(A2, "@x", BALANCE_MAX - MAX + 1)])).toEqual([
      "balance_out_of_range",
      "@x",
    ]);
  });
});

test("each leg is reported with its balance afterwards, and a leg that is accepted without an objection", () => {
  const shard = shardWith({ [A]: {}, [B]: { status: "closed" } });
  const postings = [posting(A, "@x", 5), posting("@x", A, 2), posting(A, B, 1)];
  const reports = shard.reports(legsOn(0, postings), "post");
  expect(reports.map(({ objection, posted, seq }) => [objection, posted, seq])).toEqual([
    [null, 95, 2],
    [null, 5, 1],
    [null, 3, 2],
    [null, 97, 3],
    [null, 96, 4],
    ["account_closed", 101, 2],
  ]);
  expect(new Set(reports.map(({ asset, held }) => `${asset} ${held}`))).toEqual(new Set(["PTS/0 0"]));
  const hold = shard.reports(legsOn(0, postings.slice(0, 2)), "hold");
  expect(hold.map(({ objection, posted, held, seq }) => [objection, posted, held, seq])).toEqual([
    [null, 100, 5, 1],
    [null, 0, 0, 0],
    // Credited with 5 before.
    [null, 0, 0, 0],
    [null, 100, 5, 1],
  ]);
});

/** The amount that a transfer of the available balance moves, or its rejection. */
function moved(shard: LedgerShard, amount: number): unknown {
  const outcome = shard.decide(transferOf([posting(A, B, amount)], { available: true }));
  if (typeof outcome === "symbol") throw new Error("a new transfer is never looked up");
  return outcome.ok ? outcome.transfer.postings[0]?.amount : [outcome.code, outcome.subject];
}

describe("a transfer of the available balance", () => {
  test.each<readonly [string, Partial<AccountView>, unknown]>([
    ["moves what is not held", { held: 30 }, 70],
    ["moves at most its amount", { posted: 900 }, 500],
    ["of 1 moves it", { held: 99 }, 1],
    ["of nothing is refused", { held: 100 }, ["insufficient_funds", A]],
    ["of nothing is refused, with any floor", { floor: null, posted: 0 }, ["insufficient_funds", A]],
    ["of less than nothing is refused", { floor: null, posted: -5 }, ["insufficient_funds", A]],
    [
      "of nothing, over a limit",
      { floor: null, posted: 0, limits: [limit("debit", { maxCount: 0 })] },
      ["insufficient_funds", A],
    ],
    ["of nothing, at the end of the range", { floor: null, posted: -MAX }, ["insufficient_funds", A]],
    ["of nothing, from a frozen account", { posted: 0, status: "frozen" }, ["account_frozen", A]],
    ["of nothing, from a closed account", { posted: 0, status: "closed" }, ["account_closed", A]],
    ["of nothing, from a managed account", { posted: 0, programme: "wallet" }, ["managed_account", A]],
  ])("%s", (_, fields, answer) => {
    expect(moved(shardWith({ [A]: fields, [B]: {} }), 500)).toEqual(answer);
  });

  test("of nothing, to a closed account or from an unknown one, names that account", () => {
    expect(moved(shardWith({ [A]: { posted: 0 }, [B]: { status: "closed" } }), 5)).toEqual([
      "account_closed",
      B,
    ]);
    expect(moved(shardWith({ [B]: {} }), 5)).toEqual(["account_not_found", A]);
  });
});

describe("a revert", () => {
  const TWO = [posting(A, B, 10), posting(B, C, 4)];

  test("moves everything back, the last posting first", () => {
    const shard = shardWith({ [A]: {}, [B]: { posted: 6 }, [C]: { posted: 4 } });
    const outcome = shard.transfer(revertOf(TWO), undefined, "tr_2");
    expect(outcome).toMatchObject({
      transfer: {
        id: "tr_2",
        status: "posted",
        postings: [posting(C, B, 4), posting(B, A, 10)],
        postedAmount: 14,
        memo: null,
        metadata: null,
        occurredAtMs: null,
        expiresAtMs: null,
        reverts: "tr_1",
      },
      sent: [],
      part: 0,
      holds: [],
    });
    expect([shard.balance(A), shard.balance(B), shard.balance(C)]).toEqual([
      [110, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  test("moves the smallest amount too", () => {
    const shard = shardWith({ [A]: {}, [B]: {} });
    shard.transfer(revertOf([posting(A, B, 1)]), undefined, "tr_2");
    expect([shard.balance(A), shard.balance(B)]).toEqual([
      [101, 0, 0],
      [99, 0, 0],
    ]);
  });

  test("neither counts against limits nor is refused by them", () => {
    const limits = (["debit", "credit"] as const).map((direction) => {
      return limit(direction, { maxAmount: 0, maxCount: 0 });
    });
    const shard = shardWith({ [A]: { limits }, [B]: { limits } });
    expect(shard.transfer(revertOf([posting(A, B, 10)]), undefined, "tr_2").ok).toBe(true);
    for (const id of [A, B])
      expect([shard.counted(id, "debit"), shard.counted(id, "credit")]).toEqual([
        [0, 0],
        [0, 0],
      ]);
  });

  test.each<readonly [string, readonly Posting[] | null, code: string]>([
    ["a transfer that does not exist", null, "transfer_not_found"],
    ["a transfer of which nothing was posted", [], "transfer_not_posted"],
    ["more than is there", [posting(A, B, 101)], "insufficient_funds"],
  ])("of %s is refused", (_, postings, code) => {
    const subject = code === "insufficient_funds" ? B : "tr_1";
    const shard = shardWith({ [A]: {}, [B]: {} });
    expect(shard.decide(revertOf(postings))).toEqual({ ok: false, code, subject });
  });

  test("happens once, as this shard or the archive knows", () => {
    const refused = { ok: false, code: "already_reverted", subject: "tr_1" };
    const shard = shardWith({ [A]: {}, [B]: {} });
    const seen = { epoch: 1, seq: 1, by: null };
    const command = revertOf([posting(A, B, 10)], { seen });
    expect(shard.transfer(command, undefined, "tr_2").ok).toBe(true);
    expect(shard.decide(command)).toEqual(refused);
    expect(shard.decide({ ...command, id: "tr_3" })).toMatchObject({ ok: true });
    expect(shard.decide({ ...command, id: "tr_3", seen: { ...seen, by: "tr_4" } })).toEqual({
      ...refused,
      subject: "tr_3",
    });
  });

  test("waits for the archive if this shard may have forgotten who has reverted the transfer", () => {
    const shard = shardWith({ [A]: {}, [B]: {} });
    const { compound, state } = shard.ledger;
    const revert = (more: object = {}) => revertOf([posting(A, B, 10)], more);
    expect(compound.uncertainUpTo(revert())).toBeUndefined();
    const forgotten = { epoch: 2, seq: 7 };
    state.claims.restoreForgotten(forgotten);
    expect(compound.uncertainUpTo(revert())).toEqual(forgotten);
    expect(compound.uncertainUpTo(revert({ seen: { epoch: 2, seq: 6, by: null } }))).toEqual(forgotten);
    expect(compound.uncertainUpTo(revert({ seen: { ...forgotten, by: null } }))).toBeUndefined();
    expect(compound.uncertainUpTo(transferOf([posting(A, B, 10)]))).toBeUndefined();
  });
});

test("a transfer that posts at once never expires, and keeps what the caller said about it", () => {
  const said = { memo: "rent", metadata: '{"a":"1"}', occurredAtMs: 5 };
  const shard = shardWith({ [A]: {}, [B]: {} });
  const outcome = shard.transfer(transferOf([posting(A, B, 10)], { ...said, timeoutMs: 60 }));
  expect(outcome).toMatchObject({
    transfer: { ...said, expiresAtMs: null, reverts: null, postedAmount: 10 },
  });
});
