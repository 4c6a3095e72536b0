/**
 * Runs each test once as it is, and then once more for every mutant that it came by and that no test has killed so far.
 * All mutants are in the code that was loaded; which one is turned on is a number.
 */
import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { type RunnerTestCase, TestRunner } from "vitest";
import type { Plan, Results, Running } from "./plan.ts";
import { TimeLimit } from "./time-limit.ts";

/** What the changed code calls. */
declare global {
  var mutantIsOn: (id: number) => boolean;
  var madeAgain: (make: () => void) => void;
}

const PARENT = process.ppid;
const NONE = -1;
/** A test that comes by so many times more places than it does without the mutant goes round in a circle. */
const STEPS_MORE = 10;
const STEPS_LEAST = 100_000;
/** The same for time, which ends loops that come by no such place. */
const TIME_MORE = 20;

const plan = JSON.parse(readFileSync(process.env["MUTATION_PLAN"] ?? "", "utf8")) as Plan;
/** Those of a process that was ended before this one. */
const { killed, ended, ...before } = JSON.parse(readFileSync(plan.results, "utf8")) as Results;
const alive = new Set(plan.mutants.filter((id) => killed[id] === undefined));
const reached = new Set(before.met);
const tests = new Set(before.tests);
const timeLimit = new TimeLimit();
/** Those met since the last test began, and those met while modules were loaded. */
const met = new Uint8Array(plan.files.length);
const metAtLoad = new Uint8Array(plan.files.length);
const constants: (() => void)[] = [];
let active = NONE;
let steps = 0;
let stepsMax = Number.POSITIVE_INFINITY;

globalThis.mutantIsOn = (id) => {
  met[id] = 1;
  steps += 1;
  if (steps > stepsMax) throw new Error("it goes round in a circle");
  return id === active;
};
globalThis.madeAgain = (make) => {
  constants.push(make);
};
// The first counterexample is enough, and every mutant meets the same examples.
fc.configureGlobal({ endOnFailure: true, seed: 1 });

export default class MutationRunner extends TestRunner {
  async runTask(test: RunnerTestCase): Promise<void> {
    if (tests.has(test.id)) return;
    const run = TestRunner.getTestFn(test);
    // What was met before was met at load.
    for (const [id, isMet] of met.entries()) if (isMet === 1) metAtLoad[id] = 1;
    met.fill(0);
    steps = 0;
    const startMs = performance.now();
    await run();
    const limitMs = Math.max(plan.limitMsLeast, TIME_MORE * (performance.now() - startMs));
    const limit = Math.max(STEPS_LEAST, STEPS_MORE * steps);
    const mutants = concerned();
    // A test that needs a hook before it, or passes only once, would seem to find every mutant.
    if (mutants.length > 0 && (await isKilled(NONE, run, limit)))
      throw new Error("the test fails if it is run again");
    for (const id of mutants) {
      // Nobody waits for it any more.
      if (process.ppid !== PARENT) process.kill(process.pid, "SIGKILL");
      reached.add(id);
      tell({ id, test: test.name });
      timeLimit.start(limitMs);
      const isFound = await isKilled(id, run, limit);
      timeLimit.stop();
      if (!isFound) continue;
      alive.delete(id);
      killed[id] = test.name;
    }
    met.fill(0);
    tests.add(test.id);
    const results: Results = { killed, ended, met: [...reached], tests: [...tests] };
    writeFileSync(plan.results, JSON.stringify(results));
    tell(null);
  }
}

/** Says what is being tried, for the case that this process does not come to its end. */
function tell(running: Running): void {
  writeFileSync(plan.running, JSON.stringify(running));
}

/** Mutants that are alive and that the test came by, or whose module it uses when they are met only at load. */
function concerned(): readonly number[] {
  const files = new Set(plan.files.filter((_, id) => met[id] === 1));
  const isUsed = (file: string) => files.has(file) || plan.importers[file]?.some((each) => files.has(each));
  return [...alive].filter(
    (id) => met[id] === 1 || (metAtLoad[id] === 1 && isUsed(plan.files[id] as string)),
  );
}

async function isKilled(id: number, run: () => unknown, limit: number): Promise<boolean> {
  active = id;
  steps = 0;
  stepsMax = limit;
  try {
    if (metAtLoad[id] === 1) for (const make of constants) make();
    await run();
    return false;
  } catch {
    return true;
  } finally {
    active = NONE;
    stepsMax = Number.POSITIVE_INFINITY;
    if (metAtLoad[id] === 1) for (const make of constants) make();
  }
}
