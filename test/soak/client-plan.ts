/** What the soak and its client processes say to each other. */
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
  /** Nothing new; what was begun is brought to its end. */
  | Readonly<{ type: "rest" }>;

export type FromClient =
  | Readonly<{ type: "counts"; counts: ClientCounts }>
  /** All that was heard is in the diary. */
  | Readonly<{ type: "resting" }>;
