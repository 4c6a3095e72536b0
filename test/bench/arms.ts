/**
 * Compares two loads. They run in alternation, so that other load on the machine affects both; the ratio compares
 * adjacent runs.
 */
import { type BenchContext, warmUpSeconds } from "./bench-context.ts";
import { MEDIA_TYPES } from "./bodies.ts";
import { type Daybook, SERVER_SETTINGS } from "./daybook.ts";
import type { Bodies } from "./load.ts";
import type { Settings } from "./measurement.ts";
import { cpuUsOfTree } from "./process-tree-cpu.ts";

export type Arm = Readonly<{
  name: string;
  daybook: Daybook;
  /** Bodies of transfers, unless they name another path. */
  bodies: Bodies;
  path?: string;
  contentType?: string;
  /** Transfers in one request; 1 when absent. */
  size?: number;
  /** Whether each request has a new idempotency key. */
  keyed?: boolean;
  /** Starts what goes on during a run, and returns a function that ends it. */
  during?: () => Promise<() => void | Promise<void>>;
}>;

/** Two shapes of single transfers on Redis. */
export function compare(
  bench: BenchContext,
  name: string,
  connections: number,
  arms: readonly [Arm, Arm],
): Promise<void> {
  return compareLoads(bench, name, connections, arms, { backend: "redis" });
}

/** Emits each arm's rate, p99 and CPU time, and the ratios of the first to the second. */
export async function compareLoads(
  bench: BenchContext,
  name: string,
  connections: number,
  arms: readonly [Arm, Arm],
  settings: Settings,
): Promise<void> {
  const { runs, seconds, accounts } = bench.options;
  for (const arm of arms) await runArm(bench, arm, connections, warmUpSeconds(bench.options));
  const turns = arms.map((): Turn[] => []);
  const fsyncUs: number[] = [];
  for (let i = 0; i < runs; i++) {
    fsyncUs.push(bench.fsyncUs());
    // The order alternates from round to round.
    for (const n of i % 2 === 0 ? [0, 1] : [1, 0])
      turns[n]?.push(await runArm(bench, arms[n] as Arm, connections, seconds));
  }
  for (const { daybook } of arms) await mustBalance(daybook);
  const common = { ...settings, connections, accounts, seconds, ...SERVER_SETTINGS };
  for (const { figure, suffix, unit } of FIGURES) {
    const values = turns.map((each) => each.map((turn) => turn[figure]));
    if (values.flat().some((value) => value === 0)) continue;
    for (const [n, arm] of arms.entries()) {
      const runsOf = { settings: { ...common, arm: arm.name }, runs: values[n] ?? [], fsyncUs };
      bench.emit({ name: `${name}.${arm.name}${suffix}`, unit, ...runsOf });
    }
    const ratio = { unit: `${arms[0].name} ÷ ${arms[1].name}`, settings: common, runs: ratiosOf(values) };
    bench.emit({ name: `${name}${suffix}.ratio`, ...ratio });
  }
}

/** A value of 0 was not measured: CPU times need /proc. */
type Turn = Readonly<{ rate: number; p99Ms: number; cpuUs: number }>;

const FIGURES = [
  { figure: "rate", suffix: "", unit: "transfers/s" },
  { figure: "p99Ms", suffix: ".p99", unit: "ms" },
  { figure: "cpuUs", suffix: ".cpu", unit: "µs of CPU per transfer, archive included" },
] as const;

async function runArm(bench: BenchContext, arm: Arm, connections: number, seconds: number): Promise<Turn> {
  const { daybook, bodies, path = "/v1/transfers", contentType = MEDIA_TYPES.json, size = 1, keyed } = arm;
  const pids = [daybook.pid, daybook.redisPid].filter((pid) => pid !== undefined);
  const cpuUs = () => pids.reduce((sum, pid) => sum + cpuUsOfTree(pid), 0);
  const plan = { path, contentType, bodies, connections, url: daybook.url, token: daybook.token, seconds };
  const end = await arm.during?.();
  const before = cpuUs();
  const run = async () => {
    try {
      return await bench.load.run({ ...plan, keyed: keyed ?? false });
    } finally {
      await end?.();
    }
  };
  const report = await run();
  // Wait for the archive, whose remaining work would affect the other arm's run.
  await daybook.catchUpMs();
  const transfers = report.requests * size;
  return {
    rate: transfers / report.seconds,
    p99Ms: report.p99Ms,
    cpuUs: (cpuUs() - before) / transfers,
  };
}

/** The ratios of the first arm's values to the second's. */
function ratiosOf([first = [], second = []]: readonly (readonly number[])[]): number[] {
  return first.map((value, i) => value / (second[i] ?? Number.NaN));
}

/** Every request was answered with 201, or the load would have failed; now check that the books balance. */
async function mustBalance(daybook: Daybook): Promise<void> {
  const { balanced } = await daybook.partner<{ balanced: boolean }>("GET", "/v1/trial-balance");
  if (!balanced) throw new Error("the books do not balance");
}
