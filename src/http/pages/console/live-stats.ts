/**
 * What the overview shows of the server at this moment, and its last minutes. Samples are taken only while somebody looks,
 * at most one a second for all of them together, so the cost does not grow with the number of open consoles.
 */
import type { Operations, ShardStatus } from "../../../gateway/ports.ts";
import type { Clock } from "../../clock.ts";
import { type Alarm, alarmsOf, type Counters, countersOf } from "./alarms.ts";
import { MetricsText } from "./metrics-text.ts";

const SAMPLE_MS = 950;
export const HISTORY_MS = 10 * 60 * 1000;
const HISTORY_MAX = HISTORY_MS / 1000;
/** Latency and rates are over this time, so that they do not jump with each sample. */
const RATE_MS = 5_000;

const COMMANDS = "daybook_commands_total";
const LATENCY = "daybook_http_request_duration_seconds_bucket";

type Sample = Readonly<{
  atMs: number;
  elapsedMs: number;
  commands: number;
  /** Answers to requests that move money, by the upper bound of their time in seconds. */
  latency: ReadonlyMap<number, number>;
  counters: Counters;
  /** Commands per second over the last seconds; `null` for the first sample. */
  rate: number | null;
}>;

export type Live = Readonly<{
  atMs: number;
  isReady: boolean;
  reasons: readonly string[];
  warnings: readonly string[];
  shards: readonly (ShardStatus & Readonly<{ lagMs: number }>)[];
  /** `undefined` before the first check. */
  isBalanced: boolean | undefined;
  /** Commands per second. */
  rate: number;
  /** The quantiles of the last seconds, in ms; `undefined` without requests. */
  p50Ms: number | undefined;
  p99Ms: number | undefined;
  accounts: number;
  pending: number;
  waiting: number;
  archiveWaiting: number;
  alarms: readonly Alarm[];
}>;

export class LiveStats {
  readonly #operations: Operations;
  readonly #clock: Clock;
  #history: Sample[] = [];
  #newest: Promise<Live> | undefined;
  #takenMs = Number.NEGATIVE_INFINITY;

  constructor(operations: Operations, clock: Clock) {
    this.#operations = operations;
    this.#clock = clock;
  }

  read(): Promise<Live> {
    const nowMs = this.#clock.elapsedMs();
    if (this.#newest === undefined || nowMs - this.#takenMs >= SAMPLE_MS) {
      this.#takenMs = nowMs;
      this.#newest = this.#take();
      // A failed one must not be shown again.
      this.#newest.catch(() => (this.#newest = undefined));
    }
    return this.#newest;
  }

  /** Times in seconds since 1970, and commands per second, oldest first. */
  get points(): readonly [readonly number[], readonly number[]] {
    const shown = this.#history.filter(({ rate }) => rate !== null);
    return [
      shown.map(({ atMs }) => Math.round(atMs / 1000)),
      shown.map(({ rate }) => Math.round((rate ?? 0) * 10) / 10),
    ];
  }

  async #take(): Promise<Live> {
    const [text, shards] = await Promise.all([this.#operations.metrics(), this.#operations.shards()]);
    const metrics = new MetricsText(text);
    const sample = this.#add(metrics);
    const lags = new Map(
      metrics
        .all("daybook_durable_lag_seconds")
        .map(({ labels, value }) => [Number(labels["shard"]), value * 1000]),
    );
    const reasons = this.#operations.unready();
    const [balanced] = metrics.values("daybook_books_balanced");
    const since = this.#since(sample, RATE_MS);
    const latency = difference(sample.latency, since?.latency);
    return {
      atMs: sample.atMs,
      isReady: reasons.length === 0,
      reasons,
      warnings: this.#operations.warnings(),
      shards: shards.map((shard) => ({ ...shard, lagMs: lags.get(shard.shard) ?? 0 })),
      isBalanced: balanced === undefined ? undefined : balanced === 1,
      rate: sample.rate ?? 0,
      p50Ms: quantileMs(latency, 0.5),
      p99Ms: quantileMs(latency, 0.99),
      accounts: metrics.sum("daybook_accounts"),
      pending: metrics.sum("daybook_pending_transfers"),
      waiting: metrics.sum("daybook_mailbox_depth"),
      archiveWaiting: metrics.sum("daybook_archive_records_waiting"),
      alarms: alarmsOf(metrics, this.#history[0]?.counters ?? {}),
    };
  }

  #add(metrics: MetricsText): Sample {
    const elapsedMs = this.#clock.elapsedMs();
    const before =
      this.#history.find((each) => elapsedMs - each.elapsedMs <= RATE_MS) ?? this.#history.at(-1);
    const taken = {
      atMs: this.#clock.nowMs(),
      elapsedMs,
      commands: metrics.sum(COMMANDS),
      latency: latencyOf(metrics),
      counters: countersOf(metrics),
    };
    const sample = { ...taken, rate: before === undefined ? null : rateOf(before, taken) };
    this.#history = [...this.#history, sample]
      .filter((each) => elapsedMs - each.elapsedMs <= HISTORY_MS)
      .slice(-HISTORY_MAX);
    return sample;
  }

  /** The oldest sample of the last `ms` before this one, or else the one before it. */
  #since(sample: Sample, ms: number): Sample | undefined {
    const earlier = this.#history.filter((each) => each !== sample);
    return earlier.find(({ elapsedMs }) => sample.elapsedMs - elapsedMs <= ms) ?? earlier.at(-1);
  }
}

type Rated = Pick<Sample, "commands" | "elapsedMs">;

/** A counter begins at 0 again when its shard restarts: that is no negative rate. */
function rateOf(before: Rated, after: Rated): number {
  const ms = after.elapsedMs - before.elapsedMs;
  return ms <= 0 ? 0 : (Math.max(0, after.commands - before.commands) * 1000) / ms;
}

function latencyOf(metrics: MetricsText): ReadonlyMap<number, number> {
  const sums = new Map<number, number>();
  for (const { labels, value } of metrics.all(LATENCY)) {
    if (labels["group"] !== "transfers" && labels["group"] !== "batch") continue;
    const bound = labels["le"] === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels["le"]);
    sums.set(bound, (sums.get(bound) ?? 0) + value);
  }
  return sums;
}

function difference(
  now: ReadonlyMap<number, number>,
  before: ReadonlyMap<number, number> = new Map(),
): ReadonlyMap<number, number> {
  return new Map([...now].map(([bound, value]) => [bound, value - (before.get(bound) ?? 0)]));
}

/** By linear interpolation in the bucket, as Prometheus does. `counts` are cumulative. */
export function quantileMs(counts: ReadonlyMap<number, number>, q: number): number | undefined {
  const buckets = [...counts].toSorted(([a], [b]) => a - b);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total <= 0) return undefined;
  const rank = q * total;
  let [lowS, lowCount] = [0, 0];
  for (const [boundS, counted] of buckets) {
    if (counted >= rank) {
      if (!Number.isFinite(boundS)) return lowS * 1000;
      const share = counted === lowCount ? 1 : (rank - lowCount) / (counted - lowCount);
      return (lowS + (boundS - lowS) * share) * 1000;
    }
    [lowS, lowCount] = [boundS, counted];
  }
  return lowS * 1000;
}
