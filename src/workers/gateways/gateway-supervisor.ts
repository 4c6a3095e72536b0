/**
 * The gateways beside the main thread's, each on a thread of its own, started anew when it dies or hangs while the others
 * serve.
 *
 * To the shards a gateway that starts anew is another party, under a number that nobody had before: an answer to what
 * the dead one asked can never reach the new one, whose requests count from 0 again.
 */
import type { KeyUse } from "../../gateway/directory.ts";
import type { Operations } from "../../gateway/ports.ts";
import type { Log } from "../../http/log/request-log.ts";
import { type RequestCounts, sumRequestCounts } from "../../http/log/request-metrics.ts";
import type { ShardClient } from "../carriers/correspondents.ts";
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
/** So many ends in a row, of gateways that ran and never took connections, keep a server from starting. */
const ATTEMPTS_MAX = 5;
/** Whoever has served so long begins with the shortest pause again. */
const HEALTHY_MS = 30_000;
const COUNT_MS_MAX = 500;
/** So long after the deadline of its requests a gateway may take to say that it has drained. */
const DRAINED_MS_MAX = 500;

export type GatewaySupervisorOptions = Readonly<{
  /** How many there are beside gateway 0. */
  gateways: number;
  start: StartGateway;
  /** What a thread begins with; the port to the archive is a new one each time. */
  init: (gateway: number) => GatewayInit;
  shards: Pick<Supervisor, "connect" | "disconnect">;
  operations: Operations;
  /** Of gateway 0, which knows what all others tell. */
  directory: Readonly<{
    usesSince(sinceMs: number): readonly KeyUse[];
    noteUses(uses: readonly KeyUse[]): readonly KeyUse[];
  }>;
  log: Log;
  /** What `unready` says has changed. */
  onChange?: () => void;
  watch?: WatchLimits;
}>;

export type GatewayStatus = Readonly<{
  gateway: number;
  serves: boolean;
  /** It has not answered for a while. */
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
  /** Ends in a row. */
  attempts: number;
  /** Why it could not begin, as it said itself. */
  failure: string | undefined;
  /** What its present thread had counted when it was asked last, and all those before. */
  counted: RequestCounts;
  countedBefore: RequestCounts;
  readonly counts: Rpc<"count">;
  /** Its thread runs. */
  readonly started: PromiseWithResolvers<void>;
  readonly ready: PromiseWithResolvers<void>;
  readonly drained: PromiseWithResolvers<void>;
}

export class GatewaySupervisor {
  readonly #options: GatewaySupervisorOptions;
  readonly #gateways: readonly Supervised[];
  /** Gateway 0 is the main thread's. */
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
        counted: [],
        countedBefore: [],
        counts: new Rpc((no) => supervised.running?.post({ kind: "count", no }), COUNT_MS_MAX),
        started: Promise.withResolvers(),
        ready: Promise.withResolvers(),
        drained: Promise.withResolvers(),
      };
      return supervised;
    });
  }

  /** Resolves when all threads run. @throws Error the first reason why one cannot begin. */
  async begin(): Promise<void> {
    this.#timer = setInterval(() => this.#look(), ASK_EVERY_MS).unref();
    for (const supervised of this.#gateways) {
      // Whoever waits first hears of a failure; the other promise must not count as unhandled.
      supervised.started.promise.catch(() => {});
      supervised.ready.promise.catch(() => {});
      this.#launch(supervised);
    }
    await Promise.all(this.#gateways.map(({ started }) => started.promise));
  }

  /** Resolves when all take connections. @throws Error the first reason why one cannot begin. */
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

  /** A line for each gateway that hangs: connections that the system gives to it are not answered. */
  unready(): readonly string[] {
    return this.#gateways
      .filter(({ isSilent }) => isSilent)
      .map(({ gateway, watchdog }) => `gateway ${gateway} is hung: ${describeSilence(watchdog.silentMs)}`);
  }

  broadcastHealth(standing: ServerHealth): void {
    for (const { running } of this.#gateways) running?.post({ kind: "standing", standing });
  }

  tellUses(uses: readonly KeyUse[], except?: RunningGateway): void {
    for (const { running } of this.#gateways) if (running !== except) running?.post({ kind: "uses", uses });
  }

  /** What all of them have counted, those that died included as far as they were asked. */
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
    // Another thread may be there by now.
    if (counted !== undefined && supervised.running === running)
      supervised.counted = counted as RequestCounts;
  }

  #newWatchdog(): Watchdog {
    return new Watchdog(this.#options.watch ?? WATCH_LIMITS, performance.now());
  }

  /** Asks every gateway whether it still runs, and ends those that hang. */
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

  /** No gateway takes connections any more; resolves when all requests are answered, or cut off after this time. */
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
        this.tellUses(directory.noteUses(message.uses), running);
        return;
      case "ask":
        void this.#answer(running, message.no, message.question);
        return;
      case "counts":
        supervised.counts.answered(message.no, message.counts);
        return;
      case "drained":
        supervised.drained.resolve();
        return;
    }
  }

  /** Without an answer the gateway has a deadline of its own. */
  async #answer(running: RunningGateway, no: number, question: MainQuestion): Promise<void> {
    const { operations, log } = this.#options;
    try {
      running.post({ kind: "answer", no, answer: await answerQuestion(operations, question) });
    } catch (error) {
      log.error({ err: error }, "a gateway got no answer");
    }
  }

  /** The system closes its connections and its ends of the ways to shards and archive. */
  #ended(supervised: Supervised, exit: string): void {
    const { shards, log } = this.#options;
    const { gateway, serves } = supervised;
    const reason = supervised.failure ?? exit;
    shards.disconnect(supervised.party);
    supervised.running = undefined;
    supervised.serves = false;
    supervised.countedBefore = sumRequestCounts([supervised.countedBefore, supervised.counted]);
    supervised.counted = [];
    supervised.drained.resolve();
    if (supervised.isSilent) {
      supervised.isSilent = false;
      this.#options.onChange?.();
    }
    if (this.#stopping) return;
    log.warn({ gateway, reason }, "gateway ended");
    const error = new Error(`gateway ${gateway} cannot begin: ${reason}`);
    supervised.started.reject(error);
    // The shards may have claimed their logs since it began: then it is rather started anew than the server ended.
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
