/**
 * `npm run bench`: all measurements, one JSON line each on stdout, progress on stderr.
 *
 *     npm run bench -- --short              what machines are compared by, as a block to paste
 *     npm run bench -- --report             writes the tables of docs/BENCHMARKS.md
 *     npm run bench -- --quick              one run of each, small
 *     npm run bench -- --only single.redis  measurements whose name begins with this
 *     npm run bench -- --runs 9 --seconds 4 --shards 1
 *     npm run bench -- --against HEAD~1     this checkout's server and another revision's, in turn
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { measureAgainst } from "./against.ts";
import { measureArchive } from "./archive.ts";
import { measureBatches } from "./batches.ts";
import type { BenchContext } from "./bench-context.ts";
import { measureCeilings } from "./ceilings.ts";
import { measureChannels } from "./channels.ts";
import { checkOut } from "./checkout.ts";
import { measureConsole } from "./console.ts";
import { SERVER_SETTINGS } from "./daybook.ts";
import { makeDataFolder, measureFsyncUs } from "./disk.ts";
import { measureEvents } from "./events.ts";
import { measureHeap } from "./heap.ts";
import { measureIdle } from "./idle.ts";
import { measureKeys } from "./keys.ts";
import { LoadGenerator } from "./loads/load.ts";
import { thisMachine } from "./machine.ts";
import { type Figure, figureOf, type Measured } from "./measurement.ts";
import { measureOpenLoop } from "./open-loop.ts";
import { isSelected, readOptions } from "./options.ts";
import { measureProgrammes } from "./programmes.ts";
import { measureReads } from "./reads.ts";
import { measureRecovery } from "./recovery.ts";
import { REDIS_SETTINGS } from "./redis-server.ts";
import { measureReplay } from "./replay.ts";
import { SHORT } from "./report/blocks.ts";
import { originOf } from "./report/origin.ts";
import { blocksFor, blockText, figuresOf, missingFrom, withBlocks } from "./report/page.ts";
import { measurePostgres } from "./rivals/postgres.ts";
import { measureRedisLua } from "./rivals/redis-lua.ts";
import { measureSegmentDeletion } from "./segment-deletion.ts";
import { measureShapes } from "./shapes.ts";
import { measureSingles } from "./singles.ts";
import { measureStatistics } from "./statistics.ts";
import { measureBackfill } from "./statistics-backfill.ts";

const PAGE = new URL("../../docs/BENCHMARKS.md", import.meta.url);

const options = readOptions(process.argv.slice(2));
const root = makeDataFolder();
const startedMs = performance.now();
let folders = 0;
let current: string | undefined;
const figures = new Map<string, Figure>();
const blocks = options.short ? [SHORT] : options.report ? blocksFor(options.only) : [];
/** Names of measurements, and what they begin with. */
const selection = blocks.length > 0 ? blocks.flatMap(figuresOf) : [options.only];

function say(text: string): void {
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  process.stderr.write(`${String(seconds).padStart(4)} s  ${text}\n`);
}

/** One line on stdout; the short run prints its block instead. */
function print(line: object): void {
  if (!options.short) process.stdout.write(`${JSON.stringify(line)}\n`);
}

const bench: BenchContext = {
  options,
  load: new LoadGenerator(root),
  newFolder() {
    // Remove logs at once: those of a full run would fill a small disk. Only one subject runs at a time.
    if (current !== undefined) rmSync(current, { recursive: true, force: true });
    folders += 1;
    current = join(root, String(folders));
    mkdirSync(current);
    return current;
  },
  fsyncUs: () => measureFsyncUs(root),
  wants: (name) => isSelected(selection, name),
  emit(measured: Measured) {
    const figure = figureOf(measured);
    figures.set(figure.name, figure);
    print(figure);
    say(`${figure.name}: ${figure.value} ${figure.unit} (${figure.min} to ${figure.max})`);
  },
  say,
};

const origin = originOf(thisMachine(root), bench.load.name, options);
print({
  name: "machine",
  ...origin,
  redis_settings: { ...REDIS_SETTINGS, connection: "unix socket" },
  server_settings: SERVER_SETTINGS,
});
say(
  `fsync p50 ${origin.machine.fsync_p50_us} µs, ${bench.load.name}, ${options.runs} runs of ${options.seconds} s`,
);
if (options.report && blocks.length === 0) throw new RangeError(`no table has figures of ${options.only}`);

try {
  if (options.against === undefined) await measureEverything();
  else await measureAgainst(bench, checkOut(options.against, join(root, "other-checkout")));
  if (options.short) process.stdout.write(`${blockText(SHORT, figures, origin)}\n`);
} finally {
  // A run that fails late has measured the blocks before.
  if (options.report) writePage();
}
say("done");
process.exit(0);

/** Blocks are written whole or not at all. */
function writePage(): void {
  const whole = blocks.filter((block) => missingFrom(block, figures).length === 0);
  writeFileSync(PAGE, withBlocks(readFileSync(PAGE, "utf8"), whole, figures, origin));
  say(`wrote ${whole.map(({ name }) => name).join(", ")}`);
  for (const block of blocks.filter((each) => !whole.includes(each)))
    say(`${block.name} stays as it was, without ${missingFrom(block, figures).join(", ")}`);
}

async function measureEverything(): Promise<void> {
  await measureCeilings(bench);
  await measureChannels(bench);
  await measureSingles(bench);
  await measureReads(bench);
  await measureShapes(bench);
  await measureProgrammes(bench);
  await measureSegmentDeletion(bench);
  await measureBatches(bench);
  await measureOpenLoop(bench);
  await measurePostgres(bench);
  await measureRedisLua(bench);
  await measureReplay(bench);
  await measureRecovery(bench);
  await measureIdle(bench);
  await measureHeap(bench);
  measureKeys(bench);
  await measureArchive(bench);
  await measureEvents(bench);
  await measureStatistics(bench);
  await measureBackfill(bench);
  await measureConsole(bench);
}
