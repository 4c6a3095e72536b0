/** The complete content of the records of transfers: every field of the request, and no other. */
import { describe, expect, test } from "vitest";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { homeVnodeOf, shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import type { Command, CreateAccount, Transfer } from "../../../src/actors/records/command.ts";
import type {
  CompoundTransfer,
  PostTransfer,
  RevertTransfer,
} from "../../../src/actors/records/compound-command.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";

const header = { partner: "p", key: null, fingerprint: 0 } as const;
const details = { memo: "rent", metadata: '{"a":"1"}', occurredAtMs: 5 } as const;
const VNODE = homeVnodeOf("p", "a", "b", null);

function create(id: string, more: Partial<CreateAccount> = {}): CreateAccount {
  const rules = { asset: "PTS/0", floor: null, ceiling: null, metadata: null };
  return { op: "create_account", ...header, id, ...rules, ...more };
}

function plain(debit: string, credit: string, amount: number): Transfer {
  const vnode = homeVnodeOf("p", debit, credit, null);
  return { op: "transfer", ...header, ...details, debit, credit, amount, vnode };
}

function compound(more: Partial<CompoundTransfer>): CompoundTransfer {
  const postings = [{ debit: "a", credit: "b", amount: 9 }];
  const kind = { available: false, pending: false, timeoutMs: null, vnode: VNODE };
  return { op: "compound_transfer", ...header, ...details, ...kind, postings, ...more };
}

function post(id: string, more: Partial<PostTransfer> = {}): PostTransfer {
  return { op: "post_transfer", ...header, id, amount: null, final: false, settled: null, ...more };
}

function revert(id: string): RevertTransfer {
  return { op: "revert_transfer", ...header, id, original: null, vnode: VNODE };
}

/** Moves the available balance of `a`, at most `amount`. */
function allAvailable(amount: number): CompoundTransfer {
  return compound({ available: true, postings: [{ debit: "a", credit: "b", amount }] });
}

/** A ledger with two accounts, `a` with 20. */
function opened(): LedgerRun {
  const run = new LedgerRun(() => {});
  for (const id of ["a", "b"]) run.do(create(id));
  run.do(plain("@x", "a", 20));
  return run;
}

function idOf(run: LedgerRun, command: Command): string {
  const { outcome } = run.do(command);
  return outcome.ok && "id" in outcome ? outcome.id : "none";
}

const nothing = { sent: [], part: 0, holds: [], reservedAt: [], elsewhere: [] };
const balances = { asset: "PTS/0", vnode: VNODE };
const away = { asset: "PTS/0", vnode: vnodeOfAccount("p", "b") };

describe("a record", () => {
  test("of a plain transfer has both balances after it, and no act or effect", () => {
    expect(opened().do(plain("a", "b", 3)).outcome).toEqual({
      ok: true,
      id: expect.stringMatching(/^tr_/),
      debitPosted: 17,
      debitHeld: 0,
      debitSeq: 2,
      creditPosted: 3,
      creditHeld: 0,
      creditSeq: 1,
    });
  });

  test("of a hold, a partial post, a final post and a revert is complete", () => {
    const run = opened();
    const createdAtMs = run.nowMs;
    const held = run.do(compound({ pending: true, timeoutMs: 50 })).outcome;
    const id = held.ok && "id" in held ? held.id : "none";
    const postings = [{ debit: "a", credit: "b", amount: 9 }];
    const transfer = { id, postings, ...details, createdAtMs, expiresAtMs: createdAtMs + 50, reverts: null };
    expect(held).toEqual({
      ok: true,
      id,
      transfer: { ...transfer, status: "pending", postedAmount: 0 },
      ...nothing,
      moves: [{ posting: 0, account: "a", ...balances, amount: 0, posted: 20, held: 9, seq: 1 }],
      holds: [{ account: "a", ...balances, amount: 9 }],
    });
    run.nowMs += 49;
    expect(run.do(post(id, { amount: 2 })).outcome).toEqual({
      ok: true,
      id,
      transfer: { ...transfer, status: "pending", postedAmount: 2 },
      ...nothing,
      moves: [
        { posting: 0, account: "a", ...balances, amount: -2, posted: 18, held: 7, seq: 2 },
        { posting: 0, account: "b", ...away, amount: 2, posted: 2, held: 0, seq: 1 },
      ],
    });
    expect(run.do(post(id, { amount: 3, final: true })).outcome).toEqual({
      ok: true,
      id,
      transfer: { ...transfer, status: "posted", postedAmount: 5 },
      ...nothing,
      part: 1,
      moves: [
        { posting: 0, account: "a", ...balances, amount: -3, posted: 15, held: 0, seq: 3 },
        { posting: 0, account: "b", ...away, amount: 3, posted: 5, held: 0, seq: 2 },
      ],
    });
    const back = run.do(revert(id)).outcome;
    expect(back).toEqual({
      ok: true,
      id: expect.not.stringContaining(id),
      transfer: {
        id: back.ok && "id" in back ? back.id : "",
        status: "posted",
        postings: [{ debit: "b", credit: "a", amount: 5 }],
        postedAmount: 5,
        memo: null,
        metadata: null,
        occurredAtMs: null,
        createdAtMs: run.nowMs,
        expiresAtMs: null,
        reverts: id,
      },
      ...nothing,
      moves: [
        { posting: 0, account: "b", ...away, amount: -5, posted: 0, held: 0, seq: 3 },
        { posting: 0, account: "a", ...balances, amount: 5, posted: 20, held: 0, seq: 4 },
      ],
    });
  });

  test("of a void has the released holds; that of an expiry omits what the first record has", () => {
    const run = opened();
    const createdAtMs = run.nowMs;
    const voided = idOf(run, compound({ pending: true }));
    const postings = [{ debit: "a", credit: "b", amount: 9 }];
    const rest = { postings, postedAmount: 0, createdAtMs, reverts: null };
    const moves = [{ posting: 0, account: "a", ...balances, amount: 0, posted: 20, held: 0, seq: 1 }];
    expect(run.do({ op: "void_transfer", ...header, id: voided, settled: null }).outcome).toEqual({
      ok: true,
      id: voided,
      transfer: { id: voided, ...rest, ...details, status: "voided", expiresAtMs: null },
      ...nothing,
      moves,
    });
    const records: unknown[] = [];
    const other = new LedgerRun(({ outcome }) => records.push(outcome));
    for (const command of [create("a"), create("b"), plain("@x", "a", 20)]) other.do(command);
    const expired = idOf(other, compound({ pending: true, timeoutMs: 7 }));
    other.nowMs += 6;
    other.end();
    expect(records).toHaveLength(4);
    other.nowMs += 1;
    other.end();
    expect(records.at(-1)).toEqual({
      ok: true,
      id: expired,
      transfer: { id: expired, ...rest, occurredAtMs: 5, status: "expired", expiresAtMs: createdAtMs + 7 },
      ...nothing,
      moves,
    });
  });

  test("of several postings has a move for each leg, in posting order", () => {
    const run = opened();
    const postings = [
      { debit: "a", credit: "b", amount: 4 },
      { debit: "b", credit: "@y", amount: 3 },
    ];
    expect(run.do(compound({ postings })).outcome).toMatchObject({
      transfer: { status: "posted", postings, postedAmount: 7, ...details, expiresAtMs: null, reverts: null },
      moves: [
        { posting: 0, account: "a", ...balances, amount: -4, posted: 16, seq: 2 },
        { posting: 0, account: "b", ...away, amount: 4, posted: 4, seq: 1 },
        { posting: 1, account: "b", ...away, amount: -3, posted: 1, seq: 2 },
        { posting: 1, account: "@y", ...away, amount: 3, posted: 3, seq: 1 },
      ],
    });
  });

  test("of a transfer of the available balance moves at most that, and is rejected if it is 0", () => {
    const run = opened();
    expect(run.do(allAvailable(19)).outcome).toMatchObject({ transfer: { postedAmount: 19 } });
    expect(run.do(allAvailable(5)).outcome).toMatchObject({ transfer: { postedAmount: 1 } });
    expect(run.do(allAvailable(5)).outcome).toEqual({ ok: false, code: "insufficient_funds", subject: "a" });
  });
});

describe("across shards", () => {
  const SHARDS = 2;
  const [debitId, creditId] = ["a", "b", "c", "d", "e", "f"].reduce<readonly [string, string]>(
    ([first, second], id) => {
      const shard = shardOfVnode(vnodeOfAccount("p", id), SHARDS);
      return shard === 0 ? [id, second] : [first, id];
    },
    ["", ""],
  );
  const place = { epoch: 1, seq: 2, index: 3, timeMs: 70 };

  function shard(index: number, id: string, more: Partial<CreateAccount> = {}): Ledger {
    const ledger = new Ledger(index, SHARDS);
    const command = create(id, more);
    ledger.apply(
      command,
      ledger.decide(command, 1, () => ""),
      place,
      0,
    );
    return ledger;
  }

  test("a transfer debits its account on this shard, and its message has all that the credit's record needs", () => {
    const ledger = shard(0, debitId);
    const command = plain(debitId, creditId, 8);
    const remote = { asset: "PTS/0", refusal: null };
    const sent = ledger.decideSend(command, remote, 1, 70, () => "tr_1");
    const debited = { debitPosted: -8, debitHeld: 0, debitSeq: 1 };
    expect(sent).toEqual({ ok: true, id: "tr_1", ...debited, to: 1, no: 1 });
    ledger.apply(command, sent, place, 0);
    expect(ledger.account("p", debitId)).toMatchObject({ posted: -8, held: 0, seq: 1 });
    const { vnode: _vnode, op: _op, ...rest } = command;
    const message = { ...rest, op: "credit", id: "tr_1", createdAtMs: 70, from: 0, no: 1 } as const;
    expect(ledger.exchange(1).message(1)).toEqual(message);
    expect(ledger.exchange(1).kept).toEqual([{ message, epoch: 1, seq: 2, index: 3 }]);
    const other = shard(1, creditId);
    const credited = other.decideCredit(message);
    expect(credited).toEqual({ ok: true, posted: 8, held: 0, seq: 1 });
    other.apply(message, credited, { ...place, timeMs: 75 }, 0);
    expect(other.account("p", creditId)).toMatchObject({ posted: 8, seq: 1 });
    expect(other.exchange(0).received).toBe(1);
    expect([ledger, other].map((each) => each.sums("p").get("PTS/0")?.sum)).toEqual([-8n, 8n]);
  });

  test.each([
    [{ floor: 0 }, { asset: "PTS/0", refusal: null }, "insufficient_funds", debitId],
    [{}, null, "account_not_found", creditId],
    [{}, { asset: "USD/2", refusal: null }, "asset_mismatch", creditId],
    [{}, { asset: "PTS/0", refusal: "ceiling_exceeded" }, "ceiling_exceeded", creditId],
    [{ floor: 0 }, { asset: "PTS/0", refusal: "ceiling_exceeded" }, "insufficient_funds", debitId],
    [{ floor: 0 }, { asset: "PTS/0", refusal: "account_closed" }, "account_closed", creditId],
    [
      { limits: [{ windowS: 60, direction: "debit", maxAmount: 7, maxCount: null }] },
      { asset: "PTS/0", refusal: null },
      "limit_exceeded",
      debitId,
    ],
  ] as const)(
    "a debit account with %o and a remote credit account with %o give %s of %s",
    (rules, remote, code, subject) => {
      const ledger = shard(0, debitId, rules);
      const decided = ledger.decideSend(plain(debitId, creditId, 8), remote, 1, 70, () => "tr_1");
      expect(decided).toEqual({ ok: false, code, subject });
      const none = new Ledger(0, SHARDS).decideSend(plain(debitId, creditId, 8), remote, 1, 70, () => "tr_1");
      expect(none).toEqual({ ok: false, code: "account_not_found", subject: debitId });
    },
  );

  test("debit and credit count against the limits of their accounts", () => {
    const limit = { windowS: 60, maxAmount: 10, maxCount: null };
    const ledger = shard(0, debitId, { limits: [{ ...limit, direction: "debit" }] });
    const remote = { asset: "PTS/0", refusal: null };
    const send = (amount: number) =>
      ledger.decideSend(plain(debitId, creditId, amount), remote, 1, 70, () => "tr_1");
    ledger.apply(plain(debitId, creditId, 8), send(8), place, 0);
    expect(send(3)).toMatchObject({ code: "limit_exceeded" });
    expect(send(2)).toMatchObject({ ok: true, no: 2 });
    const other = shard(1, creditId, { limits: [{ ...limit, direction: "credit" }] });
    const { message } = ledger.exchange(1).kept[0] as { message: Command };
    other.apply(message, { ok: true, posted: 8, held: 0, seq: 1 }, place, 0);
    const local = (amount: number) => other.decide(plain("@x", creditId, amount), 70, () => "tr_2");
    expect(local(3)).toMatchObject({ code: "limit_exceeded" });
    expect(local(2)).toMatchObject({ ok: true });
  });
});
