/**
 * What this shard keeps for transfers of other shards: money that they will take, room that they will need. A reservation
 * is logged and named by its transfer; it ends with that transfer's portion, or by the word of its home, and never by
 * itself.
 */
import { assert } from "../../../errors/assert.ts";
import { reservationBytes } from "../../quotas/bytes.ts";
import type { Hold, Leg, Reservation, Reserve, Reserved, Rise } from "../../records/compound-command.ts";
import type { Book } from "../book.ts";
import { countUse, giveBackUse } from "../limits/velocity.ts";
import { isSystemAccount } from "../routing.ts";
import { usesOf } from "./legs.ts";

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
    this.#keep(book, id, { partner, from, holds: reserved.holds, rises: reserved.rises, uses, atMs });
    for (const rise of reserved.rises) keepRoom(book, rise, 1);
    for (const { account, amount, count } of uses)
      countUse(book.accounts.get(account)?.velocities, "debit", amount, count, atMs);
  }

  /** As an image has it: what it holds and what it was counted for stands with the accounts already. */
  restore(book: Book, id: string, reservation: Reservation): void {
    this.#keep(book, id, reservation);
    for (const rise of reservation.rises) keepRoom(book, rise, 1);
  }

  /** It is over, if there is one of this name; with `isVoid` what was counted does not count any more. */
  remove(book: Book, id: string, isVoid: boolean): void {
    const reservation = this.#byId.get(id);
    if (reservation === undefined) return;
    const { rises, uses, atMs } = reservation;
    this.#byId.delete(id);
    book.usage.count(-reservationBytes(reservation));
    for (const rise of rises) keepRoom(book, rise, -1);
    if (!isVoid) return;
    for (const { account, amount, count } of uses)
      giveBackUse(book.accounts.get(account)?.velocities, "debit", amount, count, atMs);
  }

  #keep(book: Book, id: string, reservation: Reservation): void {
    this.#byId.set(id, reservation);
    book.usage.count(reservationBytes(reservation));
  }
}

/** @param sign 1 to keep it, -1 to give it back. */
function keepRoom(book: Book, { account: name, amount, count, slice }: Rise, sign: 1 | -1): void {
  const balance =
    slice === undefined ? book.accounts.get(name) : book.sliceWithRoom(name, slice.asset, slice.vnode);
  assert(balance !== undefined, "room is reserved on accounts that exist");
  balance.reserved += sign * amount;
  assert(Number.isSafeInteger(balance.reserved), "I2: reserved room is a safe integer");
  if ("reservations" in balance) balance.reservations += sign * count;
}
