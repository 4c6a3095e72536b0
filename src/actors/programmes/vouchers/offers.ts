/** The offers of one partner. Every shard has all of them, so that it can price any voucher that it stores. */
import { type ListPage, type ListRequest, PagedIndex } from "../paged-index.ts";
import { type Discount, isSameDiscount, type Offer, type Pricing } from "./acts.ts";

/** Per partner: each offer is broadcast to every shard and never deleted. */
const OFFERS_MAX = 10_000;

type Entry = { offer: Offer; readonly addedAtMs: number };

export class Offers {
  readonly #shard: number;
  readonly #byName = new Map<string, Entry>();
  readonly #index: PagedIndex<Entry>;

  constructor(shard: number) {
    this.#shard = shard;
    this.#index = new PagedIndex(shard);
  }

  get isFull(): boolean {
    return this.#byName.size >= OFFERS_MAX;
  }

  get(name: string): Offer | undefined {
    return this.#byName.get(name)?.offer;
  }

  /**
   * The next version of an offer, defined by this shard. Returns the known version itself if nothing changes. Stores
   * nothing.
   *
   * @param pricing default: that of the known version, or `live`.
   */
  define(name: string, discount: Discount, pricing?: Pricing): Offer {
    const known = this.get(name);
    const nextPricing = pricing ?? known?.pricing ?? "live";
    if (known !== undefined && isSameDiscount(known.discount, discount) && known.pricing === nextPricing)
      return known;
    const version = (known?.version ?? 0) + 1;
    return { name, discount, pricing: nextPricing, version, shard: this.#shard };
  }

  /**
   * Stores a definition of any shard. Definitions may arrive in any order: the higher version wins, and of two
   * concurrent ones with the same version that of the higher shard number.
   *
   * @param timeMs not less than in the call before.
   */
  put(offer: Offer, timeMs: number): void {
    const entry = this.#byName.get(offer.name);
    if (entry === undefined) {
      const added = { offer, addedAtMs: timeMs };
      this.#byName.set(offer.name, added);
      this.#index.add(added, timeMs);
    } else if (isNewer(offer, entry.offer)) entry.offer = offer;
  }

  list(page: ListRequest): ListPage<Offer> {
    return this.#index.list(page, ({ offer }) => offer);
  }

  /** In creation order. */
  all(): Iterable<Readonly<Entry>> {
    return this.#index.all();
  }
}

function isNewer(a: Offer, b: Offer): boolean {
  return a.version > b.version || (a.version === b.version && a.shard > b.shard);
}
