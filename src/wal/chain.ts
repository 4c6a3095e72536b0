/** Checks that each entry of a log follows the one before (invariant I7): for replay, readers and the log checker. */
import { assert } from "../errors/assert.ts";
import { type BatchFrame, decodeFrame, FrameError, hashFrame, NO_BATCH } from "./frame.ts";
import {
  type Batch,
  type Claim,
  compareLogIds,
  formatLogId,
  LogError,
  type LogId,
  type StoredEntry,
  type Witness,
} from "./wal.ts";

/**
 * Where checking starts: at the first batch of the log, anywhere, or after an entry. A reader that knows only the id of
 * that entry omits the hash.
 */
export type ChainStart = "beginning" | "anywhere" | Readonly<{ id: LogId; hash?: Uint8Array }>;

export type Link = Readonly<{ kind: "batch"; batch: Batch }> | Readonly<{ kind: "claim"; claim: Claim }>;

/** Accepts entries in order. Each must follow the one before, else LogError `log_corrupt`. */
export class Chain {
  readonly #name: string;
  readonly #anywhere: boolean;
  /** The newest batch, if known. Without a hash if the chain started at a bare id. */
  #lastBatch: Readonly<{ id: LogId; hash?: Uint8Array }> | undefined;
  #lastEntryId: LogId | undefined;
  /**
   * After a bare id, claims may be missing because they were trimmed. The next batch names its predecessor and so
   * proves that no batch is missing.
   */
  #mayLackClaims = false;

  constructor(name: string, start: ChainStart) {
    this.#name = name;
    this.#anywhere = start === "anywhere";
    if (start === "beginning") this.#lastBatch = NO_BATCH;
    else if (start !== "anywhere") {
      this.#lastEntryId = start.id;
      // A claim does not name the batch before it.
      if (start.id.seq > 0) this.#lastBatch = start;
      this.#mayLackClaims = start.id.seq > 0 && start.hash === undefined;
    }
  }

  /** The newest batch so far; epoch 0 if there is none. */
  get tail(): Witness {
    const { id, hash } = this.#lastBatch ?? NO_BATCH;
    assert(hash !== undefined, "a chain from a bare id has a tail once it has seen a batch");
    return { id, hash };
  }

  accept(entry: StoredEntry): Link {
    const frame = this.#decode(entry);
    const reason = frame.kind === "claim" ? this.#refuseClaim(frame.id) : this.#refuseBatch(frame);
    if (reason !== undefined) throw corruptError(this.#name, entry.id, reason);
    this.#lastEntryId = entry.id;
    this.#mayLackClaims = false;
    if (frame.kind === "claim") {
      return { kind: "claim", claim: { id: frame.id, claimant: frame.claimant, timeMs: frame.timeMs } };
    }
    const { id, timeMs, count, body } = frame;
    const batch: Batch = { id, timeMs, count, body, hash: hashFrame(entry.bytes) };
    this.#lastBatch = batch;
    return { kind: "batch", batch };
  }

  #decode(entry: StoredEntry) {
    try {
      return decodeFrame(entry.bytes, entry.id);
    } catch (error) {
      if (error instanceof FrameError) throw corruptError(this.#name, entry.id, error.message, error);
      throw error;
    }
  }

  #refuseClaim(id: LogId): string | undefined {
    if (this.#lastEntryId === undefined || id.epoch === this.#lastEntryId.epoch + 1) return undefined;
    if (this.#mayLackClaims && id.epoch > this.#lastEntryId.epoch) return undefined;
    return `the claim of epoch ${id.epoch} follows ${formatLogId(this.#lastEntryId)}: entries are missing`;
  }

  #refuseBatch(frame: BatchFrame): string | undefined {
    const { id, previousId, previousHash } = frame;
    if (this.#lastEntryId === undefined) {
      if (!this.#anywhere)
        return `the log begins with a batch: ${formatLogId(previousId)}, which it follows, is missing`;
    } else if (id.epoch !== this.#lastEntryId.epoch) {
      if (!this.#mayLackClaims)
        return `epoch ${id.epoch} has no claim: it follows ${formatLogId(this.#lastEntryId)}`;
    } else if (id.seq !== this.#lastEntryId.seq + 1) {
      return `it follows ${formatLogId(this.#lastEntryId)}: entries are missing`;
    }
    if (this.#lastBatch === undefined) return undefined;
    if (compareLogIds(previousId, this.#lastBatch.id) !== 0) {
      if (this.#lastBatch === NO_BATCH) return `it follows ${formatLogId(previousId)}, which is missing`;
      return `it names ${formatLogId(previousId)} as the batch before it, which is ${formatLogId(this.#lastBatch.id)}`;
    }
    if (this.#lastBatch.hash !== undefined && Buffer.compare(previousHash, this.#lastBatch.hash) !== 0) {
      return `chain broken: it follows a different ${formatLogId(previousId)} than the one stored`;
    }
    return undefined;
  }
}

export function corruptError(name: string, id: LogId, reason: string, cause?: Error): LogError {
  return new LogError(
    "log_corrupt",
    `${name}: bad entry ${formatLogId(id)}: ${reason}. Nothing from here on was read. Restore this log from a copy that holds the entry, and do not delete it: it may be acknowledged money`,
    cause && { cause },
  );
}
