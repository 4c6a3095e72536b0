/**
 * The messages between the archive's thread, its owner and its query clients, each over its own port. Errors are sent
 * as tagged results, because a thrown error loses its class between threads.
 */
import type { MessagePort } from "node:worker_threads";
import { isExhaustion } from "../../errors/exhaustion.ts";
import { OperatingError, type OperatingErrorCode } from "../../errors/operating-error.ts";
import type { ChannelEnd } from "../../workers/channels/open-channel.ts";
import { ArchiveError, type ArchiveErrorCode, isDamage } from "../archive-error.ts";
import type { StoredPosition } from "../batches/batch-table.ts";
import type { ScrubStats } from "../batches/verifier.ts";
import type { ArchiveQueries, BatchPosition } from "../queries/query.ts";
import type { Watch } from "./event-watches.ts";

/** From the owner: attach a shard's feed, connect a query port, close. */
export type ToArchive =
  | Readonly<{ kind: "attach"; shard: number; end: ChannelEnd }>
  | Readonly<{ kind: "connect"; port: MessagePort }>
  | Readonly<{ kind: "close" }>;

/** To the owner. */
export type FromArchive =
  | Readonly<{ kind: "ready"; stats: ArchiveStats }>
  | Readonly<{ kind: "stats"; stats: ArchiveStats }>
  | Readonly<{ kind: "failed"; error: TaggedError }>;

export type ArchiveMethod = Exclude<keyof ArchiveQueries, "awaitEvents">;

/** A request over a connected port; the reply carries its id. `positions` and `sync` do not wait for batches. */
export type ArchiveRequest =
  | Readonly<{ id: number; method: ArchiveMethod; query: unknown; after: readonly BatchPosition[] }>
  | Readonly<{ id: number; method: "positions" }>
  | Readonly<{ id: number; method: "sync" }>
  | (Watch & Readonly<{ id: number; method: "watch" }>);

export type ArchiveReply = Readonly<{ id: number; result: TaggedResult }>;

/** A stored batch, which the shard's log must still hold unless it was trimmed. */
export type ArchivedPosition = StoredPosition;

/**
 * The newest stored batch by shard. In a reply to `sync`: the newest batch up to which all are durable and were read
 * back intact.
 */
export type ArchivedPositions = readonly (readonly [shard: number, position: ArchivedPosition])[];

/** Of one shard: its newest stored batch with its log time (ms), and its newest indexed batch. */
export type ArchivedShard = Readonly<{
  shard: number;
  stored: Readonly<{ epoch: number; seq: number }>;
  storedTimeMs: number;
  indexed: Readonly<{ epoch: number; seq: number }> | null;
}>;

/** Counters since the archive was opened. `recordsWaiting` are stored but not indexed yet. */
export type ArchiveCounts = Readonly<{
  batchesStored: number;
  recordsStored: number;
  bytesStored: number;
  transfersIndexed: number;
  recordsWaiting: number;
  runs: number;
  /** How often the index was deleted and rebuilt. */
  indexRebuilds: number;
}>;

/** `places` names the first few of `count` damaged batches, e.g. `0:3-17`. */
export type DamageStats = Readonly<{ count: number; places: readonly string[] }>;

export type ArchiveStats = ArchiveCounts &
  Readonly<{
    shards: readonly ArchivedShard[];
    damage: DamageStats;
    scrub: ScrubStats;
    /** Why the archive is suspended (no disk space, file descriptors or memory); `null` while it runs. */
    away: string | null;
  }>;

export type TaggedError =
  | Readonly<{ type: "operating"; code: OperatingErrorCode; message: string }>
  | Readonly<{ type: "archive"; code: ArchiveErrorCode; message: string }>
  | Readonly<{ type: "other"; message: string }>;

export type TaggedResult =
  | Readonly<{ ok: true; value: unknown }>
  | Readonly<{ ok: false; error: TaggedError }>;

export function refused(error: unknown): TaggedResult {
  return { ok: false, error: tagError(error) };
}

export function tagError(error: unknown): TaggedError {
  if (error instanceof OperatingError) return { type: "operating", code: error.code, message: error.message };
  if (isDamage(error)) return { type: "operating", code: "archive_damaged", message: error.message };
  if (isExhaustion(error)) return { type: "operating", code: "log_unavailable", message: String(error) };
  if (error instanceof ArchiveError) return { type: "archive", code: error.code, message: error.message };
  return { type: "other", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

export function untagError(error: TaggedError): Error {
  switch (error.type) {
    case "operating":
      return new OperatingError(error.code, error.message);
    case "archive":
      return new ArchiveError(error.code, error.message);
    case "other":
      return new Error(error.message);
  }
}
