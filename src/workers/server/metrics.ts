/**
 * Every metric of the server, and its Prometheus text. The parts of the server count, and hand over plain numbers. A
 * client library would count each request a second time, and cannot take a histogram that was counted on another thread.
 *
 * Sums over shards and gateways are left to the scraper. A counter of a shard begins at 0 again when the shard restarts.
 */
import { QUOTA_NAMES } from "../../actors/quotas/default-quotas.ts";
import type { ArchiveStats } from "../../archive/service/archive-protocol.ts";
import { BOUNDS_MS, type RequestCounts } from "../../http/log/request-metrics.ts";
import type { GatewayStatus } from "../gateways/gateway-supervisor.ts";
import { APPEND_BUCKETS_S, type ShardStats } from "../shard/stats.ts";
import type { LastSnapshot } from "./snapshot-keeper.ts";

export type MetricSources = Readonly<{
  shards: readonly Readonly<{
    shard: number;
    status: string;
    restarts: number;
    hangs: number;
    /** `undefined` if the shard has never answered. */
    stats: ShardStats | undefined;
  }>[];
  archive: ArchiveStats;
  /** Gateways 1 … n. Gateway 0 runs on the main thread and ends with the server. */
  gateways: readonly GatewayStatus[];
  /** `undefined` if the log is in memory. */
  snapshots:
    | Readonly<{ taken: number; failures: number; newest: readonly (readonly [number, LastSnapshot])[] }>
    | undefined;
  clock: Readonly<{ isFollowed: boolean; differenceMs: number }>;
  requests: RequestCounts;
  droppedLines: number;
}>;

type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [labels: Labels, value: number];
/** `counts`: observations per bucket. */
type Distribution = readonly [labels: Labels, counts: readonly number[], sum: number];

/** `undefined`: this server does not have the metric. */
type Read<S, T> = (sources: S) => readonly T[] | undefined;
/** A metric, as a function that renders it. */
type Metric<S> = (sources: S) => string;

const gauge = (name: string, help: string, read: Read<MetricSources, Sample>): Metric<MetricSources> =>
  scalar("gauge", name, help, read);
const counter = (name: string, help: string, read: Read<MetricSources, Sample>): Metric<MetricSources> =>
  scalar("counter", name, help, read);

const REQUESTS: Metric<Pick<MetricSources, "requests">> = histogram(
  "daybook_http_request_duration_seconds",
  "Time from the request's head to its answer.",
  BOUNDS_MS.map((ms) => ms / 1000),
  ({ requests }) =>
    requests.map(({ group, status, counts, sumMs }) => [{ group, status }, counts, sumMs / 1000]),
);

const METRICS: readonly Metric<MetricSources>[] = [
  gauge("daybook_accounts", "Accounts in memory", ofStats("accounts")),
  gauge("daybook_idempotency_keys", "Idempotency keys remembered", ofStats("keys")),
  gauge("daybook_pending_transfers", "Pending transfers", ofStats("pending")),
  gauge("daybook_reservations", "Reservations for transfers of other shards", ofStats("reservations")),
  gauge("daybook_mailbox_depth", "Requests that wait for room in a batch", ofStats("mailboxDepth")),
  gauge("daybook_log_ahead_seconds", "How far log time is ahead of the wall clock", ({ shards }) =>
    shards.flatMap(({ shard, stats }) => (stats ? [[{ shard }, stats.clockAheadMs / 1000]] : [])),
  ),
  gauge("daybook_heap_bytes", "Heap of the shard's thread or process", ofStats("heapBytes")),
  gauge(
    "daybook_kept_bytes",
    "Bytes in memory that count against the quotas of all partners",
    ofStats("keptBytes"),
  ),
  gauge("daybook_records", "Records logged since the log began", ofStats("records")),
  gauge("daybook_epoch", "Epoch under which the shard writes", ofStats("epoch")),
  counter("daybook_commands_total", "Commands decided and logged", ofStats("commands")),
  counter("daybook_rejections_total", "Commands refused by a rule of the ledger", ofStats("rejections")),
  counter("daybook_replays_total", "Commands answered from their idempotency key", ofStats("replays")),
  counter(
    "daybook_heap_refusals_total",
    "Commands refused because the shard is short of memory",
    ofStats("heapRefusals"),
  ),
  counter("daybook_reads_total", "Reads answered from memory", ofStats("reads")),
  counter("daybook_batches_total", "Batches made durable", ofStats("batches")),
  counter("daybook_log_bytes_total", "Bytes made durable", ofStats("bytes")),
  counter(
    "daybook_quota_exceeded_total",
    "Commands refused because a quota of their partner is used up",
    ({ shards }) =>
      shards.flatMap(({ shard, stats }) =>
        QUOTA_NAMES.map((quota) => [{ shard, quota }, stats?.quotaExceeded[quota] ?? 0] as const),
      ),
  ),
  counter("daybook_shard_restarts_total", "Restarts of a shard", ({ shards }) =>
    shards.map(({ shard, restarts }) => [{ shard }, restarts]),
  ),
  gauge("daybook_shard_hung", "Whether a shard does not answer", ({ shards }) =>
    shards.map(({ shard, status }) => [{ shard }, status === "hung" ? 1 : 0]),
  ),
  counter("daybook_shard_hangs_total", "Number of times that a shard has stopped answering", ({ shards }) =>
    shards.map(({ shard, hangs }) => [{ shard }, hangs]),
  ),
  histogram(
    "daybook_append_seconds",
    "How long appends took until they were durable",
    APPEND_BUCKETS_S,
    ({ shards }: MetricSources) =>
      shards.flatMap(({ shard, stats }) =>
        stats ? [[{ shard }, stats.appendBuckets, stats.appendSeconds]] : [],
      ),
  ),
  counter("daybook_archive_batches_total", "Batches stored", ({ archive }) => one(archive.batchesStored)),
  counter("daybook_archive_bytes_total", "Bytes stored", ({ archive }) => one(archive.bytesStored)),
  counter("daybook_archive_transfers_total", "Transfers indexed", ({ archive }) =>
    one(archive.transfersIndexed),
  ),
  counter("daybook_archive_index_rebuilds_total", "Rebuilds of a damaged index", ({ archive }) =>
    one(archive.indexRebuilds),
  ),
  counter("daybook_archive_scrub_passes_total", "Completed checks of all stored batches", ({ archive }) =>
    one(archive.scrub.passes),
  ),
  gauge("daybook_archive_records_waiting", "Records stored but not indexed yet", ({ archive }) =>
    one(archive.recordsWaiting),
  ),
  gauge("daybook_archive_damaged_batches", "Stored batches that are damaged", ({ archive }) =>
    one(archive.damage.count),
  ),
  gauge("daybook_archive_scrubbed_batches", "Stored batches checked in this pass", ({ archive }) =>
    one(archive.scrub.batches),
  ),
  gauge("daybook_archive_stored_batches", "Batches that a pass has to check", ({ archive }) =>
    one(archive.scrub.of),
  ),
  gauge(
    "daybook_gateway_serving",
    "Whether a gateway accepts connections",
    ofGateways(({ serves }) => (serves ? 1 : 0)),
  ),
  gauge(
    "daybook_gateway_hung",
    "Whether a gateway does not answer",
    ofGateways(({ isSilent }) => (isSilent ? 1 : 0)),
  ),
  counter(
    "daybook_gateway_restarts_total",
    "Restarts of a gateway",
    ofGateways(({ restarts }) => restarts),
  ),
  counter(
    "daybook_snapshots_total",
    "Snapshots that were taken",
    ({ snapshots }) => snapshots && one(snapshots.taken),
  ),
  counter(
    "daybook_snapshot_failures_total",
    "Snapshots that could not be taken",
    ({ snapshots }) => snapshots && one(snapshots.failures),
  ),
  gauge("daybook_snapshot_records", "Records up to the newest snapshot", ({ snapshots }) =>
    snapshots?.newest.map(([shard, { records }]) => [{ shard }, records]),
  ),
  gauge("daybook_snapshot_bytes", "Size of the newest snapshot", ({ snapshots }) =>
    snapshots?.newest.map(([shard, { bytes }]) => [{ shard }, bytes]),
  ),
  gauge("daybook_clock_followed", "Whether log time follows the wall clock", ({ clock }) =>
    one(clock.isFollowed ? 1 : 0),
  ),
  gauge(
    "daybook_clock_difference_seconds",
    "Wall clock minus its expected time by the time since boot",
    ({ clock }) => one(clock.differenceMs / 1000),
  ),
  REQUESTS,
  counter("daybook_request_lines_dropped_total", "Lines of the log that were lost", ({ droppedLines }) =>
    one(droppedLines),
  ),
];

export function renderMetrics(sources: MetricSources): string {
  return METRICS.map((metric) => metric(sources)).join("");
}

/** The metrics of a server that is starting. */
export function renderRequests(requests: RequestCounts): string {
  return REQUESTS({ requests });
}

/** The name of a figure that is a number in the statistics of a shard. */
type Figure = { [K in keyof ShardStats]: ShardStats[K] extends number ? K : never }[keyof ShardStats];

function ofStats(figure: Figure): Read<MetricSources, Sample> {
  return ({ shards }) => shards.flatMap(({ shard, stats }) => (stats ? [[{ shard }, stats[figure]]] : []));
}

function ofGateways(valueOf: (status: GatewayStatus) => number): Read<MetricSources, Sample> {
  return ({ gateways }) =>
    gateways.length === 0
      ? undefined
      : gateways.map((status) => [{ gateway: status.gateway }, valueOf(status)]);
}

function one(value: number): readonly Sample[] {
  return [[{}, value]];
}

function scalar<S>(type: "gauge" | "counter", name: string, help: string, read: Read<S, Sample>): Metric<S> {
  return (sources) =>
    textOf(
      type,
      name,
      help,
      read(sources)?.map(([labels, value]) => line(name, labels, value)),
    );
}

/** @param bounds upper bounds of the buckets, in the unit of the metric; the last bucket has none. */
function histogram<S>(
  name: string,
  help: string,
  bounds: readonly number[],
  read: Read<S, Distribution>,
): Metric<S> {
  function linesOf([labels, counts, sum]: Distribution): string[] {
    let count = 0;
    const buckets = [...bounds, "+Inf"].map((le, bucket) => {
      count += counts[bucket] ?? 0;
      return line(`${name}_bucket`, { ...labels, le }, count);
    });
    return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, count)];
  }
  return (sources) => textOf("histogram", name, help, read(sources)?.flatMap(linesOf));
}

function textOf(type: string, name: string, help: string, lines: readonly string[] | undefined): string {
  if (lines === undefined) return "";
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
}
