/** Makes logs of stopped servers lose their end, and looks at what is left. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { moveNewest } from "../../../src/archive/batches/archive-cut.ts";
import { openLogStream, openSnapshotStore, streamKey } from "../../../src/wal/open.ts";
import { inspectSlots, snapshotsIn } from "../../../src/wal/snapshots/snapshot.ts";
import { formatLogId, type LogId, parseLogId, type StoredEntry } from "../../../src/wal/wal.ts";
import { witnessPath } from "../../../src/wal/witness.ts";
import { testFolder } from "../../support/server.ts";
import { untilQuiet } from "../../support/until.ts";
import { readAll } from "../../wal/log-stream-contract.ts";
import { type ServedLog, SHARDS } from "../served-log.ts";

/** Stops the server once its archive has all batches: shards still log for some time that messages have arrived. */
export async function ended({ env, dataDir, server }: ServedLog): Promise<void> {
  const streams = Array.from({ length: SHARDS }, (_, shard) =>
    openLogStream(env["WAL_URL"] ?? "", { generation: 1, shard, readOnly: true }),
  );
  const database = new DatabaseSync(join(dataDir, "archive", "archive.sqlite"), { readOnly: true });
  const find = database.prepare("SELECT 1 FROM batches WHERE shard = ? AND epoch = ? AND seq = ?");
  await untilQuiet("nothing is logged any more, and the archive has all batches", async () => {
    const ends = await Promise.all(streams.map((stream) => stream.last()));
    // A server that has logged nothing yet has only its claim there.
    const hasAll = ends.every(
      (end, shard) => end?.id.seq === 0 || (end && find.get(shard, end.id.epoch, end.id.seq) !== undefined),
    );
    return hasAll ? ends.map((end) => end && formatLogId(end.id)).join(" ") : undefined;
  });
  database.close();
  await Promise.all(streams.map((stream) => stream.close()));
  server.signal("SIGTERM");
  await server.exited;
}

/** Deletes the newest entries of a stream, as a promoted replica without them. @returns the newest that is left */
export async function loseTail({ dataDir, redis }: ServedLog, shard: number, count: number): Promise<LogId> {
  if (redis === undefined) return loseRows(join(dataDir, "wal", `g1s${shard}.sqlite`), count);
  const key = streamKey(1, shard);
  const client = redis.client();
  const newest = await client.xrevrange(key, "+", "-", "COUNT", count + 1);
  const ids = newest.map(([id]) => id);
  const left = ids.pop() as string;
  await client.xdel(key, ...ids);
  await client.call("XSETID", key, left);
  return parseLogId(left);
}

function loseRows(file: string, count: number): LogId {
  const database = new DatabaseSync(file);
  const newest = "SELECT epoch, seq FROM entry ORDER BY epoch DESC, seq DESC LIMIT";
  database.exec(`DELETE FROM entry WHERE (epoch, seq) IN (${newest} ${count})`);
  const { epoch, seq } = database.prepare(`${newest} 1`).get() as LogId;
  database.close();
  return { epoch, seq };
}

/** Moves the newest batches of a shard out of the archive. */
export function archiveLoses({ dataDir }: ServedLog, shard: number, count: number): void {
  const folder = join(dataDir, "archive");
  const database = new DatabaseSync(join(folder, "archive.sqlite"));
  const { epoch, seq } = database
    .prepare("SELECT epoch, seq FROM batches WHERE shard = ? ORDER BY epoch DESC, seq DESC LIMIT 1 OFFSET ?")
    .get(shard, count) as LogId;
  database.close();
  moveNewest(folder, shard, { epoch, seq }, testFolder());
}

/** Changes the checksum of the newest batch of a shard in the archive. */
export function damageNewest({ dataDir }: ServedLog, shard: number): void {
  const database = new DatabaseSync(join(dataDir, "archive", "archive.sqlite"));
  const newest = "SELECT id FROM batches WHERE shard = ? ORDER BY epoch DESC, seq DESC LIMIT 1";
  database.prepare(`UPDATE batches SET checksum = checksum + 1 WHERE id = (${newest})`).run(shard);
  database.close();
}

/** Removes the witness of a log, and its newest snapshot. */
export async function forget({ env, dataDir }: ServedLog, shard: number): Promise<void> {
  rmSync(witnessPath(dataDir, { generation: 1, shard }));
  const store = openSnapshotStore(env["WAL_URL"] ?? "", { generation: 1, shard });
  const [newest] = snapshotsIn(await inspectSlots(store));
  if (newest === undefined) throw new Error("there is no snapshot");
  await store.clear(newest.slot);
  await store.close();
}

/** All entries of a log. */
export async function entriesOf({ env }: ServedLog, shard: number): Promise<readonly StoredEntry[]> {
  const stream = openLogStream(env["WAL_URL"] ?? "", { generation: 1, shard, readOnly: true });
  const entries = await readAll(stream);
  await stream.close();
  return entries;
}

/** Replaces a log by an older copy of it. */
export async function putBack(
  { env, dataDir, redis }: ServedLog,
  shard: number,
  entries: readonly StoredEntry[],
): Promise<void> {
  await redis?.client().del(streamKey(1, shard));
  if (redis === undefined) rmSync(join(dataDir, "wal", `g1s${shard}.sqlite`));
  const stream = openLogStream(env["WAL_URL"] ?? "", { generation: 1, shard });
  for (const [no, { id, bytes }] of entries.entries()) await stream.append(id, bytes, no === 0);
  await stream.close();
}
