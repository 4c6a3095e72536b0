/**
 * Runs the histories of `test/workers/cross-shard/compound.property.test.ts` over HTTP, on real threads that crash and
 * restart.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SHARD_POINTS } from "../../src/workers/shard/failpoint.ts";
import { history } from "../actors/ledger/histories.ts";
import { Random } from "../support/random.ts";
import {
  Client,
  makePartner,
  operator,
  shardsOf,
  testFolder,
  testServer,
  waitUntilReady,
} from "../support/server.ts";
import { HttpHistory } from "./http-history.ts";

const SHARDS = 3;
const AT_ONCE = 5;
const SERVERS = Number(process.env["SERVERS"] ?? 4);
const FIRST_SEED = Number(process.env["SEED"] ?? 1);
/** Failpoints that creating accounts and partners does not pass. */
const ARMED_POINTS = 10;
const PASSED_BY_TRANSFERS = SHARD_POINTS.slice(SHARD_POINTS.indexOf("before_ask"));
const SEEDS = Array.from({ length: SERVERS }, (_, i) => FIRST_SEED + i);

test.each(SEEDS)(
  `${AT_ONCE} histories on threads match a small model of the books, whichever shard crashes (seed %i)`,
  async (seed) => {
    const random = new Random(seed);
    const server = await testServer({
      DATA_DIR: testFolder(),
      SHARDS: String(SHARDS),
      ISOLATION: "threads",
      FAILPOINTS: failpointsOf(random),
    });
    const admin = operator(server);
    const histories = await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, number) => {
        const clients = new Map<string, Client>();
        for (const partner of ["p", "q"])
          clients.set(partner, new Client(server.url, await makePartner(admin, `${partner}${number}`)));
        return { number, run: new HttpHistory(clients), clients };
      }),
    );
    const state = { done: 0 };
    const restarts = restartFailedShards(admin, random, () => state.done === AT_ONCE);
    await Promise.all(
      histories.map(async ({ number, run, clients }) => {
        const [steps = []] = fc.sample(history, { seed: seed * AT_ONCE + number, numRuns: 1 });
        await run.run(steps).finally(() => (state.done += 1));
        for (const client of clients.values()) client.close();
      }),
    );
    for (const { number, run } of histories) expect(run.problems, `history ${number}`).toEqual([]);
    await restarts;
    const shards = await shardsOf(admin);
    for (const { shard, restarts: times } of shards) expect(times, `shard ${shard}`).toBeGreaterThan(0);
    admin.close();
    await server.kill();
  },
  120_000,
);

/** Each shard crashes at the first of these failpoints that it has passed the given number of times. */
function failpointsOf(random: Random): string {
  const armed = Array.from({ length: SHARDS }, (_, shard) =>
    Array.from(
      { length: ARMED_POINTS },
      () => `${shard}:${random.oneOf(PASSED_BY_TRANSFERS)}@${2 + random.below(12)}`,
    ),
  );
  return armed.flat().join(",");
}

/** Restarts shards that stayed down, as an operator would. */
async function restartFailedShards(admin: Client, random: Random, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const shard = random.below(SHARDS);
    const there = (await shardsOf(admin))[shard];
    if ((there?.restarts ?? 0) > 0) await admin.send("POST", `/v1/admin/shards/${shard}/restart`);
    await waitUntilReady(admin);
  }
}
