import fc from "fast-check";
import { Packr } from "msgpackr";
import { expect, onTestFinished, test } from "vitest";
import { CommandWriter } from "../../../src/actors/records/codec.ts";
import { itemsOf } from "../../../src/gateway/batches/packed-transfers.ts";
import type { LargeBatch } from "../../../src/http/core/transfers/batch.ts";
import {
  type BatchSource,
  type Encoding,
  readBatch,
  TRANSFERS,
} from "../../../src/http/core/transfers/batch-items.ts";
import { BatchReader } from "../../../src/workers/gateways/batch-reader.ts";

const SHARDS = 3;
const packr = new Packr({ useRecords: false, variableMapSize: true });

function newReader(): BatchReader {
  const reader = new BatchReader();
  onTestFinished(() => reader.close());
  return reader;
}

function asked(encoding: Encoding = "application/json", headerKey: string | null = "day-7"): BatchSource {
  return { kind: "transfers", partner: "acme", encoding, headerKey };
}

function bodyOf(items: readonly unknown[], encoding: Encoding): Buffer {
  if (encoding === "application/msgpack") return Buffer.from(packr.pack(items));
  if (encoding === "application/json") return Buffer.from(JSON.stringify({ transfers: items }));
  return Buffer.from(items.map((item) => JSON.stringify(item)).join("\n"));
}

/** In memory of its own, like a body from the network. */
function own(body: Buffer): Buffer {
  const memory = Buffer.allocUnsafeSlow(body.length);
  body.copy(memory);
  return memory;
}

function transfersOf({ transfers }: LargeBatch): Promise<readonly unknown[]> {
  const writers = Array.from({ length: SHARDS }, () => new CommandWriter());
  return itemsOf(transfers, writers);
}

const frequent = fc.record({
  debit_account: fc.constantFrom("@issuance", "ann/a", "bob/b"),
  credit_account: fc.constantFrom("cyd/c", "dan/d", "@sales"),
  amount: fc.integer({ min: 1, max: 2 ** 31 }),
});
const item = fc.oneof(
  fc.record({
    debit_account: fc.constantFrom("@issuance", "ann/a", "bob/b"),
    credit_account: fc.constantFrom("cyd/c", "dan/d", "@sales"),
    amount: fc.integer({ min: 1, max: 2 ** 51 }),
    memo: fc.option(fc.string({ maxLength: 40 }), { nil: undefined }),
    idempotency_key: fc.option(fc.constantFrom("one", "two"), { nil: undefined }),
  }),
  fc.record({ debit_account: fc.constant("ann/a"), amount: fc.integer() }),
  fc.record({
    postings: fc.constant([
      { debit_account: "ann/a", credit_account: "bob/b", amount: 1 },
      { debit_account: "bob/b", credit_account: "cyd/c", amount: 2 },
    ]),
  }),
  fc.jsonValue({ maxDepth: 3 }),
);

test("the batch thread parses the same transfers, refused items and count as this thread", async () => {
  const reader = newReader();
  const keys = fc.constantFrom("day-7", null);
  // Of any kind, or of the frequent kind alone.
  const lists = fc.oneof(
    fc.array(item, { minLength: 1, maxLength: 30 }),
    fc.array(frequent, { minLength: 1, maxLength: 30 }),
  );
  const encodings = fc.constantFrom<Encoding>(
    "application/json",
    "application/x-ndjson",
    "application/msgpack",
  );
  await fc.assert(
    fc.asyncProperty(lists, encodings, keys, async (items, encoding, key) => {
      const body = bodyOf(items, encoding);
      const source = asked(encoding, key);
      const here = await readBatch(body, source, TRANSFERS).catch((error: Error) => error);
      const there = await reader.read(own(body), source, SHARDS).catch((error: Error) => error);
      if (here instanceof Error || there instanceof Error) {
        expect(there).toEqual(here);
        return;
      }
      expect(there.count).toBe(here.count);
      expect(there.refused).toEqual(here.refused);
      expect(await transfersOf(there)).toEqual(await transfersOf(here));
    }),
    { numRuns: 150 },
  );
});

test("each piece goes to the shard of its transfers, and none exceeds the bounds of a turn", async () => {
  const items = Array.from({ length: 3_000 }, (_, i) => ({
    debit_account: "@issuance",
    credit_account: `owner${i}/points`,
    amount: 1,
  }));
  const body = own(bodyOf(items, "application/json"));
  const { transfers } = await newReader().read(body, asked(), SHARDS);
  if (!("byShard" in transfers)) throw new Error("they are packed");
  expect(transfers.byShard.length).toBe(SHARDS);
  const places = transfers.byShard.flatMap((pieces) => pieces.flatMap((piece) => piece.places));
  expect(places.toSorted((a, b) => a - b)).toEqual(items.map((_, i) => i));
  for (const { count, cost } of transfers.byShard.flat()) {
    expect(count).toBeGreaterThan(0);
    expect(cost).toBeLessThanOrEqual(512);
  }
});

test("a malformed body is refused with the same message", async () => {
  const reader = newReader();
  const read = (text: string) => reader.read(own(Buffer.from(text)), asked(), SHARDS);
  await expect(read("[")).rejects.toMatchObject({
    code: "validation_failed",
    message: "The body is not JSON.",
  });
  await expect(read('{"transfers":[],"x":1}')).rejects.toMatchObject({
    errors: [{ path: "x", message: "is not a known field" }],
  });
  await expect(read(`{"transfers":[${"1,".repeat(10_000)}1]}`)).rejects.toMatchObject({
    code: "batch_too_large",
  });
});

test("batches that wait when the thread ends are refused as not done, and the next body is parsed", async () => {
  const reader = newReader();
  const body = bodyOf(
    [{ debit_account: "@issuance", credit_account: "ann/a", amount: 1 }],
    "application/json",
  );
  const first = reader.read(own(body), asked(), SHARDS);
  reader.close();
  await expect(first).rejects.toMatchObject({ code: "overloaded" });
  expect((await reader.read(own(body), asked(), SHARDS)).count).toBe(1);
});
