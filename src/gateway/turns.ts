/**
 * Limits how much work of one kind runs at the same time, in total and for each partner, so that a slot is always
 * left for another partner. Waiting work is served round-robin: among partners, and within a partner among its
 * owners. Work whose caller has disconnected is dropped.
 */
import { RoundRobin } from "../bounds/round-robin.ts";
import { OperatingError } from "../errors/operating-error.ts";
import { type Caller, refuseGone } from "./caller.ts";

/** Waiting requests of one partner. An owner within it may have a quarter of that. */
const WAITING_MAX = 1_024;
/** From this number of entries on, idle ones are removed. */
const KNOWN_MIN = 1_024;

export type TurnsOptions = Readonly<{
  /** Work begins while fewer slots than this are taken. */
  slots: number;
  /**
   * How many of the slots one partner may use. A partner with owners may use half of all slots, and each of its
   * owners half of `share`.
   */
  share: number;
}>;

/** `running`: slots that are taken. */
type Share = { running: number };
type PartnerTurns = Share & { readonly owners: Map<string, Share> };
type Work = Readonly<{ partner: PartnerTurns; owner: Share; isWhole: boolean; cost: number }>;
type WaitingWork = Work & Readonly<{ start: () => void }>;

export class Turns {
  readonly #slots: number;
  readonly #share: number;
  readonly #ownerShare: number;
  readonly #waiting = new RoundRobin<WaitingWork>();
  /** Idle entries stay for a while: a map that changes with each request is slow (bounds/slots.ts). */
  readonly #partners = new Map<string, PartnerTurns>();
  #running = 0;
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
   * @param cost slots that the work takes, also a fraction with a power of two as denominator, so that sums are exact. It
   *   begins while any part of the share is free.
   * @throws CallerGone the caller has disconnected.
   * @throws OperatingError `overloaded`: too many requests of this partner are waiting.
   */
  async run<T>(
    partner: string,
    owner: string,
    caller: Caller | undefined,
    work: () => Promise<T>,
    cost = 1,
  ): Promise<T> {
    const running = this.#workOf(partner, owner, cost);
    const waiting = this.#waiting.sizeOfOwner(partner, owner);
    if (waiting === 0 && this.#mayBegin(running)) this.#begin(running);
    else {
      const isOwnerFull = owner !== "" && waiting >= WAITING_MAX >> 2;
      if (isOwnerFull || this.#waiting.sizeOf(partner) >= WAITING_MAX)
        throw new OperatingError(
          "overloaded",
          "too many of your requests are already waiting; send fewer at once",
          { bound: "waiting_requests" },
        );
      // `#beginWaiting` takes the slots before it resolves this.
      await new Promise<void>((start) => this.#waiting.push(partner, owner, { ...running, start }));
    }
    try {
      refuseGone(caller);
      return await work();
    } finally {
      this.#end(running);
    }
  }

  #workOf(partner: string, owner: string, cost: number): Work {
    let partnerTurns = this.#partners.get(partner);
    if (partnerTurns === undefined) {
      partnerTurns = { running: 0, owners: new Map() };
      this.#partners.set(partner, partnerTurns);
    }
    let ownerTurns = partnerTurns.owners.get(owner);
    if (ownerTurns === undefined) {
      ownerTurns = { running: 0 };
      partnerTurns.owners.set(owner, ownerTurns);
      this.#known += 1;
    }
    return { partner: partnerTurns, owner: ownerTurns, isWhole: owner === "", cost };
  }

  /** Removes idle entries, so that their number is bounded by the work that runs or waits. */
  #forget(): void {
    for (const [partner, { owners }] of this.#partners) {
      for (const [owner, { running }] of owners) {
        if (running > 0 || this.#waiting.sizeOfOwner(partner, owner) > 0) continue;
        owners.delete(owner);
        this.#known -= 1;
      }
      if (owners.size === 0) this.#partners.delete(partner);
    }
    this.#forgetAt = Math.max(KNOWN_MIN, 2 * this.#known);
  }

  #mayBegin({ partner, owner, isWhole }: Work): boolean {
    const share = isWhole ? this.#share : Math.max(this.#share, this.#slots >> 1);
    const mayOwner = isWhole || owner.running < this.#ownerShare;
    return this.#running < this.#slots && partner.running < share && mayOwner;
  }

  #begin({ partner, owner, cost }: Work): void {
    this.#running += cost;
    partner.running += cost;
    owner.running += cost;
  }

  #end({ partner, owner, cost }: Work): void {
    this.#running -= cost;
    partner.running -= cost;
    owner.running -= cost;
    this.#beginWaiting();
    if (this.#known > this.#forgetAt) this.#forget();
  }

  #beginWaiting(): void {
    while (this.#waiting.size > 0 && this.#running < this.#slots) {
      const next = this.#waiting.take((work) => this.#mayBegin(work));
      if (next === undefined) return;
      this.#begin(next);
      next.start();
    }
  }
}
