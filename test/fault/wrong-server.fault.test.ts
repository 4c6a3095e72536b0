/** A server that must refuse to start must not end the running one: it detects the reason before it claims any stream. */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { streamKey } from "../../src/wal/open.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { RedisServer } from "../support/redis.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import {
  Client,
  makePartner,
  operator,
  readiness,
  refusedStart,
  ServerProcess,
  type Settings,
  shardsOf,
  testFolder,
  testRedis,
  testServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";

const SHARDS = "3";
const ACCOUNTS = 12;
/** The fault is on the last shard, so all others have found no fault when it refuses. */
const LAST_WITNESS = "witness-g1s2.json";
const LAST_STREAM = streamKey(1, 2);
const RIGHTS =
  "+ping +info +config|get +client|setname +xadd +xrange +xrevrange +xinfo|stream +xtrim +rpush +lrange +lindex +unlink";
const MORTAL_GATEWAYS = join(import.meta.dirname, "../support/failing-gateways.ts");

/** A server that serves, on a log that another one has created. */
type Production = Readonly<{
  redis: RedisServer;
  server: ServerProcess;
  client: Client;
  /** A DATA_DIR that fits its log, and is not in use. */
  data: string;
  end: () => Promise<void>;
}>;

async function startProduction(): Promise<Production> {
  const redis = await RedisServer.start();
  const [dataDir, data] = [makeScratchFolder("daybook-test"), makeScratchFolder("daybook-test")];
  const settings = { DATA_DIR: dataDir, WAL_URL: redis.url, SHARDS };
  const first = ServerProcess.launch(settings);
  await first.serving();
  const key = await makePartner(operator(first));
  const before = new Client(first.url, key);
  for (let i = 0; i < ACCOUNTS; i++) await open(before, `account-${i}`);
  first.signal("SIGTERM");
  await first.exited;
  cpSync(dataDir, data, { recursive: true });
  const server = ServerProcess.launch(settings);
  await server.serving();
  const end = async () => {
    await server.kill();
    await redis.destroy();
    for (const folder of [dataDir, data]) rmSync(folder, { recursive: true });
  };
  return { redis, server, client: new Client(server.url, key), data, end };
}

function copyOf({ data }: Production): string {
  const copy = testFolder();
  cpSync(data, copy, { recursive: true });
  return copy;
}

async function epochsOf({ server }: Production): Promise<readonly number[]> {
  return (await shardsOf(operator(server))).map(({ epoch }) => epoch);
}

/** Starts a second server, which must refuse with this line and must not disturb the first. */
async function expectAlone(production: Production, settings: Settings, says: RegExp): Promise<void> {
  const { redis, server, client } = production;
  const before = await epochsOf(production);
  const { code, lines } = await refusedStart({ WAL_URL: redis.url, ...settings });
  expect(lines.join("\n")).toMatch(says);
  expect({ code, lines: lines.length }).toEqual({ code: 1, lines: 1 });
  // Let each shard append: a shard that was fenced would notice.
  for (let i = 0; i < ACCOUNTS; i++) await open(client, `later-${performance.now()}-${i}`);
  expect(server.errorLines).toEqual([]);
  expect(await epochsOf(production)).toEqual(before);
}

async function open(client: Client, id: string): Promise<void> {
  const { status, text } = await client.send("POST", "/v1/accounts", { id, asset: "USD/2" });
  expect(status, text).toBe(201);
}

/** The folder of a stopped server, with its own log. */
async function stoppedServerFolder(): Promise<string> {
  const dataDir = testFolder();
  const redis = await testRedis();
  const server = await testServer({ DATA_DIR: dataDir, WAL_URL: redis.url, SHARDS: "1" });
  await makePartner(operator(server));
  server.signal("SIGTERM");
  await server.exited;
  return dataDir;
}

function urlOf(redis: RedisServer, user: string): string {
  return redis.url.replace("unix://", `unix://${user}@localhost`);
}

type Wrong = (production: Production) => Promise<Settings> | Settings;

/** Faults that a shard detects. */
const IN_PROCESSES: ReadonlySet<string> = new Set([
  "the DATA_DIR of another server",
  "a witness that cannot be read",
  "a batch of one stream that is gone, in its middle",
]);
/** The settings of each start, and the line with which it must refuse. Later cases leave the log damaged. */
const FINDINGS: readonly (readonly [string, RegExp, Wrong])[] = [
  ["a key that is too short", /OPERATOR_KEY/, () => ({ DATA_DIR: testFolder(), OPERATOR_KEY: "short" })],
  ["no address of a log", /WAL_URL/, () => ({ DATA_DIR: testFolder(), WAL_URL: "mysql://here" })],
  [
    "a port that is taken",
    /EADDRINUSE/,
    ({ server }) => ({ DATA_DIR: testFolder(), PORT: new URL(server.url).port }),
  ],
  [
    "a DATA_DIR that is in use",
    /is in use/,
    ({ server }) => ({ DATA_DIR: String(server.settings["DATA_DIR"]) }),
  ],
  [
    "a DATA_DIR that is no folder",
    /EEXIST|ENOTDIR/,
    () => {
      const file = join(testFolder(), "file");
      writeFileSync(file, "");
      return { DATA_DIR: file };
    },
  ],
  [
    "a user that Redis does not know",
    /refuses the login/,
    ({ redis }) => ({ DATA_DIR: testFolder(), WAL_URL: urlOf(redis, "nobody:wrong") }),
  ],
  [
    "a gateway that cannot begin",
    /gateway 1 cannot begin/,
    () => {
      const signs = testFolder();
      writeFileSync(join(signs, "kill-gateway-1"), "");
      const dying = { MORTAL_GATEWAYS: signs, NODE_OPTIONS: `--import=${MORTAL_GATEWAYS}` };
      return { DATA_DIR: testFolder(), GATEWAYS: "2", ...dying };
    },
  ],
  [
    "the DATA_DIR of another server",
    /has lost data/,
    async () => ({ DATA_DIR: await stoppedServerFolder() }),
  ],
  [
    "a witness that cannot be read",
    /witness-g1s2\.json is damaged/,
    (production) => {
      const dir = copyOf(production);
      writeFileSync(join(dir, LAST_WITNESS), "{");
      return { DATA_DIR: dir };
    },
  ],
  [
    "a witness of a batch that the log does not hold",
    /is not the batch that it held before/,
    (production) => {
      const dir = copyOf(production);
      const witness = JSON.parse(readFileSync(join(dir, LAST_WITNESS), "utf8")) as { hash: string };
      const hash = witness.hash.replace(/^./, (digit) => (digit === "0" ? "1" : "0"));
      writeFileSync(join(dir, LAST_WITNESS), JSON.stringify({ ...witness, hash }));
      return { DATA_DIR: dir };
    },
  ],
  ["another number of shards", /was written with SHARDS=3/, () => ({ DATA_DIR: testFolder(), SHARDS: "2" })],
  [
    "an archive of another version",
    /the archive .* has format 99/,
    (production) => {
      const dir = copyOf(production);
      const database = new DatabaseSync(join(dir, "archive", "archive.sqlite"));
      database.exec("UPDATE settings SET value = 99 WHERE name = 'format'");
      database.close();
      return { DATA_DIR: dir };
    },
  ],
  [
    "a user that may not append",
    /NOPERM/,
    async (production) => {
      const rights = RIGHTS.replace("+xadd ", "").split(" ");
      await production.redis.client().acl("SETUSER", "reader", "on", ">secret", "~daybook:*", ...rights);
      return { DATA_DIR: testFolder(), WAL_URL: urlOf(production.redis, "reader:secret") };
    },
  ],
  [
    "a user that may not read snapshots of the last shard",
    /NOPERM|No permissions/,
    async (production) => {
      const keys = [0, 1].map((shard) => `~daybook:{g1s${shard}}:*`);
      const user = ["SETUSER", "half", "on", ">secret", ...keys, `~${LAST_STREAM}`] as const;
      await production.redis.client().call("ACL", ...user, ...RIGHTS.split(" "));
      return { DATA_DIR: copyOf(production), WAL_URL: urlOf(production.redis, "half:secret") };
    },
  ],
  [
    "a batch of one stream that is gone, in its middle",
    /bad entry .* entries are missing/,
    async (production) => {
      const client = production.redis.client();
      const entries = await client.xrange(LAST_STREAM, "-", "+");
      const [id = ""] = entries[entries.length - 3] ?? [];
      expect(await client.xdel(LAST_STREAM, id)).toBe(1);
      return { DATA_DIR: testFolder() };
    },
  ],
  [
    "an archive that lacks what was trimmed",
    /was trimmed up to/,
    async (production) => {
      await production.redis.client().xtrim(LAST_STREAM, "MAXLEN", "=", 2);
      const dir = copyOf(production);
      rmSync(join(dir, "archive"), { recursive: true });
      return { DATA_DIR: dir };
    },
  ],
];

describe("a server that must refuse to start does not affect the running one:", () => {
  let production: Production | undefined;

  beforeAll(async () => {
    production = await startProduction();
  });

  afterAll(() => production?.end());

  const both = FINDINGS.flatMap(([what, says, make]) =>
    ISOLATIONS.filter((isolation) => isolation === "threads" || IN_PROCESSES.has(what)).map(
      (isolation) => [what, isolation, says, make] as const,
    ),
  );

  test.each(both)("%s (%s)", async (_what, ISOLATION, says, make) => {
    if (production === undefined) throw new Error("there is no server");
    await expectAlone(production, { ISOLATION, ...(await make(production)) }, says);
  });
});

test("of servers that claim one log at the same moment exactly one serves", async () => {
  const redis = await testRedis();
  const settings = () => ({ DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS });
  const first = await testServer(settings());
  const started = await Promise.all([1, 2].map(() => testServer(settings()).catch(() => undefined)));
  expect((await first.exited).code).toBe(1);
  const running = () => started.filter((each) => each?.running === true);
  // A server that has lost a log notices at the next renewal of its lease, and may print that it serves before that.
  await until("one of them ends", () => running().length < 2);
  const [survivor] = running();
  expect((await readiness(operator(survivor as ServerProcess))).status).toBe(200);
});
