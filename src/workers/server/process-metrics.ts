/** Metrics of the server's process, under the names that Prometheus' client libraries give them. */
import { VERSION } from "../../version.ts";
import { usedHeapBytes } from "../shard/stats.ts";
import { type Metric, scalars } from "./prometheus-text.ts";

/** Times in seconds. */
export type ProcessStats = Readonly<{
  cpuS: number;
  startedS: number;
  heapBytes: number;
  /** `undefined` while the process has no file descriptor left: the system tells it through a file. */
  residentBytes: number | undefined;
}>;

const OF_PROCESS: readonly Metric<ProcessStats>[] = [
  ["process_cpu_seconds_total", "CPU time of all threads of the process", (of) => of.cpuS],
  ["process_start_time_seconds", "When the process started, since 1970 UTC", (of) => of.startedS],
  ["nodejs_heap_size_used_bytes", "Heap of the main thread", (of) => of.heapBytes],
];
const OF_MEMORY: readonly Metric<number>[] = [
  ["process_resident_memory_bytes", "Memory of the process", Number],
];
const OF_BUILD: readonly Metric<number>[] = [["daybook_build_info", "The version, as a label", Number]];

export function processStats(): ProcessStats {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return {
    cpuS: (userCPUTime + systemCPUTime) / 1e6,
    startedS: performance.timeOrigin / 1000,
    heapBytes: usedHeapBytes(),
    residentBytes: residentBytes(),
  };
}

export function renderProcess(stats: ProcessStats): string {
  return [
    scalars(OF_PROCESS, [[{}, stats]]),
    stats.residentBytes === undefined ? "" : scalars(OF_MEMORY, [[{}, stats.residentBytes]]),
    scalars(OF_BUILD, [[{ version: VERSION, node: process.version }, 1]]),
  ].join("");
}

function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}
