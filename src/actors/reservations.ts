/**
 * What this shard keeps for transfers of other shards: money that they will take, room that they will need. A reservation
 * is logged and named by its transfer; it ends with that transfer's portion, or by the word of its home, and never by
 * itself.
 */
import { assert } from "../assert.ts";
import type { Book } from "./book.ts";
import type { Hold, Leg, Reserve, Reserved, Use } from "./compound-command.ts";
import { usesOf } from "./legs.ts";
import { isSystemAccount } from "./routing.ts";
import { countUse, giveBackUse } from "./velocity.ts";

export type Reservation = Readonly<{
  partner: string;
  /** The transfer's home. */
  from: number;
  holds: readonly Hold[];
  rises: readonly Use[];
  /** What was counted against limits, and when. */
  uses: readonly Use[];
  atMs: number;
}>;

/** Whether these legs take something, which must be there when the transfer is committed: credits need a pin at most. */
export function areTaking(legs: readonly Leg[], isPending: boolean): boolean {
  return legs.some(({ account, amount }) => amount < 0 && (isPending || !isSystemAccount(account)));
}

export class Reservations {
  readonly #byId = new Map<string, Reservation>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): Reservation | undefined {
    return this.#byId.get(id);
  }

  /** What is held under this name: nothing where there is none. */
  holdsOf(id: string): readonly Hold[] {
    return this.#byId.get(id)?.holds ?? [];
  }

  /** Names of those that belong to transfers of shard `from`. */
  idsOf(from: number): string[] {
    return [...this.#byId].filter(([, reservation]) => reservation.from === from).map(([id]) => id);
  }

  /** In no order. */
  entries(): Iterable<readonly [string, Reservation]> {
    return this.#byId;
  }

  /** The record's moves are applied by the caller. */
  add(book: Book, { id, partner, from, legs, purpose }: Reserve, reserved: Reserved, atMs: number): void {
    assert(!this.#byId.has(id), "an attempt reserves once on each shard");
    const uses = purpose === "revert" ? [] : usesOf(legs, "debit");
    this.#byId.set(id, { partner, from, holds: reserved.holds, rises: reserved.rises, uses, atMs });
    for (const { account, amount, count } of reserved.rises) rise(book, account, amount, count);
    for (const { account, amount, count } of uses)
      countUse(book.accounts.get(account)?.velocities, "debit", amount, count, atMs);
  }

  /** As an image has it: what it holds and what it was counted for stands with the accounts already. */
  restore(book: Book, id: string, reservation: Reservation): void {
    this.#byId.set(id, reservation);
    for (const { account, amount, count } of reservation.rises) rise(book, account, amount, count);
  }

  /** It is over, if there is one of this name; with `isVoid` what was counted does not count any more. */
  remove(book: Book, id: string, isVoid: boolean): void {
    const reservation = this.#byId.get(id);
    if (reservation === undefined) return;
    const { rises, uses, atMs } = reservation;
    this.#byId.delete(id);
    for (const { account, amount, count } of rises) rise(book, account, -amount, -count);
    if (!isVoid) return;
    for (const { account, amount, count } of uses)
      giveBackUse(book.accounts.get(account)?.velocities, "debit", amount, count, atMs);
  }
}

function rise(book: Book, name: string, amount: number, count: number): void {
  const account = book.accounts.get(name);
  assert(account !== undefined, "room is reserved on accounts that exist");
  account.reserved += amount;
  account.reservations += count;
}
