/** Detects whether several partners use the shard at the same time, and bounds what each may have in flight. */
import type { Portion } from "./fair-queue.ts";
import { BATCHES, WHOLE } from "./owners.ts";

/** The shard counts as shared for so long after the requests last changed partner. */
const SHARED_MS = 1_000;

/**
 * `message`: a shard decides a message in some milliseconds, which bounds the wait of others behind it. `batches`: cost
 * of one partner's batches in flight. It includes what waits for other shards: then no message is in flight, but both
 * shards have work with it. `requests`: cost of the other requests of one flow in flight. It bounds how many answers,
 * and requests that follow them, this thread handles in one turn.
 */
type Bounds = Readonly<{ message: Portion; batches: number; requests: number }>;

/** While one partner uses the shard. */
export const ALONE: Bounds = {
  message: { cost: 2_048, bytes: 1024 * 1024 },
  batches: 16_384,
  requests: Number.POSITIVE_INFINITY,
};
/** While several do. */
const SHARED: Bounds = { message: { cost: 1_024, bytes: 512 * 1024 }, batches: 1_024, requests: 128 };

export class Contention {
  #last: object | undefined;
  /** When a request came from another partner, or another owner of a divided partner, than the one before. */
  #changedMs = Number.NEGATIVE_INFINITY;

  note(flow: Readonly<{ owner: string; parent: object }>, nowMs: number): void {
    const user = flow.owner === WHOLE || flow.owner === BATCHES ? flow.parent : flow;
    if (user === this.#last) return;
    if (this.#last !== undefined) this.#changedMs = nowMs;
    this.#last = user;
  }

  boundsAt(nowMs: number): Bounds {
    return nowMs - this.#changedMs < SHARED_MS ? SHARED : ALONE;
  }
}
