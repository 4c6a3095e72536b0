/** Compares Daybook with Lua scripts in Redis. */
import { join } from "node:path";
import type { BenchContext } from "../bench-context.ts";
import { REDIS_SETTINGS, startRedis } from "../redis-server.ts";
import { measureDuels } from "./duel.ts";

export async function measureRedisLua(bench: BenchContext): Promise<void> {
  if (!bench.wants("redis-lua")) return;
  await measureDuels(bench, "redis-lua", {
    // ioredis pipelines calls by itself; more connections would only split the pipelines.
    loads: ["single", "batch"],
    pools: [1],
    batchConnections: [4, 8, 32],
    batchPool: 1,
    settings: REDIS_SETTINGS,
    async startStore(folder) {
      const { socket, pid, stop } = await startRedis(join(folder, "redis-lua"));
      return { kind: "redis-lua", socket, pid, stop };
    },
  });
}
