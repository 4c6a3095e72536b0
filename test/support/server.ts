/** Runs real servers for tests: `src/main.ts` as a child process, with its own folders and port. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Answer, Client } from "./client.ts";
import { RedisServer, type RedisServerOptions } from "./redis.ts";
import { makeScratchFolder } from "./scratch-folder.ts";
import { until } from "./until.ts";

/** Tests take all of a server from this file. */
export { type Answer, Client } from "./client.ts";

export const OPERATOR_KEY = "operator-key-for-tests-0123456789abcdef";
export const MAIN = join(import.meta.dirname, "../../src/main.ts");
/** A shared compile cache: without it half of a start is compilation. */
export const COMPILED_BEFORE = { NODE_COMPILE_CACHE: join(tmpdir(), "daybook-tests-compiled") } as const;
/** A busy machine may need this long. */
const START_MS_MAX = 60_000;

/** A server that a failed test left behind must not run forever. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

export type Settings = Readonly<Record<string, string>>;
/** `code` is null if a signal ended it. */
export type Exit = Readonly<{ code: number | null; signal: string | null; lines: readonly string[] }>;

/** A folder that is removed at the end of the test. */
export function testFolder(): string {
  const dir = makeScratchFolder("daybook-test");
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A Redis that is stopped at the end of the test. */
export async function testRedis(options?: RedisServerOptions): Promise<RedisServer> {
  const redis = await RedisServer.start(options);
  onTestFinished(() => redis.destroy());
  return redis;
}

/** A serving server that is stopped at the end of the test. */
export async function testServer(settings: Settings): Promise<ServerProcess> {
  const server = ServerProcess.launch(settings);
  onTestFinished(async () => void (await server.kill()));
  await server.serving();
  return server;
}

export class ServerProcess {
  readonly settings: Settings;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #banner = Promise.withResolvers<void>();
  #url: string | undefined;
  #stdout = "";
  #stderr = "";

  private constructor(settings: Settings, command: readonly [string, ...string[]]) {
    this.settings = settings;
    const [program, ...args] = command;
    const child = spawn(program, args, {
      env: {
        PATH: process.env["PATH"],
        HOME: process.env["HOME"],
        TMPDIR: tmpdir(),
        ...COMPILED_BEFORE,
        PORT: "0",
        LOG_LEVEL: "warn",
        OPERATOR_KEY,
        ...settings,
      },
      cwd: join(import.meta.dirname, "../.."),
      stdio: ["ignore", "pipe", "pipe"],
      // Ctrl-C on the tests must reach the servers, so only launches that need a process group get one.
      detached: program !== process.execPath,
    });
    this.#child = child;
    alive.add(child);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      if (this.#url !== undefined) return;
      this.#url = /serves on (http[^\s,]+),/.exec(this.#stdout)?.[1];
      if (this.#url !== undefined) this.#banner.resolve();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.exited = once(child, "close").then(([code, signal]) => {
      alive.delete(child);
      return { code, signal, lines: this.errorLines };
    });
  }

  /** Starts a process without waiting for it. */
  static launch(
    settings: Settings,
    command: readonly [string, ...string[]] = [process.execPath, MAIN],
  ): ServerProcess {
    return new ServerProcess(settings, command);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get url(): string {
    if (this.#url === undefined) throw new Error("the server does not serve yet");
    return this.#url;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get errorLines(): readonly string[] {
    return this.#stderr.split("\n").filter((line) => line !== "");
  }

  /** Resolves when the banner is printed. */
  async serving(msMax = START_MS_MAX): Promise<void> {
    await within(msMax, "the server serves", Promise.race([this.#banner.promise, this.exited]));
    if (this.#url === undefined)
      throw new Error(`it did not start: ${this.#stderr}${this.#stdout.slice(-500)}`);
  }

  /** Closes the reading end of its stdout. */
  stopReading(): void {
    this.#child.stdout?.pause();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Also kills its children; for a command that was launched in its own process group. */
  killGroup(): void {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // All have ended.
    }
  }

  async kill(): Promise<Exit> {
    this.signal("SIGKILL");
    // A stopped process dies only once it continues.
    this.signal("SIGCONT");
    return this.exited;
  }
}

/** Rejects if the promise takes longer. */
export async function within<T>(msMax: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${msMax} ms: ${what}`)), msMax);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Waits for a server whose start must fail, and kills it if it does not. */
export async function refusedStart(settings: Settings, msMax = START_MS_MAX): Promise<Exit> {
  const server = ServerProcess.launch(settings);
  try {
    return await within(msMax, "the server refuses to start", server.exited);
  } finally {
    await server.kill();
  }
}

export type ShardView = Readonly<{
  shard: number;
  isolation: string;
  pid?: number;
  status: string;
  epoch: number;
  position: string;
  durable_position: string;
  restarts: number;
  /** The newest snapshot that this server has taken. */
  snapshot: object | null;
}>;

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export function operator(server: ServerProcess): Client {
  return new Client(server.url, OPERATOR_KEY);
}

export async function shardsOf(client: Client): Promise<readonly ShardView[]> {
  return (await client.get<{ data: ShardView[] }>("/v1/admin/shards")).data;
}

/** A POST that is retried while a slow machine makes the server answer 503 (certainly not done). */
export async function sendUntilDone(client: Client, path: string, body: unknown): Promise<Answer> {
  let answer = await client.send("POST", path, body);
  await until(`${path} takes it`, async () => {
    if (answer.status !== 503 || codeOf(answer) === "outcome_unknown") return true;
    answer = await client.send("POST", path, body);
    return false;
  });
  return answer;
}

/** Creates a partner and returns its key. */
export async function makePartner(client: Client, id = "acme"): Promise<string> {
  const { status, text } = await sendUntilDone(client, "/v1/partners", { id, name: id });
  if (status !== 201) throw new Error(`the partner was not made: ${status} ${text}`);
  return (JSON.parse(text) as { api_key: string }).api_key;
}

export async function readiness(client: Client): Promise<Readonly<{ status: number; text: string }>> {
  return client.send("GET", "/readyz");
}

/** Resolves when every shard serves and its log answers. */
export async function waitUntilReady(client: Client, msMax?: number): Promise<void> {
  await until("the server is ready", async () => (await readiness(client)).status === 200, msMax);
}

export function codeOf(answer: Answer): string {
  return (JSON.parse(answer.text) as { code: string }).code;
}
