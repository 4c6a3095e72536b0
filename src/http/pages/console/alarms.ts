/**
 * The alarms of deploy/prometheus/rules.yml that can be judged from the metrics of this moment, and from how counters grew
 * since the console was opened. Those over long times are left to Prometheus.
 */
import type { MetricsText } from "./metrics-text.ts";

export type Severity = "page" | "ticket";
export type Alarm = Readonly<{ alert: string; severity: Severity; summary: string; detail: string }>;

/** `is`: how the metric compares with the bound, written as in the rules. The bound may be a metric of the same shard. */
export type GaugeRule = Readonly<{
  alert: string;
  severity: Severity;
  summary: string;
  metric: string;
  is: ">" | "==" | "<";
  bound: string;
}>;

export const GAUGE_RULES: readonly GaugeRule[] = [
  gauge("NotReady", "page", "not ready", "daybook_ready", "==", "0"),
  gauge("ShardHangs", "page", "shards hang", "daybook_shard_hung", "==", "1"),
  gauge("BooksUnbalanced", "page", "the books do not balance", "daybook_books_balanced", "==", "0"),
  gauge(
    "TooFewReplicas",
    "page",
    "too few replicas of a log",
    "daybook_log_replicas",
    "<",
    "daybook_log_replicas_required",
  ),
  gauge("RequestsQueue", "ticket", "requests queue", "daybook_mailbox_depth", ">", "10000"),
  gauge("ArchiveDamaged", "ticket", "archive damaged", "daybook_archive_damaged_batches", ">", "0"),
  gauge("ArchiveBehind", "ticket", "archive behind", "daybook_archive_records_waiting", ">", "1e6"),
  gauge("KeysNearBound", "ticket", "keys near their bound", "daybook_idempotency_keys", ">", "12e6"),
  gauge("OpenHoldsAccumulate", "ticket", "open holds accumulate", "daybook_pending_transfers", ">", "1e6"),
  gauge(
    "ShardBlocked",
    "ticket",
    "a shard's thread is blocked",
    "daybook_event_loop_delay_seconds",
    ">",
    "0.1",
  ),
  gauge("Heap", "ticket", "heap", "daybook_heap_bytes", ">", "3e9"),
  gauge("Gateways", "ticket", "gateways", "daybook_gateway_serving", "==", "0"),
  gauge("Gateways", "ticket", "gateways", "daybook_gateway_hung", "==", "1"),
  gauge("StatisticsBehind", "ticket", "statistics behind", "daybook_statistics_lag_seconds", ">", "600"),
  gauge("WebhooksLate", "ticket", "webhooks are late", "daybook_webhook_lag_seconds", ">", "60"),
  gauge("TopupsUnknown", "ticket", "top-ups are unknown", "daybook_topup_unknown_age_seconds", ">", "900"),
  gauge("Clock", "ticket", "the clock", "daybook_clock_followed", "==", "0"),
  gauge("Clock", "ticket", "the clock", "daybook_log_ahead_seconds", ">", "60"),
];

/** `window`: that of the rule, as written there. The console sees at most its own history of it. */
export type IncreaseRule = Readonly<{
  alert: string;
  severity: Severity;
  summary: string;
  metric: string;
  window: string;
  bound: string;
}>;

export const INCREASE_RULES: readonly IncreaseRule[] = [
  increase("ShardsRestart", "page", "shards restart", "daybook_shard_restarts_total", "10m", "2"),
  increase("ShardHangs", "page", "shards hang", "daybook_shard_hangs_total", "1h", "0"),
  increase("SnapshotsFail", "ticket", "snapshots fail", "daybook_snapshot_failures_total", "15m", "0"),
  increase("PartnerAtQuota", "ticket", "a partner is at a quota", "daybook_quota_exceeded_total", "15m", "0"),
  increase(
    "ShardShortOfMemory",
    "ticket",
    "shard short of memory",
    "daybook_heap_refusals_total",
    "15m",
    "0",
  ),
  increase(
    "LogLinesDropped",
    "ticket",
    "log lines are dropped",
    "daybook_request_lines_dropped_total",
    "15m",
    "0",
  ),
  increase(
    "WebhooksRestarted",
    "ticket",
    "webhooks are restarted",
    "daybook_webhook_restarts_total",
    "1h",
    "3",
  ),
  increase(
    "TopupConflict",
    "ticket",
    "the operator contradicts a decision",
    "daybook_topup_conflicts",
    "15m",
    "0",
  ),
  increase("EventsParked", "ticket", "events are parked", "daybook_webhook_parked_total", "1h", "0"),
  increase("Gateways", "ticket", "gateways", "daybook_gateway_restarts_total", "1h", "3"),
];

function gauge(
  alert: string,
  severity: Severity,
  summary: string,
  metric: string,
  is: GaugeRule["is"],
  bound: string,
): GaugeRule {
  return { alert, severity, summary, metric, is, bound };
}

function increase(
  alert: string,
  severity: Severity,
  summary: string,
  metric: string,
  window: string,
  bound: string,
): IncreaseRule {
  return { alert, severity, summary, metric, window, bound };
}

/** Sums of the counters that the rules watch. */
export type Counters = Readonly<Record<string, number>>;

export function countersOf(metrics: MetricsText): Counters {
  return Object.fromEntries(INCREASE_RULES.map(({ metric }) => [metric, metrics.sum(metric)]));
}

/** @param before the counters when the history began. */
export function alarmsOf(metrics: MetricsText, before: Counters): readonly Alarm[] {
  const now = countersOf(metrics);
  return [
    ...GAUGE_RULES.flatMap((rule) => gaugeAlarm(rule, metrics)),
    ...INCREASE_RULES.flatMap((rule) => increaseAlarm(rule, now, before)),
  ];
}

const COMPARISONS = {
  ">": (value, limit) => value > limit,
  "==": (value, limit) => value === limit,
  "<": (value, limit) => value < limit,
} satisfies Record<GaugeRule["is"], (value: number, limit: number) => boolean>;

function gaugeAlarm({ metric, is, bound, ...named }: GaugeRule, metrics: MetricsText): readonly Alarm[] {
  const limits = metrics.all(bound);
  const broken = metrics.all(metric).filter(({ value, labels }) => {
    const limit = limits.find((each) => each.labels["shard"] === labels["shard"])?.value ?? Number(bound);
    return COMPARISONS[is](value, limit);
  });
  const [first] = broken;
  if (first === undefined) return [];
  const where = first.labels["shard"] === undefined ? "" : ` on shard ${first.labels["shard"]}`;
  return [{ ...named, detail: `${metric} is ${Number(first.value.toPrecision(3))}${where}` }];
}

function increaseAlarm(
  { metric, bound, ...named }: IncreaseRule,
  now: Counters,
  before: Counters,
): readonly Alarm[] {
  const grown = (now[metric] ?? 0) - (before[metric] ?? 0);
  if (grown <= Number(bound)) return [];
  const { alert, severity, summary } = named;
  return [{ alert, severity, summary, detail: `${metric} grew by ${grown} since this page began to watch` }];
}
