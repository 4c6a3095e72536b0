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
  decode,
  decodeBatchBody,
  encode,
  encodeBatchBody,
  fromWireCommand,
  fromWireRecord,
  toWireOutcome,
  toWireRecord,
  type WireCommand,
  type WireRecord,
} from "../actors/codec.ts";
import type { Fact } from "../actors/command.ts";
import { Ledger } from "../actors/ledger.ts";
import { factsOf } from "../actors/partner.ts";
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
  readonly records: WireRecord[];
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
    const newest = this.#newestBatch();
    return {
      epoch: this.#journal.epoch,
      position: this.#position(
        newest === undefined ? this.#durable : { epoch: this.#journal.epoch, seq: newest.seq },
      ),
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
    while (handled < mailbox.length && this.#open.records.length < BATCH_RECORDS_MAX) {
      this.#handle(mailbox[handled++] as Request);
      if (this.#open.records.length >= BATCH_RECORDS_MAX) this.#flush();
    }
    this.#mailbox = handled === mailbox.length ? [] : mailbox.slice(handled);
    this.#flushSoon();
    this.#sendImmediate();
    if (this.#stopping) this.#endIfIdle();
  }

  #handle(request: Request): void {
    const [no, partner, kind, payload] = request;
    switch (kind) {
      case REQUEST.command: {
        const reply = this.#execute(partner, payload);
        this.#reply([no, reply], this.#gateOf(reply));
        return;
      }
      case REQUEST.transfers: {
        const items = payload.map((command): WireItem => {
          const reply = this.#execute(partner, command);
          const code = reply[0];
          if (code === 0) return reply[1] as string;
          return code > 0 ? code : (reply as WireItem);
        });
        this.#reply([no, items], this.#newestBatch()?.seq ?? 0);
        return;
      }
      case REQUEST.query: {
        this.#figures.reads += 1;
        const { result, batch } = answerQuery(this.#ledger, partner, payload);
        this.#read([no, result], batch ?? this.#newestBatch()?.seq ?? 0);
        return;
      }
    }
  }

  /** One command: by its key, if that was used before; else decided, applied, and put into the open batch. */
  #execute(partner: string, wire: WireCommand): CommandReply {
    this.#failpoints.pass("before_decide");
    const open = this.#open;
    if (open.records.length === 0) open.timeMs = this.#timeMs = Math.max(this.#timeMs, this.#options.now());
    const command = fromWireCommand(partner, wire);
    const known = this.#ledger.lookUpKey(command, open.timeMs);
    if (known !== undefined) {
      if ("refused" in known) return [REFUSED, known.refused];
      this.#figures.replays += 1;
      return [REPLAYED, known.first.epoch, known.first.seq, known.first.index];
    }
    const outcome = this.#ledger.decide(command, open.timeMs, this.#newTransferId);
    const place = {
      epoch: this.#journal.epoch,
      seq: open.seq,
      index: open.records.length,
      timeMs: open.timeMs,
    };
    this.#ledger.apply(command, outcome, place, open.seq);
    const wireOutcome = toWireOutcome(command, outcome);
    open.records.push(toWireRecord(partner, wire, wireOutcome));
    if (command.op !== "transfer") open.facts.push(...factsOf(command, outcome));
    this.#figures.commands += 1;
    if (!outcome.ok) this.#figures.rejections += 1;
    return wireOutcome;
  }

  readonly #newTransferId = (vnode: number): string =>
    transferId(vnode, this.#journal.epoch, ++this.#transfers);

  /** The batch of this epoch that an answer must wait for; 0 when it stands in an older epoch. */
  #gateOf(reply: CommandReply): number {
    if (reply[0] === REPLAYED) return reply[1] === this.#journal.epoch ? (reply[2] as number) : 0;
    if (reply[0] === REFUSED) return this.#newestBatch()?.seq ?? 0;
    return this.#open.seq;
  }

  /** The newest batch that is not durable yet. */
  #newestBatch(): OpenBatch | undefined {
    return this.#open.records.length > 0 ? this.#open : this.#inFlight;
  }

  #reply(reply: Reply, batch: number): void {
    if (this.#open.records.length > 0 && batch >= this.#open.seq) this.#open.replies.push(reply);
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
    if (this.#inFlight !== undefined || this.#open.records.length === 0 || this.#ended) return;
    const batch = this.#open;
    this.#inFlight = batch;
    this.#open = emptyBatch(batch.seq + 1);
    this.#append(batch).catch((error: unknown) => this.#fail(error));
  }

  async #append(batch: OpenBatch): Promise<void> {
    this.#failpoints.pass("before_append");
    const startedMs = performance.now();
    const body = encodeBatchBody(batch.records);
    const durable = await this.#journal.append(batch.timeMs, batch.records.length, body);
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
    if (this.#inFlight !== undefined || this.#mailbox.length > 0 || this.#open.records.length > 0) return;
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
  return { seq, timeMs: 0, records: [], facts: [], replies: [] };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
