import { expect, test } from "vitest";
import { KEY_WINDOW_MS, KeyTable, keyMadeAtMs } from "../../../src/actors/idempotency/key-table.ts";
import { AssertionError } from "../../../src/errors/assert.ts";

function entry(timeMs: number, seq = 1) {
  return { fingerprint: 1, atSecond: Math.floor(timeMs / 1000), epoch: 1, seq, index: 0 };
}

/** Adds `count` keys of the same second. */
function fill(table: KeyTable, first: number, count: number): void {
  for (let i = first; i < first + count; i++) table.remember(`k${i}`, entry(0, i));
}

test("a key is found until its window of log time has passed, even without a sweep", () => {
  const table = new KeyTable();
  table.remember("k", entry(1_000));
  expect(table.find("k", 1_000 + KEY_WINDOW_MS)).toEqual(entry(1_000));
  expect(table.find("k", 1_001 + KEY_WINDOW_MS)).toBeUndefined();
});

test("a sweep removes expired keys, oldest first, up to its maximum, and none before its expiry", () => {
  const table = new KeyTable();
  for (let i = 0; i < 10; i++) table.remember(`k${i}`, entry(i * 1000, i));
  table.sweep(4_500 + KEY_WINDOW_MS, 3);
  expect(table.size).toBe(7);
  table.sweep(4_500 + KEY_WINDOW_MS, 100);
  expect([...table.entries(0)].map(([, { seq }]) => seq)).toEqual([5, 6, 7, 8, 9]);
});

test("a key that is used again after its window starts a new window", () => {
  const table = new KeyTable();
  table.remember("k", entry(0));
  table.remember("other", entry(5_000));
  const later = KEY_WINDOW_MS + 1_000;
  table.remember("k", entry(later));
  table.sweep(later + 5_000, 100);
  expect(table.find("k", later + 5_000)).toEqual(entry(later));
  expect(table.size).toBe(1);
});

test("a table that was swept empty can be filled and swept again", () => {
  const table = new KeyTable();
  for (let round = 0; round < 3; round++) {
    const start = round * 2 * KEY_WINDOW_MS;
    for (let i = 0; i < 5; i++) table.remember(`${round}-${i}`, entry(start));
    table.sweep(start + KEY_WINDOW_MS + 1000, 100);
    expect(table.size).toBe(0);
  }
});

test("over weeks each key is found exactly for its window, and the memory of removed keys is freed", () => {
  const table = new KeyTable();
  const apartMs = 5_000;
  const inWindow = KEY_WINDOW_MS / apartMs;
  let bytesMax = 0;
  for (let i = 0; i < 20 * inWindow; i++) {
    const nowMs = i * apartMs;
    table.sweep(nowMs, 2);
    table.remember(`k${i}`, entry(nowMs, i));
    bytesMax = Math.max(bytesMax, table.bytes);
    if (i % 1_000 !== 0 || i <= inWindow) continue;
    expect(table.size).toBe(inWindow + 1);
    expect(table.find(`k${i - inWindow}`, nowMs)?.seq).toBe(i - inWindow);
    expect(table.find(`k${i - inWindow - 1}`, nowMs)).toBeUndefined();
  }
  expect(bytesMax).toBeLessThan(2_000_000);
});

test("a key takes less than 55 bytes, and the table grows in small steps", () => {
  const table = new KeyTable();
  let jumpMax = 0;
  for (let count = 0; count < 300_000; count += 20_000) {
    for (let i = count; i < count + 20_000; i++) {
      const before = table.bytes;
      fill(table, i, 1);
      jumpMax = Math.max(jumpMax, table.bytes - before);
    }
    // In a small table, a nearly empty last chunk distorts the average.
    if (count >= 100_000) expect(table.bytes / table.size).toBeLessThan(55);
  }
  expect(jumpMax).toBeLessThan(400_000);
  expect(table.size).toBe(300_000);
  table.sweep(KEY_WINDOW_MS + 1_000, 300_000);
  expect(table.size).toBe(0);
  expect(table.bytes).toBeLessThan(500_000);
});

test("a table reports its free room, and keeps every key for its window even when full", () => {
  const table = new KeyTable(undefined, { keysMax: 100 });
  fill(table, 0, 99);
  expect(table.room).toBe(1);
  fill(table, 99, 1);
  expect(table.room).toBe(0);
  expect(table.find("k0", KEY_WINDOW_MS)).toEqual(entry(0, 0));
  table.sweep(KEY_WINDOW_MS + 1, 1);
  expect(table.room).toBe(1);
});

test("every key is found, even if the hash bits that its slot stores are 0", () => {
  const hash = {
    a: 0,
    b: 0,
    c: 0,
    d: 0,
    run(scope: string) {
      this.d = Number(scope.slice(1));
      this.a = Math.imul(this.d, 0x9e3779b1) >>> 0;
      this.b = Math.imul(this.d, 0x85ebca6b) >>> 0;
    },
  };
  const table = new KeyTable(undefined, { hash });
  fill(table, 0, 20_000);
  for (let i = 0; i < 20_000; i++) expect(table.find(`k${i}`, 0)?.seq).toBe(i);
});

test("an entry with the largest values is stored exactly, and larger values fail an assertion", () => {
  const table = new KeyTable();
  const largest = {
    fingerprint: Number.MAX_SAFE_INTEGER,
    atSecond: 2 ** 43 - 1,
    epoch: 2 ** 32 - 1,
    seq: Number.MAX_SAFE_INTEGER,
    index: 2 ** 31 - 1,
  };
  table.remember("k", largest);
  expect(table.find("k", 0)).toEqual(largest);
  for (const part of ["fingerprint", "atSecond", "epoch", "seq", "index"] as const) {
    for (const value of [2 ** 53, -1, 1.5]) {
      expect(() => table.remember("bad", { ...largest, [part]: value })).toThrow(AssertionError);
    }
  }
});

test.each([2 ** 32 - 1, 2 ** 32, 253_402_300_799])(
  "a key of second %i is found exactly for its window, also after a restore",
  (atSecond) => {
    const table = new KeyTable();
    const entry = { fingerprint: 1, atSecond, epoch: 1, seq: Number.MAX_SAFE_INTEGER, index: 0 };
    table.remember("k", entry);
    const restored = new KeyTable();
    for (const block of table.blocks()) restored.restore(block);
    const endMs = atSecond * 1000 + KEY_WINDOW_MS;
    for (const each of [table, restored]) {
      expect([each.find("k", endMs), each.find("k", endMs + 1)]).toEqual([entry, undefined]);
      each.sweep(endMs, 1);
      expect(each.size).toBe(1);
      each.sweep(endMs + 1, 1);
      expect(each.size).toBe(0);
    }
  },
);

test("equal seeds and histories give equal entries, another seed gives other hashes", () => {
  const [one, two, other] = [
    new KeyTable([1, 2, 3, 4]),
    new KeyTable([1, 2, 3, 4]),
    new KeyTable([1, 2, 3, 5]),
  ];
  for (const table of [one, two, other]) fill(table, 0, 3);
  expect([...one.entries(0)]).toEqual([...two.entries(0)]);
  expect([...one.entries(0)][0]?.[0]).not.toBe([...other.entries(0)][0]?.[0]);
});

test("a creation time is read from UUIDv7 keys only", () => {
  expect(keyMadeAtMs("01890a5d-ac96-774b-bcce-b302099a8057")).toBe(0x01890a5dac96);
  expect(keyMadeAtMs("01890a5d-ac96-474b-bcce-b302099a8057")).toBeUndefined();
  expect(keyMadeAtMs("order-1017")).toBeUndefined();
});
