/** Starts and controls the client processes. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Spawned, start } from "../bench/child-processes.ts";
import type { Address } from "../stress/connection.ts";
import type { ClientCounts, ClientPlan, FromClient, ToClient } from "./client-plan.ts";

const PROGRAM = fileURLToPath(new URL("client-process.ts", import.meta.url));
/** Above the time that a client waits for one answer. */
const REST_MS_MAX = 180_000;

class ClientProcess {
  readonly #spawned: Spawned;
  readonly diaryFile: string;
  counts: ClientCounts = { requests: 0, accepted: 0, refused: 0, unknown: 0, reads: 0 };
  #resting = Promise.withResolvers<void>();

  constructor(plan: ClientPlan) {
    this.diaryFile = plan.diaryFile;
    this.#spawned = start(process.execPath, [PROGRAM], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const { child } = this.#spawned;
    child.on("message", (message: FromClient) => {
      if (message.type === "counts") this.counts = message.counts;
      else this.#resting.resolve();
    });
    child.once("exit", (code, signal) =>
      this.#resting.reject(new Error(`client process ${plan.process} ended with ${signal ?? code}`)),
    );
    this.#resting.promise.catch(() => undefined);
    this.tell({ type: "begin", plan });
  }

  go(): void {
    this.#resting = Promise.withResolvers();
    this.#resting.promise.catch(() => undefined);
    this.tell({ type: "go" });
  }

  tell(message: ToClient): void {
    this.#spawned.child.send(message);
  }

  async rested(): Promise<void> {
    const deadline = setTimeout(() => this.leave(), REST_MS_MAX);
    await this.#resting.promise.finally(() => clearTimeout(deadline));
  }

  leave(): void {
    this.#spawned.child.kill("SIGKILL");
  }
}

export type ClientsOptions = Readonly<{
  address: Address;
  processes: number;
  /** Requests per second of all processes together. */
  rate: number;
  seed: number;
  folder: string;
}>;

export class ClientProcesses {
  readonly #all: readonly ClientProcess[];

  constructor({ folder, rate, processes, ...common }: ClientsOptions) {
    this.#all = Array.from({ length: processes }, (_, no) => {
      const diaryFile = join(folder, `client-${no}.ndjson`);
      return new ClientProcess({ ...common, processes, process: no, rate: rate / processes, diaryFile });
    });
  }

  get diaryFiles(): readonly string[] {
    return this.#all.map(({ diaryFile }) => diaryFile);
  }

  /** Counts of all processes together. */
  get counts(): ClientCounts {
    const sum = { requests: 0, accepted: 0, refused: 0, unknown: 0, reads: 0 };
    for (const { counts } of this.#all)
      for (const name of Object.keys(sum) as (keyof ClientCounts)[]) sum[name] += counts[name];
    return sum;
  }

  go(): void {
    for (const each of this.#all) each.go();
  }

  /**
   * Resolves when everything that was begun is finished, including the opening of the accounts. @throws Error if a
   * process has died
   */
  async rest(): Promise<void> {
    for (const each of this.#all) each.tell({ type: "rest" });
    await Promise.all(this.#all.map((each) => each.rested()));
  }

  leave(): void {
    for (const each of this.#all) each.leave();
  }
}
