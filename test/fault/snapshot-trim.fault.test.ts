/** What is trimmed from a log, what is never trimmed, and how a server reports that something is missing. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatLogId } from "../../src/wal/wal.ts";
import type { Load } from "../support/load.ts";
import { operator, refusedStart, testServer, waitUntilReady } from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";
import {
  loadAndSnapshots,
  newSnapshots,
  openLoad,
  SHARDS,
  SnapshotPlace,
  type Store,
  snapshotShards,
  takeSnapshots,
} from "./snapshots.ts";

const STORES: readonly Store[] = ["redis", "sqlite"];
/** A light load: snapshots and their verification take the time. */
const CALLERS = 3;
/** Redis trims whole nodes of a stream. */
const NODE_ENTRIES = 130;
const WAIT_MS_MAX = 60_000;

/** Runs a server under load until its logs are trimmed, and stops it; `settings` override the defaults. */
async function trimmedPlace(store: Store): Promise<Readonly<{ place: SnapshotPlace; load: Load }>> {
  const place = await SnapshotPlace.make(store, { SNAPSHOT_RECORDS: "100" });
  const server = await place.serve();
  const load = await openLoad(server);
  await loadAndSnapshots(server, load, 2);
  await place.becomesTrimmed();
  server.signal("SIGTERM");
  expect((await server.exited).code).toBe(0);
  return { place, load };
}

function seqOf(position: string): number {
  return Number(position.split("-")[1]);
}

describe.each(STORES)("on %s", (store) => {
  test("under load a log has only the records since the older snapshot, and trimmed records are still answered", async () => {
    const place = await SnapshotPlace.make(store, { SNAPSHOT_RECORDS: "100" });
    const server = await place.serve();
    const load = await openLoad(server);
    load.begin(server.url, 1);
    await place.becomesTrimmed();
    await newSnapshots(server);
    await load.stop();
    // The last trim may still be in progress.
    await until("the logs end in what two snapshots need", async () => {
      const lengths = await place.lengths();
      const shards = await snapshotShards(server);
      const needed = await Promise.all(
        shards.map(async ({ shard, durable_position }) => {
          const [, older] = await place.kept(shard);
          return seqOf(durable_position) - (older?.head.id.seq ?? 0);
        }),
      );
      return lengths.every((length, shard) => length <= (needed[shard] ?? 0) + NODE_ENTRIES);
    });
    await checkBooks(server.url, load);
  });

  test("without its archive, or without a good snapshot, a server refuses to start on a trimmed log, in one line; with them restored everything is there", async () => {
    const { place, load } = await trimmedPlace(store);
    const archive = join(place.dataDir, "archive");
    const copy = join(place.dataDir, "copy");
    cpSync(archive, copy, { recursive: true });
    const refused = async (said: RegExp) => {
      const { code, lines } = await refusedStart(place.settings);
      expect(lines).toEqual([expect.stringMatching(said)]);
      expect(code).toBe(1);
    };
    const restored = () => {
      rmSync(archive, { recursive: true, force: true });
      cpSync(copy, archive, { recursive: true });
    };
    const gone = /was trimmed up to \d+-\d+, but the archive in \S+ holds nothing of it: restore that folder/;
    rmSync(archive, { recursive: true });
    await refused(gone);

    restored();
    const damage = async () => {
      for (const { slot } of await place.kept(1)) await place.damage(1, slot, 1);
    };
    await damage();
    await refused(/the log begins with a batch: .* is missing.*bad snapshots: .*crc mismatch in chunk 1/);
    // Flip the same bits again, which restores them.
    await damage();
    const server = await place.serve();
    load.begin(server.url, CALLERS);
    await load.moreAcknowledged(100);
    await load.stop();
    await checkBooks(server.url, load);
    await server.kill();

    // A log that begins with a claim looks like an untrimmed one.
    rmSync(archive, { recursive: true });
    const epoch = (await place.last(0)).epoch;
    await place.dropUntil(0, (id) => id.epoch === epoch);
    expect((await place.trimmedUpTo(0))?.epoch).toBeLessThan(epoch);
    await refused(gone);
    restored();
    await place.dropUntil(0, (id) => id.epoch === epoch && id.seq === 3);
    await refused(/was trimmed up to \d+-2, but the archive in \S+ ends at \d+-\d+: restore that folder/);
  });
});

test("the newest snapshot is damaged: the start reports it and uses the previous one", async () => {
  const { place, load } = await trimmedPlace("redis");
  const [newest, older] = await place.kept(0);
  if (newest === undefined || older === undefined) throw new Error("there are not two snapshots");
  await place.damage(0, newest.slot, 1);
  expect((await place.damaged(0)).map(({ slot }) => slot)).toEqual([newest.slot]);
  // No automatic snapshots: another one might take the slot of the damaged one.
  const server = await testServer({ ...place.settings, SNAPSHOT_RECORDS: "1000000" });
  await until("it says so", () => server.stdout.includes("a damaged snapshot was skipped"));
  expect(server.stdout).toMatch(/the snapshot at \d+-\d+: crc mismatch in chunk 1/);
  expect((await snapshotShards(server))[0]?.recovery.snapshot_position).toBe(formatLogId(older.head.id));
  await checkBooks(server.url, load);

  // The next snapshot replaces the damaged one.
  load.begin(server.url, CALLERS);
  await load.moreAcknowledged(50);
  await load.stop();
  await takeSnapshots(server);
  expect(await place.damaged(0)).toEqual([]);
  expect((await place.kept(0)).map(({ head }) => formatLogId(head.id))).toEqual([
    expect.not.stringMatching(formatLogId(newest.head.id)),
    formatLogId(older.head.id),
  ]);
  await checkBooks(server.url, load);
});

test("Redis refuses snapshots, or is killed while one is written: the server keeps serving, reports it, and takes the next one", async () => {
  const place = await SnapshotPlace.make("redis", { SNAPSHOT_RECORDS: "1000000" });
  const server = await place.serve();
  const load = await openLoad(server);
  const admin = operator(server);
  load.begin(server.url, CALLERS);
  await load.moreAcknowledged(200);
  await place.redis?.client().call("ACL", "SETUSER", "default", "-rpush");
  expect((await admin.send("POST", "/v1/admin/snapshots")).status).toBe(202);
  await until("it says so", () => server.stdout.includes("no snapshot could be taken"));
  expect(server.stdout).toMatch(/NOPERM/);
  expect((await snapshotShards(server)).map(({ snapshot }) => snapshot)).toEqual([null, null]);
  await load.moreAcknowledged(100);
  await place.redis?.client().call("ACL", "SETUSER", "default", "+rpush");

  for (let kill = 0; kill < 2; kill++) {
    expect((await admin.send("POST", "/v1/admin/snapshots")).status).toBe(202);
    await load.moreAcknowledged(50 * (kill + 1));
    await place.redis?.kill();
    await place.redis?.restart();
    await waitUntilReady(admin);
    await load.moreAcknowledged(50);
  }
  await until(
    "a snapshot is taken",
    async () => {
      await admin.send("POST", "/v1/admin/snapshots");
      return (await snapshotShards(server)).every(({ snapshot }) => snapshot !== null);
    },
    WAIT_MS_MAX,
  );
  await load.stop();
  admin.close();
  await checkBooks(server.url, load);
  await server.kill();
  const next = await place.serve();
  expect(
    (await snapshotShards(next)).filter(({ recovery }) => recovery.snapshot_position !== null).length,
  ).toBe(SHARDS);
  await checkBooks(next.url, load);
});
