/**
 * A shard: one mailbox, one ledger, one log stream.
 *
 *     mailbox → decide → apply → open batch → (one append in flight) → durable → the gate opens → replies
 *
 * Commands are applied in memory at once, so that the next one sees them; nothing that depends on them leaves
 * before their batch is durable. What arrives while an append is under way forms the next batch: load makes
 * batches larger, not latency longer.
 *
 * It knows no carrier: bytes and control messages come in, and go out through `post`.
 */
import { packOutcome, readCommands, readRecords } from "../actors/codec.ts";
import type { Command } from "../actors/command.ts";
import { Ledger } from "../actors/ledger.ts";
import { decode, encode } from "../actors/pack.ts";
import { factsOf } from "../actors/partner.ts";
import { TransferIds } from "../actors/transfer-id.ts";
import { assert } from "../assert.ts";
import { type Batch, formatLogId, type Journal, LogError, type LogId } from "../wal/wal.ts";
import { ArchiveFeed } from "./archive-feed.ts";
import { type Failpoint, Failpoints } from "./failpoint.ts";
import type { ShardFigures } from "./figures.ts";
import { GroupCommit } from "./group-commit.ts";
import { type Decided, ItemsWriter } from "./items-writer.ts";
import { LEASE_MS, Lease } from "./lease.ts";
import {
  type CommandReply,
  type FromShard,
  REFUSED,
  REPLAYED,
  REQUEST,
  type Request,
  type ShardExit,
  type ToShard,
} from "./messages.ts";
import { answerQuery } from "./shard-query.ts";

/** A million keys that end at one moment must not hold up a batch. */
const KEYS_SWEPT_PER_BATCH = 10_000;

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
  readonly #options: HostOptions;
  readonly #journal: Journal;
  readonly #ledger: Ledger;
  readonly #failpoints: Failpoints;
  readonly #commit: GroupCommit;
  readonly #lease: Lease;
  readonly #feed: ArchiveFeed;
  readonly #exited = Promise.withResolvers<ShardExit>();
  readonly #proceed = Promise.withResolvers<void>();
  readonly #items = new ItemsWriter();
  #mailbox: Request[] = [];
  /** Of our epoch, once it is claimed. */
  #transferIds: TransferIds | undefined;
  #stopping = false;
  #ended = false;
  readonly #counts = { commands: 0, rejections: 0, replays: 0, reads: 0 };
  #recovery = { snapshotMs: 0, replayed: 0, replayMs: 0 };

  constructor(options: HostOptions) {
    const { journal, now, post } = options;
    const onError = (error: unknown) => this.#fail(error);
    this.#options = options;
    this.#journal = journal;
    this.#ledger = new Ledger(options.shard);
    this.#failpoints = new Failpoints(options.failpoints);
    this.#lease = new Lease(journal, onError);
    this.#feed = new ArchiveFeed(journal, onError);
    this.#commit = new GroupCommit({
      journal,
      failpoints: this.#failpoints,
      now,
      send: (group) => post(encode(group)),
      onDurable: (batch) => this.#onDurable(batch),
      onError,
    });
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
    const { durable, newestSeq, batches, bytes, appendSeconds, appendBuckets } = this.#commit;
    const { epoch } = this.#journal;
    return {
      epoch,
      position: this.#position(newestSeq === 0 ? durable : { epoch, seq: newestSeq }),
      durablePosition: this.#position(durable),
      accounts: this.#ledger.accounts,
      keys: this.#ledger.keys.size,
      mailboxDepth: this.#mailbox.length,
      ...this.#counts,
      batches,
      bytes,
      appendSeconds,
      appendBuckets: [...appendBuckets],
      heapBytes: process.memoryUsage().heapUsed,
      threadId: this.#options.threadId,
      recovery: this.#recovery,
    };
  }

  async #recover(): Promise<void> {
    const before = await this.#journal.claim();
    const claimedMs = performance.now();
    this.#options.post({ type: "claimed", epoch: this.#journal.epoch });
    await this.#proceed.promise;
    await this.#replay();
    if (before !== undefined && before.claimant.instance !== this.#journal.instance) {
      // The other owner may answer reads until its lease is over.
      await wait(LEASE_MS - (performance.now() - claimedMs));
    }
    if (this.#ended) return;
    this.#lease.start((available) =>
      this.#options.post({ type: "log", available, warnings: this.#options.warnings() }),
    );
    this.#options.post({ type: "ready", facts: this.#ledger.facts() });
  }

  async #replay(): Promise<void> {
    const startedMs = performance.now();
    let last: LogId | undefined;
    let timeMs = 0;
    let replayed = 0;
    await this.#journal.replay((batch) => {
      this.#replayBatch(batch);
      last = batch.id;
      timeMs = Math.max(timeMs, batch.timeMs);
      replayed += batch.count;
    });
    this.#recovery = { snapshotMs: 0, replayed, replayMs: Math.round(performance.now() - startedMs) };
    this.#commit.begin(last, timeMs);
    this.#feed.begin(last);
  }

  #replayBatch({ id: { epoch, seq }, timeMs, count, body }: Batch): void {
    let index = 0;
    readRecords(body, (command, outcome) => {
      // What is replayed is durable: no read has to wait for it.
      this.#ledger.apply(command, outcome, { epoch, seq, index, timeMs }, 0);
      index += 1;
    });
    assert(index === count, "a batch holds as many records as it says");
    this.#ledger.keys.sweep(timeMs, KEYS_SWEPT_PER_BATCH);
  }

  /** Handles what is in the mailbox, as far as the open batch has room. */
  #work(): void {
    const mailbox = this.#mailbox;
    let handled = 0;
    while (handled < mailbox.length) {
      // Once its append has begun, the next batch is decided meanwhile.
      if (this.#commit.full) this.#commit.flush();
      if (this.#commit.full) break;
      this.#handle(mailbox[handled++] as Request);
    }
    this.#mailbox = handled === mailbox.length ? [] : mailbox.slice(handled);
    this.#commit.flushSoon();
    this.#commit.sendReady();
    if (this.#stopping) this.#endIfIdle();
  }

  #handle(request: Request): void {
    const no = request[0];
    switch (request[1]) {
      case REQUEST.command:
        readCommands(request[2], (command, start, end) => {
          const decided = this.#execute(command, request[2], start, end);
          this.#commit.reply([no, toReply(command, decided)], this.#gateOf(decided));
        });
        return;
      case REQUEST.transfers: {
        const items = this.#items;
        items.begin();
        readCommands(request[2], (command, start, end) => {
          items.add(this.#execute(command, request[2], start, end));
        });
        this.#commit.reply([no, items.take()], this.#commit.newestSeq);
        return;
      }
      case REQUEST.query: {
        this.#counts.reads += 1;
        const { result, batch } = answerQuery(this.#ledger, request[2], request[3]);
        const gate = batch ?? this.#commit.newestSeq;
        this.#lease.whenOwned(() => {
          this.#commit.reply([no, result], gate);
          this.#commit.sendReady();
        });
        return;
      }
    }
  }

  /**
   * One command: by its key, if that was used before; else decided, applied, and put into the open batch.
   *
   * @param source holds the packed command from `start` to `end`.
   */
  #execute(command: Command, source: Uint8Array, start: number, end: number): Decided {
    this.#failpoints.pass("before_decide");
    const timeMs = this.#commit.openTime();
    const known = this.#ledger.lookUpKey(command, timeMs);
    if (known !== undefined) {
      if ("refused" in known) return [REFUSED, known.refused];
      this.#counts.replays += 1;
      return [REPLAYED, known.first.epoch, known.first.seq, known.first.index];
    }
    const outcome = this.#ledger.decide(command, timeMs, this.#newTransferId);
    const { openSeq: seq, openCount: index } = this.#commit;
    this.#ledger.apply(command, outcome, { epoch: this.#journal.epoch, seq, index, timeMs }, seq);
    this.#commit.add(source, start, end, command, outcome, factsOf(command, outcome));
    this.#counts.commands += 1;
    if (!outcome.ok) this.#counts.rejections += 1;
    return outcome;
  }

  readonly #newTransferId = (vnode: number): string => {
    this.#transferIds ??= new TransferIds(this.#journal.epoch);
    return this.#transferIds.next(vnode);
  };

  /** The batch of this epoch that an answer must wait for; 0 when it stands in an older epoch. */
  #gateOf(decided: Decided): number {
    if ("ok" in decided) return this.#commit.openSeq;
    if (decided[0] === REPLAYED) return decided[1] === this.#journal.epoch ? decided[2] : 0;
    return this.#commit.newestSeq;
  }

  #onDurable(batch: Batch): void {
    this.#options.onDurable(batch);
    this.#feed.offer(batch);
    this.#ledger.keys.sweep(batch.timeMs, KEYS_SWEPT_PER_BATCH);
    this.#work();
  }

  #endIfIdle(): void {
    if (this.#commit.idle && this.#mailbox.length === 0) this.#end({ reason: "stopped", message: "stopped" });
  }

  #fail(error: unknown): void {
    if (error instanceof LogError) this.#end({ reason: error.code, message: error.message });
    else {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#end({ reason: "crashed", message });
    }
  }

  /** Nothing that is not durable may leave from here on: the memory is forgotten with this host. */
  #end(exit: ShardExit): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#commit.close();
    this.#lease.stop();
    this.#feed.close();
    const ended = () => this.#exited.resolve(exit);
    this.#journal.close().then(ended, ended);
  }

  #position(id: LogId): string {
    return `${this.#options.shard}:${formatLogId(id)}`;
  }
}

/** One command's reply: its outcome as the log has it, or a word about its key. */
function toReply(command: Command, decided: Decided): CommandReply {
  return "ok" in decided ? packOutcome(command, decided) : decided;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
