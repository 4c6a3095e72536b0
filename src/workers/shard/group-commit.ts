/**
 * Group commit, and the gate. Outcomes collect in the open batch while one append is in flight; what depends on a
 * batch, whether it is an answer, a message to another shard, or what a read saw, leaves only once that batch is durable.
 */
import { BodyWriter } from "../../actors/records/codec.ts";
import type { Command, Recorded } from "../../actors/records/command.ts";
import { assert } from "../../errors/assert.ts";
import type { Batch, Journal, LogId } from "../../wal/wal.ts";
import type { LogClock } from "./clock/log-clock.ts";
import type { Failpoints } from "./failpoint.ts";
import type { Reply } from "./messages.ts";
import { APPEND_BUCKETS_S } from "./stats.ts";

/** A batch takes no new request at this many records, or bytes; one that it has begun may exceed it. */
const BATCH_RECORDS_MAX = 8192;
const BATCH_BYTES_MAX = 16 * 1024 * 1024;
/** By this many at most, which a largest request has. */
const REQUEST_RECORDS_MAX = 10_000;
const REQUEST_BYTES_MAX = 16 * 1024 * 1024;
/** And by what is decided in one go: one record (of a request of 1 MiB), or the messages of one part. */
const LAST_BYTES_MAX = 8 * 1024 * 1024;
/** With the records of messages that other shards have: one for each of them. */
const PEERS_MAX = 1024;

/** No entry of the log is larger. It follows from the bounds above, and is checked when a batch closes. */
export const ENTRY_RECORDS_MAX = BATCH_RECORDS_MAX + REQUEST_RECORDS_MAX + PEERS_MAX;
/** Of its body. */
export const ENTRY_BYTES_MAX = BATCH_BYTES_MAX + REQUEST_BYTES_MAX + LAST_BYTES_MAX;
/** A log that takes longer for a batch is so slow that smaller ones make nothing slower, and let answers out sooner. */
const SLOW_APPEND_S = 1;
const SLOW_BATCH_RECORDS_MIN = 512;

/** Where a durable batch stands, and when it was logged. */
export type Durable = Readonly<{ id: LogId; timeMs: number }>;

/** What waits for one batch. */
interface Waiting {
  readonly seq: number;
  timeMs: number;
  /** By the number of the gateway. */
  readonly replies: Reply[][];
  readonly actions: ((at: Durable) => void)[];
}

/** At how many records, or bytes, a batch takes no new request. */
export type BatchBounds = Readonly<{ records: number; bytes: number }>;

export type GroupCommitOptions = Readonly<{
  /** Smaller ones than usual, for tests. */
  bounds?: BatchBounds;
  journal: Journal;
  failpoints: Failpoints;
  clock: LogClock;
  send: (gateway: number, at: Durable, replies: readonly Reply[]) => void;
  /** Called before the append of a batch begins: what goes along with any batch is added now. */
  onFlush: () => void;
  /** Called with each batch once it is durable, after its replies have left. */
  onDurable: (batch: Batch) => void;
  /** Called when an append is over: what waited for the next batch has room. */
  onRoom: () => void;
  onError: (error: unknown) => void;
}>;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #body = new BodyWriter();
  #open: Waiting = emptyBatch(1);
  #inFlight: Waiting | undefined;
  /** Appended batches that are certain to be durable only once the next append is. */
  #unsettled: { waiting: Waiting; batch: Batch }[] = [];
  #ready: Reply[][] = [];
  #flushing = false;
  #closed = false;
  /** The open batch has a time: from the first decision or record on. */
  #isTimed = false;
  /** The newest durable batch; one of an older epoch until the first of ours. */
  #durable: LogId = { epoch: 0, seq: 0 };
  #timeMs = 0;
  #recordedMs = 0;
  readonly #bounds: BatchBounds;
  #recordsMax: number;

  batches = 0;
  bytes = 0;
  appendSeconds = 0;
  readonly appendBuckets = new Array<number>(APPEND_BUCKETS_S.length + 1).fill(0);

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#bounds = options.bounds ?? { records: BATCH_RECORDS_MAX, bytes: BATCH_BYTES_MAX };
    this.#recordsMax = this.#bounds.records;
  }

  /** Where the log ends, and its last time, as replay found them. */
  begin(durable: LogId | undefined, timeMs: number): void {
    if (durable !== undefined) this.#durable = durable;
    this.#timeMs = timeMs;
    this.#recordedMs = timeMs;
  }

  get durable(): LogId {
    return this.#durable;
  }

  /** Number of the batch that the next record goes into, and its place there. */
  get openSeq(): number {
    return this.#open.seq;
  }

  get openCount(): number {
    return this.#body.count;
  }

  get full(): boolean {
    return this.#body.count >= this.#recordsMax || this.#body.bytes >= this.#bounds.bytes;
  }

  /** What nobody has asked for in this batch has had its share of it: the rest is for requests. */
  get crowded(): boolean {
    return this.#body.count >= this.#recordsMax >> 2 || this.#body.bytes >= this.#bounds.bytes / 4;
  }

  /** It takes no more of a request that it has begun, either. */
  get overfull(): boolean {
    const { count, bytes } = this.#body;
    return count >= this.#recordsMax + REQUEST_RECORDS_MAX || bytes >= this.#bounds.bytes + REQUEST_BYTES_MAX;
  }

  /** The newest batch that is not durable yet; 0 when all are. */
  get newestSeq(): number {
    if (this.#body.count > 0) return this.#open.seq;
    return this.#inFlight?.seq ?? this.#unsettled.at(-1)?.waiting.seq ?? 0;
  }

  get idle(): boolean {
    return this.newestSeq === 0;
  }

  /** The time of the newest record. */
  get recordedMs(): number {
    return this.#recordedMs;
  }

  /**
   * The time of the open batch, never before that of an earlier one. The clock is read once: what is decided at this time is
   * also logged at it, whatever the clock says by then.
   */
  openTime(): number {
    if (!this.#isTimed) {
      this.#isTimed = true;
      this.#open.timeMs = this.#timeMs = Math.max(this.#timeMs, this.#options.clock.now());
    }
    return this.#open.timeMs;
  }

  /**
   * Whether what was logged elsewhere at `timeMs` may go into the open batch: its own time must not be earlier, and once
   * it has a record its time is fixed. The next batch is not earlier in any case. To be called between two commands, since
   * it may move the time on. A time that is too far ahead is not followed: what bears it is taken at a time of our own, since
   * nothing that is committed may be refused.
   */
  reaches(timeMs: number): boolean {
    const reachedMs = this.#options.clock.raise(timeMs);
    this.#timeMs = Math.max(this.#timeMs, reachedMs);
    const openMs = this.openTime();
    if (this.#body.count > 0) return openMs >= reachedMs;
    this.#open.timeMs = Math.max(openMs, reachedMs);
    return true;
  }

  /** Whether log time may be raised to `timeMs`. One that is too far ahead is not followed, whoever names it. */
  mayReach(timeMs: number): boolean {
    return this.#options.clock.raise(timeMs) >= timeMs;
  }

  /** A turn of the shard is over: nothing is half decided. While the open batch is empty, the next turn reads the clock. */
  endTurn(): void {
    if (this.#body.count === 0) this.#isTimed = false;
    this.#flushSoon();
  }

  /** @param source holds the packed command from `start` to `end`. */
  add(source: Uint8Array, start: number, end: number, command: Command, outcome: Recorded): void {
    this.#body.add(source, start, end, command, outcome);
    this.#recordedMs = this.#open.timeMs;
  }

  /**
   * Whether the append of batch `seq` is still to begin: that it succeeds will prove that we own the log by now. One that is in
   * flight proves nothing, since its answer may be older than whatever has just come.
   */
  isOpen(seq: number): boolean {
    return this.#body.count > 0 && seq >= this.#open.seq;
  }

  /** Lets a reply leave once batch `seq` of this epoch is durable: at once if it is. */
  reply(gateway: number, reply: Reply, seq: number): void {
    const replies = this.#waitingFor(seq)?.replies ?? this.#ready;
    (replies[gateway] ??= []).push(reply);
  }

  /** Acts once batch `seq` of this epoch is durable: at once if it is. */
  whenDurable(seq: number, action: (at: Durable) => void): void {
    const waiting = this.#waitingFor(seq);
    if (waiting === undefined) action({ id: this.#durable, timeMs: this.#timeMs });
    else waiting.actions.push(action);
  }

  /** The oldest batch on its way that is durable only when batch `seq` is, too. */
  #waitingFor(seq: number): Waiting | undefined {
    if (this.isOpen(seq)) return this.#open;
    if (this.#inFlight !== undefined && seq >= this.#inFlight.seq) return this.#inFlight;
    return this.#unsettled.findLast(({ waiting }) => seq >= waiting.seq)?.waiting;
  }

  /** Sends what had nothing to wait for. */
  sendReady(): void {
    if (this.#ready.length === 0) return;
    const ready = this.#ready;
    this.#ready = [];
    this.#send({ id: this.#durable, timeMs: this.#timeMs }, ready);
  }

  /** Starts an append at the end of this turn: what else has come in by then joins the batch. */
  #flushSoon(): void {
    if (this.#flushing || this.#inFlight !== undefined || this.#body.count === 0) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.flush();
    });
  }

  /** Starts the append of the open batch, unless one is in flight. */
  flush(): void {
    const nothing = this.#body.count === 0 && this.#unsettled.length === 0;
    if (this.#inFlight !== undefined || nothing || this.#closed) return;
    this.#append().catch((error: unknown) => this.#options.onError(error));
  }

  /** Nothing leaves from here on. */
  close(): void {
    this.#closed = true;
  }

  async #append(): Promise<void> {
    const { journal, failpoints, onFlush, onRoom } = this.#options;
    this.openTime();
    onFlush();
    const waiting = this.#open;
    const { count } = this.#body;
    const body = this.#body.take();
    assert(count <= ENTRY_RECORDS_MAX && body.length <= ENTRY_BYTES_MAX, "an entry of the log is bounded");
    this.#inFlight = waiting;
    this.#open = emptyBatch(waiting.seq + 1);
    this.#isTimed = false;
    failpoints.pass("before_append");
    const startedMs = performance.now();
    const batch = await journal.append(waiting.timeMs, count, body);
    assert(batch.id.seq === waiting.seq, "a batch gets the number that its records were given");
    failpoints.pass("after_append");
    if (this.#closed) return;
    const seconds = (performance.now() - startedMs) / 1000;
    this.#count(seconds, body.length);
    this.#adapt(seconds, count);
    this.#inFlight = undefined;
    this.#unsettled.push({ waiting, batch });
    if (batch.settled) this.#release();
    this.flush();
    onRoom();
  }

  #adapt(seconds: number, count: number): void {
    if (seconds > SLOW_APPEND_S)
      this.#recordsMax = Math.min(this.#bounds.records, Math.max(SLOW_BATCH_RECORDS_MIN, count >> 1));
    else if (seconds < SLOW_APPEND_S / 4)
      this.#recordsMax = Math.min(this.#bounds.records, 2 * this.#recordsMax);
  }

  #release(): void {
    const settled = this.#unsettled;
    this.#unsettled = [];
    for (const { waiting, batch } of settled) {
      const { id, timeMs } = batch;
      this.#durable = id;
      this.#send({ id, timeMs }, waiting.replies);
      for (const act of waiting.actions) act({ id, timeMs });
      this.#options.onDurable(batch);
    }
  }

  #send(at: Durable, replies: readonly Reply[][]): void {
    // Sparse: a gateway that waits for nothing has no place.
    replies.forEach((there, gateway) => this.#options.send(gateway, at, there));
  }

  #count(seconds: number, bytes: number): void {
    this.batches += 1;
    this.bytes += bytes;
    this.appendSeconds += seconds;
    const bucket = APPEND_BUCKETS_S.findIndex((bound) => seconds <= bound);
    const index = bucket < 0 ? APPEND_BUCKETS_S.length : bucket;
    this.appendBuckets[index] = (this.appendBuckets[index] ?? 0) + 1;
  }
}

function emptyBatch(seq: number): Waiting {
  return { seq, timeMs: 0, replies: [], actions: [] };
}
