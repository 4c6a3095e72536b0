/** Starts and controls the load processes. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Spawned, start } from "../bench/child-processes.ts";
import { DiaryReader } from "../support/diary.ts";
import type { FromLoad, LoadPlan, ToLoad } from "./load-plan.ts";
import type { Operation } from "./operation.ts";

const PROGRAM = fileURLToPath(new URL("load-process.ts", import.meta.url));
const FUNDED_MS_MAX = 60_000;

export type LoadOptions = Omit<LoadPlan, "process" | "diaryFile"> & Readonly<{ folder: string }>;

class LoadProcess {
  readonly #spawned: Spawned;
  readonly diaryFile: string;
  readonly #funded = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  answered = 0;
  atVictim = 0;

  constructor({ folder, ...plan }: LoadOptions, no: number) {
    this.diaryFile = join(folder, `load-${no}.ndjson`);
    this.#spawned = start(process.execPath, [PROGRAM], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const { child } = this.#spawned;
    child.on("message", (message: FromLoad) => this.#hear(message));
    child.once("exit", (code) => {
      const error = new Error(`load process ${no} ended with ${code}`);
      this.#funded.reject(error);
      this.#ended.reject(error);
    });
    // A waiting caller gets the error; only one waits at a time.
    this.#funded.promise.catch(() => undefined);
    this.#ended.promise.catch(() => undefined);
    this.tell({ type: "fund", plan: { ...plan, process: no, diaryFile: this.diaryFile } });
  }

  get funded(): Promise<void> {
    return this.#funded.promise;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  tell(message: ToLoad): void {
    this.#spawned.child.send(message);
  }

  leave(): void {
    this.#spawned.child.kill("SIGKILL");
  }

  #hear(message: FromLoad): void {
    switch (message.type) {
      case "funded":
        this.#funded.resolve();
        return;
      case "progress":
        this.answered = message.answered;
        this.atVictim = message.atVictim;
        return;
      case "ended":
        this.#ended.resolve();
        return;
    }
  }
}

export class LoadProcesses {
  readonly #all: readonly LoadProcess[];
  #isOver = false;

  private constructor(all: readonly LoadProcess[]) {
    this.#all = all;
  }

  /** Resolves when all accounts are funded. */
  static async start(options: LoadOptions): Promise<LoadProcesses> {
    const all = Array.from({ length: options.processes }, (_, no) => new LoadProcess(options, no));
    const deadline = setTimeout(() => {
      for (const each of all) each.leave();
    }, FUNDED_MS_MAX);
    await Promise.all(all.map(({ funded }) => funded));
    clearTimeout(deadline);
    return new LoadProcesses(all);
  }

  tell(message: Exclude<ToLoad, { type: "fund" }>): void {
    for (const each of this.#all) each.tell(message);
  }

  /** Answered operations. */
  get answered(): number {
    return this.#all.reduce((sum, { answered }) => sum + answered, 0);
  }

  /** Those among them that the shard to be killed decided. */
  get atVictim(): number {
    return this.#all.reduce((sum, { atVictim }) => sum + atVictim, 0);
  }

  /** Resolves when all processes have finished. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when every request has its answer, or has timed out. */
  async ended(): Promise<void> {
    await Promise.all(this.#all.map(({ ended }) => ended));
    this.#isOver = true;
  }

  async operations(): Promise<readonly Operation[]> {
    const operations: Operation[] = [];
    for (const { diaryFile } of this.#all)
      for await (const operation of new DiaryReader<Operation>(diaryFile).more()) operations.push(operation);
    return operations;
  }

  leave(): void {
    for (const each of this.#all) each.leave();
  }
}
