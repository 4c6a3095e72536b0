/** Probes and metrics, and the operator's routes for shards and snapshots. */
import { z } from "@hono/zod-openapi";
import type { Operations, ShardStatus } from "../../gateway/ports.ts";
import { answer, jsonAnswer, problemAnswer } from "../call.ts";
import { Problem, publicReason } from "../problem.ts";
import type { Routes } from "../routes.ts";
import { readNothing } from "../server/body.ts";

const ShardSchema = z
  .object({
    shard: z.int(),
    isolation: z.enum(["threads", "processes"]),
    thread_id: z.int().optional(),
    pid: z.int().optional(),
    status: z.enum(["starting", "recovering", "ready", "stalled", "hung", "restarting", "failed"]),
    epoch: z.int(),
    position: z.string(),
    durable_position: z.string(),
    accounts: z.int(),
    mailbox_depth: z.int(),
    restarts: z.int(),
    recovery: z.object({
      snapshot_position: z.string().nullable(),
      snapshot_ms: z.number(),
      replayed: z.int(),
      replay_ms: z.number(),
      total_ms: z.number(),
    }),
    snapshot: z
      .object({
        position: z.string(),
        records: z.int(),
        bytes: z.int(),
        duration_ms: z.number(),
        taken_at: z.string(),
      })
      .nullable(),
  })
  .openapi("Shard");

const ShardParams = z.object({ n: z.string().openapi({ example: "0" }) });
const SnapshotsAnswer = z.object({ status: z.literal("begun") });
const ShardAnswer = z.object({ shard: z.int(), status: z.literal("restarting") });

/** Shows the thread id of shards on threads, and the process id of shards in processes. */
function shardView(shard: ShardStatus): object {
  return {
    shard: shard.shard,
    isolation: shard.isolation,
    ...(shard.isolation === "threads" ? { thread_id: shard.threadId } : { pid: shard.pid }),
    status: shard.status,
    epoch: shard.epoch,
    position: shard.position,
    durable_position: shard.durablePosition,
    accounts: shard.accounts,
    mailbox_depth: shard.mailboxDepth,
    restarts: shard.restarts,
    recovery: {
      snapshot_position: shard.recovery.snapshotPosition,
      snapshot_ms: shard.recovery.snapshotMs,
      replayed: shard.recovery.replayed,
      replay_ms: shard.recovery.replayMs,
      total_ms: shard.recovery.totalMs,
    },
    snapshot: shard.snapshot === undefined ? null : snapshotView(shard.snapshot),
  };
}

function snapshotView({ position, records, bytes, ms, atMs }: NonNullable<ShardStatus["snapshot"]>): object {
  return { position, records, bytes, duration_ms: ms, taken_at: new Date(atMs).toISOString() };
}

export function addOperations(routes: Routes, operations: Operations): void {
  addProbes(routes, operations);
  addAdmin(routes, operations);
}

function addProbes(routes: Routes, operations: Operations): void {
  const open = { method: "get", access: "open", group: "operations", servesUnready: true } as const;
  const alive = z.object({ status: z.literal("alive") });
  routes.add(
    {
      ...open,
      operationId: "getHealth",
      path: "/healthz",
      summary: "Check that the process is alive",
      answer: { status: 200, description: "Alive.", content: { "application/json": alive } },
    },
    (_request, call) => jsonAnswer(call, 200, '{"status":"alive"}'),
  );
  const ready = z.object({ status: z.literal("ready"), warnings: z.array(z.string()) });
  routes.add(
    {
      ...open,
      operationId: "getReadiness",
      path: "/readyz",
      summary: "Check that all shards have recovered and the log is durable",
      description:
        "If not ready: a problem with `reasons`. `warnings` lists settings that weaken durability or security.",
      answer: { status: 200, description: "Ready.", content: { "application/json": ready } },
      problems: ["log_unavailable"],
    },
    (_request, call) => {
      const reasons = operations.unready().map(publicReason);
      const warnings = operations.warnings().map(publicReason);
      if (reasons.length === 0) return jsonAnswer(call, 200, JSON.stringify({ status: "ready", warnings }));
      return problemAnswer(call, "log_unavailable", reasons.join(" "), {}, { reasons, warnings });
    },
  );
  routes.add(
    {
      ...open,
      path: "/metrics",
      summary: "Metrics for Prometheus",
      answer: { status: 200, description: "Prometheus text.", content: { "text/plain": z.string() } },
    },
    async (_request, call) =>
      answer(call, 200, await operations.metrics(), {
        "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
      }),
  );
}

const ADMIN = { access: "operator", group: "operations" } as const;

function addAdmin(routes: Routes, operations: Operations): void {
  routes.add(
    {
      ...ADMIN,
      method: "get",
      path: "/v1/admin/shards",
      summary: "List all shards",
      answer: {
        status: 200,
        description: "The shards.",
        content: { "application/json": z.object({ data: z.array(ShardSchema) }) },
      },
    },
    async (_request, call) => {
      const shards = await operations.shards();
      return jsonAnswer(call, 200, JSON.stringify({ data: shards.map(shardView) }));
    },
  );
  routes.add(
    {
      ...ADMIN,
      method: "post",
      path: "/v1/admin/shards/{n}/restart",
      summary: "Restart one shard; the others keep serving",
      params: ShardParams,
      answer: {
        status: 202,
        description: "The shard is restarting.",
        content: { "application/json": ShardAnswer },
      },
      problems: ["shard_not_found"],
    },
    async (request, call) => {
      const text = request.param("n");
      await readNothing(request);
      const shard = Number(text);
      if (!/^\d{1,5}$/.test(text) || !(await operations.restart(shard))) {
        throw new Problem("shard_not_found", `There is no shard ${text}.`);
      }
      return jsonAnswer(call, 202, JSON.stringify({ shard, status: "restarting" }));
    },
  );
  addSnapshots(routes, operations);
}

function addSnapshots(routes: Routes, operations: Operations): void {
  routes.add(
    {
      ...ADMIN,
      method: "post",
      operationId: "takeSnapshots",
      path: "/v1/admin/snapshots",
      summary: "Take a snapshot of every shard",
      description:
        "Shards take them one after the other. `/v1/admin/shards` shows each shard's newest snapshot.",
      answer: {
        status: 202,
        description: "The snapshots have begun.",
        content: { "application/json": SnapshotsAnswer },
      },
      problems: ["not_implemented"],
    },
    async (request, call) => {
      await readNothing(request);
      if (!(await operations.takeSnapshots()))
        throw new Problem("not_implemented", "The in-memory log does not store snapshots.");
      return jsonAnswer(call, 202, '{"status":"begun"}');
    },
  );
}
