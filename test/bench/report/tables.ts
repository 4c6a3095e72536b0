/** The tables of docs/BENCHMARKS.md: which figures are in their cells. */
import { type Cell, cpu, cpuPart, middle, spread } from "./figures.ts";

/** A label first: a test finds the rows of the page by it. */
type Row = readonly [label: string, ...cells: Cell[]];

export type Table = Readonly<{ titles: readonly string[]; rows: readonly Row[] }>;

export function batch(backend: string, encoding: string, size: number, connections: number): string {
  return `batch.${backend}.${encoding}.${size}.${connections}.daybook`;
}

export function singles(): Table {
  const rows = ["redis", "sqlite"].flatMap((backend) =>
    ["plain", "keyed"].flatMap((kind) =>
      [64, 256].map((connections): Row => {
        const name = `single.${backend}.${kind}.${connections}`;
        const label = `${backend}${kind === "keyed" ? ", with idempotency key" : ""}, ${connections} connections`;
        const goal = name === "single.redis.plain.256" ? "≥ 0.7" : "";
        const arm = `${name}.daybook`;
        return [label, spread(arm), spread(`${name}.ratio`), spread(`${arm}.p99`), cpu(arm), goal];
      }),
    ),
  );
  const titles = [
    "",
    "transfers/s",
    "÷ bare Hono echo",
    "p99 ms",
    "CPU µs per transfer",
    "goal of the ratio",
  ];
  return { titles, rows };
}

const ENCODINGS = [
  ["Redis, JSON", "redis", "json"],
  ["Redis, MessagePack", "redis", "msgpack"],
  ["sqlite, JSON", "sqlite", "json"],
  ["sqlite, MessagePack", "sqlite", "msgpack"],
] as const;

export function batches(): Table {
  const sizes = [
    [10, 32],
    [100, 32],
    [1000, 1],
    [1000, 8],
    [1000, 32],
  ] as const;
  return {
    titles: ["transfers/s", ...ENCODINGS.map(([title]) => title)],
    rows: sizes.map(([size, connections]) => [
      `batches of ${size}, ${connections} connection${connections === 1 ? "" : "s"}`,
      ...ENCODINGS.map(([, backend, encoding]) => spread(batch(backend, encoding, size, connections))),
    ]),
  };
}

export function batchCpu(): Table {
  const parts = ["main", "shards", "archive", "runtime", "redis"];
  return {
    titles: [
      "CPU µs per transfer, batches of 1000, 8 connections",
      "main",
      "shards",
      "archive",
      "collector and compiler",
      "Redis",
      "together",
    ],
    rows: ENCODINGS.map(([title, backend, encoding]) => {
      const figure = batch(backend, encoding, 1000, 8);
      return [title, ...parts.map((part) => cpuPart(figure, part)), cpu(figure)];
    }),
  };
}

export function openLoop(): Table {
  const percentiles = ["p50", "p90", "p99", "p99_9", "max"];
  return {
    titles: ["", "peak, closed loop", "offered", "p50 ms", "p90", "p99 (goal < 10)", "p99.9", "max"],
    rows: [
      ["single transfers", ...["peak", "offered", ...percentiles].map((name) => spread(`open.${name}`))],
    ],
  };
}

type Comparison = readonly [label: string, name: string, first: string, second: string, goal: string];

/** The same with 64 and with 256 connections. */
export function at(
  label: string,
  name: string,
  first: string,
  second: string,
  goal: string,
): readonly Comparison[] {
  return [64, 256].map((connections) => {
    return [`${label}, ${connections} connections`, `${name}.${connections}`, first, second, goal];
  });
}

export function comparisons(rows: readonly Comparison[]): Table {
  return {
    titles: [
      "",
      "per second",
      "compared with",
      "ratio",
      "goal",
      "p99 ms",
      "compared with",
      "ratio",
      "CPU µs",
      "compared with",
    ],
    rows: rows.map(([label, name, first, second, goal]) => {
      const [one, other] = [`${name}.${first}`, `${name}.${second}`];
      const rates = [middle(one), middle(other), spread(`${name}.ratio`), goal];
      const p99s = [middle(`${one}.p99`), middle(`${other}.p99`), middle(`${name}.p99.ratio`)];
      return [label, ...rates, ...p99s, cpu(one), cpu(other)];
    }),
  };
}

export function values(rows: readonly (readonly [label: string, figure: string, goal: string])[]): Table {
  return {
    titles: ["", "value", "goal"],
    rows: rows.map(([label, figure, goal]) => [label, spread(figure), goal]),
  };
}

export function idle(figure: string): readonly Cell[] {
  return [spread(`idle.opened.${figure}`), spread(`idle.restarted.${figure}`)];
}
