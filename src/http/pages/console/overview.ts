/** `/console`: the state of the server at this moment. */

import { publicReason } from "../../problem.ts";
import { emptyNote, note, section, table } from "../base/blocks.ts";
import { count, duration, mono } from "../base/format.ts";
import { type Fragment, type Html, html } from "../base/html.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import type { ConsoleDeps } from "./area.ts";
import type { Live } from "./live-stats.ts";
import { HISTORY_MS, LiveStats } from "./live-stats.ts";
import { newestTransfers, transferTable } from "./newest-transfers.ts";
import { shardState } from "./shard-state.ts";

export function addOverview(pages: PageRoutes, deps: ConsoleDeps): void {
  const stats = new LiveStats(deps.operations, deps.clock);
  const newest = newestTransfers(deps);
  pages.page({ path: "/console" }, async () => {
    const live = await stats.read();
    return {
      title: "Overview",
      assets: ["uplot.css", "uplot.js", "chart.js"],
      body: html`<div id="live" hx-get="/console/live" hx-trigger="every 1s" hx-swap="innerMorph" aria-live="off">${liveParts(live)}</div>
${section("Commands per second", chart(stats))}
<div hx-get="/console/live-shards" hx-trigger="every 1s" hx-swap="innerMorph">${section("Shards", shardTable(live))}</div>
<div hx-get="/console/newest" hx-trigger="load, every 3s" hx-swap="innerMorph">${section("Newest transfers", emptyNote("Loading…"))}</div>`,
    };
  });
  pages.fragment({ path: "/console/live" }, async () => liveParts(await stats.read()));
  pages.fragment({ path: "/console/live-shards" }, async () =>
    section("Shards", shardTable(await stats.read())),
  );
  pages.fragment({ path: "/console/newest" }, async () =>
    section(
      "Newest transfers",
      transferTable(await newest(), "No transfers yet. They appear here a moment after they are made."),
    ),
  );
}

/** The last minutes as a line; a table of numbers would say less. */
function chart(stats: LiveStats): Html {
  const minutes = HISTORY_MS / 60_000;
  return html`<figure class="chart"><div id="chart" role="img" aria-label="Commands per second since this page was opened, at most ${minutes} minutes" data-points="${JSON.stringify(stats.points)}"></div></figure>`;
}

function liveParts(live: Live): Html {
  const { rate, p50Ms, p99Ms, accounts, pending, waiting } = live;
  return html`${headline(live)}${alarmList(live)}
<dl class="figures" data-at="${Math.round(live.atMs / 1000)}" data-rate="${rate.toFixed(1)}">
${figure("Commands per second", count(Math.round(rate)), "over the last 5 s", true)}
${figure("Answer time, p99", latency(p99Ms), p50Ms === undefined ? "of transfers and batches" : html`half are below ${duration(p50Ms)}`)}
${figure("Accounts", count(accounts), html`${count(pending)} open holds`)}
${figure("Waiting", count(waiting), "requests in mailboxes")}
</dl>`;
}

function latency(ms: number | undefined): string {
  return ms === undefined ? "–" : duration(ms);
}

function figure(name: string, value: string, below: Fragment, isMain = false): Html {
  return html`<div${isMain && html` class="main-figure"`}><dt>${name}</dt><dd><strong>${value}</strong><span>${below}</span></dd></div>`;
}

/** One sentence that answers the first question. */
function headline({ isReady, reasons, isBalanced, shards, warnings, alarms }: Live): Html {
  const tone = !isReady || isBalanced === false ? "bad" : alarms.length > 0 ? "warn" : "good";
  const books =
    isBalanced === undefined
      ? "The books are not checked yet."
      : isBalanced
        ? "The books balance."
        : "The books do not balance.";
  const ready = shards.filter(({ status }) => status === "ready").length;
  const first = isReady ? "Ready." : "Not ready.";
  return html`<p class="headline" data-tone="${tone}"><span class="dot" aria-hidden="true"></span><strong>${first}</strong> ${ready} of ${shards.length} ${shards.length === 1 ? "shard serves" : "shards serve"}. ${books}${alarms.length > 0 && html` <strong>${alarms.length} ${alarms.length === 1 ? "alarm" : "alarms"}.</strong>`}</p>
${reasons.map((reason) => note("bad", publicReason(reason)))}
${warnings.map((warning) => note("plain", publicReason(warning)))}`;
}

function alarmList({ alarms }: Live): Fragment {
  if (alarms.length === 0) return undefined;
  return html`<ul class="alarms" aria-label="Alarms">${alarms.map(
    ({ alert, severity, summary, detail }) =>
      html`<li data-tone="${severity === "page" ? "bad" : "warn"}"><strong>${alert}</strong> <span>${summary}: ${detail}</span></li>`,
  )}</ul>`;
}

function shardTable({ shards }: Live): Html {
  return table({
    caption: "Shards",
    rows: shards,
    empty: "There are no shards yet.",
    columns: [
      { label: "Shard", isHead: true, cell: ({ shard }) => shard },
      { label: "State", cell: ({ status }) => shardState(status) },
      { label: "Durable position", cell: ({ durablePosition }) => mono(durablePosition) },
      { label: "Durable lag", isNumber: true, cell: ({ lagMs }) => duration(lagMs) },
      { label: "Accounts", isNumber: true, cell: ({ accounts }) => count(accounts) },
      { label: "Waiting", isNumber: true, cell: ({ mailboxDepth }) => count(mailboxDepth) },
      { label: "Restarts", isNumber: true, cell: ({ restarts }) => count(restarts) },
    ],
  });
}
