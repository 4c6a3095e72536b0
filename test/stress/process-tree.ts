/** Processor time and memory of a process and its children, from /proc. Empty without /proc. */
import { readdirSync, readFileSync } from "node:fs";
import { type CpuTimes, parseStat, readCpuTimes } from "../bench/cpu-time.ts";

/** The process itself, then its descendants. */
export function processTree(root: number): readonly number[] {
  const parents = new Map(numbersIn("/proc").flatMap((pid) => parentOf(pid)));
  const tree = [root];
  for (const pid of tree) {
    for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  }
  return tree;
}

/** µs so far by role. A shard process counts as a whole, with its own collector and compiler. */
export function cpuTimesOfTree(server: number, redis: number): CpuTimes {
  const times = new Map(readCpuTimes(server, redis));
  for (const pid of processTree(server).slice(1)) {
    const us = cpuUs(pid);
    times.set("shards", (times.get("shards") ?? 0) + us);
  }
  return times;
}

/** RSS in bytes: shared pages count for each process. */
export function residentBytes(pids: readonly number[]): number {
  return sumOf(pids, "status", /^VmRSS:\s+(\d+) kB/m);
}

/** PSS in bytes: a page that n processes share counts 1/n for each. The kernel has to walk all pages. */
export function proportionalBytes(pids: readonly number[]): number {
  return sumOf(pids, "smaps_rollup", /^Pss:\s+(\d+) kB/m);
}

function sumOf(pids: readonly number[], file: string, kilobytes: RegExp): number {
  let sum = 0;
  for (const pid of pids) sum += Number(kilobytes.exec(textOf(pid, file))?.[1] ?? 0) * 1024;
  return sum;
}

function parentOf(pid: number): (readonly [number, number])[] {
  const stat = textOf(pid, "stat");
  const parent = /\) \S (\d+) /.exec(stat)?.[1];
  return parent === undefined ? [] : [[pid, Number(parent)]];
}

function cpuUs(pid: number): number {
  const stat = textOf(pid, "stat");
  return stat === "" ? 0 : parseStat(stat).us;
}

/** Empty if the process has ended. */
function textOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder).map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}
