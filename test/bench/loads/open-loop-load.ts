/**
 * Load that does not wait for answers: `node open-loop-load.ts plan.json`
 *
 * Every request has a scheduled time, and its latency counts from then. If the server stalls, the requests scheduled
 * during the stall are late, and all of them count. A closed load would have one slow request per connection, and
 * would never send the others.
 */
import { readFileSync } from "node:fs";
import { KeepAliveConnection, postRequest } from "./keep-alive-connection.ts";
import { type Latencies, latenciesOf } from "./latencies.ts";
import type { Bodies } from "./load.ts";

/** Delay before the first request, until everything is ready. */
const HEAD_START_MS = 20;
const TICK_MS = 1;
/** How long to wait for answers after the last request. */
const PATIENCE_MS = 10_000;
const CREATED = 201;

export type OpenLoopPlan = Readonly<{
  url: string;
  path: string;
  contentType: string;
  token: string;
  bodies: Bodies;
  connections: number;
  /** Requests per second, independent of the answers. */
  perSecond: number;
  seconds: number;
  /** Warm-up at the same rate, not counted. */
  warmUpSeconds: number;
}>;

export type OpenLoopReport = Readonly<{
  /** All answers, including those of the warm-up. */
  requests: number;
  failures: number;
  latency: Latencies;
  /** The share of requests that were scheduled while every connection was in use. */
  waitedShare: number;
  /** The generator's own delay: how late a request was sent although a connection was free. */
  late: Latencies;
  /** Share of one core. */
  cpuShare: number;
}>;

function requestsOf(plan: OpenLoopPlan): Buffer[] {
  const all = readFileSync(plan.bodies.file);
  let at = 0;
  return plan.bodies.lengths.map((length) => {
    at += length;
    return postRequest(plan, all.subarray(at - length, at));
  });
}

class OpenLoop {
  readonly #plan: OpenLoopPlan;
  readonly #requests: readonly Buffer[];
  readonly #total: number;
  readonly #idle: KeepAliveConnection[] = [];
  readonly #latencyMs: Float64Array;
  readonly #lateMs: Float64Array;
  #startMs = 0;
  #sent = 0;
  #waited = 0;
  /** Requests up to this one were scheduled while no connection was free. */
  #waitedUpTo = -1;
  #answered = 0;
  #failures = 0;
  #finish: (() => void) | undefined;

  constructor(plan: OpenLoopPlan) {
    this.#plan = plan;
    this.#requests = requestsOf(plan);
    this.#total = Math.floor((plan.warmUpSeconds + plan.seconds) * plan.perSecond);
    this.#latencyMs = new Float64Array(this.#total);
    this.#lateMs = new Float64Array(this.#total);
  }

  async run(): Promise<OpenLoopReport> {
    const { url, connections, perSecond, seconds, warmUpSeconds } = this.#plan;
    const { hostname, port } = new URL(url);
    for (let i = 0; i < connections; i++) {
      const receive = (from: KeepAliveConnection, status: number) => this.#receive(from, status);
      this.#idle.push(await KeepAliveConnection.open(hostname, Number(port), receive));
    }
    this.#startMs = performance.now() + HEAD_START_MS;
    const before = process.cpuUsage();
    const ticks = setInterval(() => this.#send(), TICK_MS);
    const lastMs = HEAD_START_MS + (warmUpSeconds + seconds) * 1000;
    await new Promise<void>((resolve, reject) => {
      const giveUp = () => reject(new Error(`${this.#total - this.#answered} requests were not answered`));
      setTimeout(giveUp, lastMs + PATIENCE_MS).unref();
      this.#finish = resolve;
    });
    clearInterval(ticks);
    const { user, system } = process.cpuUsage(before);
    const first = Math.floor(warmUpSeconds * perSecond);
    return {
      requests: this.#answered,
      failures: this.#failures,
      latency: latenciesOf(this.#latencyMs.subarray(first)),
      waitedShare: this.#waited / this.#total,
      late: latenciesOf(this.#lateMs.subarray(first)),
      cpuShare: (user + system) / 1000 / lastMs,
    };
  }

  #dueMs(request: number): number {
    return this.#startMs + (request * 1000) / this.#plan.perSecond;
  }

  /** Sends all requests that are due, as far as connections are free. */
  #send(): void {
    const nowMs = performance.now();
    while (this.#sent < this.#total && this.#dueMs(this.#sent) <= nowMs) {
      const connection = this.#idle.pop();
      if (connection === undefined) {
        this.#waitedUpTo = Math.floor(((nowMs - this.#startMs) * this.#plan.perSecond) / 1000);
        return;
      }
      const request = this.#sent++;
      if (request <= this.#waitedUpTo) this.#waited += 1;
      else this.#lateMs[request] = nowMs - this.#dueMs(request);
      connection.send(request, this.#requests[request % this.#requests.length] as Buffer);
    }
  }

  #receive(connection: KeepAliveConnection, status: number): void {
    if (status === 0) throw new Error("the server hung up");
    if (status !== CREATED) this.#failures += 1;
    this.#latencyMs[connection.request] = performance.now() - this.#dueMs(connection.request);
    this.#answered += 1;
    this.#idle.push(connection);
    if (this.#answered === this.#total) this.#finish?.();
    else this.#send();
  }
}

const plan = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as OpenLoopPlan;
process.stdout.write(`${JSON.stringify(await new OpenLoop(plan).run())}\n`);
process.exit(0);
