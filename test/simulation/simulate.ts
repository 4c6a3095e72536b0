/**
 * Runs seeds of the simulation, prints a summary, and how to reproduce a failure. With `--clusters` it runs only those whose
 * logs are in a Redis Cluster.
 */
import { parseArgs } from "node:util";
import { drawBreadth } from "./breadth.ts";
import { huntAll } from "./planted-bugs.ts";
import { realMs } from "./virtual-clock.ts";
import { type RunResult, World } from "./world.ts";

const STEPS = 300;
const SHOWN_EVENTS = 40;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "1" },
    steps: { type: "string", default: String(STEPS) },
    minutes: { type: "string" },
    canary: { type: "boolean", default: false },
    clusters: { type: "boolean", default: false },
    planted: { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
  },
});

if (values.planted) process.exit((await huntAll()) ? 0 : 1);

const first = whole("seed", values.seed);
const steps = whole("steps", values.steps);
const count = values.minutes === undefined ? whole("seeds", values.seeds) : Number.POSITIVE_INFINITY;
const endMs =
  values.minutes === undefined ? Number.POSITIVE_INFINITY : realMs() + Number(values.minutes) * 60_000;

const totals = { seeds: 0, steps: 0, answers: 0, virtualMs: 0, counts: new Map<string, number>(), hash: "" };
const startedMs = realMs();

for (let seed = first; seed < first + count && realMs() < endMs; seed++) {
  if (values.clusters && !drawBreadth(seed).isCluster) continue;
  const result = await new World({ seed, steps, isCanary: values.canary }).run();
  add(result);
  if (values.trace) for (const line of result.trace) console.log(line);
  if (result.violation !== undefined) {
    report(seed, result);
    process.exit(1);
  }
  if (process.stdout.isTTY && totals.seeds % 20 === 0) process.stdout.write(`\r${totals.seeds} seeds`);
}
console.log(summary());

function add({ steps: taken, answers, virtualMs, counts, hash }: RunResult): void {
  totals.seeds += 1;
  totals.steps += taken;
  totals.answers += answers;
  totals.virtualMs += virtualMs;
  totals.hash = hash;
  for (const [what, times] of counts) totals.counts.set(what, (totals.counts.get(what) ?? 0) + times);
}

function report(seed: number, { violation, trace, hash }: RunResult): void {
  if (!values.trace) for (const line of trace.slice(-SHOWN_EVENTS)) console.log(line.slice(0, 400));
  console.log(`VIOLATED ${violation?.oracle}: ${violation?.message}`);
  console.log(
    `seed ${seed}, hash ${hash}; again: npm run simulate -- --seed ${seed} --steps ${steps}${values.canary ? " --canary" : ""}`,
  );
}

function summary(): string {
  const counts = [...totals.counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, times]) => `${what} ${times}`);
  const seconds = ((realMs() - startedMs) / 1000).toFixed(1);
  const { seeds, answers, virtualMs, hash } = totals;
  return `clean: ${seeds} seeds from ${first}, ${totals.steps} steps, ${answers} answers, ${Math.round(virtualMs / 1000)} virtual s in ${seconds} s, hash ${hash}; ${counts.join(", ")}`;
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} is a whole number, not ${text}`);
  process.exit(2);
}
