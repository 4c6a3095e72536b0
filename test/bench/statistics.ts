/** Measures what the statistics service costs the load that it follows. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { measureLoads } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { start, stop, waitForLine } from "./child-processes.ts";
import { Daybook } from "./daybook.ts";
import { singleBodies } from "./loads/bodies.ts";
import { writeBodies } from "./loads/load.ts";

const SERVICE = fileURLToPath(new URL("../../src/statistics/main.ts", import.meta.url));
const CONNECTIONS = 64;

/** Single transfers with and without the service. It begins with what the runs without it have left for it. */
export async function measureStatistics(bench: BenchContext): Promise<void> {
  if (!bench.wants("statistics.single")) return;
  const { accounts, shards } = bench.options;
  const folder = bench.newFolder();
  const daybook = await Daybook.start({ folder, backend: "redis", shards });
  await daybook.createAccounts(accounts);
  const load = { subject: daybook, bodies: writeBodies(join(folder, "bodies"), singleBodies(accounts)) };
  const arms = [
    { ...load, name: "followed", during: () => follow(daybook.dataFolder) },
    { ...load, name: "alone" },
  ] as const;
  await measureLoads(bench, { name: "statistics.single", connections: [CONNECTIONS], arms });
  await daybook.stop();
}

/** Starts the service. @returns a function that ends it */
async function follow(dataDir: string): Promise<() => Promise<void>> {
  const env = { PATH: process.env["PATH"], DATA_DIR: dataDir, LOG_LEVEL: "info" };
  const service = start(process.execPath, [SERVICE], { env });
  await waitForLine(service, /the statistics follow the archive/);
  return () => stop(service);
}
