/**
 * Starts the shards, and starts again those that end while the others serve. All streams are claimed before any
 * is replayed or served, so that two servers can never own one half each.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { Fact } from "../actors/command.ts";
import type { ShardLink } from "../gateway/shard-link.ts";
import type { ShardFigures } from "../shard/figures.ts";
import type { FromShard, ShardExit } from "../shard/messages.ts";
import type { Witness } from "../wal/wal.ts";
import type { Carrier, RunningShard, ShardInit } from "./carrier.ts";

const BACKOFF_MS = 100;
const BACKOFF_MS_MAX = 10_000;
/** A shard that ends so often without having served for `HEALTHY_MS` stays down. */
const CRASHES_MAX = 5;
const HEALTHY_MS = 30_000;
const FIGURES_TIMEOUT_MS = 1_000;
const STOP_TIMEOUT_MS = 8_000;

export type ShardState = "starting" | "recovering" | "ready" | "stalled" | "restarting" | "failed";

/** What the supervisor needs of the archive: where to send a shard's batches, and what it holds already. */
export interface ArchiveEnd {
  attach(shard: number, port: MessagePort): void;
  witness(shard: number): Promise<Witness | undefined>;
}

export type SupervisorOptions = Readonly<{
  carrier: Carrier;
  links: readonly ShardLink[];
  archive: ArchiveEnd;
  /** What a shard begins with; `archived` and its failpoints are filled in here. */
  init: Omit<ShardInit, "shard" | "archived">;
  /** Told of all that a shard knows whenever it begins to serve. */
  onAllFacts: (facts: readonly Fact[]) => void;
  /** The server cannot go on: another one owns the log, or the log has lost data. One line. */
  onFatal: (message: string) => void;
  report: (event: Readonly<{ shard: number; status: ShardState; message: string }>) => void;
}>;

interface Supervised {
  readonly shard: number;
  readonly link: ShardLink;
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
  figures: ShardFigures | undefined;
  figuresWaiting: ((figures: ShardFigures | undefined) => void)[];
  claimed: PromiseWithResolvers<void>;
  ready: PromiseWithResolvers<void>;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #shards: readonly Supervised[];
  /** Once all streams are claimed, a shard that starts anew need not wait for the others. */
  #allClaimed = false;
  /** Once all shards have served, a failure of one is no longer a failure to start. */
  #started = false;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#shards = options.links.map((link) => ({
      shard: link.shard,
      link,
      running: undefined,
      status: "starting",
      reason: "it has not started yet",
      restarts: 0,
      attempts: 0,
      crashes: 0,
      readyAtMs: 0,
      warnings: [],
      figures: undefined,
      figuresWaiting: [],
      claimed: Promise.withResolvers(),
      ready: Promise.withResolvers(),
    }));
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
      void this.#launch(supervised);
    } else supervised.running?.post({ type: "stop" });
    return true;
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

  /** How each shard is; `figures` are the last known ones when it does not answer. */
  async shards(): Promise<
    readonly Readonly<{
      shard: number;
      status: ShardState;
      restarts: number;
      figures: ShardFigures | undefined;
    }>[]
  > {
    return Promise.all(
      this.#shards.map(async (supervised) => {
        const figures = await this.#askFigures(supervised);
        const { shard, status, restarts } = supervised;
        return { shard, status, restarts, figures };
      }),
    );
  }

  async #launch(supervised: Supervised): Promise<void> {
    const { carrier, archive, init } = this.#options;
    const { shard } = supervised;
    const failpoints =
      supervised.restarts === 0 ? init.failpoints.filter((point) => point.shard === shard) : [];
    const archived = await archive.witness(shard);
    if (this.#stopping) return;
    const running = carrier.start({ ...init, shard, archived, failpoints }, (message) =>
      this.#receive(supervised, message),
    );
    supervised.running = running;
    void running.exited.then((exit) => this.#ended(supervised, exit));
    const { port1, port2 } = new MessageChannel();
    running.post({ type: "archive", port: port1 }, [port1]);
    archive.attach(shard, port2);
  }

  #receive(supervised: Supervised, message: Uint8Array | FromShard): void {
    if (message instanceof Uint8Array) {
      supervised.link.receive(message);
      return;
    }
    switch (message.type) {
      case "claimed":
        this.#setStatus(supervised, "recovering", `replaying under epoch ${message.epoch}`);
        supervised.claimed.resolve();
        if (this.#allClaimed) supervised.running?.post({ type: "proceed" });
        return;
      case "ready": {
        const { running } = supervised;
        this.#options.onAllFacts(message.facts);
        supervised.link.attach((bytes) => running?.post(bytes, [bytes.buffer]));
        supervised.readyAtMs = performance.now();
        this.#setStatus(supervised, "ready", "");
        supervised.ready.resolve();
        return;
      }
      case "log":
        supervised.warnings = message.warnings;
        if (supervised.status !== "ready" && supervised.status !== "stalled") return;
        supervised.link.setLogAvailable(message.available);
        this.#setStatus(
          supervised,
          message.available ? "ready" : "stalled",
          message.available ? "" : "its log does not answer",
        );
        return;
      case "figures":
        supervised.figures = message.figures;
        for (const resolve of supervised.figuresWaiting.splice(0)) resolve(message.figures);
        return;
    }
  }

  #ended(supervised: Supervised, exit: ShardExit): void {
    supervised.running = undefined;
    supervised.link.detach();
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
    if (performance.now() - supervised.readyAtMs > HEALTHY_MS) supervised.crashes = supervised.attempts = 0;
    // A log that is only away or set up wrongly may come right by itself; nothing else will.
    const mayComeRight = reason === "log_unavailable" || reason === "log_misconfigured";
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
    this.#options.report({ shard: supervised.shard, status, message: reason });
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

function timeout(ms: number): { promise: Promise<void>; cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  return { promise, cancel: () => clearTimeout(timer) };
}
