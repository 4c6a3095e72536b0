/** Processor time and memory of a process and its children, from /proc. Other programs hardly disturb the former. */
import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks are 10 ms on every Linux that Node runs on. */
const TICK_US = 10_000;

/** µs so far by part of a program; empty without /proc. */
export type CpuTimes = ReadonlyMap<string, number>;

/** The process itself, then its descendants. */
export function processTree(root: number): readonly number[] {
  const tree = [root];
  for (const pid of tree) tree.push(...childrenOf(pid));
  return tree;
}

/**
 * The CPU time of a server of Daybook: main, shards, archive, runtime (collector and compiler threads), redis. A shard
 * process counts as a whole, with its own collector and compiler.
 */
export function cpuTimesOfServer(server: number, redis?: number): CpuTimes {
  const times = new Map<string, number>();
  const add = (part: string, us: number) => times.set(part, (times.get(part) ?? 0) + us);
  for (const { name, us } of threadsOf(server)) add(partOf(name), us);
  for (const child of childrenOf(server)) add("shards", cpuUsOfTree(child));
  if (redis !== undefined) add("redis", cpuUsOfTree(redis));
  return times;
}

/** µs so far of a process with all its threads, its children, and children that have ended; 0 without /proc. */
export function cpuUsOfTree(pid: number): number {
  const stat = textOf(`${pid}/stat`);
  if (stat === "") return 0;
  const { us, endedChildrenUs } = parseStat(stat);
  return childrenOf(pid).reduce((sum, child) => sum + cpuUsOfTree(child), us + endedChildrenUs);
}

/** µs per operation between two readings, by part. */
export function cpuPerOperation(before: CpuTimes, after: CpuTimes, operations: number): CpuTimes {
  return new Map([...after].map(([part, us]) => [part, (us - (before.get(part) ?? 0)) / operations]));
}

export function totalUs(times: CpuTimes): number {
  return [...times.values()].reduce((sum, us) => sum + us, 0);
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
  for (const pid of pids) sum += Number(kilobytes.exec(textOf(`${pid}/${file}`))?.[1] ?? 0) * 1024;
  return sum;
}

function partOf(thread: string): string {
  if (thread.startsWith("node-Main") || thread === "node") return "main";
  if (thread === "archive") return "archive";
  if (thread.startsWith("WorkerThread") || thread.startsWith("shard")) return "shards";
  return "runtime";
}

function threadsOf(pid: number): readonly Stat[] {
  const stats = namesIn(`${pid}/task`).map((thread) => textOf(`${pid}/task/${thread}/stat`));
  return stats.filter((stat) => stat !== "").map(parseStat);
}

/** The threads of a process may have started them. */
function childrenOf(pid: number): readonly number[] {
  return namesIn(`${pid}/task`).flatMap((thread) => {
    const text = textOf(`${pid}/task/${thread}/children`).trim();
    return text === "" ? [] : text.split(" ").map(Number);
  });
}

type Stat = Readonly<{ name: string; us: number; endedChildrenUs: number }>;

/** The name is in parentheses and may contain any character. Times are fields 14 to 17: user and system, twice. */
export function parseStat(stat: string): Stat {
  const end = stat.lastIndexOf(")");
  const fields = stat.slice(end + 2).split(" ");
  const us = (at: number) => (Number(fields[at]) + Number(fields[at + 1])) * TICK_US;
  return { name: stat.slice(stat.indexOf("(") + 1, end), us: us(11), endedChildrenUs: us(13) };
}

/** Empty if the process has ended. */
function textOf(file: string): string {
  try {
    return readFileSync(`/proc/${file}`, "utf8");
  } catch {
    return "";
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(`/proc/${folder}`);
  } catch {
    return [];
  }
}
