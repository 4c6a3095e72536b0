/** A load process: one caller per lane, each of which sends its next request when it has its answer. */
import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import { Diary } from "../support/diary.ts";
import { Lane } from "./lane.ts";
import type { FromLoad, LoadPlan, ToLoad } from "./load-plan.ts";
import { newOperation, type Operation } from "./operation.ts";
import { type Intent, type Movement, PRESETS, type Source, shardOfAccount } from "./preset.ts";

const PROGRESS_MS = 20;

class Load {
  readonly #plan: LoadPlan;
  readonly #source: Source;
  readonly #diary: Diary<Operation>;
  readonly #lanes: readonly Lane[];
  #keys = 0;
  #answered = 0;
  #atVictim = 0;
  /** Until the killed shard is back, half of the lanes avoid it. */
  #spread: boolean;
  #ending = false;

  constructor(plan: LoadPlan) {
    const { preset, process, processes, seed, shards, victim, address, lanes, diaryFile } = plan;
    this.#plan = plan;
    const shardOf = (account: string) => shardOfAccount(account, shards);
    this.#source = PRESETS[preset].source({ process, processes, seed, shardOf, victim });
    this.#diary = new Diary(diaryFile);
    this.#lanes = Array.from({ length: lanes }, () => new Lane(address));
    this.#spread = shards === 1;
  }

  async fund(): Promise<void> {
    const { preset, process, processes } = this.#plan;
    const movements = PRESETS[preset].funding.filter((_, no) => no % processes === process);
    const rest = movements.values();
    await Promise.all(
      this.#lanes.map(async (lane) => {
        for (const movement of rest) {
          await this.#perform(lane, { movements: [movement], inBatch: false, repeat: "never" });
        }
      }),
    );
  }

  async run(): Promise<void> {
    const progress = setInterval(() => this.#tellProgress(), PROGRESS_MS);
    await Promise.all(this.#lanes.map((lane, no) => this.#call(lane, no % 2 === 1)));
    clearInterval(progress);
    this.#tellProgress();
    for (const lane of this.#lanes) lane.close();
    this.#diary.flush();
  }

  spread(): void {
    this.#spread = true;
  }

  end(): void {
    this.#ending = true;
  }

  async #call(lane: Lane, keepsAway: boolean): Promise<void> {
    while (!this.#ending) {
      const intent = this.#source.next(keepsAway && !this.#spread);
      if (intent === undefined) return;
      await this.#perform(lane, intent);
    }
  }

  async #perform(lane: Lane, { movements, inBatch, repeat }: Intent): Promise<void> {
    const operations = movements.map((movement) => this.#newOperation(movement, inBatch));
    await lane.perform(operations, repeat);
    for (const operation of operations) {
      this.#diary.write(operation);
      this.#answered += 1;
      if (this.#homeOf(operation) === this.#plan.victim) this.#atVictim += 1;
    }
  }

  #newOperation(movement: Movement, inBatch: boolean): Operation {
    this.#keys += 1;
    return newOperation({ ...movement, key: `p${this.#plan.process}-${this.#keys}` }, inBatch);
  }

  #homeOf({ debit, credit }: Operation): number {
    return shardOfAccount(isSystemAccount(debit) ? credit : debit, this.#plan.shards);
  }

  #tellProgress(): void {
    tell({ type: "progress", answered: this.#answered, atVictim: this.#atVictim });
  }
}

function tell(message: FromLoad): void {
  process.send?.(message);
}

let load: Load | undefined;

process.on("message", (message: ToLoad) => {
  switch (message.type) {
    case "fund":
      load = new Load(message.plan);
      void load.fund().then(() => tell({ type: "funded" }));
      return;
    case "load":
      void load?.run().then(() => tell({ type: "ended" }));
      return;
    case "spread":
      load?.spread();
      return;
    case "end":
      load?.end();
      return;
  }
});
// The parent has ended, or wants nothing more.
process.on("disconnect", () => process.exit(0));
