/** Whether several partners ask, or one alone. */

/** Who has asked so long ago is no longer about. */
const ABOUT_MS = 1_000;

export class Contention {
  #last: object | undefined;
  /** When another one asked than before. */
  #changedMs = Number.NEGATIVE_INFINITY;

  note(partner: object, nowMs: number): void {
    if (partner === this.#last) return;
    if (this.#last !== undefined) this.#changedMs = nowMs;
    this.#last = partner;
  }

  isShared(nowMs: number): boolean {
    return nowMs - this.#changedMs < ABOUT_MS;
  }
}
