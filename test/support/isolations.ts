/** What carries the shards in tests that must hold for each. */
import type { Isolation } from "../../src/workers/carrier.ts";

export const ISOLATIONS: readonly Isolation[] = ["threads", "processes"];
