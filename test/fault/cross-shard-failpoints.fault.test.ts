/** I1, I5, I8, I11: either shard may crash at any step of a cross-shard transfer. */
import { describe, expect, test } from "vitest";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import { SHARD_POINTS } from "../../src/workers/shard/failpoint.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { Load } from "../support/load.ts";
import { makePartner, operator, shardsOf, testFolder, testServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const SHARDS = 2;
/** Failpoints of transfers of one posting; for others see `compound-failpoints.fault.test.ts`. */
const PLAIN = SHARD_POINTS.slice(0, SHARD_POINTS.indexOf("before_ask_legs"));
/** Failpoints that opening the accounts passes, too. */
const GENERAL: ReadonlySet<string> = new Set(["before_decide", "before_append", "after_append"]);
/** Servers in parallel: they mostly wait for the disk, or before a restart of a shard. */
const AT_ONCE = 2;

/** With this set, each failpoint on each shard in each mode, which takes twice as long. */
const ALL = process.env["ALL_POINTS"] === "true";

/** Shard 0 crashes at one failpoint, and later shard 1 at another. */
type Case = Readonly<{ first: string; second: string }>;

/** Each failpoint once with threads. A shard crashes in the same way in a process: a third of them suffices there. */
function casesOf(isolation: Isolation): readonly Case[] {
  return PLAIN.flatMap((point, place) => {
    if (place % 2 === 1) return [];
    const next = PLAIN[(place + 1) % PLAIN.length] as string;
    const [there, back] = [
      { first: point, second: next },
      { first: next, second: point },
    ];
    if (ALL) return [there, back];
    if (isolation === "threads") return [there];
    return place % 3 === 0 ? [back] : [];
  });
}

function groupsOf(isolation: Isolation) {
  const cases = casesOf(isolation);
  return Array.from({ length: Math.ceil(cases.length / AT_ONCE) }, (_, group) => {
    const there = cases.slice(group * AT_ONCE, (group + 1) * AT_ONCE);
    return { there, names: there.map(({ first, second }) => `${first} and ${second}`).join(", ") };
  });
}

function passesBefore(point: string): number {
  return GENERAL.has(point) ? 40 : 6;
}

async function checkCrashOfBoth({ first, second }: Case, isolation: Isolation): Promise<void> {
  const server = await testServer({
    DATA_DIR: testFolder(),
    SHARDS: String(SHARDS),
    ISOLATION: isolation,
    FAILPOINTS: `0:${first}@${passesBefore(first)},1:${second}@${passesBefore(second) + 8}`,
  });
  const admin = operator(server);
  const partnerKey = await makePartner(admin);
  const load = new Load({ partnerKey, owners: 6, batchItems: 6, acrossShards: SHARDS });
  await load.open(server.url);
  load.begin(server.url, 12);
  await until(
    `shard 0 has crashed at ${first}, shard 1 at ${second}, and both serve again`,
    async () => (await shardsOf(admin)).every(({ status, restarts }) => status === "ready" && restarts === 1),
    30_000,
  );
  await load.moreAcknowledged(40);
  await load.stop();
  await checkBooks(server.url, load);
  expect(load.broken, "everybody got an answer").toBe(0);
  admin.close();
  await server.kill();
}

describe.each(ISOLATIONS)("%s", (isolation) => {
  test.each(groupsOf(isolation))(
    "shards crash at $names, and no money is created or lost",
    async ({ there }) => {
      await Promise.all(there.map((each) => checkCrashOfBoth(each, isolation)));
    },
  );
});
