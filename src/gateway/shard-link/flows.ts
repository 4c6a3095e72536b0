/**
 * Divides a bounded resource among flows. A flow is the unit that is served and refused together: a partner, or one
 * owner within it (owners.ts).
 */
import { DrainTime } from "./drain-time.ts";
import { BATCHES, WHOLE } from "./owners.ts";
import { TurnList } from "./turn-list.ts";

export type Queued = Readonly<{ cost: number; bytes: number }>;

/** Served items are dropped from the array once there are this many, and at least as many as still wait. */
const SERVED_MAX = 1_024;

/** One flow: what it uses of the resource, and its waiting items in order. */
export class Flow<T extends Queued = Queued> {
  readonly parent: PartnerFlows<T>;
  readonly owner: string;
  used = 0;
  /** Cost of the items that were taken from the queue and are not done. */
  inFlight = 0;
  isPaused = false;
  /** Of the batches of a partner; otherwise absent. */
  readonly drain: DrainTime | undefined;
  deficit = 0;
  next: Flow<T> | undefined;
  #items: T[] = [];
  #served = 0;

  constructor(parent: PartnerFlows<T>, owner: string) {
    this.parent = parent;
    this.owner = owner;
    this.drain = owner === BATCHES ? new DrainTime() : undefined;
  }

  get waits(): boolean {
    return this.#served < this.#items.length;
  }

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

/** All flows of one partner, and what they use together. */
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
    return this.turns.current().firstCost;
  }
}

/** From this number of flows on, idle ones are removed. */
const KNOWN_MIN = 1_024;

/**
 * Divides a capacity by dynamic thresholds (Choudhury, Hahne: Dynamic Queue Length Thresholds for Shared-Memory
 * Packet Switches, 1998): a partner may use at most as much as is free. So a single partner gets half, two get a
 * third each, and some capacity is always left for the next one. Within a partner, its half is divided among owners
 * in the same way.
 */
export class Flows<T extends Queued = Queued> {
  readonly #capacity: number;
  readonly #partners = new Map<string, PartnerFlows<T>>();
  #used = 0;
  #known = 0;
  #forgetAt = KNOWN_MIN;
  /** Cache: most requests belong to the same flow as the one before. */
  #last: Flow<T>;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#last = this.#findOrCreate("", WHOLE);
  }

  get known(): number {
    return this.#known;
  }

  /** The entry of this flow. It is the same object while the flow uses anything. */
  find(partner: string, owner: string): Flow<T> {
    const last = this.#last;
    if (last.owner === owner && last.parent.partner === partner) return last;
    this.#last = this.#findOrCreate(partner, owner);
    return this.#last;
  }

  usedBy(partner: string): number {
    return this.#partners.get(partner)?.used ?? 0;
  }

  /** Takes `amount` of the capacity. False, with no effect, if that exceeds the flow's share. */
  take(flow: Flow<T>, amount: number): boolean {
    const { parent } = flow;
    if (parent.used + amount > this.#capacity - this.#used) return false;
    const isOwner = flow.owner !== WHOLE && flow.owner !== BATCHES;
    if (isOwner && flow.used + amount > this.#capacity / 2 - parent.used) return false;
    flow.used += amount;
    parent.used += amount;
    this.#used += amount;
    return true;
  }

  give(flow: Flow<T>, amount: number): void {
    flow.used -= amount;
    flow.parent.used -= amount;
    this.#used -= amount;
  }

  #findOrCreate(partner: string, owner: string): Flow<T> {
    let parent = this.#partners.get(partner);
    if (parent === undefined) {
      parent = new PartnerFlows(partner);
      this.#partners.set(partner, parent);
    }
    const known = parent.owners.get(owner);
    if (known !== undefined) return known;
    const flow = new Flow(parent, owner);
    parent.owners.set(owner, flow);
    this.#known += 1;
    if (this.#known > this.#forgetAt) this.#forget(flow);
    return flow;
  }

  /** Removes idle flows, so that their number is bounded by what is in use. */
  #forget(except: Flow<T>): void {
    for (const [partner, parent] of this.#partners) {
      for (const [owner, flow] of parent.owners) {
        if (flow.used > 0 || flow.waits || flow === except) continue;
        parent.owners.delete(owner);
        this.#known -= 1;
      }
      if (parent.owners.size === 0) this.#partners.delete(partner);
    }
    this.#forgetAt = Math.max(KNOWN_MIN, 2 * this.#known);
  }
}
