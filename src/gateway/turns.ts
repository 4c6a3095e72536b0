/** So many of one kind of work are in hand at once; the others wait in turn, and are left off when their caller is gone. */
import { type Caller, refuseGone } from "../caller.ts";
import { OperatingError } from "../operating-error.ts";

const WAITING_MAX = 4_096;

export class Turns {
  readonly #inHandMax: number;
  #inHand = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(inHandMax: number) {
    this.#inHandMax = inHandMax;
  }

  /** Runs `work` in its turn. @throws CallerGone its caller has left meanwhile. OperatingError `overloaded` */
  async run<T>(caller: Caller | undefined, work: () => Promise<T>): Promise<T> {
    if (this.#inHand >= this.#inHandMax) {
      if (this.#waiting.length >= WAITING_MAX)
        throw new OperatingError("overloaded", "too many pages are asked for");
      // Whoever is done hands its place over.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#inHand += 1;
    try {
      refuseGone(caller);
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#inHand -= 1;
      else next();
    }
  }
}
