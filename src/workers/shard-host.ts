/**
 * A shard: one mailbox, one ledger, one log stream.
 *
 *     mailbox → decide → apply → open batch → (one append in flight) → durable → the gate opens → replies
 *
 * Commands are applied in memory at once, so that the next one sees them; nothing that depends on them leaves
 * before their batch is durable, neither an answer nor what a read found. What arrives while an append is under
 * way forms the next batch: load makes batches larger, not latency longer.
 *
 * It knows no carrier: bytes and control messages come in, and go out through `post`.
 */

import {
  BodyWriter,
  decode,
  decodeBatchBody,
  encode,
  fromWireRecord,
  readCommands,
  toWireOutcome,
  type WireRecord,
} from "../actors/codec.ts";
import type { Command, Fact, Outcome, TransferPosted } from "../actors/command.ts";
import { Ledger } from "../actors/ledger.ts";
import { factsOf } from "../actors/partner.ts";
import { REJECTIONS } from "../actors/rejection.ts";
import { transferId } from "../actors/routing.ts";
import { assert } from "../assert.ts";
import { type Batch, formatLogId, type Journal, LogError, type LogId } from "../wal/wal.ts";
import { ArchiveFeed } from "./archive-feed.ts";
import { type Failpoint, Failpoints } from "./failpoint.ts";
import { APPEND_BUCKETS_S, type ShardFigures } from "./figures.ts";
import {
  type CommandReply,
  type FromShard,
  REFUSED,
  REPLAYED,
  REQUEST,
  type Refused,
  type Replayed,
  type Reply,
  type ReplyGroup,
  type Request,
  type ShardExit,
  type ToShard,
  type WireItem,
} from "./messages.ts";
import { answerQuery } from "./shard-query.ts";

/** An owner older than this may have been replaced: a claimer waits as long before it serves. */
export const LEASE_MS = 1000;

/** A batch takes whole requests, and closes at either bound. */
const BATCH_RECORDS_MAX = 8192;
const KEYS_SWEPT_PER_BATCH = 10_000;

interface OpenBatch {
  readonly seq: number;
  timeMs: number;
  readonly facts: Fact[];
  readonly replies: Reply[];
}

export type HostOptions = Readonly<{
  shard: number;
  journal: Journal;
  post: (message: FromShard | Uint8Array<ArrayBuffer>) => void;
  /** Wall clock, ms; logged times follow it but never go back. */
  now: () => number;
  threadId: number;
  failpoints: readonly Failpoint[];
  /** Told of each batch once it is durable. */
  onDurable: (batch: Batch) => void;
  /** Settings of the log that are weaker than they should be, by the operator's choice. */
  warnings: () => readonly string[];
}>;

export class ShardHost {
  readonly #journal: Journal;
  readonly #options: HostOptions;
  readonly #failpoints: Failpoints;
  readonly #ledger = new Ledger();
  readonly #feed: ArchiveFeed;
  readonly #exited = Promise.withResolvers<ShardExit>();
  readonly #proceed = Promise.withResolvers<void>();

  #mailbox: Request[] = [];
  #open: OpenBatch = emptyBatch(1);
  /** The records of the open batch. */
  readonly #body = new BodyWriter();
  #inFlight: OpenBatch | undefined;
  /** The newest durable batch, of an older epoch until the first append of ours. */
  #durable: LogId = { epoch: 0, seq: 0 };
  #timeMs = 0;
  #transfers = 0;
  #immediate: Reply[] = [];
  /** Reads that wait until the log has confirmed that we still own it. */
  #leaseWaiting: Reply[] = [];
  #stopping = false;
  #ended = false;
  #heartbeat: NodeJS.Timeout | undefined;
  #available = true;
  #flushing = false;

  #figures = {
    commands: 0,
    rejections: 0,
    replays: 0,
    reads: 0,
    batches: 0,
    bytes: 0,
    appendSeconds: 0,
    appendBuckets: new Array<number>(APPEND_BUCKETS_S.length + 1).fill(0),
    recovery: { snapshotMs: 0, replayed: 0, replayMs: 0 },
  };

  constructor(options: HostOptions) {
    this.#options = options;
    this.#journal = options.journal;
    this.#failpoints = new Failpoints(options.failpoints);
    this.#feed = new ArchiveFeed(options.journal, (error) => this.#fail(error));
  }

  /** Claims, replays, serves; resolves when the shard has ended, whatever the reason. */
  run(): Promise<ShardExit> {
    this.#recover().catch((error: unknown) => this.#fail(error));
    return this.#exited.promise;
  }

  /** Packed requests of a gateway. */
  receive(bytes: Uint8Array): void {
    if (this.#ended) return;
    try {
      for (const request of decode(bytes) as Request[]) this.#mailbox.push(request);
      this.#work();
    } catch (error) {
      this.#fail(error);
    }
  }

  control(message: ToShard): void {
    switch (message.type) {
      case "proceed":
        this.#proceed.resolve();
        return;
      case "stop":
        this.#stopping = true;
        this.#endIfIdle();
        return;
      case "figures":
        this.#options.post({ type: "figures", figures: this.figures() });
        return;
      case "archive":
        this.#feed.attach(message.port);
        return;
    }
  }

  figures(): ShardFigures {
    const { commands, rejections, replays, reads, batches, bytes, appendSeconds, appendBuckets, recovery } =
      this.#figures;
    const newest = this.#newestSeq();
    return {
      epoch: this.#journal.epoch,
      position: this.#position(newest === 0 ? this.#durable : { epoch: this.#journal.epoch, seq: newest }),
      durablePosition: this.#position(this.#durable),
      accounts: this.#ledger.accounts,
      keys: this.#ledger.keys.size,
      mailboxDepth: this.#mailbox.length,
      commands,
      rejections,
      replays,
      reads,
      batches,
      bytes,
      heapBytes: process.memoryUsage().heapUsed,
      threadId: this.#options.threadId,
      recovery,
      appendBuckets: [...appendBuckets],
      appendSeconds,
    };
  }

  async #recover(): Promise<void> {
    const before = await this.#journal.claim();
    const claimedMs = performance.now();
    this.#options.post({ type: "claimed", epoch: this.#journal.epoch });
    await this.#proceed.promise;
    const startedMs = performance.now();
    let last: LogId | undefined;
    await this.#journal.replay((batch) => {
      this.#replayBatch(batch);
      last = batch.id;
    });
    this.#figures.recovery.replayMs = Math.round(performance.now() - startedMs);
    if (last !== undefined) this.#durable = last;
    this.#feed.begin(last);
    if (before !== undefined && before.claimant.instance !== this.#journal.instance) {
      // The other owner may answer reads until its lease is over.
      await wait(LEASE_MS - (performance.now() - claimedMs));
    }
    this.#options.post({ type: "ready", facts: this.#ledger.facts() });
    this.#heartbeat = setInterval(() => this.#beat(), LEASE_MS / 4);
    this.#work();
  }

  #replayBatch(batch: Batch): void {
    const { epoch, seq } = batch.id;
    const { timeMs } = batch;
    const records = decodeBatchBody(batch.body);
    assert(records.length === batch.count, "a batch holds as many records as it says");
    for (let index = 0; index < records.length; index++) {
      const { command, outcome } = fromWireRecord(records[index] as WireRecord);
      // Batches of older epochs are durable: no read has to wait for them.
      this.#ledger.apply(command, outcome, { epoch, seq, index, timeMs }, 0);
    }
    this.#ledger.keys.sweep(timeMs, KEYS_SWEPT_PER_BATCH);
    this.#timeMs = Math.max(this.#timeMs, timeMs);
    this.#figures.recovery.replayed += records.length;
  }

  /** Handles what is in the mailbox, as far as the open batch has room, and starts the next append. */
  #work(): void {
    const mailbox = this.#mailbox;
    let handled = 0;
    while (handled < mailbox.length && this.#body.count < BATCH_RECORDS_MAX) {
      this.#handle(mailbox[handled++] as Request);
      if (this.#body.count >= BATCH_RECORDS_MAX) this.#flush();
    }
    this.#mailbox = handled === mailbox.length ? [] : mailbox.slice(handled);
    this.#flushSoon();
    this.#sendImmediate();
    if (this.#stopping) this.#endIfIdle();
  }

  #handle(request: Request): void {
    const no = request[0];
    switch (request[1]) {
      case REQUEST.command:
        readCommands(request[2], (command, start, end) => {
          const reply = this.#execute(command, request[2], start, end);
          this.#reply([no, toReply(command, reply)], this.#gateOf(reply));
        });
        return;
      case REQUEST.transfers: {
        const items: WireItem[] = [];
        readCommands(request[2], (command, start, end) => {
          const reply = this.#execute(command, request[2], start, end);
          items.push(toItem(reply));
        });
        this.#reply([no, items], this.#newestSeq());
        return;
      }
      case REQUEST.query: {
        this.#figures.reads += 1;
        const { result, batch } = answerQuery(this.#ledger, request[2], request[3]);
        this.#read([no, result], batch ?? this.#newestSeq());
        return;
      }
    }
  }

  /**
   * One command: by its key, if that was used before; else decided, applied, and put into the open batch.
   *
   * @param source holds the packed command from `start` to `end`.
   */
  #execute(command: Command, source: Uint8Array, start: number, end: number): Outcome | Replayed | Refused {
    this.#failpoints.pass("before_decide");
    const open = this.#open;
    const body = this.#body;
    if (body.count === 0) open.timeMs = this.#timeMs = Math.max(this.#timeMs, this.#options.now());
    const known = this.#ledger.lookUpKey(command, open.timeMs);
    if (known !== undefined) {
      if ("refused" in known) return [REFUSED, known.refused];
      this.#figures.replays += 1;
      return [REPLAYED, known.first.epoch, known.first.seq, known.first.index];
    }
    const outcome = this.#ledger.decide(command, open.timeMs, this.#newTransferId);
    const place = { epoch: this.#journal.epoch, seq: open.seq, index: body.count, timeMs: open.timeMs };
    this.#ledger.apply(command, outcome, place, open.seq);
    body.add(source, start, end, command, outcome);
    if (command.op !== "transfer") open.facts.push(...factsOf(command, outcome));
    this.#figures.commands += 1;
    if (!outcome.ok) this.#figures.rejections += 1;
    return outcome;
  }

  readonly #newTransferId = (vnode: number): string =>
    transferId(vnode, this.#journal.epoch, ++this.#transfers);

  /** The batch of this epoch that an answer must wait for; 0 when it stands in an older epoch. */
  #gateOf(reply: Outcome | Replayed | Refused): number {
    if ("ok" in reply) return this.#open.seq;
    if (reply[0] === REPLAYED) return reply[1] === this.#journal.epoch ? reply[2] : 0;
    return this.#newestSeq();
  }

  /** The newest batch that is not durable yet; 0 when all are. */
  #newestSeq(): number {
    return this.#body.count > 0 ? this.#open.seq : (this.#inFlight?.seq ?? 0);
  }

  #reply(reply: Reply, batch: number): void {
    if (this.#body.count > 0 && batch >= this.#open.seq) this.#open.replies.push(reply);
    else if (this.#inFlight !== undefined && batch >= this.#inFlight.seq) this.#inFlight.replies.push(reply);
    else this.#immediate.push(reply);
  }

  /** A read may show nothing that another owner could have changed since our last word from the log. */
  #read(reply: Reply, batch: number): void {
    if (performance.now() - this.#journal.lastExchangeMs < LEASE_MS) {
      this.#reply(reply, batch);
      return;
    }
    this.#leaseWaiting.push(reply);
    if (this.#leaseWaiting.length === 1) this.#confirmOwner();
  }

  #confirmOwner(): void {
    this.#journal.confirmOwner().then(
      () => {
        // Whatever was applied meanwhile is newer than what these reads saw; the open batch is a safe gate.
        const waiting = this.#leaseWaiting;
        this.#leaseWaiting = [];
        for (const reply of waiting) this.#reply(reply, Number.MAX_SAFE_INTEGER);
        this.#sendImmediate();
      },
      (error: unknown) => {
        if (!(error instanceof LogError && error.code === "log_unavailable")) this.#fail(error);
        else if (this.#leaseWaiting.length > 0 && !this.#ended) setImmediate(() => this.#confirmOwner());
      },
    );
  }

  #sendImmediate(): void {
    if (this.#immediate.length === 0) return;
    const { epoch, seq } = this.#durable;
    this.#send([epoch, seq, this.#timeMs, [], this.#immediate]);
    this.#immediate = [];
  }

  #send(group: ReplyGroup): void {
    this.#options.post(encode(group));
  }

  /** What else has come in by the end of this turn joins the batch. */
  #flushSoon(): void {
    if (this.#flushing || this.#inFlight !== undefined) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /** Starts the append of the open batch, unless one is under way. */
  #flush(): void {
    if (this.#inFlight !== undefined || this.#body.count === 0 || this.#ended) return;
    const batch = this.#open;
    const { count } = this.#body;
    this.#inFlight = batch;
    this.#open = emptyBatch(batch.seq + 1);
    this.#append(batch, count, this.#body.take()).catch((error: unknown) => this.#fail(error));
  }

  async #append(batch: OpenBatch, count: number, body: Uint8Array): Promise<void> {
    this.#failpoints.pass("before_append");
    const startedMs = performance.now();
    const durable = await this.#journal.append(batch.timeMs, count, body);
    assert(durable.id.seq === batch.seq, "a batch gets the number that its records were given");
    this.#failpoints.pass("after_append");
    if (this.#ended) return;
    this.#countAppend((performance.now() - startedMs) / 1000, body.length);
    this.#durable = durable.id;
    this.#inFlight = undefined;
    this.#send([durable.id.epoch, durable.id.seq, batch.timeMs, batch.facts, batch.replies]);
    this.#options.onDurable(durable);
    this.#feed.offer(durable);
    this.#ledger.keys.sweep(batch.timeMs, KEYS_SWEPT_PER_BATCH);
    this.#work();
  }

  #countAppend(seconds: number, bytes: number): void {
    const figures = this.#figures;
    figures.batches += 1;
    figures.bytes += bytes;
    figures.appendSeconds += seconds;
    const bucket = APPEND_BUCKETS_S.findIndex((bound) => seconds <= bound);
    const index = bucket < 0 ? APPEND_BUCKETS_S.length : bucket;
    figures.appendBuckets[index] = (figures.appendBuckets[index] ?? 0) + 1;
  }

  /** Keeps the lease warm while nothing is written, and tells the gateway when the log does not answer. */
  #beat(): void {
    const idle = this.#inFlight === undefined;
    if (
      idle &&
      performance.now() - this.#journal.lastExchangeMs > LEASE_MS / 2 &&
      this.#leaseWaiting.length === 0
    ) {
      this.#confirmOwner();
    }
    const silentMs = performance.now() - this.#journal.lastExchangeMs;
    const available = this.#journal.available && silentMs < 2 * LEASE_MS;
    if (available === this.#available) return;
    this.#available = available;
    this.#options.post({ type: "log", available, warnings: this.#options.warnings() });
  }

  #endIfIdle(): void {
    if (this.#inFlight !== undefined || this.#mailbox.length > 0 || this.#body.count > 0) return;
    this.#end({ reason: "stopped", message: "stopped" });
  }

  #fail(error: unknown): void {
    const reason = error instanceof LogError ? error.code : "crashed";
    const message =
      error instanceof Error
        ? reason === "crashed"
          ? (error.stack ?? error.message)
          : error.message
        : String(error);
    this.#end({ reason, message });
  }

  /** Nothing that is not durable may leave from here on: the memory is forgotten with the thread. */
  #end(exit: ShardExit): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#heartbeat);
    this.#feed.close();
    const ended = () => this.#exited.resolve(exit);
    this.#journal.close().then(ended, ended);
  }

  #position(id: LogId): string {
    return `${this.#options.shard}:${formatLogId(id)}`;
  }
}

function emptyBatch(seq: number): OpenBatch {
  return { seq, timeMs: 0, facts: [], replies: [] };
}

/** One command's reply: its outcome as the log has it, or a word about its key. */
function toReply(command: Command, reply: Outcome | Replayed | Refused): CommandReply {
  return "ok" in reply ? toWireOutcome(command, reply) : reply;
}

/** The same for an item of a batch, where an id or a number says enough. */
function toItem(reply: Outcome | Replayed | Refused): WireItem {
  if (!("ok" in reply)) return reply;
  return reply.ok ? (reply as TransferPosted).id : REJECTIONS[reply.code];
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
