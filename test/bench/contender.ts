/** One of two subjects that alternate under the same load. */
import type { BenchContext } from "./bench-context.ts";
import { MEDIA_TYPES } from "./bodies.ts";
import { type Bodies, RefusedLoad } from "./load.ts";
import { FUNDS } from "./owner-transfers.ts";
import { cpuUsOfTree } from "./process-tree-cpu.ts";
import type { RivalTotals } from "./rival-ledger.ts";

export type Subject = Readonly<{
  /** Its address, and the credentials of callers. */
  address(): Readonly<{ url: string; token: string }>;
  pids(): readonly number[];
  /** Resolves when no work of the last run is left. */
  settle(): Promise<void>;
  totals(): Promise<RivalTotals>;
  stop(): Promise<void>;
}>;

/** The requests: `size` transfers each. */
export type Duty = Readonly<{ path: string; bodies: Bodies; size: number; owners: number }>;

export type Turn = Readonly<{ rate: number; p99Ms: number; cpuUs: number }>;

export class Contender {
  readonly #bench: BenchContext;
  readonly #subject: Subject;
  readonly #duty: Duty;
  #items = 0;
  /** Sent, but aborted at the end of a run. */
  #unanswered = 0;

  constructor(bench: BenchContext, subject: Subject, duty: Duty) {
    this.#bench = bench;
    this.#subject = subject;
    this.#duty = duty;
  }

  async run(connections: number, seconds: number): Promise<Turn> {
    const { path, bodies, size } = this.#duty;
    await this.#subject.settle();
    const before = this.#cpuUs();
    const plan = {
      ...this.#subject.address(),
      path,
      contentType: MEDIA_TYPES.json,
      bodies,
      connections,
      seconds,
    };
    const report = await this.#bench.load.run(plan);
    const items = report.requests * size;
    this.#items += items;
    this.#unanswered += connections * size;
    return {
      rate: items / report.seconds,
      p99Ms: report.p99Ms,
      cpuUs: (this.#cpuUs() - before) / items,
    };
  }

  /** Like `run`, for a number of connections that may be too high for the subject: the rate is then 0. */
  async tryRun(connections: number, seconds: number): Promise<number> {
    try {
      return (await this.run(connections, seconds)).rate;
    } catch (failure) {
      if (!(failure instanceof RefusedLoad)) throw failure;
      const { size } = this.#duty;
      const { requests, failures } = failure.report;
      this.#items += (requests - failures) * size;
      this.#unanswered += (failures + connections) * size;
      return 0;
    }
  }

  #cpuUs(): number {
    return this.#subject.pids().reduce((sum, pid) => sum + cpuUsOfTree(pid), 0);
  }

  /** @throws Error if the books differ from the answers: each item moves one point from points to savings. */
  async verify(): Promise<void> {
    await this.#subject.settle();
    const { points, savings, recorded } = await this.#subject.totals();
    const spent = this.#duty.owners * FUNDS - points;
    const counted =
      `${spent} points spent, ${savings} received, ${recorded ?? "no"} transfers on record, ` +
      `${this.#items} items answered, up to ${this.#unanswered} cut off unanswered`;
    if (spent !== savings || (recorded !== null && recorded !== savings)) {
      throw new Error(`the books do not balance: ${counted}`);
    }
    if (savings < this.#items || savings > this.#items + this.#unanswered) {
      throw new Error(`items are lost or doubled: ${counted}`);
    }
  }
}
