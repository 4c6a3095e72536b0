/** A balance that crosses the value of a monitor, as the record that crosses holds it. */

export type BalanceField = "posted" | "available" | "held";

/** `above`: from at most the value to more. `below`: from at least the value to less. */
export type CrossingSide = "above" | "below";

/** `balance`: the field of the account after the record. */
export type Crossing = Readonly<{
  monitor: string;
  account: string;
  field: BalanceField;
  when: CrossingSide;
  value: number;
  balance: number;
}>;

/** Part of the outcome of each record that changes balances. Absent if no monitor was crossed. */
export type Crossed = Readonly<{ crossed?: readonly Crossing[] }>;
