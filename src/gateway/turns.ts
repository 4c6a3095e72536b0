/**
 * Limits how much work of one kind runs at the same time, in total and for each partner, so that a slot is always
 * left for another partner. Waiting work is served round-robin: among partners, and within a partner among its
 * owners. Work whose caller has disconnected is dropped.
 */
import { OperatingError } from "../errors/operating-error.ts";
import { type Caller, refuseGone } from "./caller.ts";

/** Waiting requests of one partner. An owner within it may have a quarter of that. */
const WAITING_MAX = 1_024;
/** From this number of entries on, idle ones are removed. */
const KNOWN_MIN = 1_024;

export type TurnsOptions = Readonly<{
  /** Slots: how much work runs at the same time. */
  slots: number;
  /**
   * How many of the slots one partner may use. A partner with owners may use half of all slots, and each of its
   * owners half of `share`.
   */
  share: number;
}>;

/** Work of a partner, or of one of its owners, in numbers. `starts`: callbacks of the owner's waiting work. */
type Share = { running: number; waiting: number };
type OwnerTurns = Share & { readonly starts: (() => void)[] };
type PartnerTurns = Share & { readonly owners: Map<string, OwnerTurns> };

export class Turns {
  readonly #slots: number;
  readonly #share: number;
  readonly #ownerShare: number;
  #running = 0;
  #waiting = 0;
  /**
   * In round-robin order. Idle entries stay for a while: a map that changes with each request is slow
   * (bounds/slots.ts).
   */
  readonly #partners = new Map<string, PartnerTurns>();
  #known = 0;
  #forgetAt = KNOWN_MIN;

  constructor({ slots, share }: TurnsOptions) {
    this.#slots = slots;
    this.#share = share;
    this.#ownerShare = Math.max(1, share >> 1);
  }

  /**
   * Runs `work` when its partner, and within it its owner, has a free slot.
   *
   * @param owner see shard-link/owners.ts; empty for the partner as a whole.
   * @throws CallerGone the caller has disconnected.
   * @throws OperatingError `overloaded`: too many requests of this partner are waiting.
   */
  async run<T>(
    partner: string,
    owner: string,
    caller: Caller | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    const { partnerTurns, ownerTurns } = this.#sharesOf(partner, owner);
    if (ownerTurns.waiting > 0 || !this.#mayBegin(partnerTurns, owner, ownerTurns)) {
      const isFull =
        partnerTurns.waiting >= WAITING_MAX || (owner !== "" && ownerTurns.waiting >= WAITING_MAX >> 2);
      if (isFull)
        throw new OperatingError(
          "overloaded",
          "too many of your requests are already waiting; send fewer at once",
          { bound: "waiting_requests" },
        );
      this.#waiting += 1;
      partnerTurns.waiting += 1;
      ownerTurns.waiting += 1;
      // `#beginNext` takes the slot before it resolves this.
      await new Promise<void>((resolve) => ownerTurns.starts.push(resolve));
    } else this.#begin(partnerTurns, ownerTurns);
    try {
      refuseGone(caller);
      return await work();
    } finally {
      this.#end(partnerTurns, ownerTurns);
    }
  }

  #sharesOf(
    partner: string,
    owner: string,
  ): Readonly<{ partnerTurns: PartnerTurns; ownerTurns: OwnerTurns }> {
    let partnerTurns = this.#partners.get(partner);
    if (partnerTurns === undefined) {
      partnerTurns = { running: 0, waiting: 0, owners: new Map() };
      this.#partners.set(partner, partnerTurns);
    }
    let ownerTurns = partnerTurns.owners.get(owner);
    if (ownerTurns === undefined) {
      ownerTurns = { running: 0, waiting: 0, starts: [] };
      partnerTurns.owners.set(owner, ownerTurns);
      this.#known += 1;
    }
    return { partnerTurns, ownerTurns };
  }

  /** Removes idle entries, so that their number is bounded by the work that runs or waits. */
  #forget(): void {
    for (const [partner, partnerTurns] of this.#partners) {
      for (const [owner, ownerTurns] of partnerTurns.owners) {
        if (ownerTurns.running > 0 || ownerTurns.waiting > 0) continue;
        partnerTurns.owners.delete(owner);
        this.#known -= 1;
      }
      if (partnerTurns.owners.size === 0) this.#partners.delete(partner);
    }
    this.#forgetAt = Math.max(KNOWN_MIN, 2 * this.#known);
  }

  #mayBegin(partnerTurns: Share, owner: string, ownerTurns: Share): boolean {
    const isOwnerWithin = owner === "" || ownerTurns.running < this.#ownerShare;
    const share = owner === "" ? this.#share : Math.max(this.#share, this.#slots >> 1);
    return this.#running < this.#slots && partnerTurns.running < share && isOwnerWithin;
  }

  #begin(partnerTurns: Share, ownerTurns: Share): void {
    this.#running += 1;
    partnerTurns.running += 1;
    ownerTurns.running += 1;
  }

  #end(partnerTurns: Share, ownerTurns: Share): void {
    this.#running -= 1;
    partnerTurns.running -= 1;
    ownerTurns.running -= 1;
    this.#beginNext();
    if (this.#known > this.#forgetAt) this.#forget();
  }

  #beginNext(): void {
    if (this.#waiting === 0) return;
    for (const [partner, partnerTurns] of this.#partners) {
      if (partnerTurns.waiting === 0) continue;
      for (const [owner, ownerTurns] of partnerTurns.owners) {
        if (ownerTurns.waiting === 0 || !this.#mayBegin(partnerTurns, owner, ownerTurns)) continue;
        // Moves the owner and the partner to the end of their rounds.
        partnerTurns.owners.delete(owner);
        partnerTurns.owners.set(owner, ownerTurns);
        this.#partners.delete(partner);
        this.#partners.set(partner, partnerTurns);
        this.#waiting -= 1;
        partnerTurns.waiting -= 1;
        ownerTurns.waiting -= 1;
        this.#begin(partnerTurns, ownerTurns);
        ownerTurns.starts.shift()?.();
        return;
      }
    }
  }
}
