/**
 * A shard: one mailbox, one ledger, one log stream.
 *
 *     mailbox → decide → apply → open batch → (one append in flight) → durable → replies leave
 *
 * A command is applied in memory at once, so the next one sees its effect. No reply that depends on it leaves before
 * its batch is durable. Commands that arrive during an append form the next batch: load makes batches larger, not
 * latency longer.
 *
 * The same code runs in a thread or a process: gateways, the archive and other shards are reached over channels.
 */
import { Ledger } from "../../actors/ledger/ledger.ts";
import { randomBytes } from "../../random.ts";
import { type Batch, formatLogId, type Journal, LogError, type LogId } from "../../wal/wal.ts";
import type { Channel } from "../channels/channel.ts";
import type { ChannelEnd } from "../channels/open-channel.ts";
import { Peers } from "../cross-shard/peers.ts";
import { NO_RECOVERY, readAhead } from "../recovery/recover.ts";
import { KEYS_SWEPT_PER_BATCH } from "../recovery/replay.ts";
import { NOTHING_RESTORED } from "../recovery/restore.ts";
import { ArchiveFeed } from "./archive-feed.ts";
import { ChannelWatch } from "./channel-watch.ts";
import { IdleTick } from "./clock/idle-tick.ts";
import { LogClock } from "./clock/log-clock.ts";
import { Cuts } from "./cuts.ts";
import { Executor } from "./executor.ts";
import { Failpoints } from "./failpoint.ts";
import { Gateways } from "./gateways.ts";
import { GroupCommit } from "./group-commit.ts";
import { HeapWatch } from "./heap-watch.ts";
import type { HostOptions } from "./host-options.ts";
import { LEASE_MS, Lease } from "./lease.ts";
import { LoopDelay } from "./loop-delay.ts";
import { Mailbox } from "./mailbox.ts";
import { crashOf, type Party, type ShardExit, TO_GATEWAY, type ToShard } from "./messages.ts";
import { type ShardStats, usedHeapBytes } from "./stats.ts";
import { Trimmer } from "./trimmer.ts";

/** Interval of the housekeeping timer: timeouts, retries, and trimming of delivered messages while the log is idle. */
const TICK_MS = 100;
/** A starting shard waits at most this long for the greetings of the other shards. */
const GREETING_MS_MAX = 1_000;
/** A stopping shard waits at most this long for cross-shard transfers in progress. */
const STOP_MS_MAX = 3_000;

type GatewayParty = Extract<Party, { kind: "gateway" }>;

export class ShardHost {
  readonly #options: HostOptions;
  readonly #journal: Journal;
  readonly #ledger: Ledger;
  readonly #failpoints: Failpoints;
  readonly #clock: LogClock;
  readonly #commit: GroupCommit;
  readonly #lease: Lease;
  readonly #trimmer: Trimmer;
  readonly #feed: ArchiveFeed;
  readonly #watch: ChannelWatch;
  readonly #gateways = new Gateways();
  readonly #peers: Peers;
  readonly #executor: Executor;
  readonly #idleTick: IdleTick;
  readonly #loopDelay = new LoopDelay();
  readonly #cuts: Cuts;
  readonly #heap: HeapWatch;
  readonly #exited = Promise.withResolvers<ShardExit>();
  readonly #mayClaim = Promise.withResolvers<void>();
  readonly #proceed = Promise.withResolvers<void>();
  readonly #greeted = Promise.withResolvers<void>();
  readonly #mailbox: Mailbox;
  #tick: NodeJS.Timeout | undefined;
  #serving = false;
  #stopAtMs = Number.POSITIVE_INFINITY;
  /** Every gateway has stopped sending, and all its requests have arrived. */
  #gatewaysDrained = false;
  #ended = false;
  readonly #startedMs = performance.now();
  #recovery = NO_RECOVERY;
  /** Number of records in the log, up to the newest durable batch. */
  #records = 0;

  constructor(options: HostOptions) {
    const { journal, clocks, judgedClock, shard, shards } = options;
    const onError = (error: unknown) => this.#fail(error);
    this.#options = options;
    this.#journal = journal;
    this.#ledger = new Ledger(shard, shards, options.random, options.settings);
    this.#heap = new HeapWatch(options.heap, () => this.#ledger.state.kept.bytes);
    this.#cuts = new Cuts(this.#ledger, shard, shards, (peer) => this.#peers.deliveredTo(peer));
    this.#failpoints = new Failpoints(options.failpoints);
    this.#lease = new Lease(journal, onError);
    this.#trimmer = new Trimmer(journal, onError);
    this.#watch = new ChannelWatch({
      ...(options.open && { open: options.open }),
      onMissed: (party) => options.post({ type: "channel_missed", party }),
    });
    this.#feed = new ArchiveFeed(journal, onError, this.#watch.open);
    this.#clock = new LogClock(clocks, judgedClock);
    this.#commit = new GroupCommit({
      journal,
      failpoints: this.#failpoints,
      clock: this.#clock,
      ...(options.bounds && { bounds: options.bounds }),
      send: (gateway, { id, timeMs }, replies) =>
        this.#gateways.send(gateway, [TO_GATEWAY.replies, id.epoch, id.seq, timeMs, replies]),
      onFlush: () => this.#peers.forget(),
      onDurable: (batch) => this.#onDurable(batch),
      onRoom: () => this.#work(true),
      onError,
    });
    const parts = { ledger: this.#ledger, commit: this.#commit, failpoints: this.#failpoints };
    this.#executor = new Executor({
      journal,
      ...parts,
      random: options.random ?? randomBytes,
      freeBytes: () => this.#heap.freeBytes,
    });
    this.#idleTick = new IdleTick(this.#clock, this.#commit, this.#executor);
    this.#peers = new Peers({
      self: shard,
      shards,
      ...parts,
      open: this.#watch.open,
      ...this.#executor.forPeers,
      isHalted: () => this.#cuts.isHalted,
      forgettable: (peer) => this.#cuts.forgettable(peer),
      onError,
      onChange: () => this.#onPeers(),
    });
    this.#executor.connect(this.#peers);
    this.#mailbox = new Mailbox({
      ledger: this.#ledger,
      executor: this.#executor,
      commit: this.#commit,
      lease: this.#lease,
      gateways: this.#gateways,
      cuts: this.#cuts,
      onResume: () => this.#resume(),
    });
  }

  /** Replays the log, claims it and serves. Resolves when the shard has ended, for any reason; never rejects. */
  run(): Promise<ShardExit> {
    this.#recover().catch((error: unknown) => this.#fail(error));
    return this.#exited.promise;
  }

  control(message: ToShard): void {
    try {
      this.#handleControl(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  #handleControl(message: ToShard): void {
    switch (message.type) {
      case "channel":
        this.#attach(message.party, message.end);
        return;
      case "gateway_gone":
        return this.#gateways.remove(message.gateway);
      case "claim":
        return this.#mayClaim.resolve();
      case "proceed":
        return this.#proceed.resolve();
      case "stop":
        this.#stop();
        return;
      case "trim":
        // Before it serves, the shard may not own its log and still has to replay it. The next snapshot asks again.
        if (this.#serving) this.#trimmer.trim(message.below);
        return;
      case "clock":
        this.#clock.judge(message.judged);
        return;
      case "stats":
        this.#options.post({ type: "stats", stats: this.stats() });
        return;
    }
  }

  stats(): ShardStats {
    const { durable, newestSeq } = this.#commit;
    const { epoch } = this.#journal;
    return {
      epoch,
      position: this.#position(newestSeq === 0 ? durable : { epoch, seq: newestSeq }),
      durable,
      durablePosition: this.#position(durable),
      records: this.#records,
      accounts: this.#ledger.accounts,
      keys: this.#ledger.keys.size,
      pending: this.#ledger.compound.pending.size,
      reservations: this.#ledger.compound.reservations.size,
      mailboxDepth: this.#mailbox.depth,
      ...this.#executor.counts.all,
      reads: this.#mailbox.reads,
      quotaExceeded: { ...this.#executor.quotaExceeded },
      keptBytes: this.#ledger.state.kept.bytes,
      messagesInTransit: this.#peers.inTransit,
      ...this.#commit.stats,
      logReplicas: this.#options.replicas?.(),
      loopDelayMs: this.#loopDelay.p99Ms,
      clockAheadMs: this.#clock.aheadMs,
      heapBytes: usedHeapBytes(),
      threadId: this.#options.threadId,
      pid: process.pid,
    };
  }

  #attach(party: Party, end: ChannelEnd): void {
    if (this.#ended) return;
    this.#watch.expect(party, end);
    switch (party.kind) {
      case "archive":
        this.#feed.attach(end);
        return;
      case "shard":
        this.#peers.attach(party.number, end);
        return;
      case "gateway":
        this.#attachGateway(party, end);
        return;
    }
  }

  #attachGateway({ number: gateway, follows }: GatewayParty, end: ChannelEnd): void {
    const channel: Channel = this.#watch.open(end, {
      receive: (bytes) => this.#receive(gateway, bytes),
      closed: () => this.#gateways.detach(gateway, channel),
    });
    this.#gateways.attach(gateway, channel, follows === true);
    if (this.#serving) this.#welcome(gateway);
  }

  #receive(gateway: number, bytes: Uint8Array): void {
    if (this.#ended) return;
    try {
      this.#mailbox.put(gateway, bytes);
      this.#work();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Waits for the newest batch, because the facts may come from batches that are not durable yet. */
  #welcome(gateway: number): void {
    const facts = this.#ledger.facts();
    this.#commit.whenDurable(this.#commit.newestSeq, () => this.#gateways.welcome(gateway, facts));
  }

  async #recover(): Promise<void> {
    const { post, restore = async () => NOTHING_RESTORED } = this.#options;
    const postAs = (type: "progress" | "warning") => (message: string) => post({ type, message });
    const parts = { journal: this.#journal, ledger: this.#ledger, restore };
    await this.#journal.inspect();
    const recoverRest = await readAhead({ ...parts, progress: postAs("progress"), warn: postAs("warning") });
    post({ type: "inspected", personKeys: [...this.#ledger.state.programmes.personKeys()] });
    await this.#mayClaim.promise;
    if (this.#ended) return;
    const before = await this.#journal.claim();
    post({ type: "claimed", epoch: this.#journal.epoch });
    await this.#proceed.promise;
    // All logs are claimed. A former owner may answer reads until its lease expires. Such a read must not show state
    // that one of our shards has since changed, such as a revoked key. So wait one lease before serving.
    const claimedMs = performance.now();
    const { last, timeMs, records, recovery } = await recoverRest();
    this.#recovery = recovery;
    this.#records = records;
    this.#clock.begin(timeMs);
    this.#commit.begin(last, timeMs);
    this.#feed.begin(last);
    const isOther = before !== undefined && before.claimant.instance !== this.#journal.instance;
    // Our own earlier claim may have replaced another owner, and that run may have ended before its wait was over.
    const isOurs = before !== undefined && this.#options.takesOver === true;
    if (isOther || isOurs) await wait(LEASE_MS - (performance.now() - claimedMs));
    if (this.#ended) return;
    this.#tick = setInterval(() => this.#onTick(), TICK_MS);
    this.#peers.begin();
    if (this.#peers.awaitsGreeting) await Promise.race([this.#greeted.promise, wait(GREETING_MS_MAX)]);
    if (this.#ended) return;
    this.#serve();
  }

  #serve(): void {
    this.#serving = true;
    this.#idleTick.begin();
    this.#lease.start((available) => {
      this.#options.post({ type: "log", available, warnings: this.#options.warnings() });
      this.#gateways.setAvailable(available);
    });
    for (const gateway of this.#gateways.numbers) this.#welcome(gateway);
    this.#commit.whenDurable(this.#commit.newestSeq, () => {
      this.#recovery = { ...this.#recovery, totalMs: Math.round(performance.now() - this.#startedMs) };
      this.#options.post({ type: "ready", recovery: this.#recovery });
    });
  }

  #work(isBatchNew = false): void {
    if (this.#ended || !this.#serving) return;
    if (isBatchNew) this.#executor.expirePortion();
    this.#peers.resume();
    this.#mailbox.work();
    this.#executor.expirePortion();
    this.#commit.endTurn();
    this.#commit.sendReady();
    this.#endIfDrained();
  }

  /** A cut is complete: messages of other shards are handled before the next cut begins. */
  #resume(): void {
    this.#peers.resume();
    this.#cuts.next();
  }

  /** A message of another shard has arrived, or a channel to one has closed. */
  #onPeers(): void {
    if (this.#ended) return;
    if (this.#serving) {
      this.#work();
      return;
    }
    this.#peers.resume();
    if (!this.#peers.awaitsGreeting) this.#greeted.resolve();
    this.#commit.endTurn();
  }

  #onDurable(batch: Batch): void {
    this.#options.onDurable(batch, this.#clock);
    this.#records += batch.count;
    this.#feed.offer(batch);
    this.#ledger.keys.sweep(batch.timeMs, KEYS_SWEPT_PER_BATCH);
  }

  #onTick(): void {
    try {
      this.#heap.look();
      this.#peers.expire();
      // While commands are logged, this rides along with their batches (`onFlush`).
      if (this.#commit.idle) this.#peers.forget();
      this.#cuts.expire();
      this.#resume();
      this.#mailbox.tryAgain();
      if (this.#serving) this.#idleTick.check();
      this.#work();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A channel keeps its order: once a gateway has confirmed this message, all its earlier requests have arrived. */
  #stop(): void {
    this.#stopAtMs = performance.now();
    this.#gateways.setAvailable(false);
    this.#gateways.tell([], () => {
      this.#gatewaysDrained = true;
    });
    this.#work();
    this.#endIfDrained();
  }

  #endIfDrained(): void {
    const waitedMs = performance.now() - this.#stopAtMs;
    if (!(waitedMs >= 0) || !this.#commit.idle || this.#mailbox.depth > 0) return;
    const waits = !this.#gatewaysDrained || this.#peers.waiting > 0 || this.#mailbox.hasRetries;
    if (waits && waitedMs < STOP_MS_MAX) return;
    this.#end({ reason: "stopped", message: "stopped" });
  }

  #fail(error: unknown): void {
    this.#end(error instanceof LogError ? { reason: error.code, message: error.message } : crashOf(error));
  }

  /** From here on nothing leaves that is not durable. The memory state is dropped with this host. */
  #end(exit: ShardExit): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#tick);
    this.#commit.close();
    this.#loopDelay.close();
    this.#lease.stop();
    this.#options.heap?.close();
    this.#trimmer.close();
    this.#watch.close();
    this.#feed.close();
    this.#gateways.close();
    this.#peers.close();
    const ended = () => this.#exited.resolve(exit);
    this.#journal.close().then(ended, ended);
  }

  #position(id: LogId): string {
    return `${this.#options.shard}:${formatLogId(id)}`;
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
