/** The worked example in docs/WAL_FORMAT.md is byte for byte what the code writes and reads. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Chain } from "../../src/wal/chain.ts";
import { encodeBatch, encodeClaim, hashFrame, NO_BATCH } from "../../src/wal/frame.ts";
import { parseLogId, type StoredEntry } from "../../src/wal/wal.ts";

const TIME_MS = 1_795_168_800_000;

function readExample(): StoredEntry[] {
  const page = readFileSync(new URL("../../docs/WAL_FORMAT.md", import.meta.url), "utf8");
  return [...page.matchAll(/^```hex (\S+)\n([^`]*)```/gm)].map(([, id = "", dump = ""]) => ({
    id: parseLogId(id),
    bytes: Buffer.from(dump.replaceAll(/^[0-9a-f]{4} {2}/gm, "").replaceAll(/\s/g, ""), "hex"),
  }));
}

test("the example is a valid log, and matches its description in the document", () => {
  const chain = new Chain("the example", "beginning");
  expect(readExample().map((entry) => chain.accept(entry))).toMatchObject([
    {
      kind: "claim",
      claim: {
        id: { epoch: 1, seq: 0 },
        timeMs: TIME_MS,
        claimant: { instance: "one", generation: 1, shard: 0, shards: 2 },
      },
    },
    {
      kind: "batch",
      batch: { id: { epoch: 1, seq: 1 }, timeMs: TIME_MS + 5, count: 2, body: Buffer.from("hello") },
    },
    {
      kind: "batch",
      batch: { id: { epoch: 1, seq: 2 }, timeMs: TIME_MS + 6, count: 0, body: Buffer.alloc(0) },
    },
  ]);
});

test("the code writes the example to the byte: the format of version 1 does not change", () => {
  const [claim, first, second] = readExample().map(({ bytes }) => Buffer.from(bytes).toString("hex"));
  const claimant = { instance: "one", generation: 1, shard: 0, shards: 2 };
  expect(encodeClaim({ id: { epoch: 1, seq: 0 }, timeMs: TIME_MS, claimant }).toString("hex")).toBe(claim);
  const frame = encodeBatch({
    id: { epoch: 1, seq: 1 },
    previousId: NO_BATCH.id,
    previousHash: NO_BATCH.hash,
    timeMs: TIME_MS + 5,
    count: 2,
    shards: 2,
    body: Buffer.from("hello"),
  });
  expect(frame.toString("hex")).toBe(first);
  const next = encodeBatch({
    id: { epoch: 1, seq: 2 },
    previousId: { epoch: 1, seq: 1 },
    previousHash: hashFrame(frame),
    timeMs: TIME_MS + 6,
    count: 0,
    shards: 2,
    body: new Uint8Array(0),
  });
  expect(next.toString("hex")).toBe(second);
});
