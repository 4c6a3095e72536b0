/**
 * Credits that another shard has announced: their accounts stay open, and the room for them is kept. A pin ends with its
 * credit, by the other shard's word, or when that shard has started anew and resent all that it had committed. It is not
 * in the log, and no time-out ends it.
 */
import type { Account } from "../actors/account.ts";

type Pin = Readonly<{ account: Account; amount: number; count: number }>;

export class Pins {
  /** By the number that the other shard has given the question; one of several legs may pin several accounts. */
  #pins = new Map<number, readonly Pin[]>();
  /** Of channels that are no more. */
  #old: Pin[] = [];

  add(no: number, pins: readonly Pin[]): void {
    for (const { account, amount, count } of pins) {
      account.pinned += amount;
      account.pins += count;
    }
    this.#pins.set(no, pins);
  }

  release(no: number): void {
    const pins = this.#pins.get(no);
    if (pins === undefined) return;
    this.#pins.delete(no);
    pins.forEach(unpin);
  }

  /** The channel is gone: what was pinned over it may still be credited, so it stays until `releaseOld`. */
  retire(): void {
    for (const pins of this.#pins.values()) this.#old.push(...pins);
    this.#pins.clear();
  }

  releaseOld(): void {
    this.#old.forEach(unpin);
    this.#old = [];
  }
}

function unpin({ account, amount, count }: Pin): void {
  account.pinned -= amount;
  account.pins -= count;
}
