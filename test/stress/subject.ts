/** The server under stress: `src/main.ts` as a process, with its own log and data folder. */
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type components, createDaybook, type Daybook } from "../../clients/typescript/src/index.ts";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import { type Spawned, start, stop, waitForLine } from "../bench/child-processes.ts";
import type { Address } from "./connection.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const OPERATOR_KEY = "stress-operator-key-0123456789abcdef";
const READY_MS_MAX = 30_000;
const LAST_WORDS_LENGTH = 4_000;

export type SubjectOptions = Readonly<{
  dataDir: string;
  /** The folder of its sockets and compiled code. */
  tmpDir: string;
  walUrl: string;
  isolation: Isolation;
  shards: number;
  failpoints: string;
}>;

type ShardView = components["schemas"]["Shard"];

export class Subject {
  readonly #server: Spawned;
  readonly #operator: Daybook;
  readonly #url: URL;
  /** Time from the start of the process to its first 200 on /readyz. */
  readonly startMs: number;
  #lastWords = "";

  private constructor(server: Spawned, url: string, startMs: number) {
    this.#server = server;
    this.#url = new URL(url);
    this.#operator = createDaybook({ url, key: OPERATOR_KEY });
    this.startMs = startMs;
    server.child.stdout?.on("data", (chunk: Buffer) => {
      this.#lastWords = `${this.#lastWords}${chunk.toString()}`.slice(-LAST_WORDS_LENGTH);
    });
  }

  static async start(options: SubjectOptions): Promise<Subject> {
    const { dataDir, tmpDir, walUrl, isolation, shards, failpoints } = options;
    const startedMs = performance.now();
    const server = start(process.execPath, [MAIN], {
      env: {
        PATH: process.env["PATH"],
        TMPDIR: tmpDir,
        PORT: "0",
        LOG_LEVEL: "warn",
        OPERATOR_KEY,
        DATA_DIR: dataDir,
        WAL_URL: walUrl,
        ISOLATION: isolation,
        SHARDS: String(shards),
        FAILPOINTS: failpoints,
      },
    });
    const [, url = ""] = await waitForLine(server, /serves on (http:\S+?),/);
    while (!(await isReady(url))) {
      if (performance.now() - startedMs > READY_MS_MAX) throw new Error("the server does not become ready");
      await setTimeout(2);
    }
    const startMs = performance.now() - startedMs;
    return new Subject(server, url, startMs);
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** Its last output, for error messages. */
  get lastWords(): string {
    return this.#lastWords;
  }

  get running(): boolean {
    const { exitCode, signalCode } = this.#server.child;
    return exitCode === null && signalCode === null;
  }

  get url(): string {
    return this.#url.origin;
  }

  address(token: string): Address {
    return { host: this.#url.hostname, port: Number(this.#url.port), token };
  }

  ready(): Promise<boolean> {
    return isReady(this.url);
  }

  async shards(): Promise<readonly ShardView[]> {
    return (await this.#operator.get("/v1/admin/shards")).data;
  }

  /** @returns the partner's key */
  async makePartner(id: string): Promise<string> {
    const { api_key: key } = await this.#operator.post("/v1/partners", { body: { id, name: id } });
    if (key === null) throw new Error("the answer with the partner's key was lost");
    return key;
  }

  async stop(): Promise<void> {
    await stop(this.#server);
  }
}

/** Not with the client, which repeats what was refused. */
async function isReady(url: string): Promise<boolean> {
  const { status, body } = await fetch(`${url}/readyz`);
  await body?.cancel();
  return status === 200;
}
