/** Reads a stream page by page, from a position or a time on, and merges several streams by time. */
import { type Frame, NO_BATCH } from "../../wal/frame.ts";
import { compareLogIds, type LogId, type LogStream } from "../../wal/wal.ts";
import type { Bound } from "./position.ts";
import { type ShardStream, tryDecode } from "./streams.ts";

const PAGE_BYTES = 1 << 20;
const SEEK_BYTES = 1;
const SEQ_MAX = 2 ** 52;

/** A stored entry. If it is not a valid frame, `problem` says why, and its time is that of the entry before it. */
export type LogEntry = Readonly<{ shard: number; id: LogId; bytes: Uint8Array; timeMs: number }> &
  (Readonly<{ frame: Frame; problem?: undefined }> | Readonly<{ frame?: undefined; problem: string }>);

export type Span = Readonly<{
  /** Reading starts behind this entry; `undefined`: at the beginning. */
  after: LogId | undefined;
  /** The last entry to read, so that reading a growing log ends. */
  until: LogId;
}>;

export async function* readEntries({ shard, stream }: ShardStream, span: Span): AsyncGenerator<LogEntry> {
  let after = span.after;
  let timeMs = 0;
  for (;;) {
    const entries = await stream.read(after, PAGE_BYTES);
    for (const { id, bytes } of entries) {
      if (compareLogIds(id, span.until) > 0) return;
      const frame = tryDecode({ id, bytes });
      if (typeof frame !== "string") timeMs = frame.timeMs;
      yield {
        shard,
        id,
        bytes,
        timeMs,
        ...(typeof frame === "string" ? { problem: frame } : { frame }),
      };
    }
    after = entries.at(-1)?.id;
    if (after === undefined || compareLogIds(after, span.until) >= 0) return;
  }
}

/** The entries from one bound to the other, inclusive. A stream that does not exist has none. */
export async function* readBetween(
  source: ShardStream,
  from: Bound | undefined,
  to: Bound | undefined,
): AsyncGenerator<LogEntry> {
  const last = await source.stream.last();
  if (last === undefined) return;
  const until = to?.kind === "position" && compareLogIds(to.id, last.id) < 0 ? to.id : last.id;
  const after = await findStart(source.stream, from, last.id);
  for await (const entry of readEntries(source, { after, until })) {
    const tooLate = to?.kind === "time" && entry.timeMs > to.timeMs;
    // Only the times of batches never go back. The time of a claim comes from the claimant's clock.
    if (tooLate && entry.frame?.kind === "batch") return;
    const tooEarly = from?.kind === "time" && entry.timeMs < from.timeMs;
    if (!tooLate && !tooEarly) yield entry;
  }
}

/** All entries in order of time; with equal times the lower shard comes first. */
export async function* mergeByTime(sources: readonly AsyncGenerator<LogEntry>[]): AsyncGenerator<LogEntry> {
  const heads: { entry: LogEntry; source: AsyncGenerator<LogEntry> }[] = [];
  for (const source of sources) {
    const { value } = await source.next();
    if (value) heads.push({ entry: value, source });
  }
  while (heads.length > 0) {
    let first = 0;
    for (let i = 1; i < heads.length; i++) {
      if ((heads[i]?.entry.timeMs ?? 0) < (heads[first]?.entry.timeMs ?? 0)) first = i;
    }
    const head = heads[first];
    if (head === undefined) return;
    yield head.entry;
    const { value } = await head.source.next();
    if (value) head.entry = value;
    else heads.splice(first, 1);
  }
}

/** The id `entries` entries before `last`, exact if no entry is missing; `undefined`: the beginning. */
export async function stepBack(stream: LogStream, last: LogId, entries: number): Promise<LogId | undefined> {
  const [first] = await stream.read(undefined, SEEK_BYTES);
  let { epoch, seq } = last;
  let remaining = entries;
  while (seq < remaining) {
    remaining -= seq + 1;
    epoch -= 1;
    if (first === undefined || epoch < first.id.epoch) return undefined;
    seq = await findLastSeq(stream, epoch);
  }
  return { epoch, seq: seq - remaining };
}

/** An id such that `from` selects only entries behind it. */
async function findStart(
  stream: LogStream,
  from: Bound | undefined,
  last: LogId,
): Promise<LogId | undefined> {
  if (from === undefined) return undefined;
  if (from.kind === "position") return before(from.id);
  const [first] = await stream.read(undefined, SEEK_BYTES);
  if (first === undefined) return undefined;
  const isLate = async (id: LogId) => ((await findTimeAfter(stream, id)) ?? Infinity) >= from.timeMs;
  // The first epoch that begins at or after the time; the wanted entries begin in the epoch before it.
  const late = await findLeast(first.id.epoch, last.epoch + 1, (epoch) => isLate({ epoch, seq: 0 }));
  const epoch = late - 1;
  if (epoch < first.id.epoch) return undefined;
  const end = await findLastSeq(stream, epoch);
  return { epoch, seq: await findLeast(0, end, (seq) => isLate({ epoch, seq })) };
}

function before({ epoch, seq }: LogId): LogId | undefined {
  if (seq > 0) return { epoch, seq: seq - 1 };
  return epoch > NO_BATCH.id.epoch ? { epoch: epoch - 1, seq: SEQ_MAX } : undefined;
}

/** The time of the first valid batch behind an id. */
async function findTimeAfter(stream: LogStream, id: LogId): Promise<number | undefined> {
  for (let after = id; ; ) {
    const entries = await stream.read(after, SEEK_BYTES);
    for (const entry of entries) {
      const frame = tryDecode(entry);
      if (typeof frame !== "string" && frame.kind === "batch") return frame.timeMs;
    }
    const end = entries.at(-1);
    if (end === undefined) return undefined;
    after = end.id;
  }
}

/** The seq of the last entry of an epoch; 0 if it has only its claim. */
async function findLastSeq(stream: LogStream, epoch: number): Promise<number> {
  const isLast = async (seq: number) => {
    const [next] = await stream.read({ epoch, seq }, SEEK_BYTES);
    return next === undefined || next.id.epoch > epoch;
  };
  let step = 1;
  while (step < SEQ_MAX && !(await isLast(step))) step *= 2;
  return findLeast(0, step, isLast);
}

/** Binary search: the least number from `low` to `high` that satisfies the predicate; `high` is assumed to satisfy it. */
async function findLeast(
  low: number,
  high: number,
  predicate: (value: number) => Promise<boolean>,
): Promise<number> {
  let least = low;
  let end = high;
  while (least < end) {
    const middle = Math.floor((least + end) / 2);
    if (await predicate(middle)) end = middle;
    else least = middle + 1;
  }
  return least;
}
