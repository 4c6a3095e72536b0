/**
 * The gateway's end of the way to one shard: requests of one tick go out as one message, replies come back by
 * number. What is under way is bounded by credits; what does not fit is refused at once, and certainly not done.
 */
import { decode, encode } from "../actors/codec.ts";
import type { Fact } from "../actors/command.ts";
import { OperatingError } from "../operating-error.ts";
import type { LogId } from "../wal/wal.ts";
import { type Query, REQUEST, type ReplyGroup, type Request } from "./messages.ts";

/**
 * Commands, and portions of 2 KiB, that one shard may have in hand. A thousand requests and a largest batch
 * (10,000 commands, 8 MiB) at once are never refused.
 */
const CREDITS = 32_768;
const CREDIT_BYTES = 2048;

/** Where and when the answer was durable; `result` has the shape that the request's kind asks for. */
export type Reached = Readonly<{ at: LogId; timeMs: number; result: unknown }>;

interface Pending {
  readonly changes: boolean;
  readonly credits: number;
  readonly resolve: (reached: Reached) => void;
  readonly reject: (error: OperatingError) => void;
}

export class ShardLink {
  readonly shard: number;
  readonly #onFacts: (facts: readonly Fact[]) => void;
  #post: ((bytes: Uint8Array<ArrayBuffer>) => void) | undefined;
  #logAvailable = true;
  #queue: Request[] = [];
  #next = 0;
  #credits = CREDITS;
  readonly #pending = new Map<number, Pending>();
  /** The newest durable batch heard of. */
  durable: LogId = { epoch: 0, seq: 0 };

  constructor(shard: number, onFacts: (facts: readonly Fact[]) => void) {
    this.shard = shard;
    this.#onFacts = onFacts;
  }

  /** Commands and reads that wait for their answer. */
  get depth(): number {
    return this.#pending.size;
  }

  /** The shard serves from now on. */
  attach(post: (bytes: Uint8Array<ArrayBuffer>) => void): void {
    this.#post = post;
    this.#logAvailable = true;
  }

  setLogAvailable(available: boolean): void {
    this.#logAvailable = available;
  }

  /**
   * The shard is gone, and with it what it had not logged: what was sent may have been done, what was not sent
   * was not.
   */
  detach(): void {
    this.#post = undefined;
    const unsent = new Set(this.#queue.map(([no]) => no));
    this.#queue = [];
    for (const [no, pending] of this.#pending) {
      const unknown = pending.changes && !unsent.has(no);
      pending.reject(
        unknown
          ? new OperatingError(
              "outcome_unknown",
              "the shard ended before it answered; retry with the same key",
            )
          : this.#unavailable(),
      );
    }
    this.#pending.clear();
    this.#credits = CREDITS;
  }

  /**
   * Sends packed commands with this tick's message.
   *
   * @throws OperatingError (as a rejection) `overloaded`, `log_unavailable`, `outcome_unknown`.
   */
  execute(
    kind: typeof REQUEST.command | typeof REQUEST.transfers,
    packed: Uint8Array,
    count: number,
  ): Promise<Reached> {
    return this.#send([this.#next, kind, packed], true, count + Math.floor(packed.length / CREDIT_BYTES));
  }

  /** The same for a read. @throws OperatingError (as a rejection) `overloaded`, `log_unavailable`. */
  ask(partner: string, query: Query): Promise<Reached> {
    return this.#send([this.#next, REQUEST.query, partner, query], false, 1);
  }

  #send(request: Request, changes: boolean, credits: number): Promise<Reached> {
    if (this.#post === undefined || !this.#logAvailable) return Promise.reject(this.#unavailable());
    if (credits > this.#credits) {
      return Promise.reject(
        new OperatingError("overloaded", `shard ${this.shard} has as much in hand as it may have`),
      );
    }
    this.#credits -= credits;
    this.#next += 1;
    if (this.#queue.length === 0) setImmediate(() => this.#flush());
    this.#queue.push(request);
    return new Promise((resolve, reject) => {
      this.#pending.set(request[0], { changes, credits, resolve, reject });
    });
  }

  /** Packed replies of the shard. */
  receive(bytes: Uint8Array): void {
    const [epoch, seq, timeMs, facts, replies] = decode(bytes) as ReplyGroup;
    if (facts.length > 0) this.#onFacts(facts);
    const at = { epoch, seq };
    this.durable = at;
    for (const [no, result] of replies) {
      const pending = this.#pending.get(no);
      if (pending === undefined) continue;
      this.#pending.delete(no);
      this.#credits += pending.credits;
      pending.resolve({ at, timeMs, result });
    }
  }

  #flush(): void {
    if (this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#queue = [];
    this.#post?.(encode(queue));
  }

  #unavailable(): OperatingError {
    return new OperatingError(
      "log_unavailable",
      `shard ${this.shard} cannot reach its log, or is being restarted`,
    );
  }
}
