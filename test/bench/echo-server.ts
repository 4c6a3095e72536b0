import { fileURLToPath } from "node:url";
import { type Spawned, start, stop, waitForLine } from "./child-processes.ts";
import { type CpuTimes, cpuUsOfTree } from "./process-tree.ts";
import type { Subject } from "./subject.ts";

export type EchoKind = "http" | "hono";

const PROGRAM = fileURLToPath(new URL("echo.ts", import.meta.url));

/** The bare server of `echo.ts`: it has no books, and nothing to do between two runs. */
export class EchoServer implements Subject {
  readonly url: string;
  readonly token = "none";
  readonly #spawned: Spawned;

  private constructor(spawned: Spawned, url: string) {
    this.#spawned = spawned;
    this.url = url;
  }

  /** @param answer the JSON text of its answer to a GET. */
  static async start(kind: EchoKind, answer = "{}"): Promise<EchoServer> {
    const spawned = start(process.execPath, [PROGRAM, kind, answer]);
    const [, url = ""] = await waitForLine(spawned, /listens on (\S+)/);
    return new EchoServer(spawned, url);
  }

  cpuTimes(): CpuTimes {
    return new Map([["echo", cpuUsOfTree(this.#spawned.pid)]]);
  }

  async settle(): Promise<void> {}

  async check(): Promise<void> {}

  stop(): Promise<void> {
    return stop(this.#spawned);
  }
}
