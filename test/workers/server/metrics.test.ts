import { expect, test } from "vitest";
import { type MetricSources, renderMetrics } from "../../../src/workers/server/metrics.ts";

const STATS = {
  accounts: 7,
  clockAheadMs: 1_500,
  commands: 40,
  quotaExceeded: { idempotency_keys: 2, open_transfers: 0, bytes: 0 },
  // Two appends within 0.1 ms, one within 0.5 ms, one above 5 s.
  appendBuckets: [2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  appendSeconds: 6.5,
};

/** The figures that the tests look at; a server has all of them. */
const SOURCES = {
  shards: [
    { shard: 0, status: "ready", restarts: 1, hangs: 0, stats: STATS },
    { shard: 1, status: "hung", restarts: 0, hangs: 1, stats: undefined },
  ],
  archive: { batchesStored: 3, damage: { count: 0 }, scrub: { passes: 0, batches: 0, of: 3 } },
  gateways: [{ gateway: 1, serves: true, isSilent: false, restarts: 0 }],
  snapshots: { taken: 1, failures: 0, newest: [[0, { records: 40, bytes: 9_000 }]] },
  clock: { isFollowed: true, differenceMs: -250 },
  requests: [{ group: "accounts", status: 200, counts: [1, 2], sumMs: 3 }],
  droppedLines: 0,
} as unknown as MetricSources;

function linesOf(sources: MetricSources): readonly string[] {
  return renderMetrics(sources).trimEnd().split("\n");
}

test("each metric has a help text and a type, and follows Prometheus' rules for names", () => {
  const types = linesOf(SOURCES).flatMap((line) => {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    return name === undefined || type === undefined ? [] : [{ name, type }];
  });
  expect(types.length).toBeGreaterThan(40);
  for (const { name, type } of types) {
    expect(name.endsWith("_total"), name).toBe(type === "counter");
    expect(name).toMatch(/^daybook_[a-z]+(_[a-z]+)*$/);
    expect(name).not.toMatch(/_(ms|milliseconds|kb|mb)(_|$)/);
    expect(linesOf(SOURCES).filter((line) => line.startsWith(`# HELP ${name} `))).toHaveLength(1);
  }
});

test("a shard that has never answered has a status, and no statistics", () => {
  const lines = linesOf(SOURCES);
  expect(lines).toContain('daybook_accounts{shard="0"} 7');
  expect(lines).not.toContainEqual(expect.stringMatching(/^daybook_accounts\{shard="1"\}/));
  expect(lines).toContain('daybook_shard_hung{shard="1"} 1');
  expect(lines).toContain('daybook_quota_exceeded_total{shard="0",quota="idempotency_keys"} 2');
  expect(lines).toContain('daybook_log_ahead_seconds{shard="0"} 1.5');
});

test("the buckets of a histogram are cumulative, and their bounds are seconds", () => {
  const lines = linesOf(SOURCES).filter((line) => line.startsWith("daybook_append_seconds"));
  expect(lines).toHaveLength(16);
  expect(lines[0]).toBe('daybook_append_seconds_bucket{shard="0",le="0.0001"} 2');
  expect(lines.slice(-4)).toEqual([
    'daybook_append_seconds_bucket{shard="0",le="5"} 3',
    'daybook_append_seconds_bucket{shard="0",le="+Inf"} 4',
    'daybook_append_seconds_sum{shard="0"} 6.5',
    'daybook_append_seconds_count{shard="0"} 4',
  ]);
  expect(linesOf(SOURCES)).toContain(
    'daybook_http_request_duration_seconds_bucket{group="accounts",status="200",le="0.001"} 3',
  );
});

test("a server without further gateways, or with a log in memory, does not have their metrics", () => {
  const text = renderMetrics({ ...SOURCES, gateways: [], snapshots: undefined });
  expect(text).not.toMatch(/daybook_(gateway|snapshot)/);
  expect(text).toContain("daybook_clock_difference_seconds -0.25\n");
});
