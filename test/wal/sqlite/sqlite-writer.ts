/** A process that appends as fast as it can and prints acknowledged ids, until it is killed. */
import { writeSync } from "node:fs";
import { StreamJournal } from "../../../src/wal/journal.ts";
import { openLogStream } from "../../../src/wal/open.ts";
import { lockFolder } from "../../../src/wal/sqlite/folder-lock.ts";

const dir = process.argv[2] ?? "";
lockFolder(dir);
const journal = new StreamJournal({
  stream: openLogStream(`sqlite:${dir}`, { generation: 1, shard: 0 }),
  claimant: { instance: `pid-${process.pid}`, generation: 1, shard: 0, shards: 1 },
  witnesses: [],
  mayCreate: true,
});
await journal.claim();
await journal.replay(() => undefined);
for (;;) {
  const { id } = await journal.append(Date.now(), 1, Buffer.alloc(3000, "x"));
  // Synchronous, unlike console.log into a pipe, so that no printed id is lost.
  writeSync(1, `${id.epoch}-${id.seq}\n`);
}
