/** Logs that were trimmed up to a snapshot, and have a newer one. */

import { compareLogIds } from "../../../src/wal/wal.ts";
import { SnapshotPlace, takeSnapshots } from "../../fault/snapshots.ts";
import { type ServedLog, SHARDS, type Store, testLog, writeSomething } from "../served-log.ts";
import { transferInTurns } from "./books.ts";
import { ended } from "./lost-end.ts";

/** Each log has two snapshots, and begins at the older one. Between them are 20 transfers, most across shards. */
export async function writtenAndTrimmed(store: Store): Promise<ServedLog> {
  const log = await testLog(store);
  await writeSomething(log.client);
  await takeSnapshots(log.server);
  await transferInTurns(log.client);
  await takeSnapshots(log.server);
  await ended(log);
  for (let shard = 0; shard < SHARDS; shard++) await trimToSnapshots(log, shard);
  return log;
}

export function placeOf({ env, dataDir, redis }: ServedLog): SnapshotPlace {
  return new SnapshotPlace({ ...env, DATA_DIR: dataDir }, redis);
}

/** Trims a log up to the older of its two snapshots, as a server does. */
export async function trimToSnapshots(log: ServedLog, shard: number): Promise<void> {
  const place = placeOf(log);
  const [, older] = await place.kept(shard);
  if (older === undefined) throw new Error("there are not two snapshots");
  await place.dropUntil(shard, (id) => compareLogIds(id, older.head.id) >= 0);
}
