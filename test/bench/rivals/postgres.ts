/** Compares Daybook with a ledger on PostgreSQL. */
import type { BenchContext } from "../bench-context.ts";
import { measureDuels } from "./duel.ts";
import { findPostgres, POSTGRES_SETTINGS, startPostgres } from "./postgres-server.ts";

const POOLS = [16, 32] as const;
/** Batches with common accounts wait for each other's rows; more of them make that worse. */
const BATCH_CONNECTIONS = [1, 2] as const;

const VARIANTS = [
  { prefix: "postgres", kind: "postgres", loads: ["single", "batch"], batchPool: "caller" },
  { prefix: "postgres.each", kind: "postgres-each", loads: ["batch"], batchPool: 16 },
  { prefix: "postgres.pipelined", kind: "postgres-pipelined", loads: ["single"], batchPool: "caller" },
  { prefix: "postgres.loop", kind: "postgres-loop", loads: ["batch"], batchPool: "caller" },
] as const;

export async function measurePostgres(bench: BenchContext): Promise<void> {
  if (!bench.wants("postgres")) return;
  const programs = findPostgres();
  if (typeof programs === "string") {
    bench.say(`${programs}: postgres.* is left out`);
    return;
  }
  for (const { prefix, kind, loads, batchPool } of VARIANTS) {
    await measureDuels(bench, prefix, {
      loads,
      pools: POOLS,
      batchConnections: BATCH_CONNECTIONS,
      batchPool,
      settings: { version: programs.version, ...POSTGRES_SETTINGS },
      async startStore(folder) {
        const { socketFolder, pid, stop } = await startPostgres(folder, programs);
        return { kind, socket: socketFolder, pid, stop };
      },
    });
  }
}
