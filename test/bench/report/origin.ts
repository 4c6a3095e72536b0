/** Where figures come from: the machine, the checkout and the settings of a run. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { SERVER_SETTINGS } from "../daybook.ts";
import { type Machine, machineText } from "../machine.ts";
import type { Options } from "../options.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** Changes elsewhere, as in the page itself, do not change a figure. */
const MEASURED = ["src", "test/bench", "package-lock.json"];

export type Origin = Readonly<{
  /** Of the run's begin, in UTC. */
  date: string;
  commit: string;
  machine: Machine;
  generator: string;
  options: Options;
}>;

export function originOf(machine: Machine, generator: string, options: Options): Origin {
  return { date: new Date().toISOString().slice(0, 10), commit: commitOf(), machine, generator, options };
}

/** A sentence for each table. */
export function originLine({ date, commit, machine, options }: Origin): string {
  const { cpus, cpu, fsync_p50_us } = machine;
  return `${date}, ${commit}, ${cpus} × ${cpu}, median fsync ${fsync_p50_us} µs; ${runsText(options)}.`;
}

/** Everything that someone needs to compare two machines. */
export function originText({ date, commit, machine, generator, options }: Origin): string {
  const { warmUpSeconds, openSeconds, accounts, shards } = options;
  const server = Object.entries(SERVER_SETTINGS).map(([name, value]) => `${name} ${value}`);
  return [
    `${date}, ${commit}, on ${machineText(machine)}.`,
    `Load by ${generator}: ${runsText(options)} after ${warmUpSeconds} s of warm-up, ${openSeconds} s of open loop, over ` +
      `${accounts.toLocaleString("en")} accounts.`,
    `Server: shards ${shards ?? "by default"}, ${server.join(", ")}.`,
  ].join("\n");
}

function runsText({ runs, seconds }: Options): string {
  return `${runs} ${runs === 1 ? "run" : "runs"} of ${seconds} s`;
}

function commitOf(): string {
  try {
    const changed = git("status", "--porcelain", "--", ...MEASURED) === "" ? "" : " with changes";
    return `commit \`${git("rev-parse", "--short", "HEAD")}\`${changed}`;
  } catch {
    return "no commit";
  }
}

function git(...args: string[]): string {
  return execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
}
