/** The gateway's fast reader of batch replies gives the same result as the general decoder. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { decode, encode } from "../../../src/actors/records/pack.ts";
import { PackWriter } from "../../../src/actors/records/pack-writer.ts";
import { answersOf } from "../../../src/gateway/shard-link/replies.ts";
import { REFUSED, REPLAYED, type WireItem } from "../../../src/workers/shard/messages.ts";

const id = fc.stringMatching(/^tr_[0-9a-z]{7,60}$/);
const item: fc.Arbitrary<WireItem | null> = fc.oneof(
  { weight: 8, arbitrary: id },
  { weight: 4, arbitrary: fc.nat(300) },
  fc.constant(null),
  fc.constant([REFUSED, "overloaded"] as const),
  fc.tuple(fc.constant(REPLAYED), fc.nat(), fc.nat(), fc.nat()),
);

/** Encodes answers as the shard does, and fills in their count at the end. */
function packed(items: readonly (WireItem | null)[]): Uint8Array {
  const writer = new PackWriter();
  const start = writer.openArray();
  for (const each of items) {
    if (typeof each === "string") writer.text(each);
    else if (typeof each === "number") writer.number(each);
    else {
      const bytes = encode(each);
      writer.raw(bytes, 0, bytes.length);
    }
  }
  writer.setArray(start, items.length);
  return writer.take();
}

test("reads ids, rejection numbers and all other answers", () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 40 }), (items) => {
      const bytes = packed(items);
      expect(answersOf(bytes).answers).toEqual(decode(bytes));
      expect(answersOf(bytes).answers).toEqual(items);
    }),
  );
});

test("an item that was decided later is put at its index", () => {
  const first = "tr_5d1vgseoiaa0f0hqvb3b";
  const reply = [packed([first, null, 3]), [[1, "tr_0a11001"]], [[2, 1, 7]]] as const;
  expect(answersOf(reply)).toEqual({ answers: [first, "tr_0a11001", 3], credits: [[2, 1, 7]] });
});
