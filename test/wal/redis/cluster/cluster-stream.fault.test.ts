/** The log on a Redis Cluster whose members are paused, killed and promoted in the wrong order. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type OpenLogOptions,
  openLogStream,
  openSnapshotStore,
  streamKey,
} from "../../../../src/wal/open.ts";
import { formatLogId, type LogStream } from "../../../../src/wal/wal.ts";
import { LEVELS } from "../../../support/cluster-levels.ts";
import { type ClusterMember, RedisCluster } from "../../../support/redis-cluster.ts";
import { as, makeJournal, replayAll, write } from "../../journal-contract.ts";
import { readAll } from "../../log-stream-contract.ts";

const X = Buffer.from("x");

let cluster: RedisCluster;
let opened: LogStream[];
let shard = 0;

const idsOf = async (stream: LogStream) => (await readAll(stream)).map(({ id }) => formatLogId(id));

async function restart(members: readonly ClusterMember[]): Promise<void> {
  await Promise.all(members.map((member) => member.start()));
}

function open(options: Partial<OpenLogOptions> = {}): LogStream {
  const stream = openLogStream(cluster.url, { generation: 1, shard, rememberedBytes: 1 << 20, ...options });
  opened.push(stream);
  return stream;
}

const key = () => streamKey(1, shard);
const claimant = (instance: string) => ({ claimant: { ...as(instance).claimant, shard } });

describe.each(LEVELS)("on a cluster of $level", ({ program }) => {
  beforeAll(async () => {
    cluster = await RedisCluster.start(2, { program });
  });

  afterAll(() => cluster.destroy());

  beforeEach(() => {
    opened = [];
    // A log of its own for each test, on the cluster of all.
    shard += 1;
  });

  afterEach(async () => {
    for (const stream of opened) await stream.close();
    for (const member of cluster.members) {
      member.resume();
      if (!member.isRunning) await member.start();
    }
    await cluster.becomesWhole();
  });

  test("without replicas nothing is acknowledged, although the primary has it; with them again everything is", async () => {
    const journal = makeJournal(open(), claimant("one"));
    await write(journal, "a");
    const replicas = await cluster.replicas(key());
    for (const replica of replicas) replica.pause();
    const append = journal.append(1, 1, X);
    const { client } = await cluster.primary(key());
    await expect.poll(() => client.xlen(key())).toBe(3);
    // The second attempt finds the entry in the log, which proves nothing.
    await expect.poll(() => journal.problem).toMatch(/0 of 1 replicas have confirmed/);
    const refused = async (): Promise<number> => {
      const stats = await client.info("commandstats");
      return Number(/cmdstat_xadd:.*failed_calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await refused();
    let state = "pending";
    void append.finally(() => {
      state = "settled";
    });
    await expect.poll(refused).toBeGreaterThan(before + 1);
    expect(state).toBe("pending");
    for (const replica of replicas) replica.resume();
    expect(await append).toMatchObject({ id: { epoch: 1, seq: 2 }, settled: true });
    expect(await journal.append(2, 1, X)).toMatchObject({ id: { epoch: 1, seq: 3 } });
    expect(await idsOf(open())).toEqual(["1-0", "1-1", "1-2", "1-3"]);
  });

  test("a read of a primary without replicas proves no ownership", async () => {
    const stream = open();
    const journal = makeJournal(stream, claimant("one"));
    await write(journal, "a");
    await journal.confirmOwner();
    for (const replica of await cluster.replicas(key())) replica.pause();
    expect(await stream.last()).toMatchObject({ id: { epoch: 1, seq: 1 } });
    const age = journal.exchangeAgeMs;
    await expect(journal.confirmOwner()).rejects.toMatchObject({ code: "log_unavailable" });
    expect(journal.exchangeAgeMs).toBeGreaterThan(age);
  });

  test("a primary that was cut off together with us is not used", async () => {
    const journal = makeJournal(open(), claimant("one"));
    await write(journal, "a");
    const primary = await cluster.primary(key());
    const others = cluster.members.filter((member) => member !== primary);
    for (const member of others) member.pause();
    const append = journal.append(1, 1, X);
    await expect.poll(() => journal.problem).toMatch(/its primary \S+ sees less than half of the primaries/);
    expect(await primary.client.xlen(key())).toBe(3);
    for (const member of others) member.resume();
    expect(await append).toMatchObject({ id: { epoch: 1, seq: 2 }, settled: true });
    expect(await idsOf(open())).toEqual(["1-0", "1-1", "1-2"]);
  });

  test("with WAL_REPLICAS=2 one replica is not enough", async () => {
    const journal = makeJournal(open({ replicas: 2 }), claimant("one"));
    await write(journal, "a");
    const [replica] = await cluster.replicas(key());
    replica?.pause();
    const append = journal.append(1, 1, X);
    await expect.poll(() => journal.problem).toMatch(/1 of 2 replicas have confirmed/);
    replica?.resume();
    expect(await append).toMatchObject({ settled: true });
  });

  test("a replica that hangs is said in one line, and that it is back", async () => {
    // A replica that has just returned counts once it has said how much it has.
    await cluster.catchesUp(key());
    const said: string[] = [];
    const stream = open({ auditEveryMs: 0, onReplicas: (message) => said.push(message) });
    const journal = makeJournal(stream, claimant("one"));
    expect(stream.replicas).toBeUndefined();
    await write(journal, "a");
    expect(stream.replicas).toEqual({ following: 2, required: 1 });
    const [replica] = await cluster.replicas(key());
    replica?.pause();
    const isSaid = async (count: number): Promise<boolean> => {
      await journal.confirmOwner();
      return said.length === count;
    };
    await expect.poll(() => isSaid(1)).toBe(true);
    expect(stream.replicas).toEqual({ following: 1, required: 1 });
    replica?.resume();
    await expect.poll(() => isSaid(2)).toBe(true);
    expect(stream.replicas).toEqual({ following: 2, required: 1 });
    expect(said).toEqual([
      "1 of 2 replicas of its primary follow it",
      "all 2 replicas of its primary follow it again",
    ]);
  });

  test("a chunk of a snapshot counts once replicas have it", async () => {
    const store = openSnapshotStore(cluster.url, { generation: 1, shard });
    await store.append(3, X);
    for (const replica of await cluster.replicas(key())) replica.pause();
    await expect(store.append(3, X)).rejects.toMatchObject({ code: "log_unavailable" });
    await store.close();
  });

  test("a replica promoted without the newest entries gets them again from the living owner", async () => {
    const repairs: string[] = [];
    const stream = open({ onRepair: (message) => repairs.push(message) });
    const journal = makeJournal(stream, claimant("one"));
    await write(journal, "a", "b");
    const behind = await cluster.leaveBehind(key());
    for (let no = 0; no < 20; no++) await journal.append(no, 1, Buffer.alloc(40_000, no));
    const before = await readAll(open());
    const killed = await cluster.promoteAlone(behind, key());
    const append = journal.append(100, 1, X);
    await expect.poll(() => behind.client.xlen(key())).toBe(24);
    await restart(killed);
    expect(await append).toMatchObject({ id: { epoch: 1, seq: 23 }, settled: true });
    expect(repairs).toEqual(["the new primary ended at 1-2: 20 entries up to 1-22 were appended again"]);
    expect((await readAll(open())).slice(0, -1)).toEqual(before);
    const next = makeJournal(open(), claimant("two"));
    await next.claim();
    expect(await replayAll(next)).toHaveLength(23);
  });

  test("a new owner repairs its own claim and what it replayed before it", async () => {
    await write(makeJournal(open(), claimant("one")), "a");
    const behind = await cluster.leaveBehind(key());
    await write(makeJournal(open(), claimant("two")), "b");
    const journal = makeJournal(open(), claimant("three"));
    await write(journal, "c");
    const killed = await cluster.promoteAlone(behind, key());
    const append = journal.append(100, 1, X);
    await restart(killed);
    await append;
    expect(await idsOf(open())).toEqual(["1-0", "1-1", "2-0", "2-1", "3-0", "3-1", "3-2"]);
  });

  test.each([
    ["at once", false],
    ["having read the log ahead", true],
  ])("a claim that is lost before its owner replays is appended again: %s", async (_, readsAhead) => {
    await write(makeJournal(open(), claimant("one")), "a");
    const behind = await cluster.leaveBehind(key());
    const journal = makeJournal(open(), claimant("two"));
    await journal.inspect();
    if (readsAhead) await journal.readAhead(() => undefined);
    await journal.claim();
    const killed = await cluster.promoteAlone(behind, key());
    const replayed = replayAll(journal);
    await restart(killed);
    expect(await replayed).toHaveLength(readsAhead ? 0 : 1);
    await journal.append(10, 1, X);
    expect(await idsOf(open())).toEqual(["1-0", "1-1", "2-0", "2-1"]);
  });

  test("if the owner is gone too, nobody claims the log, and the position is named", async () => {
    const journal = makeJournal(open(), claimant("one"));
    await write(journal, "a");
    const behind = await cluster.leaveBehind(key());
    const { id, hash } = await journal.append(1, 1, X);
    await journal.close();
    await restart(await cluster.promoteAlone(behind, key()));
    const next = makeJournal(open(), { ...claimant("two"), witnesses: [{ id, hash }], mayCreate: false });
    await expect(next.claim()).rejects.toMatchObject({
      code: "log_lost_data",
      message: expect.stringContaining("it held 1-2 before"),
    });
    expect(await idsOf(open())).toEqual(["1-0", "1-1"]);
  });

  test("an entry that nobody remembers stops the owner, and the positions are named", async () => {
    const journal = makeJournal(open({ rememberedBytes: 0 }), claimant("one"));
    await write(journal, "a");
    const behind = await cluster.leaveBehind(key());
    await journal.append(1, 1, X);
    await journal.append(1, 1, X);
    const append = journal.append(1, 1, X);
    await append;
    const killed = await cluster.promoteAlone(behind, key());
    await expect(journal.append(2, 1, X)).rejects.toMatchObject({
      code: "log_lost_data",
      message: expect.stringMatching(
        /ends at 1-1, but has acknowledged 1-4, and what is missing is not remembered \(only 1-4 and later\)/,
      ),
    });
    await restart(killed);
  });

  test.each(["the old owner", "the new owner"])(
    "a failover that loses a claim lets nobody interleave, if %s comes first",
    async (first) => {
      const old = makeJournal(open(), claimant("one"));
      await write(old, "a");
      const behind = await cluster.leaveBehind(key());
      const newer = makeJournal(open(), claimant("two"));
      await write(newer, "b");
      const killed = await cluster.promoteAlone(behind, key());
      const isOld = first === "the old owner";
      const [leading, following] = isOld ? [old, newer] : [newer, old];
      const append = leading.append(10, 1, X);
      // No other member can be asked until it has gone on.
      await expect.poll(() => behind.client.xlen(key())).toBe(isOld ? 3 : 5);
      await restart(killed);
      await append;
      const code = isOld ? "log_lost_data" : "fenced";
      await expect(following.append(10, 1, X)).rejects.toMatchObject({ code });
      await leading.append(11, 1, X);
      const expected = isOld ? ["1-0", "1-1", "1-2", "1-3"] : ["1-0", "1-1", "2-0", "2-1", "2-2", "2-3"];
      expect(await idsOf(open())).toEqual(expected);
    },
  );

  test.each(["lacks nothing of the old owner", "lacks entries of the old owner"])(
    "an old owner asks the other members before it goes on: a new primary that %s lacks its successor's claim",
    async (lack) => {
      const old = makeJournal(open(), claimant("one"));
      await write(old, "a");
      const lacksOurs = lack === "lacks entries of the old owner";
      if (!lacksOurs) await old.append(1, 1, X);
      const behind = await cluster.leaveBehind(key());
      if (lacksOurs) await old.append(1, 1, X);
      const newer = makeJournal(open(), claimant("two"));
      await write(newer, "b");
      await newer.close();
      const [former, witness] = await cluster.promoteAlone(behind, key());
      // The good replica comes back, but has not taken the new primary's data yet.
      await behind.client.config("SET", "repl-diskless-sync-delay", 3600);
      await witness?.start();
      await expect(old.append(2, 1, X)).rejects.toMatchObject({
        code: "fenced",
        message: expect.stringContaining("a member of the cluster has a claim of epoch 2"),
      });
      expect(await behind.client.xlen(key())).toBe(lacksOurs ? 2 : 3);
      await behind.client.config("SET", "repl-diskless-sync-delay", 0);
      await former?.start();
    },
  );

  test("connections that are cut again and again double and lose nothing", async () => {
    const journal = makeJournal(open(), claimant("one"));
    await write(journal, "a");
    const { client } = await cluster.primary(key());
    for (let no = 0; no < 30; no++) {
      const append = journal.append(no, 1, Buffer.alloc(10_000, no));
      await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      await append;
    }
    const next = makeJournal(open(), claimant("two"));
    await next.claim();
    expect(await replayAll(next)).toHaveLength(31);
  });
});
