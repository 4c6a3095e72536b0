/** The archive's event loop: feeds, indexing, queries. */
import type { MessagePort } from "node:worker_threads";
import { isExhaustion } from "../../errors/exhaustion.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import { type Batch, compareLogIds } from "../../wal/wal.ts";
import type { Channel } from "../../workers/channels/channel.ts";
import { type ChannelEnd, openChannel } from "../../workers/channels/open-channel.ts";
import { isIndexDamaged } from "../archive-error.ts";
import { type Damage, formatBatchPosition } from "../batches/damage-table.ts";
import { ReadBack } from "../batches/read-back.ts";
import { type BatchPosition, lastBatches, type RecordPosition } from "../queries/query.ts";
import { callerOf, QueryTurns, WaitingQueries } from "../queries/query-turns.ts";
import type { Archive } from "../store.ts";
import {
  type ArchivedPositions,
  type ArchiveMethod,
  type ArchiveReply,
  type ArchiveRequest,
  type ArchiveStats,
  refused,
  type TaggedResult,
} from "./archive-protocol.ts";
import { EventWatches } from "./event-watches.ts";
import { packRequest, unpackReply } from "./feed.ts";

export type ServiceOptions = Readonly<{ deadlineMs?: number; recordsWaitingMax?: number }>;
/** `open` opens a feed's channel; the simulator replaces it. */
type ChannelOptions = Readonly<{ open?: typeof openChannel }>;

/** How long a query waits until the archive holds the batches that it must include. */
const DEADLINE_MS = 5_000;
/** Bytes requested from a shard at a time. */
const FEED_BYTES_MAX = 4 * 1024 * 1024;
/**
 * A shard that serves small requests makes thousands of batches a second. After a small reply the archive pauses,
 * unless a query waits, so that it fetches several batches at once: each reply costs a message and a transaction.
 */
const SMALL_ANSWER_BYTES = 256 * 1024;
const SMALL_ANSWER_PAUSE_MS = 10;
/** Records indexed per turn of the event loop: a few milliseconds. */
const RECORDS_PER_TURN = 4_096;
/** Unindexed records before the archive stops fetching: few enough to index within a query's deadline. */
const RECORDS_WAITING_MAX = 1_000_000;
/** Waiting queries; more are refused with `overloaded`. */
const QUERIES_WAITING_MAX = 16_384;

/** Damaged batches named in the stats. */
const PLACES_MAX = 20;
/** Interval between attempts to reopen an archive that ran out of disk space, descriptors or memory. */
const REOPEN_AFTER_MS = 1_000;

type Feed = {
  readonly shard: number;
  readonly channel: Channel;
  requesting: boolean;
  /** Damaged batches that are being fetched again from the log. Meanwhile no new batches are requested. */
  refetching: readonly Damage[];
  pause: NodeJS.Timeout | undefined;
};

/**
 * Runs an archive on the event loop of its thread: fetches batches from the shards, indexes them in short turns, and
 * answers each query once the batches that it must include have arrived.
 */
export class ArchiveService {
  #archive: Archive;
  readonly #reopen: (isAgain: boolean) => Archive;
  /** While the archive is closed for lack of resources: the reason, and its last known state. */
  #suspended: Readonly<{ reason: string; stats: ArchiveStats; positions: ArchivedPositions }> | undefined;
  #reopenTimer: NodeJS.Timeout | undefined;
  readonly #onFailure: (error: unknown) => void;
  readonly #deadlineMs: number;
  readonly #recordsWaitingMax: number;
  readonly #open: typeof openChannel;
  readonly #feeds = new Map<number, Feed>();
  /** Ports of query clients. */
  readonly #ports = new Set<MessagePort>();
  readonly #readBack = new ReadBack({
    archive: () => this.#archive,
    guarded: (work) => this.#guarded(work),
    onRead: () => this.#refetchDamaged(),
  });
  readonly #waiting: WaitingQueries;
  readonly #turns = new QueryTurns();
  readonly #watches = new EventWatches();
  #turn: NodeJS.Immediate | undefined;
  #closed = false;

  /**
   * @param open opens the archive now, and again after it ran out of disk space, file descriptors or memory. It throws
   *   while they are missing: an archive that can be opened, but not written, would seem available for a moment.
   * @param onFailure called once. The service has stopped by then.
   * @throws ArchiveError as `Archive` does.
   */
  constructor(
    open: (isAgain: boolean) => Archive,
    onFailure: (error: unknown) => void,
    options: ServiceOptions & ChannelOptions = {},
  ) {
    this.#reopen = (isAgain) => {
      const archive = open(isAgain);
      archive.indexer.isWatched = (partner) => this.#watches.isWatched(partner);
      return archive;
    };
    this.#archive = this.#reopen(false);
    this.#onFailure = onFailure;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    this.#waiting = new WaitingQueries(this.#deadlineMs);
    this.#recordsWaitingMax = options.recordsWaitingMax ?? RECORDS_WAITING_MAX;
    this.#open = options.open ?? openChannel;
    this.#scheduleTurn();
    this.#readBack.begin();
  }

  /** Fetches a shard's batches over this channel, in place of an earlier one. */
  attach(shard: number, end: ChannelEnd): void {
    const before = this.#feeds.get(shard);
    if (before !== undefined) this.#drop(before);
    const channel = this.#open(end, {
      receive: (bytes) => {
        this.#guarded(() => {
          this.#receive(feed, bytes);
        });
      },
      closed: () => this.#drop(feed),
    });
    const feed: Feed = { shard, channel, requesting: false, refetching: [], pause: undefined };
    this.#feeds.set(shard, feed);
    this.#requestBatches(feed);
  }

  /** Answers the queries that come over this port. */
  connect(port: MessagePort): void {
    this.#ports.add(port);
    port.on("message", (request: ArchiveRequest) => {
      const answer = (result: TaggedResult) =>
        port.postMessage({ id: request.id, result } satisfies ArchiveReply, []);
      if (request.method === "positions") answer({ ok: true, value: this.#positions() });
      else if (request.method === "sync") this.#sync(answer);
      else if (request.method === "watch")
        this.#watches.watch(request, () => answer({ ok: true, value: null }));
      else this.query(request.method, request.query, request.after, answer);
    });
    port.on("close", () => this.#ports.delete(port));
  }

  /** Answers a query once the archive holds everything up to `after`; `log_unavailable` at the deadline. */
  query(
    method: ArchiveMethod,
    query: unknown,
    after: readonly BatchPosition[],
    answer: (result: TaggedResult) => void,
  ): void {
    if (this.#suspended !== undefined) {
      answer(this.#answerQuery(method, query));
      return;
    }
    const needs = method === "records" ? lastBatches(query as readonly RecordPosition[]) : after;
    const needsIndex = method !== "records";
    const run = () => {
      const { partner, owner } = callerOf(query);
      this.#turns.run(partner, owner, () => answer(this.#answerQuery(method, query)));
    };
    if (this.#holds(needs, needsIndex)) {
      run();
      return;
    }
    if (this.#waiting.size + this.#turns.size >= QUERIES_WAITING_MAX) {
      answer(refused(new OperatingError("overloaded", "too many queries wait for the archive")));
      return;
    }
    this.#waiting.add({ needs, needsIndex, run }, () => answer(refused(behind(this.#deadlineMs))));
    for (const feed of this.#feeds.values()) this.#requestBatches(feed);
  }

  #sync(answer: (result: TaggedResult) => void): void {
    try {
      if (this.#suspended !== undefined) throw new OperatingError("log_unavailable", this.#suspended.reason);
      this.#readBack.sync(({ verified }) =>
        answer({ ok: true, value: [...verified] satisfies ArchivedPositions }),
      );
    } catch (error) {
      answer(refused(error));
    }
  }

  /** Fetches damaged batches again: the log may still hold them. */
  #refetchDamaged(): void {
    for (const feed of this.#feeds.values()) {
      if (feed.refetching.length > 0) continue;
      const [first, ...others] = this.#archive.verifier.takeRefetches(feed.shard);
      if (first?.id === undefined || first.id === null) continue;
      clearTimeout(feed.pause);
      feed.pause = undefined;
      feed.refetching = [first, ...others];
      const after = this.#archive.idBefore(feed.shard, first.id) ?? null;
      feed.channel.post(packRequest({ after, bytesMax: FEED_BYTES_MAX, again: true }));
    }
  }

  #positions(): ArchivedPositions {
    if (this.#suspended !== undefined) return this.#suspended.positions;
    return this.#archive.shards.flatMap((shard) => {
      const position = this.#archive.position(shard);
      return position === undefined ? [] : [[shard, position]];
    });
  }

  stats(): ArchiveStats {
    if (this.#suspended !== undefined) return { ...this.#suspended.stats, away: this.#suspended.reason };
    const shards = this.#archive.shards.flatMap((shard) => {
      const position = this.#archive.position(shard);
      if (position === undefined) return [];
      const indexed = this.#archive.indexedPosition(shard) ?? null;
      return [{ shard, stored: position.id, storedTimeMs: position.timeMs, indexed }];
    });
    const { damages, verifier } = this.#archive;
    const damage = { count: damages.length, places: damages.slice(0, PLACES_MAX).map(formatBatchPosition) };
    return { ...this.#archive.counts, shards, damage, scrub: verifier.stats, away: null };
  }

  /** Drops waiting queries, finishes indexing, and closes the archive. */
  close(): void {
    this.#stop();
    if (this.#suspended !== undefined) return;
    while (!this.#archive.isIndexed) this.#archive.indexSome(RECORDS_PER_TURN);
    this.#archive.flush();
    this.#archive.close();
  }

  /** Releases everything that would keep the thread alive. */
  #stop(): void {
    this.#closed = true;
    clearTimeout(this.#reopenTimer);
    this.#pause();
    this.#readBack.close();
    for (const feed of this.#feeds.values()) this.#drop(feed);
    for (const port of this.#ports) port.close();
    this.#turns.close();
    this.#waiting.close();
    this.#watches.close();
  }

  /** Stops background work: indexing, read-back and scrubbing. */
  #pause(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#readBack.pause();
  }

  /** Closes the archive and reopens it later. Its files are consistent, as after a crash. */
  #suspend(error: Error): void {
    const reason = `the archive is suspended for lack of disk space, memory or file descriptors: ${error.message}`;
    this.#suspended = { reason, stats: this.stats(), positions: this.#positions() };
    this.#pause();
    try {
      this.#archive.close();
    } catch {
      // Some of its files may be closed already.
    }
    this.#scheduleReopen();
  }

  #scheduleReopen(): void {
    this.#reopenTimer = setTimeout(() => {
      this.#guarded(() => {
        this.#archive = this.#reopen(true);
        this.#suspended = undefined;
        this.#scheduleTurn();
        this.#readBack.begin();
        for (const feed of this.#feeds.values()) {
          feed.refetching = [];
          feed.requesting = false;
          this.#requestBatches(feed);
        }
      });
    }, REOPEN_AFTER_MS);
  }

  #drop(feed: Feed): void {
    clearTimeout(feed.pause);
    feed.channel.close();
    this.#archive.verifier.requeueRefetch(feed.refetching);
    feed.refetching = [];
    if (this.#feeds.get(feed.shard) === feed) this.#feeds.delete(feed.shard);
  }

  #requestBatches(feed: Feed): void {
    if (feed.requesting || feed.refetching.length > 0 || this.#closed || this.#suspended !== undefined)
      return;
    if (this.#archive.counts.recordsWaiting > this.#recordsWaitingMax) return;
    clearTimeout(feed.pause);
    feed.pause = undefined;
    feed.requesting = true;
    const after = this.#archive.position(feed.shard)?.id ?? null;
    feed.channel.post(packRequest({ after, bytesMax: FEED_BYTES_MAX }));
  }

  #receive(feed: Feed, answer: Uint8Array): void {
    if (this.#closed || this.#suspended !== undefined || this.#feeds.get(feed.shard) !== feed) return;
    const batches = unpackReply(answer);
    if (feed.refetching.length > 0 && this.#isRefetchReply(feed, batches)) {
      const refetched = feed.refetching;
      feed.refetching = [];
      this.#archive.append(feed.shard, batches);
      this.#archive.verifier.refetched(refetched);
      this.#readBack.verify();
    } else this.#archive.append(feed.shard, batches);
    feed.requesting = false;
    // The next batches arrive while these are indexed.
    if (answer.length >= SMALL_ANSWER_BYTES || this.#waiting.size > 0) this.#requestBatches(feed);
    else feed.pause = setTimeout(() => this.#requestBatches(feed), SMALL_ANSWER_PAUSE_MS);
    this.#index();
  }

  /** Whether a reply answers a refetch. A reply to an earlier request has only new batches. */
  #isRefetchReply({ shard }: Feed, [first]: readonly Batch[]): boolean {
    const newest = this.#archive.position(shard)?.id;
    return first === undefined || (newest !== undefined && compareLogIds(first.id, newest) <= 0);
  }

  /** Indexes for one turn; the rest follows after pending messages. */
  #index(): void {
    const hasMore = this.#indexSome();
    this.#waiting.serve(({ needs, needsIndex }) => this.#holds(needs, needsIndex));
    // Shards were not asked while too many records waited for the index.
    for (const feed of this.#feeds.values()) if (feed.pause === undefined) this.#requestBatches(feed);
    if (hasMore) this.#scheduleTurn();
  }

  #indexSome(): boolean {
    try {
      const hasMore = this.#archive.indexSome(RECORDS_PER_TURN);
      this.#watches.indexed(this.#archive.indexer.takeWatched());
      return hasMore;
    } catch (error) {
      if (!isIndexDamaged(error)) throw error;
      this.#archive.rebuildIndex();
      return true;
    }
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

  #holds(needs: readonly BatchPosition[], indexed: boolean): boolean {
    return needs.every(({ shard, epoch, seq }) => {
      const id = indexed ? this.#archive.indexedPosition(shard) : this.#archive.position(shard)?.id;
      return id !== undefined && compareLogIds(id, { epoch, seq }) >= 0;
    });
  }

  #answerQuery(method: ArchiveMethod, query: unknown): TaggedResult {
    if (this.#suspended !== undefined)
      return refused(new OperatingError("log_unavailable", this.#suspended.reason));
    try {
      const ask = this.#archive.answers[method].bind(this.#archive.answers) as (query: unknown) => unknown;
      const value = ask(query);
      return { ok: true, value: method === "events" ? JSON.stringify(value) : value };
    } catch (error) {
      if (isIndexDamaged(error)) return this.#rebuild();
      return refused(error);
    }
  }

  #rebuild(): TaggedResult {
    this.#archive.rebuildIndex();
    this.#scheduleTurn();
    return refused(
      new OperatingError("log_unavailable", "the archive's index was damaged and is being rebuilt"),
    );
  }

  #guarded(work: () => void): void {
    if (this.#closed) return;
    try {
      work();
    } catch (error) {
      if (!isExhaustion(error)) {
        this.#stop();
        this.#onFailure(error);
      } else if (this.#suspended === undefined) this.#suspend(error);
      else this.#scheduleReopen();
    }
  }
}

function behind(deadlineMs: number): OperatingError {
  return new OperatingError("log_unavailable", `the archive did not catch up within ${deadlineMs} ms`);
}
