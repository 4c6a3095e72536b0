/**
 * Measures a start with a large state, and the cost of snapshots: ten million commands on a million accounts, a
 * snapshot, a hundred thousand commands more, and kill -9.
 */
import { join } from "node:path";
import { Redis } from "ioredis";
import type { BenchContext } from "./bench-context.ts";
import { Daybook, SERVER_SETTINGS, sumOfMetric } from "./daybook.ts";
import { fillLog } from "./fill-log.ts";
import { bodiesOverAll, MEDIA_TYPES, singleBodies } from "./loads/bodies.ts";
import { writeBodies } from "./loads/load.ts";
import { processTree, residentBytes } from "./process-tree.ts";

const BATCH_SIZE = 1000;
const SIZES = {
  quick: { accounts: 20_000, commands: 200_000, tail: 10_000, every: 50_000 },
  full: { accounts: 1_000_000, commands: 10_000_000, tail: 100_000, every: 1_000_000 },
} as const;
const WATCH_MS = 500;
const SETTLE_MS = 3_000;
const SNAPSHOT_MS_MAX = 300_000;

export async function measureRecovery(bench: BenchContext): Promise<void> {
  for (const keyed of [false, true]) {
    const name = keyed ? "recovery.keyed" : "recovery.plain";
    if (bench.wants(name)) await measure(bench, name, keyed);
  }
}

async function measure(bench: BenchContext, name: string, keyed: boolean): Promise<void> {
  const { quick, shards } = bench.options;
  const { accounts, commands, tail, every } = quick ? SIZES.quick : SIZES.full;
  const folder = bench.newFolder();
  const daybook = await Daybook.start({ folder, backend: "redis", shards, snapshotRecords: every });
  const redis = watchRedis(daybook.redisSocket as string);
  const bodies = writeBodies(join(folder, "bodies"), bodiesOverAll(BATCH_SIZE, accounts));
  await daybook.createAccounts(accounts);
  bench.say(`${accounts} accounts, Redis ${megabytes(await redis.usedBytes())} MB`);
  const decided = await fillLog(bench, daybook, { bodies, commands, keyed });
  const settings = { accounts, commands: decided, keyed, ...SERVER_SETTINGS };
  const figure = (what: string, unit: string, value: number) =>
    bench.emit({ name: `${name}.${what}`, unit, settings, runs: [value] });
  figure("redis_most", "MB", megabytes(redis.most()));

  const normalMs = await appendP99(bench, daybook, folder, accounts);
  await daybook.operator("POST", "/v1/admin/snapshots");
  const whileMs = await appendP99(bench, daybook, folder, accounts);
  figure("append_p99_while_taken", "of normal", whileMs / normalMs);
  const snapshots = await takenSnapshots(daybook);
  figure("snapshot", "MB", megabytes(sum(snapshots, ({ bytes }) => bytes)));
  figure("snapshot_taken", "s", sum(snapshots, ({ duration_ms }) => duration_ms) / 1000);
  // The log is trimmed below the older snapshot, so two snapshots must contain everything.
  await daybook.partner("POST", "/v1/transfers/batch", JSON.parse(bodiesOverAll(1, 100)[0] as string));
  await takenSnapshots(daybook);
  figure("redis_at_rest", "MB", await settled(async () => megabytes(await redis.usedBytes())));
  redis.end();

  const items = bodiesOverAll(BATCH_SIZE, accounts).slice(0, tail / BATCH_SIZE);
  for (const body of items) await daybook.partner("POST", "/v1/transfers/batch", JSON.parse(body));
  const heapBytes = await daybook.metric("daybook_heap_bytes");
  figure("heap", "MB", megabytes(heapBytes));
  figure("server_memory", "MB", megabytes(residentBytes(processTree(daybook.pid))));
  const startedMs = performance.now();
  await daybook.restart("SIGKILL");
  figure("start", "s", (performance.now() - startedMs) / 1000);
  const recoveries = (await daybook.shards()).map(({ recovery }) => recovery);
  figure("start_snapshot", "s", Math.max(...recoveries.map(({ snapshot_ms }) => snapshot_ms)) / 1000);
  figure("start_replay", "s", Math.max(...recoveries.map(({ replay_ms }) => replay_ms)) / 1000);
  figure(
    "start_replayed",
    "records",
    sum(recoveries, ({ replayed }) => replayed),
  );
  await daybook.stop();
}

/** The p99 of appends, in ms, during single transfers over 16 connections. */
async function appendP99(
  bench: BenchContext,
  daybook: Daybook,
  folder: string,
  accounts: number,
): Promise<number> {
  const bodies = writeBodies(join(folder, "singles"), singleBodies(Math.min(accounts, 10_000)));
  const before = await appendBuckets(daybook);
  const { url, token } = daybook;
  const load = { url, token, path: "/v1/transfers", contentType: MEDIA_TYPES.json, bodies };
  await bench.load.run({ ...load, connections: 16, seconds: bench.options.quick ? 1 : 8 });
  const after = await appendBuckets(daybook);
  return 1000 * percentile(after.map(([bound, count], i) => [bound, count - (before[i]?.[1] ?? 0)]));
}

type Buckets = readonly (readonly [boundS: number, count: number])[];

/** Cumulative, over all shards. */
async function appendBuckets(daybook: Daybook): Promise<Buckets> {
  const text = await daybook.metrics();
  const bounds = new Set(
    [...text.matchAll(/daybook_append_seconds_bucket\{[^}]*le="([^"]+)"/g)].map(([, le]) => le as string),
  );
  return [...bounds].map((le) => {
    const lines = text.split("\n").filter((line) => line.includes(`le="${le}"`));
    return [le === "+Inf" ? 10 : Number(le), sumOfMetric(lines.join("\n"), "daybook_append_seconds_bucket")];
  });
}

/** Interpolated linearly within a bucket. */
function percentile(buckets: Buckets): number {
  const wanted = 0.99 * (buckets.at(-1)?.[1] ?? 0);
  let [low, below] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= wanted) return low + ((bound - low) * (wanted - below)) / Math.max(1, count - below);
    [low, below] = [bound, count];
  }
  return low;
}

type Snapshot = Readonly<{ records: number; bytes: number; duration_ms: number }>;

/** Takes a snapshot of each shard that contains everything logged so far. */
async function takenSnapshots(daybook: Daybook): Promise<readonly Snapshot[]> {
  const wanted = await daybook.metric("daybook_records");
  await daybook.operator("POST", "/v1/admin/snapshots");
  const endMs = performance.now() + SNAPSHOT_MS_MAX;
  while (performance.now() < endMs) {
    const taken = (await daybook.shards()).flatMap(({ snapshot }) => snapshot ?? []);
    if (sum(taken, ({ records }) => records) >= wanted) return taken;
    await pause(WATCH_MS);
  }
  throw new Error("no snapshot was taken");
}

/** The value once it has stopped falling. */
async function settled(valueOf: () => Promise<number>): Promise<number> {
  for (let before = Number.POSITIVE_INFINITY; ; await pause(SETTLE_MS)) {
    const value = await valueOf();
    if (value >= before) return value;
    before = value;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Samples the memory of Redis until `end`. */
function watchRedis(socket: string): Readonly<{ usedBytes(): Promise<number>; most(): number; end(): void }> {
  const client = new Redis(socket);
  let most = 0;
  const usedBytes = async () => {
    const bytes = Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1]);
    most = Math.max(most, bytes);
    return bytes;
  };
  const timer = setInterval(() => void usedBytes(), WATCH_MS);
  return {
    usedBytes,
    most: () => most,
    end() {
      clearInterval(timer);
      client.disconnect();
    },
  };
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
