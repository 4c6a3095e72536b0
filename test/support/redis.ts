/** Private redis-server processes for tests: a unix socket in a temporary folder, production settings by default. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Redis } from "ioredis";
import { inject } from "vitest";
import { makeScratchFolder } from "./scratch-folder.ts";

/** The settings of deploy/redis/redis.conf. */
const PRODUCTION: Readonly<Record<string, string>> = {
  appendonly: "yes",
  appendfsync: "always",
  "no-appendfsync-on-rewrite": "no",
  "aof-load-truncated": "yes",
  "maxmemory-policy": "noeviction",
  save: "",
};

const READY = "eady to accept connections";

/** A Redis that a crashed test left behind must not run forever. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

export type RedisServerOptions = Readonly<{
  settings?: Readonly<Record<string, string>>;
  /** A redis.conf to start with; then only `settings` are added, not the production settings. */
  configFile?: string;
  /** A command that executes the Redis command line in its arguments. */
  launcher?: readonly string[];
  /** The user of plain connections; absent: the default user. */
  login?: Login;
}>;

type Login = Readonly<{ username?: string; password?: string }>;

export class RedisServer {
  readonly dir: string;
  readonly socket: string;
  /** As a `WAL_URL`. */
  readonly url: string;
  readonly #options: RedisServerOptions;
  #child: ChildProcess | undefined;
  #clients: Redis[] = [];

  private constructor(options: RedisServerOptions) {
    this.dir = makeScratchFolder("daybook-redis");
    this.socket = join(this.dir, "s.sock");
    this.url = `redis+unix://${this.socket}`;
    this.#options = options;
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(options);
    await server.restart();
    return server;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error("this Redis is not running");
    return this.#child.pid;
  }

  /** A plain connection for reading and manipulating the data. */
  client(login: Login | undefined = this.#options.login): Redis {
    const client = new Redis({
      path: this.socket,
      retryStrategy: () => null,
      enableReadyCheck: false,
      ...login,
    });
    client.on("error", () => undefined);
    this.#clients.push(client);
    return client;
  }

  /**
   * Starts it again on the same folder. Resolves when it accepts commands, rejects with its last output if it does not
   * start.
   */
  async restart(settings: Readonly<Record<string, string>> = {}, until = READY): Promise<void> {
    await this.stop();
    const { configFile, launcher = [] } = this.#options;
    const all = { ...(configFile === undefined ? PRODUCTION : {}), ...this.#options.settings, ...settings };
    const [program, ...leading] = [...launcher, inject("redisServer")];
    const child = spawn(
      program,
      [
        ...leading,
        ...(configFile === undefined ? [] : [configFile]),
        "--port",
        "0",
        "--unixsocket",
        this.socket,
        "--unixsocketperm",
        "700",
        "--dir",
        this.dir,
        ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]),
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    alive.add(child);
    child.once("exit", () => alive.delete(child));
    this.#child = child;
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      said.push(line);
      if (line.includes(until)) {
        child.stdout.resume();
        return;
      }
    }
    throw new Error(`redis-server did not start:\n${said.slice(-10).join("\n")}`);
  }

  /** Kills the process, so nothing is flushed. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Stops the process (SIGSTOP), so that it accepts bytes but never replies; `resume` continues it. */
  pause(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  resume(): void {
    process.kill(this.pid, "SIGCONT");
  }

  /** The file that Redis currently appends to: the last incremental AOF of its manifest. */
  aofFile(): string {
    const folder = this.#aofFolder;
    const manifest = readdirSync(folder).find((name) => name.endsWith(".manifest"));
    if (manifest === undefined) throw new Error(`no AOF manifest in ${folder}`);
    const names = readFileSync(join(folder, manifest), "utf8").matchAll(/^file (\S+) seq \d+ type i/gm);
    const last = [...names].at(-1)?.[1];
    if (last === undefined) throw new Error(`no incremental AOF in ${folder}`);
    return join(folder, last);
  }

  /** Copies all its files, like a backup. It must be stopped. */
  copyTo(folder: string): void {
    cpSync(this.#aofFolder, folder, { recursive: true });
  }

  /** Replaces all its files by a backup, or by nothing. It must be stopped. */
  replaceBy(folder?: string): void {
    rmSync(this.#aofFolder, { recursive: true, force: true });
    if (folder !== undefined) cpSync(folder, this.#aofFolder, { recursive: true });
  }

  get #aofFolder(): string {
    return join(this.dir, "appendonlydir");
  }

  async destroy(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    if (signal === "SIGKILL") child.kill("SIGCONT");
    await exited;
  }
}
