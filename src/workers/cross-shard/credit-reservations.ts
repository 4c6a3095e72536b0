/**
 * Credits that another shard has announced: their accounts stay open, and the room for them is kept. A pin ends with its
 * credit, by the other shard's word, or when that shard has started anew and resent all that it had committed. It is not
 * in the log, and no time-out ends it. On slices of system accounts debits are pinned too.
 */
import type { Account, Slice } from "../../actors/ledger/account.ts";
import { assert } from "../../errors/assert.ts";

export type CreditReservation =
  | Readonly<{ account: Account; amount: number; count: number }>
  | Readonly<{ slice: Slice; credited: number; debited: number }>;

export class CreditReservations {
  /** By the number that the other shard has given the question; one of several legs may pin several accounts. */
  #pins = new Map<number, readonly CreditReservation[]>();
  /** Of channels that are no more. */
  #old: CreditReservation[] = [];

  add(no: number, pins: readonly CreditReservation[]): void {
    for (const pin of pins) keepRoom(pin, 1);
    this.#pins.set(no, pins);
  }

  release(no: number): void {
    const pins = this.#pins.get(no);
    if (pins === undefined) return;
    this.#pins.delete(no);
    for (const pin of pins) keepRoom(pin, -1);
  }

  /** The channel is gone: what was pinned over it may still be credited, so it stays until `releaseOld`. */
  retire(): void {
    for (const pins of this.#pins.values()) this.#old.push(...pins);
    this.#pins.clear();
  }

  releaseOld(): void {
    for (const pin of this.#old) keepRoom(pin, -1);
    this.#old = [];
  }
}

/** @param sign 1 to pin, -1 to unpin. */
function keepRoom(pin: CreditReservation, sign: 1 | -1): void {
  if ("account" in pin) {
    const { account, amount, count } = pin;
    account.pinned += sign * amount;
    account.pins += sign * count;
    assert(Number.isSafeInteger(account.pinned), "I2: pinned room is a safe integer");
    return;
  }
  const { slice, credited, debited } = pin;
  slice.pinned += sign * credited;
  slice.pinnedDebits += sign * debited;
  const areSafe = Number.isSafeInteger(slice.pinned) && Number.isSafeInteger(slice.pinnedDebits);
  assert(areSafe, "I2: pinned room is a safe integer");
}
