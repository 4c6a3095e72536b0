/** The contracts of every log, on a Redis Cluster. */
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { ClusterPlace } from "../../../../src/wal/redis/cluster/cluster-place.ts";
import { ClusterStream } from "../../../../src/wal/redis/cluster/cluster-stream.ts";
import { slotOf } from "../../../../src/wal/redis/cluster/cluster-view.ts";
import { formatLogId, LogError, type LogStream } from "../../../../src/wal/wal.ts";
import { RedisCluster } from "../../../support/redis-cluster.ts";
import { describeDamage } from "../../damage-contract.ts";
import { describeJournal } from "../../journal-contract.ts";
import { describeLogStream, readAll, type StoreUnderTest } from "../../log-stream-contract.ts";

/** As the journal does: what replicas have not confirmed in time is sent again. */
class Resending extends ClusterStream {
  override async append(...entry: Parameters<ClusterStream["append"]>): Promise<void> {
    for (const endMs = performance.now() + CONFIRMED_MS_MAX; ; )
      try {
        return await super.append(...entry);
      } catch (error) {
        const isUnconfirmed = error instanceof LogError && error.code === "log_unavailable";
        if (!isUnconfirmed || performance.now() > endMs) throw error;
      }
  }
}

/** A busy machine may take longer than one attempt. */
const CONFIRMED_MS_MAX = 20_000;

let cluster: RedisCluster;
let stores = 0;

beforeAll(async () => {
  cluster = await RedisCluster.start(1, { program: inject("redisServer") });
});

afterAll(() => cluster.destroy());

async function makeStore(): Promise<StoreUnderTest> {
  stores += 1;
  const key = `daybook:{test${stores}}:wal`;
  // One member leads to all others.
  const place = new ClusterPlace([
    { host: "127.0.0.1", port: cluster.members[stores % 3]?.port ?? 0, tls: false },
  ]);
  const opened: LogStream[] = [];
  const open = (): LogStream => {
    const address = (signal: AbortSignal) => place.findPrimary(key, signal);
    const stream = new Resending({ address, key, replicas: 1, rememberedBytes: 1 << 20 });
    opened.push(stream);
    return stream;
  };
  const { client } = await cluster.primary(key);
  return {
    open,
    rewrite: async (change) => {
      const entries = change(await readAll(open()));
      const pipeline = client.pipeline().del(key);
      for (const { id, bytes } of entries) pipeline.xadd(key, formatLogId(id), "b", Buffer.from(bytes));
      await pipeline.exec();
    },
    destroy: async () => {
      for (const stream of opened) await stream.close();
      await client.del(key);
    },
  };
}

describeLogStream("cluster-stream", makeStore);
describeJournal("cluster-stream", makeStore);
describeDamage("cluster-stream", makeStore);

test.each(["daybook:{g1s0}:wal", "daybook:{g12s63}:snapshot:7", "no tag", "{}empty", "{a}{b}"])(
  "the slot of %s is the one that Redis computes",
  async (key) => {
    expect(slotOf(key)).toBe(await cluster.members[0]?.client.cluster("KEYSLOT", key));
  },
);
