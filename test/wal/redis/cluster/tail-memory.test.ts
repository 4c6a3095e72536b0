import { expect, test } from "vitest";
import { TailMemory } from "../../../../src/wal/redis/cluster/tail-memory.ts";
import { parseLogId, type StoredEntry } from "../../../../src/wal/wal.ts";

const entry = (id: string, text = `bytes of ${id}`): StoredEntry => ({
  id: parseLogId(id),
  bytes: Buffer.from(text),
});

/** An owner that has replayed 1-0 to 1-2, claimed 2-0, and appended up to 2-3. */
function owner(bytesMax = 1 << 20): TailMemory {
  const memory = new TailMemory(bytesMax);
  memory.read([entry("1-0"), entry("1-1"), entry("1-2")]);
  memory.claimed(entry("2-0"), entry("1-2"));
  memory.read([entry("2-0")]);
  for (const id of ["2-1", "2-2", "2-3"]) memory.acknowledged(entry(id));
  return memory;
}

test("a log that ends with our newest entry, or with the pending one, has lost nothing", () => {
  expect(owner().compare(entry("2-3"), undefined)).toEqual({ kind: "none" });
  expect(owner().compare(entry("2-3"), entry("2-4"))).toEqual({ kind: "none" });
  expect(owner().compare(entry("2-4"), entry("2-4"))).toEqual({ kind: "none" });
});

test.each([
  ["2-2", ["2-3"]],
  ["2-0", ["2-1", "2-2", "2-3"]],
  ["1-1", ["1-2", "2-0", "2-1", "2-2", "2-3"]],
])("a log that ends at %s lacks the entries after it", (id, missing) => {
  const difference = owner().compare(entry(id), entry("2-4"));
  expect(difference).toEqual({ kind: "behind", missing: missing.map((each) => entry(each)) });
});

test.each([
  ["2-3", "an entry of the same id"],
  ["2-4", "an entry of the id that is pending"],
  ["2-1", "an earlier entry of the same id"],
  ["3-0", "a later claim"],
])("another owner's entry %s fences: %s", (id) => {
  expect(owner().compare(entry(id, "of another"), entry("2-4"))).toEqual({ kind: "fenced" });
});

test("an end that is not remembered is a loss: before the first, between two, or none at all", () => {
  expect(owner().compare(entry("0-9"), undefined)).toEqual({ kind: "lost" });
  expect(owner().compare(entry("1-3"), undefined)).toEqual({ kind: "lost" });
  expect(owner().compare(undefined, entry("2-4"))).toEqual({ kind: "lost" });
});

test("who has not claimed the log is compared with nothing", () => {
  const memory = new TailMemory(1 << 20);
  memory.read([entry("1-0"), entry("1-1")]);
  expect(memory.isOwner).toBe(false);
  expect(memory.compare(undefined, entry("2-0"))).toEqual({ kind: "none" });
});

test("a claim that was lost before it was read is repaired if the log ends with the entry before it", () => {
  const memory = new TailMemory(1 << 20);
  memory.claimed(entry("2-0"), entry("1-9"));
  expect(memory.compare(entry("1-9"), undefined)).toEqual({ kind: "behind", missing: [entry("2-0")] });
  expect(memory.compare(entry("1-9", "of another"), undefined)).toEqual({ kind: "fenced" });
  expect(memory.compare(entry("1-8"), undefined)).toEqual({ kind: "lost" });
  const first = new TailMemory(1 << 20);
  first.claimed(entry("1-0"), undefined);
  expect(first.compare(entry("0-9"), undefined)).toEqual({ kind: "lost" });
});

test("a claim is repaired also if nothing before it had to be read", () => {
  const memory = new TailMemory(1 << 20);
  memory.claimed(entry("2-0"), entry("1-9"));
  memory.read([entry("2-0")]);
  expect(memory.compare(entry("1-9"), undefined)).toEqual({ kind: "behind", missing: [entry("2-0")] });
});

test("entries below the claim are a repair only once all of them were read", () => {
  const memory = new TailMemory(1 << 20);
  memory.read([entry("1-0"), entry("1-1")]);
  memory.claimed(entry("2-0"), entry("1-2"));
  expect(memory.compare(entry("1-1"), undefined)).toEqual({ kind: "lost" });
  // The former owner had appended one more before the claim.
  memory.read([entry("1-2")]);
  const missing = [entry("1-2"), entry("2-0")];
  expect(memory.compare(entry("1-1"), undefined)).toEqual({ kind: "behind", missing });
  memory.read([entry("2-0")]);
  expect(memory.compare(entry("1-1"), undefined)).toEqual({
    kind: "behind",
    missing: [entry("1-2"), entry("2-0")],
  });
});

test("what is read after the claim, by the archive, is not remembered", () => {
  const memory = owner();
  memory.read([entry("0-1"), entry("2-3"), entry("9-9")]);
  expect(memory.newest).toEqual(entry("2-3"));
  expect(memory.compare(entry("0-1"), undefined)).toEqual({ kind: "lost" });
});

test("an acknowledgement that comes twice changes nothing", () => {
  const memory = owner();
  memory.claimed(entry("2-0"), entry("1-2"));
  for (const id of ["2-1", "2-3"]) memory.acknowledged(entry(id));
  expect(memory.newest).toEqual(entry("2-3"));
  expect(memory.compare(entry("2-2"), undefined)).toEqual({ kind: "behind", missing: [entry("2-3")] });
});

test("a gap in what is read forgets everything before it", () => {
  const memory = new TailMemory(1 << 20);
  memory.read([entry("1-0"), entry("1-1"), entry("1-5"), entry("1-6")]);
  memory.claimed(entry("2-0"), entry("1-6"));
  memory.read([entry("2-0")]);
  expect(memory.compare(entry("1-1"), undefined)).toEqual({ kind: "lost" });
  expect(memory.compare(entry("1-6"), undefined)).toEqual({ kind: "behind", missing: [entry("2-0")] });
});

test("the oldest are forgotten beyond the bound, but never the newest", () => {
  const memory = owner(40);
  for (let seq = 4; seq < 1000; seq++) memory.acknowledged(entry(`2-${seq}`));
  expect(memory.compare(entry("2-998"), undefined)).toEqual({ kind: "behind", missing: [entry("2-999")] });
  expect(memory.compare(entry("2-900"), undefined)).toEqual({ kind: "lost" });
  memory.acknowledged(entry("2-1000", "x".repeat(100)));
  expect(memory.compare(entry("2-1000", "x".repeat(100)), undefined)).toEqual({ kind: "none" });
});
