/**
 * The shard's end of the way to the archive. The archive asks for batches after the last one that it has; the
 * shard answers as soon as there are durable ones. The newest are kept for it in memory, within a bound; whoever
 * is further behind is served from the log.
 */
import type { MessagePort } from "node:worker_threads";
import type { FeedAnswer, FeedAsk } from "../archive/feed.ts";
import { type Batch, compareLogIds, type Journal, type LogId } from "../wal/wal.ts";

/** The archive usually takes a batch within milliseconds; this much may wait for it in memory. */
const TAIL_BYTES_MAX = 32 * 1024 * 1024;

export class ArchiveFeed {
  readonly #journal: Pick<Journal, "read">;
  readonly #onError: (error: unknown) => void;
  /** Durable batches that the archive has not taken yet, oldest first: all after `#tailAfter`. */
  #tail: Batch[] = [];
  #tailBytes = 0;
  #tailAfter: LogId | undefined;
  #port: MessagePort | undefined;
  #ask: FeedAsk | undefined;

  constructor(journal: Pick<Journal, "read">, onError: (error: unknown) => void) {
    this.#journal = journal;
    this.#onError = onError;
  }

  /** Where the log ends when the shard begins to serve. */
  begin(last: LogId | undefined): void {
    this.#tailAfter = last;
    // The archive has asked already, and what it misses may be all there is until the next write.
    this.#serve();
  }

  attach(port: MessagePort): void {
    this.#port?.close();
    this.#port = port;
    this.#ask = undefined;
    port.on("message", (ask: FeedAsk) => {
      this.#ask = ask;
      this.#serve();
    });
  }

  /** A batch that has just become durable. */
  offer(batch: Batch): void {
    this.#tail.push(batch);
    this.#tailBytes += batch.body.length;
    if (this.#tailBytes > TAIL_BYTES_MAX) this.#drop(batch.id);
    if (this.#ask !== undefined) this.#serve();
  }

  close(): void {
    this.#port?.close();
  }

  #drop(upTo: LogId): void {
    this.#tail = [];
    this.#tailBytes = 0;
    this.#tailAfter = upTo;
  }

  #serve(): void {
    const ask = this.#ask;
    if (ask === undefined) return;
    const after = ask.after === null ? undefined : { epoch: ask.after[0], seq: ask.after[1] };
    if (isAtOrAfter(after, this.#tailAfter)) {
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
    } else {
      this.#ask = undefined;
      this.#journal.read(after, ask.bytesMax).then((batches) => {
        if (batches.length > 0) this.#answer(batches);
        else this.#ask = ask;
      }, this.#onError);
    }
  }

  #answer(batches: readonly Batch[]): void {
    this.#ask = undefined;
    // Bodies are views of larger memory that others still read: each goes over as a copy of its own.
    const bodies = batches.map(({ body }) => new Uint8Array(body));
    const answer: FeedAnswer = {
      batches: batches.map(({ id, timeMs, count, hash }, i) => [
        id.epoch,
        id.seq,
        timeMs,
        count,
        bodies[i] as Uint8Array,
        new Uint8Array(hash),
      ]),
    };
    this.#port?.postMessage(
      answer,
      bodies.map((body) => body.buffer),
    );
  }
}

function isAtOrAfter(a: LogId | undefined, b: LogId | undefined): boolean {
  if (b === undefined) return true;
  return a !== undefined && compareLogIds(a, b) >= 0;
}
