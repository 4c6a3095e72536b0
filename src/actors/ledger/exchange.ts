/**
 * The messages that a shard has sent to one other shard and received from it. Each direction numbers its messages
 * 1, 2, 3, …; the receiver accepts each number once and in order, so that a message may be resent at any time.
 */
import { assert } from "../../errors/assert.ts";
import type { Broadcast, Credit } from "../records/command.ts";
import type { Portion } from "../records/compound-command.ts";

/** A record's position in its shard's log: batch `epoch`-`seq`, zero-based `index` in the batch. */
export type RecordPlace = Readonly<{ epoch: number; seq: number; index: number }>;

/** A record's position and its log time. */
export type TimedRecordPlace = RecordPlace & Readonly<{ timeMs: number }>;

/** A command that was committed on the sending shard and takes effect on the receiving one. */
export type Message = Credit | Portion | Broadcast;

/** A message with the position of the record that sent it. Kept until the other shard has made it durable. */
export type KeptMessage = RecordPlace & Readonly<{ message: Message }>;

export class Exchange {
  #forgotten = 0;
  #received = 0;
  readonly #outbox: KeptMessage[] = [];

  /** Sequence number of the newest message sent; 0 before the first. */
  get sent(): number {
    return this.#forgotten + this.#outbox.length;
  }

  /** Sequence number up to which messages are acknowledged as durable by the other shard, and no longer kept. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Sequence number of the newest message received. */
  get received(): number {
    return this.#received;
  }

  send(message: Message, at: RecordPlace): void {
    assert(message.no === this.sent + 1, "messages to a shard are numbered without gaps");
    const { epoch, seq, index } = at;
    this.#outbox.push({ message, epoch, seq, index });
  }

  /** Messages after `forgotten`, oldest first. */
  get kept(): readonly KeptMessage[] {
    return this.#outbox;
  }

  /** Returns a message that is not yet acknowledged. */
  message(messageSeq: number): Message {
    const kept = this.#outbox[messageSeq - this.#forgotten - 1];
    assert(kept !== undefined, "I8: a message is kept until it is delivered");
    return kept.message;
  }

  /** Sequence number of the unacknowledged message that the record at `at` sent; 0 if there is none. */
  messageSeqAt(at: RecordPlace): number {
    let low = 0;
    let high = this.#outbox.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePlaces(this.#outbox[middle] as KeptMessage, at) < 0) low = middle + 1;
      else high = middle;
    }
    const kept = this.#outbox[low];
    return kept !== undefined && comparePlaces(kept, at) === 0 ? kept.message.no : 0;
  }

  /** Restores the counters of an image into a new exchange; the caller then re-sends the kept messages. */
  restore(forgotten: number, received: number): void {
    assert(this.sent === 0 && this.#received === 0, "only a new exchange is restored");
    this.#forgotten = forgotten;
    this.#received = received;
  }

  receive(messageSeq: number): void {
    assert(messageSeq === this.#received + 1, "I8: a message is received once, and in order");
    this.#received = messageSeq;
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
