/**
 * What waits of all flows, served in turn by cost: among partners, and within each among its owners. What one flow puts in
 * comes out in that order; when too much of it is in hand, it waits until some is done.
 */
import type { Flow, PartnerFlows, Queued } from "./flows.ts";
import { TurnList } from "./turn-list.ts";

/** What is taken at once ends before it would exceed either; the first item may. */
export type Portion = Readonly<{ cost: number; bytes: number }>;

const ALL: Portion = { cost: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

export type FairQueueOptions<T extends Queued> = Readonly<{
  /** At this cost in hand nothing more of the flow is taken. */
  inHandMax: (flow: Flow<T>) => number;
}>;

export class FairQueue<T extends Queued> {
  readonly #inHandMax: (flow: Flow<T>) => number;
  readonly #turns = new TurnList<PartnerFlows<T>>();
  /** They have something waiting, and too much in hand. */
  readonly #held = new Set<Flow<T>>();
  #cost = 0;
  #bytes = 0;

  constructor({ inHandMax }: FairQueueOptions<T>) {
    this.#inHandMax = inHandMax;
  }

  /** Nothing can be taken now. */
  get isEmpty(): boolean {
    return this.#turns.isEmpty;
  }

  get cost(): number {
    return this.#cost;
  }

  push(flow: Flow<T>, item: T): void {
    if (!flow.waits && !flow.isHeld) this.#join(flow);
    flow.push(item);
    this.#cost += item.cost;
    this.#bytes += item.bytes;
  }

  /** Takes what is to be served next; it is in hand until `done`. */
  take(portion: Portion): readonly T[] {
    const only = this.#turns.only?.turns.only;
    if (only !== undefined && this.#fits(only, portion)) {
      only.inHand += this.#cost;
      this.#paid(only.of, this.#cost, this.#bytes, false);
      return only.takeAll();
    }
    const taken: T[] = [];
    let { cost, bytes } = portion;
    while (!this.#turns.isEmpty) {
      const of = this.#turns.due();
      const flow = of.turns.due();
      const item = flow.first as T;
      cost -= item.cost;
      bytes -= item.bytes;
      if ((cost < 0 || bytes < 0) && taken.length > 0) break;
      taken.push(flow.shift());
      flow.inHand += item.cost;
      flow.isHeld = flow.inHand >= this.#inHandMax(flow);
      if (flow.isHeld) this.#held.add(flow);
      this.#paid(of, item.cost, item.bytes, flow.waits && !flow.isHeld);
    }
    return taken;
  }

  /** An item that was taken is done. */
  done(flow: Flow<T>, { cost }: T): void {
    flow.inHand -= cost;
    if (flow.isHeld && flow.inHand < this.#inHandMax(flow)) this.#release(flow);
  }

  /** Takes all, whatever is in hand. */
  drain(): readonly T[] {
    const taken: T[] = [];
    while (this.#held.size > 0 || !this.isEmpty) {
      for (const flow of this.#held) this.#release(flow);
      taken.push(...this.take(ALL));
    }
    return taken;
  }

  #join(flow: Flow<T>): void {
    const { of } = flow;
    if (of.turns.isEmpty) this.#turns.add(of);
    of.turns.add(flow);
  }

  #release(flow: Flow<T>): void {
    flow.isHeld = false;
    this.#held.delete(flow);
    if (flow.waits) this.#join(flow);
  }

  #fits(flow: Flow<T>, { cost, bytes }: Portion): boolean {
    const isAll = this.#held.size === 0 && this.#cost <= cost && this.#bytes <= bytes;
    return isAll && flow.inHand + this.#cost < this.#inHandMax(flow);
  }

  /** What has been taken of the flow whose turn it is, and whether it has another one. */
  #paid(of: PartnerFlows<T>, cost: number, bytes: number, waits: boolean): void {
    of.turns.paid(cost, waits);
    this.#turns.paid(cost, !of.turns.isEmpty);
    this.#cost -= cost;
    this.#bytes -= bytes;
  }
}
