/**
 * What a shard has sent to another one and received from it. Messages are numbered 1, 2, 3, … for each direction; the
 * receiver takes each number once and in order, so that a message may be sent as often as need be.
 */
import { assert } from "../../errors/assert.ts";
import type { Broadcast, Credit } from "../records/command.ts";
import type { Portion } from "../records/compound-command.ts";

/** Where the record stands that sent a message. */
export type RecordPlace = Readonly<{ epoch: number; seq: number; index: number }>;

/** What is committed here and happens there. */
export type Message = Credit | Portion | Broadcast;

/** Kept until it is known to be durable at the other shard. */
export type Kept = RecordPlace & Readonly<{ message: Message }>;

export class Exchange {
  #forgotten = 0;
  #received = 0;
  readonly #outbox: Kept[] = [];

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

  send(message: Message, at: RecordPlace): void {
    assert(message.no === this.sent + 1, "messages to a shard are numbered without gaps");
    const { epoch, seq, index } = at;
    this.#outbox.push({ message, epoch, seq, index });
  }

  /** Messages after `forgotten`, oldest first. */
  get kept(): readonly Kept[] {
    return this.#outbox;
  }

  /** A message that is still kept. */
  message(no: number): Message {
    const kept = this.#outbox[no - this.#forgotten - 1];
    assert(kept !== undefined, "I8: a message is kept until it is delivered");
    return kept.message;
  }

  /** The number of the message that this record sent, while it is kept; 0 otherwise. */
  numberOf(at: RecordPlace): number {
    let low = 0;
    let high = this.#outbox.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePlaces(this.#outbox[middle] as Kept, at) < 0) low = middle + 1;
      else high = middle;
    }
    const kept = this.#outbox[low];
    return kept !== undefined && comparePlaces(kept, at) === 0 ? kept.message.no : 0;
  }

  /** Begins where an image has left it, before anything else; the messages that it kept follow. */
  restore(forgotten: number, received: number): void {
    assert(this.sent === 0 && this.#received === 0, "only a new exchange is restored");
    this.#forgotten = forgotten;
    this.#received = received;
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

function comparePlaces(a: RecordPlace, b: RecordPlace): number {
  return a.epoch - b.epoch || a.seq - b.seq || a.index - b.index;
}
