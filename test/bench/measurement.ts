/** A measurement with its settings and all of its runs: one JSON line on stdout. */

export type Settings = Readonly<Record<string, string | number | boolean>>;

export type Figure = Readonly<{
  name: string;
  /** The median of the runs. */
  value: number;
  unit: string;
  settings: Settings;
  runs: readonly number[];
  median: number;
  min: number;
  max: number;
  /** The median fsync time of the logs' disk, measured right before each run, in µs. */
  fsync_p50_us?: number;
}>;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new RangeError("no values have no median");
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

export type Measured = Readonly<{
  name: string;
  unit: string;
  settings: Settings;
  runs: readonly number[];
  fsyncUs?: readonly number[];
}>;

export function figureOf({ name, unit, settings, runs, fsyncUs }: Measured): Figure {
  const rounded = runs.map(round);
  const middle = round(median(runs));
  return {
    name,
    value: middle,
    unit,
    settings,
    runs: rounded,
    median: middle,
    min: Math.min(...rounded),
    max: Math.max(...rounded),
    ...(fsyncUs === undefined || fsyncUs.length === 0 ? {} : { fsync_p50_us: round(median(fsyncUs)) }),
  };
}

/** At least four significant digits, without meaningless decimals. */
function round(value: number): number {
  if (Math.abs(value) >= 1000) return Math.round(value);
  return Number(value.toPrecision(4));
}
