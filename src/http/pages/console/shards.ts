/** `/console/shards`: the shards, their snapshots and recoveries, and what the operator can do with them. */
import { z } from "@hono/zod-openapi";
import type { ShardStatus } from "../../../gateway/ports.ts";
import { Problem } from "../../problem.ts";
import { note, section, table } from "../base/blocks.ts";
import { bytes, count, duration, mono, none, time } from "../base/format.ts";
import { confirmButton, readForm } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import type { ConsoleDeps } from "./area.ts";
import { shardState } from "./shard-state.ts";

const ShardsQuery = z.strictObject({ done: z.enum(["restart", "snapshots"]).optional() });
const NoFields = z.strictObject({});

const DONE = {
  restart: "The shard restarts. The others keep serving meanwhile.",
  snapshots: "The snapshots have begun. Shards take them one after the other.",
} as const;

export function addShardPages(pages: PageRoutes, { operations }: ConsoleDeps): void {
  const parts = async () => shardTables(await operations.shards());
  pages.page({ path: "/console/shards", query: ShardsQuery }, async ({ query: { done } }) => ({
    title: "Shards",
    aside: confirmButton({
      id: "snapshots",
      label: "Take snapshots",
      question: "Every shard takes a snapshot, one after the other. They keep serving meanwhile.",
      action: "/console/snapshots",
      isDanger: false,
    }),
    body: html`${done !== undefined && note("good", DONE[done])}
<div hx-get="/console/shards/state" hx-trigger="every 2s" hx-swap="innerMorph">${await parts()}</div>
${section("Restart a shard", restartButtons(await operations.shards()))}`,
  }));
  pages.fragment({ path: "/console/shards/state" }, parts);
  pages.action({ path: "/console/shards/{n}/restart" }, async ({ request }) => {
    const text = request.param("n");
    await readForm(request, NoFields);
    if (!/^\d{1,5}$/.test(text) || !(await operations.restart(Number(text))))
      throw new Problem("shard_not_found", `There is no shard ${text}.`);
    return "/console/shards?done=restart";
  });
  pages.action({ path: "/console/snapshots" }, async ({ request }) => {
    await readForm(request, NoFields);
    if (!(await operations.takeSnapshots()))
      throw new Problem("not_implemented", "The in-memory log does not store snapshots.");
    return "/console/shards?done=snapshots";
  });
}

function shardTables(shards: readonly ShardStatus[]): Html {
  return html`${table<ShardStatus>({
    caption: "Shards",
    rows: shards,
    empty: "There are no shards yet.",
    columns: [
      { label: "Shard", isHead: true, cell: ({ shard }) => shard },
      { label: "State", cell: ({ status }) => shardState(status) },
      {
        label: "Runs as",
        cell: ({ isolation, threadId, pid }) =>
          isolation === "threads" ? `thread ${threadId ?? "–"}` : `process ${pid ?? "–"}`,
      },
      { label: "Position", cell: ({ position }) => mono(position) },
      { label: "Durable", cell: ({ durablePosition }) => mono(durablePosition) },
      { label: "Accounts", isNumber: true, cell: ({ accounts }) => count(accounts) },
      { label: "Waiting", isNumber: true, cell: ({ mailboxDepth }) => count(mailboxDepth) },
      { label: "Restarts", isNumber: true, cell: ({ restarts }) => count(restarts) },
    ],
  })}
${section(
  "Snapshots and recovery",
  table<ShardStatus>({
    caption: "Snapshots and recovery",
    rows: shards,
    empty: "There are no shards yet.",
    columns: [
      { label: "Shard", isHead: true, cell: ({ shard }) => shard },
      {
        label: "Newest snapshot",
        cell: ({ snapshot }) => (snapshot === undefined ? none("none since the start") : time(snapshot.atMs)),
      },
      { label: "At", cell: ({ snapshot }) => snapshot && mono(snapshot.position) },
      { label: "Size", isNumber: true, cell: ({ snapshot }) => snapshot && bytes(snapshot.bytes) },
      { label: "Took", isNumber: true, cell: ({ snapshot }) => snapshot && duration(snapshot.ms) },
      { label: "Last recovery", isNumber: true, cell: ({ recovery }) => duration(recovery.totalMs) },
      { label: "Replayed", isNumber: true, cell: ({ recovery }) => count(recovery.replayed) },
    ],
  }),
)}`;
}

function restartButtons(shards: readonly ShardStatus[]): Html {
  return html`<p class="muted">A restart replays the log from the newest snapshot. Requests to the shard wait or are refused meanwhile.</p>
<div class="actions">${shards.map(({ shard }) =>
    confirmButton({
      id: `restart-${shard}`,
      label: `Restart shard ${shard}`,
      question: `Shard ${shard} stops and replays its log. Requests to it are refused until it is back.`,
      action: `/console/shards/${shard}/restart`,
    }),
  )}</div>`;
}
