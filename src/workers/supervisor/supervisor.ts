/**
 * Starts the shards, and starts again those that end or hang while the others serve.
 *
 * No stream is claimed before every shard has checked and read its own: a server that must refuse to start fences
 * nobody. The stream of shard 0 is claimed first, so that of two servers that start together one gets all. No shard
 * serves before all streams are claimed.
 */
import { LogError, type LogId, type Witness } from "../../wal/wal.ts";
import type { Carrier, Isolation, ShardInit } from "../carriers/carrier.ts";
import { ChannelBroker, type ShardClient } from "../carriers/correspondents.ts";
import {
  ASK_EVERY_MS,
  describeSilence,
  WATCH_LIMITS,
  Watchdog,
  type WatchLimits,
} from "../carriers/watchdog.ts";
import { describeRecovery, type Recovery } from "../recovery/recover.ts";
import type { JudgedClock } from "../shard/clock/log-clock.ts";
import type { FromShard, ShardExit } from "../shard/messages.ts";
import type { ShardStats } from "../shard/stats.ts";
import {
  newShard,
  RETRIED_AT_START,
  reasonOf,
  type ShardState,
  type Supervised,
  stateOf,
  TRANSIENT,
  timeout,
} from "./supervised.ts";

const BACKOFF_MS = 100;
const BACKOFF_MS_MAX = 10_000;
/** A shard that ends so often without having served for `HEALTHY_MS` stays down. */
const CRASHES_MAX = 5;
const HEALTHY_MS = 30_000;
/** After serving for so long the pause before a restart is the shortest again. */
const STEADY_MS = 1_000;
const FIGURES_TIMEOUT_MS = 1_000;
const STOP_TIMEOUT_MS = 8_000;

export type SupervisorOptions = Readonly<{
  carrier: Carrier;
  /** The newest batch of a shard that the archive holds: its log must hold it, too. */
  archived: (shard: number) => Promise<Witness | undefined>;
  /** What a shard begins with; `archived` and its failpoints are filled in here. */
  init: Omit<ShardInit, "shard" | "archived" | "claimedEpoch" | "judgedClock">;
  /** How the wall clock is to be taken by a shard that starts now. */
  judgedClock?: () => JudgedClock;
  /** The server cannot go on: another one owns the log, or the log or the archive has lost data. One line. */
  onFatal: (message: string) => void;
  report: (
    event: Readonly<{ shard: number; status: ShardState; message: string; isWarning: boolean }>,
  ) => void;
  watch?: WatchLimits;
}>;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #shards: readonly Supervised[];
  readonly #correspondents: ChannelBroker;
  readonly #inspected = Promise.withResolvers<void>();
  #allInspected = false;
  #timer: NodeJS.Timeout | undefined;
  /** Once all streams are claimed, a shard that starts anew need not wait for the others. */
  #allClaimed = false;
  /** Once all shards have served, a failure of one is no longer a failure to start. */
  #started = false;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#shards = Array.from({ length: options.init.shards }, (_, shard) =>
      newShard(shard, this.#newWatchdog()),
    );
    this.#correspondents = new ChannelBroker(options.carrier, this.#shards);
  }

  get isolation(): Isolation {
    return this.#options.carrier.isolation;
  }

  /** Gives somebody channels to all shards that run, and to each that starts from now on. */
  connect(correspondent: ShardClient): void {
    this.#correspondents.addClient(correspondent);
  }

  /** It is gone: shards that start from now on are not told of it, and no shard waits for it any more. */
  disconnect(party: ShardClient["party"]): void {
    this.#correspondents.removeClient(party);
  }

  /**
   * Resolves when all shards have checked and read their logs, and nothing keeps them from being claimed.
   *
   * @throws Error the first reason why one cannot begin, in one line. Nothing was claimed.
   */
  async inspect(): Promise<void> {
    this.#timer = setInterval(() => this.#look(), ASK_EVERY_MS);
    this.#inspected.promise.catch(() => {});
    for (const supervised of this.#shards) {
      // Whoever waits first hears of a failure; the other promise must not count as unhandled.
      supervised.claimed.promise.catch(() => {});
      supervised.ready.promise.catch(() => {});
      await this.#launch(supervised);
    }
    await this.#inspected.promise;
  }

  /** Resolves when all shards serve. @throws Error the first reason why one cannot begin, in one line. */
  async start(): Promise<void> {
    if (this.#timer === undefined) await this.inspect();
    this.#allInspected = true;
    for (const supervised of this.#shards) this.#letClaim(supervised);
    await Promise.all(this.#shards.map(({ claimed }) => claimed.promise));
    this.#allClaimed = true;
    for (const { running } of this.#shards) running?.post({ type: "proceed" });
    await Promise.all(this.#shards.map(({ ready }) => ready.promise));
    this.#started = true;
  }

  /** Ends a shard in good order and starts it anew. False when there is no such shard. */
  restart(shard: number): boolean {
    const supervised = this.#shards[shard];
    if (supervised === undefined) return false;
    if (supervised.status === "failed") {
      supervised.crashes = 0;
      // Whoever asks again meanwhile must not start another one: two would fight for one log.
      this.#setStatus(supervised, "restarting", "asked to");
      void this.#launch(supervised);
      return true;
    }
    supervised.isAsked = true;
    if (supervised.isSilent) this.#end(supervised);
    else supervised.running?.post({ type: "stop" });
    return true;
  }

  /** Nobody needs what a shard's log holds below this any more. */
  trim(shard: number, below: LogId): void {
    this.#shards[shard]?.running?.post({ type: "trim", below });
  }

  /** How all shards take the wall clock from now on. */
  judgeClock(judged: JudgedClock): void {
    for (const { running } of this.#shards) running?.post({ type: "clock", judged });
  }

  /** By how much the log time of some shard is ahead of the wall clock, as it said last; at least 0. */
  get clockAheadMs(): number {
    return Math.max(0, ...this.#shards.map(({ stats }) => stats?.clockAheadMs ?? 0));
  }

  /** Lets every shard answer and log what it has in hand. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const supervised of this.#shards) if (supervised.isSilent) this.#end(supervised);
    const running = this.#shards
      .map((supervised) => supervised.running)
      .filter((shard) => shard !== undefined);
    for (const shard of running) shard.post({ type: "stop" });
    const deadline = timeout(STOP_TIMEOUT_MS);
    await Promise.race([Promise.all(running.map(({ exited }) => exited)), deadline.promise]);
    deadline.cancel();
    clearInterval(this.#timer);
    await this.#options.carrier.close();
  }

  /** Empty when all shards serve and their logs answer. */
  unready(): readonly string[] {
    return this.#shards
      .filter((supervised) => stateOf(supervised) !== "ready")
      .map((supervised) => `shard ${supervised.shard} is ${stateOf(supervised)}: ${reasonOf(supervised)}`);
  }

  warnings(): readonly string[] {
    return [...new Set(this.#shards.flatMap(({ warnings }) => warnings))];
  }

  /** Why no log should take anything more, `undefined` while there is room. */
  full(): string | undefined {
    return this.#shards.find(({ full }) => full !== null)?.full ?? undefined;
  }

  /** How each shard is; `figures` are the last known ones when it does not answer. */
  async shards(): Promise<
    readonly Readonly<{
      shard: number;
      status: ShardState;
      restarts: number;
      hangs: number;
      recovery: Recovery;
      figures: ShardStats | undefined;
    }>[]
  > {
    return Promise.all(
      this.#shards.map(async (supervised) => {
        const figures = await this.#askFigures(supervised);
        const { shard, restarts, hangs, recovery } = supervised;
        return { shard, status: stateOf(supervised), restarts, hangs, recovery, figures };
      }),
    );
  }

  #newWatchdog(): Watchdog {
    return new Watchdog(this.#options.watch ?? WATCH_LIMITS, performance.now());
  }

  async #launch(supervised: Supervised): Promise<void> {
    const { carrier, archived, init, judgedClock } = this.#options;
    const { shard } = supervised;
    const failpoints =
      supervised.restarts === 0 ? init.failpoints.filter((point) => point.shard === shard) : [];
    let witness: Witness | undefined;
    try {
      witness = await archived(shard);
    } catch (error) {
      // An archive that is slow may answer later; one that has failed ends the server.
      const message = `the archive does not say what it holds: ${error instanceof Error ? error.message : String(error)}`;
      if (!this.#stopping) this.#restartLater(supervised, { reason: "log_unavailable", message });
      return;
    }
    if (this.#stopping) return;
    supervised.full = null;
    supervised.readyAtMs = Number.POSITIVE_INFINITY;
    supervised.watchdog = this.#newWatchdog();
    supervised.isInspected = false;
    supervised.isAsked = false;
    supervised.isEnding = false;
    const running = carrier.start(
      {
        ...init,
        shard,
        archived: witness,
        failpoints,
        claimedEpoch: supervised.epoch,
        ...(judgedClock && { judgedClock: judgedClock() }),
        takesOver: !supervised.hasServed,
      },
      (message) => this.#receive(supervised, message),
    );
    supervised.running = running;
    void running.exited.then((exit) => this.#ended(supervised, exit));
    this.#correspondents.connectShard(supervised);
  }

  #receive(supervised: Supervised, message: FromShard): void {
    supervised.watchdog.answered();
    if (supervised.isSilent && !supervised.isEnding) this.#setSilent(supervised, false);
    switch (message.type) {
      case "inspected":
        supervised.isInspected = true;
        if (this.#shards.every(({ isInspected }) => isInspected)) this.#inspected.resolve();
        this.#letClaim(supervised);
        return;
      case "claimed":
        this.#setStatus(supervised, "recovering", `replaying under epoch ${message.epoch}`);
        supervised.epoch = message.epoch;
        supervised.claimed.resolve();
        if (supervised.shard === 0) for (const other of this.#shards.slice(1)) this.#letClaim(other);
        if (this.#allClaimed) supervised.running?.post({ type: "proceed" });
        return;
      case "progress":
        this.#setStatus(supervised, "recovering", message.message);
        return;
      case "warning":
        this.#report(supervised, message.message, true);
        return;
      case "ready":
        supervised.readyAtMs = performance.now();
        supervised.hasServed = true;
        supervised.recovery = message.recovery;
        this.#setStatus(supervised, "ready", describeRecovery(message.recovery));
        supervised.ready.resolve();
        return;
      case "log":
        supervised.warnings = message.warnings;
        if (supervised.status !== "ready" && supervised.status !== "stalled") return;
        this.#setStatus(
          supervised,
          message.available ? "ready" : "stalled",
          message.available ? "" : "its log does not answer",
        );
        return;
      case "full":
        supervised.full = message.reason;
        return;
      case "channel_missed":
        if (!this.#stopping) this.#correspondents.reconnect(supervised, message.party);
        return;
      case "figures":
        supervised.stats = message.figures;
        for (const resolve of supervised.statsWaiting.splice(0)) resolve(message.figures);
        return;
    }
  }

  /** Shard 0 goes first: whoever fails to claim its stream has not claimed any other. */
  #letClaim(supervised: Supervised): void {
    const isNext = supervised.shard === 0 || (this.#shards[0] as Supervised).epoch > 0;
    if (!this.#allInspected || !isNext || !supervised.isInspected) return;
    supervised.isInspected = false;
    supervised.running?.post({ type: "claim" });
  }

  /** Asks every shard whether it still runs, and ends those that hang. */
  #look(): void {
    const nowMs = performance.now();
    for (const supervised of this.#shards) {
      const { running, watchdog } = supervised;
      if (running === undefined) continue;
      const liveness = watchdog.look(nowMs);
      if (liveness !== "answers" && !supervised.isSilent) this.#setSilent(supervised, true);
      if (liveness === "hung" || (liveness === "silent" && (supervised.isAsked || this.#stopping)))
        this.#end(supervised);
      if (!supervised.isEnding) running.post({ type: "figures" });
    }
  }

  #setSilent(supervised: Supervised, isSilent: boolean): void {
    supervised.isSilent = isSilent;
    supervised.hangs += isSilent ? 1 : 0;
    this.#correspondents.reportSilence(supervised.shard, isSilent);
    this.#report(supervised, isSilent ? reasonOf(supervised) : "it answers again", isSilent);
  }

  #end(supervised: Supervised): void {
    if (supervised.isEnding) return;
    supervised.isEnding = true;
    supervised.running?.end(`${describeSilence(supervised.watchdog.silentMs)}, and was ended`);
  }

  #ended(supervised: Supervised, end: ShardExit): void {
    const { isEnding, isAsked } = supervised;
    supervised.running = undefined;
    supervised.isSilent = false;
    supervised.isInspected = false;
    if (this.#stopping) return;
    const exit: ShardExit = isEnding && isAsked && this.#started ? { ...end, reason: "stopped" } : end;
    const { reason, message } = exit;
    if (reason === "fenced" || reason === "log_lost_data" || reason === "archive_behind") {
      const why = reason === "fenced" ? ". This server stops: two must not own one log" : "";
      this.#options.onFatal(`shard ${supervised.shard}: ${message}${why}`);
    } else if (!this.#started && !RETRIED_AT_START.has(reason)) this.#giveUp(supervised, exit);
    else this.#restartLater(supervised, exit);
  }

  #restartLater(supervised: Supervised, { reason, message }: ShardExit): void {
    const asked = reason === "stopped";
    const servedMs = performance.now() - supervised.watchdog.silentMs - supervised.readyAtMs;
    if (servedMs > STEADY_MS) supervised.attempts = 0;
    if (servedMs > HEALTHY_MS) supervised.crashes = 0;
    if (!asked && !TRANSIENT.has(reason)) supervised.crashes += 1;
    supervised.attempts = asked ? 0 : supervised.attempts + 1;
    if (reason === "log_corrupt" || supervised.crashes > CRASHES_MAX) {
      this.#giveUp(supervised, { reason, message });
      return;
    }
    this.#setStatus(supervised, "restarting", asked ? "asked to" : message);
    supervised.restarts += 1;
    const backoffMs = asked ? 0 : Math.min(BACKOFF_MS * 2 ** (supervised.attempts - 1), BACKOFF_MS_MAX);
    setTimeout(() => void this.#launch(supervised), backoffMs);
  }

  /** It stays down until an operator restarts it; a server that is starting does not start. */
  #giveUp(supervised: Supervised, { reason, message }: ShardExit): void {
    this.#setStatus(supervised, "failed", message);
    const error = reason === "log_misconfigured" ? new LogError(reason, message) : new Error(message);
    this.#inspected.reject(error);
    supervised.claimed.reject(error);
    supervised.ready.reject(error);
  }

  #setStatus(supervised: Supervised, status: Supervised["status"], reason: string): void {
    supervised.status = status;
    supervised.reason = reason;
    this.#report(supervised, reason, status !== "recovering" && status !== "ready");
  }

  #report(supervised: Supervised, message: string, isWarning: boolean): void {
    const { shard } = supervised;
    this.#options.report({ shard, status: stateOf(supervised), message, isWarning });
  }

  #askFigures(supervised: Supervised): Promise<ShardStats | undefined> {
    const { running } = supervised;
    if (running === undefined || supervised.isSilent) return Promise.resolve(supervised.stats);
    running.post({ type: "figures" });
    const { promise, resolve } = Promise.withResolvers<ShardStats | undefined>();
    supervised.statsWaiting.push(resolve);
    const deadline = setTimeout(() => resolve(supervised.stats), FIGURES_TIMEOUT_MS);
    return promise.finally(() => clearTimeout(deadline));
  }
}
