/**
 * Asks the operator about every sale that is not over, until the operator has said what became of it: at least once, with
 * the top-up's id as the reference of the order. What there is to ask about is in the shards, so nothing is lost with the
 * process; a new one asks for the status of whatever an earlier one may have sent.
 *
 * A request without an answer proves nothing: the sale is reported as unknown, and asked about again. An order is sent
 * again only if the operator does not have it, and never once the partner has decided the sale.
 */
import type { OpenSale, OperatorResult, SaleStatus } from "../actors/programmes/topup/acts.ts";
import { OperatingError } from "../errors/operating-error.ts";
import type { OperatorAnswer, TopupOperator } from "./operator.ts";
import { newCounters, type OperatorStats, type SaleCounts } from "./operator-stats.ts";

/** Sales about which the operator is asked at once. */
const IN_FLIGHT_MAX = 128;
/** Sales that are known to this process. With more, no further ones are read until some are over. */
const KNOWN_MAX = 100_000;
const PAGE = 200;
/** Pause between two looks for new sales. */
const LOOK_MS = 20;
/** Pause after the server could not answer. */
const RETRY_MS = 500;
/** The first retry comes after this time; each later one waits twice as long as the one before. */
const WAIT_MS_MIN = 500;
const WAIT_MS_MAX = 60_000;
/** An operator that does not have an order this long after it was last sent has never charged it. */
const ABSENT_MS = 60_000;

/** The ledger as the asker uses it. Every method rejects with an OperatingError while the server cannot answer. */
export interface SaleLedger {
  readonly shards: number;
  /** Up to `limit` sales of the shard with a `no` above `after`, ascending. */
  open(shard: number, limit: number, after: number): Promise<readonly OpenSale[]>;
  /** `undefined`: it is over. */
  statusOf(sale: OpenSale): Promise<SaleStatus | undefined>;
  /** Records the operator's answer. False if the sale was decided before. */
  decide(sale: OpenSale, answer: OperatorResult, reason: string | null): Promise<boolean>;
  /** Records that the outcome is unknown. Does nothing if the sale is not pending. */
  reportUnknown(sale: OpenSale): Promise<void>;
  /** Records the answer to a sale that the partner has decided. */
  reportLate(sale: OpenSale, answer: OperatorResult): Promise<void>;
  conflicts(): Promise<number>;
}

export type AskerDeps = Readonly<{
  ledger: SaleLedger;
  operator: TopupOperator;
  nowMs: () => number;
  /** From 0 to 1. */
  random: () => number;
  /** Calls `work` after a time, unless it is cancelled. */
  schedule: (ms: number, work: () => void) => () => void;
  /** A bug. */
  onFailure: (error: unknown) => void;
}>;

type Task = {
  readonly sale: OpenSale;
  status: SaleStatus;
  /** An earlier process may have sent the order. */
  readonly isOld: boolean;
  tries: number;
  /** When this process last sent the order; `undefined`: never. */
  sentAtMs: number | undefined;
  /** What the operator has said, until it is recorded. */
  answer: FinalAnswer | undefined;
};

type FinalAnswer = Readonly<{ result: "completed" } | { result: "failed"; reason: string | null }>;

function isFinal(answer: OperatorAnswer): answer is FinalAnswer {
  return answer.result === "completed" || answer.result === "failed";
}

export class SaleAsker {
  readonly #deps: AskerDeps;
  readonly #counters = newCounters();
  readonly #tasks = new Set<Task>();
  readonly #ready: Task[] = [];
  /** By shard: the `no` up to which sales were read, and whether all that were there at the start are. */
  readonly #cursors: { after: number; isCaughtUp: boolean }[];
  readonly #timers = new Set<() => void>();
  #asking = 0;
  #isClosed = false;
  #onIdle: () => void = () => {};

  constructor(deps: AskerDeps) {
    this.#deps = deps;
    this.#cursors = Array.from({ length: deps.ledger.shards }, () => ({ after: 0, isCaughtUp: false }));
  }

  start(): void {
    for (const shard of this.#cursors.keys()) void this.#look(shard);
  }

  /** Starts no more requests. Resolves when none is in flight. */
  close(): Promise<void> {
    this.#isClosed = true;
    for (const cancel of this.#timers) cancel();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    if (this.#asking === 0) resolve();
    return promise;
  }

  stats(): OperatorStats {
    const counts: SaleCounts = { pending: 0, unknown: 0, oldestUnknownMs: 0 };
    const nowMs = this.#deps.nowMs();
    for (const { status, sale } of this.#tasks) {
      if (status === "pending") counts.pending += 1;
      if (status !== "unknown") continue;
      counts.unknown += 1;
      counts.oldestUnknownMs = Math.max(counts.oldestUnknownMs, nowMs - sale.createdAtMs);
    }
    return { ...this.#counters.stats, ...counts };
  }

  async #look(shard: number): Promise<void> {
    const isFull = await this.#read(shard).catch((error: unknown) => this.#failed(error));
    if (this.#isClosed) return;
    if (isFull === true) void this.#look(shard);
    else this.#later(isFull === undefined ? RETRY_MS : LOOK_MS, () => void this.#look(shard));
  }

  /** @returns whether there may be more */
  async #read(shard: number): Promise<boolean> {
    const cursor = this.#cursors[shard];
    if (cursor === undefined || this.#tasks.size >= KNOWN_MAX) return false;
    const sales = await this.#deps.ledger.open(shard, PAGE, cursor.after);
    for (const sale of sales) {
      cursor.after = sale.no;
      const isOld = !cursor.isCaughtUp;
      const task: Task = {
        sale,
        status: sale.status,
        isOld,
        tries: 0,
        sentAtMs: undefined,
        answer: undefined,
      };
      this.#tasks.add(task);
      this.#ready.push(task);
    }
    const isFull = sales.length === PAGE;
    cursor.isCaughtUp ||= !isFull;
    this.#work();
    return isFull;
  }

  #work(): void {
    while (!this.#isClosed && this.#asking < IN_FLIGHT_MAX) {
      const task = this.#ready.shift();
      if (task === undefined) return;
      this.#asking += 1;
      void this.#take(task);
    }
  }

  async #take(task: Task): Promise<void> {
    const isOver = await this.#try(task).catch((error: unknown) => {
      this.#failed(error);
      return false;
    });
    this.#asking -= 1;
    if (isOver) this.#tasks.delete(task);
    else this.#again(task);
    if (this.#isClosed && this.#asking === 0) this.#onIdle();
    this.#work();
  }

  #again(task: Task): void {
    const waitMs = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.max(0, task.tries - 1));
    this.#later(waitMs * (0.75 + this.#deps.random() / 4), () => {
      this.#ready.push(task);
      this.#work();
    });
  }

  /** @returns whether nothing is left to ask */
  async #try(task: Task): Promise<boolean> {
    const { ledger } = this.#deps;
    if (task.tries > 0 || task.isOld) {
      const status = await ledger.statusOf(task.sale);
      if (status === undefined) return true;
      task.status = status;
    }
    if (task.answer === undefined) {
      const said = await this.#ask(task);
      task.tries += 1;
      if (!isFinal(said)) {
        if (said.result === "unknown" && task.status === "pending") {
          await ledger.reportUnknown(task.sale);
          task.status = "unknown";
        }
        return false;
      }
      task.answer = said;
    }
    return this.#record(task, task.answer);
  }

  async #record({ sale, status }: Task, answer: FinalAnswer): Promise<boolean> {
    const { ledger } = this.#deps;
    const reason = answer.result === "failed" ? answer.reason : null;
    const isAhead = status === "completed" || status === "failed";
    // The partner may decide at this moment. Then the answer comes late.
    if (isAhead || !(await ledger.decide(sale, answer.result, reason)))
      await ledger.reportLate(sale, answer.result);
    return true;
  }

  /** Asks the operator once. Never rejects: no answer is `unknown`. */
  async #ask(task: Task): Promise<OperatorAnswer> {
    const { nowMs } = this.#deps;
    const beganMs = nowMs();
    const said = await this.#answerTo(task).catch((): OperatorAnswer => ({ result: "unknown" }));
    const result = said.result === "not_found" ? "pending" : said.result;
    this.#counters.count(result, nowMs() - beganMs);
    return said;
  }

  async #answerTo(task: Task): Promise<OperatorAnswer> {
    const { operator } = this.#deps;
    const isFirst = task.tries === 0 && !task.isOld;
    if (isFirst && task.status === "pending") return this.#send(task);
    const said = await operator.status(task.sale.id);
    if (said.result !== "not_found") return said;
    const silentMs = this.#deps.nowMs() - (task.sentAtMs ?? task.sale.createdAtMs);
    if (task.status === "completed" || task.status === "failed")
      return silentMs < Math.max(ABSENT_MS, operator.settleMs)
        ? { result: "not_found" }
        : { result: "failed", reason: "the operator does not have it" };
    return silentMs < operator.settleMs ? { result: "not_found" } : this.#send(task);
  }

  #send(task: Task): Promise<OperatorAnswer> {
    const { id: reference, phone, amount } = task.sale;
    task.sentAtMs = this.#deps.nowMs();
    return this.#deps.operator.send({ reference, phone, amount });
  }

  /** The server cannot answer at the moment, or there is a bug. */
  #failed(error: unknown): undefined {
    if (!(error instanceof OperatingError)) this.#deps.onFailure(error);
    return undefined;
  }

  #later(ms: number, work: () => void): void {
    if (this.#isClosed) return;
    const cancel = this.#deps.schedule(ms, () => {
      this.#timers.delete(cancel);
      work();
    });
    this.#timers.add(cancel);
  }
}
