/** A server whose clock is moved, for what happens 30 days later. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished } from "vitest";
import { daybook } from "../../cli/cli.ts";
import {
  makePartner,
  operator,
  readiness,
  type ServerProcess,
  type Settings,
  shardsOf,
  testFolder,
  testServer,
} from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { Caller } from "./test-server.ts";

export const DAY_MS = 24 * 3_600_000;

/** A server and its clock. */
export class Machine {
  readonly #file = join(testFolder(), "shift");
  readonly #settings: Settings;
  #server: ServerProcess | undefined;
  #key = "";

  constructor(isolation: string, settings: Settings = {}) {
    this.#set(0);
    const preload = pathToFileURL(join(import.meta.dirname, "../../support/shifted-clock.ts")).href;
    const clock = { NODE_OPTIONS: `--import ${preload}`, SHIFTED_CLOCK: this.#file };
    this.#settings = { DATA_DIR: testFolder(), SHARDS: "2", ISOLATION: isolation, ...clock, ...settings };
  }

  /** Starts the server. @returns a caller of a new partner */
  async start(): Promise<Caller> {
    const server = await this.#launch();
    const admin = operator(server);
    this.#key = await makePartner(admin, "acme");
    admin.close();
    return this.partner();
  }

  partner(): Caller {
    return this.caller(this.#key, "acme");
  }

  /** @param partner whose first key it is */
  caller(key: string, partner?: string): Caller {
    const caller = new Caller(this.server.url, key, partner);
    onTestFinished(() => caller.close());
    return caller;
  }

  /** Kills the server, and starts it again. Callers of before are of no use after it. */
  async restart(): Promise<void> {
    await this.server.kill();
    await this.#launch();
  }

  /** Resolves when every shard has a new snapshot. */
  async takeSnapshots(): Promise<void> {
    const admin = operator(this.server);
    const positions = async () => (await shardsOf(admin)).map(({ snapshot }) => JSON.stringify(snapshot));
    const before = await positions();
    await admin.send("POST", "/v1/admin/snapshots");
    await until("every shard has a new snapshot", async () =>
      (await positions()).every((position, shard) => position !== "null" && position !== before[shard]),
    );
    admin.close();
  }

  /** Moves the clock, and waits until the server follows it. */
  async moveTo(caller: Caller, shiftMs: number): Promise<void> {
    this.#set(shiftMs);
    const warnings = async () => {
      const { text } = await readiness(caller.client);
      return (JSON.parse(text) as { warnings: readonly string[] }).warnings.length;
    };
    await until("the jump is noticed", async () => (await warnings()) > 0);
    expect(await daybook(["clock", "accept"], this.#settings)).toMatchObject({ code: 0 });
    await until("the clock is followed", async () => (await warnings()) === 0);
  }

  get server(): ServerProcess {
    if (this.#server === undefined) throw new Error("the server is not started");
    return this.#server;
  }

  async #launch(): Promise<ServerProcess> {
    this.#server = await testServer(this.#settings);
    return this.#server;
  }

  #set(shiftMs: number): void {
    writeFileSync(this.#file, `${shiftMs}`);
  }
}
