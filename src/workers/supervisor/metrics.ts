/** Metrics of the shards and the archive, as Prometheus text. */
import { Counter, Gauge, Registry } from "prom-client";
import { QUOTA_NAMES } from "../../actors/quotas/default-quotas.ts";
import type { ArchiveStats } from "../../archive/service/archive-protocol.ts";
import { APPEND_BUCKETS_S, type ShardStats } from "../shard/stats.ts";

type Measured = Readonly<{
  shard: number;
  status: string;
  restarts: number;
  hangs: number;
  stats: ShardStats | undefined;
}>;

/** Gauges with one value per shard: name, help, value. */
const GAUGES = [
  ["daybook_accounts", "Accounts in memory", (stats) => stats.accounts],
  ["daybook_idempotency_keys", "Idempotency keys remembered", (stats) => stats.keys],
  ["daybook_pending_transfers", "Pending transfers", (stats) => stats.pending],
  ["daybook_reservations", "Reservations for transfers of other shards", (stats) => stats.reservations],
  ["daybook_mailbox_depth", "Requests that wait for room in a batch", (stats) => stats.mailboxDepth],
  [
    "daybook_log_ahead_seconds",
    "How far log time is ahead of the wall clock",
    (stats) => stats.clockAheadMs / 1000,
  ],
  ["daybook_heap_bytes", "Heap of the shard's thread or process", (stats) => stats.heapBytes],
  [
    "daybook_kept_bytes",
    "Bytes in memory that count against the quotas of all partners",
    (stats) => stats.keptBytes,
  ],
  ["daybook_records", "Records logged since the log began", (stats) => stats.records],
  ["daybook_epoch", "Epoch under which the shard writes", (stats) => stats.epoch],
] as const satisfies readonly (readonly [string, string, (stats: ShardStats) => number])[];

/** Counters with one value per shard; a restarted shard begins at 0 again. */
const COUNTERS = [
  ["daybook_commands_total", "Commands decided and logged", (stats) => stats.commands],
  ["daybook_rejections_total", "Commands refused by a rule of the ledger", (stats) => stats.rejections],
  ["daybook_replays_total", "Commands answered from their idempotency key", (stats) => stats.replays],
  [
    "daybook_heap_refusals_total",
    "Commands refused because the shard is short of memory",
    (stats) => stats.heapRefusals,
  ],
  ["daybook_reads_total", "Reads answered from memory", (stats) => stats.reads],
  ["daybook_batches_total", "Batches made durable", (stats) => stats.batches],
  ["daybook_log_bytes_total", "Bytes made durable", (stats) => stats.bytes],
] as const satisfies readonly (readonly [string, string, (stats: ShardStats) => number])[];

/** Every sample has a shard label; sums over shards are left to the scraper. */
export async function renderMetrics(shards: readonly Measured[], archive: ArchiveStats): Promise<string> {
  const registry = new Registry();
  const labelNames = ["shard"];
  for (const [name, help, valueOf] of GAUGES) {
    const gauge = new Gauge({ name, help, labelNames, registers: [registry] });
    for (const { shard, stats } of shards) if (stats) gauge.set({ shard }, valueOf(stats));
  }
  for (const [name, help, valueOf] of COUNTERS) {
    const counter = new Counter({ name, help, labelNames, registers: [registry] });
    for (const { shard, stats } of shards) if (stats) counter.inc({ shard }, valueOf(stats));
  }
  addQuotas(registry, shards);
  const restarts = new Counter({
    name: "daybook_shard_restarts_total",
    help: "Restarts of a shard",
    labelNames,
    registers: [registry],
  });
  for (const { shard, restarts: count } of shards) restarts.inc({ shard }, count);
  const hung = new Gauge({
    name: "daybook_shard_hung",
    help: "Whether a shard does not answer",
    labelNames,
    registers: [registry],
  });
  for (const { shard, status } of shards) hung.set({ shard }, status === "hung" ? 1 : 0);
  const hangs = new Counter({
    name: "daybook_shard_hangs_total",
    help: "Number of times that a shard has stopped answering",
    labelNames,
    registers: [registry],
  });
  for (const { shard, hangs: count } of shards) hangs.inc({ shard }, count);
  addArchive(registry, archive);
  return (await registry.metrics()) + renderAppendSeconds(shards);
}

function addQuotas(registry: Registry, shards: readonly Measured[]): void {
  const refused = new Counter({
    name: "daybook_quota_exceeded_total",
    help: "Commands refused because a quota of their partner is used up",
    labelNames: ["shard", "quota"],
    registers: [registry],
  });
  for (const { shard, stats } of shards)
    for (const quota of QUOTA_NAMES) refused.inc({ shard, quota }, stats?.quotaExceeded[quota] ?? 0);
}

function addArchive(registry: Registry, archive: ArchiveStats): void {
  const registers = [registry];
  const counters = [
    ["daybook_archive_batches_total", "Batches stored", archive.batchesStored],
    ["daybook_archive_bytes_total", "Bytes stored", archive.bytesStored],
    ["daybook_archive_transfers_total", "Transfers indexed", archive.transfersIndexed],
    ["daybook_archive_index_rebuilds_total", "Rebuilds of a damaged index", archive.indexRebuilds],
    ["daybook_archive_scrub_passes_total", "Completed checks of all stored batches", archive.scrub.passes],
  ] as const;
  for (const [name, help, value] of counters) new Counter({ name, help, registers }).inc(value);
  const gauges = [
    ["daybook_archive_records_waiting", "Records stored but not indexed yet", archive.recordsWaiting],
    ["daybook_archive_damaged_batches", "Stored batches that are damaged", archive.damage.count],
    ["daybook_archive_scrubbed_batches", "Stored batches checked in this pass", archive.scrub.batches],
    ["daybook_archive_stored_batches", "Batches that a pass has to check", archive.scrub.of],
  ] as const;
  for (const [name, help, value] of gauges) new Gauge({ name, help, registers }).set(value);
}

/** Rendered by hand, because prom-client cannot import the buckets of a histogram that was counted elsewhere. */
function renderAppendSeconds(shards: readonly Measured[]): string {
  const name = "daybook_append_seconds";
  const lines = [`# HELP ${name} How long appends took until they were durable`, `# TYPE ${name} histogram`];
  for (const { shard, stats } of shards) {
    if (stats === undefined) continue;
    let count = 0;
    for (const [i, bucket] of stats.appendBuckets.entries()) {
      count += bucket;
      lines.push(`${name}_bucket{shard="${shard}",le="${APPEND_BUCKETS_S[i] ?? "+Inf"}"} ${count}`);
    }
    lines.push(
      `${name}_sum{shard="${shard}"} ${stats.appendSeconds}`,
      `${name}_count{shard="${shard}"} ${count}`,
    );
  }
  return `${lines.join("\n")}\n`;
}
