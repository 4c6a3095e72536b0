/** A server process with three shards, and callers for scenarios over HTTP. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { SqliteStatistics } from "../../../src/statistics/sqlite-store.ts";
import { makeScratchFolder } from "../../support/scratch-folder.ts";
import {
  type Answer,
  Client,
  makePartner,
  operator,
  ServerProcess,
  shardsOf,
  waitUntilReady,
} from "../../support/server.ts";
import { until } from "../../support/until.ts";

export type Json = Readonly<Record<string, unknown>>;

/** An HTTP client with one key, with helpers that check the status of the answer. */
export class Caller {
  readonly client: Client;
  readonly #url: string;
  /** Set for the first key of a partner. */
  readonly #partner: string | undefined;
  #colleague: Promise<Caller> | undefined;

  constructor(url: string, key: string, partner?: string) {
    this.client = new Client(url, key);
    this.#url = url;
    this.#partner = partner;
  }

  /** Another key of the same partner: who requests credit cannot approve it. */
  colleague(): Promise<Caller> {
    this.#colleague ??= this.post(`/v1/partners/${String(this.#partner)}/keys`, 201, {
      role: "partner",
      name: "colleague",
    }).then(({ api_key }) => new Caller(this.#url, String(api_key)));
    return this.#colleague;
  }

  async close(): Promise<void> {
    this.client.close();
    (await this.#colleague)?.client.close();
  }

  /** Sends a request, expects `status`, and returns the body. */
  async ask(
    method: string,
    path: string,
    status: number,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Json> {
    const answer = await this.client.send(method, path, body, headers);
    expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(status);
    return answer.text === "" ? {} : (JSON.parse(answer.text) as Json);
  }

  get(path: string): Promise<Json> {
    return this.ask("GET", path, 200);
  }

  post(path: string, status: number, body?: unknown): Promise<Json> {
    return this.ask("POST", path, status, body);
  }

  /** Sends a request and expects a problem with this status and code. */
  async refused(method: string, path: string, status: number, code: string, body?: unknown): Promise<void> {
    expect(await this.ask(method, path, status, body)).toMatchObject({ status, code });
  }

  /** Sends requests concurrently; returns the number of answers by status. */
  async race(
    times: number,
    send: (client: Client, i: number) => Promise<Answer>,
  ): Promise<Map<number, number>> {
    const statuses = new Map<number, number>();
    const answers = await Promise.all(Array.from({ length: times }, (_, i) => send(this.client, i)));
    for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    return statuses;
  }

  /** All rows of a list, read in pages. */
  all(path: string): Promise<readonly Json[]> {
    return this.client.all<Json>(path);
  }
}

export class TestServer {
  #settings: Readonly<Record<string, string>>;
  readonly #dir: string;
  #server: ServerProcess | undefined;
  #callers: Caller[] = [];

  constructor(settings: Readonly<Record<string, string>>) {
    this.#dir = makeScratchFolder("daybook-programmes");
    this.#settings = { SHARDS: "3", DATA_DIR: join(this.#dir, "data"), ...settings };
  }

  async open(): Promise<void> {
    this.#server = ServerProcess.launch(this.#settings);
    await this.#server.serving();
  }

  /** Statistics without a sample, as if their service had just begun. Without any, they cannot be read. */
  async beginStatistics(): Promise<void> {
    const store = new SqliteStatistics(String(this.#settings["DATA_DIR"]));
    await store.writeCheckpoint({ at: 60_000, positions: [] });
    await store.close();
  }

  get server(): ServerProcess {
    if (this.#server === undefined) throw new Error("the house is not open");
    return this.#server;
  }

  /** Creates a partner and returns its caller. */
  async partner(id: string): Promise<Caller> {
    return this.caller(await this.newPartner(id), id);
  }

  /** The log position of each shard. */
  async positions(): Promise<readonly string[]> {
    const admin = operator(this.server);
    const views = await shardsOf(admin);
    admin.close();
    return views.map(({ position }) => position);
  }

  /** Creates a partner and returns its key. */
  async newPartner(id: string): Promise<string> {
    const admin = operator(this.server);
    const key = await makePartner(admin, id);
    admin.close();
    return key;
  }

  /** @param partner whose first key it is, for `colleague`. */
  caller(key: string, partner?: string): Caller {
    const caller = new Caller(this.server.url, key, partner);
    this.#callers.push(caller);
    return caller;
  }

  /** Resolves when every shard has a snapshot. To be called once for a server. */
  async takeSnapshots(): Promise<void> {
    const admin = operator(this.server);
    await admin.send("POST", "/v1/admin/snapshots");
    await until("every shard has a snapshot", async () =>
      (await shardsOf(admin)).every(({ snapshot }) => snapshot !== null),
    );
    admin.close();
  }

  /**
   * Kills the server and starts it at another address, with changed settings if any are given. Earlier callers cannot be
   * used afterwards.
   */
  async restart(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#hangUp();
    await this.server.kill();
    this.#settings = { ...this.#settings, ...settings };
    await this.open();
    const admin = operator(this.server);
    await waitUntilReady(admin);
    admin.close();
  }

  async close(): Promise<void> {
    this.#hangUp();
    await this.#server?.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #hangUp(): void {
    for (const caller of this.#callers.splice(0)) void caller.close();
  }
}

/** Starts a server before the tests of the file or `describe` block, and stops it afterwards. */
export function startTestServer(settings: Readonly<Record<string, string>> = {}): TestServer {
  const house = new TestServer(settings);
  beforeAll(() => house.open());
  afterAll(() => house.close());
  return house;
}
