/** What is asked of a server under stress. A preset says which accounts there are and who sends what to whom. */
import { shardOfVnode, vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import type { Repeat } from "./lane.ts";
import { MIX } from "./mix.ts";
import { SELLERS } from "./sellers.ts";

/** All accounts are this partner's. */
export const PARTNER = "acme";

export type Movement = Readonly<{ debit: string; credit: string; amount: number; overspends: boolean }>;

/** What a lane sends next: one transfer, or several in a batch. */
export type Intent = Readonly<{ movements: readonly Movement[]; inBatch: boolean; repeat: Repeat }>;

export interface Source {
  /**
   * @param elsewhere only what concerns no account of the shard that will be killed.
   * @returns `undefined` when all has been asked for.
   */
  next(elsewhere: boolean): Intent | undefined;
}

/** How accounts lie on the shards, which one will be killed, and which of the load processes asks. */
export type Part = Readonly<{
  process: number;
  processes: number;
  seed: number;
  shardOf: (account: string) => number;
  victim: number;
}>;

export type Preset = Readonly<{
  asset: string;
  accounts: readonly string[];
  /** Brings in all the money there is, before anything else. */
  funding: readonly Movement[];
  /** Of this account's shard: it is killed. */
  victimAccount: string;
  /** Commands of the load that this shard has had before it is killed. */
  commandsBeforeKill: (seconds: number) => number;
  source: (part: Part) => Source;
  /** Whether the source goes on until it is told to stop. */
  endless: boolean;
  /** Balances that are known before anything has begun. */
  finals: ReadonlyMap<string, number>;
}>;

export const PRESETS: Readonly<Record<"mix" | "sellers", Preset>> = { mix: MIX, sellers: SELLERS };
export type PresetName = keyof typeof PRESETS;

export function shardOfAccount(account: string, shards: number): number {
  return shardOfVnode(vnodeOfAccount(PARTNER, account), shards);
}
