/** Detects whether several partners use the shard at the same time. */

/** The shard counts as shared for so long after the requests last changed partner. */
const SHARED_MS = 1_000;

export class Contention {
  #last: object | undefined;
  /** When a request came from another partner than the one before. */
  #changedMs = Number.NEGATIVE_INFINITY;

  note(partner: object, nowMs: number): void {
    if (partner === this.#last) return;
    if (this.#last !== undefined) this.#changedMs = nowMs;
    this.#last = partner;
  }

  isShared(nowMs: number): boolean {
    return nowMs - this.#changedMs < SHARED_MS;
  }
}
