/**
 * Velocity limits, by a model of their rule alone: what is counted in a window of log time that ends now is never more than
 * the limit allows. The code under test counts in buckets, and may refuse a little more than this.
 */

import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import type { Limit } from "../../src/actors/records/command.ts";
import type { Leg, TransferChanged } from "../../src/actors/records/compound-command.ts";
import { entriesOf } from "./entries.ts";
import type { Logged } from "./log-oracles.ts";

type Direction = Limit["direction"];

/** `no` counts the uses of a log: of two in one millisecond it says which came first. */
type Use = Readonly<{ no: number; transfer: string; direction: Direction; amount: number; timeMs: number }>;

type LimitedAccount = {
  /** Each counts from when it was set: from use number `since` on. */
  limits: readonly (Limit & Readonly<{ since: number }>)[];
  uses: Use[];
  /** Limits that come later do not stop what was committed before. */
  isChanged: boolean;
};

/** Follows one log. */
export class LimitsModel {
  readonly problems: string[] = [];
  readonly #accounts = new Map<string, LimitedAccount>();
  #newest = 0;

  follow(record: Logged): void {
    const { command, outcome } = record;
    if (!outcome.ok) return;
    if ("account" in outcome && outcome.account !== undefined)
      this.#limit(`${command.partner} ${outcome.account.id}`, outcome.account.limits ?? []);
    switch (command.op) {
      case "reserve":
        if (command.purpose !== "revert") this.#debit(record, command.id, command.legs);
        return;
      case "release":
      case "void_transfer":
      case "expire_transfer":
        this.#giveBack(command.id);
        return;
      case "compound_transfer": {
        const { id, transfer } = outcome as TransferChanged;
        if (transfer.status === "pending") this.#hold(record, id, transfer.postings);
        else this.#count(record, id);
        return;
      }
      case "portion":
        if (command.legs.length === 0) this.#giveBack(command.transfer.id);
        else if (command.purpose !== "revert") this.#count(record, command.transfer.id, "credit");
        return;
      case "post_transfer":
        this.#count(record, command.id, "credit");
        // Whatever was not posted does not count any more; that all of it is given back here makes no false alarm.
        if ((outcome as TransferChanged).transfer.status !== "pending") this.#giveBack(command.id, "debit");
        return;
      case "transfer":
      case "credit":
        this.#count(record, command.op);
        return;
      default:
        return;
    }
  }

  #limit(account: string, limits: readonly Limit[]): void {
    const before = this.#accounts.get(account);
    const known = before?.limits ?? [];
    const sinceOf = ({ windowS, direction }: Limit) =>
      known.find((each) => each.windowS === windowS && each.direction === direction)?.since;
    this.#accounts.set(account, {
      limits: limits.map((limit) => ({ ...limit, since: sinceOf(limit) ?? this.#newest + 1 })),
      uses: before?.uses ?? [],
      isChanged: before !== undefined,
    });
  }

  /** Entries of a record; with `only`, those of one direction: the others were counted when they were reserved. */
  #count(record: Logged, transfer: string, only?: Direction): void {
    for (const { account, amount } of entriesOf(record)) {
      const direction = amount < 0 ? "debit" : "credit";
      if (only === undefined || only === direction)
        this.#use(record, account, { transfer, direction, amount: Math.abs(amount) });
    }
  }

  #debit(record: Logged, transfer: string, legs: readonly Pick<Leg, "account" | "amount">[]): void {
    for (const { account, amount } of legs)
      if (amount < 0) this.#use(record, account, { transfer, direction: "debit", amount: -amount });
  }

  /** Only accounts of this log are known here: those of other shards count in theirs. */
  #hold(record: Logged, transfer: string, postings: readonly { debit: string; amount: number }[]): void {
    const legs = postings.map(({ debit, amount }) => ({ account: debit, amount: -amount }));
    this.#debit(record, transfer, legs);
  }

  #use({ command, timeMs }: Logged, name: string, counted: Omit<Use, "no" | "timeMs">): void {
    const account = this.#accounts.get(`${command.partner} ${name}`);
    if (account === undefined || isSystemAccount(name)) return;
    this.#newest += 1;
    const use = { ...counted, no: this.#newest, timeMs };
    account.uses.push(use);
    const isCommitted = command.op === "credit" || command.op === "portion";
    if (isCommitted && account.isChanged) return;
    for (const limit of account.limits)
      if (limit.direction === use.direction) this.#judge(account, name, limit, use);
  }

  #judge({ uses }: LimitedAccount, name: string, limit: LimitedAccount["limits"][number], use: Use): void {
    const { windowS, direction, maxAmount, maxCount, since } = limit;
    const fromMs = use.timeMs - windowS * 1000 + 1;
    const counted = uses.filter(
      (each) => each.direction === direction && each.no >= since && each.timeMs >= fromMs,
    );
    const amount = counted.reduce((sum, each) => sum + each.amount, 0);
    if ((maxAmount !== null && amount > maxAmount) || (maxCount !== null && counted.length > maxCount))
      this.problems.push(
        `${name} has ${counted.length} ${direction}s of ${amount} within ${windowS} s, and may have ${maxCount} of ${maxAmount}; the last is of ${use.transfer}`,
      );
  }

  #giveBack(transfer: string, direction?: Direction): void {
    for (const account of this.#accounts.values())
      account.uses = account.uses.filter(
        (use) => use.transfer !== transfer || (direction !== undefined && use.direction !== direction),
      );
  }
}
