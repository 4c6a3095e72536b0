/** The example snapshot in docs/WAL_FORMAT.md is byte for byte what the code writes and reads. */
import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { hashFrame } from "../../../src/wal/frame.ts";
import {
  checkSnapshot,
  inspectSlots,
  readSnapshot,
  snapshotsIn,
  writeSnapshot,
} from "../../../src/wal/snapshots/snapshot.ts";
import { MemorySnapshotStore } from "../../../src/wal/snapshots/snapshot-store.ts";

const TIME_MS = 1_795_168_800_006;
const page = readFileSync(new URL("../../../docs/WAL_FORMAT.md", import.meta.url), "utf8");

/** The value of a named field in the document. */
function examples(name: RegExp): Buffer[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${name.source}\\n([^\`]*)\`\`\``, "gm"))].map(([, dump = ""]) =>
    Buffer.from(dump.replaceAll(/^[0-9a-f]{4} {2}/gm, "").replaceAll(/\s/g, ""), "hex"),
  );
}

/** The id and hash of the last batch of the example log. */
const [batch = Buffer.alloc(0)] = examples(/hex 1-2/);
const head = {
  id: { epoch: 1, seq: 2 },
  hash: Buffer.from(hashFrame(batch)),
  timeMs: TIME_MS,
  records: 2,
  generation: 1,
  shard: 0,
  shards: 2,
};

test("the code writes the example to the byte: the format of version 1 does not change", async () => {
  const store = new MemorySnapshotStore("example");
  await writeSnapshot(store, 1, head, [Buffer.from("hello")], async () => {});
  expect(store.slots[1]?.map((chunk) => Buffer.from(chunk).toString("hex"))).toEqual(
    examples(/chunk \d/).map((chunk) => chunk.toString("hex")),
  );
});

test("the example is a valid snapshot, and matches its description in the document", async () => {
  const store = new MemorySnapshotStore("example");
  store.slots[2] = examples(/chunk \d/);
  const [snapshot] = snapshotsIn(await inspectSlots(store));
  if (snapshot === undefined) throw new Error("it is no snapshot");
  expect(snapshot).toMatchObject({ slot: 2, chunks: 3, bytes: 5, head });
  await checkSnapshot(store, snapshot);
  const blocks: Uint8Array[] = [];
  for await (const block of readSnapshot(store, snapshot)) blocks.push(block);
  expect(Buffer.concat(blocks).toString()).toBe("hello");
});

test("each field is at the offset that the document's tables give", () => {
  const chunks = examples(/chunk \d/);
  for (const [number, chunk] of chunks.entries()) {
    expect(chunk.toString("latin1", 0, 4)).toBe("DYBS");
    expect([chunk[4], chunk[5], chunk.readUInt16LE(6), chunk.readUInt32LE(8)]).toEqual([
      1,
      number + 1,
      0,
      number,
    ]);
    expect(chunk.readUInt32LE(12)).toBe(crc32(Buffer.concat([chunk.subarray(0, 12), chunk.subarray(16)])));
    expect([chunk.readDoubleLE(16), chunk.readDoubleLE(24)]).toEqual([1, 2]);
  }
  const [first, , last] = chunks.map((chunk) => chunk.subarray(32));
  if (first === undefined || last === undefined) throw new Error("there are not three chunks");
  expect(first.subarray(0, 32)).toEqual(head.hash);
  expect([first.readDoubleLE(32), first.readDoubleLE(40)]).toEqual([TIME_MS, 2]);
  expect([48, 52, 56, 60].map((at) => first.readUInt32LE(at))).toEqual([1, 0, 2, 0]);
  expect([last.readDoubleLE(0), last.readDoubleLE(8)]).toEqual([3, 5]);
});
