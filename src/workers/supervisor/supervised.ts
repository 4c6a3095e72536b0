/** The supervisor's state of one shard. */
import type { PersonKeysUsed } from "../../actors/programmes/programme.ts";
import type { RunningShard } from "../carriers/carrier.ts";
import { describeSilence, type Watchdog } from "../carriers/watchdog.ts";
import { NO_RECOVERY, type Recovery } from "../recovery/recover.ts";
import type { ShardExit } from "../shard/messages.ts";
import type { ShardStats } from "../shard/stats.ts";

/** A promise that resolves after `ms` milliseconds unless it is cancelled. */
export function timeout(ms: number): { promise: Promise<void>; cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  return { promise, cancel: () => clearTimeout(timer) };
}

/** Exit reasons that never count towards giving up, because the cause passes or an operator removes it. */
export const TRANSIENT: ReadonlySet<ShardExit["reason"]> = new Set([
  "append_lost",
  // The disk or memory of the store is full.
  "append_refused",
  "exhausted",
  "log_misconfigured",
  "log_unavailable",
]);
/** Exit reasons after which a shard is restarted even while the server starts. */
const RETRIED_AT_START: ReadonlySet<ShardExit["reason"]> = new Set(["crashed", "exhausted", "append_lost"]);

/** Exit reasons after which the server must not go on. */
const FATAL: ReadonlySet<ShardExit["reason"]> = new Set(["fenced", "log_lost_data", "archive_behind"]);

/**
 * What follows from the end of a shard.
 *
 * @param losesAlone the shards' logs are on several machines: what one has lost says nothing of the others.
 */
export function fateOf(
  reason: ShardExit["reason"],
  isStarted: boolean,
  losesAlone = false,
): "server_ends" | "gives_up" | "restarts" {
  if (reason === "log_lost_data" && isStarted && losesAlone) return "gives_up";
  if (FATAL.has(reason)) return "server_ends";
  return isStarted || RETRIED_AT_START.has(reason) ? "restarts" : "gives_up";
}

/** One line. */
export function describeFatal(shard: number, { reason, message }: ShardExit): string {
  const why = reason === "fenced" ? ". This server stops: two must not own one log" : "";
  return `shard ${shard}: ${message}${why}`;
}

export type ShardState = "starting" | "recovering" | "ready" | "stalled" | "hung" | "restarting" | "failed";

export interface Supervised {
  readonly shard: number;
  running: RunningShard | undefined;
  watchdog: Watchdog;
  /** The shard does not answer. */
  isSilent: boolean;
  /** Number of times that the shard has stopped answering. */
  hangs: number;
  /** An operator has requested a restart. */
  isRestartRequested: boolean;
  /** The shard was killed and has not exited yet. */
  isEnding: boolean;
  status: Exclude<ShardState, "hung">;
  /** Why the shard is not ready. */
  reason: string;
  restarts: number;
  /** Unrequested exits in a row; determines the pause before the next start. */
  attempts: number;
  /** Of these, exits whose cause does not pass by itself; too many make the supervisor give up. */
  crashes: number;
  readyAtMs: number;
  warnings: readonly string[];
  /** Why its log accepts no more commands; `null`: it has room. */
  full: string | null;
  /** Of the newest run that has served. */
  recovery: Recovery;
  stats: ShardStats | undefined;
  statsWaiting: ((figures: ShardStats | undefined) => void)[];
  /** Epoch of its newest claim; 0 before the first. */
  epoch: number;
  /** The keys of persons that its log needs, by the newest inspection. */
  personKeys: readonly PersonKeysUsed[];
  /** The present run has inspected its log and waits for permission to claim it. */
  isInspected: boolean;
  /** The shard has served at some time since this server started. */
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
    isRestartRequested: false,
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
    personKeys: [],
    claimed: Promise.withResolvers(),
    ready: Promise.withResolvers(),
  };
}

export function stateOf({ isSilent, status }: Supervised): ShardState {
  return isSilent ? "hung" : status;
}

/** Why the shard is not ready. */
export function reasonOf({ isSilent, watchdog, reason }: Supervised): string {
  return isSilent ? describeSilence(watchdog.silentMs) : reason;
}
