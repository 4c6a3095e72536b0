/**
 * Group commit, and the gate. Records collect in the open batch while one append is in flight. Everything that
 * depends on a batch (a reply, a message to another shard, the result of a read) leaves only when that batch is
 * durable.
 */
import { BodyWriter } from "../../actors/records/codec.ts";
import type { Command, Recorded } from "../../actors/records/command.ts";
import { assert } from "../../errors/assert.ts";
import { monotonicMs, type ShardTimes } from "../../tracing/shard-times.ts";
import type { Batch, Journal, LogId } from "../../wal/wal.ts";
import type { LogClock } from "./clock/log-clock.ts";
import type { Failpoints } from "./failpoint.ts";
import type { Reply } from "./messages.ts";
import { APPEND_BUCKETS_S, BATCH_BUCKETS } from "./stats.ts";

/** A batch accepts no new request at this many records or bytes. A request that has begun may exceed both. */
const BATCH_RECORDS_MAX = 8192;
const BATCH_BYTES_MAX = 16 * 1024 * 1024;
/** The largest request: how far a request that has begun may exceed the bounds above. */
const REQUEST_RECORDS_MAX = 10_000;
const REQUEST_BYTES_MAX = 16 * 1024 * 1024;
/** The largest unit that is decided without a check: one record (of a request of 1 MiB), or one message part. */
const LAST_BYTES_MAX = 8 * 1024 * 1024;
/** `delivered` records: one for each other shard. */
const PEERS_MAX = 1024;

/** The most records that a log entry can have. Follows from the bounds above; asserted when a batch closes. */
export const ENTRY_RECORDS_MAX = BATCH_RECORDS_MAX + REQUEST_RECORDS_MAX + PEERS_MAX;
/** The most bytes that the body of a log entry can have. */
export const ENTRY_BYTES_MAX = BATCH_BYTES_MAX + REQUEST_BYTES_MAX + LAST_BYTES_MAX;
/** If an append takes longer, batches are made smaller: throughput does not suffer, and replies leave sooner. */
const SLOW_APPEND_S = 1;
const SLOW_BATCH_RECORDS_MIN = 512;

/** Position and log time of a durable batch. */
export type Durable = Readonly<{ id: LogId; timeMs: number }>;

/** Everything that leaves when one batch is durable. */
interface Waiting {
  readonly seq: number;
  timeMs: number;
  /** Indexed by gateway; sparse. */
  readonly replies: Reply[][];
  readonly actions: ((at: Durable) => void)[];
  /** For traced requests whose replies wait for the batch. Absent: there are none. */
  traced?: ((append: NonNullable<ShardTimes["append"]>) => void)[];
  /** When its append began (`performance.now()`), and its number of records. */
  appendedMs: number;
  records: number;
}

/** A batch accepts no new request at this many records or bytes. */
export type BatchBounds = Readonly<{ records: number; bytes: number }>;

export type GroupCommitOptions = Readonly<{
  /** Smaller bounds for tests. */
  bounds?: BatchBounds;
  journal: Journal;
  failpoints: Failpoints;
  clock: LogClock;
  send: (gateway: number, at: Durable, replies: readonly Reply[]) => void;
  /** Called before the append of a batch begins, to add records that can ride along with any batch. */
  onFlush: () => void;
  /** Called with each batch once it is durable, after its replies have left. */
  onDurable: (batch: Batch) => void;
  /** Called when an append has finished: the open batch has room again. */
  onRoom: () => void;
  onError: (error: unknown) => void;
}>;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #body = new BodyWriter();
  #open: Waiting = emptyBatch(1);
  #inFlight: Waiting | undefined;
  /** Of the batch in flight: its number of records, and when its append began (`performance.now()`). */
  #inFlightCount = 0;
  #inFlightSinceMs = 0;
  /** Appended batches whose durability is proved only by the next successful append (after a restart of the store). */
  #unsettled: { waiting: Waiting; batch: Batch }[] = [];
  #ready: Reply[][] = [];
  #flushing = false;
  #closed = false;
  /** The open batch has its time: it is set by the first decision or record. */
  #isTimed = false;
  /** The newest durable batch; of an older epoch until our first batch is durable. */
  #durable: LogId = { epoch: 0, seq: 0 };
  #durableMs = 0;
  #timeMs = 0;
  #recordedMs = 0;
  readonly #bounds: BatchBounds;
  #recordsMax: number;

  #bytes = 0;
  #appendSeconds = 0;
  readonly #appendBuckets = new Array<number>(APPEND_BUCKETS_S.length + 1).fill(0);
  /** Batches by number of records. */
  readonly #batchBuckets = new Array<number>(BATCH_BUCKETS.length + 1).fill(0);

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#bounds = options.bounds ?? { records: BATCH_RECORDS_MAX, bytes: BATCH_BYTES_MAX };
    this.#recordsMax = this.#bounds.records;
  }

  /** Sets the end of the log and its last time (ms since 1970), as found by replay. */
  begin(durable: LogId | undefined, timeMs: number): void {
    if (durable !== undefined) this.#durable = durable;
    this.#timeMs = timeMs;
    this.#durableMs = timeMs;
    this.#recordedMs = timeMs;
  }

  get durable(): LogId {
    return this.#durable;
  }

  get stats() {
    const isWaiting = this.#inFlight !== undefined;
    return {
      durableMs: this.#durableMs,
      undurable: this.#body.count + (isWaiting ? this.#inFlightCount : 0),
      undurableMs: isWaiting ? performance.now() - this.#inFlightSinceMs : 0,
      bytes: this.#bytes,
      batchBuckets: [...this.#batchBuckets],
      appendSeconds: this.#appendSeconds,
      appendBuckets: [...this.#appendBuckets],
    };
  }

  /** Sequence number of the open batch. */
  get openSeq(): number {
    return this.#open.seq;
  }

  /** Number of records in the open batch, which is also the index of the next one. */
  get openCount(): number {
    return this.#body.count;
  }

  get full(): boolean {
    return this.#body.count >= this.#recordsMax || this.#body.bytes >= this.#bounds.bytes;
  }

  /** A quarter is filled: expiries add no more to this batch, the rest is for requests. */
  get crowded(): boolean {
    return this.#body.count >= this.#recordsMax >> 2 || this.#body.bytes >= this.#bounds.bytes / 4;
  }

  /** The batch accepts no more records even of a request that has begun. */
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

  /** Log time of the newest record, ms. */
  get recordedMs(): number {
    return this.#recordedMs;
  }

  /**
   * The time of the open batch in ms, never before that of an earlier batch. The clock is read once for each batch,
   * so a command is logged with the same time at which it was decided.
   */
  openTime(): number {
    if (!this.#isTimed) {
      this.#isTimed = true;
      this.#open.timeMs = this.#timeMs = Math.max(this.#timeMs, this.#options.clock.now());
    }
    return this.#open.timeMs;
  }

  /**
   * Whether a message that another shard logged at `timeMs` may go into the open batch, whose time must not be
   * earlier. An empty batch is moved forward to `timeMs`. The time of a batch with records is fixed: the message
   * waits for the next batch, which is never earlier. Call it between two commands, because it may move the time. A
   * time too far ahead is not followed: the message is committed and cannot be refused, so it is logged at our own
   * time.
   */
  reaches(timeMs: number): boolean {
    const reachedMs = this.#options.clock.raise(timeMs);
    this.#timeMs = Math.max(this.#timeMs, reachedMs);
    const openMs = this.openTime();
    if (this.#body.count > 0) return openMs >= reachedMs;
    this.#open.timeMs = Math.max(openMs, reachedMs);
    return true;
  }

  /** Whether log time can be raised to `timeMs`; false if that is too far ahead of the clock. */
  mayReach(timeMs: number): boolean {
    return this.#options.clock.raise(timeMs) >= timeMs;
  }

  /** Ends a turn of the shard, when no command is half decided. An empty batch gets a new time in the next turn. */
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
   * Whether the append of batch `seq` has not begun. Its success will prove that we own the log at this moment. An
   * append in flight proves nothing: the log may have executed it before the current request arrived.
   */
  isOpen(seq: number): boolean {
    return this.#body.count > 0 && seq >= this.#open.seq;
  }

  /** Sends a reply when batch `seq` of this epoch is durable; if it is already, with the next `sendReady`. */
  reply(gateway: number, reply: Reply, seq: number): void {
    const replies = this.#waitingFor(seq)?.replies ?? this.#ready;
    (replies[gateway] ??= []).push(reply);
  }

  /** Calls `action` when batch `seq` of this epoch is durable: immediately if it is already. */
  whenDurable(seq: number, action: (at: Durable) => void): void {
    const waiting = this.#waitingFor(seq);
    if (waiting === undefined) action({ id: this.#durable, timeMs: this.#timeMs });
    else waiting.actions.push(action);
  }

  /** Calls `then` before the replies that wait for batch `seq` leave: with its append, or at once if they need not wait. */
  trace(seq: number, then: (append?: ShardTimes["append"]) => void): void {
    const waiting = this.#waitingFor(seq);
    if (waiting === undefined) then();
    else (waiting.traced ??= []).push(then);
  }

  /** The oldest batch that is not durable yet and whose durability implies that of batch `seq`; `undefined` if none. */
  #waitingFor(seq: number): Waiting | undefined {
    if (this.isOpen(seq)) return this.#open;
    if (this.#inFlight !== undefined && seq >= this.#inFlight.seq) return this.#inFlight;
    return this.#unsettled.findLast(({ waiting }) => seq >= waiting.seq)?.waiting;
  }

  /** Sends replies that had no batch to wait for. */
  sendReady(): void {
    if (this.#ready.length === 0) return;
    const ready = this.#ready;
    this.#ready = [];
    this.#send({ id: this.#durable, timeMs: this.#timeMs }, ready);
  }

  /** Starts an append at the end of this event-loop turn, so that commands that arrive until then join the batch. */
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
    this.#inFlightCount = count;
    this.#inFlightSinceMs = startedMs;
    waiting.appendedMs = startedMs;
    waiting.records = count;
    const batch = await journal.append(waiting.timeMs, count, body);
    assert(batch.id.seq === waiting.seq, "a batch gets the number that its records were given");
    failpoints.pass("after_append");
    if (this.#closed) return;
    const seconds = (performance.now() - startedMs) / 1000;
    this.#count(seconds, count, body.length);
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
      this.#durableMs = timeMs;
      if (waiting.traced !== undefined) endTraces(waiting, waiting.traced);
      this.#send({ id, timeMs }, waiting.replies);
      for (const act of waiting.actions) act({ id, timeMs });
      this.#options.onDurable(batch);
    }
  }

  #send(at: Durable, replies: readonly Reply[][]): void {
    // Sparse array: forEach skips gateways without replies.
    replies.forEach((ofGateway, gateway) => this.#options.send(gateway, at, ofGateway));
  }

  #count(seconds: number, records: number, bytes: number): void {
    this.#bytes += bytes;
    this.#appendSeconds += seconds;
    countIn(this.#appendBuckets, APPEND_BUCKETS_S, seconds);
    countIn(this.#batchBuckets, BATCH_BUCKETS, records);
  }
}

/** Adds 1 to the bucket of a value. */
function countIn(buckets: number[], bounds: readonly number[], value: number): void {
  const found = bounds.findIndex((bound) => value <= bound);
  const bucket = found < 0 ? bounds.length : found;
  buckets[bucket] = (buckets[bucket] ?? 0) + 1;
}

function emptyBatch(seq: number): Waiting {
  return { seq, timeMs: 0, replies: [], actions: [], appendedMs: 0, records: 0 };
}

function endTraces({ appendedMs, records }: Waiting, traced: NonNullable<Waiting["traced"]>): void {
  const durableMs = monotonicMs();
  const beganMs = durableMs - (performance.now() - appendedMs);
  for (const then of traced) then({ beganMs, durableMs, records });
}
