/** What the statistics service says of itself: `/healthz`, `/readyz` and `/metrics`, on a port of its own. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type ProcessStats, processStats, renderProcess } from "../workers/server/process-metrics.ts";
import { type Metric, scalars } from "../workers/server/prometheus-text.ts";
import type { Rows } from "./rows.ts";
import { TABLE_NAMES, type TableName } from "./tables.ts";

/** A metric of each table has its name as a label. */
type Counts = {
  batches: number;
  samples: number;
  failures: number;
  readonly rows: Record<TableName, number>;
};

const OF_SERVICE: readonly Metric<ServiceHealth>[] = [
  [
    "daybook_statistics_following",
    "1: the archive and the database can be read",
    ({ reason }) => (reason === undefined ? 1 : 0),
  ],
  ["daybook_statistics_batches_total", "Batches of the log that were read", ({ counts }) => counts.batches],
  ["daybook_statistics_samples_total", "Samples that were written", ({ counts }) => counts.samples],
  [
    "daybook_statistics_failures_total",
    "How often reading or writing has failed",
    ({ counts }) => counts.failures,
  ],
];
const OF_TABLE: readonly Metric<number>[] = [
  ["daybook_statistics_rows_total", "Rows that were written", Number],
];
const OF_AGE: readonly Metric<number>[] = [
  [
    "daybook_statistics_age_seconds",
    "Age of the newest record that was read, of the shard furthest behind",
    (ms) => ms / 1000,
  ],
];

export class ServiceHealth {
  readonly counts: Counts;
  /** Why nothing is read or written at present. `undefined`: it works. */
  reason: string | undefined = "the service is starting";
  /** Log time up to which all shards were read, in ms; `undefined` before that. */
  readToMs: number | undefined;

  constructor() {
    this.counts = {
      batches: 0,
      samples: 0,
      failures: 0,
      rows: Object.fromEntries(TABLE_NAMES.map((table) => [table, 0])) as Record<TableName, number>,
    };
  }

  /** Counts rows that were written. */
  wrote(batches: number, rows: Rows): void {
    this.counts.batches += batches;
    for (const table of TABLE_NAMES) this.counts.rows[table] += rows[table].length;
  }

  failed(reason: string): void {
    this.counts.failures += 1;
    this.reason = reason;
  }

  /** Prometheus' text. */
  metrics(nowMs: number, stats: ProcessStats = processStats()): string {
    return [
      scalars(OF_SERVICE, [[{}, this]]),
      scalars(
        OF_TABLE,
        TABLE_NAMES.map((table) => [{ table }, this.counts.rows[table]] as const),
      ),
      scalars(OF_AGE, this.readToMs === undefined ? [] : [[{}, Math.max(0, nowMs - this.readToMs)]]),
      renderProcess(stats),
    ].join("");
  }
}

/** Serves them. @throws Error (as a rejection) the port cannot be bound */
export async function serveHealth(
  health: ServiceHealth,
  address: Readonly<{ host: string; port: number }>,
): Promise<Server> {
  const server = createServer(({ method, url }, outgoing) => {
    if (method === "GET" || method === "HEAD") answer(health, url ?? "", outgoing);
    else send(outgoing, 405, "application/json", '{"status":"method_not_allowed"}');
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function answer(health: ServiceHealth, path: string, outgoing: ServerResponse): void {
  const { reason } = health;
  if (path === "/healthz") send(outgoing, 200, "application/json", '{"status":"alive"}');
  else if (path === "/metrics") send(outgoing, 200, "text/plain; version=0.0.4", health.metrics(Date.now()));
  else if (path !== "/readyz") send(outgoing, 404, "application/json", '{"status":"not_found"}');
  else if (reason === undefined) send(outgoing, 200, "application/json", '{"status":"ready"}');
  else send(outgoing, 503, "application/json", JSON.stringify({ status: "not_ready", reasons: [reason] }));
}

function send(outgoing: ServerResponse, status: number, type: string, body: string): void {
  const headers = { "Content-Type": type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" };
  outgoing.writeHead(status, headers).end(body);
}
