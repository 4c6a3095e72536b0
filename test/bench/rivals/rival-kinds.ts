import { PostgresLedger } from "./postgres-ledger.ts";
import { RedisLuaLedger } from "./redis-lua-ledger.ts";
import type { RivalKind, RivalLedger } from "./rival-ledger.ts";

const BATCH_FUNCTIONS = {
  postgres: "transfer_batch",
  "postgres-pipelined": "transfer_batch",
  "postgres-loop": "transfer_each",
  "postgres-each": null,
} as const;

/** Creates a client of it in this process. */
export function openRival(kind: RivalKind, socket: string, connections: number): RivalLedger {
  if (kind === "redis-lua") return new RedisLuaLedger(socket);
  return new PostgresLedger(socket, {
    connections,
    isPipelined: kind === "postgres-pipelined",
    batchFunction: BATCH_FUNCTIONS[kind],
  });
}
