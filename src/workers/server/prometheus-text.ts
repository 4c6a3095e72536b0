/** Prometheus' text format. */

/** A counter if the name ends in `_total`, otherwise a gauge. */
export type Metric<T> = readonly [name: string, help: string, valueOf: (source: T) => number | bigint];

/** `bounds`: upper bounds of the buckets in seconds; the last bucket has none. */
export type Histogram = Readonly<{ name: string; help: string; bounds: readonly number[] }>;

type Labels = Readonly<Record<string, string | number>>;

/** Renders metrics of one kind of source, with a sample for each source. */
export function scalars<T>(
  metrics: readonly Metric<T>[],
  sources: readonly (readonly [labels: Labels, source: T])[],
): string {
  return metrics
    .map(([name, help, valueOf]) => {
      const lines = sources.map(([labels, source]) => line(name, labels, valueOf(source)));
      return textOf(name.endsWith("_total") ? "counter" : "gauge", name, help, lines);
    })
    .join("");
}

type Distribution = readonly [labels: Labels, countsByBucket: readonly number[], sum: number];

export function histogram({ name, help, bounds }: Histogram, distributions: readonly Distribution[]): string {
  const lines = distributions.flatMap(([labels, counts, sum]) => {
    let count = 0;
    const buckets = [...bounds, "+Inf"].map((le, bucket) => {
      count += counts[bucket] ?? 0;
      return line(`${name}_bucket`, { ...labels, le }, count);
    });
    return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, count)];
  });
  return textOf("histogram", name, help, lines);
}

function textOf(type: string, name: string, help: string, lines: readonly string[]): string {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}

function line(name: string, labels: Labels, value: number | bigint): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
}
