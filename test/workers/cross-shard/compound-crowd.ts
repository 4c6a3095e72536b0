/** Concurrent clients, while shards crash and the clock runs: the order of commands is not determined. */
import type { Step } from "../../actors/ledger/histories.ts";
import { type CompoundHistory, CompoundRun, type RunOptions } from "./compound-history.ts";

const CLIENTS = 6;

/** @param beginning number of first steps, which run one after the other and create the accounts. */
export async function runCrowd(
  steps: readonly Step[],
  beginning: number,
  seed: number,
  shards: number,
  options: RunOptions = {},
): Promise<CompoundHistory> {
  const run = new CompoundRun(seed, shards, options);
  await run.faulty.begin();
  const first = steps.slice(0, beginning);
  for (const [number, step] of first.entries()) await run.faulty.unlessFailed(run.ask(`k${number}`, step));
  const rest = [...steps.entries()].slice(beginning);
  const client = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
      const [number, step] = next;
      run.nowMs += step.afterMs;
      await run.ask(`k${number}`, step);
    }
  };
  await run.faulty.unlessFailed(Promise.all(Array.from({ length: CLIENTS }, client)));
  await run.faulty.unlessFailed(run.rest());
  await run.faulty.end();
  return run.result();
}
