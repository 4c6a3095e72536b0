import fc from "fast-check";
import { expect, test } from "vitest";
import type { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import { BookModel } from "./book-model.ts";
import { PackedLog } from "./copies.ts";
import { history } from "./histories.ts";
import { balanceOf, LedgerAudit } from "./ledger-audit.ts";
import { LedgerRun } from "./ledger-run.ts";
import { RUNS_SHARE, runs } from "./property-runs.ts";

const ACCOUNT_RULES = [
  "account_closed",
  "account_frozen",
  "insufficient_funds",
  "ceiling_exceeded",
  "balance_out_of_range",
];
const TRANSFER_RULES = [
  "same_account",
  "account_not_found",
  "asset_mismatch",
  "limit_exceeded",
  ...ACCOUNT_RULES,
];
const ENDED = ["transfer_not_found", "transfer_not_pending", "transfer_expired"];

/** Rejections that the random histories must produce for each op, besides acceptance. */
const EXPECTED_ANSWERS: Readonly<Record<string, readonly string[]>> = {
  create_account: ["account_exists", "balance_conflict"],
  update_account: ["account_not_found", "account_closed", "balance_conflict"],
  set_account_status: ["account_not_found", "account_closed", "account_not_empty"],
  transfer: TRANSFER_RULES,
  compound_transfer: TRANSFER_RULES,
  post_transfer: [...ENDED, "amount_exceeds_pending", "ceiling_exceeded", "limit_exceeded"],
  void_transfer: ENDED,
  revert_transfer: [
    "transfer_not_found",
    "transfer_not_posted",
    "already_reverted",
    "account_frozen",
    "insufficient_funds",
    "ceiling_exceeded",
  ],
};

test("I1, I2, I3, I4, I10: in any history the ledger agrees with a naive model after every command", () => {
  const answers = new Map<string, number>();
  fc.assert(
    fc.property(history, (steps) => {
      const audit = new LedgerAudit();
      const run = new LedgerRun((record) => audit.follow(record));
      const model = new BookModel();
      for (const step of steps) {
        const { command, outcome } = run.take(step);
        const id = outcome.ok && "id" in outcome ? outcome.id : "none";
        const code = outcome.ok ? "ok" : outcome.code;
        expect(code, JSON.stringify(command)).toBe(model.execute(command, run.nowMs, id));
        expect([...differences(model, run.ledger), ...audit.problems]).toEqual([]);
        answers.set(`${command.op} ${code}`, (answers.get(`${command.op} ${code}`) ?? 0) + 1);
      }
    }),
    { numRuns: runs(2000) },
  );
  // Guards against histories that exercise only a few of the rules.
  for (const [op, codes] of Object.entries(EXPECTED_ANSWERS))
    for (const code of ["ok", ...codes])
      expect(answers.get(`${op} ${code}`), `${op} ${code}`).toBeGreaterThan(10 * RUNS_SHARE);
});

test("I9: a replay of the packed records gives the same state", () => {
  fc.assert(
    fc.property(history, (steps) => {
      const log = new PackedLog();
      const run = new LedgerRun((record) => log.add(record));
      for (const step of steps) run.take(step);
      expect([...log.replayed().stateLines(0)]).toEqual([...run.ledger.stateLines(0)]);
    }),
    { numRuns: runs(300) },
  );
});

/** Differences between model and ledger, and broken invariants of the ledger's state. */
function differences(model: BookModel, ledger: Ledger): readonly string[] {
  const found: string[] = [];
  const { pending, bookOf } = ledger.compound;
  const holds = new Map<string, number>();
  for (const { partner, holds: transferHolds } of pending.all())
    for (const hold of transferHolds) {
      const balance = balanceOf(partner, hold);
      holds.set(balance, (holds.get(balance) ?? 0) + hold.amount);
    }
  const compare = (name: string, expected: BalanceValues, actual: BalanceValues) => {
    if (textOf(expected) !== textOf(actual))
      found.push(`${name}: ${textOf(actual)}, not ${textOf(expected)}`);
    if (actual.held !== (holds.get(name) ?? 0)) found.push(`I3: ${actual.held} is held on ${name}`);
  };
  for (const [partner, id, row] of model.accounts.rows()) {
    const account = ledger.account(partner, id);
    compare(`${partner} ${id}`, row, account ?? EMPTY_BALANCE);
    if (account === undefined) continue;
    const { posted, held, floor, ceiling, status } = account;
    if (status !== row.status) found.push(`${id} is ${status}, not ${row.status}`);
    if (posted - held < (floor ?? -Infinity) || posted > (ceiling ?? Infinity))
      found.push(`I2: ${id} has ${posted}`);
  }
  for (const [partner, account, asset, owner, slice] of model.accounts.slices()) {
    const vnode = vnodeOfAccount(partner, owner);
    const actual = bookOf(partner).sliceOf(account, asset, vnode);
    compare(balanceOf(partner, { account, asset, vnode }), slice, actual ?? EMPTY_BALANCE);
  }
  for (const [id, { status, posted }] of model.transfers()) {
    const open = pending.get(id);
    if ((open !== undefined) !== (status === "pending")) found.push(`${id} is not ${status}`);
    if (open !== undefined && open.view.postedAmount !== posted) found.push(`${id}: ${posted} was posted`);
  }
  for (const [asset, { sum }] of ledger.sums(undefined))
    if (sum !== 0n) found.push(`I1: ${sum} ${asset} too much`);
  return found;
}

type BalanceValues = Readonly<{ posted: bigint | number; held: bigint | number; seq: number }>;
const EMPTY_BALANCE: BalanceValues = { posted: 0, held: 0, seq: 0 };

function textOf({ posted, held, seq }: BalanceValues): string {
  return `${posted} posted, ${held} held, seq ${seq}`;
}
