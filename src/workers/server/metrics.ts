/**
 * Every metric of the server, and its Prometheus text. The parts of the server count, and hand over plain numbers. A
 * client library would count each request a second time, and cannot take a histogram that was counted on another thread.
 *
 * Sums over shards and gateways are left to the scraper. A counter of a shard begins at 0 again when the shard restarts.
 */
import { QUOTA_NAMES } from "../../actors/quotas/default-quotas.ts";
import type { ArchiveStats } from "../../archive/service/archive-protocol.ts";
import type { TrialBalance } from "../../gateway/ports.ts";
import { BOUNDS_MS, type RequestCounts } from "../../http/log/request-metrics.ts";
import type { LogReplicas } from "../../wal/wal.ts";
import type { GatewayStatus } from "../gateways/gateway-supervisor.ts";
import type { OperatorStatus } from "../operator/operator-desk.ts";
import type { Recovery } from "../recovery/recover.ts";
import { APPEND_BUCKETS_S, BATCH_BUCKETS, type Counted, type ShardStats } from "../shard/stats.ts";
import type { WebhookStatus } from "../webhooks/webhook-supervisor.ts";
import { renderOperator } from "./operator-metrics.ts";
import { type ProcessStats, renderProcess } from "./process-metrics.ts";
import { type Histogram, histogram, type Metric, scalars } from "./prometheus-text.ts";
import type { LastSnapshot } from "./snapshot-keeper.ts";

/** `stats`: `undefined` if the shard has never answered. */
type Shard = Readonly<{
  shard: number;
  status: string;
  restarts: number;
  hangs: number;
  recovery: Recovery;
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
  /** `undefined` if top-ups are completed without an operator. */
  operator: OperatorStatus | undefined;
  clock: Clock;
  isReady: boolean;
  /** At the last check; `undefined` before the first one. */
  books: TrialBalance | undefined;
  /** Age of the last complete minute; `undefined` if there are no statistics. */
  statisticsLagMs: number | undefined;
  process: ProcessStats;
  requests: RequestCounts;
  droppedLines: number;
}>;

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
  ["daybook_replays_total", "Commands answered from their idempotency key", (of) => of.replays],
  [
    "daybook_heap_refusals_total",
    "Commands refused because the shard is short of memory",
    (of) => of.heapRefusals,
  ],
  ["daybook_reads_total", "Reads answered from memory", (of) => of.reads],
  [
    "daybook_messages_in_transit",
    "Messages to other shards not acknowledged yet",
    (of) => of.messagesInTransit,
  ],
  ["daybook_undurable_records", "Records that were decided and are not durable yet", (of) => of.undurable],
  [
    "daybook_durable_lag_seconds",
    "How long the append in flight has taken so far",
    (of) => of.undurableMs / 1000,
  ],
  [
    "daybook_event_loop_delay_seconds",
    "Delay of the shard's event loop, the 99th percentile of ten seconds",
    (of) => of.loopDelayMs / 1000,
  ],
  ["daybook_batches_total", "Batches made durable", (of) => sumOf(of.batchBuckets)],
  ["daybook_log_bytes_total", "Bytes made durable", (of) => of.bytes],
];

const OF_REPLICAS: readonly Metric<LogReplicas>[] = [
  ["daybook_log_replicas", "Replicas of the log's primary that follow it", (of) => of.following],
  [
    "daybook_log_replicas_required",
    "Replicas that must confirm an entry before it counts: WAL_REPLICAS",
    (of) => of.required,
  ],
];

const OF_COMMANDS: readonly Metric<number>[] = [
  ["daybook_commands_total", "Commands decided and logged, by programme or operation", Number],
];
const OF_REJECTIONS: readonly Metric<number>[] = [
  ["daybook_rejections_total", "Commands refused by a rule of the ledger, by code", Number],
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
  [
    "daybook_recovery_seconds",
    "How long the last start of a shard took until it served",
    (of) => of.recovery.totalMs / 1000,
  ],
  ["daybook_recovery_records", "Records replayed by the last start of a shard", (of) => of.recovery.replayed],
];

const OF_ARCHIVED: readonly Metric<number>[] = [
  ["daybook_archive_lag_seconds", "Log time that the archive is behind the shard's durable batches", Number],
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

const OF_SERVER: readonly Metric<boolean>[] = [["daybook_ready", "Whether /readyz answers with 200", Number]];

const OF_STATISTICS: readonly Metric<number>[] = [
  ["daybook_statistics_lag_seconds", "Age of the last complete minute of the statistics", (ms) => ms / 1000],
];

const OF_BOOKS: readonly Metric<boolean>[] = [
  [
    "daybook_books_balanced",
    "Whether the balances of all accounts and amounts in transit add up to 0",
    Number,
  ],
];
const OF_TRANSIT: readonly Metric<bigint>[] = [
  [
    "daybook_in_transit",
    "Amounts between shards, in minor units, at the last check of the books",
    (amount) => amount,
  ],
];

const OF_ROUTES: readonly Metric<number>[] = [
  ["daybook_http_requests_total", "Requests by method, route and status", Number],
];

const OF_LINES: readonly Metric<number>[] = [
  ["daybook_request_lines_dropped_total", "Lines of the log that were lost", Number],
];

const APPENDS: Histogram = {
  name: "daybook_append_seconds",
  help: "How long appends took until they were durable",
  bounds: APPEND_BUCKETS_S,
};
const BATCHES: Histogram = {
  name: "daybook_batch_records",
  help: "Records in a batch that was made durable",
  bounds: BATCH_BUCKETS,
};
const REQUESTS: Histogram = {
  name: "daybook_http_request_duration_seconds",
  help: "Time from the request's head to its answer.",
  bounds: BOUNDS_MS.map((ms) => ms / 1000),
};

export function renderMetrics(sources: MetricSources): string {
  const { archive, gateways, snapshots, webhooks, clock, requests, droppedLines } = sources;
  return [
    renderShards(sources),
    scalars(OF_ARCHIVE, [[{}, archive]]),
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
    scalars(OF_WEBHOOKS, webhooks === undefined ? [] : [[{}, webhooks]]),
    scalars(
      OF_TRIES,
      (["delivered", "failed"] as const).flatMap((result) =>
        webhooks === undefined ? [] : [[{ result }, webhooks[result]] as const],
      ),
    ),
    renderOperator(sources.operator),
    scalars(OF_CLOCK, [[{}, clock]]),
    scalars(OF_SERVER, [[{}, sources.isReady]]),
    renderBooks(sources.books),
    scalars(OF_STATISTICS, sources.statisticsLagMs === undefined ? [] : [[{}, sources.statisticsLagMs]]),
    renderRequests(requests),
    scalars(OF_LINES, [[{}, droppedLines]]),
    renderProcess(sources.process),
  ].join("");
}

function renderShards({ shards, archive }: MetricSources): string {
  const answered = shards.flatMap(({ shard, stats }) =>
    stats === undefined ? [] : [[{ shard }, stats] as const],
  );
  const each = (label: string, countsOf: (stats: ShardStats) => readonly Counted[]) =>
    answered.flatMap(([{ shard }, stats]) =>
      countsOf(stats).map(([name, count]) => [{ shard, [label]: name }, count] as const),
    );
  const archivedMs = new Map(archive.shards.map(({ shard, storedTimeMs }) => [shard, storedTimeMs]));
  return [
    scalars(OF_STATS, answered),
    scalars(
      OF_REPLICAS,
      answered.flatMap(([labels, { logReplicas }]) =>
        logReplicas === undefined ? [] : [[labels, logReplicas] as const],
      ),
    ),
    scalars(
      OF_COMMANDS,
      each("kind", ({ commands }) => commands),
    ),
    scalars(
      OF_REJECTIONS,
      each("code", ({ rejections }) => rejections),
    ),
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
    scalars(
      OF_ARCHIVED,
      answered.map(([labels, { durableMs }]) => {
        const lagMs = durableMs - (archivedMs.get(labels.shard) ?? durableMs);
        return [labels, Math.max(0, lagMs) / 1000];
      }),
    ),
    histogram(
      APPENDS,
      answered.map(([labels, stats]) => [labels, stats.appendBuckets, stats.appendSeconds]),
    ),
    histogram(
      BATCHES,
      answered.map(([labels, stats]) => [
        labels,
        stats.batchBuckets,
        sumOf(stats.commands.map(([, count]) => count)),
      ]),
    ),
  ].join("");
}

function renderBooks(books: TrialBalance | undefined): string {
  const assets = Object.entries(books?.assets ?? {});
  const isBalanced = assets.every(([, { sum, inTransit }]) => sum + inTransit === 0n);
  return [
    scalars(OF_BOOKS, books === undefined ? [] : [[{}, isBalanced]]),
    scalars(
      OF_TRANSIT,
      assets.map(([asset, { inTransit }]) => [{ asset }, inTransit]),
    ),
  ].join("");
}

/** The metrics of a server that is starting. */
export function renderRequests({ durations, routes, refusals }: RequestCounts): string {
  return [
    scalars(
      OF_REFUSALS,
      refusals.map(({ reason, count }) => [{ reason }, count]),
    ),
    scalars(
      OF_ROUTES,
      routes.map(({ method, route, status, requests }) => [{ method, route, status }, requests]),
    ),
    histogram(
      REQUESTS,
      durations.map(({ group, status, counts, sumMs }) => [{ group, status }, counts, sumMs / 1000]),
    ),
  ].join("");
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
