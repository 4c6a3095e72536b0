/**
 * Runs of load in rounds. Loads that are compared alternate, so that other load on the machine affects both; a ratio
 * compares the two runs of a round.
 */
import type { BenchContext } from "./bench-context.ts";
import { SERVER_SETTINGS } from "./daybook.ts";
import { MEDIA_TYPES } from "./loads/bodies.ts";
import { type Bodies, type Method, RefusedLoad } from "./loads/load.ts";
import type { LoadReport } from "./loads/load-report.ts";
import type { Settings } from "./measurement.ts";
import { type CpuTimes, cpuPerOperation, totalUs } from "./process-tree.ts";
import type { Subject } from "./subject.ts";

/** A load, and the server that it is sent to. */
export type Arm = Readonly<{
  name: string;
  subject: Subject;
  bodies: Bodies;
  method?: Method;
  /** Where the bodies are sent, unless each has its own path. Default: single transfers. */
  path?: string;
  contentType?: string;
  /** Transfers in one request; 1 when absent. */
  size?: number;
  /** Whether each request has a new idempotency key. */
  keyed?: boolean;
  /** Instead of those of the comparison. */
  connections?: number;
  /** Counts what was answered, for a check of the books. */
  answered?: Answered;
  /** Starts what goes on during a run, and returns a function that ends it. */
  during?: () => Promise<() => void | Promise<void>>;
}>;

/** The load generator disconnects at its end: its last requests may be done, but were not counted. */
export type Answered = { items: number; unanswered: number };

export type Comparison = Readonly<{
  name: string;
  /** Each of them is measured, and part of the name of its figures. */
  connections: readonly number[];
  /** One, or two whose ratio is of interest. */
  arms: readonly [Arm] | readonly [Arm, Arm];
  settings?: Settings;
  /** Whether an earlier load has warmed up the same code. */
  isWarm?: boolean;
  /** What the rate counts. Default: transfers. */
  unit?: "transfer" | "request";
}>;

/** A value of 0 was not measured: CPU times need /proc. */
type Turn = Readonly<{ rate: number; p99Ms: number; cpuUs: number; settleMs: number; cpu: CpuTimes }>;

/**
 * Emits for each number of connections and each arm the rate (`NAME.CONNECTIONS.ARM`), p99 and CPU time. For one arm
 * also the time until no work is left, for two the ratios of the first to the second (`NAME.CONNECTIONS.ratio`, `….p99.ratio`).
 */
export async function measureLoads(bench: BenchContext, comparison: Comparison): Promise<void> {
  const { runs, warmUpSeconds, seconds } = bench.options;
  const { name, arms, isWarm = false } = comparison;
  const wanted = comparison.connections.filter((connections) => bench.wants(`${name}.${connections}`));
  for (const arm of wanted.length === 0 || isWarm ? [] : arms)
    await runArm(bench, arm, wanted[0] ?? 1, warmUpSeconds);
  for (const connections of wanted) {
    const turns = arms.map((): Turn[] => []);
    const fsyncUs: number[] = [];
    for (let i = 0; i < runs; i++) {
      fsyncUs.push(bench.fsyncUs());
      // The order alternates from round to round.
      const order = i % 2 === 0 ? arms : arms.toReversed();
      for (const arm of order) turns[arms.indexOf(arm)]?.push(await runArm(bench, arm, connections, seconds));
    }
    emitTurns(bench, comparison, connections, turns, fsyncUs);
  }
  for (const { subject } of arms) await subject.check();
}

/** One run of load. @throws RefusedLoad if any request failed; what was answered is counted all the same. */
export async function runArm(
  bench: BenchContext,
  arm: Arm,
  connections: number,
  seconds: number,
): Promise<Turn> {
  const { subject, size = 1, answered = { items: 0, unanswered: 0 } } = arm;
  const { path = "/v1/transfers", contentType = MEDIA_TYPES.json } = arm;
  const { url, token } = subject;
  const used = arm.connections ?? connections;
  answered.unanswered += used * size;
  const end = await arm.during?.();
  const before = subject.cpuTimes();
  const count = ({ requests, failures }: LoadReport) => {
    answered.items += (requests - failures) * size;
    answered.unanswered += failures * size;
  };
  const plan = { ...arm, path, contentType, url, token, connections: used, seconds };
  let report: LoadReport;
  try {
    report = await bench.load.run(plan);
  } catch (failure) {
    if (failure instanceof RefusedLoad) count(failure.report);
    throw failure;
  } finally {
    await end?.();
  }
  count(report);
  // Work that is left would affect the next run, which may be of the other arm.
  const startedMs = performance.now();
  await subject.settle();
  const settleMs = performance.now() - startedMs;
  const transfers = report.requests * size;
  const cpu = cpuPerOperation(before, subject.cpuTimes(), transfers);
  return { rate: transfers / report.seconds, p99Ms: report.p99Ms, cpuUs: totalUs(cpu), settleMs, cpu };
}

const FIGURES = [
  { figure: "rate", suffix: "", unit: (what: string) => `${what}s/s` },
  { figure: "p99Ms", suffix: ".p99", unit: () => "ms" },
  { figure: "cpuUs", suffix: ".cpu", unit: (what: string) => `µs of CPU per ${what}, archive included` },
  { figure: "settleMs", suffix: ".settle", unit: () => "ms until no work is left" },
] as const;

function emitTurns(
  { emit, options }: BenchContext,
  { name: prefix, arms, settings, unit: what = "transfer" }: Comparison,
  connections: number,
  turns: readonly (readonly Turn[])[],
  fsyncUs: readonly number[],
): void {
  const { accounts, seconds } = options;
  const name = `${prefix}.${connections}`;
  const common = { ...settings, accounts, seconds, ...SERVER_SETTINGS };
  for (const { figure, suffix, unit } of FIGURES) {
    const values = turns.map((each) => each.map((turn) => turn[figure]));
    if (values.flat().includes(0) || (figure === "settleMs" && arms.length > 1)) continue;
    for (const [n, arm] of arms.entries()) {
      const parts = figure === "cpuUs" ? cpuSettings(turns[n]?.at(-1)) : {};
      const own = { ...common, ...parts, arm: arm.name, connections: arm.connections ?? connections };
      emit({
        name: `${name}.${arm.name}${suffix}`,
        unit: unit(what),
        settings: own,
        runs: values[n] ?? [],
        fsyncUs,
      });
    }
    const [first, second] = arms;
    if (second === undefined) continue;
    const ratios = ratiosOf(values);
    emit({
      name: `${name}${suffix}.ratio`,
      unit: `${first.name} ÷ ${second.name}`,
      settings: common,
      runs: ratios,
    });
  }
}

/** The CPU time of the parts of a server in the last run. */
function cpuSettings(turn: Turn | undefined): Settings {
  const parts = [...(turn?.cpu ?? [])];
  return Object.fromEntries(parts.map(([part, us]) => [`cpu_us_${part}`, Number(us.toFixed(2))]));
}

/** The ratios of the first arm's values to the second's. */
function ratiosOf([first = [], second = []]: readonly (readonly number[])[]): number[] {
  return first.map((value, i) => value / (second[i] ?? Number.NaN));
}
