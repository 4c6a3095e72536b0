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
  const place = placeOf(log);
  for (let shard = 0; shard < SHARDS; shard++) {
    const [, older] = await place.kept(shard);
    if (older === undefined) throw new Error("there are not two snapshots");
    await place.dropUntil(shard, (id) => compareLogIds(id, older.head.id) >= 0);
  }
  return log;
}

export function placeOf({ env, dataDir, redis }: ServedLog): SnapshotPlace {
  return new SnapshotPlace({ ...env, DATA_DIR: dataDir }, redis);
}
