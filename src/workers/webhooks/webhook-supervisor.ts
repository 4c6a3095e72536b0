/**
 * Runs the thread that delivers webhooks: starts it when the first webhook is known, and restarts it when it dies or
 * hangs. A server without webhooks has no such thread.
 */
import { Worker } from "node:worker_threads";
import { OperatingError } from "../../errors/operating-error.ts";
import type { DeliveriesQuery, Delivery } from "../../gateway/ports.ts";
import type { Log } from "../../http/log/request-log.ts";
import type { WebhookStats } from "../../webhooks/webhook-service.ts";
import type { ShardClient } from "../carriers/channel-broker.ts";
import { ASK_EVERY_MS, describeSilence, WATCH_LIMITS, Watchdog } from "../carriers/watchdog.ts";
import { portsOf } from "../channels/open-channel.ts";
import { Rpc } from "../gateways/rpc.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { FromWebhookThread, ToWebhookThread, WebhookInit } from "./webhook-messages.ts";

const BACKOFF_MS = 100;
const BACKOFF_MS_MAX = 10_000;
/** After running this long, the thread is restarted with the shortest pause again. */
const HEALTHY_MS = 30_000;
/** To shards the thread is a gateway, of which each thread has another number. Those of HTTP gateways are below. */
const FIRST_PARTY = 1_000_000;

const NOTHING_SENT: WebhookStats = {
  endpoints: 0,
  down: 0,
  blockedSubjects: 0,
  lagMs: 0,
  delivered: 0,
  failed: 0,
  parked: 0,
};

export type WebhookSupervisorOptions = Readonly<{
  /** Start parameters of a thread; each has a new port to the archive. */
  init: (restarts: number) => WebhookInit;
  shards: Pick<Supervisor, "connect" | "disconnect">;
  log: Log;
}>;

export type WebhookStatus = WebhookStats & Readonly<{ restarts: number }>;

type Running = Readonly<{ worker: Worker; party: ShardClient["party"]; startedMs: number }>;

export class WebhookSupervisor {
  readonly #options: WebhookSupervisorOptions;
  readonly #lists = new Rpc<DeliveriesQuery>((requestId, query) =>
    this.#post({ kind: "list", requestId, query }),
  );
  #isNeeded = false;
  #running: Running | undefined;
  #watchdog: Watchdog | undefined;
  #timer: NodeJS.Timeout | undefined;
  #nextParty = FIRST_PARTY;
  /** Exits in a row. */
  #attempts = 0;
  #restarts = 0;
  /** Why it was ended. */
  #failure: string | undefined;
  #stats = NOTHING_SENT;
  /** Tries of earlier threads. */
  #before = NOTHING_SENT;
  readonly #drained = Promise.withResolvers<void>();
  #isStopping = false;

  constructor(options: WebhookSupervisorOptions) {
    this.#options = options;
  }

  /** There is a webhook. */
  begin(): void {
    if (this.#isNeeded || this.#isStopping) return;
    this.#isNeeded = true;
    this.#timer = setInterval(() => this.#look(), ASK_EVERY_MS).unref();
    this.#launch();
  }

  /** @throws OperatingError (as a rejection) */
  async deliveries(query: DeliveriesQuery): Promise<readonly Delivery[]> {
    if (this.#running === undefined)
      throw new OperatingError("log_unavailable", "the delivery of webhooks is being restarted");
    return (await this.#lists.ask(query)) as readonly Delivery[]; // as the thread answers this request
  }

  /** `undefined` if the server has had no webhooks. */
  get status(): WebhookStatus | undefined {
    if (!this.#isNeeded) return undefined;
    const { delivered, failed, parked } = this.#before;
    return {
      ...this.#stats,
      delivered: delivered + this.#stats.delivered,
      failed: failed + this.#stats.failed,
      parked: parked + this.#stats.parked,
      restarts: this.#restarts,
    };
  }

  /** Lets the thread store its progress, and ends it. */
  async drain(msMax: number): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#timer);
    if (this.#running === undefined) return;
    this.#post({ kind: "drain" });
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const deadline = setTimeout(resolve, msMax);
    await Promise.race([this.#drained.promise, late]);
    clearTimeout(deadline);
    await this.#running?.worker.terminate();
  }

  #post(message: ToWebhookThread): void {
    const ports = message.kind === "attach" ? portsOf(message.end) : [];
    const worker = this.#running?.worker;
    if (worker !== undefined) worker.postMessage(message, ports);
    // An ended worker accepts no ports. Close them, or the other end would wait forever.
    else for (const port of ports) port.close();
  }

  #launch(): void {
    const init = this.#options.init(this.#restarts);
    let worker: Worker;
    try {
      worker = new Worker(new URL("./webhook-thread.ts", import.meta.url), {
        workerData: init,
        transferList: [init.archive],
        name: "webhooks",
      });
    } catch (error) {
      // The system has no thread to give. That may pass.
      init.archive.close();
      this.#ended(String(error), performance.now());
      return;
    }
    const party = { kind: "gateway", number: this.#nextParty++, follows: true } as const;
    const running = { worker, party, startedMs: performance.now() };
    this.#running = running;
    this.#watchdog = new Watchdog(WATCH_LIMITS, performance.now());
    worker.on("message", (message: FromWebhookThread) => this.#receive(running, message));
    worker.on("error", (error) => {
      this.#failure ??= error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    worker.on("exit", (code) => {
      this.#options.shards.disconnect(party);
      this.#ended(this.#failure ?? `its thread ended with code ${code}`, running.startedMs);
    });
  }

  #receive({ party }: Running, message: FromWebhookThread): void {
    this.#watchdog?.answered();
    switch (message.kind) {
      case "started":
        this.#options.shards.connect({
          party,
          attach: (shard, end) => this.#post({ kind: "attach", shard, end }),
          silent: (shard, isSilent) => this.#post({ kind: "silent", shard, isSilent }),
        });
        return;
      case "counts":
        this.#stats = message.stats;
        return;
      case "listed":
        this.#lists.answered(message.requestId, message.deliveries);
        return;
      case "warning":
        this.#options.log.warn({ reason: message.reason }, "the list of deliveries cannot be written");
        return;
      case "drained":
        this.#drained.resolve();
        return;
    }
  }

  /** Asks the thread for a sign of life, and ends one that hangs. */
  #look(): void {
    if (this.#running === undefined || this.#watchdog === undefined) return;
    if (this.#watchdog.look(performance.now()) === "hung") {
      this.#failure ??= `${describeSilence(this.#watchdog.silentMs)}, and was ended`;
      void this.#running.worker.terminate();
    } else this.#post({ kind: "count" });
  }

  #ended(reason: string, startedMs: number): void {
    this.#running = undefined;
    this.#failure = undefined;
    this.#drained.resolve();
    const { delivered, failed, parked } = this.status ?? NOTHING_SENT;
    this.#before = { ...NOTHING_SENT, delivered, failed, parked };
    this.#stats = NOTHING_SENT;
    if (this.#isStopping) return;
    this.#options.log.warn({ reason }, "the delivery of webhooks ended");
    if (performance.now() - startedMs > HEALTHY_MS) this.#attempts = 0;
    const backoffMs = Math.min(BACKOFF_MS * 2 ** this.#attempts, BACKOFF_MS_MAX);
    this.#attempts += 1;
    this.#restarts += 1;
    setTimeout(() => {
      if (!this.#isStopping) this.#launch();
    }, backoffMs);
  }
}
