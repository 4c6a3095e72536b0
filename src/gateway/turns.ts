/**
 * So much of one kind of work is in hand at once, and of each partner a share of it, so that there is always room for
 * another. The rest waits: partners have their turns one after the other, and so have the owners of each. What nobody waits
 * for any more is left off.
 */
import { OperatingError } from "../errors/operating-error.ts";
import { type Caller, refuseGone } from "./caller.ts";

/** Of one partner. */
const WAITING_MAX = 1_024;
/** So many partners and owners are known before those that have nothing here are forgotten. */
const KNOWN_MIN = 1_024;

export type TurnsOptions = Readonly<{
  /** In hand at once. */
  places: number;
  /** Of these, one partner's. One that hosts others gets half of all, and each of them half of a share. */
  share: number;
}>;

/** What one partner, or one owner of it, has in hand and waiting; an owner's is all in `waiting`. */
type Share = { inHand: number; waiting: number };
type OwnerTurns = Share & { readonly starts: (() => void)[] };
type PartnerTurns = Share & { readonly owners: Map<string, OwnerTurns> };

export class Turns {
  readonly #places: number;
  readonly #share: number;
  readonly #ownerShare: number;
  #inHand = 0;
  #waiting = 0;
  /** A map keeps the order of their turns. Entries stay for a while: to add and delete one each time is dear (slots.ts). */
  readonly #partners = new Map<string, PartnerTurns>();
  #known = 0;
  #forgetAt = KNOWN_MIN;

  constructor({ places, share }: TurnsOptions) {
    this.#places = places;
    this.#share = share;
    this.#ownerShare = Math.max(1, share >> 1);
  }

  /**
   * Runs `work` in the turn of its partner, and there of its owner (see gateway/shard-link/flows.ts; empty for a partner as a whole).
   *
   * @throws CallerGone its caller has left meanwhile.
   * @throws OperatingError `overloaded`: too much of this partner waits.
   */
  async run<T>(
    partner: string,
    owner: string,
    caller: Caller | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    const { whole, part } = this.#sharesOf(partner, owner);
    if (part.waiting > 0 || !this.#mayBegin(whole, owner, part)) {
      const isFull = whole.waiting >= WAITING_MAX || (owner !== "" && part.waiting >= WAITING_MAX >> 2);
      if (isFull) throw new OperatingError("overloaded", "too many of your requests wait for their turn");
      this.#waiting += 1;
      whole.waiting += 1;
      part.waiting += 1;
      // Whoever lets it begin has given it a place.
      await new Promise<void>((resolve) => part.starts.push(resolve));
    } else this.#begin(whole, part);
    try {
      refuseGone(caller);
      return await work();
    } finally {
      this.#end(whole, part);
    }
  }

  #sharesOf(partner: string, owner: string): Readonly<{ whole: PartnerTurns; part: OwnerTurns }> {
    let whole = this.#partners.get(partner);
    if (whole === undefined) {
      whole = { inHand: 0, waiting: 0, owners: new Map() };
      this.#partners.set(partner, whole);
    }
    let part = whole.owners.get(owner);
    if (part === undefined) {
      part = { inHand: 0, waiting: 0, starts: [] };
      whole.owners.set(owner, part);
      this.#known += 1;
    }
    return { whole, part };
  }

  /** Forgets who has nothing here, so that what is known is bounded by what is in hand and waits. */
  #forget(): void {
    for (const [partner, whole] of this.#partners) {
      for (const [owner, part] of whole.owners) {
        if (part.inHand > 0 || part.waiting > 0) continue;
        whole.owners.delete(owner);
        this.#known -= 1;
      }
      if (whole.owners.size === 0) this.#partners.delete(partner);
    }
    this.#forgetAt = Math.max(KNOWN_MIN, 2 * this.#known);
  }

  #mayBegin(whole: Share, owner: string, part: Share): boolean {
    const isOwnerWithin = owner === "" || part.inHand < this.#ownerShare;
    const share = owner === "" ? this.#share : Math.max(this.#share, this.#places >> 1);
    return this.#inHand < this.#places && whole.inHand < share && isOwnerWithin;
  }

  #begin(whole: Share, part: Share): void {
    this.#inHand += 1;
    whole.inHand += 1;
    part.inHand += 1;
  }

  #end(whole: Share, part: Share): void {
    this.#inHand -= 1;
    whole.inHand -= 1;
    part.inHand -= 1;
    this.#beginNext();
    if (this.#known > this.#forgetAt) this.#forget();
  }

  #beginNext(): void {
    if (this.#waiting === 0) return;
    for (const [partner, whole] of this.#partners) {
      if (whole.waiting === 0) continue;
      for (const [owner, part] of whole.owners) {
        if (part.waiting === 0 || !this.#mayBegin(whole, owner, part)) continue;
        // To the end of both orders.
        whole.owners.delete(owner);
        whole.owners.set(owner, part);
        this.#partners.delete(partner);
        this.#partners.set(partner, whole);
        this.#waiting -= 1;
        whole.waiting -= 1;
        part.waiting -= 1;
        this.#begin(whole, part);
        part.starts.shift()?.();
        return;
      }
    }
  }
}
