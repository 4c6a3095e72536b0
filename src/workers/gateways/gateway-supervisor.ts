/**
 * Runs gateways 1 … n, each on its own thread (gateway 0 is on the main thread), and restarts one that dies or hangs
 * while the others serve.
 *
 * A restarted gateway gets a new party number, because its request ids start at 0 again: a reply to its predecessor
 * can then never be taken for a reply to one of its own requests.
 */
import type { KeyUse } from "../../gateway/directory.ts";
import type { Operations } from "../../gateway/ports.ts";
import type { Log } from "../../http/log/request-log.ts";
import { NO_REQUESTS, type RequestCounts, sumRequestCounts } from "../../http/log/request-metrics.ts";
import type { ShardClient } from "../carriers/channel-broker.ts";
import {
  ASK_EVERY_MS,
  describeSilence,
  WATCH_LIMITS,
  Watchdog,
  type WatchLimits,
} from "../carriers/watchdog.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { FromGatewayThread, GatewayInit, MainQuestion, ServerHealth } from "./gateway-messages.ts";
import type { RunningGateway, StartGateway } from "./gateway-worker.ts";
import { answerQuestion } from "./remote-operations.ts";
import { Rpc } from "./rpc.ts";

const BACKOFF_MS = 100;
const BACKOFF_MS_MAX = 10_000;
/** After this many exits in a row of a gateway that never accepted connections, the server does not start. */
const ATTEMPTS_MAX = 5;
/** After serving this long, a gateway is restarted with the shortest pause again. */
const HEALTHY_MS = 30_000;
const COUNT_MS_MAX = 500;
/** Time for the "drained" message of a gateway, after the deadline of its requests. */
const DRAINED_MS_MAX = 500;

export type GatewaySupervisorOptions = Readonly<{
  /** Number of gateways without gateway 0. */
  gateways: number;
  start: StartGateway;
  /** Start parameters of a thread; each has a new port to the archive. */
  init: (gateway: number) => GatewayInit;
  shards: Pick<Supervisor, "connect" | "disconnect">;
  operations: Operations;
  /** The directory of gateway 0, which collects the key uses of all gateways. */
  directory: Readonly<{
    usesSince(sinceMs: number): readonly KeyUse[];
    noteUses(uses: readonly KeyUse[]): readonly KeyUse[];
  }>;
  log: Log;
  /** The result of `unready` has changed. */
  onChange?: () => void;
  watch?: WatchLimits;
}>;

export type GatewayStatus = Readonly<{
  gateway: number;
  serves: boolean;
  /** The gateway does not answer. */
  isSilent: boolean;
  restarts: number;
}>;

interface Supervised {
  readonly gateway: number;
  running: RunningGateway | undefined;
  party: ShardClient["party"];
  serves: boolean;
  watchdog: Watchdog;
  isSilent: boolean;
  servingAtMs: number;
  restarts: number;
  /** Exits in a row. */
  attempts: number;
  /** Why it could not start (its "failed" message), or why it was killed. */
  failure: string | undefined;
  /** The newest counts of its present thread. */
  counted: RequestCounts;
  /** The sum of the last known counts of all its earlier threads. */
  countedBefore: RequestCounts;
  readonly counts: Rpc<"count">;
  /** Resolves when its thread runs. */
  readonly started: PromiseWithResolvers<void>;
  readonly ready: PromiseWithResolvers<void>;
  readonly drained: PromiseWithResolvers<void>;
}

export class GatewaySupervisor {
  readonly #options: GatewaySupervisorOptions;
  readonly #gateways: readonly Supervised[];
  /** Party 0 is gateway 0, on the main thread. */
  #nextParty = 1;
  #stopping = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: GatewaySupervisorOptions) {
    this.#options = options;
    this.#gateways = Array.from({ length: options.gateways }, (_, i) => {
      const supervised: Supervised = {
        gateway: i + 1,
        running: undefined,
        party: { kind: "gateway", number: 0 },
        serves: false,
        watchdog: this.#newWatchdog(),
        isSilent: false,
        servingAtMs: 0,
        restarts: 0,
        attempts: 0,
        failure: undefined,
        counted: NO_REQUESTS,
        countedBefore: NO_REQUESTS,
        counts: new Rpc((requestId) => supervised.running?.post({ kind: "count", requestId }), COUNT_MS_MAX),
        started: Promise.withResolvers(),
        ready: Promise.withResolvers(),
        drained: Promise.withResolvers(),
      };
      return supervised;
    });
  }

  /** Resolves when all threads run. @throws Error the first reason why one cannot start. */
  async begin(): Promise<void> {
    this.#timer = setInterval(() => this.#look(), ASK_EVERY_MS).unref();
    for (const supervised of this.#gateways) {
      // A failure is reported by the promise that is awaited first; the other must not count as unhandled.
      supervised.started.promise.catch(() => {});
      supervised.ready.promise.catch(() => {});
      this.#launch(supervised);
    }
    await Promise.all(this.#gateways.map(({ started }) => started.promise));
  }

  /** Resolves when all accept connections. @throws Error the first reason why one cannot start. */
  async start(): Promise<void> {
    if (this.#timer === undefined) await this.begin();
    await Promise.all(this.#gateways.map(({ ready }) => ready.promise));
  }

  get statuses(): readonly GatewayStatus[] {
    return this.#gateways.map(({ gateway, serves, isSilent, restarts }) => ({
      gateway,
      serves,
      isSilent,
      restarts,
    }));
  }

  /** One line for each gateway that hangs: connections that the system assigns to it are not answered. */
  unready(): readonly string[] {
    return this.#gateways
      .filter(({ isSilent }) => isSilent)
      .map(({ gateway, watchdog }) => `gateway ${gateway} is hung: ${describeSilence(watchdog.silentMs)}`);
  }

  broadcastHealth(health: ServerHealth): void {
    for (const { running } of this.#gateways) running?.post({ kind: "standing", standing: health });
  }

  broadcastUses(uses: readonly KeyUse[], except?: RunningGateway): void {
    for (const { running } of this.#gateways) if (running !== except) running?.post({ kind: "uses", uses });
  }

  /** The sum of all gateways' request counts, including the last known counts of ended threads. */
  async requestCounts(): Promise<RequestCounts> {
    const counts = this.#gateways.map(async (supervised) => {
      if (!supervised.isSilent) await this.#count(supervised);
      return [supervised.countedBefore, supervised.counted];
    });
    return sumRequestCounts((await Promise.all(counts)).flat());
  }

  async #count(supervised: Supervised): Promise<void> {
    const { running } = supervised;
    if (running === undefined) return;
    const counted = await supervised.counts.ask("count").catch(() => undefined);
    // A new thread may have replaced this one.
    if (counted !== undefined && supervised.running === running)
      supervised.counted = counted as RequestCounts;
  }

  #newWatchdog(): Watchdog {
    return new Watchdog(this.#options.watch ?? WATCH_LIMITS, performance.now());
  }

  /** Asks every gateway for a sign of life, and kills those that hang. */
  #look(): void {
    const nowMs = performance.now();
    for (const supervised of this.#gateways) {
      const { running, watchdog } = supervised;
      if (running === undefined) continue;
      const liveness = watchdog.look(nowMs);
      if (liveness !== "answers" && !supervised.isSilent) this.#setSilent(supervised, true);
      if (liveness === "hung") {
        supervised.failure ??= `${describeSilence(watchdog.silentMs)}, and was ended`;
        running.end();
      } else void this.#count(supervised);
    }
  }

  #setSilent(supervised: Supervised, isSilent: boolean): void {
    const { onChange, log } = this.#options;
    const { gateway, watchdog } = supervised;
    supervised.isSilent = isSilent;
    if (isSilent) log.warn({ gateway, reason: describeSilence(watchdog.silentMs) }, "gateway hangs");
    else log.info({ gateway }, "gateway answers again");
    onChange?.();
  }

  /** Stops accepting connections. Resolves when all requests are answered, or cut off after `msMax`. */
  async drain(msMax: number): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    for (const supervised of this.#gateways) if (supervised.isSilent) supervised.running?.end();
    const running = this.#gateways.filter((supervised) => supervised.running !== undefined);
    for (const supervised of running) supervised.running?.post({ kind: "drain", msMax });
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const deadline = setTimeout(resolve, msMax + DRAINED_MS_MAX);
    await Promise.race([Promise.all(running.map(({ drained }) => drained.promise)), late]);
    clearTimeout(deadline);
  }

  #launch(supervised: Supervised): void {
    const { start, init } = this.#options;
    const running = start(supervised.gateway, init(supervised.gateway), (message) =>
      this.#receive(supervised, running, message),
    );
    supervised.running = running;
    supervised.party = { kind: "gateway", number: this.#nextParty++ };
    supervised.failure = undefined;
    supervised.watchdog = this.#newWatchdog();
    void running.exited.then((reason) => this.#ended(supervised, reason));
  }

  #receive(supervised: Supervised, running: RunningGateway, message: FromGatewayThread): void {
    const { shards, directory } = this.#options;
    supervised.watchdog.answered();
    if (supervised.isSilent) this.#setSilent(supervised, false);
    switch (message.kind) {
      case "started":
        supervised.started.resolve();
        running.post({ kind: "uses", uses: directory.usesSince(0) });
        shards.connect({
          party: supervised.party,
          attach: (shard, end) => running.post({ kind: "attach", shard, end }),
          silent: (shard, isSilent) => running.post({ kind: "silent", shard, isSilent }),
        });
        return;
      case "serving":
        supervised.serves = true;
        supervised.servingAtMs = performance.now();
        this.#options.log.info({ gateway: supervised.gateway }, "gateway serves");
        supervised.ready.resolve();
        return;
      case "failed":
        supervised.failure = message.message;
        running.end();
        return;
      case "uses":
        this.broadcastUses(directory.noteUses(message.uses), running);
        return;
      case "ask":
        void this.#answer(running, message.requestId, message.question);
        return;
      case "counts":
        supervised.counts.answered(message.requestId, message.counts);
        return;
      case "drained":
        supervised.drained.resolve();
        return;
    }
  }

  /** If the operation fails no answer is sent: the gateway's own deadline expires. */
  async #answer(running: RunningGateway, requestId: number, question: MainQuestion): Promise<void> {
    const { operations, log } = this.#options;
    try {
      running.post({ kind: "answer", requestId, answer: await answerQuestion(operations, question) });
    } catch (error) {
      log.error({ err: error }, "a request of a gateway to the main thread failed");
    }
  }

  /** The thread has ended; the system closes its connections and channels. */
  #ended(supervised: Supervised, exit: string): void {
    const { shards, log } = this.#options;
    const { gateway, serves } = supervised;
    const reason = supervised.failure ?? exit;
    shards.disconnect(supervised.party);
    supervised.running = undefined;
    supervised.serves = false;
    supervised.countedBefore = sumRequestCounts([supervised.countedBefore, supervised.counted]);
    supervised.counted = NO_REQUESTS;
    supervised.drained.resolve();
    if (supervised.isSilent) {
      supervised.isSilent = false;
      this.#options.onChange?.();
    }
    if (this.#stopping) return;
    log.warn({ gateway, reason }, "gateway ended");
    const error = new Error(`gateway ${gateway} cannot begin: ${reason}`);
    supervised.started.reject(error);
    // The shards may have claimed their logs by now, so the gateway is restarted rather than the server ended.
    if (supervised.failure !== undefined || supervised.attempts >= ATTEMPTS_MAX)
      supervised.ready.reject(error);
    if (serves && performance.now() - supervised.servingAtMs > HEALTHY_MS) supervised.attempts = 0;
    const backoffMs = Math.min(BACKOFF_MS * 2 ** supervised.attempts, BACKOFF_MS_MAX);
    supervised.attempts += 1;
    supervised.restarts += 1;
    setTimeout(() => {
      if (!this.#stopping) this.#launch(supervised);
    }, backoffMs);
  }
}
