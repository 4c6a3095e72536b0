/** What goes between the main thread and the archive's. Errors cross as tagged results: a thrown one loses its class. */
import type { MessagePort } from "node:worker_threads";
import { OperatingError, type OperatingErrorCode } from "../operating-error.ts";
import { ArchiveError, type ArchiveErrorCode } from "./archive-error.ts";
import type { ArchiveQueries, Position } from "./query.ts";
import type { ArchiveCounts } from "./store.ts";

export type ArchiveMethod = keyof ArchiveQueries;

export type ToArchive =
  | Readonly<{ kind: "attach"; shard: number; port: MessagePort }>
  | Readonly<{ kind: "query"; id: number; method: ArchiveMethod; query: unknown; after: readonly Position[] }>
  | Readonly<{ kind: "positions"; id: number }>
  | Readonly<{ kind: "close" }>;

export type FromArchive =
  | Readonly<{ kind: "ready"; figures: ArchiveFigures }>
  | Readonly<{ kind: "answer"; id: number; result: TaggedResult }>
  | Readonly<{ kind: "figures"; figures: ArchiveFigures }>
  | Readonly<{ kind: "failed"; error: TaggedError }>;

/** Of one shard: what is stored, with the time of its newest batch, and what of it is in the index. */
export type ArchivedShard = Readonly<{
  shard: number;
  stored: Readonly<{ epoch: number; seq: number }>;
  storedTimeMs: number;
  indexed: Readonly<{ epoch: number; seq: number }> | null;
}>;

export type ArchiveFigures = ArchiveCounts & Readonly<{ shards: readonly ArchivedShard[] }>;

export type TaggedError =
  | Readonly<{ type: "operating"; code: OperatingErrorCode; message: string }>
  | Readonly<{ type: "archive"; code: ArchiveErrorCode; message: string }>
  | Readonly<{ type: "other"; message: string }>;

export type TaggedResult =
  | Readonly<{ ok: true; value: unknown }>
  | Readonly<{ ok: false; error: TaggedError }>;

export function tagError(error: unknown): TaggedError {
  if (error instanceof OperatingError) return { type: "operating", code: error.code, message: error.message };
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
