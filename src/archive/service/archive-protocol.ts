/**
 * What goes between the archive's thread, its owner, and those who ask it, each over a port of its own. Errors cross as
 * tagged results: a thrown one loses its class.
 */
import type { MessagePort } from "node:worker_threads";
import { isExhaustion } from "../../errors/exhaustion.ts";
import { OperatingError, type OperatingErrorCode } from "../../errors/operating-error.ts";
import type { ChannelEnd } from "../../workers/channels/open-channel.ts";
import { ArchiveError, type ArchiveErrorCode, isDamage } from "../archive-error.ts";
import type { StoredPosition } from "../batches/batch-table.ts";
import type { ScrubFigures } from "../batches/verifier.ts";
import type { ArchiveQueries, Position } from "../queries/query.ts";

/** What its owner tells it: whom to follow, whom to answer, when to end. */
export type ToArchive =
  | Readonly<{ kind: "attach"; shard: number; end: ChannelEnd }>
  | Readonly<{ kind: "connect"; port: MessagePort }>
  | Readonly<{ kind: "close" }>;

/** What it tells its owner. */
export type FromArchive =
  | Readonly<{ kind: "ready"; figures: ArchiveFigures }>
  | Readonly<{ kind: "figures"; figures: ArchiveFigures }>
  | Readonly<{ kind: "failed"; error: TaggedError }>;

export type ArchiveMethod = keyof ArchiveQueries;

/** Over a port that was connected: one question, answered under its id. `positions` and `sync` wait for nothing. */
export type ArchiveRequest =
  | Readonly<{ id: number; method: ArchiveMethod; query: unknown; after: readonly Position[] }>
  | Readonly<{ id: number; method: "positions" }>
  | Readonly<{ id: number; method: "sync" }>;

export type ArchiveReply = Readonly<{ id: number; result: TaggedResult }>;

/** A stored batch that a shard's log must still hold. */
export type ArchivedPosition = StoredPosition;

/**
 * By shard, the newest stored batch; to `sync`, the newest that would be there after a power cut and was read back from the
 * file and found whole, as all before it.
 */
export type ArchivedPositions = readonly (readonly [shard: number, position: ArchivedPosition])[];

/** Of one shard: what is stored, with the time of its newest batch, and what of it is in the index. */
export type ArchivedShard = Readonly<{
  shard: number;
  stored: Readonly<{ epoch: number; seq: number }>;
  storedTimeMs: number;
  indexed: Readonly<{ epoch: number; seq: number }> | null;
}>;

/** What an archive has done since it was opened, and how far the index is behind what is stored. */
export type ArchiveCounts = Readonly<{
  batchesStored: number;
  recordsStored: number;
  bytesStored: number;
  transfersIndexed: number;
  recordsWaiting: number;
  runs: number;
  /** Times that a damaged index was thrown away to be built anew. */
  indexRebuilds: number;
}>;

/** `places` names the first of `count` damaged batches. */
export type DamageFigures = Readonly<{ count: number; places: readonly string[] }>;

export type ArchiveFigures = ArchiveCounts &
  Readonly<{
    shards: readonly ArchivedShard[];
    damage: DamageFigures;
    scrub: ScrubFigures;
    /** Why it stores and answers nothing for now: room on the disk, descriptors or memory are missing. */
    away: string | null;
  }>;

export type TaggedError =
  | Readonly<{ type: "operating"; code: OperatingErrorCode; message: string }>
  | Readonly<{ type: "archive"; code: ArchiveErrorCode; message: string }>
  | Readonly<{ type: "other"; message: string }>;

export type TaggedResult =
  | Readonly<{ ok: true; value: unknown }>
  | Readonly<{ ok: false; error: TaggedError }>;

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
