/** The results of the trials, as a table and as a JSON document. */
import { markdownTable } from "../support/markdown.ts";
import type { Trial } from "./trial.ts";

export type Row = Readonly<{
  isolation: string;
  shards: number;
  transfers_per_s: number;
  p50_ms: number;
  p99_ms: number;
  p999_ms: number;
  max_ms: number;
  /** Absent without /proc. */
  cores?: number;
  cpu_us?: Readonly<Record<string, number>>;
  idle_pss_mb?: number;
  pss_mb?: number;
  rss_peak_mb?: number;
  start_ms: number;
  recovery_ms: number;
  replayed: number;
  /** Answers of the other shards while one was down. `null`: they got no requests. */
  lost_by_others: number | null;
  served_by_others: number | null;
  accepted: number;
  refused: number;
  crossing: number;
  replays: number;
  resent: number;
  /** Final balances that were known in advance. */
  finals: Readonly<Record<string, number>>;
}>;

export function rowOf(trial: Trial): Row {
  const { isolation, shards, speed, use, counts, bystanders, startMs, recoveryMs, replayed, evidence } =
    trial;
  const finals = [...evidence.finals.keys()].map((id) => [id, evidence.accounts.get(id)?.posted ?? 0]);
  // Without requests to the other shards, zero losses mean nothing.
  const wereAsked = bystanders.served + bystanders.lost > 0;
  return {
    isolation,
    shards,
    transfers_per_s: Math.round(speed.transfersPerSecond),
    p50_ms: short(speed.p50Ms),
    p99_ms: short(speed.p99Ms),
    p999_ms: short(speed.p999Ms),
    max_ms: short(speed.maxMs),
    ...(use.cores > 0 ? machineFigures(trial) : {}),
    start_ms: Math.round(startMs),
    recovery_ms: Math.round(recoveryMs),
    replayed,
    lost_by_others: wereAsked ? bystanders.lost : null,
    served_by_others: wereAsked ? bystanders.served : null,
    accepted: counts.accepted,
    refused: counts.refused,
    crossing: counts.crossing,
    replays: counts.replayed,
    resent: counts.resent,
    finals: Object.fromEntries(finals),
  };
}

function machineFigures({ use: { cores, cpuUs, idlePssMb, rssPeakMb, pssMb } }: Trial) {
  return {
    cores: Number(cores.toFixed(2)),
    cpu_us: Object.fromEntries(Object.entries(cpuUs).map(([role, us]) => [role, short(us)])),
    idle_pss_mb: Math.round(idlePssMb),
    pss_mb: Math.round(pssMb),
    rss_peak_mb: Math.round(rssPeakMb),
  };
}

/** Three significant digits: further ones differ from run to run. */
function short(value: number): number {
  return Number(value.toPrecision(3));
}

const COLUMNS: readonly (readonly [title: string, text: (row: Row) => string])[] = [
  ["isolation", ({ isolation }) => isolation],
  ["shards", ({ shards }) => String(shards)],
  ["transfers/s", ({ transfers_per_s }) => transfers_per_s.toLocaleString("en")],
  ["p50 ms", ({ p50_ms }) => String(p50_ms)],
  ["p99 ms", ({ p99_ms }) => String(p99_ms)],
  ["p99.9 ms", ({ p999_ms }) => String(p999_ms)],
  ["max ms", ({ max_ms }) => String(max_ms)],
  ["cores", ({ cores }) => orDash(cores)],
  ["CPU µs/transfer", ({ cpu_us }) => orDash(cpu_us?.["total"])],
  ["idle PSS MB", ({ idle_pss_mb }) => orDash(idle_pss_mb)],
  ["PSS MB", ({ pss_mb }) => orDash(pss_mb)],
  ["RSS peak MB", ({ rss_peak_mb }) => orDash(rss_peak_mb)],
  ["start ms", ({ start_ms }) => String(start_ms)],
  ["recovery ms", ({ recovery_ms }) => String(recovery_ms)],
  ["lost by others", ({ lost_by_others }) => orDash(lost_by_others)],
  ["served by others", ({ served_by_others }) => orDash(served_by_others)],
];

/** Markdown, padded so that it is a table in a terminal too. */
export function tableOf(rows: readonly Row[]): string {
  return markdownTable(
    COLUMNS.map(([title]) => title),
    rows.map((row) => COLUMNS.map(([, text]) => text(row))),
  );
}

const ROLES = ["main", "shards", "archive", "runtime", "redis"] as const;

/** The table of processor time per transfer by role. */
export function cpuTableOf(rows: readonly Row[]): string {
  return markdownTable(
    ["CPU µs/transfer", "shards", "gateway", "shards' own", "archive", "collector and compiler", "Redis"],
    rows.map(({ isolation, shards, cpu_us }) => [
      isolation,
      String(shards),
      ...ROLES.map((role) => orDash(cpu_us?.[role])),
    ]),
  );
}

/** A line for each trial with a known final balance; empty if there is none. */
export function finalsOf(rows: readonly Row[]): string {
  return rows
    .filter(({ finals }) => Object.keys(finals).length > 0)
    .map(({ isolation, shards, finals, accepted, refused }) => {
      const ends = Object.entries(finals).map(
        ([id, posted]) => `${id} ends with ${posted.toLocaleString("en")}`,
      );
      return `${isolation}, ${shards}: ${ends.join(", ")}; ${accepted} accepted, ${refused} refused`;
    })
    .join("\n");
}

/** Processes compared with threads, for each number of shards that both ran with. */
export function comparisonOf(rows: readonly Row[]): string {
  const pairs = rows
    .filter(({ isolation }) => isolation === "threads")
    .flatMap((threads) => {
      const processes = rows.find((row) => row.isolation === "processes" && row.shards === threads.shards);
      return processes === undefined ? [] : [{ threads, processes }];
    });
  return markdownTable(
    [
      "processes against threads",
      "transfers/s",
      "p99",
      "CPU per transfer",
      "idle PSS MB",
      "start ms",
      "recovery ms",
    ],
    pairs.map(({ threads, processes }) => [
      `${threads.shards} ${threads.shards === 1 ? "shard" : "shards"}`,
      times(processes.transfers_per_s, threads.transfers_per_s),
      times(processes.p99_ms, threads.p99_ms),
      times(processes.cpu_us?.["total"], threads.cpu_us?.["total"]),
      more(processes.idle_pss_mb, threads.idle_pss_mb),
      more(processes.start_ms, threads.start_ms),
      more(processes.recovery_ms, threads.recovery_ms),
    ]),
  );
}

function times(value: number | undefined, base: number | undefined): string {
  return value === undefined || base === undefined ? "–" : `× ${(value / base).toFixed(2)}`;
}

function more(value: number | undefined, base: number | undefined): string {
  if (value === undefined || base === undefined) return "–";
  const difference = value - base;
  return difference < 0 ? `− ${-difference}` : `+ ${difference}`;
}

function orDash(value: number | null | undefined): string {
  return value === undefined || value === null ? "–" : String(value);
}
