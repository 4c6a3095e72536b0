/** What the main process and its load processes say to each other. */
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
  /** Half of the lanes keep away from the victim: they must not notice what happens to it. */
  | Readonly<{ type: "load" }>
  /** The victim is back: every lane asks for anything. */
  | Readonly<{ type: "spread" }>
  | Readonly<{ type: "end" }>;

export type FromLoad =
  | Readonly<{ type: "funded" }>
  /** So far: operations that have their answer, and those among them that the victim decided. */
  | Readonly<{ type: "progress"; answered: number; atVictim: number }>
  | Readonly<{ type: "ended" }>;
