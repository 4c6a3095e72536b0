/** Reads one stream from its first to its last entry and checks everything that can be checked. */
import { assert } from "../../errors/assert.ts";
import { messageOf } from "../../errors/error-message.ts";
import { Chain } from "../../wal/chain.ts";
import { type BatchFrame, decodeFrame, FrameError, NO_BATCH } from "../../wal/frame.ts";
import { isTrimmedPast, trimmedUpTo } from "../../wal/trimmed-log.ts";
import {
  type Batch,
  type Claimant,
  compareLogIds,
  formatLogId,
  LogError,
  type LogId,
  type StoredEntry,
  type Witness,
} from "../../wal/wal.ts";
import { recordsOf } from "./record.ts";
import { type ShardStream, tryDecode } from "./streams.ts";

/**
 * - `damaged`: the bytes differ from what was written. - `missing`: entries before it are missing.
 * - `reordered`: another entry is in its place. - `duplicate`: an earlier entry is there again.
 * - `foreign`: it was never written to this log. - `unreadable`: intact, but its records cannot be decoded.
 * - `lost`: an entry that was durable is missing at the end.
 */
export type Fault = "damaged" | "missing" | "reordered" | "duplicate" | "foreign" | "unreadable" | "lost";

const MAGIC = "DYBK";
const EPOCH_AT = 8;
const SEQ_AT = 16;

/**
 * @param entry the first one that the chain refused.
 * @param last the last good entry before it; `undefined` at the beginning.
 */
export function findFault(entry: StoredEntry, last: LogId | undefined): Fault {
  const frame = Buffer.from(entry.bytes.buffer, entry.bytes.byteOffset, entry.bytes.byteLength);
  if (!frame.toString("latin1", 0, MAGIC.length).startsWith(MAGIC)) {
    return frame.byteLength === 0 ? "foreign" : "damaged";
  }
  const own = readOwnId(frame);
  if (own === undefined || !isWhole(frame, own)) return "damaged";
  if (compareLogIds(own, entry.id) !== 0) {
    return last !== undefined && compareLogIds(own, last) <= 0 ? "duplicate" : "reordered";
  }
  return continues(own, last) ? "foreign" : "missing";
}

/** Whether `id` is a valid successor: the next seq of the same epoch, or the claim of the next epoch. */
function continues(id: LogId, last: LogId | undefined): boolean {
  if (last === undefined) return id.seq === 0;
  if (id.seq === 0) return id.epoch === last.epoch + 1;
  return id.epoch === last.epoch && id.seq === last.seq + 1;
}

function readOwnId(frame: Buffer): LogId | undefined {
  if (frame.byteLength < SEQ_AT + 8) return undefined;
  return { epoch: Number(frame.readBigUInt64LE(EPOCH_AT)), seq: Number(frame.readBigUInt64LE(SEQ_AT)) };
}

function isWhole(frame: Buffer, id: LogId): boolean {
  try {
    decodeFrame(frame, id);
    return true;
  } catch (error) {
    if (error instanceof FrameError) return false;
    throw error;
  }
}

const PAGE_BYTES = 4 << 20;

export type Place = Readonly<{ id: LogId; timeMs: number }>;

export type Verification = Readonly<{
  entries: number;
  batches: number;
  records: number;
  first: Place | undefined;
  last: Place | undefined;
  /** The first fault. Nothing behind it was read. */
  fault: Readonly<{ fault: Fault; id: LogId | undefined; reason: string }> | undefined;
  /** If the beginning was trimmed: the snapshot that covers it. */
  trimmed: string | undefined;
  /** The witnesses and snapshots whose batch was found in the log. */
  confirmed: readonly string[];
}>;

/** A batch that was durable. `of`: the source that remembers it, as shown to the operator. */
export type RememberedBatch = Witness & Readonly<{ of: string }>;

export type VerificationOptions = Readonly<{
  /** Must be read before the walk, since a running server advances it. */
  witness: RememberedBatch | undefined;
  /** The log may begin after one of them. Called before the walk, for the same reason. */
  findSnapshots: () => Promise<readonly RememberedBatch[]>;
  onProgress: (entries: number) => void;
}>;

/** A fault that the chain does not detect. */
class Refusal extends Error {
  readonly fault: Fault;

  constructor(fault: Fault, reason: string) {
    super(reason);
    this.fault = fault;
  }
}

/** Reads up to the last entry at the time of the call. @throws LogError `log_unavailable`, as the stream does. */
export async function verifyStream(source: ShardStream, options: VerificationOptions): Promise<Verification> {
  const { stream } = source;
  for (;;) {
    const upTo = await trimmedUpTo(stream);
    const found = await walkThrough(source, options);
    if (found.fault === undefined) return found;
    // A running server may have trimmed the entries that were to be read next. Then it is no fault: read again.
    const isOvertaken = (await isTrimmedPast(stream, upTo)) && (await isTrimmedPast(stream, found.last?.id));
    if (!isOvertaken) return found;
  }
}

async function walkThrough(source: ShardStream, options: VerificationOptions): Promise<Verification> {
  const { stream } = source;
  const snapshots = await options.findSnapshots();
  const last = await stream.last();
  const walk = new Walk(source, options.witness, snapshots);
  if (last === undefined) return walk.end("the stream does not exist");
  for (let after: LogId | undefined; ; ) {
    const entries = await stream.read(after, PAGE_BYTES);
    for (const entry of entries) {
      if (compareLogIds(entry.id, last.id) > 0 || !walk.accept(entry)) return walk.end();
    }
    options.onProgress(walk.entries);
    after = entries.at(-1)?.id;
    if (after === undefined || compareLogIds(after, last.id) >= 0) return walk.end();
  }
}

class Walk {
  entries = 0;
  #batches = 0;
  #records = 0;
  #first: Place | undefined;
  #last: Place | undefined;
  #fault: Verification["fault"];
  #trimmed: string | undefined;
  readonly #confirmed = new Set<RememberedBatch>();
  readonly #source: ShardStream;
  readonly #snapshots: readonly RememberedBatch[];
  readonly #memories: readonly RememberedBatch[];
  readonly #chain: Chain;

  constructor(
    source: ShardStream,
    witness: RememberedBatch | undefined,
    snapshots: readonly RememberedBatch[],
  ) {
    this.#source = source;
    this.#snapshots = snapshots;
    this.#memories = [...(witness === undefined ? [] : [witness]), ...snapshots];
    this.#chain = new Chain(source.stream.name, "anywhere");
  }

  /** @returns false at the first fault. */
  accept(entry: StoredEntry): boolean {
    try {
      this.#check(entry);
      return true;
    } catch (error) {
      this.#fault = { id: entry.id, ...this.#explain(entry, error) };
      return false;
    }
  }

  /** @param missing the reason why there is no entry. */
  end(missing?: string): Verification {
    if (missing !== undefined) this.#fault = { fault: "lost", id: undefined, reason: missing };
    this.#fault ??= this.#findLoss();
    return {
      entries: this.entries,
      batches: this.#batches,
      records: this.#records,
      first: this.#first,
      last: this.#last,
      fault: this.#fault,
      trimmed: this.#trimmed,
      confirmed: [...this.#confirmed].map(({ of }) => of),
    };
  }

  #check(entry: StoredEntry): void {
    const link = this.#chain.accept(entry);
    if (link.kind === "claim") this.#checkOrigin(link.claim.claimant);
    else {
      const frame = decodeBatch(entry);
      if (this.#batches === 0) this.#checkBeginning(frame.previousId);
      this.#compare(link.batch);
      this.#records += countRecords(frame);
      this.#batches += 1;
    }
    this.entries += 1;
    const { timeMs } = link.kind === "claim" ? link.claim : link.batch;
    this.#last = { id: entry.id, timeMs };
    this.#first ??= this.#last;
  }

  #checkOrigin({ generation, shard }: Claimant): void {
    const own = this.#source;
    if (generation === own.generation && shard === own.shard) return;
    throw new Refusal("foreign", `a claim of generation ${generation}, shard ${shard}: not of this stream`);
  }

  /**
   * The first batch of an untrimmed log follows a claim and refers to 0-0. Otherwise a snapshot must cover what came before.
   */
  #checkBeginning(previousId: LogId): void {
    if (this.#first !== undefined && compareLogIds(previousId, NO_BATCH.id) === 0) return;
    const covering = this.#snapshots.find(({ id }) => compareLogIds(id, previousId) >= 0);
    if (covering === undefined) {
      throw new Refusal(
        "missing",
        "the log begins here; the entries before it are missing, and in no snapshot",
      );
    }
    this.#trimmed = covering.of;
  }

  #compare(batch: Batch): void {
    for (const memory of this.#memories) {
      if (compareLogIds(batch.id, memory.id) !== 0) continue;
      if (Buffer.compare(batch.hash, memory.hash) !== 0) {
        throw new Refusal("foreign", `according to ${memory.of}, another batch was durable under this id`);
      }
      this.#confirmed.add(memory);
    }
  }

  /** All entries are good; now check that none is missing at the end. Batches before the first entry were trimmed. */
  #findLoss(): Verification["fault"] {
    const first = this.#first?.id;
    const lost = this.#memories.find(
      (memory) =>
        !this.#confirmed.has(memory) && (first === undefined || compareLogIds(memory.id, first) >= 0),
    );
    if (lost === undefined) return undefined;
    const end = this.#last === undefined ? "is empty" : `ends at ${formatLogId(this.#last.id)}`;
    const reason = `the log ${end}, but according to ${lost.of} this batch was durable: the log has lost data`;
    return { fault: "lost", id: lost.id, reason };
  }

  #explain(entry: StoredEntry, error: unknown): { fault: Fault; reason: string } {
    if (error instanceof Refusal) return { fault: error.fault, reason: error.message };
    if (!(error instanceof LogError)) throw error;
    return { fault: findFault(entry, this.#last?.id), reason: reasonOf(error) };
  }
}

/** Whether the log is untrimmed: it begins with a claim, and its first batch refers to 0-0. */
export async function isFromBeginning({ stream }: ShardStream): Promise<boolean> {
  let claimed = false;
  for (let after: LogId | undefined; ; ) {
    const entries = await stream.read(after, PAGE_BYTES);
    for (const entry of entries) {
      const frame = tryDecode(entry);
      if (typeof frame === "string") return claimed;
      if (frame.kind === "batch") return claimed && compareLogIds(frame.previousId, NO_BATCH.id) === 0;
      claimed = true;
    }
    after = entries.at(-1)?.id;
    if (after === undefined) return true;
  }
}

/** Decodes a batch that the chain has accepted. */
function decodeBatch(entry: StoredEntry): BatchFrame {
  const frame = tryDecode(entry);
  assert(typeof frame !== "string" && frame.kind === "batch", "what the chain accepts as a batch is one");
  return frame;
}

function countRecords(frame: BatchFrame): number {
  try {
    return recordsOf(frame).length;
  } catch (error) {
    const reason = messageOf(error);
    throw new Refusal("unreadable", `its records cannot be read: ${reason}`);
  }
}

/** Extracts the chain's reason, without the name of the log before it and the advice behind it. */
function reasonOf({ message }: LogError): string {
  return /: bad entry \d+-\d+: (.*?)\. Nothing from here on was read/.exec(message)?.[1] ?? message;
}
