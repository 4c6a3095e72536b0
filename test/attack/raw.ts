/** Raw sockets to a real server, and a bystander: another partner whose requests must be answered during an attack. */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished } from "vitest";
import { Client, MAIN, ServerProcess, type Settings, sendUntilDone } from "../support/server.ts";

/** Another local address, so that limits per address do not count it together with 127.0.0.1. */
export const ATTACKER = "127.0.0.2";
export const MIB = 1024 * 1024;

/** A connection, and the text received on it. */
export class RawSocket {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #text = "";

  constructor(url: string, localAddress = ATTACKER) {
    const { hostname, port } = new URL(url);
    this.socket = connect({ host: hostname, port: Number(port), localAddress });
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) => this.socket.once("close", () => resolve()));
    onTestFinished(() => void this.socket.destroy());
  }

  get text(): string {
    return this.#text;
  }

  /** Resolves once it is connected, or has failed. */
  async opened(): Promise<this> {
    if (this.socket.connecting)
      await Promise.race([new Promise((resolve) => this.socket.once("connect", resolve)), this.closed]);
    return this;
  }

  /** Starts reading; without this nothing is read. */
  read(): this {
    this.socket.setEncoding("latin1").on("data", (text: string) => {
      this.#text += text;
    });
    return this;
  }

  write(text: string): this {
    this.socket.write(text, "latin1");
    return this;
  }

  /** The status of each answer. */
  get statuses(): readonly string[] {
    return [...this.#text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status as string);
  }
}

/** A request as text on the wire. */
export function wire(method: string, path: string, key: string, body?: unknown): string {
  const text = body === undefined ? "" : JSON.stringify(body);
  const type =
    body === undefined ? "" : `Content-Type: application/json\r\nContent-Length: ${text.length}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n${type}\r\n${text}`;
}

/** Starts a server with a limit on open files in each process. It stops with the test. */
export async function serverWithFiles(files: number, settings: Settings): Promise<ServerProcess> {
  const command = `ulimit -n ${files}; exec "${process.execPath}" "${MAIN}"`;
  const server = ServerProcess.launch(settings, ["sh", "-c", command]);
  onTestFinished(async () => {
    server.killGroup();
    await server.exited;
  });
  await server.serving();
  return server;
}

/** Resident memory of a process, in bytes. */
export function memoryOf(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) * 1024;
}

export type Seen = Readonly<{
  statuses: readonly number[];
  refused: number;
  p99Ms: number;
  maxMs: number;
  requests: number;
}>;

/**
 * Checks a bystander's measurements. p99 should stay below 50 ms, or twice the p99 without the attack; the bound is
 * generous because the machine may run other tests.
 */
export function expectServed(seen: Seen): void {
  expect(seen.statuses).toEqual([200, 201]);
  expect(seen.refused).toBeLessThan(0.05);
  expect(seen.p99Ms).toBeLessThan(8_000);
}

/** A partner that keeps working: it alternates a transfer and a read of its result. */
export class Bystander {
  readonly #client: Client;
  readonly #statuses = new Map<number, number>();
  readonly #tookMs: number[] = [];
  #stopped = false;
  #working: Promise<void> = Promise.resolve();

  constructor(url: string, key: string) {
    this.#client = new Client(url, key, 2);
    onTestFinished(() => this.#client.close());
  }

  async open(): Promise<this> {
    await sendUntilDone(this.#client, "/v1/accounts", { id: "bystander", asset: "PTS/0" });
    this.#working = this.#work();
    return this;
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      const transfer = { debit_account: "@issuance", credit_account: "bystander", amount: 1 };
      await this.#timed("POST", "/v1/transfers", transfer);
      await this.#timed("GET", "/v1/accounts/bystander");
    }
  }

  async #timed(method: string, path: string, body?: unknown): Promise<void> {
    const startedMs = performance.now();
    const { status } = await this.#client.send(method, path, body);
    this.#tookMs.push(performance.now() - startedMs);
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
  }

  get answered(): number {
    return this.#tookMs.length;
  }

  /** Measurements since the last call. `refused`: the share of 503. */
  seen(): Seen {
    const sorted = this.#tookMs.splice(0).toSorted((a, b) => a - b);
    const refused = (this.#statuses.get(503) ?? 0) / Math.max(1, sorted.length);
    this.#statuses.delete(503);
    const statuses = [...this.#statuses.keys()].toSorted((a, b) => a - b);
    this.#statuses.clear();
    const p99Ms = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
    return { statuses, refused, p99Ms, maxMs: sorted.at(-1) ?? 0, requests: sorted.length };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }
}
