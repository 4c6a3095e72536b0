/**
 * A queue that serves flows by weighted round-robin: among partners, and within a partner among its owners. Items
 * of one flow keep their order. A flow with too much in flight is paused until some of it is done.
 */
import type { Flow, PartnerFlows, Queued } from "./flows.ts";
import { TurnList } from "./turn-list.ts";

/** Bounds of one `take`. It stops before the item that would exceed either bound, unless that is the first one. */
export type Portion = Readonly<{ cost: number; bytes: number }>;

const ALL: Portion = { cost: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

export type FairQueueOptions<T extends Queued> = Readonly<{
  /** The flow is paused at this cost in flight. */
  inFlightMax: (flow: Flow<T>) => number;
}>;

export class FairQueue<T extends Queued> {
  readonly #inFlightMax: (flow: Flow<T>) => number;
  readonly #turns = new TurnList<PartnerFlows<T>>();
  readonly #paused = new Set<Flow<T>>();
  #cost = 0;
  #bytes = 0;

  constructor({ inFlightMax }: FairQueueOptions<T>) {
    this.#inFlightMax = inFlightMax;
  }

  /** Nothing can be taken: no item waits, or all waiting flows are paused. */
  get isEmpty(): boolean {
    return this.#turns.isEmpty;
  }

  get cost(): number {
    return this.#cost;
  }

  push(flow: Flow<T>, item: T): void {
    if (!flow.waits && !flow.isPaused) this.#join(flow);
    flow.push(item);
    this.#cost += item.cost;
    this.#bytes += item.bytes;
  }

  /** Removes the items to serve next. They are in flight until `done`. */
  take(portion: Portion): readonly T[] {
    const only = this.#turns.only?.turns.only;
    if (only !== undefined && this.#fitsWhole(only, portion)) {
      only.inFlight += this.#cost;
      this.#charge(only.parent, this.#cost, this.#bytes, false);
      return only.takeAll();
    }
    const taken: T[] = [];
    let { cost, bytes } = portion;
    while (!this.#turns.isEmpty) {
      const partnerFlows = this.#turns.current();
      const flow = partnerFlows.turns.current();
      const item = flow.first as T;
      cost -= item.cost;
      bytes -= item.bytes;
      if ((cost < 0 || bytes < 0) && taken.length > 0) break;
      taken.push(flow.shift());
      flow.inFlight += item.cost;
      flow.isPaused = flow.inFlight >= this.#inFlightMax(flow);
      if (flow.isPaused) this.#paused.add(flow);
      this.#charge(partnerFlows, item.cost, item.bytes, flow.waits && !flow.isPaused);
    }
    return taken;
  }

  done(flow: Flow<T>, { cost }: T): void {
    flow.inFlight -= cost;
    if (flow.isPaused && flow.inFlight < this.#inFlightMax(flow)) this.#release(flow);
  }

  /** Removes all items, whatever is in flight. */
  drain(): readonly T[] {
    const taken: T[] = [];
    while (this.#paused.size > 0 || !this.isEmpty) {
      for (const flow of this.#paused) this.#release(flow);
      taken.push(...this.take(ALL));
    }
    return taken;
  }

  #join(flow: Flow<T>): void {
    const { parent } = flow;
    if (parent.turns.isEmpty) this.#turns.add(parent);
    parent.turns.add(flow);
  }

  #release(flow: Flow<T>): void {
    flow.isPaused = false;
    this.#paused.delete(flow);
    if (flow.waits) this.#join(flow);
  }

  #fitsWhole(flow: Flow<T>, { cost, bytes }: Portion): boolean {
    const isAll = this.#paused.size === 0 && this.#cost <= cost && this.#bytes <= bytes;
    return isAll && flow.inFlight + this.#cost < this.#inFlightMax(flow);
  }

  /** Charges what was taken to the current flow and its partner. `waits`: whether the flow stays in the round. */
  #charge(partnerFlows: PartnerFlows<T>, cost: number, bytes: number, waits: boolean): void {
    partnerFlows.turns.charge(cost, waits);
    this.#turns.charge(cost, !partnerFlows.turns.isEmpty);
    this.#cost -= cost;
    this.#bytes -= bytes;
  }
}
