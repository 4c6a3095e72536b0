/** `/console/log`: the log by position, decoded. */
import { z } from "@hono/zod-openapi";
import { describeCommand, describeOutcome } from "../../../actors/records/record-text.ts";
import type { ArchivedRecord, LogBatch } from "../../../archive/queries/query.ts";
import { Problem } from "../../problem.ts";
import { facts, note, section, table } from "../base/blocks.ts";
import { badge, count, mono, time } from "../base/format.ts";
import { field, filters } from "../base/forms.ts";
import { type Fragment, type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import type { ConsoleDeps } from "./area.ts";
import { positionLink, positionOf } from "./log-link.ts";

const LogQuery = z.strictObject({ position: z.string().max(50).optional() });

export function addLogPages(pages: PageRoutes, deps: ConsoleDeps): void {
  pages.page({ path: "/console/log", query: LogQuery }, async ({ query: { position = "" } }) => {
    const asked = positionOf(position);
    if (asked !== undefined) return batchPage(asked, deps);
    const shards = await deps.operations.shards();
    return {
      title: "Log",
      body: html`${position !== "" && note("bad", "A position has the form shard:epoch-sequence, for example 0:1-17.")}
${positionForm(position)}
${section(
  "Newest positions",
  table({
    caption: "Newest durable positions",
    rows: shards,
    empty: "There are no shards yet.",
    columns: [
      { label: "Shard", isHead: true, cell: ({ shard }) => shard },
      { label: "Durable position", cell: ({ durablePosition }) => positionText(durablePosition) },
      { label: "Epoch", isNumber: true, cell: ({ epoch }) => count(epoch) },
    ],
  }),
)}`,
    };
  });
  pages.page({ path: "/console/log/{position}" }, ({ request }) => {
    const position = positionOf(request.param("position"));
    if (position === undefined) throw new Problem("not_found", "This is not a position of the log.");
    return batchPage(position, deps);
  });
}

function positionText(text: string): Fragment {
  const position = positionOf(text);
  return position === undefined || position.seq === 0 ? mono(text) : positionLink(position);
}

function positionForm(value: string): Html {
  const hint = "shard:epoch-sequence, as in the header Daybook-Position";
  return filters("/console/log", field({ name: "position", label: "Position", value, type: "search", hint }));
}

async function batchPage(
  position: Readonly<{ shard: number; epoch: number; seq: number }>,
  deps: ConsoleDeps,
): Promise<Page> {
  const batch = await deps.ledger.logBatch(position);
  const { shard, epoch, seq } = position;
  const title = `${shard}:${epoch}-${seq}`;
  const trail = [{ path: "/console/log", label: "Log" }];
  if (batch === undefined)
    return {
      title,
      trail,
      status: 404,
      body: html`${note("warn", "The archive has no batch at this position. It may be newer than the archive, or was never written.")}${positionForm(title)}`,
    };
  return { title, trail, aside: neighbours(batch), body: batchBody(batch) };
}

function neighbours({ shard, before, after }: LogBatch): Fragment {
  const link = (label: string, id: LogBatch["before"]) =>
    id !== null &&
    html`<a class="button outline small" href="/console/log/${shard}:${id.epoch}-${id.seq}">${label}</a> `;
  return html`${link("Earlier", before)}${link("Later", after)}`;
}

function batchBody({ timeMs, count: records, records: shown }: LogBatch): Html {
  return html`${facts([
    ["Logged", time(timeMs)],
    ["Records", count(records)],
  ])}
${section(
  records > shown.length ? `The first ${shown.length} records` : "Records",
  table<ArchivedRecord>({
    caption: "Records of the batch",
    rows: shown,
    empty: "The batch has no records.",
    columns: [
      { label: "#", isHead: true, cell: ({ at }) => at.index },
      { label: "Partner", cell: ({ record }) => record.command.partner },
      { label: "Operation", cell: ({ record }) => record.command.op },
      { label: "What", cell: ({ record }) => describeCommand(record) },
      {
        label: "Outcome",
        cell: ({ record }) =>
          record.outcome.ok
            ? html`${badge("done", "good")} ${mono(describeOutcome(record))}`
            : badge(describeOutcome(record), "bad"),
      },
    ],
  }),
)}
${section("Decoded", html`${shown.map((each) => html`<details><summary>Record ${each.at.index}</summary><pre tabindex="0">${jsonOf(each)}</pre></details>`)}`)}`;
}

const SHOWN_OF_HASH = 8;

function jsonOf({ record }: ArchivedRecord): string {
  return JSON.stringify(record, shownValue, 2);
}

/** Hashes of keys are shortened: nobody needs them whole. */
function shownValue(name: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  const isHash = typeof value === "string" && /hash$/i.test(name) && value.length > SHOWN_OF_HASH;
  return isHash ? `${value.slice(0, SHOWN_OF_HASH)}…` : value;
}
