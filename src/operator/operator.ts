/** A mobile operator that charges phones, as the ledger asks it. */

export type Order = Readonly<{
  /** The top-up's id, by which the operator tells a repeated order from a new one. */
  reference: string;
  phone: string;
  amount: number;
}>;

/**
 * - `completed`, `failed`: final.
 * - `pending`: the operator has the order, and has not decided.
 * - `unknown`: it does not say what became of the order, or cannot be reached.
 * - `not_found`: it has no such order (answer of `status` only).
 */
export type OperatorAnswer =
  | Readonly<{ result: "completed" }>
  | Readonly<{ result: "pending" | "unknown" | "not_found" }>
  | Readonly<{ result: "failed"; reason: string | null }>;

export interface TopupOperator {
  /**
   * How long after an order was last sent `not_found` may still change, in ms. 0: a repeated order has no further effect,
   * so it may be sent again at once.
   */
  readonly settleMs: number;
  /** Sends an order. @throws Error (as a rejection) no answer within the deadline: the outcome is unknown */
  send(order: Order): Promise<OperatorAnswer>;
  /** What became of an order. Changes nothing. @throws Error (as a rejection) as `send` */
  status(reference: string): Promise<OperatorAnswer>;
}

/** Deadline of one request to the operator. */
export const ASK_MS_MAX = 10_000;
