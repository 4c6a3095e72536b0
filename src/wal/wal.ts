/**
 * The write-ahead log: one append-only stream of batches per shard, and the only truth there is.
 *
 * Two layers. A `LogStream` stores entries under explicit, ever-rising ids and refuses any id at or
 * below the last one: that refusal is the fence. A `Journal` (journal.ts) is the protocol on top,
 * the same for every kind of stream: claims, epochs, the hash chain, one append in flight, and what
 * to do when an answer is lost.
 */

/** The id of an entry. Ids compare by epoch, then by seq; `seq` 0 is the epoch's claim record. */
export type LogId = Readonly<{ epoch: number; seq: number }>;

export type StoredEntry = Readonly<{ id: LogId; bytes: Uint8Array }>;

/** One stream, as a store of opaque entries. Every method may reject with LogError `log_unavailable`. */
export interface LogStream {
  /** For messages to people, as `daybook:{g1s0}:wal` or `data/wal/g1s0.sqlite`. */
  readonly name: string;
  /** The newest entry; `undefined` while the stream does not exist. */
  last(): Promise<StoredEntry | undefined>;
  /**
   * Appends one entry and resolves once it is durable.
   *
   * @param create makes the stream; otherwise a missing stream is an error (`stream_missing`).
   * @param restarts what `restarts` was when the end of the stream was read: nothing is stored once it has changed
   * (`log_unavailable`), since the end may be another by now.
   * @throws LogError `fenced`: the stream already holds this id or a later one.
   * @throws LogError `stream_missing`: the stream has vanished.
   * @throws LogError `append_refused`: the store said no and certainly stored nothing.
   * @throws LogError `log_unavailable`: the outcome is not known: only `find` can tell.
   */
  append(id: LogId, bytes: Uint8Array, create?: boolean, restarts?: number): Promise<void>;
  /** Entries after `after` (from the start when undefined), oldest first, at least one if any, about `bytesMax` bytes. */
  read(after: LogId | undefined, bytesMax: number): Promise<readonly StoredEntry[]>;
  /** The bytes stored under `id`. */
  find(id: LogId): Promise<Uint8Array | undefined>;
  /**
   * Drops up to `entriesMax` of the oldest entries that lie below `below`; the id that the fence compares with stays.
   *
   * @returns whether there may be more of them.
   */
  trim(below: LogId, entriesMax: number): Promise<boolean>;
  /**
   * Counts the restarts of the store that this stream has noticed. An entry that is found by `find` after a
   * restart may be in the page cache only; it is durable once a later append is.
   */
  readonly restarts: number;
  /** A failed commit of this store leaves nothing behind that `find` could trust (sqlite). */
  readonly resolvable: boolean;
  /**
   * Makes everything that can be read here durable, also what an earlier process failed to sync. Called by a writer
   * before it trusts what it reads. Absent where a store cannot show what is not on its disk.
   */
  settle?(): Promise<void>;
  close(): Promise<void>;
}

/** One batch of records as the shard sees it. `hash` is its own link of the chain. */
export type Batch = Readonly<{
  id: LogId;
  timeMs: number;
  count: number;
  body: Uint8Array;
  hash: Uint8Array;
}>;

/**
 * A batch that the log holds. Unless it is `settled` it was found there after a restart of the store, so it may be in
 * the page cache alone: it is durable once a later append is, and nothing may be told of it before.
 */
export type Appended = Batch & Readonly<{ settled: boolean }>;

/** Who claims: a server instance (new at every start), and how many shards it was started with. */
export type Claimant = Readonly<{ instance: string; generation: number; shard: number; shards: number }>;

export type Claim = Readonly<{
  id: LogId;
  claimant: Claimant;
  timeMs: number;
}>;

/** A durable batch that must still be in the log: kept in DATA_DIR, and by the archive. */
export type Witness = Readonly<{ id: LogId; hash: Uint8Array }>;

export interface Journal {
  readonly name: string;
  /** The server instance that it claims for. */
  readonly instance: string;
  /** The epoch that this journal has claimed; 0 before. */
  readonly epoch: number;
  /** How long ago it was that we sent what the log last answered us as its owner, time asleep included. */
  readonly exchangeAgeMs: number;
  /** False while an append has been waiting for a log that does not answer. */
  readonly available: boolean;
  /**
   * Makes every check of `claim` and changes nothing: whoever may not claim learns it before it has fenced anybody.
   *
   * @throws LogError as `claim` does.
   */
  inspect(): Promise<void>;
  /**
   * After `inspect` and before `claim`: hands every batch that the log holds by now to `visit`, in order. `replay`
   * continues where this ended, so whatever cannot be replayed is found before the claim.
   *
   * @param from where a snapshot stands: only what comes after it, which must continue it.
   * @throws LogError as `replay` does.
   */
  readAhead(visit: (batch: Batch) => void, from?: Witness): Promise<void>;
  /**
   * Claims the stream under the next epoch, after checking that it still holds every witness.
   *
   * @returns the claim before ours, `undefined` on a new stream.
   * @throws LogError `log_lost_data`: a witness is missing, or a stream that must exist does not.
   * @throws LogError `log_in_use`: a live owner holds it (sqlite).
   * @throws LogError `shard_count`: the log was written with another number of shards.
   */
  claim(): Promise<Claim | undefined>;
  /**
   * Hands every batch up to our claim to `visit`, in order, without those that `readAhead` has handed over.
   *
   * @param from where a snapshot stands: only what comes after it, which must continue it. Not used after `readAhead`.
   * @throws LogError `log_corrupt`: at the first bad entry.
   * @throws LogError `log_lost_data`: the log does not hold what the snapshot holds.
   * @throws LogError `append_lost`: what was read ahead is gone, as an entry may be that a store had not synced when
   *   it was killed. The shard starts anew.
   */
  replay(visit: (batch: Batch) => void, from?: Witness): Promise<void>;
  /**
   * Appends the next batch of our epoch; resolves with it once the log holds it. One at a time.
   *
   * @throws LogError `fenced`: another owner has claimed the stream.
   * @throws LogError `append_lost`: the batch is certainly not in the log, or cannot be resolved: the shard starts anew.
   * @throws LogError `log_lost_data`: the log no longer holds what it acknowledged.
   */
  append(timeMs: number, count: number, body: Uint8Array): Promise<Appended>;
  /**
   * Durable batches after `after` (from the first one when undefined), oldest first, claims left out, about `bytesMax`
   * bytes.
   *
   * @throws TrimmedError: what follows it was trimmed. LogError `log_corrupt`: entries are bad, or missing.
   */
  read(after: LogId | undefined, bytesMax: number): Promise<readonly Batch[]>;
  /**
   * Drops some of the oldest entries that lie below `below`.
   *
   * @returns whether there may be more of them.
   * @throws LogError `fenced`: another owner has claimed the stream: what may be dropped is for it to say.
   */
  trim(below: LogId): Promise<boolean>;
  /** Checks with the log that nobody has claimed it after us; then `exchangeAgeMs` begins anew. @throws LogError `fenced`: */
  confirmOwner(): Promise<void>;
  close(): Promise<void>;
}

/** `epoch-seq`, the form that ids have in Redis and in every message to people. */
export function formatLogId(id: LogId): string {
  return `${id.epoch}-${id.seq}`;
}

export function parseLogId(text: string): LogId {
  const [epoch, seq] = text.split("-");
  return { epoch: Number(epoch), seq: Number(seq) };
}

/** Negative, zero or positive, as `a` is before, at or after `b`. */
export function compareLogIds(a: LogId, b: LogId): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}

/** What went wrong with a log, by a code that survives the way to another thread. */
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
