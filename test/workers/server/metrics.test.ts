import { expect, test } from "vitest";
import { type MetricSources, renderMetrics } from "../../../src/workers/server/metrics.ts";

const STATS = {
  accounts: 7,
  clockAheadMs: 1_500,
  commands: [
    ["transfer", 30],
    ["loyalty", 10],
  ],
  rejections: [["insufficient_funds", 4]],
  messagesInTransit: 2,
  durableMs: 5_000,
  undurable: 3,
  undurableMs: 250,
  loopDelayMs: 1.5,
  logReplicas: { following: 1, required: 2 },
  // One batch of one record, one of more than 10,000.
  batchBuckets: [1, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  quotaExceeded: { idempotency_keys: 2, open_transfers: 0, bytes: 0 },
  // Two appends within 0.1 ms, one within 0.5 ms, one above 5 s.
  appendBuckets: [2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  appendSeconds: 6.5,
};

/** The figures that the tests look at; a server has all of them. */
const SOURCES = {
  shards: [
    {
      shard: 0,
      status: "ready",
      restarts: 1,
      hangs: 0,
      recovery: { totalMs: 40, replayed: 9 },
      stats: STATS,
    },
    {
      shard: 1,
      status: "hung",
      restarts: 0,
      hangs: 1,
      recovery: { totalMs: 0, replayed: 0 },
      stats: undefined,
    },
  ],
  archive: {
    batchesStored: 3,
    shards: [{ shard: 0, storedTimeMs: 3_000 }],
    damage: { count: 0 },
    scrub: { passes: 0, batches: 0, of: 3 },
  },
  gateways: [{ gateway: 1, serves: true, isSilent: false, restarts: 0 }],
  snapshots: { taken: 1, failures: 0, newest: [[0, { records: 40, bytes: 9_000 }]] },
  clock: { isFollowed: true, differenceMs: -250 },
  isReady: true,
  books: {
    assets: {
      "USD/2": { sum: 2n ** 60n, inTransit: -(2n ** 60n), accounts: 2 },
      "PTS/0": { sum: 1n, inTransit: 0n, accounts: 1 },
    },
    positions: [],
  },
  statisticsLagMs: 90_000,
  process: { cpuS: 1.5, startedS: 1_700_000_000, heapBytes: 5, residentBytes: undefined },
  requests: {
    durations: [{ group: "accounts", status: 200, counts: [1, 2], sumMs: 3 }],
    routes: [{ method: "GET", route: "/v1/accounts/{id}", status: 200, requests: 3 }],
    refusals: [],
  },
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
    expect(name).toMatch(/^(daybook|process|nodejs)_[a-z]+(_[a-z]+)*$/);
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

test("commands, refusals and requests are counted by what they are", () => {
  const lines = linesOf(SOURCES);
  expect(lines).toContain('daybook_commands_total{shard="0",kind="loyalty"} 10');
  expect(lines).toContain('daybook_rejections_total{shard="0",code="insufficient_funds"} 4');
  expect(lines).toContain(
    'daybook_http_requests_total{method="GET",route="/v1/accounts/{id}",status="200"} 3',
  );
  expect(lines).toContain('daybook_batches_total{shard="0"} 2');
  expect(lines).toContain('daybook_batch_records_sum{shard="0"} 40');
});

test("the lag of the log and of the archive are seconds", () => {
  const lines = linesOf(SOURCES);
  expect(lines).toContain('daybook_durable_lag_seconds{shard="0"} 0.25');
  expect(lines).toContain('daybook_archive_lag_seconds{shard="0"} 2');
});

test("the replicas of a log are shown only where it has some", () => {
  const lines = linesOf(SOURCES);
  expect(lines).toContain('daybook_log_replicas{shard="0"} 1');
  expect(lines).toContain('daybook_log_replicas_required{shard="0"} 2');
  const shards = SOURCES.shards.map((shard) => ({ ...shard, stats: { ...STATS, logReplicas: undefined } }));
  const single = { ...SOURCES, shards } as unknown as MetricSources;
  expect(renderMetrics(single)).not.toMatch(/^daybook_log_replicas/m);
});

test("the books are shown once they were checked, with all digits", () => {
  const lines = linesOf(SOURCES);
  // One asset that does not add up is enough.
  expect(lines).toContain("daybook_books_balanced 0");
  expect(lines).toContain('daybook_in_transit{asset="USD/2"} -1152921504606846976');
  const unchecked = renderMetrics({ ...SOURCES, books: undefined });
  expect(unchecked).not.toMatch(/^daybook_(books|in_transit)/m);
});

test("the memory of a process without free file descriptors is left out", () => {
  expect(renderMetrics(SOURCES)).not.toContain("process_resident_memory_bytes");
  expect(linesOf({ ...SOURCES, process: { ...SOURCES.process, residentBytes: 7 } })).toContain(
    "process_resident_memory_bytes 7",
  );
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
