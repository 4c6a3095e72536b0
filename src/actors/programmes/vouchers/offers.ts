/** One partner's offers. Every shard has all of them, so that a voucher's discount is known wherever it lives. */
import { type ListAsk, type ListPart, PagedIndex } from "../paged-index.ts";
import type { Offer, Pricing } from "./acts.ts";

/** Each is told to every shard and kept for ever. */
const OFFERS_MAX = 10_000;

type Entry = { offer: Offer; readonly addedAtMs: number };

export class Offers {
  readonly #shard: number;
  readonly #byName = new Map<string, Entry>();
  readonly #list: PagedIndex<Entry>;

  constructor(shard: number) {
    this.#shard = shard;
    this.#list = new PagedIndex(shard);
  }

  get isFull(): boolean {
    return this.#byName.size >= OFFERS_MAX;
  }

  get(name: string): Offer | undefined {
    return this.#byName.get(name)?.offer;
  }

  /**
   * The offer with this discount, defined here: the known one if that is what it says already.
   *
   * @param pricing without one it stays as it is; live at first.
   */
  define(name: string, discount: number, pricing?: Pricing): Offer {
    const known = this.get(name);
    const wanted = pricing ?? known?.pricing ?? "live";
    if (known?.discount === discount && known.pricing === wanted) return known;
    const version = (known?.version ?? 0) + 1;
    return { name, discount, pricing: wanted, version, shard: this.#shard };
  }

  /**
   * Takes what was defined here or elsewhere, in whatever order it comes: what was defined by somebody who knew of the other
   * definition counts; of two that did not know of each other that of the greater shard.
   *
   * @param timeMs never before that of the one before.
   */
  put(offer: Offer, timeMs: number): void {
    const entry = this.#byName.get(offer.name);
    if (entry === undefined) {
      const added = { offer, addedAtMs: timeMs };
      this.#byName.set(offer.name, added);
      this.#list.add(added, timeMs);
    } else if (isNewer(offer, entry.offer)) entry.offer = offer;
  }

  list(page: ListAsk): ListPart<Offer> {
    return this.#list.list(page, ({ offer }) => offer);
  }

  /** In the order in which they came. */
  all(): Iterable<Readonly<Entry>> {
    return this.#list.all();
  }
}

function isNewer(a: Offer, b: Offer): boolean {
  return a.version > b.version || (a.version === b.version && a.shard > b.shard);
}
