/**
 * The shard's channel to the archive. The archive asks for the batches after its last one; the shard answers as soon as
 * there are durable ones. The newest batches are kept in memory, up to a bound; older ones are read from the log.
 */
import { decode, encode } from "../../actors/records/pack.ts";
import { PackError } from "../../actors/records/pack-reader.ts";
import type { FeedHead, FeedRequest } from "../../archive/service/feed.ts";
import { archiveBehind } from "../../wal/journal-errors.ts";
import { TrimmedError } from "../../wal/trimmed-log.ts";
import { type Batch, compareLogIds, type Journal, LogError, type LogId } from "../../wal/wal.ts";
import type { Channel } from "../channels/channel.ts";
import { type ChannelEnd, openChannel } from "../channels/open-channel.ts";

/** Bytes of batches kept for the archive. It usually fetches a batch within milliseconds. */
const TAIL_BYTES_MAX = 32 * 1024 * 1024;
/** Pause between two attempts to read a log that does not answer. */
const RETRY_MS = 100;

export class ArchiveFeed {
  readonly #journal: Pick<Journal, "read">;
  readonly #onError: (error: unknown) => void;
  readonly #open: typeof openChannel;
  /** All durable batches after `#tailAfter` that the archive has not fetched, oldest first. */
  #tail: Batch[] = [];
  #tailBytes = 0;
  #tailAfter: LogId | undefined;
  /** The newest durable batch. */
  #newest: LogId | undefined;
  #channel: Channel | undefined;
  /** The request that is not answered yet; the archive sends one at a time. */
  #ask: FeedRequest | undefined;
  /** The request for which the log is being read, or will be read again after a pause. */
  #reading: FeedRequest | undefined;
  #retry: NodeJS.Timeout | undefined;

  /** @param onError called with errors that end the shard. An unavailable log is none: it is read again. */
  constructor(journal: Pick<Journal, "read">, onError: (error: unknown) => void, open = openChannel) {
    this.#journal = journal;
    this.#onError = onError;
    this.#open = open;
  }

  /** Sets the end of the log when the shard begins to serve. */
  begin(last: LogId | undefined): void {
    this.#tailAfter = last;
    this.#newest = last;
    // The archive may have asked already, for batches that exist. Do not wait for the next write.
    this.#serve();
  }

  /** Opens the channel to the archive; an earlier one is closed. */
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

  /** Takes a batch that has become durable. */
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
    if (from < 0) return; // nothing new: the request waits
    let bytes = 0;
    let to = from;
    while (to < this.#tail.length && (to === from || bytes < ask.bytesMax))
      bytes += this.#tail[to++]?.body.length ?? 0;
    const batches = this.#tail.splice(0, to).slice(from);
    this.#tailBytes = this.#tail.reduce((sum, batch) => sum + batch.body.length, 0);
    this.#tailAfter = batches.at(-1)?.id;
    this.#answer(batches);
  }

  #readLog(ask: FeedRequest): void {
    this.#reading = ask;
    const newest = this.#newest;
    this.#journal.read(ask.after ?? undefined, ask.bytesMax).then(
      (batches) => {
        if (this.#ask !== ask) return;
        this.#reading = undefined;
        if (batches.length > 0 || ask.again === true) this.#answer(batches);
        // Batches that became durable during the read may be missing from it.
        else if (this.#newest !== newest) this.#serve();
      },
      (error: unknown) => this.#readFailed(ask, error),
    );
  }

  /** An unavailable log does not end the shard: the shard and the archive both wait for it. */
  #readFailed(ask: FeedRequest, error: unknown): void {
    const isTrimmed = error instanceof TrimmedError;
    if (isTrimmed || (isCorrupt(error) && ask.again === true)) {
      if (this.#ask !== ask) return;
      this.#reading = undefined;
      if (ask.again === true) this.#answer([]);
      // Between this server's first look at the log and its claim another server owned the log and trimmed it.
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

/** @throws PackError the bytes are no request of an archive. */
function unpackAsk(bytes: Uint8Array): FeedRequest {
  let ask: unknown;
  try {
    ask = decode(bytes);
  } catch (cause) {
    throw new PackError("the archive's request is truncated or not packed", { cause });
  }
  if (!isAsk(ask))
    throw new PackError("the archive's request does not have the shape of a request for batches");
  return ask;
}

function isAsk(ask: unknown): ask is FeedRequest {
  const { after, bytesMax } = (ask ?? {}) as Partial<FeedRequest>;
  if (!Number.isSafeInteger(bytesMax)) return false;
  return after === null || (Number.isSafeInteger(after?.epoch) && Number.isSafeInteger(after?.seq));
}

/** The packed heads, then the bodies. Bodies are views of buffers that are still in use, so they are copied. */
function packAnswer(batches: readonly Batch[]): Uint8Array<ArrayBuffer> {
  const heads = batches.map(
    ({ id, timeMs, count, body, hash }) =>
      [id.epoch, id.seq, timeMs, count, body.length, hash] satisfies FeedHead,
  );
  const packed = encode(heads);
  const bodiesBytes = batches.reduce((sum, { body }) => sum + body.length, 0);
  // Every byte is overwritten, so no zeroing is needed. "Slow" does not use the shared pool: the buffer is transferred.
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
