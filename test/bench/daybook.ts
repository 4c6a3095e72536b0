/** The server under test: a process with its own log and data folder. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client, catchUpMs, inParallel, portionsOf } from "../support/client.ts";
import { type Spawned, start, stop, waitForLine } from "./child-processes.ts";
import { sendEach } from "./loads/send-each.ts";
import { type CpuTimes, cpuTimesOfServer } from "./process-tree.ts";
import { type PrivateRedis, startRedis } from "./redis-server.ts";
import type { Subject } from "./subject.ts";

export const BACKENDS = ["redis", "sqlite"] as const;
export type Backend = (typeof BACKENDS)[number];

/** The root of this checkout. */
const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));
export const OPERATOR_KEY = "bench-operator-key-0123456789abcdef";
const LOG_LEVEL = "warn";
const FUNDED_AT_ONCE = 1000;
const CONNECTIONS = 64;
/** Never: a snapshot would use a core in the middle of a run. */
const NO_SNAPSHOTS = 1_000_000_000;

/** Shown in the report, and passed to the process. */
export const SERVER_SETTINGS = { log_level: LOG_LEVEL, isolation: "threads", gateways: 1 } as const;

type ShardState = Readonly<{
  shard: number;
  recovery: Readonly<{ snapshot_ms: number; replayed: number; replay_ms: number }>;
  snapshot: Readonly<{ position: string; records: number; bytes: number; duration_ms: number }> | null;
}>;

export type DaybookOptions = Readonly<{
  folder: string;
  /** Root of the checkout whose server runs; default: this one. */
  checkout?: string;
  backend: Backend;
  shards: number | undefined;
  isolation?: "threads" | "processes";
  nodeFlags?: readonly string[];
  /** SNAPSHOT_RECORDS; default: practically never. */
  snapshotRecords?: number;
  /** TOPUP_OPERATOR; default: none. */
  operator?: string;
}>;

export class Daybook implements Subject {
  readonly #options: DaybookOptions;
  readonly #redis: PrivateRedis | undefined;
  #server: Spawned;
  url: string;
  #operator: Client;
  /** The partner of all accounts. */
  #partner: Client | undefined;
  token = "";

  private constructor(
    options: DaybookOptions,
    redis: PrivateRedis | undefined,
    { server, url }: Readonly<{ server: Spawned; url: string }>,
  ) {
    this.#options = options;
    this.#redis = redis;
    this.#server = server;
    this.url = url;
    this.#operator = new Client(url, OPERATOR_KEY);
  }

  static async start(options: DaybookOptions): Promise<Daybook> {
    const { folder, backend } = options;
    mkdirSync(folder, { recursive: true });
    const redis = backend === "redis" ? await startRedis(join(folder, "redis")) : undefined;
    const daybook = new Daybook(options, redis, await serve(options, redis?.url));
    const partner = await daybook.operator<{ api_key: string }>("POST", "/v1/partners", {
      id: "bench",
      name: "Bench",
    });
    daybook.token = partner.api_key;
    daybook.#partner = new Client(daybook.url, daybook.token, CONNECTIONS);
    return daybook;
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** DATA_DIR. */
  get dataFolder(): string {
    return dataFolderOf(this.#options);
  }

  get redisSocket(): string | undefined {
    return this.#redis?.socket;
  }

  cpuTimes(): CpuTimes {
    return cpuTimesOfServer(this.pid, this.#redis?.pid);
  }

  operator<T>(method: string, path: string, body?: unknown): Promise<T> {
    return this.#operator.ask<T>(method, path, body);
  }

  partner<T>(method: string, path: string, body?: unknown): Promise<T> {
    return this.client.ask<T>(method, path, body);
  }

  /** The partner's connections. */
  get client(): Client {
    if (this.#partner === undefined) throw new Error("there is no partner yet");
    return this.#partner;
  }

  /** Resolves when the archive has indexed everything that was answered so far. */
  async settle(): Promise<void> {
    await catchUpMs(this.client);
  }

  /** @throws Error if the books do not balance, or a transfer was rejected. */
  async check(): Promise<void> {
    const { balanced } = await this.partner<{ balanced: boolean }>("GET", "/v1/trial-balance");
    if (!balanced) throw new Error("the books do not balance");
    const rejections = await this.metric("daybook_rejections_total");
    if (rejections > 0) throw new Error(`${rejections} commands were rejected`);
  }

  async createAccounts(count: number, idOf: (i: number) => string = accountId): Promise<void> {
    const { url, token } = this;
    const bodyOf = (i: number) => JSON.stringify({ id: idOf(i), asset: "PTS/0" });
    await sendEach({ url, path: "/v1/accounts", token, connections: CONNECTIONS, count, bodyOf });
  }

  /** Funds each account with this amount. */
  async fund(ids: readonly string[], amount: number): Promise<void> {
    await inParallel(portionsOf(ids, FUNDED_AT_ONCE), async (these) => {
      const transfers = these.map((id) => ({ debit_account: "@issuance", credit_account: id, amount }));
      await this.partner("POST", "/v1/transfers/batch", { transfers });
    });
  }

  /** The client of a further partner. */
  async newPartner(id: string): Promise<Client> {
    const { api_key } = await this.operator<{ api_key: string }>("POST", "/v1/partners", { id, name: id });
    return new Client(this.url, api_key);
  }

  /** Makes this many transfers of one point to the first `accounts` accounts, in batches of `size`. */
  async issue(accounts: number, count: number, size: number): Promise<void> {
    for (let done = 0; done < count; done += size) {
      const transfers = Array.from({ length: Math.min(size, count - done) }, (_, i) => ({
        debit_account: "@issuance",
        credit_account: accountId((done + i) % accounts),
        amount: 1,
      }));
      await this.partner("POST", "/v1/transfers/batch", { transfers });
    }
  }

  shards(): Promise<readonly ShardState[]> {
    return this.operator<{ data: ShardState[] }>("GET", "/v1/admin/shards").then(({ data }) => data);
  }

  /** The sum of a metric over all shards; 0 if it does not exist. */
  async metric(name: string): Promise<number> {
    return sumOfMetric(await this.metrics(), name);
  }

  async metrics(): Promise<string> {
    return (await this.#operator.send("GET", "/metrics")).text;
  }

  /** Restarts the server on the same log. */
  async restart(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (signal === "SIGKILL") this.#server.child.kill(signal);
    await this.#end();
    const { server, url } = await serve(this.#options, this.#redis?.url);
    this.#server = server;
    this.url = url;
    this.#operator = new Client(url, OPERATOR_KEY);
    this.#partner = new Client(url, this.token, CONNECTIONS);
  }

  async stop(): Promise<void> {
    await this.#end();
    await this.#redis?.stop();
  }

  async #end(): Promise<void> {
    this.#operator.close();
    this.#partner?.close();
    await stop(this.#server);
  }
}

function dataFolderOf({ folder }: DaybookOptions): string {
  return join(folder, "data");
}

async function serve(options: DaybookOptions, redisUrl: string | undefined) {
  const { folder, checkout = CHECKOUT, shards, isolation = "threads" } = options;
  const { nodeFlags = [], snapshotRecords = NO_SNAPSHOTS, operator } = options;
  const server = start(process.execPath, [...nodeFlags, join(checkout, "src", "main.ts")], {
    cwd: folder,
    env: {
      PATH: process.env["PATH"],
      PORT: "0",
      OPERATOR_KEY,
      LOG_LEVEL,
      ISOLATION: isolation,
      SNAPSHOT_RECORDS: String(snapshotRecords),
      DATA_DIR: dataFolderOf(options),
      WAL_URL: redisUrl ?? `sqlite:${join(folder, "wal")}`,
      ...(shards === undefined ? {} : { SHARDS: String(shards) }),
      ...(operator === undefined ? {} : { TOPUP_OPERATOR: operator }),
    },
  });
  const [, url = ""] = await waitForLine(server, /serves on (http:\S+?),/);
  return { server, url };
}

/** Distributed over the shards by their owners. */
export function accountId(i: number): string {
  return `customer${String(i).padStart(6, "0")}/points`;
}

export function sumOfMetric(text: string, name: string): number {
  let sum = 0;
  for (const line of text.split("\n")) {
    if (!line.startsWith(name) || !/^[{ ]/.test(line.slice(name.length))) continue;
    sum += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return sum;
}
