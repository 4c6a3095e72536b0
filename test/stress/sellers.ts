/**
 * Prepaid credit: two sellers, ten credit increases, a thousand sales from several processes. One seller has enough
 * for all of its sales, the other for two hundred of them. The final credits are known in advance, whatever the order
 * and whatever fails.
 */

import { Random } from "../support/random.ts";
import type { Intent, Movement, Part, Preset, Source } from "./preset.ts";

const CAREFUL = "seller-1/credit";
const EAGER = "seller-2/credit";
const INCREASES = 5;
const INCREASE = 200_000;
const SALE = 5_000;
const SALES = { [CAREFUL]: 60, [EAGER]: 940 } as const;
const PHONES = 20;
const REPEATED = 0.2;

const phones = Array.from({ length: PHONES }, (_, no) => `phone-${no}`);

/** Every second sale credits the account of a phone; the others credit the system account of the income. */
const sales: readonly Movement[] = Object.entries(SALES).flatMap(([debit, count]) =>
  Array.from({ length: count }, (_, no) => {
    const credit = no % 2 === 0 ? "@sales" : (phones[no % PHONES] as string);
    return { debit, credit, amount: SALE, overspends: false };
  }),
);

export const SELLERS: Preset = {
  asset: "IRT/0",
  accounts: [CAREFUL, EAGER, ...phones],
  funding: [CAREFUL, EAGER].flatMap((credit) =>
    Array.from({ length: INCREASES }, () => ({
      debit: "@bank",
      credit,
      amount: INCREASE,
      overspends: false,
    })),
  ),
  victimAccount: EAGER,
  commandsBeforeKill: () => 300,
  source: (part) => new Sales(part),
  endless: false,
  finals: new Map([
    [CAREFUL, INCREASES * INCREASE - SALES[CAREFUL] * SALE],
    [EAGER, 0],
  ]),
};

class Sales implements Source {
  readonly #random: Random;
  /** Transfers that need the shard to be killed, and those that do not. */
  readonly #there: Movement[] = [];
  readonly #elsewhere: Movement[] = [];

  constructor({ process, processes, seed, shardOf, victim }: Part) {
    this.#random = new Random(seed * 1_000 + process);
    for (const [no, sale] of sales.entries()) {
      if (no % processes !== process) continue;
      const concerned = [sale.debit, sale.credit].filter((account) => account !== "@sales");
      const isThere = concerned.some((account) => shardOf(account) === victim);
      (isThere ? this.#there : this.#elsewhere).push(sale);
    }
  }

  next(elsewhere: boolean): Intent | undefined {
    const [wanted, other] = elsewhere ? [this.#elsewhere, this.#there] : [this.#there, this.#elsewhere];
    const sale = wanted.pop() ?? other.pop();
    if (sale === undefined) return undefined;
    const repeat = this.#random.chance(REPEATED) ? "meanwhile" : "never";
    return { movements: [sale], inBatch: false, repeat };
  }
}
