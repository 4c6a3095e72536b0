/**
 * A simulated operator, for tests and demonstrations. What becomes of an order follows from its reference alone, so it is
 * the same after a restart.
 */
import { hash } from "node:crypto";
import type { OperatorAnswer, Order, TopupOperator } from "./operator.ts";

/** Shares are from 0 to 1. */
export type Faults = Readonly<{
  /** Share of orders that fail. */
  fail: number;
  /** Share of orders of which it first says `unknown`. */
  unknown: number;
  /** How long it says so, in ms. */
  unknownMs: number;
  /** Share of orders that it gets twice. */
  duplicate: number;
  /** Share of answers that are lost: the request fails although the order was taken. */
  drop: number;
  /** Time to each answer, in ms. */
  delayMs: number;
}>;

export const NO_FAULTS: Faults = {
  fail: 0,
  unknown: 0,
  unknownMs: 60_000,
  duplicate: 0,
  drop: 0,
  delayMs: 0,
};

/**
 * Phones that end like this have their own outcome: it fails; it is unknown for ever; it is unknown for
 * `CONFLICT_MS` and then completed, however the partner has decided meanwhile.
 */
const PHONES = { fails: "0000001", unknown: "0000002", late: "0000003" } as const;
const CONFLICT_MS = 1_500;

/** An order as the operator has it. `charges`: how often the phone was charged. */
export type Taken = Order & Readonly<{ takenAtMs: number; charges: number }>;

/** Keeps the orders. A store that survives a crash returns from `add` once the order is durable. */
export interface OrderStore {
  get(reference: string): Taken | undefined;
  add(order: Taken): void;
}

/** Orders remembered by the store in memory; an older one is taken again as if it were new, with the same outcome. */
const ORDERS_MAX = 100_000;

export function memoryStore(): OrderStore {
  const orders = new Map<string, Taken>();
  return {
    get: (reference) => orders.get(reference),
    add: (order) => {
      orders.set(order.reference, order);
      const [oldest] = orders.keys();
      if (orders.size > ORDERS_MAX && oldest !== undefined) orders.delete(oldest);
    },
  };
}

export class AnswerLost extends Error {
  constructor() {
    super("the operator's answer was lost");
    this.name = "AnswerLost";
  }
}

export class SimulatedOperator implements TopupOperator {
  readonly settleMs = 0;
  readonly #faults: Faults;
  readonly #store: OrderStore;
  readonly #nowMs: () => number;
  #asked = 0;

  constructor(faults: Faults, store: OrderStore, nowMs: () => number) {
    this.#faults = faults;
    this.#store = store;
    this.#nowMs = nowMs;
  }

  async send(order: Order): Promise<OperatorAnswer> {
    await this.#delay();
    const copies = isDrawn(this.#faults.duplicate, `duplicate ${order.reference}`) ? 2 : 1;
    for (let i = 0; i < copies; i++) this.#take(order);
    return this.#answer(order.reference);
  }

  async status(reference: string): Promise<OperatorAnswer> {
    await this.#delay();
    return this.#answer(reference);
  }

  /** Takes an order once, by its reference. */
  #take(order: Order): void {
    if (this.#store.get(order.reference) !== undefined) return;
    const charges = this.#isCharged(order) ? 1 : 0;
    this.#store.add({ ...order, takenAtMs: this.#nowMs(), charges });
  }

  #answer(reference: string): OperatorAnswer {
    this.#asked += 1;
    const isLost = isDrawn(this.#faults.drop, `drop ${reference} ${this.#asked}`);
    if (isLost) throw new AnswerLost();
    const order = this.#store.get(reference);
    if (order === undefined) return { result: "not_found" };
    if (this.#isUnknown(order)) return { result: "unknown" };
    return this.#isCharged(order) ? { result: "completed" } : { result: "failed", reason: "refused" };
  }

  #isCharged({ reference, phone }: Order): boolean {
    return !phone.endsWith(PHONES.fails) && !isDrawn(this.#faults.fail, `fail ${reference}`);
  }

  #isUnknown({ reference, phone, takenAtMs }: Taken): boolean {
    if (phone.endsWith(PHONES.unknown)) return true;
    const ageMs = this.#nowMs() - takenAtMs;
    if (phone.endsWith(PHONES.late)) return ageMs < CONFLICT_MS;
    return isDrawn(this.#faults.unknown, `unknown ${reference}`) && ageMs < this.#faults.unknownMs;
  }

  async #delay(): Promise<void> {
    const { delayMs } = this.#faults;
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}

/** Whether this share of texts, from 0 to 1, has this one among them. It follows from the text alone. */
function isDrawn(share: number, text: string): boolean {
  return share > 0 && hash("sha256", text, "buffer").readUInt32BE(0) / 2 ** 32 < share;
}
