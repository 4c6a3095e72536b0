import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeFrame, encodeBatch, encodeClaim, FrameError, hashFrame } from "../../src/wal/frame.ts";
import type { LogId } from "../../src/wal/wal.ts";

const number53 = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
const number32 = fc.oneof(fc.nat(), fc.constant(2 ** 32 - 1));
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

const batches = fc.record({
  id: fc.record({ epoch: number53, seq: number53.map((seq) => Math.max(1, seq)) }),
  previousId: fc.record({ epoch: number53, seq: number53 }),
  previousHash: bytes(32),
  timeMs: number53,
  count: number32,
  shards: number32,
  body: fc.uint8Array({ maxLength: 300 }),
});

const claims = fc.record({
  id: fc.record({ epoch: number53, seq: fc.constant(0) }),
  timeMs: number53,
  claimant: fc.record({
    instance: fc.string({ unit: "grapheme", maxLength: 40 }),
    generation: number32,
    shard: number32,
    shards: number32,
  }),
});

const plain = (frame: object): unknown =>
  JSON.parse(
    JSON.stringify(frame, (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value)),
  );

/** A Buffer's toJSON runs before a JSON replacer sees it. */
const view = (frame: object): object =>
  Object.fromEntries(
    Object.entries(frame).map(([name, value]) => [
      name,
      Buffer.isBuffer(value) ? new Uint8Array(value) : value,
    ]),
  );

function reasonOf(frame: Uint8Array, id: LogId): string {
  try {
    decodeFrame(frame, id);
  } catch (error) {
    if (error instanceof FrameError) return error.message;
    throw error;
  }
  return "";
}

test("a batch survives encoding and decoding", () => {
  fc.assert(
    fc.property(batches, (batch) => {
      const frame = encodeBatch(batch);
      expect(plain(view(decodeFrame(frame, batch.id)))).toEqual(plain({ kind: "batch", ...batch }));
    }),
  );
});

test("a claim survives encoding and decoding", () => {
  fc.assert(
    fc.property(claims, (claim) => {
      expect(decodeFrame(encodeClaim(claim), claim.id)).toEqual({ kind: "claim", ...claim });
    }),
  );
});

test("a single flipped bit anywhere is detected", () => {
  fc.assert(
    fc.property(fc.oneof(batches, claims), fc.nat(), (record, at) => {
      const frame = "claimant" in record ? encodeClaim(record) : encodeBatch(record);
      const bit = at % (frame.byteLength * 8);
      frame[bit >>> 3] = (frame[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      expect(reasonOf(frame, record.id)).not.toBe("");
    }),
    { numRuns: 2_000 },
  );
});

test("a truncated frame, or one with trailing bytes, is detected", () => {
  fc.assert(
    fc.property(fc.oneof(batches, claims), fc.nat(), (record, at) => {
      const frame = "claimant" in record ? encodeClaim(record) : encodeBatch(record);
      expect(reasonOf(frame.subarray(0, at % frame.byteLength), record.id)).not.toBe("");
      expect(reasonOf(Buffer.concat([frame, Buffer.alloc(1)]), record.id)).toContain("wrong length");
    }),
  );
});

test("random bytes are refused with a FrameError that gives a reason", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      expect(reasonOf(noise, { epoch: 1, seq: 1 })).not.toBe("");
    }),
  );
});

test("each kind of damage gets its own reason", () => {
  const id = { epoch: 1, seq: 1 };
  const record = {
    id,
    previousId: { epoch: 0, seq: 0 },
    previousHash: new Uint8Array(32),
    timeMs: 1,
    count: 1,
    shards: 1,
    body: Buffer.from("body"),
  };
  const changed = (at: number, value: number): Buffer => {
    const frame = encodeBatch(record);
    frame[at] = value;
    return frame;
  };
  expect(reasonOf(changed(0, 0), id)).toContain("bad magic");
  expect(reasonOf(changed(4, 2), id)).toContain("unknown format version 2");
  expect(reasonOf(changed(5, 9), id)).toContain("unknown kind 9");
  expect(reasonOf(changed(52, 9), id)).toContain("wrong length");
  expect(reasonOf(changed(97, 0), id)).toContain("crc mismatch");
  expect(reasonOf(encodeBatch(record), { epoch: 1, seq: 2 })).toContain("id mismatch: the frame of 1-1");
  expect(reasonOf(encodeBatch({ ...record, id: { epoch: 1, seq: 0 } }), { epoch: 1, seq: 0 })).toContain(
    "a batch under the id of a claim",
  );
});

test("the hash covers every bit of the frame", () => {
  const frame = encodeBatch({
    id: { epoch: 1, seq: 1 },
    previousId: { epoch: 0, seq: 0 },
    previousHash: new Uint8Array(32),
    timeMs: 1,
    count: 1,
    shards: 1,
    body: Buffer.from("body"),
  });
  const before = Buffer.from(hashFrame(frame));
  for (let byte = 0; byte < frame.byteLength; byte += 1) {
    frame[byte] = (frame[byte] ?? 0) ^ 1;
    expect(before.equals(hashFrame(frame))).toBe(false);
    frame[byte] = (frame[byte] ?? 0) ^ 1;
  }
});
