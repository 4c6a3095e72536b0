import { expect, test } from "vitest";
import { KEY_WINDOW_MS, KeyTable, keyMadeAtMs } from "../../src/actors/key-table.ts";

function entry(timeMs: number) {
  return { fingerprint: 1, atSecond: Math.floor(timeMs / 1000), epoch: 1, seq: 1, index: 0 };
}

test("a key is known for its window of log time, whether swept or not", () => {
  const table = new KeyTable();
  table.remember("k", entry(1_000));
  expect(table.find("k", 1_000 + KEY_WINDOW_MS)).toEqual(entry(1_000));
  expect(table.find("k", 1_001 + KEY_WINDOW_MS)).toBeUndefined();
});

test("a sweep forgets what is over, oldest first, never more than it may, and nothing early", () => {
  const table = new KeyTable();
  for (let i = 0; i < 10; i++) table.remember(`k${i}`, entry(i * 1000));
  table.sweep(4_500 + KEY_WINDOW_MS, 3);
  expect(table.size).toBe(7);
  table.sweep(4_500 + KEY_WINDOW_MS, 100);
  expect([...table.entries(0)].map(([key]) => key)).toEqual(["k5", "k6", "k7", "k8", "k9"]);
});

test("a key that comes again after its window starts a new one", () => {
  const table = new KeyTable();
  table.remember("k", entry(0));
  table.remember("other", entry(5_000));
  const later = KEY_WINDOW_MS + 1_000;
  table.remember("k", entry(later));
  table.sweep(later + 5_000, 100);
  expect(table.find("k", later + 5_000)).toEqual(entry(later));
  expect(table.size).toBe(1);
});

test("a table that was swept empty sweeps on when it fills again", () => {
  const table = new KeyTable();
  for (let round = 0; round < 3; round++) {
    const start = round * 2 * KEY_WINDOW_MS;
    for (let i = 0; i < 5; i++) table.remember(`${round}-${i}`, entry(start));
    table.sweep(start + KEY_WINDOW_MS + 1000, 100);
    expect(table.size).toBe(0);
  }
});

test("only a UUIDv7 tells when it was made", () => {
  expect(keyMadeAtMs("01890a5d-ac96-774b-bcce-b302099a8057")).toBe(0x01890a5dac96);
  expect(keyMadeAtMs("01890a5d-ac96-474b-bcce-b302099a8057")).toBeUndefined();
  expect(keyMadeAtMs("order-1017")).toBeUndefined();
});
