/** Checks once a minute that the books balance. */
import type { TrialBalance } from "../../gateway/ports.ts";

const CHECK_MS = 60_000;

/** `isBalanced`: `undefined` until the first check. `inTransit`: amounts between shards by asset, in minor units. */
export type Books = Readonly<{
  isBalanced: boolean | undefined;
  inTransit: Readonly<Record<string, bigint>>;
}>;

export class BooksCheck {
  readonly #read: () => Promise<TrialBalance>;
  #books: Books = { isBalanced: undefined, inTransit: {} };

  /** @param read sums over all partners; rejects while a shard is away. */
  constructor(read: () => Promise<TrialBalance>) {
    this.#read = read;
  }

  start(): void {
    setInterval(() => void this.check(), CHECK_MS).unref();
    void this.check();
  }

  async check(): Promise<void> {
    try {
      this.#books = booksOf(await this.#read());
    } catch {
      // A shard is away, as /readyz says. The last result stays.
    }
  }

  get books(): Books {
    return this.#books;
  }
}

function booksOf({ assets }: TrialBalance): Books {
  const sums = Object.values(assets);
  return {
    isBalanced: sums.every(({ sum, inTransit }) => sum + inTransit === 0n),
    inTransit: Object.fromEntries(Object.entries(assets).map(([asset, { inTransit }]) => [asset, inTransit])),
  };
}
