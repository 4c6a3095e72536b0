/** The server under soak: `src/main.ts` as a process that is killed and restarted, always at the same address. */
import { once } from "node:events";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import { type Spawned, start } from "../bench/child-processes.ts";
import type { Address } from "../stress/connection.ts";
import { type Answer, Client } from "../support/client.ts";
import { PatientClient } from "./patient-client.ts";

const SHIFTED_CLOCK = new URL("../support/shifted-clock.ts", import.meta.url).href;
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const OPERATOR_KEY = "soak-operator-key-0123456789abcdefgh";
const HOST = "127.0.0.1";
const READY_MS_MAX = 120_000;
const LOOK_MS = 20;
const EXIT_MS_MAX = 30_000;
const LAST_WORDS_LENGTH = 3_000;
/** Below the ephemeral ports: another connection could take one of those while the server is down. */
const PORTS = { first: 20_000, count: 10_000 } as const;

export type ServerOptions = Readonly<{
  folder: string;
  walUrl: string;
  isolation: Isolation;
  shards: number;
  snapshotRecords: number;
}>;

export type ShardView = Readonly<{
  shard: number;
  pid?: number;
  status: string;
  epoch: number;
  recovery: Readonly<{ snapshot_position: string | null; replayed: number }>;
  snapshot: Readonly<{ position: string }> | null;
}>;

export class SoakedServer {
  readonly #options: ServerOptions;
  readonly #port: number;
  readonly #logFile: string;
  readonly #clockFile: string;
  readonly #operator: Client;
  readonly #patient: Client;
  #running: Spawned | undefined;
  /** Whether it has exited without being asked to. */
  fault: string | undefined;
  /** Failed shards that were restarted by the operator. */
  revived = 0;

  private constructor(options: ServerOptions, port: number) {
    this.#options = options;
    this.#port = port;
    this.#logFile = join(options.folder, "server.log");
    this.#clockFile = join(options.folder, "clock-shift");
    this.shiftClock(0);
    this.#operator = new Client(this.url, OPERATOR_KEY);
    this.#patient = new PatientClient(this.url, OPERATOR_KEY);
  }

  /** Does not start it. */
  static async make(options: ServerOptions): Promise<SoakedServer> {
    return new SoakedServer(options, await freePort());
  }

  get url(): string {
    return `http://${HOST}:${this.#port}`;
  }

  address(token: string): Address {
    return { host: HOST, port: this.#port, token };
  }

  get pid(): number {
    return this.#running?.pid ?? -1;
  }

  /** @throws Error if it exits instead of becoming ready, or does neither. */
  async start(): Promise<void> {
    const { folder, walUrl, isolation, shards, snapshotRecords } = this.#options;
    const output = openSync(this.#logFile, "a");
    const running = start(process.execPath, [MAIN], {
      stdio: ["ignore", output, output],
      env: {
        PATH: process.env["PATH"],
        TMPDIR: folder,
        HOST,
        PORT: String(this.#port),
        LOG_LEVEL: "warn",
        OPERATOR_KEY,
        DATA_DIR: this.dataDir,
        WAL_URL: walUrl,
        ISOLATION: isolation,
        SHARDS: String(shards),
        SNAPSHOT_RECORDS: String(snapshotRecords),
        NODE_OPTIONS: `--import ${SHIFTED_CLOCK}`,
        SHIFTED_CLOCK: this.#clockFile,
      },
    });
    this.#running = running;
    running.child.once("exit", (code, signal) => {
      if (this.#running === running) this.fault = `The server has ended by itself, with ${signal ?? code}.`;
    });
    await this.becomesReady();
  }

  /** Shifts the wall clock of the server by this from now on. */
  shiftClock(shiftMs: number): void {
    writeFileSync(this.#clockFile, String(shiftMs));
  }

  get dataDir(): string {
    return join(this.#options.folder, "data");
  }

  /** Restarts a failed shard, once an epoch. @throws Error if it does not become ready */
  async becomesReady(): Promise<void> {
    const endMs = performance.now() + READY_MS_MAX;
    const told = new Set<string>();
    for (;;) {
      if (this.fault !== undefined) throw new Error(`${this.fault} Its last words: ${this.lastWords}`);
      if (await this.isReady()) return;
      if (performance.now() > endMs) throw new Error(`The server does not become ready: ${this.lastWords}`);
      for (const { shard, status, epoch } of (await this.tryShards()) ?? []) {
        if (status !== "failed" || told.has(`${shard} ${epoch}`)) continue;
        told.add(`${shard} ${epoch}`);
        this.revived += 1;
        await this.tryOnce("POST", `/v1/admin/shards/${shard}/restart`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async isReady(): Promise<boolean> {
    return (await this.tryOnce("GET", "/readyz"))?.status === 200;
  }

  /** @returns `undefined` if there is no answer. */
  async tryShards(): Promise<readonly ShardView[] | undefined> {
    const answer = await this.tryOnce("GET", "/v1/admin/shards");
    return answer?.status === 200 ? (JSON.parse(answer.text) as { data: ShardView[] }).data : undefined;
  }

  /** A request of the operator. @returns `undefined` if the connection broke. */
  tryOnce(method: string, path: string): Promise<Answer | undefined> {
    return this.#operator.send(method, path).catch(() => undefined);
  }

  async shards(): Promise<readonly ShardView[]> {
    return (await this.#patient.get<{ data: ShardView[] }>("/v1/admin/shards")).data;
  }

  /** @returns the partner's key */
  async makePartner(id: string): Promise<string> {
    const made = await this.#patient.ask<{ api_key: string }>("POST", "/v1/partners", { id, name: id });
    return made.api_key;
  }

  kill(): Promise<number | string> {
    return this.#end("SIGKILL");
  }

  /** @returns its exit code, or the signal that ended it. */
  terminate(): Promise<number | string> {
    return this.#end("SIGTERM");
  }

  get lastWords(): string {
    return readFileSync(this.#logFile, "utf8").slice(-LAST_WORDS_LENGTH);
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<number | string> {
    const running = this.#running;
    if (running === undefined) return 0;
    this.#running = undefined;
    const { child } = running;
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      child.kill(signal);
      const late = setTimeout(() => child.kill("SIGKILL"), EXIT_MS_MAX);
      await exited;
      clearTimeout(late);
    }
    return child.signalCode ?? child.exitCode ?? 0;
  }
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    const server = createServer();
    const listening = once(server, "listening");
    server.listen(port, HOST);
    try {
      await listening;
      server.close();
      await once(server, "close");
      return port;
    } catch {
      // The port is in use.
    }
  }
}
