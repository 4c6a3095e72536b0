/** What may follow what in a log (invariant I7). Used by replay, by followers and by the log checker. */
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

/** Where a chain is taken up: at the beginning, behind an entry (a follower: behind its id), or at whatever comes first. */
export type ChainStart = "beginning" | "anywhere" | Readonly<{ id: LogId; hash?: Uint8Array }>;

export type Link = Readonly<{ kind: "batch"; batch: Batch }> | Readonly<{ kind: "claim"; claim: Claim }>;

/** Takes entries in order; each must follow the one before, else LogError `log_corrupt`. */
export class Chain {
  readonly #name: string;
  readonly #anywhere: boolean;
  /** The newest batch, as far as it is known; the hash is not where only its id was handed in. */
  #batch: Readonly<{ id: LogId; hash?: Uint8Array }> | undefined;
  #entry: LogId | undefined;
  /** The log may begin behind a bare id: then claims were trimmed, and the next batch shows that nothing else was. */
  #mayLackClaims = false;

  constructor(name: string, start: ChainStart) {
    this.#name = name;
    this.#anywhere = start === "anywhere";
    if (start === "beginning") this.#batch = NO_BATCH;
    else if (start !== "anywhere") {
      this.#entry = start.id;
      // Behind a claim nobody can say which batch came before it.
      if (start.id.seq > 0) this.#batch = start;
      this.#mayLackClaims = start.id.seq > 0 && start.hash === undefined;
    }
  }

  /** The newest batch so far; epoch 0 when there is none. */
  get tail(): Witness {
    const { id, hash } = this.#batch ?? NO_BATCH;
    assert(hash !== undefined, "a chain from a bare id has a tail once it has seen a batch");
    return { id, hash };
  }

  accept(entry: StoredEntry): Link {
    const frame = this.#decode(entry);
    const reason = frame.kind === "claim" ? this.#refuseClaim(frame.id) : this.#refuseBatch(frame);
    if (reason !== undefined) throw corrupt(this.#name, entry.id, reason);
    this.#entry = entry.id;
    this.#mayLackClaims = false;
    if (frame.kind === "claim") {
      return { kind: "claim", claim: { id: frame.id, claimant: frame.claimant, timeMs: frame.timeMs } };
    }
    const { id, timeMs, count, body } = frame;
    const batch: Batch = { id, timeMs, count, body, hash: hashFrame(entry.bytes) };
    this.#batch = batch;
    return { kind: "batch", batch };
  }

  #decode(entry: StoredEntry) {
    try {
      return decodeFrame(entry.bytes, entry.id);
    } catch (error) {
      if (error instanceof FrameError) throw corrupt(this.#name, entry.id, error.message, error);
      throw error;
    }
  }

  #refuseClaim(id: LogId): string | undefined {
    if (this.#entry === undefined || id.epoch === this.#entry.epoch + 1) return undefined;
    if (this.#mayLackClaims && id.epoch > this.#entry.epoch) return undefined;
    return `the claim of epoch ${id.epoch} follows ${formatLogId(this.#entry)}: entries are missing`;
  }

  #refuseBatch(frame: BatchFrame): string | undefined {
    const { id, previousId, previousHash } = frame;
    if (this.#entry === undefined) {
      if (!this.#anywhere)
        return `the log begins with a batch: ${formatLogId(previousId)}, which it follows, is missing`;
    } else if (id.epoch !== this.#entry.epoch) {
      if (!this.#mayLackClaims)
        return `epoch ${id.epoch} has no claim: it follows ${formatLogId(this.#entry)}`;
    } else if (id.seq !== this.#entry.seq + 1) {
      return `it follows ${formatLogId(this.#entry)}: entries are missing`;
    }
    if (this.#batch === undefined) return undefined;
    if (compareLogIds(previousId, this.#batch.id) !== 0) {
      if (this.#batch === NO_BATCH) return `it follows ${formatLogId(previousId)}, which is missing`;
      return `it names ${formatLogId(previousId)} as the batch before it, which is ${formatLogId(this.#batch.id)}`;
    }
    if (this.#batch.hash !== undefined && Buffer.compare(previousHash, this.#batch.hash) !== 0) {
      return `chain broken: it was written after another ${formatLogId(previousId)} than the one stored`;
    }
    return undefined;
  }
}

export function corrupt(name: string, id: LogId, reason: string, cause?: Error): LogError {
  return new LogError(
    "log_corrupt",
    `${name}: bad entry ${formatLogId(id)}: ${reason}. Nothing from here on was read. Restore this log from a copy that holds the entry, and do not delete it: it may be acknowledged money`,
    cause && { cause },
  );
}
