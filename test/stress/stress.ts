/**
 * `npm run stress`: a real server under load in both isolation modes; a shard is killed under load, and the books are
 * checked over HTTP. Exits with 1 on any fault.
 *
 *     npm run stress -- --modes processes --shards 2 --seconds 5
 *     npm run stress -- --preset sellers      two sellers, 1000 sales, exact credits at the end
 *     npm run stress -- --json                one JSON document on stdout
 *     npm run stress -- --doc                 writes the measurements into docs/threads-vs-processes.md
 */
import { join } from "node:path";
import { makeDataFolder } from "../bench/disk.ts";
import { machineText, thisMachine } from "../bench/machine.ts";
import { startRedis } from "../bench/redis-server.ts";
import { writeFigures } from "./document.ts";
import { readOptions } from "./options.ts";
import { Progress } from "./progress.ts";
import { comparisonOf, cpuTableOf, finalsOf, type Row, rowOf, tableOf } from "./report.ts";
import { runTrial } from "./trial.ts";

/** A start takes a second, and varies. */
const STARTS = 3;

const DYING_MS = 100;

const options = readOptions(process.argv.slice(2));
const { modes, shards, seconds, seed, preset, loadProcesses } = options;
// Before the folder is removed at exit: killed processes need a moment to end, and may still write there.
process.on("exit", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DYING_MS));
const root = makeDataFolder();
const machine = thisMachine(root);
// Configurations that are compared run one right after the other.
const trials = shards.flatMap((count) => modes.map((isolation) => ({ isolation, shards: count })));
const progress = new Progress(trials.length);
const rows: Row[] = [];
const discrepancies: string[] = [];

for (const trial of trials) {
  const name = `${trial.isolation}, ${trial.shards} ${trial.shards === 1 ? "shard" : "shards"}`;
  progress.trial(name);
  const folder = join(root, `${trial.isolation}-${trial.shards}`);
  try {
    const done = await runTrial({
      ...trial,
      seconds,
      seed,
      preset,
      loadProcesses,
      folder,
      starts: STARTS,
      startRedis,
      onPhase: (phase, answered) => progress.phase(phase, answered),
    });
    rows.push(rowOf(done));
    discrepancies.push(...done.discrepancies.map((sentence) => `${name}: ${sentence}`));
  } catch (error) {
    discrepancies.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
progress.end();

for (const sentence of discrepancies) progress.say(`DISCREPANCY ${sentence}`);
if (options.json) {
  const settings = { seconds, seed, preset, load_processes: loadProcesses };
  process.stdout.write(`${JSON.stringify({ machine, settings, rows, discrepancies }, undefined, 2)}\n`);
} else {
  const parts = [tableOf(rows), cpuTableOf(rows), finalsOf(rows)].filter((part) => part !== "");
  process.stdout.write(`${parts.join("\n\n")}\n`);
}
if (options.doc && discrepancies.length === 0) {
  const how = `${machineText(machine)}. ${loadProcesses} load processes, ${seconds} s measured each.`;
  writeFigures([how, tableOf(rows), cpuTableOf(rows), comparisonOf(rows)].join("\n\n"));
}
progress.say(
  discrepancies.length === 0 ? "No discrepancy: every answer is in the books, and nothing else." : "",
);
process.exit(discrepancies.length === 0 ? 0 : 1);
