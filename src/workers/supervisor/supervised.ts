/** What the supervisor knows of one shard. */
import type { RunningShard } from "../carriers/carrier.ts";
import { describeSilence, type Watchdog } from "../carriers/watchdog.ts";
import { NO_RECOVERY, type Recovery } from "../recovery/recover.ts";
import type { ShardExit } from "../shard/messages.ts";
import type { ShardStats } from "../shard/stats.ts";

/** Resolves after `ms` milliseconds, unless it is cancelled. */
export function timeout(ms: number): { promise: Promise<void>; cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  return { promise, cancel: () => clearTimeout(timer) };
}

/** Ends that never count towards giving up: what they lie with comes right by itself, or is put right. Nothing else will. */
export const TRANSIENT: ReadonlySet<ShardExit["reason"]> = new Set([
  "append_lost",
  // A disk or a memory that is full.
  "append_refused",
  "exhausted",
  "log_misconfigured",
  "log_unavailable",
]);
/** Ends after which a shard is started again even while the server starts. */
export const RETRIED_AT_START: ReadonlySet<ShardExit["reason"]> = new Set([
  "crashed",
  "exhausted",
  "append_lost",
]);

export type ShardState = "starting" | "recovering" | "ready" | "stalled" | "hung" | "restarting" | "failed";

export interface Supervised {
  readonly shard: number;
  running: RunningShard | undefined;
  watchdog: Watchdog;
  /** It has not answered for a while. */
  isSilent: boolean;
  /** How often that was so. */
  hangs: number;
  /** An operator has told it to start anew. */
  isAsked: boolean;
  /** It was ended, and is not gone yet. */
  isEnding: boolean;
  /** Apart from being silent. */
  status: Exclude<ShardState, "hung">;
  /** Why it is not ready. */
  reason: string;
  restarts: number;
  /** Ends in a row that nobody asked for; of these, those that will not come right by themselves. */
  attempts: number;
  crashes: number;
  readyAtMs: number;
  warnings: readonly string[];
  /** Why its log should take nothing more. */
  full: string | null;
  /** Of the start before, until it serves. */
  recovery: Recovery;
  stats: ShardStats | undefined;
  statsWaiting: ((figures: ShardStats | undefined) => void)[];
  /** Under which it has claimed its log last; 0 before. */
  epoch: number;
  /** Its present run waits for the word to claim. */
  isInspected: boolean;
  /** At some time since this server started. */
  hasServed: boolean;
  claimed: PromiseWithResolvers<void>;
  ready: PromiseWithResolvers<void>;
}

export function newShard(shard: number, watchdog: Watchdog): Supervised {
  return {
    shard,
    running: undefined,
    watchdog,
    isSilent: false,
    hangs: 0,
    isAsked: false,
    isEnding: false,
    status: "starting",
    reason: "it has not started yet",
    restarts: 0,
    attempts: 0,
    crashes: 0,
    readyAtMs: Number.POSITIVE_INFINITY,
    warnings: [],
    full: null,
    recovery: NO_RECOVERY,
    stats: undefined,
    statsWaiting: [],
    epoch: 0,
    isInspected: false,
    hasServed: false,
    claimed: Promise.withResolvers(),
    ready: Promise.withResolvers(),
  };
}

export function stateOf({ isSilent, status }: Supervised): ShardState {
  return isSilent ? "hung" : status;
}

/** Why it is not ready. */
export function reasonOf({ isSilent, watchdog, reason }: Supervised): string {
  return isSilent ? describeSilence(watchdog.silentMs) : reason;
}
