import { expect, test } from "vitest";
import { type RememberedBatch, verifyStream } from "../../../src/cli/wal/verification.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import type { LogId } from "../../../src/wal/wal.ts";
import { makeJournal } from "../../wal/journal-contract.ts";

const NO_RECORDS = Buffer.from([0x90]);

/** A log of ten batches that is read entry by entry; calls `onRead` at each read. */
async function writeLog(onRead: (store: MemoryStore, after: LogId | undefined) => void) {
  const store = new MemoryStore("memory:{g1s0}");
  const journal = makeJournal(store.open());
  await journal.claim();
  await journal.replay(() => undefined);
  const remembered: RememberedBatch[] = [];
  for (let seq = 1; seq <= 10; seq++) {
    const { id, hash } = await journal.append(seq, 0, NO_RECORDS);
    remembered.push({ id, hash, of: `the snapshot at 0:1-${seq}` });
  }
  const stream = store.open();
  const read = stream.read.bind(stream);
  stream.read = (after) => {
    onRead(store, after);
    return read(after, 1);
  };
  return { source: { generation: 1, shard: 0, stream }, remembered };
}

test("a log that is trimmed during the verification is verified again, with the new snapshots", async () => {
  const found = [2, 8];
  const { source, remembered } = await writeLog((store, after) => {
    if (after?.seq === 4) store.trim({ epoch: 1, seq: 8 }, 128);
  });
  const findSnapshots = async () => remembered.filter(({ id }) => id.seq === found[0]);
  const result = await verifyStream(source, {
    witness: undefined,
    findSnapshots: () => findSnapshots().finally(() => found.shift()),
    onProgress: () => {},
  });
  expect(result).toMatchObject({ fault: undefined, batches: 3, trimmed: "the snapshot at 0:1-8" });
});

test("a gap after the first entry is a fault, even if the log is trimmed during the verification", async () => {
  const { source } = await writeLog((store, after) => {
    if (after === undefined && store.entries.length > 10) store.remove(6);
    if (after?.seq === 4) store.trim({ epoch: 1, seq: 3 }, 128);
  });
  const options = { witness: undefined, findSnapshots: async () => [], onProgress: () => {} };
  expect(await verifyStream(source, options)).toMatchObject({
    fault: { fault: "missing", id: { epoch: 1, seq: 7 } },
  });
});
