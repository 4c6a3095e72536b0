/** What the shards and the archive have counted, as Prometheus text. */
import { Counter, Gauge, Registry } from "prom-client";
import { QUOTA_NAMES } from "../../actors/quotas/default-quotas.ts";
import type { ArchiveFigures } from "../../archive/service/archive-protocol.ts";
import { APPEND_BUCKETS_S, type ShardStats } from "../shard/stats.ts";

type Measured = Readonly<{
  shard: number;
  status: string;
  restarts: number;
  hangs: number;
  figures: ShardStats | undefined;
}>;

/** One number per shard: name, help, and where it is found. */
const GAUGES = [
  ["daybook_accounts", "Accounts in memory", (figures) => figures.accounts],
  ["daybook_idempotency_keys", "Idempotency keys remembered", (figures) => figures.keys],
  ["daybook_pending_transfers", "Pending transfers that are open", (figures) => figures.pending],
  ["daybook_reservations", "Kept for transfers of other shards", (figures) => figures.reservations],
  ["daybook_mailbox_depth", "Requests that wait for room in a batch", (figures) => figures.mailboxDepth],
  [
    "daybook_log_ahead_seconds",
    "How far log time is ahead of the wall clock",
    (figures) => figures.clockAheadMs / 1000,
  ],
  ["daybook_heap_bytes", "Heap of the shard's thread or process", (figures) => figures.heapBytes],
  [
    "daybook_kept_bytes",
    "What partners keep in memory, as it is counted against their quotas",
    (figures) => figures.keptBytes,
  ],
  ["daybook_records", "Records that were ever logged", (figures) => figures.records],
  ["daybook_epoch", "Epoch under which the shard writes", (figures) => figures.epoch],
] as const satisfies readonly (readonly [string, string, (figures: ShardStats) => number])[];

/** The same for what only grows; a shard that starts anew begins at 0 again. */
const COUNTERS = [
  ["daybook_commands_total", "Commands decided and logged", (figures) => figures.commands],
  ["daybook_rejections_total", "Commands refused by a rule of the ledger", (figures) => figures.rejections],
  ["daybook_replays_total", "Commands answered from their idempotency key", (figures) => figures.replays],
  [
    "daybook_heap_refusals_total",
    "Commands refused because the shard is short of memory",
    (figures) => figures.heapRefusals,
  ],
  ["daybook_reads_total", "Reads answered from memory", (figures) => figures.reads],
  ["daybook_batches_total", "Batches made durable", (figures) => figures.batches],
  ["daybook_log_bytes_total", "Bytes made durable", (figures) => figures.bytes],
] as const satisfies readonly (readonly [string, string, (figures: ShardStats) => number])[];

/** Sums over shards are the scraper's business: every line carries its shard. */
export async function renderMetrics(shards: readonly Measured[], archive: ArchiveFigures): Promise<string> {
  const registry = new Registry();
  const labelNames = ["shard"];
  for (const [name, help, valueOf] of GAUGES) {
    const gauge = new Gauge({ name, help, labelNames, registers: [registry] });
    for (const { shard, figures } of shards) if (figures) gauge.set({ shard }, valueOf(figures));
  }
  for (const [name, help, valueOf] of COUNTERS) {
    const counter = new Counter({ name, help, labelNames, registers: [registry] });
    for (const { shard, figures } of shards) if (figures) counter.inc({ shard }, valueOf(figures));
  }
  addQuotas(registry, shards);
  const restarts = new Counter({
    name: "daybook_shard_restarts_total",
    help: "Times that a shard was started anew",
    labelNames,
    registers: [registry],
  });
  for (const { shard, restarts: count } of shards) restarts.inc({ shard }, count);
  const hung = new Gauge({
    name: "daybook_shard_hung",
    help: "Whether a shard has stopped answering",
    labelNames,
    registers: [registry],
  });
  for (const { shard, status } of shards) hung.set({ shard }, status === "hung" ? 1 : 0);
  const hangs = new Counter({
    name: "daybook_shard_hangs_total",
    help: "Times that a shard has stopped answering",
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
    help: "Commands refused because their partner keeps as much as it may",
    labelNames: ["shard", "quota"],
    registers: [registry],
  });
  for (const { shard, figures } of shards)
    for (const quota of QUOTA_NAMES) refused.inc({ shard, quota }, figures?.quotaExceeded[quota] ?? 0);
}

function addArchive(registry: Registry, archive: ArchiveFigures): void {
  const registers = [registry];
  const counters = [
    ["daybook_archive_batches_total", "Batches stored", archive.batchesStored],
    ["daybook_archive_bytes_total", "Bytes stored", archive.bytesStored],
    ["daybook_archive_transfers_total", "Transfers indexed", archive.transfersIndexed],
    [
      "daybook_archive_index_rebuilds_total",
      "Times that a damaged index was built anew",
      archive.indexRebuilds,
    ],
    [
      "daybook_archive_scrub_passes_total",
      "Times that all stored batches were checked",
      archive.scrub.passes,
    ],
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

/** A histogram that was counted elsewhere, which the library cannot take in. */
function renderAppendSeconds(shards: readonly Measured[]): string {
  const name = "daybook_append_seconds";
  const lines = [`# HELP ${name} How long appends took until they were durable`, `# TYPE ${name} histogram`];
  for (const { shard, figures } of shards) {
    if (figures === undefined) continue;
    let count = 0;
    for (const [i, bucket] of figures.appendBuckets.entries()) {
      count += bucket;
      lines.push(`${name}_bucket{shard="${shard}",le="${APPEND_BUCKETS_S[i] ?? "+Inf"}"} ${count}`);
    }
    lines.push(
      `${name}_sum{shard="${shard}"} ${figures.appendSeconds}`,
      `${name}_count{shard="${shard}"} ${count}`,
    );
  }
  return `${lines.join("\n")}\n`;
}
