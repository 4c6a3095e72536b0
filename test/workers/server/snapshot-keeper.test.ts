/** When snapshots are taken, and how far logs are trimmed then. Only `pass` moves the clock. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { formatLogId, type LogId, parseLogId } from "../../../src/wal/wal.ts";
import { NO_RECOVERY } from "../../../src/workers/recovery/recover.ts";
import type { SnapshotReport } from "../../../src/workers/recovery/take-snapshot.ts";
import { SnapshotKeeper, type SnapshotKeeperOptions } from "../../../src/workers/server/snapshot-keeper.ts";
import type { ShardStats } from "../../../src/workers/shard/stats.ts";

const EVERY_RECORDS = 100;
const EVERY_MS = 3_600_000;
const TAKES_MS = 2_000;

type ShardNow = Awaited<ReturnType<SnapshotKeeperOptions["shards"]>>[number];

const say = (lines: string[]) => (fields: object, message: string) =>
  lines.push(`${message} ${JSON.stringify(fields)}`);

/** A server of simulated shards. */
class Harness {
  readonly taken: string[] = [];
  readonly trimmed: string[] = [];
  readonly errors: string[] = [];
  readonly warnings: string[] = [];
  readonly archived = new Map<number, LogId>();
  /** The error of the next snapshot. */
  failure: Error | undefined;
  passedOver: readonly string[] = [];
  readonly keeper: SnapshotKeeper;
  readonly #shards: ShardNow[];
  readonly #newest = new Map<number, LogId>();
  /** Running snapshots wait for this. */
  gate: Promise<void> = Promise.resolve();

  constructor(shards: number) {
    this.#shards = Array.from({ length: shards }, (_, shard) => ({
      shard,
      recovery: NO_RECOVERY,
      stats: undefined,
    }));
    this.keeper = new SnapshotKeeper({
      shards: async () => this.#shards,
      archived: async (shard) => this.archived.get(shard),
      take: (shard, until) => this.#take(shard, until),
      trim: (shard, below) => this.trimmed.push(`${shard}:${formatLogId(below)}`),
      everyRecords: EVERY_RECORDS,
      everyMs: EVERY_MS,
      log: {
        info: () => {},
        warn: say(this.warnings),
        error: say(this.errors),
      },
    });
  }

  /** Sets a shard's position, and the number of records of the snapshot that it was restored from. */
  reaches(shard: number, durable: string, records: number, snapshotRecords = 0): void {
    const recovery = { ...NO_RECOVERY, snapshotRecords };
    const stats = { records, durable: parseLogId(durable) } as ShardStats;
    this.#shards[shard] = { shard, recovery, stats };
  }

  isAway(shard: number): void {
    this.#shards[shard] = { shard, recovery: NO_RECOVERY, stats: undefined };
  }

  /** Runs one check. @returns the snapshots taken and the logs trimmed */
  async check(): Promise<Readonly<{ taken: readonly string[]; trimmed: readonly string[] }>> {
    await this.keeper.check();
    return { taken: this.taken.splice(0), trimmed: this.trimmed.splice(0) };
  }

  async #take(shard: number, until: LogId): Promise<SnapshotReport> {
    this.taken.push(`${shard}:${formatLogId(until)}`);
    await this.gate;
    const { failure, passedOver } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
    const older = this.#newest.get(shard);
    this.#newest.set(shard, until);
    const records = this.#shards[shard]?.stats?.records ?? 0;
    const place = { generation: 1, shard, shards: this.#shards.length };
    const head = { id: until, hash: new Uint8Array(32), timeMs: 0, records, ...place };
    const snapshot = { slot: 0, head, chunks: 3, bytes: 1000 };
    return { shard, snapshot, older, replayed: records, ms: TAKES_MS, passedOver };
  }
}

const NOTHING = { taken: [], trimmed: [] };
const pass = (ms: number): void => void vi.advanceTimersByTime(ms);

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance", "setInterval", "clearInterval"] }));
afterEach(() => void vi.useRealTimers());

describe("when a snapshot is due", () => {
  test("after the configured number of records since the previous snapshot", async () => {
    const harness = new Harness(1);
    harness.reaches(0, "1-50", 99);
    expect(await harness.check()).toEqual(NOTHING);
    harness.reaches(0, "1-51", 100);
    expect((await harness.check()).taken).toEqual(["0:1-51"]);
    pass(EVERY_MS / 2);
    harness.reaches(0, "1-90", 199);
    expect(await harness.check()).toEqual(NOTHING);
    harness.reaches(0, "1-91", 200);
    expect((await harness.check()).taken).toEqual(["0:1-91"]);
  });

  test("counted from the snapshot that the shard was restored from", async () => {
    const harness = new Harness(1);
    harness.reaches(0, "3-10", 1_000, 950);
    expect(await harness.check()).toEqual(NOTHING);
    harness.reaches(0, "3-20", 1_050, 950);
    expect((await harness.check()).taken).toEqual(["0:3-20"]);
  });

  test("after the configured time, if anything was logged since", async () => {
    const harness = new Harness(1);
    harness.reaches(0, "1-1", 0);
    await harness.check();
    pass(EVERY_MS);
    expect(await harness.check()).toEqual(NOTHING);
    harness.reaches(0, "1-2", 1);
    expect((await harness.check()).taken).toEqual(["0:1-2"]);
    harness.reaches(0, "1-3", 2);
    pass(EVERY_MS - 1);
    expect(await harness.check()).toEqual(NOTHING);
    pass(1);
    expect((await harness.check()).taken).toEqual(["0:1-3"]);
  });

  test("on request, of every serving shard, immediately and once", async () => {
    const harness = new Harness(3);
    harness.reaches(0, "1-5", 3);
    harness.reaches(1, "1-6", 4);
    await harness.keeper.takeAll();
    await expect.poll(() => harness.taken).toEqual(["0:1-5", "1:1-6"]);
    harness.taken.length = 0;
    expect(await harness.check()).toEqual(NOTHING);
  });

  test("never for a shard that does not serve or has logged nothing", async () => {
    const harness = new Harness(2);
    harness.reaches(0, "0-0", 0);
    await harness.keeper.takeAll();
    pass(EVERY_MS);
    expect(await harness.check()).toEqual(NOTHING);
  });
});

test("after a slow snapshot the next one waits as long, however much is logged", async () => {
  const harness = new Harness(1);
  harness.reaches(0, "1-1", 100);
  await harness.check();
  harness.reaches(0, "1-2", 5_000);
  pass(TAKES_MS - 1);
  expect(await harness.check()).toEqual(NOTHING);
  pass(1);
  expect((await harness.check()).taken).toEqual(["0:1-2"]);
});

test("a failed snapshot is retried a minute later; until then nothing is trimmed, and an operator may request one sooner", async () => {
  const harness = new Harness(1);
  harness.archived.set(0, { epoch: 9, seq: 9 });
  harness.reaches(0, "1-1", 100);
  harness.failure = new Error("no room");
  expect(await harness.check()).toEqual({ taken: ["0:1-1"], trimmed: [] });
  expect(harness.errors).toEqual([expect.stringMatching(/no snapshot could be taken.*"reason":"no room"/)]);
  expect([harness.keeper.taken, harness.keeper.failures]).toEqual([0, 1]);
  pass(59_999);
  expect(await harness.check()).toEqual(NOTHING);
  pass(1);
  expect((await harness.check()).taken).toEqual(["0:1-1"]);
  expect([harness.keeper.taken, harness.keeper.failures]).toEqual([1, 1]);

  harness.reaches(0, "1-9", 900);
  harness.failure = new Error("no room");
  pass(TAKES_MS);
  await harness.check();
  await harness.keeper.takeAll();
  await expect.poll(() => harness.keeper.taken).toBe(2);
});

test("bad snapshots are logged", async () => {
  const harness = new Harness(1);
  harness.passedOver = ["the snapshot at 1-1: crc mismatch"];
  harness.reaches(0, "1-2", 100);
  await harness.check();
  expect(harness.warnings).toEqual([
    expect.stringMatching(/a damaged snapshot was replaced.*1-1: crc mismatch/),
  ]);
});

test("one is taken at a time, of one shard after the other", async () => {
  const harness = new Harness(2);
  for (const shard of [0, 1]) harness.reaches(shard, "1-1", 100);
  const gate = Promise.withResolvers<void>();
  harness.gate = gate.promise;
  const checking = harness.keeper.check();
  await expect.poll(() => harness.taken).toEqual(["0:1-1"]);
  // A request during a snapshot starts no other.
  await harness.keeper.check();
  await harness.keeper.takeAll();
  expect(harness.taken).toEqual(["0:1-1"]);
  gate.resolve();
  await checking;
  expect(harness.taken).toEqual(["0:1-1", "1:1-1"]);
});

test("after its start it checks periodically, until it is closed", async () => {
  const harness = new Harness(1);
  harness.reaches(0, "1-1", 100);
  harness.keeper.start();
  pass(1_000);
  await expect.poll(() => harness.keeper.taken).toBe(1);
  harness.keeper.close();
  harness.reaches(0, "1-2", 5_000);
  pass(EVERY_MS);
  expect(harness.taken).toEqual(["0:1-1"]);
});

test("what it reports about the newest snapshots", async () => {
  const harness = new Harness(2);
  expect([harness.keeper.last(0), harness.keeper.newest]).toEqual([undefined, []]);
  harness.reaches(1, "2-7", 150);
  await harness.check();
  expect(harness.keeper.last(1)).toMatchObject({
    position: "1:2-7",
    records: 150,
    bytes: 1000,
    ms: TAKES_MS,
  });
  expect(harness.keeper.newest.map(([shard]) => shard)).toEqual([1]);
});

/** Two snapshots, the older one at `older`. */
async function withTwo(older: string): Promise<Harness> {
  const harness = new Harness(1);
  harness.reaches(0, older, 100);
  await harness.check();
  pass(TAKES_MS);
  harness.reaches(0, "7-1", 200);
  return harness;
}

describe("when a log is trimmed", () => {
  test("below the older of two snapshots if the archive is further ahead, once", async () => {
    const harness = await withTwo("2-5");
    harness.archived.set(0, { epoch: 2, seq: 9 });
    expect(await harness.check()).toEqual({ taken: ["0:7-1"], trimmed: ["0:2-5"] });
    harness.archived.set(0, { epoch: 7, seq: 1 });
    expect(await harness.check()).toEqual(NOTHING);
  });

  test("below the archive's position if that is lower, and further as the archive advances", async () => {
    const harness = await withTwo("2-5");
    harness.archived.set(0, { epoch: 1, seq: 30 });
    expect((await harness.check()).trimmed).toEqual(["0:1-30"]);
    expect(await harness.check()).toEqual(NOTHING);
    harness.archived.set(0, { epoch: 2, seq: 4 });
    expect((await harness.check()).trimmed).toEqual(["0:2-4"]);
    harness.archived.set(0, { epoch: 7, seq: 1 });
    expect((await harness.check()).trimmed).toEqual(["0:2-5"]);
    expect(await harness.check()).toEqual(NOTHING);
  });

  test("never with only one snapshot, and never without an archive", async () => {
    const harness = new Harness(1);
    harness.archived.set(0, { epoch: 9, seq: 9 });
    harness.reaches(0, "2-5", 100);
    expect((await harness.check()).trimmed).toEqual([]);
    const other = await withTwo("2-5");
    expect((await other.check()).trimmed).toEqual([]);
    expect((await other.check()).trimmed).toEqual([]);
  });

  test("if the newest snapshot failed, not below the position that it would have allowed", async () => {
    const harness = await withTwo("2-5");
    harness.archived.set(0, { epoch: 9, seq: 9 });
    harness.failure = new Error("no room");
    expect((await harness.check()).trimmed).toEqual([]);
  });

  test("each by its own", async () => {
    const harness = new Harness(2);
    for (const shard of [0, 1]) {
      harness.archived.set(shard, { epoch: 9, seq: 9 });
      harness.reaches(shard, `1-${shard + 1}`, 100);
    }
    await harness.check();
    pass(TAKES_MS);
    harness.isAway(0);
    harness.reaches(1, "1-9", 200);
    expect(await harness.check()).toEqual({ taken: ["1:1-9"], trimmed: ["1:1-2"] });
  });

  test("no further while the archive does not answer, which is logged and ends nothing", async () => {
    const harness = await withTwo("2-5");
    vi.spyOn(harness.archived, "get").mockImplementationOnce(() => {
      throw new Error("the archive is gone");
    });
    expect((await harness.check()).trimmed).toEqual([]);
    expect(harness.warnings).toEqual([expect.stringContaining("the archive is gone")]);
    harness.archived.set(0, { epoch: 9, seq: 9 });
    expect((await harness.check()).trimmed).toEqual(["0:2-5"]);
  });
});
