/** Describes the machine of a measurement. */
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { sep } from "node:path";
import { measureFsyncUs } from "./disk.ts";
import { redisVersion } from "./redis-server.ts";

export type Machine = Readonly<{
  cpus: number;
  cpu: string;
  memory_gb: number;
  system: string;
  /** File system and device of the logs. */
  disk: string;
  /** The median time of appending 4 KiB and fdatasync. */
  fsync_p50_us: number;
  node: string;
  redis: string;
  /** Load average of the minute before the run: above 0, something else was running. */
  load_average: number;
}>;

/** @param folder on the disk of the logs. */
export function thisMachine(folder: string): Machine {
  return {
    cpus: availableParallelism(),
    cpu: cpus()[0]?.model ?? "unknown",
    memory_gb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    disk: diskOf(folder),
    fsync_p50_us: Math.round(measureFsyncUs(folder)),
    node: process.versions.node,
    redis: redisVersion(),
    load_average: Number(loadavg()[0]?.toFixed(1)),
  };
}

export function machineText(machine: Machine): string {
  const { cpus, cpu, memory_gb, system, disk, node, redis, fsync_p50_us, load_average } = machine;
  return (
    `${cpus} cores (${cpu}), ${memory_gb} GB, ${system}, ${disk}; Node.js ${node}, Redis ${redis} with ` +
    `\`appendfsync always\` on a unix socket, median fsync ${fsync_p50_us} µs; load average before the run ${load_average}`
  );
}

function diskOf(folder: string): string {
  try {
    return diskIn(readFileSync("/proc/self/mounts", "utf8"), folder);
  } catch {
    return "unknown disk";
  }
}

/** The mount with the longest path above the folder; of several at the same path, the last one. */
export function diskIn(mounts: string, folder: string): string {
  let found = { path: "", text: "unknown disk" };
  for (const line of mounts.split("\n")) {
    const [device, path = "", kind] = line.split(" ");
    const isAbove = path === sep || path === folder || folder.startsWith(path + sep);
    if (isAbove && path.length >= found.path.length) found = { path, text: `${kind} on ${device}` };
  }
  return found.text;
}
