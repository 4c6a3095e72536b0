/**
 * The standard load: random payments; a few hot accounts in every tenth payment; some with insufficient funds, some
 * sent twice, some in batches of twenty.
 */

import { Random } from "../support/random.ts";
import type { Repeat } from "./lane.ts";
import type { Intent, Movement, Part, Preset, Source } from "./preset.ts";

const ACCOUNTS = 400;
/** So few that they are in every batch of their shard, and often empty. */
const HOT_ACCOUNTS = 8;
const FUNDS = 1_000;
const AMOUNT_MAX = 40;
/** More than the sum of all balances. */
const OVERSPENT = ACCOUNTS * FUNDS * 1_000;
const BATCH_ITEMS = 20;

/** Shares of the requests. */
const SHARE = { hot: 0.1, overspent: 0.05, issued: 0.02, spent: 0.02, batch: 0.02, repeated: 0.1 } as const;

const accounts = Array.from({ length: ACCOUNTS }, (_, no) => `customer-${no}/points`);

export const MIX: Preset = {
  asset: "PTS/0",
  accounts,
  funding: accounts.map((credit) => ({ debit: "@bank", credit, amount: FUNDS, overspends: false })),
  victimAccount: "customer-0/points",
  commandsBeforeKill: (seconds) => 1_000 * seconds,
  source: (part) => new Mix(part),
  endless: true,
  finals: new Map(),
};

type Reach = Readonly<{ all: readonly string[]; hot: readonly string[] }>;

class Mix implements Source {
  readonly #random: Random;
  readonly #everywhere: Reach;
  readonly #elsewhere: Reach;

  constructor({ process, seed, shardOf, victim }: Part) {
    this.#random = new Random(seed * 1_000 + process);
    this.#everywhere = reachOf(accounts);
    this.#elsewhere = reachOf(accounts.filter((account) => shardOf(account) !== victim));
  }

  next(elsewhere: boolean): Intent {
    const reach = elsewhere ? this.#elsewhere : this.#everywhere;
    const inBatch = this.#random.chance(SHARE.batch);
    const movements = Array.from({ length: inBatch ? BATCH_ITEMS : 1 }, () => this.#movement(reach));
    return { movements, inBatch, repeat: this.#repeat() };
  }

  #movement(reach: Reach): Movement {
    const fraction = this.#random.fraction();
    const amount = 1 + this.#random.below(AMOUNT_MAX);
    const one = this.#account(reach);
    if (fraction < SHARE.issued) return { debit: "@bank", credit: one, amount, overspends: false };
    if (fraction < SHARE.issued + SHARE.spent)
      return { debit: one, credit: "@sales", amount, overspends: false };
    let other = this.#account(reach);
    while (other === one) other = this.#account(reach);
    const overspends = this.#random.chance(SHARE.overspent);
    return { debit: one, credit: other, amount: overspends ? OVERSPENT : amount, overspends };
  }

  #account({ all, hot }: Reach): string {
    return this.#random.oneOf(this.#random.chance(SHARE.hot) ? hot : all);
  }

  #repeat(): Repeat {
    if (!this.#random.chance(SHARE.repeated)) return "never";
    return this.#random.chance(0.5) ? "meanwhile" : "afterwards";
  }
}

function reachOf(all: readonly string[]): Reach {
  return { all, hot: all.slice(0, HOT_ACCOUNTS) };
}
