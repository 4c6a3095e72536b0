/**
 * Two loads beside each other. They take turns, run by run, so that whatever else the machine does falls on both; the ratio
 * is that of neighbours.
 */
import { type BenchContext, warmUpSeconds } from "./bench-context.ts";
import { MEDIA_TYPES } from "./bodies.ts";
import { type Daybook, SERVER_SETTINGS } from "./daybook.ts";
import type { Bodies } from "./load.ts";
import { perSecond } from "./load-report.ts";

export type Arm = Readonly<{
  name: string;
  daybook: Daybook;
  /** Transfers, unless they say where they go. */
  bodies: Bodies;
}>;

/** Emits the first arm's rate and p99, the second's, and how the first compares with the second. */
export async function compare(
  bench: BenchContext,
  name: string,
  connections: number,
  arms: readonly [Arm, Arm],
): Promise<void> {
  const { runs, seconds, accounts } = bench.options;
  const run = ({ daybook, bodies }: Arm, duration: number) =>
    bench.load.run({
      path: "/v1/transfers",
      contentType: MEDIA_TYPES.json,
      bodies,
      connections,
      url: daybook.url,
      token: daybook.token,
      seconds: duration,
    });
  for (const arm of arms) await run(arm, warmUpSeconds(bench.options));
  const rates = arms.map((): number[] => []);
  const p99s = arms.map((): number[] => []);
  const fsyncUs: number[] = [];
  for (let i = 0; i < runs; i++) {
    fsyncUs.push(bench.fsyncUs());
    // Whoever comes second in one round comes first in the next.
    for (const n of i % 2 === 0 ? [0, 1] : [1, 0]) {
      const arm = arms[n] as Arm;
      await arm.daybook.api.catchUpMs(arm.daybook.token);
      const report = await run(arm, seconds);
      rates[n]?.push(perSecond(report));
      p99s[n]?.push(report.p99Ms);
    }
  }
  for (const { daybook } of arms) await mustBalance(daybook);
  const settings = { backend: "redis", connections, accounts, seconds, ...SERVER_SETTINGS };
  for (const [n, arm] of arms.entries()) {
    const runsOf = { settings: { ...settings, arm: arm.name }, fsyncUs };
    bench.emit({ name: `${name}.${arm.name}`, unit: "transfers/s", runs: rates[n] ?? [], ...runsOf });
    bench.emit({ name: `${name}.${arm.name}.p99`, unit: "ms", runs: p99s[n] ?? [], ...runsOf });
  }
  const unit = `${arms[0].name} ÷ ${arms[1].name}`;
  bench.emit({ name: `${name}.ratio`, unit, settings, runs: ratiosOf(rates) });
  bench.emit({ name: `${name}.p99.ratio`, unit, settings, runs: ratiosOf(p99s) });
}

/** The first arm's values by the second's. */
function ratiosOf([first = [], second = []]: readonly number[][]): number[] {
  return first.map((value, i) => value / (second[i] ?? Number.NaN));
}

/** Every request was answered with 201, or the load would have failed; what they moved must balance. */
async function mustBalance(daybook: Daybook): Promise<void> {
  const { balanced } = await daybook.partner<{ balanced: boolean }>("GET", "/v1/trial-balance");
  if (!balanced) throw new Error("the books do not balance");
}
