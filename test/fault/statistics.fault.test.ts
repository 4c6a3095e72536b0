/** The statistics service is killed at random moments, and stopped for a while, beside a server that goes on. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { acceptClock } from "../../src/wal/clock-acceptance.ts";
import { Random } from "../support/random.ts";
import {
  Client,
  makePartner,
  operator,
  ServerProcess,
  type Settings,
  testFolder,
  testRedis,
  testServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";

const SERVICE = join(import.meta.dirname, "../../src/statistics/main.ts");
const CLOCK = pathToFileURL(join(import.meta.dirname, "../support/shifted-clock.ts")).href;
const PARTNERS = ["acme", "bolt", "corp"];
const MEMBERS = ["ann", "bob", "cid", "dan", "eve"];
const ROUNDS = 8;
const STEP_MS = 90_000;
const MINUTE_MS = 60_000;

type Statistics = Readonly<{
  data: readonly Readonly<{ at: string; outstanding: number }>[];
  complete_until: string;
}>;

class Service {
  readonly #settings: Settings;
  #process: ServerProcess | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    onTestFinished(() => this.kill());
  }

  start(): void {
    this.#process ??= ServerProcess.launch(this.#settings, [process.execPath, SERVICE]);
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#process = undefined;
  }
}

/** Moves points of all members at the same time. */
async function movePoints(clients: readonly Client[], random: Random): Promise<void> {
  const points = () => 1 + random.below(1_000);
  const accrue = (client: Client, member: string) =>
    client.send("POST", `/v1/loyalty/members/${member}/accruals`, {
      points: points(),
      description: "bought",
    });
  const answers = await Promise.all(
    clients.flatMap((client) => MEMBERS.map((member) => accrue(client, member))),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
}

/** The server's clock, which the test moves forward. */
class Clock {
  readonly file = join(testFolder(), "shift");
  readonly #dataDir: string;
  #shiftMs = 0;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    writeFileSync(this.file, "0");
  }

  get nowMs(): number {
    return Date.now() + this.#shiftMs;
  }

  /** Moves it, accepts it as an operator would, and waits until log time has followed. */
  async step(client: Client): Promise<void> {
    this.#shiftMs += STEP_MS;
    writeFileSync(this.file, `${this.#shiftMs}`);
    acceptClock(this.#dataDir, this.nowMs);
    const at = new Date(this.nowMs).toISOString();
    const isReached = async () =>
      (await client.send("GET", `/v1/accounts/points:ann?at=${at}`)).status === 200;
    await until("log time has followed the clock", isReached);
  }
}

/** The sum of the partner's balances, as the archive has them. */
async function sumAt(client: Client, at: string): Promise<number> {
  const balances = await Promise.all(
    MEMBERS.map(async (member) => {
      const { status, text } = await client.send("GET", `/v1/accounts/points:${member}?at=${at}`);
      return status === 404 ? 0 : (JSON.parse(text) as { posted: number }).posted;
    }),
  );
  return balances.reduce((sum, balance) => sum + balance, 0);
}

test.each(["sqlite", "redis"])(
  "with its log in %s, each sample equals the sum of balances at its minute, however often the service was killed",
  async (kind) => {
    const dataDir = testFolder();
    const clock = new Clock(dataDir);
    const settings = {
      DATA_DIR: dataDir,
      SHARDS: "3",
      NODE_OPTIONS: `--import=${CLOCK}`,
      SHIFTED_CLOCK: clock.file,
    };
    const server = await testServer(
      kind === "redis" ? { ...settings, WAL_URL: (await testRedis()).url } : settings,
    );
    const admin = operator(server);
    const clients: Client[] = [];
    for (const partner of PARTNERS) {
      const client = new Client(server.url, await makePartner(admin, partner));
      for (const id of MEMBERS) await client.send("POST", "/v1/loyalty/members", { id });
      clients.push(client);
    }
    const [first] = clients as [Client];
    const random = new Random(7);
    const service = new Service({ DATA_DIR: dataDir });
    for (let round = 0; round < ROUNDS; round++) {
      await movePoints(clients, random);
      await clock.step(first);
      if (random.below(2) === 0) await service.kill();
      else service.start();
      await movePoints(clients, random);
    }
    const movedMs = clock.nowMs;
    // Idle shards log a tick once a minute.
    for (let minute = 0; minute < 3; minute++) await clock.step(first);
    service.start();
    const areComplete = async () => {
      const { complete_until } = await first.get<Statistics>("/v1/loyalty/statistics");
      return Date.parse(complete_until) > movedMs;
    };
    await until("all minutes with movements are complete", areComplete, 60_000);
    for (const client of clients) {
      const to = new Date(movedMs + MINUTE_MS).toISOString();
      const { data } = await client.get<Statistics>(`/v1/loyalty/statistics?step=1m&to=${to}`);
      expect(data).toHaveLength(60);
      for (const { at, outstanding } of data) expect(outstanding, at).toBe(await sumAt(client, at));
      const { outstanding } = await client.get<{ outstanding: number }>("/v1/loyalty/summary");
      expect(data.at(-1)?.outstanding).toBe(outstanding);
      expect(outstanding).toBeGreaterThan(0);
    }
  },
);
