import { Redis } from "ioredis";
import { afterAll, beforeAll, inject } from "vitest";
import { parseLogUrl, streamKey } from "../../../src/wal/open.ts";
import { RedisStream } from "../../../src/wal/redis/redis-stream.ts";
import { formatLogId, type LogStream } from "../../../src/wal/wal.ts";
import { RedisServer } from "../../support/redis.ts";
import { describeDamage } from "../damage-contract.ts";
import { describeJournal } from "../journal-contract.ts";
import { describeLogStream, readAll, type StoreUnderTest } from "../log-stream-contract.ts";

let server: RedisServer | undefined;
let url: string;

beforeAll(async () => {
  url = inject("redisUrl");
  if (url !== "") return;
  server = await RedisServer.start();
  url = server.url;
});

afterAll(() => server?.destroy());

let stores = 0;

async function makeStore(): Promise<StoreUnderTest> {
  stores += 1;
  // A server given by REDIS_URL may have any settings and data, so use a unique key.
  const key = `test:${process.pid}:${stores}:${streamKey(1, 0)}`;
  const location = parseLogUrl(url);
  if (location.kind !== "redis") throw new Error(`REDIS_URL is not one of a Redis: ${url}`);
  const { address } = location;
  const allowWeakDurability = inject("redisUrl") !== "";
  const opened: LogStream[] = [];
  const open = (): LogStream => {
    const stream = new RedisStream({ address, key, allowWeakDurability });
    opened.push(stream);
    return stream;
  };
  const place = "path" in address ? { path: address.path } : { host: address.host, port: address.port };
  const { username, password } = address;
  const client = new Redis({ ...place, ...(username && { username }), ...(password && { password }) });
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
      client.disconnect();
    },
  };
}

describeLogStream("redis-stream", makeStore);
describeJournal("redis-stream", makeStore);
describeDamage("redis-stream", makeStore);
