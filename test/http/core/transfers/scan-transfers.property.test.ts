/** The one-pass scan of batches against the general reader: equal, or the scan leaves the body to it. */
import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { CommandWriter } from "../../../../src/actors/records/codec.ts";
import { itemsOf } from "../../../../src/gateway/batches/packed-transfers.ts";
import {
  type BatchFormat,
  type BatchRead,
  type BatchSource,
  type Encoding,
  readBatch,
  TRANSFERS,
} from "../../../../src/http/core/transfers/batch-items.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });
const { scan: _, ...GENERAL } = TRANSFERS;
const SHARDS = 3;

const id = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_.:@+-]{1,12}(\/[A-Za-z0-9_.:@+-]{1,12})?$/),
  fc.constantFrom("@issuance", "@a/b", "a".repeat(128)),
);
const memo = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }).filter((text) => text.isWellFormed()),
  fc.constantFrom("", "🦶".repeat(250), "ü".repeat(500), "x".repeat(500)),
);
const amount = fc.oneof(
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
const item = fc.record(
  { debit_account: id, credit_account: id, amount, memo },
  { requiredKeys: ["debit_account", "credit_account", "amount"] },
);
/** What makes an item another kind, or a fault. */
const odd = fc.constantFrom<Readonly<Record<string, unknown>>>(
  { debit_account: "a b" },
  { debit_account: "a//b" },
  { debit_account: "/a" },
  { debit_account: "a/" },
  { debit_account: "" },
  { debit_account: "a".repeat(129) },
  { credit_account: 5 },
  { amount: 0 },
  { amount: -1 },
  { amount: 1.5 },
  { amount: 2 ** 53 },
  { amount: "1" },
  { memo: "x".repeat(501) },
  { memo: "🦶".repeat(251) },
  { memo: "\u0007" },
  { memo: 'a "quote" and a \\' },
  { memo: null },
  { metadata: { a: "1" } },
  { idempotency_key: "k" },
  { occurred_at: "2026-11-20T10:00:00.000Z" },
  { pending: true },
  { hello: 1 },
);

function source(encoding: Encoding): BatchSource {
  return { kind: "transfers", partner: "acme", encoding, headerKey: null };
}

async function outcomeOf(body: Buffer, encoding: Encoding, format: BatchFormat): Promise<unknown> {
  let read: BatchRead;
  try {
    read = await readBatch(body, source(encoding), format);
  } catch (error) {
    return { refused: String(error) };
  }
  const writers = Array.from({ length: SHARDS }, () => new CommandWriter());
  const { count, refused, transfers } = read;
  return { count, refused: [...refused], transfers: await itemsOf(transfers, writers) };
}

async function expectSame(body: Buffer, encoding: Encoding): Promise<void> {
  expect(await outcomeOf(body, encoding, TRANSFERS)).toEqual(await outcomeOf(body, encoding, GENERAL));
}

function isScanned(body: Buffer, encoding: Encoding): boolean {
  return TRANSFERS.scan?.("acme", body, encoding) !== undefined;
}

/** @param indent spaces as programs write them. */
function jsonOf(items: readonly unknown[], indent = 0): Buffer {
  return Buffer.from(JSON.stringify({ transfers: items }, null, indent));
}

describe.each(["application/json", "application/msgpack"] as const)("a body of %s", (encoding) => {
  const bodyOf = (items: readonly unknown[], indent: number): Buffer =>
    encoding === "application/json" ? jsonOf(items, indent) : Buffer.from(packr.pack(items));

  test("of frequent items is scanned, and gives what the general reader gives", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 40 }), fc.nat(2), async (items, indent) => {
        await expectSame(bodyOf(items, indent), encoding);
      }),
      { numRuns: 300 },
    );
    const plain = { debit_account: "@issuance", credit_account: "alice/points", amount: 5, memo: "Füße 🦶" };
    const many = Array.from({ length: 1_000 }, () => plain);
    expect(isScanned(bodyOf(many, 2), encoding)).toBe(true);
  });

  test("with any other item or fault is left to the general reader", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 5 }), item, odd, async (items, base, change) => {
        const body = bodyOf([...items, { ...base, ...change }], 0);
        await expectSame(body, encoding);
      }),
      { numRuns: 500 },
    );
  });

  test("with changed, missing or additional bytes gives the same", async () => {
    const items = fc.array(item, { minLength: 1, maxLength: 3 });
    const change = fc.record({ at: fc.nat(), remove: fc.nat(3), insert: fc.uint8Array({ maxLength: 3 }) });
    await fc.assert(
      fc.asyncProperty(items, change, async (some, { at, remove, insert }) => {
        const body = bodyOf(some, 0);
        const place = at % (body.length + 1);
        const changed = [body.subarray(0, place), insert, body.subarray(place + remove)];
        await expectSame(Buffer.concat(changed), encoding);
      }),
      { numRuns: 3_000 },
    );
  });
});

test("JSON that is written in other ways gives the same", async () => {
  const inner = '"debit_account":"a","credit_account":"b","amount":1';
  for (const body of [
    `{"transfers":[{${inner}}]}`,
    ` \r\n\t{ "transfers" : [ { "amount" : 1 , "memo" : "" , "credit_account" : "b" , "debit_account" : "a" } ] } \n`,
    `{"transfers":[{${inner}},]}`,
    `{"transfers":[{${inner},}]}`,
    `{"transfers":[{${inner}}],"transfers":[]}`,
    `{"transfers":[{${inner},"amount":2}]}`,
    `{"transfers":[{${inner},"memo":"\\u0041"}]}`,
    `{"transfers":[{${inner}}]}x`,
    `{"transfers":[]}`,
    `{"transfers":[{"debit_account":"a","credit_account":"b","amount":01}]}`,
    `{"transfers":[{"debit_account":"a","credit_account":"b","amount":1e3}]}`,
    `{"transfers":[{"debit_account":"a","credit_account":"b","amount":9007199254740993}]}`,
    `{"transfers":[{"debit_account":"a","credit_account":"b","amount":}]}`,
    `\ufeff{"transfers":[{${inner}}]}`,
    "{",
    "",
  ])
    await expectSame(Buffer.from(body), "application/json");
});

test("a batch of too many frequent items is refused", async () => {
  const items = Array.from({ length: 10_001 }, () => ({
    debit_account: "a",
    credit_account: "b",
    amount: 1,
  }));
  for (const [body, encoding] of [
    [jsonOf(items), "application/json"],
    [Buffer.from(packr.pack(items)), "application/msgpack"],
  ] as const) {
    expect(isScanned(body, encoding)).toBe(false);
    await expect(readBatch(body, source(encoding), TRANSFERS)).rejects.toMatchObject({
      code: "batch_too_large",
    });
  }
});
