/**
 * Starts the shards, and restarts a shard that ends or hangs while the others serve.
 *
 * No stream is claimed before every shard has inspected its own, so a server that cannot start fences no other. The
 * stream of shard 0 is claimed first: of two servers that start together, one gets all streams. No shard serves
 * before all streams are claimed.
 */
import type { PersonKeysUsed } from "../../actors/programmes/programme.ts";
import { messageOf } from "../../errors/error-message.ts";
import { LogError, type LogId, type Witness } from "../../wal/wal.ts";
import type { Carrier, Isolation, ShardInit } from "../carriers/carrier.ts";
import { ChannelBroker, type ShardClient } from "../carriers/channel-broker.ts";
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
  describeFatal,
  fateOf,
  newShard,
  reasonOf,
  type ShardState,
  type Supervised,
  stateOf,
  TRANSIENT,
  timeout,
} from "./supervised.ts";

const BACKOFF_MS = 100;
const BACKOFF_MS_MAX = 10_000;
/** A shard that crashes more often than this without serving for `HEALTHY_MS` stays down. */
const CRASHES_MAX = 5;
const HEALTHY_MS = 30_000;
/** After serving this long, the pause before the next restart is the shortest again. */
const STEADY_MS = 1_000;
const STATS_TIMEOUT_MS = 1_000;
const STOP_TIMEOUT_MS = 8_000;

export type SupervisorOptions = Readonly<{
  carrier: Carrier;
  /** The newest batch of a shard in the archive: its log must contain it. */
  archived: (shard: number) => Promise<Witness | undefined>;
  /** Start parameters of a shard; the supervisor adds those that differ between shards. */
  init: Omit<ShardInit, "shard" | "archived" | "claimedEpoch" | "judgedClock">;
  /** The present judgement of the wall clock. */
  judgedClock?: () => JudgedClock;
  /** The server must end: another one owns the log, or the log or the archive has lost data. One line. */
  onFatal: (message: string) => void;
  report: (
    event: Readonly<{ shard: number; status: ShardState; message: string; isWarning: boolean }>,
  ) => void;
  /** A log that has lost data stops its shard only: see `fateOf`. */
  losesAlone?: boolean;
  watch?: WatchLimits;
}>;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #shards: readonly Supervised[];
  readonly #channels: ChannelBroker;
  readonly #inspected = Promise.withResolvers<void>();
  #allInspected = false;
  #timer: NodeJS.Timeout | undefined;
  /** All streams were claimed once: a restarted shard need not wait for the others. */
  #allClaimed = false;
  /** All shards have served: from now on a failing shard does not end the server. */
  #started = false;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#shards = Array.from({ length: options.init.shards }, (_, shard) =>
      newShard(shard, this.#newWatchdog()),
    );
    this.#channels = new ChannelBroker(options.carrier, this.#shards);
  }

  get isolation(): Isolation {
    return this.#options.carrier.isolation;
  }

  /** Gives a client channels to all running shards, and to each that starts later. */
  connect(client: ShardClient): void {
    this.#channels.addClient(client);
  }

  /** The client has ended: it gets no more channels, and shards stop waiting for its confirmations. */
  disconnect(party: ShardClient["party"]): void {
    this.#channels.removeClient(party);
  }

  /**
   * Resolves when all shards have inspected their logs and could claim them, with the keys of persons that they need.
   *
   * @throws Error the first reason why a shard cannot start, in one line. Nothing was claimed.
   */
  async inspect(): Promise<readonly PersonKeysUsed[]> {
    this.#timer = setInterval(() => this.#look(), ASK_EVERY_MS);
    this.#inspected.promise.catch(() => {});
    for (const supervised of this.#shards) {
      // A failure is reported by the promise that is awaited first; the other must not count as unhandled.
      supervised.claimed.promise.catch(() => {});
      supervised.ready.promise.catch(() => {});
      await this.#launch(supervised);
    }
    await this.#inspected.promise;
    return this.#shards.flatMap(({ personKeys }) => personKeys);
  }

  /** Resolves when all shards serve. @throws Error the first reason why a shard cannot start, in one line. */
  async start(): Promise<void> {
    if (this.#timer === undefined) await this.inspect();
    this.#allInspected = true;
    for (const supervised of this.#shards) this.#claimIfReady(supervised);
    await Promise.all(this.#shards.map(({ claimed }) => claimed.promise));
    this.#allClaimed = true;
    for (const { running } of this.#shards) running?.post({ type: "proceed" });
    await Promise.all(this.#shards.map(({ ready }) => ready.promise));
    this.#started = true;
  }

  /** Stops a shard in an orderly way and starts it again. @returns false if there is no such shard */
  restart(shard: number): boolean {
    const supervised = this.#shards[shard];
    if (supervised === undefined) return false;
    if (supervised.status === "failed") {
      supervised.crashes = 0;
      // The new status prevents a second request from starting another run: two would fence each other.
      this.#setStatus(supervised, "restarting", "requested by an operator");
      void this.#launch(supervised);
      return true;
    }
    supervised.isRestartRequested = true;
    if (supervised.isSilent) this.#end(supervised);
    else supervised.running?.post({ type: "stop" });
    return true;
  }

  /** Lets a shard trim its log below this entry. */
  trim(shard: number, below: LogId): void {
    this.#shards[shard]?.running?.post({ type: "trim", below });
  }

  /** Sends all shards a new judgement of the wall clock. */
  judgeClock(judged: JudgedClock): void {
    for (const { running } of this.#shards) running?.post({ type: "clock", judged });
  }

  /** The most that a shard's log time is ahead of the wall clock, by the last reports; at least 0. */
  get clockAheadMs(): number {
    return Math.max(0, ...this.#shards.map(({ stats }) => stats?.clockAheadMs ?? 0));
  }

  /** Stops all shards after they have answered their open requests; kills them after a timeout. */
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

  /** One line for each shard that is not ready; empty if all serve and their logs answer. */
  unready(): readonly string[] {
    return this.#shards
      .filter((supervised) => stateOf(supervised) !== "ready")
      .map((supervised) => `shard ${supervised.shard} is ${stateOf(supervised)}: ${reasonOf(supervised)}`);
  }

  warnings(): readonly string[] {
    return [...new Set(this.#shards.flatMap(({ warnings }) => warnings))];
  }

  /** Why commands must be refused because a log is nearly full; `undefined` while all have room. */
  full(): string | undefined {
    return this.#shards.find(({ full }) => full !== null)?.full ?? undefined;
  }

  /** The status of each shard; `stats` are the last known ones if it does not answer. */
  async shards(): Promise<
    readonly Readonly<{
      shard: number;
      status: ShardState;
      restarts: number;
      hangs: number;
      recovery: Recovery;
      stats: ShardStats | undefined;
    }>[]
  > {
    return Promise.all(
      this.#shards.map(async (supervised) => {
        const stats = await this.#requestStats(supervised);
        const { shard, restarts, hangs, recovery } = supervised;
        return { shard, status: stateOf(supervised), restarts, hangs, recovery, stats };
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
      // A slow archive may answer at the next attempt; a failed archive ends the server elsewhere.
      const message = `the archive does not say what it holds: ${messageOf(error)}`;
      if (!this.#stopping) this.#restartLater(supervised, { reason: "log_unavailable", message });
      return;
    }
    if (this.#stopping) return;
    supervised.full = null;
    supervised.readyAtMs = Number.POSITIVE_INFINITY;
    supervised.watchdog = this.#newWatchdog();
    supervised.isInspected = false;
    supervised.isRestartRequested = false;
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
    this.#channels.connectShard(supervised);
  }

  #receive(supervised: Supervised, message: FromShard): void {
    supervised.watchdog.answered();
    if (supervised.isSilent && !supervised.isEnding) this.#setSilent(supervised, false);
    switch (message.type) {
      case "inspected":
        supervised.isInspected = true;
        supervised.personKeys = message.personKeys;
        if (this.#shards.every(({ isInspected }) => isInspected)) this.#inspected.resolve();
        this.#claimIfReady(supervised);
        return;
      case "claimed":
        this.#setStatus(supervised, "recovering", `replaying under epoch ${message.epoch}`);
        supervised.epoch = message.epoch;
        supervised.claimed.resolve();
        if (supervised.shard === 0) for (const other of this.#shards.slice(1)) this.#claimIfReady(other);
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
        if (!this.#stopping) this.#channels.reconnect(supervised, message.party);
        return;
      case "stats":
        supervised.stats = message.stats;
        for (const resolve of supervised.statsWaiting.splice(0)) resolve(message.stats);
        return;
    }
  }

  /** Shard 0 claims first: a server that fails to claim its stream has claimed no other. */
  #claimIfReady(supervised: Supervised): void {
    const isNext = supervised.shard === 0 || (this.#shards[0] as Supervised).epoch > 0;
    if (!this.#allInspected || !isNext || !supervised.isInspected) return;
    supervised.isInspected = false;
    supervised.running?.post({ type: "claim" });
  }

  /** Asks every shard for a sign of life, and kills those that hang. */
  #look(): void {
    const nowMs = performance.now();
    for (const supervised of this.#shards) {
      const { running, watchdog } = supervised;
      if (running === undefined) continue;
      const liveness = watchdog.look(nowMs);
      if (liveness !== "answers" && !supervised.isSilent) this.#setSilent(supervised, true);
      if (liveness === "hung" || (liveness === "silent" && (supervised.isRestartRequested || this.#stopping)))
        this.#end(supervised);
      if (!supervised.isEnding) running.post({ type: "stats" });
    }
  }

  #setSilent(supervised: Supervised, isSilent: boolean): void {
    supervised.isSilent = isSilent;
    supervised.hangs += isSilent ? 1 : 0;
    this.#channels.reportSilence(supervised.shard, isSilent);
    this.#report(supervised, isSilent ? reasonOf(supervised) : "it answers again", isSilent);
  }

  #end(supervised: Supervised): void {
    if (supervised.isEnding) return;
    supervised.isEnding = true;
    supervised.running?.end(`${describeSilence(supervised.watchdog.silentMs)}, and was ended`);
  }

  #ended(supervised: Supervised, end: ShardExit): void {
    const { isEnding, isRestartRequested } = supervised;
    supervised.running = undefined;
    supervised.isSilent = false;
    supervised.isInspected = false;
    if (this.#stopping) return;
    const exit: ShardExit =
      isEnding && isRestartRequested && this.#started ? { ...end, reason: "stopped" } : end;
    const { losesAlone, onFatal } = this.#options;
    const fate = fateOf(exit.reason, this.#started, losesAlone);
    if (fate === "gives_up") this.#giveUp(supervised, exit);
    else if (fate === "restarts") this.#restartLater(supervised, exit);
    else onFatal(describeFatal(supervised.shard, exit));
  }

  #restartLater(supervised: Supervised, { reason, message }: ShardExit): void {
    const isRequested = reason === "stopped";
    const servedMs = performance.now() - supervised.watchdog.silentMs - supervised.readyAtMs;
    if (servedMs > STEADY_MS) supervised.attempts = 0;
    if (servedMs > HEALTHY_MS) supervised.crashes = 0;
    if (!isRequested && !TRANSIENT.has(reason)) supervised.crashes += 1;
    supervised.attempts = isRequested ? 0 : supervised.attempts + 1;
    if (reason === "log_corrupt" || supervised.crashes > CRASHES_MAX)
      return this.#giveUp(supervised, { reason, message });
    this.#setStatus(supervised, "restarting", isRequested ? "requested by an operator" : message);
    supervised.restarts += 1;
    const backoffMs = isRequested ? 0 : Math.min(BACKOFF_MS * 2 ** (supervised.attempts - 1), BACKOFF_MS_MAX);
    setTimeout(() => void this.#launch(supervised), backoffMs);
  }

  /** The shard stays down until an operator restarts it; a server that is still starting ends. */
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

  #requestStats(supervised: Supervised): Promise<ShardStats | undefined> {
    const { running } = supervised;
    if (running === undefined || supervised.isSilent) return Promise.resolve(supervised.stats);
    running.post({ type: "stats" });
    const { promise, resolve } = Promise.withResolvers<ShardStats | undefined>();
    supervised.statsWaiting.push(resolve);
    const deadline = setTimeout(() => resolve(supervised.stats), STATS_TIMEOUT_MS);
    return promise.finally(() => clearTimeout(deadline));
  }
}
