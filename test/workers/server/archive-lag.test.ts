import { expect, test } from "vitest";
import { ArchiveLag } from "../../../src/workers/server/backpressure.ts";

const id = (seq: number) => ({ epoch: 1, seq });

test("an archive that stores each position in time keeps up, however far ahead the shard is", () => {
  const lag = new ArchiveLag(10);
  for (let now = 0; now < 100; now += 5) {
    expect(lag.check([{ shard: 0, durable: id(now + 6), stored: id(now + 1) }], now)).toBeUndefined();
  }
});

test("an archive that is too late for a shard is reported until it has caught up", () => {
  const lag = new ArchiveLag(10);
  const stuck = (now: number, stored: number) =>
    lag.check([{ shard: 3, durable: id(now + 9), stored: id(stored) }], now);
  expect(stuck(0, 1)).toBeUndefined();
  expect(stuck(10, 1)).toBeUndefined();
  expect(stuck(11, 1)).toContain("behind shard 3");
  expect(stuck(12, 9)).toBeUndefined();
});

test("a shard that was idle for long or has logged nothing does not count as archive lag", () => {
  const lag = new ArchiveLag(10);
  expect(lag.check([{ shard: 0, durable: { epoch: 0, seq: 0 }, stored: undefined }], 0)).toBeUndefined();
  expect(lag.check([{ shard: 0, durable: { epoch: 0, seq: 0 }, stored: undefined }], 1_000)).toBeUndefined();
  expect(lag.check([{ shard: 0, durable: id(1), stored: undefined }], 2_000)).toBeUndefined();
});
