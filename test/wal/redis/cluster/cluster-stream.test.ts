/** Cases of a cluster's log that a real cluster does not show on demand, with a Redis that the test plays. */
import { expect, test } from "vitest";
import { ClusterStream } from "../../../../src/wal/redis/cluster/cluster-stream.ts";
import { ReplicaWait } from "../../../../src/wal/redis/cluster/replica-wait.ts";
import { RedisSnapshotStore } from "../../../../src/wal/redis/redis-snapshots.ts";
import { writeSnapshot } from "../../../../src/wal/snapshots/snapshot.ts";
import type { SnapshotStore } from "../../../../src/wal/snapshots/snapshot-store.ts";
import { formatLogId } from "../../../../src/wal/wal.ts";
import { PlayedRedis } from "./played-redis.ts";

const ADDRESS = { host: "played", port: 1, tls: false };
const SNAPSHOTS = "daybook:{g1s0}:snapshot";

function open(redis: PlayedRedis, rememberedBytes = 1 << 20): ClusterStream {
  return new ClusterStream({
    address: async () => ADDRESS,
    key: "daybook:{g1s0}:wal",
    snapshots: SNAPSHOTS,
    replicas: 1,
    rememberedBytes,
    newClient: redis.newClient,
  });
}

test.each(["OOM command not allowed when used memory > 'maxmemory'.", "CLUSTERDOWN The cluster is down"])(
  "a repair that is refused an entry leaves no gap: %s",
  async (refusal) => {
    const redis = new PlayedRedis();
    const stream = open(redis);
    await stream.append({ epoch: 1, seq: 0 }, Buffer.from("claim"), true);
    await stream.read(undefined, 1 << 20);
    for (let seq = 1; seq <= 4; seq++) await stream.append({ epoch: 1, seq }, Buffer.from(`batch ${seq}`));
    redis.failOver(["1-0", "1-1"]);
    redis.refused.set("1-2", refusal);
    await expect(stream.last()).rejects.toMatchObject({ code: "log_unavailable" });
    expect(redis.entries.map(([id]) => id)).toEqual(["1-0", "1-1"]);
    expect(formatLogId((await stream.last())?.id ?? { epoch: 0, seq: 0 })).toBe("1-4");
    expect(redis.entries.map(([id]) => id)).toEqual(["1-0", "1-1", "1-2", "1-3", "1-4"]);
    await stream.close();
  },
);

function openSnapshots({ newClient }: PlayedRedis): RedisSnapshotStore {
  return new RedisSnapshotStore(async () => ADDRESS, SNAPSHOTS, { newClient, wait: new ReplicaWait(1) });
}

/** Puts a snapshot of the state after 1-seq into a slot. */
async function putSnapshot(store: SnapshotStore, slot: number, seq: number): Promise<void> {
  const where = { generation: 1, shard: 0, shards: 1 };
  const head = { id: { epoch: 1, seq }, hash: Buffer.alloc(32), timeMs: 1, records: seq, ...where };
  await writeSnapshot(store, slot, head, [Buffer.from(`state after ${seq}`)], async () => undefined);
}

/** The two snapshots that are kept. */
async function putKept(store: Parameters<typeof putSnapshot>[0]): Promise<void> {
  await putSnapshot(store, 1, 2);
  await putSnapshot(store, 2, 3);
}

test("a log is trimmed only below snapshots that its own primary has, whatever a former primary has", async () => {
  const [former, present] = [new PlayedRedis(), new PlayedRedis()];
  const stream = open(present);
  await stream.append({ epoch: 1, seq: 0 }, Buffer.from("claim"), true);
  for (let seq = 1; seq <= 4; seq++) await stream.append({ epoch: 1, seq }, Buffer.from(`batch ${seq}`));
  const [before, after] = [openSnapshots(former), openSnapshots(present)];
  for (const store of [before, after]) await putSnapshot(store, 0, 1);
  await putKept(before);
  expect(await stream.trim({ epoch: 1, seq: 2 }, 100)).toBe(false);
  expect(present.entries).toHaveLength(5);
  await putKept(after);
  expect(await stream.trim({ epoch: 1, seq: 2 }, 100)).toBe(true);
  expect(present.entries.map(([id]) => id)).toEqual(["1-2", "1-3", "1-4"]);
  // The older one of the two is at 1-2.
  expect(await stream.trim({ epoch: 1, seq: 3 }, 100)).toBe(false);
  for (const each of [stream, before, after]) await each.close();
});

test("a slot is not cleared on another primary than the one on which it was read", async () => {
  const redis = new PlayedRedis();
  const store = openSnapshots(redis);
  await putSnapshot(store, 0, 1);
  redis.breakConnections();
  expect(await store.last(0)).toBeDefined();
  await expect(store.clear(0)).rejects.toMatchObject({ code: "log_unavailable" });
  await expect(putSnapshot(store, 1, 2)).rejects.toMatchObject({ code: "log_unavailable" });
  expect([...redis.lists.keys()]).toEqual([`${SNAPSHOTS}:0`]);
  const next = openSnapshots(redis);
  await next.clear(0);
  expect(redis.lists.size).toBe(0);
  for (const each of [store, next]) await each.close();
});

test("a loss that the memory does not reach names what is remembered and the remedy", async () => {
  const redis = new PlayedRedis();
  const stream = open(redis, 20);
  await stream.append({ epoch: 1, seq: 0 }, Buffer.from("claim"), true);
  await stream.read(undefined, 1 << 20);
  for (let seq = 1; seq <= 4; seq++) await stream.append({ epoch: 1, seq }, Buffer.from(`batch ${seq}`));
  redis.failOver(["1-0", "1-1"]);
  const message =
    'daybook:{g1s0}:wal has lost data: it ends at 1-1, but has acknowledged 1-4, and what is missing is not remembered (only 1-3 and later). Make a member that has it the primary, or stop this server and run "daybook log repair"';
  await expect(stream.last()).rejects.toMatchObject({ code: "log_lost_data", message });
  await stream.close();
});
