/**
 * Pins: reservations for credits that another shard may commit. A pinned account stays open, and the room for the
 * credit is kept. A pin is released by its credit, by an unpin message, or when the other shard has reconnected and
 * resent all its committed messages. Pins are kept in memory only and never expire. On slices of system accounts
 * debits are pinned too.
 */
import type { Account, Slice } from "../../actors/ledger/account.ts";
import { assert } from "../../errors/assert.ts";

export type CreditReservation =
  | Readonly<{ account: Account; amount: number; count: number }>
  | Readonly<{ slice: Slice; credited: number; debited: number }>;

export class CreditReservations {
  /** By pin, a number chosen by the other shard. A compound transfer may pin several accounts under one number. */
  #byPin = new Map<number, readonly CreditReservation[]>();
  /** Reservations made over channels that are closed. */
  #retired: CreditReservation[] = [];

  add(pin: number, reservations: readonly CreditReservation[]): void {
    for (const reservation of reservations) addRoom(reservation, 1);
    this.#byPin.set(pin, reservations);
  }

  release(pin: number): void {
    const reservations = this.#byPin.get(pin);
    if (reservations === undefined) return;
    this.#byPin.delete(pin);
    for (const reservation of reservations) addRoom(reservation, -1);
  }

  /** The channel is closed. Its pins may still be credited, so they stay until `releaseRetired`. */
  retire(): void {
    for (const reservations of this.#byPin.values()) this.#retired.push(...reservations);
    this.#byPin.clear();
  }

  releaseRetired(): void {
    for (const reservation of this.#retired) addRoom(reservation, -1);
    this.#retired = [];
  }
}

/** @param sign 1 to pin, -1 to unpin. */
function addRoom(reservation: CreditReservation, sign: 1 | -1): void {
  if ("account" in reservation) {
    const { account, amount, count } = reservation;
    account.pinned += sign * amount;
    account.pins += sign * count;
    assert(Number.isSafeInteger(account.pinned), "I2: pinned room is a safe integer");
    return;
  }
  const { slice, credited, debited } = reservation;
  slice.pinned += sign * credited;
  slice.pinnedDebits += sign * debited;
  const areSafe = Number.isSafeInteger(slice.pinned) && Number.isSafeInteger(slice.pinnedDebits);
  assert(areSafe, "I2: pinned room is a safe integer");
}
