/**
 * Group commit, and the gate. Outcomes collect in the open batch while one append is in flight; what depends on a
 * batch, whether it is an answer, a fact, or what a read saw, leaves only once that batch is durable.
 */
import { BodyWriter } from "../actors/codec.ts";
import type { Command, Fact, Outcome } from "../actors/command.ts";
import { assert } from "../assert.ts";
import type { Batch, Journal, LogId } from "../wal/wal.ts";
import type { Failpoints } from "./failpoint.ts";
import { APPEND_BUCKETS_S } from "./figures.ts";
import type { Reply, ReplyGroup } from "./messages.ts";

/** A batch closes at this many records; it takes whole requests, so the last one may exceed it. */
const BATCH_RECORDS_MAX = 8192;

/** What waits for one batch. */
interface Waiting {
  readonly seq: number;
  timeMs: number;
  readonly facts: Fact[];
  readonly replies: Reply[];
}

export type GroupCommitOptions = Readonly<{
  journal: Journal;
  failpoints: Failpoints;
  /** Wall clock, ms. */
  now: () => number;
  send: (group: ReplyGroup) => void;
  /** Called with each batch once it is durable, after its replies have left. */
  onDurable: (batch: Batch) => void;
  onError: (error: unknown) => void;
}>;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #body = new BodyWriter();
  #open: Waiting = emptyBatch(1);
  #inFlight: Waiting | undefined;
  /** Appended batches that are certain to be durable only once the next append is. */
  #unsettled: { waiting: Waiting; batch: Batch }[] = [];
  #ready: Reply[] = [];
  #flushing = false;
  #closed = false;
  /** The newest durable batch; one of an older epoch until the first of ours. */
  #durable: LogId = { epoch: 0, seq: 0 };
  #timeMs = 0;

  batches = 0;
  bytes = 0;
  appendSeconds = 0;
  readonly appendBuckets = new Array<number>(APPEND_BUCKETS_S.length + 1).fill(0);

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Where the log ends, and its last time, as replay found them. */
  begin(durable: LogId | undefined, timeMs: number): void {
    if (durable !== undefined) this.#durable = durable;
    this.#timeMs = timeMs;
  }

  get durable(): LogId {
    return this.#durable;
  }

  /** Logged time of the newest record. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** Number of the batch that the next record goes into, and its place there. */
  get openSeq(): number {
    return this.#open.seq;
  }

  get openCount(): number {
    return this.#body.count;
  }

  get full(): boolean {
    return this.#body.count >= BATCH_RECORDS_MAX;
  }

  /** The newest batch that is not durable yet; 0 when all are. */
  get newestSeq(): number {
    if (this.#body.count > 0) return this.#open.seq;
    return this.#inFlight?.seq ?? this.#unsettled.at(-1)?.waiting.seq ?? 0;
  }

  get idle(): boolean {
    return this.newestSeq === 0;
  }

  /** The time of the open batch: set by its first record, and never before an earlier one. */
  openTime(): number {
    if (this.#body.count === 0)
      this.#open.timeMs = this.#timeMs = Math.max(this.#timeMs, this.#options.now());
    return this.#open.timeMs;
  }

  /** @param source holds the packed command from `start` to `end`. */
  add(
    source: Uint8Array,
    start: number,
    end: number,
    command: Command,
    outcome: Outcome,
    facts: readonly Fact[],
  ): void {
    this.#body.add(source, start, end, command, outcome);
    if (facts.length > 0) this.#open.facts.push(...facts);
  }

  /** Lets a reply leave once batch `seq` of this epoch is durable: at once if it is. */
  reply(reply: Reply, seq: number): void {
    if (this.#body.count > 0 && seq >= this.#open.seq) {
      this.#open.replies.push(reply);
      return;
    }
    const waiting = [this.#inFlight, ...this.#unsettled.map((each) => each.waiting).toReversed()];
    const gate = waiting.find((each) => each !== undefined && seq >= each.seq);
    (gate?.replies ?? this.#ready).push(reply);
  }

  /** Sends what had nothing to wait for. */
  sendReady(): void {
    if (this.#ready.length === 0) return;
    const { epoch, seq } = this.#durable;
    this.#options.send([epoch, seq, this.#timeMs, [], this.#ready]);
    this.#ready = [];
  }

  /** Starts an append at the end of this turn: what else has come in by then joins the batch. */
  flushSoon(): void {
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
    this.openTime();
    const batch = this.#open;
    const { count } = this.#body;
    this.#inFlight = batch;
    this.#open = emptyBatch(batch.seq + 1);
    this.#append(batch, count, this.#body.take()).catch((error: unknown) => this.#options.onError(error));
  }

  /** Nothing leaves from here on. */
  close(): void {
    this.#closed = true;
  }

  async #append(waiting: Waiting, count: number, body: Uint8Array): Promise<void> {
    const { journal, failpoints } = this.#options;
    failpoints.pass("before_append");
    const startedMs = performance.now();
    const batch = await journal.append(waiting.timeMs, count, body);
    assert(batch.id.seq === waiting.seq, "a batch gets the number that its records were given");
    failpoints.pass("after_append");
    if (this.#closed) return;
    this.#count((performance.now() - startedMs) / 1000, body.length);
    this.#inFlight = undefined;
    this.#unsettled.push({ waiting, batch });
    if (batch.settled) this.#release();
    this.flush();
  }

  #release(): void {
    const settled = this.#unsettled;
    this.#unsettled = [];
    for (const { waiting, batch } of settled) {
      this.#durable = batch.id;
      const { epoch, seq } = batch.id;
      this.#options.send([epoch, seq, waiting.timeMs, waiting.facts, waiting.replies]);
      this.#options.onDurable(batch);
    }
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
  return { seq, timeMs: 0, facts: [], replies: [] };
}
