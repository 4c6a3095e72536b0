/** Makes each kind of data durable once, between two marks on stdout. The test traces its system calls. */
import { mkdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Archive } from "../../src/archive/store.ts";
import { encodeClaim } from "../../src/wal/frame.ts";
import { SqliteSnapshotStore } from "../../src/wal/sqlite/sqlite-snapshots.ts";
import { SqliteStream } from "../../src/wal/sqlite/sqlite-stream.ts";
import { WitnessKeeper } from "../../src/wal/witness.ts";
import { LogWriter } from "../archive/ledger-writer.ts";

const folder = process.argv[2] as string;
const claimant = { instance: "one", generation: 1, shard: 0, shards: 1 };
const frame = (seq: number) => encodeClaim({ id: { epoch: 1, seq }, claimant, timeMs: 1 });
const hash = new Uint8Array(32);

async function marked(name: string, work: () => unknown): Promise<void> {
  writeSync(1, `begin ${name}\n`);
  await work();
  writeSync(1, `end ${name}\n`);
}

const keeper = new WitnessKeeper(join(folder, "data"), { generation: 1, shard: 0 });
await marked("witness", () => {
  keeper.note({ id: { epoch: 1, seq: 1 }, hash });
  return keeper.flush();
});

const log = new SqliteStream(join(folder, "wal", "g1s0.sqlite"));
await marked("claim", () => log.append({ epoch: 1, seq: 0 }, frame(0), true));
await marked("batch", () => log.append({ epoch: 1, seq: 1 }, frame(1)));
await log.close();

mkdirSync(join(folder, "snapshots"));
const snapshots = new SqliteSnapshotStore(join(folder, "snapshots", "g1s0.snapshots.sqlite"));
await marked("first chunk", () => snapshots.append(3, Buffer.from("head")));
await marked("chunk", () => snapshots.append(3, Buffer.from("block")));
await snapshots.close();

const archive = new Archive(join(folder, "archive"));
const writer = new LogWriter(0);
const posting = { partner: "acme", debit: "@issuance", credit: "alice", amount: 1 };
archive.append(0, [writer.batch([writer.transfer(posting)]).batch]);
await marked("trim position", () => {
  archive.sync();
  while (archive.verifier.verifySome(1));
  writeSync(1, `verified ${archive.verifier.verified.get(0)?.id.seq}\n`);
});
while (archive.indexSome(100));
await marked("index", () => archive.flush());
archive.close();
