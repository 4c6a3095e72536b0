/** A client process: one customer per lane, each of which acts again when it has its answer. */
import { setTimeout } from "node:timers/promises";
import { Diary } from "../support/diary.ts";
import { Random } from "../support/random.ts";
import { beginning, LIMITED } from "./accounts.ts";
import { Caller } from "./caller.ts";
import type { ClientPlan, FromClient, ToClient } from "./client-plan.ts";
import { Customer } from "./customer.ts";
import type { Entry } from "./entry.ts";
import { Notebook } from "./notebook.ts";

const LANES = 24;
const COUNTS_MS = 500;
/** A customer that was delayed does not catch up all at once. */
const BEHIND_MS_MAX = 1_000;

class Clients {
  readonly #plan: ClientPlan;
  readonly #notebook: Notebook;
  readonly #callers: readonly Caller[];
  readonly #customers: readonly Customer[];
  #resting = true;
  #nextMs = 0;

  constructor(plan: ClientPlan) {
    const { address, process, processes, seed, diaryFile } = plan;
    this.#plan = plan;
    const seedOf = (no: number) => (seed * 1_000 + process) * 1_000 + no;
    const diary = new Diary<Entry>(diaryFile);
    this.#notebook = new Notebook(`p${process}`, diary, new Random(seedOf(LANES)));
    const limits = LIMITED.filter((_, no) => no % processes === process);
    this.#callers = Array.from({ length: LANES }, () => new Caller(address));
    this.#customers = this.#callers.map((caller, lane) => {
      const common = { caller, random: new Random(seedOf(lane)), notebook: this.#notebook };
      // One after the other, so that the last change is the last requested one.
      return new Customer({ ...common, limits: lane === 0 ? limits : [] });
    });
    setInterval(() => this.#tellCounts(), COUNTS_MS);
  }

  /** Opens and funds the accounts. */
  async begin(): Promise<void> {
    const { process, processes } = this.#plan;
    const asks = [...beginning()].filter((_, no) => no % processes === process);
    const rest = asks.values();
    await this.#all(async (customer) => {
      for (const [open, fund] of rest) {
        await customer.ask(open);
        await customer.ask(fund);
      }
    });
    this.#rest();
  }

  async go(): Promise<void> {
    this.#resting = false;
    this.#nextMs = performance.now();
    await this.#all(async (customer) => {
      while (!this.#resting) {
        await this.#pace();
        await customer.step();
      }
    });
    this.#rest();
  }

  rest(): void {
    this.#resting = true;
  }

  async #all(work: (customer: Customer) => Promise<void>): Promise<void> {
    await Promise.all(this.#customers.map(work));
  }

  #rest(): void {
    this.#notebook.flush();
    this.#tellCounts();
    tell({ type: "resting" });
  }

  #tellCounts(): void {
    const requests = this.#callers.reduce((sum, caller) => sum + caller.requests, 0);
    tell({ type: "counts", counts: { ...this.#notebook.counts, requests } });
  }

  async #pace(): Promise<void> {
    const nowMs = performance.now();
    this.#nextMs = Math.max(this.#nextMs, nowMs - BEHIND_MS_MAX) + 1_000 / this.#plan.rate;
    if (this.#nextMs > nowMs) await setTimeout(this.#nextMs - nowMs);
  }
}

function tell(message: FromClient): void {
  process.send?.(message);
}

let clients: Clients | undefined;

process.on("message", (message: ToClient) => {
  switch (message.type) {
    case "begin":
      clients = new Clients(message.plan);
      void clients.begin();
      return;
    case "go":
      void clients?.go();
      return;
    case "rest":
      clients?.rest();
      return;
  }
});
// The parent has ended, or wants nothing more.
process.on("disconnect", () => process.exit(0));
