/** A log in a Redis Cluster behind connections that delay, double and reorder appends, and lose replies. */
import { expect, onTestFinished, test } from "vitest";
import { streamKey } from "../../src/wal/open.ts";
import { LEVELS } from "../support/cluster-levels.ts";
import { Load } from "../support/load.ts";
import { RedisCluster } from "../support/redis-cluster.ts";
import type { RedisProxy, Trap } from "../support/redis-proxy.ts";
import {
  makePartner,
  operator,
  shardsOf,
  testFolder,
  testServer,
  waitUntilReady,
} from "../support/server.ts";
import { checkBooks } from "./books.ts";

const KEY = streamKey(1, 0);
const ROUNDS = Number(process.env["ROUNDS"] ?? 1);
const TRAPS: readonly Trap[] = [
  "cut_before_reply",
  "cut_mid_reply",
  "swallow_replies",
  "swallow_requests",
  "arrive_late",
];

test.each(LEVELS)(
  "an append that is sent again is never in the log of $level twice, whatever becomes of the first one",
  async ({ program }) => {
    const cluster = await RedisCluster.start(1, { program, proxied: true });
    onTestFinished(() => cluster.destroy());
    const settings = { DATA_DIR: testFolder(), WAL_URL: cluster.url, SHARDS: "1" };
    const server = await testServer(settings);
    const load = new Load({ partnerKey: await makePartner(operator(server)) });
    await load.open(server.url);
    load.begin(server.url, 8);
    const { proxy } = await cluster.primary(KEY);
    if (proxy === undefined) throw new Error("it is proxied");
    for (let round = 1; round <= ROUNDS; round++)
      for (const isDoubled of [false, true]) {
        proxy.double(isDoubled);
        proxy.delay(isDoubled ? 5 : 0);
        for (const trap of TRAPS) await spring(proxy, trap, load);
      }
    await load.stop();
    await waitUntilReady(operator(server));
    expect((await shardsOf(operator(server))).map(({ restarts }) => restarts)).toEqual([0]);
    expect(load.broken).toBe(0);
    await checkBooks(server.url, load);
    // A start reads the whole log and checks its chain.
    await server.kill();
    await checkBooks((await testServer(settings)).url, load);
  },
);

async function spring(proxy: RedisProxy, trap: Trap, load: Load): Promise<void> {
  await proxy.trapNextAppend(trap);
  await load.moreAcknowledged(40);
}
