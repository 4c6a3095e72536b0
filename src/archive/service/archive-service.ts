import type { MessagePort } from "node:worker_threads";
import { ownerKeyOf } from "../../actors/ledger/routing.ts";
import { isExhaustion } from "../../errors/exhaustion.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import { type Batch, compareLogIds } from "../../wal/wal.ts";
import type { Channel } from "../../workers/channels/channel.ts";
import { type ChannelEnd, openChannel } from "../../workers/channels/open-channel.ts";
import { ArchiveError } from "../archive-error.ts";
import { type Damage, placeText } from "../batches/damage-table.ts";
import { ReadBack } from "../batches/read-back.ts";
import { type Location, lastBatches, type Position } from "../queries/query.ts";
import { QueryTurns, WaitingQueries } from "../queries/query-turns.ts";
import type { Archive } from "../store.ts";
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

/** Damaged batches that the figures name. */
const PLACES_MAX = 20;
/** An archive that had no room, or no file descriptors, is opened again after this long. */
const REOPEN_MS = 1_000;

type Feed = {
  readonly shard: number;
  readonly channel: Channel;
  asking: boolean;
  /** Damaged batches for which the log is read again; nothing else is asked meanwhile. */
  rereading: readonly Damage[];
  pause: NodeJS.Timeout | undefined;
};

/**
 * Runs an archive on the event loop of its thread: takes batches from the shards' feeds, indexes them in short
 * turns, and answers each query once what it must show has arrived.
 */
export class ArchiveService {
  #archive: Archive;
  /** Opens the same archive again. */
  readonly #reopen: () => Archive;
  /** Why it is closed for now, and what is known of it meanwhile. */
  #away: Readonly<{ why: string; figures: ArchiveFigures; positions: ArchivedPositions }> | undefined;
  #reopenTimer: NodeJS.Timeout | undefined;
  readonly #onFailure: (error: unknown) => void;
  readonly #deadlineMs: number;
  readonly #recordsWaitingMax: number;
  readonly #open: typeof openChannel;
  readonly #feeds = new Map<number, Feed>();
  /** Over which queries come. */
  readonly #ports = new Set<MessagePort>();
  readonly #readBack = new ReadBack({
    archive: () => this.#archive,
    guarded: (work) => this.#guarded(work),
    onRead: () => this.#reread(),
  });
  readonly #waiting: WaitingQueries;
  readonly #turns = new QueryTurns();
  #turn: NodeJS.Immediate | undefined;
  #closed = false;

  /**
   * @param open opens the archive: at first, and again after the disk was full, or descriptors or memory were missing.
   * @param onFailure is called once; the archive is not used after it.
   * @throws ArchiveError as `Archive` does.
   */
  constructor(
    open: () => Archive,
    onFailure: (error: unknown) => void,
    options: ServiceOptions & ChannelOptions = {},
  ) {
    this.#reopen = open;
    this.#archive = open();
    this.#onFailure = onFailure;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    this.#waiting = new WaitingQueries(this.#deadlineMs);
    this.#recordsWaitingMax = options.recordsWaitingMax ?? RECORDS_WAITING_MAX;
    this.#open = options.open ?? openChannel;
    this.#scheduleTurn();
    this.#readBack.begin();
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
    const feed: Feed = { shard, channel, asking: false, rereading: [], pause: undefined };
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
      else if (request.method === "sync") this.#sync(answer);
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
    if (this.#away !== undefined) {
      answer(this.#run(method, query));
      return;
    }
    const needs = method === "records" ? lastBatches(query as readonly Location[]) : after;
    const needsIndex = method !== "records";
    const run = () => this.#runInTurn(query, () => answer(this.#run(method, query)));
    if (this.#holds(needs, needsIndex)) {
      run();
      return;
    }
    if (this.#waiting.size + this.#turns.size >= QUERIES_WAITING_MAX) {
      answer(refused(new OperatingError("overloaded", "too many queries wait for the archive")));
      return;
    }
    this.#waiting.add({ needs, needsIndex, run }, () => answer(refused(behind(this.#deadlineMs))));
    for (const feed of this.#feeds.values()) this.#ask(feed);
  }

  #sync(answer: (result: TaggedResult) => void): void {
    try {
      if (this.#away !== undefined) throw new OperatingError("log_unavailable", this.#away.why);
      this.#readBack.sync(({ verified }) =>
        answer({ ok: true, value: [...verified] satisfies ArchivedPositions }),
      );
    } catch (error) {
      answer(refused(error));
    }
  }

  /** What is damaged may still be in the log. */
  #reread(): void {
    for (const feed of this.#feeds.values()) {
      if (feed.rereading.length > 0) continue;
      const [first, ...others] = this.#archive.verifier.takeWanted(feed.shard);
      if (first?.id === undefined || first.id === null) continue;
      clearTimeout(feed.pause);
      feed.pause = undefined;
      feed.rereading = [first, ...others];
      const after = this.#archive.idBefore(feed.shard, first.id) ?? null;
      feed.channel.post(packAsk({ after, bytesMax: FEED_BYTES_MAX, again: true }));
    }
  }

  #positions(): ArchivedPositions {
    if (this.#away !== undefined) return this.#away.positions;
    return this.#archive.shards.flatMap((shard) => {
      const position = this.#archive.position(shard);
      return position === undefined ? [] : [[shard, position]];
    });
  }

  figures(): ArchiveFigures {
    if (this.#away !== undefined) return { ...this.#away.figures, away: this.#away.why };
    const shards = this.#archive.shards.flatMap((shard) => {
      const position = this.#archive.position(shard);
      if (position === undefined) return [];
      const indexed = this.#archive.indexedPosition(shard) ?? null;
      return [{ shard, stored: position.id, storedTimeMs: position.timeMs, indexed }];
    });
    const { damages, verifier } = this.#archive;
    const damage = { count: damages.length, places: damages.slice(0, PLACES_MAX).map(placeText) };
    return { ...this.#archive.counts, shards, damage, scrub: verifier.figures, away: null };
  }

  /** Indexes what is stored, writes it out, and closes the archive. Waiting queries are refused. */
  close(): void {
    this.#stop();
    if (this.#away !== undefined) return;
    while (!this.#archive.isIndexed) this.#archive.indexSome(RECORDS_PER_TURN);
    this.#archive.flush();
    this.#archive.close();
  }

  /** Lets go of all that would keep the thread alive. */
  #stop(): void {
    this.#closed = true;
    clearTimeout(this.#reopenTimer);
    this.#pause();
    this.#readBack.close();
    for (const feed of this.#feeds.values()) this.#drop(feed);
    for (const port of this.#ports) port.close();
    this.#turns.close();
    this.#waiting.close();
  }

  /** Nothing of what is done now and then is done any more. */
  #pause(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#readBack.pause();
  }

  /** What is on the disk is whole, as after a crash: it is opened again as soon as that is possible. */
  #suspend(error: Error): void {
    const why = `the archive waits for room, memory or file descriptors: ${error.message}`;
    this.#away = { why, figures: this.figures(), positions: this.#positions() };
    this.#pause();
    try {
      this.#archive.close();
    } catch {
      // Some of its files may be closed, or were never opened.
    }
    this.#tryAgain();
  }

  #tryAgain(): void {
    this.#reopenTimer = setTimeout(() => {
      this.#guarded(() => {
        this.#archive = this.#reopen();
        this.#away = undefined;
        this.#scheduleTurn();
        this.#readBack.begin();
        for (const feed of this.#feeds.values()) {
          feed.rereading = [];
          feed.asking = false;
          this.#ask(feed);
        }
      });
    }, REOPEN_MS);
  }

  #drop(feed: Feed): void {
    clearTimeout(feed.pause);
    feed.channel.close();
    this.#archive.verifier.want(feed.rereading);
    feed.rereading = [];
    if (this.#feeds.get(feed.shard) === feed) this.#feeds.delete(feed.shard);
  }

  #ask(feed: Feed): void {
    if (feed.asking || feed.rereading.length > 0 || this.#closed || this.#away !== undefined) return;
    if (this.#archive.counts.recordsWaiting > this.#recordsWaitingMax) return;
    clearTimeout(feed.pause);
    feed.pause = undefined;
    feed.asking = true;
    const after = this.#archive.position(feed.shard)?.id ?? null;
    feed.channel.post(packAsk({ after, bytesMax: FEED_BYTES_MAX }));
  }

  #take(feed: Feed, answer: Uint8Array): void {
    if (this.#closed || this.#away !== undefined || this.#feeds.get(feed.shard) !== feed) return;
    const batches = unpackAnswer(answer);
    if (feed.rereading.length > 0 && this.#isAgain(feed, batches)) {
      const asked = feed.rereading;
      feed.rereading = [];
      this.#archive.append(feed.shard, batches);
      this.#archive.verifier.settle(asked);
      this.#readBack.verify();
    } else this.#archive.append(feed.shard, batches);
    feed.asking = false;
    // The next batches come over while these are indexed.
    if (answer.length >= SMALL_ANSWER_BYTES || this.#waiting.size > 0) this.#ask(feed);
    else feed.pause = setTimeout(() => this.#ask(feed), SMALL_ANSWER_PAUSE_MS);
    this.#index();
  }

  /** Whether these are the batches that were asked for again: of what came meanwhile all are new. */
  #isAgain({ shard }: Feed, [first]: readonly Batch[]): boolean {
    const newest = this.#archive.position(shard)?.id;
    return first === undefined || (newest !== undefined && compareLogIds(first.id, newest) <= 0);
  }

  /** One portion of index work; what is left follows when messages have had their turn. */
  #index(): void {
    const left = this.#indexSome();
    this.#waiting.serve(({ needs, needsIndex }) => this.#holds(needs, needsIndex));
    // Those that were not asked while too much waited for the index.
    for (const feed of this.#feeds.values()) if (feed.pause === undefined) this.#ask(feed);
    if (left) this.#scheduleTurn();
  }

  #indexSome(): boolean {
    try {
      return this.#archive.indexSome(RECORDS_PER_TURN);
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

  #holds(needs: readonly Position[], indexed: boolean): boolean {
    return needs.every(({ shard, epoch, seq }) => {
      const id = indexed ? this.#archive.indexedPosition(shard) : this.#archive.position(shard)?.id;
      return id !== undefined && compareLogIds(id, { epoch, seq }) >= 0;
    });
  }

  #run(method: ArchiveMethod, query: unknown): TaggedResult {
    if (this.#away !== undefined) return refused(new OperatingError("log_unavailable", this.#away.why));
    try {
      const ask = this.#archive.answers[method].bind(this.#archive.answers) as (query: unknown) => unknown;
      return { ok: true, value: ask(query) };
    } catch (error) {
      if (isIndexDamaged(error)) return this.#rebuild();
      return refused(error);
    }
  }

  /** Of a record, or a name, it is not known whose it is. */
  #runInTurn(query: unknown, work: () => void): void {
    const { partner = "", account, subject } = query as Readonly<Record<string, string | undefined>>;
    this.#turns.run(partner, ownerKeyOf(account ?? subject ?? ""), work);
  }

  #rebuild(): TaggedResult {
    this.#archive.rebuildIndex();
    this.#scheduleTurn();
    return refused(
      new OperatingError("log_unavailable", "the archive's index was damaged, and is being built anew"),
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
      } else if (this.#away === undefined) this.#suspend(error);
      else this.#tryAgain();
    }
  }
}

function refused(error: unknown): TaggedResult {
  return { ok: false, error: tagError(error) };
}

function isIndexDamaged(error: unknown): boolean {
  return error instanceof ArchiveError && error.code === "index_damaged";
}

function behind(deadlineMs: number): OperatingError {
  return new OperatingError("log_unavailable", `the archive did not catch up within ${deadlineMs} ms`);
}
