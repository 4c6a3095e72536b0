/**
 * Credits that another shard has announced: their accounts stay open, and the room for them is kept. A pin ends with its
 * credit, by the other shard's word, or when that shard has started anew and resent all that it had committed. It is not
 * in the log, and no time-out ends it.
 */
import type { Account } from "../actors/account.ts";

type Pin = Readonly<{ account: Account; amount: number }>;

export class Pins {
  #pins = new Map<number, Pin>();
  /** Of channels that are no more. */
  #old: Pin[] = [];

  add(no: number, account: Account, amount: number): void {
    account.pinned += amount;
    this.#pins.set(no, { account, amount });
  }

  release(no: number): void {
    const pin = this.#pins.get(no);
    if (pin === undefined) return;
    this.#pins.delete(no);
    pin.account.pinned -= pin.amount;
  }

  /** The channel is gone: what was pinned over it may still be credited, so it stays until `releaseOld`. */
  retire(): void {
    this.#old.push(...this.#pins.values());
    this.#pins.clear();
  }

  releaseOld(): void {
    for (const { account, amount } of this.#old) account.pinned -= amount;
    this.#old = [];
  }
}
