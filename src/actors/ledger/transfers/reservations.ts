/**
 * Reservations of this shard for transfers of other shards: holds for their debits, credit reservations for their
 * credits. A reservation is logged under its transfer's id. It is removed by that transfer's portion or by a release
 * from its home shard, and never expires.
 */
import { assert } from "../../../errors/assert.ts";
import { reservationBytes } from "../../quotas/bytes.ts";
import type { Hold, Leg, Reservation, Reserve, Reserved, Rise } from "../../records/compound-command.ts";
import type { Book } from "../book.ts";
import { countUse, uncountUse } from "../limits/velocity.ts";
import { isSystemAccount } from "../routing.ts";
import { usesOf } from "./legs.ts";

/** Whether these legs need a reservation, since one debits an amount that must be there after the commit. */
export function needReservation(legs: readonly Leg[], isPending: boolean): boolean {
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

  /** The holds of a reservation; empty if there is no such reservation. */
  holdsOf(id: string): readonly Hold[] {
    return this.#byId.get(id)?.holds ?? [];
  }

  /** Ids of the reservations for transfers of shard `from`. */
  idsOf(from: number): string[] {
    return [...this.#byId].filter(([, reservation]) => reservation.from === from).map(([id]) => id);
  }

  /** In no order. */
  entries(): Iterable<readonly [string, Reservation]> {
    return this.#byId;
  }

  /** Adds a reservation and its credit reservations. The caller has applied the record's moves. */
  add(book: Book, { id, partner, from, legs, purpose }: Reserve, reserved: Reserved, atMs: number): void {
    assert(!this.#byId.has(id), "an attempt reserves at most once on each shard");
    const uses = purpose === "revert" ? [] : usesOf(legs, "debit");
    this.#keep(book, id, { partner, from, holds: reserved.holds, rises: reserved.rises, uses, atMs });
    for (const rise of reserved.rises) reserveCredit(book, rise, 1);
    for (const { account, amount, count } of uses)
      countUse(book.accounts.get(account)?.velocities, "debit", amount, count, atMs);
  }

  /** Restores a reservation from an image, in which the accounts already contain its holds and counted uses. */
  restore(book: Book, id: string, reservation: Reservation): void {
    this.#keep(book, id, reservation);
    for (const rise of reservation.rises) reserveCredit(book, rise, 1);
  }

  /**
   * Removes the reservation, if there is one with this id.
   *
   * @param isVoid the transfer does not move the money: its uses no longer count against limits.
   */
  remove(book: Book, id: string, isVoid: boolean): void {
    const reservation = this.#byId.get(id);
    if (reservation === undefined) return;
    const { rises, uses, atMs } = reservation;
    this.#byId.delete(id);
    book.usage.count(-reservationBytes(reservation));
    for (const rise of rises) reserveCredit(book, rise, -1);
    if (!isVoid) return;
    for (const { account, amount, count } of uses)
      uncountUse(book.accounts.get(account)?.velocities, "debit", amount, count, atMs);
  }

  #keep(book: Book, id: string, reservation: Reservation): void {
    this.#byId.set(id, reservation);
    book.usage.count(reservationBytes(reservation));
  }
}

/** @param sign 1 to reserve, -1 to release. */
function reserveCredit(book: Book, { account: name, amount, count, slice }: Rise, sign: 1 | -1): void {
  const balance =
    slice === undefined ? book.accounts.get(name) : book.sliceWithRoom(name, slice.asset, slice.vnode);
  assert(balance !== undefined, "credits are reserved on accounts that exist");
  balance.reserved += sign * amount;
  assert(Number.isSafeInteger(balance.reserved), "I2: reserved credits are a safe integer");
  if ("reservations" in balance) balance.reservations += sign * count;
}
