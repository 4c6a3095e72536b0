import { expect, test } from "vitest";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { followLog } from "../../../src/workers/recovery/follow.ts";
import { makeJournal, write } from "../../wal/journal-contract.ts";

/** Two of these fill a page. */
const BODY = "x".repeat(600_000);

test("a log that is trimmed during a read is not reported as damaged", async () => {
  const store = new MemoryStore("memory:{g1s0}");
  await write(makeJournal(store.open()), BODY, BODY, BODY, BODY, BODY, BODY);
  const seen: number[] = [];
  const reading = followLog(store.open(), undefined, {}, ({ id }) => {
    seen.push(id.seq);
    if (id.seq === 2) store.trim({ epoch: 1, seq: 6 }, 128);
  });
  await expect(reading).rejects.toMatchObject({
    code: "log_trimmed",
    message: "memory:{g1s0} was trimmed up to 1-5, and was read up to 1-2 only",
  });
  expect(seen).toEqual([1, 2]);
});

test("a batch missing after the beginning counts as damage, also in a trimmed log", async () => {
  const store = new MemoryStore("memory:{g1s0}");
  const [, second] = await write(makeJournal(store.open()), "a", "b", "c", "d", "e");
  store.trim({ epoch: 1, seq: 2 }, 128);
  store.remove(2);
  await expect(followLog(store.open(), second, {}, () => undefined)).rejects.toMatchObject({
    code: "log_corrupt",
    message: expect.stringContaining("bad entry 1-5: it follows 1-3"),
  });
});
