/**
 * Who shares something bounded, and how much of it each holds. A flow is what is served and refused together: a partner, or
 * one owner of it (owners.ts).
 */
import { BATCHES, WHOLE } from "./owners.ts";
import { TurnList } from "./turn-list.ts";

export type Queued = Readonly<{ cost: number; bytes: number }>;

/** Served items are let go when there are so many, and at least as many as are left. */
const SERVED_MAX = 1_024;

/** What one flow holds, and what of it waits, in order. */
export class Flow<T extends Queued = Queued> {
  readonly of: PartnerFlows<T>;
  readonly owner: string;
  used = 0;
  /** Cost of what was taken out of its queue and is not done. */
  inHand = 0;
  isHeld = false;
  deficit = 0;
  next: Flow<T> | undefined;
  #items: T[] = [];
  #served = 0;

  constructor(of: PartnerFlows<T>, owner: string) {
    this.of = of;
    this.owner = owner;
  }

  get waits(): boolean {
    return this.#served < this.#items.length;
  }

  /** What has waited longest. */
  get first(): T | undefined {
    return this.#items[this.#served];
  }

  get firstCost(): number {
    return (this.#items[this.#served] as T).cost;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T {
    const item = this.#items[this.#served++] as T;
    if (this.#served === this.#items.length) this.takeAll();
    else if (this.#served >= SERVED_MAX && 2 * this.#served >= this.#items.length) {
      this.#items = this.#items.slice(this.#served);
      this.#served = 0;
    }
    return item;
  }

  takeAll(): T[] {
    const items = this.#served === 0 ? this.#items : this.#items.slice(this.#served);
    this.#items = [];
    this.#served = 0;
    return items;
  }
}

/** All flows of one partner, and what they hold together. */
export class PartnerFlows<T extends Queued = Queued> {
  readonly partner: string;
  readonly owners = new Map<string, Flow<T>>();
  readonly turns = new TurnList<Flow<T>>();
  used = 0;
  deficit = 0;
  next: PartnerFlows<T> | undefined;

  constructor(partner: string) {
    this.partner = partner;
  }

  get firstCost(): number {
    return this.turns.due().firstCost;
  }
}

/** So many are known before those that hold nothing are forgotten. */
const KNOWN_MIN = 1_024;

/**
 * Divides a capacity by dynamic thresholds (Choudhury, Hahne: Dynamic Queue Length Thresholds for Shared-Memory Packet
 * Switches, 1998): a partner is given more only while it holds no more than what is free. So alone it gets half, beside
 * another one a third, and there is always something left for who comes next. Within a partner its half is divided in the
 * same way among owners.
 */
export class Flows<T extends Queued = Queued> {
  readonly #capacity: number;
  readonly #partners = new Map<string, PartnerFlows<T>>();
  #used = 0;
  #known = 0;
  #forgetAt = KNOWN_MIN;
  /** Most requests come from whom the one before came from. */
  #last: Flow<T>;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#last = this.#find("", WHOLE);
  }

  /** How many flows have an entry here. */
  get known(): number {
    return this.#known;
  }

  /** The flow's entry here. It stays the same one while it holds anything. */
  of(partner: string, owner: string): Flow<T> {
    const last = this.#last;
    if (last.owner === owner && last.of.partner === partner) return last;
    this.#last = this.#find(partner, owner);
    return this.#last;
  }

  /** Takes so much of the capacity, if the flow may have it. */
  take(flow: Flow<T>, amount: number): boolean {
    const { of } = flow;
    if (of.used + amount > this.#capacity - this.#used) return false;
    const isOwner = flow.owner !== WHOLE && flow.owner !== BATCHES;
    if (isOwner && flow.used + amount > this.#capacity / 2 - of.used) return false;
    flow.used += amount;
    of.used += amount;
    this.#used += amount;
    return true;
  }

  give(flow: Flow<T>, amount: number): void {
    flow.used -= amount;
    flow.of.used -= amount;
    this.#used -= amount;
  }

  #find(partner: string, owner: string): Flow<T> {
    let of = this.#partners.get(partner);
    if (of === undefined) {
      of = new PartnerFlows(partner);
      this.#partners.set(partner, of);
    }
    const known = of.owners.get(owner);
    if (known !== undefined) return known;
    const flow = new Flow(of, owner);
    of.owners.set(owner, flow);
    this.#known += 1;
    if (this.#known > this.#forgetAt) this.#forget(flow);
    return flow;
  }

  /** Forgets who holds nothing, so that what is known is bounded by what is held. */
  #forget(except: Flow<T>): void {
    for (const [partner, of] of this.#partners) {
      for (const [owner, flow] of of.owners) {
        if (flow.used > 0 || flow.waits || flow === except) continue;
        of.owners.delete(owner);
        this.#known -= 1;
      }
      if (of.owners.size === 0) this.#partners.delete(partner);
    }
    this.#forgetAt = Math.max(KNOWN_MIN, 2 * this.#known);
  }
}
