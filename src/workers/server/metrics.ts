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
import type { WebhookStatus } from "../webhooks/webhook-supervisor.ts";
import type { LastSnapshot } from "./snapshot-keeper.ts";

/** `stats`: `undefined` if the shard has never answered. */
type Shard = Readonly<{
  shard: number;
  status: string;
  restarts: number;
  hangs: number;
  stats: ShardStats | undefined;
}>;
type Snapshots = Readonly<{
  taken: number;
  failures: number;
  newest: readonly (readonly [shard: number, snapshot: LastSnapshot])[];
}>;
type Clock = Readonly<{ isFollowed: boolean; differenceMs: number }>;

export type MetricSources = Readonly<{
  shards: readonly Shard[];
  archive: ArchiveStats;
  /** Gateways 1 … n. Gateway 0 runs on the main thread and ends with the server. */
  gateways: readonly GatewayStatus[];
  /** `undefined` if the log is in memory. */
  snapshots: Snapshots | undefined;
  /** `undefined` if the server has had no webhooks. */
  webhooks: WebhookStatus | undefined;
  clock: Clock;
  requests: RequestCounts;
  droppedLines: number;
}>;

/** A counter if the name ends in `_total`, otherwise a gauge. */
type Metric<T> = readonly [name: string, help: string, valueOf: (source: T) => number];

const OF_STATS: readonly Metric<ShardStats>[] = [
  ["daybook_accounts", "Accounts in memory", (of) => of.accounts],
  ["daybook_idempotency_keys", "Idempotency keys remembered", (of) => of.keys],
  ["daybook_pending_transfers", "Pending transfers", (of) => of.pending],
  ["daybook_reservations", "Reservations for transfers of other shards", (of) => of.reservations],
  ["daybook_mailbox_depth", "Requests that wait for room in a batch", (of) => of.mailboxDepth],
  [
    "daybook_log_ahead_seconds",
    "How far log time is ahead of the wall clock",
    (of) => of.clockAheadMs / 1000,
  ],
  ["daybook_heap_bytes", "Heap of the shard's thread or process", (of) => of.heapBytes],
  [
    "daybook_kept_bytes",
    "Bytes in memory that count against the quotas of all partners",
    (of) => of.keptBytes,
  ],
  ["daybook_records", "Records logged since the log began", (of) => of.records],
  ["daybook_epoch", "Epoch under which the shard writes", (of) => of.epoch],
  ["daybook_commands_total", "Commands decided and logged", (of) => of.commands],
  ["daybook_rejections_total", "Commands refused by a rule of the ledger", (of) => of.rejections],
  ["daybook_replays_total", "Commands answered from their idempotency key", (of) => of.replays],
  [
    "daybook_heap_refusals_total",
    "Commands refused because the shard is short of memory",
    (of) => of.heapRefusals,
  ],
  ["daybook_reads_total", "Reads answered from memory", (of) => of.reads],
  ["daybook_batches_total", "Batches made durable", (of) => of.batches],
  ["daybook_log_bytes_total", "Bytes made durable", (of) => of.bytes],
];

const OF_QUOTAS: readonly Metric<number>[] = [
  ["daybook_quota_exceeded_total", "Commands refused because a quota of their partner is used up", Number],
];

const OF_REFUSALS: readonly Metric<number>[] = [
  ["daybook_refusals_total", "Requests refused for a bound or for lack of resources", Number],
];

const OF_SHARDS: readonly Metric<Shard>[] = [
  ["daybook_shard_restarts_total", "Restarts of a shard", (of) => of.restarts],
  ["daybook_shard_hung", "Whether a shard does not answer", (of) => Number(of.status === "hung")],
  ["daybook_shard_hangs_total", "Number of times that a shard has stopped answering", (of) => of.hangs],
];

const OF_ARCHIVE: readonly Metric<ArchiveStats>[] = [
  ["daybook_archive_batches_total", "Batches stored", (of) => of.batchesStored],
  ["daybook_archive_bytes_total", "Bytes stored", (of) => of.bytesStored],
  ["daybook_archive_transfers_total", "Transfers indexed", (of) => of.transfersIndexed],
  ["daybook_archive_index_rebuilds_total", "Rebuilds of a damaged index", (of) => of.indexRebuilds],
  ["daybook_archive_scrub_passes_total", "Completed checks of all stored batches", (of) => of.scrub.passes],
  ["daybook_archive_records_waiting", "Records stored but not indexed yet", (of) => of.recordsWaiting],
  ["daybook_archive_damaged_batches", "Stored batches that are damaged", (of) => of.damage.count],
  ["daybook_archive_scrubbed_batches", "Stored batches checked in this pass", (of) => of.scrub.batches],
  ["daybook_archive_stored_batches", "Batches that a pass has to check", (of) => of.scrub.of],
];

const OF_GATEWAYS: readonly Metric<GatewayStatus>[] = [
  ["daybook_gateway_serving", "Whether a gateway accepts connections", (of) => Number(of.serves)],
  ["daybook_gateway_hung", "Whether a gateway does not answer", (of) => Number(of.isSilent)],
  ["daybook_gateway_restarts_total", "Restarts of a gateway", (of) => of.restarts],
];

const OF_SNAPSHOTS: readonly Metric<Snapshots>[] = [
  ["daybook_snapshots_total", "Snapshots that were taken", (of) => of.taken],
  ["daybook_snapshot_failures_total", "Snapshots that could not be taken", (of) => of.failures],
];
const OF_NEWEST_SNAPSHOTS: readonly Metric<LastSnapshot>[] = [
  ["daybook_snapshot_records", "Records up to the newest snapshot", (of) => of.records],
  ["daybook_snapshot_bytes", "Size of the newest snapshot", (of) => of.bytes],
];

const OF_WEBHOOKS: readonly Metric<WebhookStatus>[] = [
  ["daybook_webhook_endpoints", "Enabled webhooks", (of) => of.endpoints],
  ["daybook_webhook_endpoints_down", "Webhooks whose endpoint accepts nothing at present", (of) => of.down],
  [
    "daybook_webhook_lag_seconds",
    "Age of the oldest event that an endpoint which is not down still has to get",
    (of) => of.lagMs / 1000,
  ],
  [
    "daybook_webhook_blocked_subjects",
    "Subjects whose events are held back because one of them has failed",
    (of) => of.blockedSubjects,
  ],
  ["daybook_webhook_parked_total", "Events that are not tried any more", (of) => of.parked],
  ["daybook_webhook_restarts_total", "Restarts of the thread that delivers webhooks", (of) => of.restarts],
];

const OF_TRIES: readonly Metric<number>[] = [
  ["daybook_webhook_tries_total", "Requests to endpoints of webhooks, by their result", Number],
];

const OF_CLOCK: readonly Metric<Clock>[] = [
  ["daybook_clock_followed", "Whether log time follows the wall clock", (of) => Number(of.isFollowed)],
  [
    "daybook_clock_difference_seconds",
    "Wall clock minus its expected time by the time since boot",
    (of) => of.differenceMs / 1000,
  ],
];

const OF_LINES: readonly Metric<number>[] = [
  ["daybook_request_lines_dropped_total", "Lines of the log that were lost", Number],
];

/** `bounds`: upper bounds of the buckets in seconds; the last bucket has none. */
type Histogram = Readonly<{ name: string; help: string; bounds: readonly number[] }>;

const APPENDS: Histogram = {
  name: "daybook_append_seconds",
  help: "How long appends took until they were durable",
  bounds: APPEND_BUCKETS_S,
};
const REQUESTS: Histogram = {
  name: "daybook_http_request_duration_seconds",
  help: "Time from the request's head to its answer.",
  bounds: BOUNDS_MS.map((ms) => ms / 1000),
};

export function renderMetrics(sources: MetricSources): string {
  const { shards, archive, gateways, snapshots, webhooks, clock, requests, droppedLines } = sources;
  const answered = shards.flatMap(({ shard, stats }) =>
    stats === undefined ? [] : [[{ shard }, stats] as const],
  );
  return [
    scalars(OF_STATS, answered),
    scalars(
      OF_QUOTAS,
      shards.flatMap(({ shard, stats }) =>
        QUOTA_NAMES.map((quota) => [{ shard, quota }, stats?.quotaExceeded[quota] ?? 0] as const),
      ),
    ),
    scalars(
      OF_SHARDS,
      shards.map((of) => [{ shard: of.shard }, of]),
    ),
    scalars(OF_ARCHIVE, [[{}, archive]]),
    histogram(
      APPENDS,
      answered.map(([labels, stats]) => [labels, stats.appendBuckets, stats.appendSeconds]),
    ),
    gateways.length === 0
      ? ""
      : scalars(
          OF_GATEWAYS,
          gateways.map((of) => [{ gateway: of.gateway }, of]),
        ),
    ...(snapshots === undefined
      ? []
      : [
          scalars(OF_SNAPSHOTS, [[{}, snapshots]]),
          scalars(
            OF_NEWEST_SNAPSHOTS,
            snapshots.newest.map(([shard, of]) => [{ shard }, of]),
          ),
        ]),
    ...(webhooks === undefined
      ? []
      : [
          scalars(OF_WEBHOOKS, [[{}, webhooks]]),
          scalars(OF_TRIES, [
            [{ result: "delivered" }, webhooks.delivered],
            [{ result: "failed" }, webhooks.failed],
          ]),
        ]),
    scalars(OF_CLOCK, [[{}, clock]]),
    renderRequests(requests),
    scalars(OF_LINES, [[{}, droppedLines]]),
  ].join("");
}

/** The metrics of a server that is starting. */
export function renderRequests(requests: RequestCounts): string {
  const durations = requests.filter((each) => "group" in each);
  const refusals = requests.filter((each) => "reason" in each);
  return [
    scalars(
      OF_REFUSALS,
      refusals.map(({ reason, count }) => [{ reason }, count]),
    ),
    histogram(
      REQUESTS,
      durations.map(({ group, status, counts, sumMs }) => [{ group, status }, counts, sumMs / 1000]),
    ),
  ].join("");
}

type Labels = Readonly<Record<string, string | number>>;

/** Renders metrics of one kind of source, with a sample for each source. */
function scalars<T>(
  metrics: readonly Metric<T>[],
  sources: readonly (readonly [labels: Labels, source: T])[],
): string {
  return metrics
    .map(([name, help, valueOf]) => {
      const lines = sources.map(([labels, source]) => line(name, labels, valueOf(source)));
      return textOf(name.endsWith("_total") ? "counter" : "gauge", name, help, lines);
    })
    .join("");
}

type Distribution = readonly [labels: Labels, countsByBucket: readonly number[], sum: number];

function histogram({ name, help, bounds }: Histogram, distributions: readonly Distribution[]): string {
  const lines = distributions.flatMap(([labels, counts, sum]) => {
    let count = 0;
    const buckets = [...bounds, "+Inf"].map((le, bucket) => {
      count += counts[bucket] ?? 0;
      return line(`${name}_bucket`, { ...labels, le }, count);
    });
    return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, count)];
  });
  return textOf("histogram", name, help, lines);
}

function textOf(type: string, name: string, help: string, lines: readonly string[]): string {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
}
