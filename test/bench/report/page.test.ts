import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { blockOf } from "../../support/markdown.ts";
import { diskIn } from "../machine.ts";
import { type Figure, figureOf } from "../measurement.ts";
import { readOptions } from "../options.ts";
import { BLOCKS, type Block, SHORT } from "./blocks.ts";
import type { Origin } from "./origin.ts";
import { beginOf, blocksFor, blockText, figuresOf, missingFrom, withBlocks } from "./page.ts";

const PAGE = readFileSync(new URL("../../../docs/BENCHMARKS.md", import.meta.url), "utf8");
const NOT_MEASURED = "Not measured yet.";

const ORIGIN: Origin = {
  date: "2026-12-01",
  commit: "commit `abc1234`",
  machine: {
    cpus: 2,
    cpu: "AMD EPYC",
    memory_gb: 23,
    system: "Linux 6.18",
    disk: "ext4 on /dev/vda",
    fsync_p50_us: 180,
    node: "26.10.0",
    redis: "7.0.15",
    load_average: 0.1,
  },
  generator: "wrk 4.1.0",
  options: readOptions([]),
};

/** As the lines of a run have them. */
const RECORDED: ReadonlyMap<string, Figure> = new Map(
  [
    { name: "ceiling.64.http", unit: "requests/s", settings: {}, runs: [57_060.4, 56_229, 56_510] },
    { name: "ceiling.256.http", unit: "requests/s", settings: {}, runs: [54_603] },
    { name: "ceiling.64.hono", unit: "requests/s", settings: {}, runs: [45_133, 44_429, 45_273] },
    { name: "ceiling.256.hono", unit: "requests/s", settings: {}, runs: [0.684_91] },
  ].map((measured) => [measured.name, figureOf(measured)]),
);

function named(name: string): Block {
  const found = BLOCKS.find((block) => block.name === name);
  if (found === undefined) throw new RangeError(`there is no block ${name}`);
  return found;
}

/** Every figure of every block, each with another value. */
function allFigures(): ReadonlyMap<string, Figure> {
  const names = [...new Set(BLOCKS.flatMap(figuresOf))];
  return new Map(names.map((name, i) => [name, figureOf({ name, unit: "", settings: {}, runs: [i + 0.5] })]));
}

test("a block has the recorded figures: the median, the lowest and the highest run, and their origin", () => {
  const lines = blockText(named("ceilings"), RECORDED, ORIGIN).split("\n");
  expect(lines.map((line) => line.replaceAll(/ +/g, " ").replaceAll(/--+/g, "-"))).toEqual([
    "| requests/s | 64 connections | 256 connections |",
    "|-|-:|-:|",
    "| bare `node:http`, JSON echo | 56,510 (56,229 – 57,060) | 54,603 |",
    "| bare Hono, JSON echo | 45,133 (44,429 – 45,273) | 0.685 |",
    "",
    "2026-12-01, commit `abc1234`, 2 × AMD EPYC, median fsync 180 µs; 4 runs of 1 s.",
  ]);
});

test("a block without one of its figures is refused, except for a CPU time, which needs /proc", () => {
  const figures = new Map(allFigures());
  const singles = named("singles");
  figures.delete("single.redis.plain.64.daybook.cpu");
  expect(missingFrom(singles, figures)).toEqual([]);
  expect(blockText(singles, figures, ORIGIN)).toContain(" – |");
  figures.delete("single.redis.plain.64.ratio");
  expect(missingFrom(singles, figures)).toEqual(["single.redis.plain.64.ratio"]);
  expect(() => blockText(singles, figures, ORIGIN)).toThrow("singles lacks single.redis.plain.64.ratio");
});

test("blocks replace what is between their markers in the page, and nothing else", () => {
  const figures = allFigures();
  const whole = withBlocks(PAGE, BLOCKS, figures, ORIGIN);
  for (const block of BLOCKS) expect(blockOf(whole, beginOf(block))).toBe(blockText(block, figures, ORIGIN));
  const reads = withBlocks(whole, [named("reads")], new Map([...figures, ...moved(figures)]), ORIGIN);
  for (const block of BLOCKS)
    expect(blockOf(reads, beginOf(block)) === blockOf(whole, beginOf(block))).toBe(block.name !== "reads");
  expect(withoutBlocks(reads)).toBe(withoutBlocks(PAGE));
});

/** Other values of the same figures. */
function moved(figures: ReadonlyMap<string, Figure>): [string, Figure][] {
  return [...figures].map(([name, figure]) => [name, figureOf({ ...figure, runs: [figure.value + 1000] })]);
}

/** The prose: each block is only its markers. */
function withoutBlocks(page: string): string {
  return page.replaceAll(/(<!-- figures of [^>]*-->).*?(<!-- end of figures -->)/gs, "$1$2");
}

test("the page has every block once, with the tables that it has now, and begins with the short one", () => {
  const begins = [...PAGE.matchAll(/<!-- figures of .*?-->/g)].map(([begin]) => begin);
  expect(begins).toEqual(BLOCKS.map(beginOf));
  expect(begins[0]).toBe(beginOf(SHORT));
  for (const block of BLOCKS) {
    const text = blockOf(PAGE, beginOf(block));
    if (text === NOT_MEASURED) continue;
    expect(labelsOf(text)).toEqual(labelsOf(blockText(block, allFigures(), ORIGIN)));
  }
});

/** The titles of the tables, and the first cell of each row. */
function labelsOf(block: string): readonly string[] {
  const rows = block.split("\n").filter((line) => line.startsWith("|"));
  return rows.flatMap((row, i) => {
    const cells = row.split("|").map((cell) => cell.trim());
    const isTitle = rows[i + 1]?.startsWith("|-") === true;
    return row.startsWith("|-") ? [] : isTitle ? cells : [cells[1] ?? ""];
  });
}

test("the page has no table without markers", () => {
  const prose = withoutBlocks(PAGE);
  expect(prose.split("\n").filter((line) => line.startsWith("|"))).toEqual([]);
  expect(withoutBlocks("| a |\n<!-- figures of x -->\n| b |\n<!-- end of figures -->\n")).toContain("| a |");
});

function namesFor(only: string): readonly string[] {
  return blocksFor(only).map(({ name }) => name);
}

test("--only chooses a block by its name, or the blocks with such figures", () => {
  expect(blocksFor("")).toEqual(BLOCKS);
  expect(namesFor("short")).toEqual(["short"]);
  expect(namesFor("reads")).toEqual(["reads"]);
  expect(namesFor("hot")).toEqual(["shapes"]);
  expect(namesFor("single.redis")).toEqual(["singles"]);
  expect(namesFor("nothing")).toEqual([]);
});

test("the short block has what is needed to compare two machines", () => {
  const text = blockText(SHORT, allFigures(), ORIGIN);
  for (const part of ["2 cores (AMD EPYC)", "23 GB", "Linux 6.18", "ext4 on /dev/vda", "median fsync 180 µs"])
    expect(text).toContain(part);
  for (const part of ["Node.js 26.10.0", "Redis 7.0.15", "wrk 4.1.0", "10,000 accounts", "2026-12-01"])
    expect(text).toContain(part);
});

test("a folder is on the disk with the longest mount point above it", () => {
  const mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /data xfs rw 0 0\n";
  expect(diskIn(mounts, "/home/me")).toBe("ext4 on /dev/vda");
  expect(diskIn(mounts, "/data/bench")).toBe("xfs on /dev/vdb");
  expect(diskIn(mounts, "/database")).toBe("ext4 on /dev/vda");
  expect(diskIn(mounts, "/tmp")).toBe("tmpfs on tmpfs");
});
