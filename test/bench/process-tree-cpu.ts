/** CPU time of programs with several processes, from /proc. */
import { readFileSync } from "node:fs";

/** Clock ticks are 10 ms on every Linux that Node runs on. */
const TICK_US = 10_000;

/** µs so far of a process with all its threads, its children, and children that have ended; 0 without /proc. */
export function cpuUsOfTree(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may contain any character. User and system time are fields 14 and 15, of ended children 16
    // and 17.
    const times = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 15);
    const own = times.reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_US;
    return childrenOf(pid).reduce((sum, child) => sum + cpuUsOfTree(child), own);
  } catch {
    return 0;
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}
