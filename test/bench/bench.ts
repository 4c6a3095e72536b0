/**
 * `npm run bench`: all measurements, one JSON line each on stdout, progress on stderr.
 *
 *     npm run bench -- --quick              one run of each, small
 *     npm run bench -- --only single.redis  measurements whose name begins with this
 *     npm run bench -- --runs 9 --seconds 4 --shards 1
 *     npm run bench -- --against HEAD~1     this checkout's server and another revision's, in turn
 */
import { mkdirSync, rmSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
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
import { measureKeys } from "./keys.ts";
import { LoadGenerator, redisVersion } from "./load.ts";
import { figureOf, type Measured } from "./measurement.ts";
import { measureOpenLoop } from "./open-loop.ts";
import { readOptions } from "./options.ts";
import { measurePostgres } from "./postgres.ts";
import { measureProgrammes } from "./programmes.ts";
import { measureRecovery } from "./recovery.ts";
import { measureRedisLua } from "./redis-lua.ts";
import { REDIS_SETTINGS } from "./redis-server.ts";
import { measureReplay } from "./replay.ts";
import { measureSegmentDeletion } from "./segment-deletion.ts";
import { measureShapes } from "./shapes.ts";
import { measureSingles } from "./singles.ts";
import { measureStatistics } from "./statistics.ts";
import { measureBackfill } from "./statistics-backfill.ts";

const options = readOptions(process.argv.slice(2));
const root = makeDataFolder();
const startedMs = performance.now();
let folders = 0;
let current: string | undefined;

function say(text: string): void {
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  process.stderr.write(`${String(seconds).padStart(4)} s  ${text}\n`);
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
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
  wants: (name) => name.startsWith(options.only) || options.only.startsWith(`${name}.`),
  emit(measured: Measured) {
    const figure = figureOf(measured);
    print(figure);
    say(`${figure.name}: ${figure.value} ${figure.unit} (${figure.min} to ${figure.max})`);
  },
  say,
};

const fsyncUs = measureFsyncUs(root);
print({
  name: "machine",
  cpus: availableParallelism(),
  cpu: cpus()[0]?.model ?? "unknown",
  memory_mb: Math.round(totalmem() / 2 ** 20),
  platform: `${process.platform} ${process.arch}`,
  node: process.version,
  redis: redisVersion(),
  redis_settings: { ...REDIS_SETTINGS, connection: "unix socket" },
  server_settings: SERVER_SETTINGS,
  load_generator: bench.load.name,
  runs: options.runs,
  fsync_p50_us: Math.round(fsyncUs),
});
say(`fsync p50 ${Math.round(fsyncUs)} µs, ${bench.load.name}, ${options.runs} runs of ${options.seconds} s`);

if (options.against === undefined) await measureEverything();
else await measureAgainst(bench, checkOut(options.against, join(root, "other-checkout")));
say("done");
process.exit(0);

async function measureEverything(): Promise<void> {
  await measureCeilings(bench);
  await measureChannels(bench);
  await measureSingles(bench);
  await measureShapes(bench);
  await measureProgrammes(bench);
  await measureSegmentDeletion(bench);
  await measureBatches(bench);
  await measureOpenLoop(bench);
  await measurePostgres(bench);
  await measureRedisLua(bench);
  await measureReplay(bench);
  await measureRecovery(bench);
  await measureHeap(bench);
  measureKeys(bench);
  await measureArchive(bench);
  await measureEvents(bench);
  await measureStatistics(bench);
  await measureBackfill(bench);
  await measureConsole(bench);
}
