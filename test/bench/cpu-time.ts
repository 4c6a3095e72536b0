/**
 * CPU time by thread, from /proc. Other programs on the machine disturb it far less than requests per second. Empty
 * without /proc.
 */
import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks are 10 ms on every Linux that Node runs on. */
const TICK_US = 10_000;

export type CpuTimes = ReadonlyMap<string, number>;

/** µs so far by `role`: main, shards, archive, runtime (collector and compiler threads), redis. */
export function readCpuTimes(server: number, redis?: number): CpuTimes {
  const times = new Map<string, number>();
  const add = (role: string, us: number) => times.set(role, (times.get(role) ?? 0) + us);
  for (const { name, us } of threadsOf(server)) add(roleOf(name), us);
  if (redis !== undefined) for (const { us } of threadsOf(redis)) add("redis", us);
  return times;
}

/** µs per operation, rounded, by role. */
export function cpuPerOperation(
  before: CpuTimes,
  after: CpuTimes,
  operations: number,
): Record<string, number> {
  const figures: Record<string, number> = {};
  let total = 0;
  for (const [role, us] of after) {
    const each = (us - (before.get(role) ?? 0)) / operations;
    total += each;
    figures[`cpu_us_${role}`] = Number(each.toFixed(2));
  }
  if (after.size > 0) figures["cpu_us_total"] = Number(total.toFixed(2));
  return figures;
}

function roleOf(thread: string): string {
  if (thread.startsWith("node-Main") || thread === "node") return "main";
  if (thread === "archive") return "archive";
  if (thread.startsWith("WorkerThread") || thread.startsWith("shard")) return "shards";
  return "runtime";
}

function threadsOf(pid: number): { name: string; us: number }[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
      return [parseStat(stat)];
    });
  } catch {
    return [];
  }
}

/** The name is in parentheses and may contain any character; user and system time are fields 14 and 15. */
export function parseStat(stat: string): { name: string; us: number } {
  const end = stat.lastIndexOf(")");
  const fields = stat.slice(end + 2).split(" ");
  const us = (Number(fields[11]) + Number(fields[12])) * TICK_US;
  return { name: stat.slice(stat.indexOf("(") + 1, end), us };
}
