/**
 * Appends to a log what it has lost and copies of its batches still hold: the same bytes under the same ids. A copy is
 * used only if the hash chain proves that it followed the batch before it. docs/adr/0036 gives the reasons.
 */
import { Chain } from "./chain.ts";
import { decodeFrame, encodeBatch, encodeClaim, hashFrame, NO_BATCH } from "./frame.ts";
import type { StreamName } from "./open.ts";
import { type JournalTimer, RetryWithDeadline, systemTimer } from "./retry-with-deadline.ts";
import {
  type Batch,
  batchIdBefore,
  compareLogIds,
  formatLogId,
  LogError,
  type LogId,
  type LogStream,
  type StoredEntry,
  type Witness,
} from "./wal.ts";

const READ_BYTES = 1 << 20;
/** One append may take this long, retries included. */
const APPEND_MS_MAX = 60_000;
const DEADLINE_MS = 10_000;

/** Copies of a stream's batches, kept apart from the log. */
export interface BatchCopies {
  /** The newest copy at or below an id; `undefined`: there is none. */
  newest(atMost: LogId): Batch | undefined;
  /** The copies above an id, oldest first. */
  after(id: LogId): Iterable<Batch>;
}

/** The end of a log, compared with copies of its batches. */
export type ComparedEnd = Readonly<{
  /** The newest entry; `undefined`: the stream does not exist. */
  last: LogId | undefined;
  /** The newest batch of the log, and the newest one of which there is a copy. Both epoch 0: none. */
  newest: Witness;
  common: Witness;
  /** The value of `LogStream.restarts` when the end was read. */
  restarts: number;
}>;

export const NO_ID: LogId = NO_BATCH.id;
/** Above every id. */
export const END: LogId = { epoch: Number.MAX_SAFE_INTEGER, seq: 0 };

/**
 * Compares the end of a log with copies of its batches. Claims and changes nothing.
 *
 * @throws LogError `log_corrupt`: an entry is bad. `log_lost_data`: the log was trimmed, and no copy tells up to where.
 */
export async function compareEnd(stream: LogStream, copies: BatchCopies): Promise<ComparedEnd> {
  await stream.settle?.();
  const entry = await stream.last();
  const { restarts } = stream;
  if (entry === undefined) return { last: undefined, newest: NO_BATCH, common: NO_BATCH, restarts };
  const [first = entry] = await stream.read(undefined, 1);
  let common: Witness = NO_BATCH;
  for (let copy = copies.newest(entry.id); copy !== undefined; copy = copies.newest(batchIdBefore(copy.id))) {
    if (compareLogIds(copy.id, first.id) < 0) {
      common = await beforeFirstBatch(stream, copy);
      break;
    }
    const bytes = await stream.find(copy.id);
    if (bytes === undefined || !isSame(hashFrame(bytes), copy.hash)) continue;
    common = { id: copy.id, hash: copy.hash };
    break;
  }
  return { ...(await readToEnd(stream, common, first.id)), common, restarts };
}

/** The copy up to which the log was trimmed. Its first batch names it, if it has one; `NO_BATCH` if it names another. */
async function beforeFirstBatch(stream: LogStream, copy: Batch): Promise<Witness> {
  for (let after: LogId | undefined; ; ) {
    const entries = await stream.read(after, READ_BYTES);
    after = entries.at(-1)?.id;
    if (after === undefined) return copy;
    const batch = entries.find(({ id }) => id.seq > 0);
    if (batch === undefined) continue;
    const frame = decodeFrame(batch.bytes, batch.id);
    return frame.kind === "batch" && isSame(frame.previousHash, copy.hash) ? copy : NO_BATCH;
  }
}

async function readToEnd(
  stream: LogStream,
  common: Witness,
  first: LogId,
): Promise<Pick<ComparedEnd, "last" | "newest">> {
  const isInLog = compareLogIds(common.id, first) >= 0;
  const chain = new Chain(stream.name, isInLog ? common : "anywhere");
  let newest = common;
  let last: LogId | undefined = isInLog ? common.id : undefined;
  for (;;) {
    const entries = await stream.read(last, READ_BYTES);
    if (entries.length === 0) return { last, newest };
    for (const entry of entries) {
      const link = chain.accept(entry);
      last = entry.id;
      if (link.kind === "batch") newest = { id: link.batch.id, hash: link.batch.hash };
    }
  }
}

/** Which shard's log it is, and the server's number of shards. */
export type LogOrigin = StreamName & Readonly<{ shards: number }>;

/** What the copies can give back. `batches` is 0 if they have nothing that follows the end of the log. */
export type RepairPlan = Readonly<{
  batches: number;
  records: number;
  claims: number;
  /** The first and the last of these batches. */
  from: LogId | undefined;
  to: LogId | undefined;
  /** Why the copies after `to` cannot be used; `undefined`: there are none. */
  obstacle: string | undefined;
}>;

/** Checks every copy that would be appended. */
export function planRepair(end: ComparedEnd, copies: BatchCopies, origin: LogOrigin): RepairPlan {
  let [batches, records, claims] = [0, 0, 0];
  let from: LogId | undefined;
  let to: LogId | undefined;
  const entries = missingEntries(end, copies, origin);
  for (;;) {
    const next = entries.next();
    if (next.done === true) return { batches, records, claims, from, to, obstacle: next.value };
    const { id, count } = next.value;
    if (count === undefined) claims += 1;
    else {
      batches += 1;
      records += count;
      from ??= id;
      to = id;
    }
  }
}

/** An entry to append; `count`: the number of records of a batch. */
type MissingEntry = StoredEntry & Readonly<{ count?: number }>;

/**
 * Yields the entries that follow the end of the log. Claims are in no copy. The chain links batches only, but a reader
 * expects the claim of each epoch, so lost claims are written anew. @returns why the rest cannot be used
 */
function* missingEntries(
  { last: end = NO_ID, newest, common }: ComparedEnd,
  copies: BatchCopies,
  { generation, shard, shards }: LogOrigin,
): Generator<MissingEntry, string | undefined> {
  let previous = common;
  let last = end;
  let waiting: MissingEntry[] = [];
  for (const copy of copies.after(common.id)) {
    const { id, timeMs, count, body, hash } = copy;
    const at = formatLogId(id);
    if (compareLogIds(newest.id, common.id) > 0)
      return `after ${formatLogId(common.id)} the log has other batches, up to ${formatLogId(newest.id)}`;
    if (compareLogIds(id, last) <= 0)
      return `the log was claimed (${formatLogId(last)}) after it had lost ${at}`;
    for (let { epoch } = last; epoch < id.epoch; epoch += 1) {
      last = { epoch: epoch + 1, seq: 0 };
      const claimant = { instance: REPAIR, generation, shard, shards };
      waiting.push({ id: last, bytes: encodeClaim({ id: last, claimant, timeMs }) });
    }
    const link = { previousId: previous.id, previousHash: previous.hash };
    const bytes = encodeBatch({ id, ...link, timeMs, count, shards, body });
    if (id.seq !== last.seq + 1 || !isSame(hashFrame(bytes), hash))
      return `the copy of ${at} is damaged, or copies before it are missing`;
    yield* waiting;
    waiting = [];
    yield { id, bytes, count };
    previous = copy;
    last = id;
  }
  return undefined;
}

/** The claimant of claims that were written anew. */
const REPAIR = "daybook log repair";

/**
 * Appends what the plan has counted. It may be interrupted and run again, after `compareEnd`.
 *
 * @param onBatch called with the number of batches that are appended.
 * @throws LogError `fenced`: another owner has written to the log. `append_lost`: the store has restarted meanwhile, or
 *   has another primary. `log_unavailable`: it does not answer.
 */
export async function repairLog(
  stream: LogStream,
  end: ComparedEnd,
  copies: BatchCopies,
  origin: LogOrigin,
  onBatch: (done: number) => void = () => {},
): Promise<void> {
  const appender = new Appender(stream, end);
  let done = 0;
  for (const entry of missingEntries(end, copies, origin)) {
    await appender.append(entry);
    if (entry.count !== undefined) onBatch(++done);
  }
}

/**
 * Claims a log under every epoch up to this one, so that no id of these epochs is given to another batch.
 *
 * @param upTo the last epoch, the name of the claimant, and the time of the claims, ms since 1970.
 * @throws LogError as `repairLog` does.
 */
export async function claimEpochs(
  stream: LogStream,
  { generation, shard, shards }: LogOrigin,
  upTo: Readonly<{ epoch: number; instance: string; timeMs: number }>,
): Promise<void> {
  const last = (await stream.last())?.id;
  const appender = new Appender(stream, { last, restarts: stream.restarts });
  const claimant = { instance: upTo.instance, generation, shard, shards };
  for (let epoch = (last?.epoch ?? 0) + 1; epoch <= upTo.epoch; epoch += 1) {
    const id = { epoch, seq: 0 };
    await appender.append({ id, bytes: encodeClaim({ id, claimant, timeMs: upTo.timeMs }) });
  }
}

/** Appends entries in order, each once the one before it is durable. */
class Appender {
  readonly #stream: LogStream;
  readonly #restarts: number;
  readonly #timer: JournalTimer = systemTimer;
  #last: LogId | undefined;

  constructor(stream: LogStream, { last, restarts }: Pick<ComparedEnd, "last" | "restarts">) {
    this.#stream = stream;
    this.#last = last;
    this.#restarts = restarts;
  }

  async append({ id, bytes }: StoredEntry): Promise<void> {
    const stream = this.#stream;
    const retry = new RetryWithDeadline(stream.name, DEADLINE_MS, this.#timer);
    const cancel = this.#timer.after(APPEND_MS_MAX, () => retry.close());
    const send = async () => {
      // What was appended before may be gone, so the next entry could leave a gap.
      if (stream.restarts !== this.#restarts)
        throw new LogError("append_lost", `${stream.name}: its store has restarted, or has another primary`);
      await stream.append(id, bytes, this.#last === undefined, this.#restarts);
    };
    try {
      await (stream.resolvable ? retry.untilAnswered(send) : send());
      // A cluster's stream remembers the entries of its owner, which it is once it has read its claim.
      if (id.seq === 0) await retry.untilAnswered(() => stream.read(this.#last, 1));
    } finally {
      cancel();
    }
    this.#last = id;
  }
}

/** Whether the log lacks this batch, and has not just trimmed it. */
export async function lacks(stream: LogStream, { id, hash }: Witness): Promise<boolean> {
  const bytes = await stream.find(id);
  if (bytes !== undefined) return !isSame(hashFrame(bytes), hash);
  const [first] = await stream.read(undefined, 1);
  return first === undefined || compareLogIds(id, first.id) > 0;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
