import { describe, expect, test } from "vitest";
import { LiveStats, quantileMs } from "../../../src/http/pages/console/live-stats.ts";
import { FakeLedger } from "../fake-ledger.ts";

/** A server that decides 100 commands a second, and counts how often its metrics are read. */
function server() {
  const clock = { ms: 10_000, nowMs: () => 1_000_000 + clock.ms, elapsedMs: () => clock.ms };
  const ledger = new FakeLedger();
  const counted = { reads: 0, commands: () => clock.ms / 10 };
  const operations = {
    unready: () => [],
    warnings: () => [],
    shards: () => ledger.shards(),
    restart: () => false,
    takeSnapshots: () => false,
    deliveries: async () => [],
    metrics: async () => {
      counted.reads += 1;
      return `daybook_commands_total{shard="0",kind="transfer"} ${counted.commands()}\ndaybook_books_balanced 1\n`;
    },
  };
  return { clock, counted, stats: new LiveStats(operations, clock) };
}

describe("the live figures", () => {
  test("are read at most once a second, however many watch", async () => {
    const { clock, counted, stats } = server();
    for (let second = 0; second < 5; second++) {
      await Promise.all(Array.from({ length: 50 }, () => stats.read()));
      clock.ms += 1000;
    }
    expect(counted.reads).toBe(5);
  });

  test("show the rate of the last seconds", async () => {
    const { clock, stats } = server();
    await stats.read();
    clock.ms += 2_000;
    expect((await stats.read()).rate).toBe(100);
    expect(stats.points[1]).toEqual([100]);
  });

  test("show no negative rate when a shard begins to count at 0 again", async () => {
    const { clock, counted, stats } = server();
    await stats.read();
    clock.ms += 1_000;
    await stats.read();
    clock.ms += 1_000;
    counted.commands = () => 3;
    expect((await stats.read()).rate).toBe(0);
  });

  test("keep at most ten minutes", async () => {
    const { clock, stats } = server();
    for (let second = 0; second < 700; second++) {
      await stats.read();
      clock.ms += 1_000;
    }
    expect(stats.points[0].length).toBeLessThanOrEqual(600);
    expect(stats.points[0].length).toBeGreaterThan(590);
  });

  test("are read again after a failure", async () => {
    const { clock, counted, stats } = server();
    counted.commands = () => {
      throw new Error("gone");
    };
    await expect(stats.read()).rejects.toThrow("gone");
    counted.commands = () => 1;
    clock.ms += 10;
    expect((await stats.read()).isBalanced).toBe(true);
  });
});

test("a quantile is interpolated within its bucket, and bounded by the last finite one", () => {
  const counts = new Map([
    [0.01, 50],
    [0.1, 100],
    [Number.POSITIVE_INFINITY, 100],
  ]);
  expect(quantileMs(counts, 0.5)).toBeCloseTo(10);
  expect(quantileMs(counts, 0.75)).toBeCloseTo(55);
  expect(
    quantileMs(
      new Map([
        [0.1, 0],
        [Number.POSITIVE_INFINITY, 4],
      ]),
      0.99,
    ),
  ).toBe(100);
  expect(quantileMs(new Map(), 0.5)).toBeUndefined();
});
