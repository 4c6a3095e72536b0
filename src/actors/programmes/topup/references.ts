/** References that a seller has given to sales: each names one for ever, since it is what he finds it by. */

/** One set of the language holds 2^24 at most, and a seller may sell for years. */
const PER_SET_MAX = 2 ** 22;

export class References {
  readonly #sets: Set<string>[] = [new Set()];

  has(reference: string): boolean {
    return this.#sets.some((set) => set.has(reference));
  }

  add(reference: string): void {
    const last = this.#sets.at(-1) as Set<string>;
    if (last.size < PER_SET_MAX) last.add(reference);
    else this.#sets.push(new Set([reference]));
  }

  /** In the order in which they came. */
  *all(): Generator<string> {
    for (const set of this.#sets) yield* set;
  }
}
