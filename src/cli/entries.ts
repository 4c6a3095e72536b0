/** Reading a stream page by page, from a place or a time on, and several streams as one. */
import { type Frame, NO_BATCH } from "../wal/frame.ts";
import { compareLogIds, type LogId, type LogStream } from "../wal/wal.ts";
import type { Bound } from "./position.ts";
import { type ShardStream, tryDecode } from "./streams.ts";

const PAGE_BYTES = 1 << 20;
const SEEK_BYTES = 1;
const SEQ_MAX = 2 ** 52;

/** An entry as it is stored. Where it is no frame, `problem` says why, and its time is that of the entry before it. */
export type LogEntry = Readonly<{ shard: number; id: LogId; bytes: Uint8Array; timeMs: number }> &
  (Readonly<{ frame: Frame; problem?: undefined }> | Readonly<{ frame?: undefined; problem: string }>);

export type Span = Readonly<{
  /** The entry before the first one; `undefined`: the beginning. */
  after: LogId | undefined;
  /** The last entry that is read: what comes later is left out, so that reading a live log ends. */
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

/** The entries between two bounds, both of them included. A stream that does not exist has none. */
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
    // The time of batches never goes back; a claim's is another clock's.
    if (tooLate && entry.frame?.kind === "batch") return;
    const tooEarly = from?.kind === "time" && entry.timeMs < from.timeMs;
    if (!tooLate && !tooEarly) yield entry;
  }
}

/** All entries in the order of their times; of equal ones the lower shard's come first. */
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

/** The place `entries` entries before `last`, exact where no entry is missing; `undefined`: the beginning. */
export async function stepBack(stream: LogStream, last: LogId, entries: number): Promise<LogId | undefined> {
  const [first] = await stream.read(undefined, SEEK_BYTES);
  let { epoch, seq } = last;
  let left = entries;
  while (seq < left) {
    left -= seq + 1;
    epoch -= 1;
    if (first === undefined || epoch < first.id.epoch) return undefined;
    seq = await findLastSeq(stream, epoch);
  }
  return { epoch, seq: seq - left };
}

/** The place behind which everything lies that `from` takes in. */
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
  // The first epoch that begins late; what is wanted begins in the one before it.
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

/** The time of the first whole batch behind a place. */
async function findTimeAfter(stream: LogStream, place: LogId): Promise<number | undefined> {
  for (let after = place; ; ) {
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

/** The seq of the last entry of an epoch; 0 where there is none but the claim. */
async function findLastSeq(stream: LogStream, epoch: number): Promise<number> {
  const isLast = async (seq: number) => {
    const [next] = await stream.read({ epoch, seq }, SEEK_BYTES);
    return next === undefined || next.id.epoch > epoch;
  };
  let step = 1;
  while (step < SEQ_MAX && !(await isLast(step))) step *= 2;
  return findLeast(0, step, isLast);
}

/** The least number from `low` to `high` for which it is so; `high` counts as so without being asked. */
async function findLeast(
  low: number,
  high: number,
  isSo: (value: number) => Promise<boolean>,
): Promise<number> {
  let least = low;
  let end = high;
  while (least < end) {
    const middle = Math.floor((least + end) / 2);
    if (await isSo(middle)) end = middle;
    else least = middle + 1;
  }
  return least;
}
