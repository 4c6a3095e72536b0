import type { MessagePort } from "node:worker_threads";
import type { Channel } from "../channels/channel.ts";
import { type ChannelEnd, openChannel } from "../channels/open-channel.ts";
import { OperatingError } from "../operating-error.ts";
import { compareLogIds, type LogId } from "../wal/wal.ts";
import {
  type ArchivedPositions,
  type ArchiveFigures,
  type ArchiveMethod,
  type ArchiveReply,
  type ArchiveRequest,
  type TaggedResult,
  tagError,
} from "./archive-protocol.ts";
import { packAsk, unpackAnswer } from "./feed.ts";
import type { Location, Position } from "./query.ts";
import type { Archive } from "./store.ts";

export type ServiceOptions = Readonly<{ deadlineMs?: number; recordsWaitingMax?: number }>;
/** `open`: the simulator hands in its own; ways between threads and processes are opened otherwise. */
type ChannelOptions = Readonly<{ open?: typeof openChannel }>;

/** How long a query waits for what it must show. */
const DEADLINE_MS = 5_000;
/** Asked of one shard at once. */
const FEED_BYTES_MAX = 4 * 1024 * 1024;
/**
 * A shard under small requests makes thousands of batches a second. Unless a query waits for them they are fetched in
 * portions: each costs a hand-over and a transaction, whatever its size.
 */
const SMALL_ANSWER_BYTES = 256 * 1024;
const SMALL_ANSWER_PAUSE_MS = 10;
/** Records indexed before others get a turn: some milliseconds. */
const RECORDS_PER_TURN = 4_096;
/** So far may the index lag behind what is stored: a query waits for it well within its deadline. */
const RECORDS_WAITING_MAX = 1_000_000;
/** Queries that wait at once; more are refused. */
const QUERIES_WAITING_MAX = 16_384;

type Feed = {
  readonly shard: number;
  readonly channel: Channel;
  asking: boolean;
  pause: NodeJS.Timeout | undefined;
};

type WaitingQuery = Readonly<{
  needs: readonly Position[];
  needsIndex: boolean;
  timer: NodeJS.Timeout;
  run: () => void;
}>;

/**
 * Runs an archive on the event loop of its thread: takes batches from the shards' feeds, indexes them in short
 * turns, and answers each query once what it must show has arrived.
 */
export class ArchiveService {
  readonly #archive: Archive;
  readonly #onFailure: (error: unknown) => void;
  readonly #deadlineMs: number;
  readonly #recordsWaitingMax: number;
  readonly #open: typeof openChannel;
  readonly #feeds = new Map<number, Feed>();
  /** Over which queries come. */
  readonly #ports = new Set<MessagePort>();
  /** What would be there after a power cut. */
  #synced: ArchivedPositions = [];
  readonly #waiting = new Set<WaitingQuery>();
  #turn: NodeJS.Immediate | undefined;
  #closed = false;

  /** `onFailure` is called once; the archive is not used after it. */
  constructor(
    archive: Archive,
    onFailure: (error: unknown) => void,
    options: ServiceOptions & ChannelOptions = {},
  ) {
    this.#archive = archive;
    this.#onFailure = onFailure;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    this.#recordsWaitingMax = options.recordsWaitingMax ?? RECORDS_WAITING_MAX;
    this.#open = options.open ?? openChannel;
    this.#scheduleTurn();
  }

  /** Follows a shard through this channel; one that it had before is dropped. */
  attach(shard: number, end: ChannelEnd): void {
    const before = this.#feeds.get(shard);
    if (before !== undefined) this.#drop(before);
    const channel = this.#open(end, {
      receive: (bytes) => {
        this.#guarded(() => {
          this.#take(feed, bytes);
        });
      },
      closed: () => this.#drop(feed),
    });
    const feed: Feed = { shard, channel, asking: false, pause: undefined };
    this.#feeds.set(shard, feed);
    this.#ask(feed);
  }

  /** Answers the queries that come over this port. */
  connect(port: MessagePort): void {
    this.#ports.add(port);
    port.on("message", (request: ArchiveRequest) => {
      const answer = (result: TaggedResult) =>
        port.postMessage({ id: request.id, result } satisfies ArchiveReply, []);
      if (request.method === "positions") answer({ ok: true, value: this.#positions() });
      else if (request.method === "sync") answer(this.#sync());
      else this.query(request.method, request.query, request.after, answer);
    });
    port.on("close", () => this.#ports.delete(port));
  }

  /** Answers a query once everything up to `after` can be seen, or `log_unavailable` at the deadline. */
  query(
    method: ArchiveMethod,
    query: unknown,
    after: readonly Position[],
    answer: (result: TaggedResult) => void,
  ): void {
    const needs = method === "records" ? lastBatches(query as readonly Location[]) : after;
    const needsIndex = method !== "records";
    if (this.#holds(needs, needsIndex)) {
      answer(this.#run(method, query));
      return;
    }
    if (this.#waiting.size >= QUERIES_WAITING_MAX) {
      answer(refused(new OperatingError("overloaded", "too many queries wait for the archive")));
      return;
    }
    const timer = setTimeout(() => {
      this.#waiting.delete(waiting);
      answer(refused(behind(this.#deadlineMs)));
    }, this.#deadlineMs);
    const run = () => {
      answer(this.#run(method, query));
    };
    const waiting: WaitingQuery = { needs, needsIndex, timer, run };
    this.#waiting.add(waiting);
    for (const feed of this.#feeds.values()) this.#ask(feed);
  }

  #sync(): TaggedResult {
    try {
      if (this.#archive.sync()) this.#synced = this.#positions();
      return { ok: true, value: this.#synced };
    } catch (error) {
      return refused(error);
    }
  }

  #positions(): ArchivedPositions {
    return this.#archive.shards.flatMap((shard) => {
      const position = this.#archive.position(shard);
      return position === undefined ? [] : [[shard, position]];
    });
  }

  figures(): ArchiveFigures {
    const shards = this.#archive.shards.flatMap((shard) => {
      const position = this.#archive.position(shard);
      if (position === undefined) return [];
      const indexed = this.#archive.indexedPosition(shard) ?? null;
      return [{ shard, stored: position.id, storedTimeMs: position.timeMs, indexed }];
    });
    return { ...this.#archive.counts, shards };
  }

  /** Indexes what is stored, writes it out, and closes the archive. Waiting queries are refused. */
  close(): void {
    this.#stop();
    while (!this.#archive.isIndexed) this.#archive.indexSome(RECORDS_PER_TURN);
    this.#archive.flush();
    this.#archive.close();
  }

  /** Lets go of all that would keep the thread alive. */
  #stop(): void {
    this.#closed = true;
    clearImmediate(this.#turn);
    for (const feed of this.#feeds.values()) this.#drop(feed);
    for (const port of this.#ports) port.close();
    for (const { timer } of this.#waiting) clearTimeout(timer);
    this.#waiting.clear();
  }

  #drop(feed: Feed): void {
    clearTimeout(feed.pause);
    feed.channel.close();
    if (this.#feeds.get(feed.shard) === feed) this.#feeds.delete(feed.shard);
  }

  #ask(feed: Feed): void {
    if (feed.asking || this.#closed) return;
    if (this.#archive.counts.recordsWaiting > this.#recordsWaitingMax) return;
    clearTimeout(feed.pause);
    feed.pause = undefined;
    feed.asking = true;
    const after = this.#archive.position(feed.shard)?.id ?? null;
    feed.channel.post(packAsk({ after, bytesMax: FEED_BYTES_MAX }));
  }

  #take(feed: Feed, answer: Uint8Array): void {
    if (this.#closed || this.#feeds.get(feed.shard) !== feed) return;
    feed.asking = false;
    this.#archive.append(feed.shard, unpackAnswer(answer));
    // The next batches come over while these are indexed.
    if (answer.length >= SMALL_ANSWER_BYTES || this.#waiting.size > 0) this.#ask(feed);
    else feed.pause = setTimeout(() => this.#ask(feed), SMALL_ANSWER_PAUSE_MS);
    this.#index();
  }

  /** One portion of index work; what is left follows when messages have had their turn. */
  #index(): void {
    const left = this.#archive.indexSome(RECORDS_PER_TURN);
    this.#serveWaiting();
    // Those that were not asked while too much waited for the index.
    for (const feed of this.#feeds.values()) if (feed.pause === undefined) this.#ask(feed);
    if (left) this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#turn !== undefined || this.#closed) return;
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      this.#guarded(() => {
        this.#index();
      });
    });
  }

  #serveWaiting(): void {
    for (const waiting of this.#waiting) {
      if (!this.#holds(waiting.needs, waiting.needsIndex)) continue;
      this.#waiting.delete(waiting);
      clearTimeout(waiting.timer);
      waiting.run();
    }
  }

  #holds(needs: readonly Position[], indexed: boolean): boolean {
    return needs.every(({ shard, epoch, seq }) => {
      const id = indexed ? this.#archive.indexedPosition(shard) : this.#archive.position(shard)?.id;
      return id !== undefined && compareLogIds(id, { epoch, seq }) >= 0;
    });
  }

  #run(method: ArchiveMethod, query: unknown): TaggedResult {
    try {
      const ask = this.#archive.answers[method].bind(this.#archive.answers) as (query: unknown) => unknown;
      return { ok: true, value: ask(query) };
    } catch (error) {
      return refused(error);
    }
  }

  #guarded(work: () => void): void {
    if (this.#closed) return;
    try {
      work();
    } catch (error) {
      this.#stop();
      this.#onFailure(error);
    }
  }
}

function refused(error: unknown): TaggedResult {
  return { ok: false, error: tagError(error) };
}

function behind(deadlineMs: number): OperatingError {
  return new OperatingError("log_unavailable", `the archive did not catch up within ${deadlineMs} ms`);
}

/** The newest batch of each shard that is named. */
function lastBatches(at: readonly Location[]): readonly Position[] {
  const newest = new Map<number, LogId>();
  for (const { shard, epoch, seq } of at) {
    const known = newest.get(shard);
    if (known === undefined || compareLogIds(known, { epoch, seq }) < 0) newest.set(shard, { epoch, seq });
  }
  return [...newest].map(([shard, { epoch, seq }]) => ({ shard, epoch, seq }));
}
