/** Appends and indexes for ever, and prints its progress, until it is killed. */
import { writeSync } from "node:fs";
import { Archive } from "../../src/archive/store.ts";
import { crashLog } from "./crash-log.ts";

const archive = new Archive(process.argv[2] as string, { tailEntries: 128, runsPerLevel: 3 });
const next = crashLog();
for (let seq = 1; ; seq++) {
  const { shard, batch } = next();
  archive.append(shard, [batch]);
  archive.indexSome(7);
  writeSync(1, `${seq}\n`);
}
