/** The carriers of shards, for tests that must pass with both. */
import type { Isolation } from "../../src/workers/carriers/carrier.ts";

export const ISOLATIONS: readonly Isolation[] = ["threads", "processes"];
