/**
 * An exact model of velocity limits: the uses within a window of log time that ends now never exceed the limit. The code
 * under test counts in buckets, and may reject a little more than this.
 */

import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import type { Limit } from "../../src/actors/records/command.ts";
import type { Leg, TransferChanged } from "../../src/actors/records/compound-command.ts";
import { entriesOf } from "./entries.ts";
import type { Logged } from "./log-oracles.ts";

type Direction = Limit["direction"];

/** `useSeq` numbers the uses in a log, which orders uses of the same millisecond. */
type Use = Readonly<{
  useSeq: number;
  transfer: string;
  direction: Direction;
  amount: number;
  timeMs: number;
}>;

type LimitedAccount = {
  /** Each limit counts uses from `useSeq` `since` on, because it starts when it is set. */
  limits: readonly (Limit & Readonly<{ since: number }>)[];
  uses: Use[];
  /** Limits were changed. New limits do not stop credits that were committed before. */
  isChanged: boolean;
};

/** Checks the limits of all accounts in one log. */
export class LimitsModel {
  readonly problems: string[] = [];
  readonly #accounts = new Map<string, LimitedAccount>();
  #newestUseSeq = 0;

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
        this.#release(command.id);
        return;
      case "compound_transfer": {
        const { id, transfer } = outcome as TransferChanged;
        if (transfer.status === "pending") this.#hold(record, id, transfer.postings);
        else this.#count(record, id);
        return;
      }
      case "portion":
        if (command.legs.length === 0) this.#release(command.transfer.id);
        else if (command.purpose !== "revert") this.#count(record, command.transfer.id, "credit");
        return;
      case "post_transfer":
        this.#count(record, command.id, "credit");
        // The part that was not posted no longer counts. Releasing all of it here can only miss violations.
        if ((outcome as TransferChanged).transfer.status !== "pending") this.#release(command.id, "debit");
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
      limits: limits.map((limit) => ({ ...limit, since: sinceOf(limit) ?? this.#newestUseSeq + 1 })),
      uses: before?.uses ?? [],
      isChanged: before !== undefined,
    });
  }

  /** Counts a record's entries. @param only one direction, if the other one was counted at the reservation */
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

  /** Counts the debits of a hold. Accounts of other shards are counted in their own logs. */
  #hold(record: Logged, transfer: string, postings: readonly { debit: string; amount: number }[]): void {
    const legs = postings.map(({ debit, amount }) => ({ account: debit, amount: -amount }));
    this.#debit(record, transfer, legs);
  }

  #use({ command, timeMs }: Logged, name: string, counted: Omit<Use, "useSeq" | "timeMs">): void {
    const account = this.#accounts.get(`${command.partner} ${name}`);
    if (account === undefined || isSystemAccount(name)) return;
    this.#newestUseSeq += 1;
    const use = { ...counted, useSeq: this.#newestUseSeq, timeMs };
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
      (each) => each.direction === direction && each.useSeq >= since && each.timeMs >= fromMs,
    );
    const amount = counted.reduce((sum, each) => sum + each.amount, 0);
    if ((maxAmount !== null && amount > maxAmount) || (maxCount !== null && counted.length > maxCount))
      this.problems.push(
        `${name} has ${counted.length} ${direction}s of ${amount} within ${windowS} s, and may have ${maxCount} of ${maxAmount}; the last is of ${use.transfer}`,
      );
  }

  #release(transfer: string, direction?: Direction): void {
    for (const account of this.#accounts.values())
      account.uses = account.uses.filter(
        (use) => use.transfer !== transfer || (direction !== undefined && use.direction !== direction),
      );
  }
}
