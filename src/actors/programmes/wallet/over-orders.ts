/** When orders are over and leave memory. */
import { assert } from "../../../errors/assert.ts";
import type { ProgrammeContext } from "../programme.ts";
import { type SettledItem, SettledItems } from "../settled-items.ts";
import { ORDERS_SUBJECT, PLATFORM_TENANT, type WalletOrder, walletAct } from "./acts.ts";

const FORGET = walletAct("forget", ORDERS_SUBJECT, {});

export class OverOrders {
  readonly #settled: SettledItems;
  readonly #byId = new Map<string, SettledItem>();

  constructor(scheduler: ProgrammeContext["scheduler"]) {
    this.#settled = new SettledItems(PLATFORM_TENANT, scheduler, FORGET);
  }

  /**
   * A hold and a payment request end by their expiry at the latest: they count as over from then on, also if they end before.
   * A withdrawal is over once it is decided. If an older version has decided it, its creation counts.
   */
  add(order: WalletOrder): void {
    if (order.kind === "withdrawal" && order.status === "pending") return;
    const sinceMs =
      order.kind === "withdrawal" ? (order.decidedAtMs ?? order.createdAtMs) : order.expiresAtMs;
    this.#byId.set(order.id, this.#settled.add(order.id, sinceMs));
  }

  /** For an order that leaves memory before its time. */
  remove(id: string): void {
    this.#settled.remove(this.#take(id));
  }

  /** The ids of the orders to forget next. */
  nextIds(nowMs: number): readonly string[] {
    return this.#settled.nextIds(nowMs);
  }

  forgotten(ids: readonly string[], timeMs: number): void {
    this.#settled.forgotten(
      ids.map((id) => this.#take(id)),
      timeMs,
    );
  }

  #take(id: string): SettledItem {
    const settled = this.#byId.get(id);
    assert(settled !== undefined, "an order that leaves memory is over");
    this.#byId.delete(id);
    return settled;
  }
}
