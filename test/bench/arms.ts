/**
 * Two loads beside each other. They take turns, run by run, so that whatever else the machine does falls on both; the ratio
 * is that of neighbours.
 */
import { type BenchContext, warmUpSeconds } from "./bench-context.ts";
import { MEDIA_TYPES } from "./bodies.ts";
import { type Daybook, SERVER_SETTINGS } from "./daybook.ts";
import type { Settings } from "./figure.ts";
import type { Bodies } from "./load.ts";
import { cpuUsOfTree } from "./process-tree-cpu.ts";

export type Arm = Readonly<{
  name: string;
  daybook: Daybook;
  /** Transfers, unless they say where they go. */
  bodies: Bodies;
  path?: string;
  contentType?: string;
  /** Transfers in one request; 1 when absent. */
  size?: number;
  /** A new idempotency key with every request. */
  keyed?: boolean;
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

/** Emits each arm's rate, p99 and CPU time, and how the first compares with the second. */
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
    // Whoever comes second in one round comes first in the next.
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

/** What is 0 could not be measured: CPU times need /proc. */
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
  const before = cpuUs();
  const plan = { path, contentType, bodies, connections, url: daybook.url, token: daybook.token, seconds };
  const report = await bench.load.run({ ...plan, keyed: keyed ?? false });
  // What its archive has still to do would fall on the other arm's run.
  await daybook.api.catchUpMs(daybook.token);
  const transfers = report.requests * size;
  return {
    rate: transfers / report.seconds,
    p99Ms: report.p99Ms,
    cpuUs: (cpuUs() - before) / transfers,
  };
}

/** The first arm's values by the second's. */
function ratiosOf([first = [], second = []]: readonly (readonly number[])[]): number[] {
  return first.map((value, i) => value / (second[i] ?? Number.NaN));
}

/** Every request was answered with 201, or the load would have failed; what they moved must balance. */
async function mustBalance(daybook: Daybook): Promise<void> {
  const { balanced } = await daybook.partner<{ balanced: boolean }>("GET", "/v1/trial-balance");
  if (!balanced) throw new Error("the books do not balance");
}
