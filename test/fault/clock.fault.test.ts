/** The clock of the machine jumps while a real server runs, or before its start. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { daybook } from "../cli/cli.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import {
  Client,
  makePartner,
  operator,
  readiness,
  refusedStart,
  type ServerProcess,
  shardsOf,
  testFolder,
  testServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SHARDS = 2;
/** Five starts of a server, each of which may be slow on a busy machine. */
const TEST_MS_MAX = 240_000;

/** A machine with an adjustable clock. */
class Machine {
  readonly dataDir = testFolder();
  readonly #file = join(testFolder(), "shift");

  constructor() {
    this.set(0);
  }

  set(shiftMs: number): void {
    writeFileSync(this.#file, `${shiftMs}`);
  }

  settings(isolation = "threads") {
    const preload = pathToFileURL(join(import.meta.dirname, "../support/shifted-clock.ts")).href;
    return {
      DATA_DIR: this.dataDir,
      SHARDS: `${SHARDS}`,
      ISOLATION: isolation,
      NODE_OPTIONS: `--import ${preload}`,
      SHIFTED_CLOCK: this.#file,
    };
  }

  /** Simulates a reboot since the witness was written. */
  forgetBoot(): void {
    for (let shard = 0; shard < SHARDS; shard++) {
      const file = join(this.dataDir, `witness-g1s${shard}.json`);
      const witness = JSON.parse(readFileSync(file, "utf8"));
      writeFileSync(file, JSON.stringify({ ...witness, clock: { ...witness.clock, bootId: "another" } }));
    }
  }
}

async function expectWarning(client: Client, warning: RegExp | undefined): Promise<void> {
  await until(`/readyz warns of ${warning}`, async () => {
    const { status, text } = await readiness(client);
    const { warnings } = JSON.parse(text) as { warnings: readonly string[] };
    return status === 200 && (warning === undefined ? warnings.length === 0 : warning.test(warnings.join()));
  });
  const followed = (await client.send("GET", "/metrics")).text.match(/^daybook_clock_followed (\d)$/m)?.[1];
  expect(followed).toBe(warning === undefined ? "1" : "0");
}

async function stop(server: ServerProcess): Promise<void> {
  server.signal("SIGTERM");
  expect((await server.exited).code).toBe(0);
}

/**
 * Issues a point to an account of each shard. @returns how far log time is ahead of the real clock (ms), and whether
 * the answers are replays
 */
async function issue(client: Client, key?: string) {
  const answers = ["a", "b", "c", "d"].map(async (account) => {
    const body = { debit_account: "@issuance", credit_account: account, amount: 1 };
    const headers: Record<string, string> =
      key === undefined ? {} : { "Idempotency-Key": `${key}${account}` };
    const { status, text, headers: answered } = await client.send("POST", "/v1/transfers", body, headers);
    expect([status, text]).toEqual([201, text]);
    const { created_at } = JSON.parse(text) as { created_at: string };
    return { aheadMs: Date.parse(created_at) - Date.now(), isRepeat: "idempotency-replayed" in answered };
  });
  const all = await Promise.all(answers);
  return {
    aheadMs: Math.max(...all.map(({ aheadMs }) => aheadMs)),
    behindMs: Math.max(...all.map(({ aheadMs }) => -aheadMs)),
    repeats: all.filter(({ isRepeat }) => isRepeat).length,
  };
}

/** All but the first digit of the last group, which is random. */
function uuid7(ms: number): string {
  const hex = ms.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7abc-8abc-0123456789a`;
}

async function start(machine: Machine, isolation: string) {
  const server = await testServer(machine.settings(isolation));
  return { server, admin: operator(server) };
}

test.each(ISOLATIONS)(
  "a clock that jumps under a server (%s) is not followed until it is accepted or corrected; a restart changes nothing",
  async (isolation) => {
    const machine = new Machine();
    const { server, admin } = await start(machine, isolation);
    const key = await makePartner(admin);
    const client = new Client(server.url, key);
    for (const id of ["a", "b", "c", "d"])
      expect((await client.send("POST", "/v1/accounts", { id, asset: "PTS/0" })).status).toBe(201);
    await issue(client, "first-");
    await expectWarning(admin, undefined);

    machine.set(25 * HOUR);
    await expectWarning(admin, /the clock has jumped 90000 s ahead, to .* daybook clock accept/);
    expect((await issue(client)).aheadMs).toBeLessThan(HOUR);
    expect((await issue(client, "first-")).repeats).toBe(4);
    machine.set(0);
    await expectWarning(admin, undefined);
    expect((await issue(client, "first-")).repeats).toBe(4);
    expect((await issue(client, uuid7(Date.now()))).repeats).toBe(0);

    machine.set(2 * HOUR);
    await expectWarning(admin, /has jumped 7200 s ahead/);
    const shards = await admin.send("POST", "/v1/admin/shards/0/restart");
    expect(shards.status).toBe(202);
    // Until it has stopped it is still ready.
    await until("shard 0 serves again", async () => {
      const [shard] = await shardsOf(admin);
      return shard?.restarts === 1 && (await readiness(admin)).status === 200;
    });
    expect((await issue(client)).aheadMs).toBeLessThan(HOUR);
    const accepted = await daybook(["clock", "accept"], machine.settings());
    expect(accepted).toMatchObject({ code: 0, stderr: "" });
    await expectWarning(admin, undefined);
    expect((await issue(client)).behindMs).toBeLessThan(-1.9 * HOUR);
    admin.close();
    client.close();
    await stop(server);

    const again = await start(machine, isolation);
    await expectWarning(again.admin, undefined);
    await stop(again.server);
    machine.set(3 * HOUR);
    const jumped = await start(machine, isolation);
    await expectWarning(jumped.admin, /has jumped 3600 s ahead/);
    const later = new Client(jumped.server.url, key);
    expect((await issue(later)).aheadMs).toBeLessThan(2.1 * HOUR);
    await stop(jumped.server);
  },
  TEST_MS_MAX,
);

test(
  "after a reboot with a clock far ahead of the log nothing expires until the clock is accepted",
  async () => {
    const machine = new Machine();
    const before = await start(machine, "threads");
    const key = await makePartner(before.admin);
    const client = new Client(before.server.url, key);
    for (const id of ["a", "b", "c", "d"]) await client.send("POST", "/v1/accounts", { id, asset: "PTS/0" });
    await issue(client, "first-");
    await stop(before.server);

    machine.forgetBoot();
    machine.set(400 * DAY);
    const { server, admin } = await start(machine, "threads");
    await expectWarning(
      admin,
      /after a start of the machine the clock shows .* 9600 h after the last time in the log/,
    );
    const after = new Client(server.url, key);
    expect((await issue(after, "first-")).repeats).toBe(4);
    expect((await issue(after)).aheadMs).toBeLessThan(HOUR);
    expect(await daybook(["clock", "accept"], machine.settings())).toMatchObject({ code: 0, stderr: "" });
    await expectWarning(admin, undefined);
    expect((await issue(after)).behindMs).toBeLessThan(-399 * DAY);

    // The clock is corrected: log time is now ahead of it, and no call is refused for that.
    await stop(server);
    machine.forgetBoot();
    machine.set(0);
    const late = await start(machine, "threads");
    const last = new Client(late.server.url, key);
    expect((await issue(last)).behindMs).toBeLessThan(-399 * DAY);
    await until("/readyz says so", async () => (await readiness(late.admin)).text.includes("at half speed"));
    await stop(late.server);
  },
  TEST_MS_MAX,
);

test("an empty log refuses a clock that shows a time before this version was made, in one line", async () => {
  const machine = new Machine();
  machine.set(Date.UTC(2020, 0, 1) - Date.now());
  const { code, lines } = await refusedStart(machine.settings());
  expect([code, lines]).toEqual([
    1,
    [
      expect.stringMatching(
        /^daybook: the clock shows 2020-01-01T.*, which is before this version was made: set it/,
      ),
    ],
  ]);
});

test("without a server, `daybook clock accept` fails and leaves no file behind", async () => {
  const { dataDir } = new Machine();
  const { code, stderr } = await daybook(["clock", "accept"], { DATA_DIR: dataDir });
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^daybook: no server has answered in .*\n$/)]);
});
