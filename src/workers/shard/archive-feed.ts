/**
 * The shard's end of the way to the archive. The archive asks for batches after the last one that it has; the
 * shard answers as soon as there are durable ones. The newest are kept for it in memory, within a bound; whoever
 * is further behind is served from the log.
 */
import { decode, encode } from "../../actors/records/pack.ts";
import { PackError } from "../../actors/records/pack-reader.ts";
import type { FeedAsk, FeedHead } from "../../archive/service/feed.ts";
import { archiveBehind } from "../../wal/journal-errors.ts";
import { TrimmedError } from "../../wal/trimmed.ts";
import { type Batch, compareLogIds, type Journal, LogError, type LogId } from "../../wal/wal.ts";
import type { Channel } from "../channels/channel.ts";
import { type ChannelEnd, openChannel } from "../channels/open-channel.ts";

/** The archive usually takes a batch within milliseconds; this much may wait for it in memory. */
const TAIL_BYTES_MAX = 32 * 1024 * 1024;
/** Between two attempts to read a log that does not answer. */
const RETRY_MS = 100;

export class ArchiveFeed {
  readonly #journal: Pick<Journal, "read">;
  readonly #onError: (error: unknown) => void;
  readonly #open: typeof openChannel;
  /** Durable batches that the archive has not taken yet, oldest first: all after `#tailAfter`. */
  #tail: Batch[] = [];
  #tailBytes = 0;
  #tailAfter: LogId | undefined;
  /** The newest batch that is known to be durable. */
  #newest: LogId | undefined;
  #channel: Channel | undefined;
  /** The question that waits for its answer. */
  #ask: FeedAsk | undefined;
  /** The question for which the log is being read, or will be again. */
  #reading: FeedAsk | undefined;
  #retry: NodeJS.Timeout | undefined;

  /** @param onError told of all that the shard cannot go on with; a log that is only away is asked again. */
  constructor(journal: Pick<Journal, "read">, onError: (error: unknown) => void, open = openChannel) {
    this.#journal = journal;
    this.#onError = onError;
    this.#open = open;
  }

  /** Where the log ends when the shard begins to serve. */
  begin(last: LogId | undefined): void {
    this.#tailAfter = last;
    this.#newest = last;
    // The archive has asked already, and what it misses may be all there is until the next write.
    this.#serve();
  }

  /** The way to the archive from now on; one that it had before is dropped. */
  attach(end: ChannelEnd): void {
    this.close();
    const channel = this.#open(end, {
      receive: (bytes) => {
        if (this.#channel !== channel) return;
        try {
          this.#ask = unpackAsk(bytes);
          this.#serve();
        } catch (error) {
          this.#onError(error);
        }
      },
      closed: () => {
        if (this.#channel === channel) this.close();
      },
    });
    this.#channel = channel;
  }

  /** A batch that has just become durable. */
  offer(batch: Batch): void {
    this.#newest = batch.id;
    this.#tail.push(batch);
    this.#tailBytes += batch.body.length;
    if (this.#tailBytes > TAIL_BYTES_MAX) this.#drop(batch.id);
    this.#serve();
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#ask = undefined;
    this.#reading = undefined;
    this.#channel?.close();
    this.#channel = undefined;
  }

  #drop(upTo: LogId): void {
    this.#tail = [];
    this.#tailBytes = 0;
    this.#tailAfter = upTo;
  }

  #serve(): void {
    const ask = this.#ask;
    if (ask === undefined || ask === this.#reading) return;
    const after = ask.after ?? undefined;
    if (!isAtOrAfter(after, this.#tailAfter)) {
      this.#readLog(ask);
      return;
    }
    const from = this.#tail.findIndex((batch) => after === undefined || compareLogIds(batch.id, after) > 0);
    if (from < 0) return; // nothing new: the ask waits
    let bytes = 0;
    let to = from;
    while (to < this.#tail.length && (to === from || bytes < ask.bytesMax))
      bytes += this.#tail[to++]?.body.length ?? 0;
    const batches = this.#tail.splice(0, to).slice(from);
    this.#tailBytes = this.#tail.reduce((sum, batch) => sum + batch.body.length, 0);
    this.#tailAfter = batches.at(-1)?.id;
    this.#answer(batches);
  }

  #readLog(ask: FeedAsk): void {
    this.#reading = ask;
    const newest = this.#newest;
    this.#journal.read(ask.after ?? undefined, ask.bytesMax).then(
      (batches) => {
        if (this.#ask !== ask) return;
        this.#reading = undefined;
        if (batches.length > 0 || ask.again === true) this.#answer(batches);
        // What became durable while the log was being read may be missing from what was read.
        else if (this.#newest !== newest) this.#serve();
      },
      (error: unknown) => this.#readFailed(ask, error),
    );
  }

  /** A log that does not answer is no reason to end: the shard itself waits for it, and so does the archive. */
  #readFailed(ask: FeedAsk, error: unknown): void {
    const isTrimmed = error instanceof TrimmedError;
    if (isTrimmed || (isCorrupt(error) && ask.again === true)) {
      if (this.#ask !== ask) return;
      this.#reading = undefined;
      if (ask.again === true) this.#answer([]);
      // Another server has owned the log since this one has looked at it first, and has trimmed it.
      else if (isTrimmed)
        this.#onError(archiveBehind(error.stream, error.upTo, ask.after ?? undefined, "DATA_DIR/archive"));
      return;
    }
    if (!(error instanceof LogError) || error.code !== "log_unavailable") {
      this.#onError(error);
      return;
    }
    if (this.#ask !== ask) return;
    this.#retry = setTimeout(() => {
      this.#reading = undefined;
      this.#serve();
    }, RETRY_MS);
  }

  #answer(batches: readonly Batch[]): void {
    this.#ask = undefined;
    this.#channel?.post(packAnswer(batches));
  }
}

function isCorrupt(error: unknown): boolean {
  return error instanceof LogError && error.code === "log_corrupt";
}

/** @throws PackError it is no question of an archive. */
function unpackAsk(bytes: Uint8Array): FeedAsk {
  let ask: unknown;
  try {
    ask = decode(bytes);
  } catch (cause) {
    throw new PackError("the archive's question is cut, or not packed", { cause });
  }
  if (!isAsk(ask)) throw new PackError("the archive asks for something that is no batch");
  return ask;
}

function isAsk(ask: unknown): ask is FeedAsk {
  const { after, bytesMax } = (ask ?? {}) as Partial<FeedAsk>;
  if (!Number.isSafeInteger(bytesMax)) return false;
  return after === null || (Number.isSafeInteger(after?.epoch) && Number.isSafeInteger(after?.seq));
}

/** Bodies are views of larger memory that others still read: they go over as one copy, behind their heads. */
function packAnswer(batches: readonly Batch[]): Uint8Array<ArrayBuffer> {
  const heads = batches.map(
    ({ id, timeMs, count, body, hash }) =>
      [id.epoch, id.seq, timeMs, count, body.length, hash] satisfies FeedHead,
  );
  const packed = encode(heads);
  const bodiesBytes = batches.reduce((sum, { body }) => sum + body.length, 0);
  // All of it is written, so it need not be zeros before; "slow" is memory of its own, which may be handed over.
  const answer = Buffer.allocUnsafeSlow(packed.length + bodiesBytes);
  answer.set(packed);
  let at = packed.length;
  for (const { body } of batches) {
    answer.set(body, at);
    at += body.length;
  }
  return answer;
}

function isAtOrAfter(a: LogId | undefined, b: LogId | undefined): boolean {
  if (b === undefined) return true;
  return a !== undefined && compareLogIds(a, b) >= 0;
}
