/**
 * Starts the shards, and starts again those that end while the others serve. All streams are claimed before any
 * is replayed or served, so that two servers can never own one half each.
 */
import type { ChannelEnd } from "../channels/open-channel.ts";
import { describeRecovery, NO_RECOVERY, type Recovery } from "../recovery/recover.ts";
import type { ShardFigures } from "../shard/figures.ts";
import type { JudgedClock } from "../shard/log-clock.ts";
import type { FromShard, Party, ShardExit } from "../shard/messages.ts";
import type { LogId, Witness } from "../wal/wal.ts";
import type { Carrier, Isolation, RunningShard, ShardInit } from "./carrier.ts";

const BACKOFF_MS = 100;
const BACKOFF_MS_MAX = 10_000;
/** A shard that ends so often without having served for `HEALTHY_MS` stays down. */
const CRASHES_MAX = 5;
const HEALTHY_MS = 30_000;
/** After serving for so long the pause before a restart is the shortest again. */
const STEADY_MS = 1_000;
/** Reasons that lie with the log, and pass with it. */
const WITH_THE_LOG: ReadonlySet<ShardExit["reason"]> = new Set([
  "append_lost",
  // A disk or a memory that is full.
  "append_refused",
  "log_misconfigured",
  "log_unavailable",
]);
const FIGURES_TIMEOUT_MS = 1_000;
const STOP_TIMEOUT_MS = 8_000;

export type ShardState = "starting" | "recovering" | "ready" | "stalled" | "restarting" | "failed";

/** Somebody outside the shards who talks to each of them, over a channel of its own. */
export type Correspondent = Readonly<{
  party: Exclude<Party, { kind: "shard" }>;
  /** Whenever a shard starts there is a new channel to it. */
  attach: (shard: number, end: ChannelEnd) => void;
}>;

export type SupervisorOptions = Readonly<{
  carrier: Carrier;
  /** The newest batch of a shard that the archive holds: its log must hold it, too. */
  archived: (shard: number) => Promise<Witness | undefined>;
  /** What a shard begins with; `archived` and its failpoints are filled in here. */
  init: Omit<ShardInit, "shard" | "archived" | "claimedEpoch" | "judgedClock">;
  /** How the wall clock is to be taken by a shard that starts now. */
  judgedClock?: () => JudgedClock;
  /** The server cannot go on: another one owns the log, or the log has lost data. One line. */
  onFatal: (message: string) => void;
  report: (
    event: Readonly<{ shard: number; status: ShardState; message: string; isWarning: boolean }>,
  ) => void;
}>;

interface Supervised {
  readonly shard: number;
  running: RunningShard | undefined;
  status: ShardState;
  /** Why it is not ready. */
  reason: string;
  restarts: number;
  /** Ends in a row that nobody asked for; of these, those that will not come right by themselves. */
  attempts: number;
  crashes: number;
  readyAtMs: number;
  warnings: readonly string[];
  /** Why its log should take nothing more. */
  full: string | null;
  /** Of the start before, until it serves. */
  recovery: Recovery;
  figures: ShardFigures | undefined;
  figuresWaiting: ((figures: ShardFigures | undefined) => void)[];
  /** Under which it has claimed its log last; 0 before. */
  epoch: number;
  claimed: PromiseWithResolvers<void>;
  ready: PromiseWithResolvers<void>;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #shards: readonly Supervised[];
  readonly #correspondents: Correspondent[] = [];
  /** Once all streams are claimed, a shard that starts anew need not wait for the others. */
  #allClaimed = false;
  /** Once all shards have served, a failure of one is no longer a failure to start. */
  #started = false;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#shards = Array.from({ length: options.init.shards }, (_, shard) => ({
      shard,
      running: undefined,
      status: "starting",
      reason: "it has not started yet",
      restarts: 0,
      attempts: 0,
      crashes: 0,
      readyAtMs: Number.POSITIVE_INFINITY,
      warnings: [],
      full: null,
      recovery: NO_RECOVERY,
      figures: undefined,
      figuresWaiting: [],
      epoch: 0,
      claimed: Promise.withResolvers(),
      ready: Promise.withResolvers(),
    }));
  }

  get isolation(): Isolation {
    return this.#options.carrier.isolation;
  }

  /** Gives somebody channels to all shards that run, and to each that starts from now on. */
  connect(correspondent: Correspondent): void {
    this.disconnect(correspondent.party);
    this.#correspondents.push(correspondent);
    for (const { shard, running } of this.#shards) {
      if (running !== undefined) this.#introduce(correspondent, shard, running);
    }
  }

  /** Shards that start from now on are not told of it. */
  disconnect(party: Correspondent["party"]): void {
    const at = this.#correspondents.findIndex((known) => isSameParty(known.party, party));
    if (at >= 0) this.#correspondents.splice(at, 1);
  }

  /** Resolves when all shards serve. @throws Error the first reason why one cannot begin, in one line. */
  async start(): Promise<void> {
    for (const supervised of this.#shards) {
      // Whoever waits first hears of a failure; the other promise must not count as unhandled.
      supervised.claimed.promise.catch(() => {});
      supervised.ready.promise.catch(() => {});
      await this.#launch(supervised);
    }
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
    } else supervised.running?.post({ type: "stop" });
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
    return Math.max(0, ...this.#shards.map(({ figures }) => figures?.clockAheadMs ?? 0));
  }

  /** Lets every shard answer and log what it has in hand. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const running = this.#shards
      .map((supervised) => supervised.running)
      .filter((shard) => shard !== undefined);
    for (const shard of running) shard.post({ type: "stop" });
    const deadline = timeout(STOP_TIMEOUT_MS);
    await Promise.race([Promise.all(running.map(({ exited }) => exited)), deadline.promise]);
    deadline.cancel();
    await this.#options.carrier.close();
  }

  /** Empty when all shards serve and their logs answer. */
  unready(): readonly string[] {
    return this.#shards
      .filter(({ status }) => status !== "ready")
      .map(({ shard, status, reason }) => `shard ${shard} is ${status}: ${reason}`);
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
      recovery: Recovery;
      figures: ShardFigures | undefined;
    }>[]
  > {
    return Promise.all(
      this.#shards.map(async (supervised) => {
        const figures = await this.#askFigures(supervised);
        const { shard, status, restarts, recovery } = supervised;
        return { shard, status, restarts, recovery, figures };
      }),
    );
  }

  async #launch(supervised: Supervised): Promise<void> {
    const { carrier, archived, init, judgedClock } = this.#options;
    const { shard } = supervised;
    const failpoints =
      supervised.restarts === 0 ? init.failpoints.filter((point) => point.shard === shard) : [];
    const witness = await archived(shard);
    if (this.#stopping) return;
    const running = carrier.start(
      {
        ...init,
        shard,
        archived: witness,
        failpoints,
        claimedEpoch: supervised.epoch,
        ...(judgedClock && { judgedClock: judgedClock() }),
      },
      (message) => this.#receive(supervised, message),
    );
    supervised.running = running;
    supervised.full = null;
    supervised.readyAtMs = Number.POSITIVE_INFINITY;
    void running.exited.then((exit) => this.#ended(supervised, exit));
    for (const correspondent of this.#correspondents) this.#introduce(correspondent, shard, running);
    for (const other of this.#shards) if (other !== supervised) this.#join(supervised, other);
  }

  #join(one: Supervised, other: Supervised): void {
    if (one.running === undefined || other.running === undefined) return;
    const [here, there] = this.#options.carrier.channel();
    one.running.post({ type: "channel", party: { kind: "shard", number: other.shard }, end: here });
    other.running.post({ type: "channel", party: { kind: "shard", number: one.shard }, end: there });
  }

  #introduce(correspondent: Correspondent, shard: number, running: RunningShard): void {
    const [here, there] = this.#options.carrier.channel();
    running.post({ type: "channel", party: correspondent.party, end: here });
    correspondent.attach(shard, there);
  }

  /** A way between two who live is broken, and stays so unless they get another. */
  #renew(supervised: Supervised, party: Party): void {
    const { running, shard } = supervised;
    if (this.#stopping || running === undefined) return;
    if (party.kind === "shard") {
      const other = this.#shards[party.number];
      if (other !== undefined) this.#join(supervised, other);
      return;
    }
    const correspondent = this.#correspondents.find((known) => isSameParty(known.party, party));
    if (correspondent !== undefined) this.#introduce(correspondent, shard, running);
  }

  #receive(supervised: Supervised, message: FromShard): void {
    switch (message.type) {
      case "claimed":
        this.#setStatus(supervised, "recovering", `replaying under epoch ${message.epoch}`);
        supervised.epoch = message.epoch;
        supervised.claimed.resolve();
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
        this.#renew(supervised, message.party);
        return;
      case "figures":
        supervised.figures = message.figures;
        for (const resolve of supervised.figuresWaiting.splice(0)) resolve(message.figures);
        return;
    }
  }

  #ended(supervised: Supervised, exit: ShardExit): void {
    supervised.running = undefined;
    if (this.#stopping) return;
    const { reason, message } = exit;
    if (reason === "fenced") {
      this.#options.onFatal(
        `shard ${supervised.shard}: ${message}. This server stops: two must not own one log`,
      );
      return;
    }
    if (reason === "log_lost_data") {
      this.#options.onFatal(`shard ${supervised.shard}: ${message}`);
      return;
    }
    if (!this.#started && reason !== "crashed" && reason !== "append_lost") {
      this.#giveUp(supervised, message);
      return;
    }
    this.#restartLater(supervised, exit);
  }

  #restartLater(supervised: Supervised, { reason, message }: ShardExit): void {
    const asked = reason === "stopped";
    const servedMs = performance.now() - supervised.readyAtMs;
    if (servedMs > STEADY_MS) supervised.attempts = 0;
    if (servedMs > HEALTHY_MS) supervised.crashes = 0;
    // A log that is only away, or set up wrongly, may come right by itself; nothing else will.
    const mayComeRight = WITH_THE_LOG.has(reason);
    supervised.attempts = asked ? 0 : supervised.attempts + 1;
    supervised.crashes += asked || mayComeRight ? 0 : 1;
    if (reason === "log_corrupt" || supervised.crashes > CRASHES_MAX) {
      this.#giveUp(supervised, message);
      return;
    }
    this.#setStatus(supervised, "restarting", asked ? "asked to" : message);
    supervised.restarts += 1;
    const backoffMs = asked ? 0 : Math.min(BACKOFF_MS * 2 ** (supervised.attempts - 1), BACKOFF_MS_MAX);
    setTimeout(() => void this.#launch(supervised), backoffMs);
  }

  /** It stays down until an operator restarts it; a server that is starting does not start. */
  #giveUp(supervised: Supervised, message: string): void {
    this.#setStatus(supervised, "failed", message);
    const error = new Error(message);
    supervised.claimed.reject(error);
    supervised.ready.reject(error);
  }

  #setStatus(supervised: Supervised, status: ShardState, reason: string): void {
    supervised.status = status;
    supervised.reason = reason;
    const well = status === "recovering" || status === "ready";
    this.#report(supervised, reason, !well);
  }

  #report({ shard, status }: Supervised, message: string, isWarning: boolean): void {
    this.#options.report({ shard, status, message, isWarning });
  }

  #askFigures(supervised: Supervised): Promise<ShardFigures | undefined> {
    const { running } = supervised;
    if (running === undefined) return Promise.resolve(supervised.figures);
    running.post({ type: "figures" });
    const { promise, resolve } = Promise.withResolvers<ShardFigures | undefined>();
    supervised.figuresWaiting.push(resolve);
    const deadline = setTimeout(() => resolve(supervised.figures), FIGURES_TIMEOUT_MS);
    return promise.finally(() => clearTimeout(deadline));
  }
}

function isSameParty(a: Party, b: Party): boolean {
  return a.kind === b.kind && ("number" in a ? a.number : 0) === ("number" in b ? b.number : 0);
}

function timeout(ms: number): { promise: Promise<void>; cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  return { promise, cancel: () => clearTimeout(timer) };
}
