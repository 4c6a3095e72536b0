/**
 * What a shard has sent to another one and received from it. Messages are numbered 1, 2, 3, … for each direction; the
 * receiver takes each number once and in order, so that a message may be sent as often as need be.
 */
import { assert } from "../assert.ts";
import type { Credit } from "./command.ts";

export class Exchange {
  #forgotten = 0;
  #received = 0;
  readonly #outbox: Credit[] = [];

  /** Number of the newest message sent; 0 before the first. */
  get sent(): number {
    return this.#forgotten + this.#outbox.length;
  }

  /** Messages up to this one are known to be durable at the other shard, and no longer kept. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Number of the newest message received. */
  get received(): number {
    return this.#received;
  }

  send(credit: Credit): void {
    assert(credit.no === this.sent + 1, "messages to a shard are numbered without gaps");
    this.#outbox.push(credit);
  }

  /** Messages after `forgotten`, oldest first. */
  get kept(): readonly Credit[] {
    return this.#outbox;
  }

  /** A message that is still kept. */
  message(no: number): Credit {
    const credit = this.#outbox[no - this.#forgotten - 1];
    assert(credit !== undefined, "I8: a message is kept until it is delivered");
    return credit;
  }

  receive(no: number): void {
    assert(no === this.#received + 1, "I8: a message is received once, and in order");
    this.#received = no;
  }

  forget(upTo: number): void {
    assert(upTo >= this.#forgotten && upTo <= this.sent, "I8: forgotten ≤ sent");
    this.#outbox.splice(0, upTo - this.#forgotten);
    this.#forgotten = upTo;
  }
}
