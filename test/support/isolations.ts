/** What carries the shards in tests that must hold for each. */
import type { Isolation } from "../../src/workers/carriers/carrier.ts";

export const ISOLATIONS: readonly Isolation[] = ["threads", "processes"];
