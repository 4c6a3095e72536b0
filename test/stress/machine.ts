/** Describes the machine of the measurement. */
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { redisVersion } from "../bench/load.ts";

export type Machine = Readonly<{
  cpus: number;
  cpu: string;
  memory_gb: number;
  system: string;
  node: string;
  redis: string;
  fsync_p50_us: number;
  /** Load average of the minute before the run: above 0, something else was running. */
  load_average: number;
}>;

export function thisMachine(fsyncUs: number): Machine {
  return {
    cpus: availableParallelism(),
    cpu: cpus()[0]?.model ?? "unknown",
    memory_gb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    redis: redisVersion(),
    fsync_p50_us: Math.round(fsyncUs),
    load_average: Number(loadavg()[0]?.toFixed(1)),
  };
}

export function machineText(machine: Machine): string {
  const { cpus, cpu, memory_gb, system, node, redis, fsync_p50_us, load_average } = machine;
  return (
    `${cpus} cores (${cpu}), ${memory_gb} GB, ${system}; Node.js ${node}, Redis ${redis} with ` +
    `\`appendfsync always\` on a unix socket, median fsync ${fsync_p50_us} µs; load average before the run ${load_average}`
  );
}
