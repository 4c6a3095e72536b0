/**
 * The write-ahead log: one append-only stream of batches per shard. It is the only source of truth.
 *
 * A `LogStream` stores entries under explicit, increasing ids and refuses any id at or below the last one.
 * That refusal fences former owners. A `Journal` (journal.ts) is the protocol above any stream: claims, epochs,
 * the hash chain, one append in flight, and recovery from lost replies.
 */

/** The id of an entry. Ids are ordered by epoch, then by seq. `seq` 0 is the claim record of its epoch. */
export type LogId = Readonly<{ epoch: number; seq: number }>;

export type StoredEntry = Readonly<{ id: LogId; bytes: Uint8Array }>;

/** How many replicas of a log's primary follow it, and how many must confirm an entry before it counts. */
export type LogReplicas = Readonly<{ following: number; required: number }>;

/** A store of opaque entries: one stream. Every method may reject with LogError `log_unavailable`. */
export interface LogStream {
  /** For error messages, e.g. `daybook:{g1s0}:wal` or `data/wal/g1s0.sqlite`. */
  readonly name: string;
  /** The newest entry; `undefined` while the stream does not exist. */
  last(): Promise<StoredEntry | undefined>;
  /**
   * Appends one entry and resolves once it is durable.
   *
   * @param create creates a missing stream; without it a missing stream is an error (`stream_missing`).
   * @param restarts the value of `restarts` when the caller read the end of the stream. If it has changed since, the
   *   end may have moved: nothing is stored (`log_unavailable`).
   * @throws LogError `fenced`: the stream already holds this id or a later one.
   * @throws LogError `stream_missing`: the stream no longer exists.
   * @throws LogError `append_refused`: the store refused and certainly stored nothing.
   * @throws LogError `log_unavailable`: the outcome is unknown; use `find` to look it up, or see `resends`.
   */
  append(id: LogId, bytes: Uint8Array, create?: boolean, restarts?: number): Promise<void>;
  /**
   * Entries after `after` (from the start when undefined), oldest first. Returns about `bytesMax` bytes, but at least
   * one entry if there is one.
   */
  read(after: LogId | undefined, bytesMax: number): Promise<readonly StoredEntry[]>;
  /** The bytes stored under `id`. */
  find(id: LogId): Promise<Uint8Array | undefined>;
  /**
   * Drops up to `entriesMax` of the oldest entries below `below`. The last id, which fencing compares with, is kept. A
   * replicated store drops nothing while it lacks the snapshots that cover them.
   *
   * @returns whether more such entries may be left.
   */
  trim(below: LogId, entriesMax: number): Promise<boolean>;
  /**
   * How many restarts of the store this stream has noticed. An entry that `find` returns after a restart may be only
   * in the page cache; it is durable once a later append is.
   */
  readonly restarts: number;
  /** Of a replicated store; `undefined` while its primary does not answer. */
  readonly replicas?: LogReplicas | undefined;
  /** False (sqlite): after a failed commit, `find` cannot be trusted to say whether the entry is durable. */
  readonly resolvable: boolean;
  /**
   * True (replicated stores): an entry that `find` returns may not be durable. After `log_unavailable`, `append` is
   * called again with the same id and bytes until it resolves: only then the entry is durable.
   */
  readonly resends?: boolean;
  /**
   * As `last`, and proves that the answer was current when the question was sent. Absent where any answer is: a
   * replicated store may have chosen another primary that the present one knows nothing of.
   *
   * @throws LogError `log_unavailable`: it cannot be proved now.
   */
  confirm?(): Promise<StoredEntry | undefined>;
  /**
   * Makes all readable entries durable, including those that an earlier process failed to sync. A writer calls it
   * before it trusts what it reads. Absent where a store never shows entries that are not on its disk.
   */
  settle?(): Promise<void>;
  close(): Promise<void>;
}

/** One batch of records. `hash` is the SHA-256 of its frame: the link that the next batch carries. */
export type Batch = Readonly<{
  id: LogId;
  timeMs: number;
  count: number;
  body: Uint8Array;
  hash: Uint8Array;
}>;

/**
 * A batch that the log holds. If it is not `settled`, it was found after a restart of the store and may be only in the
 * page cache. It is durable once a later append is; replies must wait until then.
 */
export type Appended = Batch & Readonly<{ settled: boolean }>;

/** The claiming server instance (a new name at every start), its shard, and its number of shards. */
export type Claimant = Readonly<{ instance: string; generation: number; shard: number; shards: number }>;

export type Claim = Readonly<{
  id: LogId;
  claimant: Claimant;
  timeMs: number;
}>;

/** A durable batch that the log must still hold. DATA_DIR and the archive each keep one per shard. */
export type Witness = Readonly<{ id: LogId; hash: Uint8Array }>;

export interface Journal {
  readonly name: string;
  /** The name of the server instance that owns the claim. */
  readonly instance: string;
  /** The epoch that this journal has claimed; 0 before the claim. */
  readonly epoch: number;
  /**
   * Milliseconds since we sent the last request that the log answered to us as its owner. Includes time for which the
   * machine was suspended. Leases build on it.
   */
  readonly exchangeAgeMs: number;
  /** False while an append waits for a log that does not answer. */
  readonly available: boolean;
  /**
   * Makes every check of `claim` and changes nothing, so a server that must not claim finds out before it fences the
   * present owner.
   *
   * @throws LogError as `claim` does.
   */
  inspect(): Promise<void>;
  /**
   * Runs after `inspect` and before `claim`. Passes every batch that the log holds to `visit`, in order. `replay`
   * continues from there, so a batch that cannot be replayed is found before the claim.
   *
   * @param from the position of a snapshot: only batches after it are read, and they must continue it.
   * @throws LogError as `replay` does.
   */
  readAhead(visit: (batch: Batch) => void, from?: Witness): Promise<void>;
  /**
   * Claims the stream under the next epoch, after checking that it still holds every witness.
   *
   * @returns the previous claim, `undefined` for a new stream.
   * @throws LogError `log_lost_data`: a witness is missing, or a stream that must exist does not.
   * @throws LogError `log_in_use`: a live process owns it (sqlite).
   * @throws LogError `shard_count`: the log was written with another number of shards.
   */
  claim(): Promise<Claim | undefined>;
  /**
   * Passes every batch up to our claim to `visit`, in order, except those that `readAhead` has passed already.
   *
   * @param from the position of a snapshot, as for `readAhead`. Ignored after `readAhead`.
   * @throws LogError `log_corrupt`: at the first bad entry.
   * @throws LogError `log_lost_data`: the log does not hold the batch at which the snapshot was taken.
   * @throws LogError `append_lost`: entries that `readAhead` read are gone. This can happen to entries that a store
   *   had not synced when it was killed. The shard restarts.
   */
  replay(visit: (batch: Batch) => void, from?: Witness): Promise<void>;
  /**
   * Appends the next batch of our epoch and resolves once the log holds it. At most one append is in flight.
   *
   * @throws LogError `fenced`: another owner has claimed the stream.
   * @throws LogError `append_lost`: the batch is not in the log, or its outcome cannot be found out. The shard
   *   restarts.
   * @throws LogError `log_lost_data`: the log no longer holds what it acknowledged.
   */
  append(timeMs: number, count: number, body: Uint8Array): Promise<Appended>;
  /**
   * Durable batches after `after` (from the first one when undefined), oldest first, without claims, about `bytesMax`
   * bytes.
   *
   * @throws TrimmedError: the next batch was trimmed. LogError `log_corrupt`: entries are bad or missing.
   */
  read(after: LogId | undefined, bytesMax: number): Promise<readonly Batch[]>;
  /**
   * Drops some of the oldest entries below `below`.
   *
   * @returns whether more such entries may be left.
   * @throws LogError `fenced`: another owner has claimed the stream. Only the owner may trim.
   */
  trim(below: LogId): Promise<boolean>;
  /**
   * Checks that we still own the log, and resets `exchangeAgeMs`.
   *
   * @throws LogError `fenced`: another owner has claimed it.
   */
  confirmOwner(): Promise<void>;
  close(): Promise<void>;
}

/** `epoch-seq`: the form of ids in Redis and in messages. */
export function formatLogId(id: LogId): string {
  return `${id.epoch}-${id.seq}`;
}

export function parseLogId(text: string): LogId {
  const [epoch, seq] = text.split("-");
  return { epoch: Number(epoch), seq: Number(seq) };
}

/** Negative, zero or positive: `a` is before, at or after `b`. */
export function compareLogIds(a: LogId, b: LogId): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}

/** The greatest id that a batch before this one can have. */
export function batchIdBefore({ epoch, seq }: LogId): LogId {
  return seq > 1 ? { epoch, seq: seq - 1 } : { epoch: epoch - 1, seq: Number.MAX_SAFE_INTEGER };
}

/** Stable codes: an error's class is lost when it crosses a thread, its code is not. */
export type LogErrorCode =
  | "fenced"
  | "append_refused"
  | "append_lost"
  | "log_unavailable"
  | "log_corrupt"
  | "log_lost_data"
  | "log_trimmed"
  | "archive_behind"
  | "log_in_use"
  | "log_misconfigured"
  | "shard_count"
  | "stream_missing";

export class LogError extends Error {
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LogError";
    this.code = code;
  }
}
