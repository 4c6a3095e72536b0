/** The messages between the main process and its load processes. */
import type { Address } from "./connection.ts";
import type { PresetName } from "./preset.ts";

export type LoadPlan = Readonly<{
  preset: PresetName;
  address: Address;
  process: number;
  processes: number;
  lanes: number;
  seed: number;
  shards: number;
  /** The shard that will be killed. */
  victim: number;
  diaryFile: string;
}>;

export type ToLoad =
  | Readonly<{ type: "fund"; plan: LoadPlan }>
  /** Half of the lanes avoid the shard that is killed: they must not notice its outage. */
  | Readonly<{ type: "load" }>
  /** The killed shard is back: all lanes use all accounts. */
  | Readonly<{ type: "spread" }>
  | Readonly<{ type: "end" }>;

export type FromLoad =
  | Readonly<{ type: "funded" }>
  /** Answered operations so far, and those among them that the shard to be killed decided. */
  | Readonly<{ type: "progress"; answered: number; atVictim: number }>
  | Readonly<{ type: "ended" }>;
