/** The messages between the soak and its client processes. */
import type { Address } from "../stress/connection.ts";
import type { Counts } from "./notebook.ts";

export type ClientPlan = Readonly<{
  address: Address;
  process: number;
  processes: number;
  /** Requests a second of this process. */
  rate: number;
  seed: number;
  diaryFile: string;
}>;

export type ClientCounts = Counts & { requests: number };

export type ToClient =
  | Readonly<{ type: "begin"; plan: ClientPlan }>
  | Readonly<{ type: "go" }>
  /** Start nothing new; finish what was begun. */
  | Readonly<{ type: "rest" }>;

export type FromClient =
  | Readonly<{ type: "counts"; counts: ClientCounts }>
  /** Everything is in the diary. */
  | Readonly<{ type: "resting" }>;
