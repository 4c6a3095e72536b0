/** The panels of a Grafana dashboard, and how a value of each is written. */

export type Target = Readonly<{ expr: string; legendFormat: string }>;
export type Panel = Readonly<{
  type: "stat" | "timeseries";
  title: string;
  gridPos: Readonly<{ x: number; y: number; w: number; h: number }>;
  fieldConfig: Readonly<{ defaults: Readonly<{ unit: string; min?: number }> }>;
  targets: readonly Target[];
}>;
export type Dashboard = Readonly<{ title: string; panels: readonly Panel[] }>;

/** One line of a graph. `points`: seconds since 1970, and the value. */
export type Series = Readonly<{
  legend: string;
  labels: Readonly<Record<string, string>>;
  points: readonly (readonly [atS: number, value: number])[];
}>;

const SI = ["", " k", " M", " G", " T"] as const;
const BINARY = [" B", " KiB", " MiB", " GiB", " TiB"] as const;

/** A value as Grafana writes it in this unit. */
export function valueText(value: number, unit: string): string {
  switch (unit) {
    case "s":
      return durationText(value);
    case "bytes":
      return scaled(value, 1024, BINARY);
    case "Bps":
      return `${scaled(value, 1000, [" B", " kB", " MB", " GB", " TB"])}/s`;
    case "percentunit":
      return `${digits(value * 100)} %`;
    case "reqps":
      return `${scaled(value, 1000, SI)} req/s`;
    case "ops":
      return `${scaled(value, 1000, SI)} /s`;
    default:
      return scaled(value, 1000, SI);
  }
}

function durationText(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0 s";
  if (size < 1e-3) return `${digits(value * 1e6)} µs`;
  if (size < 1) return `${digits(value * 1e3)} ms`;
  return size < 600 ? `${digits(value)} s` : `${digits(value / 60)} min`;
}

function scaled(value: number, base: number, suffixes: readonly string[]): string {
  let scaledValue = value;
  let step = 0;
  while (Math.abs(scaledValue) >= base && step < suffixes.length - 1) {
    scaledValue /= base;
    step += 1;
  }
  return `${digits(scaledValue)}${suffixes[step]}`;
}

/** Three significant digits, without zeros at the end. */
function digits(value: number): string {
  return String(Number(value.toPrecision(Math.abs(value) >= 1000 ? 4 : 3)));
}

/** Round values that divide an axis from `low` to `high` into some four parts. */
export function ticksOf(low: number, high: number, base: number): readonly number[] {
  const raw = (high - low) / 4;
  const power =
    base === 1024 ? 1024 ** Math.floor(Math.log(raw) / Math.log(1024)) : 10 ** Math.floor(Math.log10(raw));
  const steps = base === 1024 ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] : [1, 2, 2.5, 5, 10];
  const step = (steps.find((each) => each * power >= raw) ?? 1) * power;
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}
