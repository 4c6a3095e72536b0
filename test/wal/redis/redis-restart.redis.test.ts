/** What a claim follows may be gone after a restart of Redis: it must not be stored behind the gap. */
import { expect, test } from "vitest";
import { openLogStream } from "../../../src/wal/open.ts";
import { RedisServer } from "../../support/redis.ts";

const X = Buffer.from("x");

test("what is to follow an end that was read is not stored once Redis has started again", async () => {
  const server = await RedisServer.start();
  const stream = openLogStream(server.url, { generation: 1, shard: 0 });
  try {
    await stream.append({ epoch: 1, seq: 0 }, X, true);
    const { restarts } = stream;
    await server.restart();
    const claim = () => stream.append({ epoch: 2, seq: 0 }, X, false, restarts);
    // The first may meet the connection that has broken; the next one meets a new one.
    await expect(claim()).rejects.toMatchObject({ code: "log_unavailable" });
    await expect(claim()).rejects.toMatchObject({ code: "log_unavailable" });
    expect(stream.restarts).toBe(restarts + 1);
    await stream.append({ epoch: 2, seq: 0 }, X, false, stream.restarts);
    expect((await stream.read(undefined, 1000)).map(({ id }) => id.epoch)).toEqual([1, 2]);
  } finally {
    await stream.close();
    await server.destroy();
  }
});
