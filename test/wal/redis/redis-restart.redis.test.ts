/** A restart of Redis may lose the entry that a claim follows. The claim must not be stored after such a gap. */
import { expect, test } from "vitest";
import { openLogStream } from "../../../src/wal/open.ts";
import { RedisServer } from "../../support/redis.ts";

const X = Buffer.from("x");

test("an append is refused if Redis has restarted since the end of the stream was read", async () => {
  const server = await RedisServer.start();
  const stream = openLogStream(server.url, { generation: 1, shard: 0 });
  try {
    await stream.append({ epoch: 1, seq: 0 }, X, true);
    const { restarts } = stream;
    await server.restart();
    const claim = () => stream.append({ epoch: 2, seq: 0 }, X, false, restarts);
    // The first request may hit the broken connection; the next one uses a new one.
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
