/** The interface of a preset: which accounts there are, and which transfers are sent. */
import { shardOfVnode, vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import type { Repeat } from "./lane.ts";
import { MIX } from "./mix.ts";
import { SELLERS } from "./sellers.ts";

/** The partner of all accounts. */
export const PARTNER = "acme";

export type Movement = Readonly<{ debit: string; credit: string; amount: number; overspends: boolean }>;

/** The next request of a lane: one transfer, or a batch. */
export type Intent = Readonly<{ movements: readonly Movement[]; inBatch: boolean; repeat: Repeat }>;

export interface Source {
  /**
   * @param elsewhere only transfers without an account of the shard that will be killed.
   * @returns `undefined` when there is nothing left to send.
   */
  next(elsewhere: boolean): Intent | undefined;
}

/** The distribution of accounts over the shards, the shard to be killed, and the index of this load process. */
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
  /** Funds all accounts, before anything else. */
  funding: readonly Movement[];
  /** The shard of this account is killed. */
  victimAccount: string;
  /** The shard is killed after it has decided this many commands of the load. */
  commandsBeforeKill: (seconds: number) => number;
  source: (part: Part) => Source;
  /** Whether the source continues until it is stopped. */
  endless: boolean;
  /** Final balances that are known in advance. */
  finals: ReadonlyMap<string, number>;
}>;

export const PRESETS: Readonly<Record<"mix" | "sellers", Preset>> = { mix: MIX, sellers: SELLERS };
export type PresetName = keyof typeof PRESETS;

export function shardOfAccount(account: string, shards: number): number {
  return shardOfVnode(vnodeOfAccount(PARTNER, account), shards);
}
