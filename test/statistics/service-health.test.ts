/** The health and the metrics of the statistics service. */
import { expect, onTestFinished, test } from "vitest";
import { noRows } from "../../src/statistics/rows.ts";
import { portOf, ServiceHealth, serveHealth } from "../../src/statistics/service-health.ts";

async function serve(health: ServiceHealth) {
  const server = await serveHealth(health, { host: "127.0.0.1", port: 0 });
  onTestFinished(() => void server.close());
  return async (path: string, method = "GET") => {
    const answer = await fetch(`http://127.0.0.1:${portOf(server)}${path}`, { method });
    return [answer.status, await answer.text()] as const;
  };
}

test("it is alive at once, and ready while it can read and write", async () => {
  const health = new ServiceHealth();
  const ask = await serve(health);
  expect(await ask("/healthz")).toEqual([200, '{"status":"alive"}']);
  expect((await ask("/readyz"))[0]).toBe(503);
  health.reason = undefined;
  expect(await ask("/readyz")).toEqual([200, '{"status":"ready"}']);
  health.failed("ClickHouse has failed: refused");
  expect(await ask("/readyz")).toEqual([
    503,
    '{"status":"not_ready","reasons":["ClickHouse has failed: refused"]}',
  ]);
  expect((await ask("/"))[0]).toBe(404);
  expect((await ask("/healthz", "POST"))[0]).toBe(405);
});

test("the metrics show what was read and written, and how old the newest record is", async () => {
  const health = new ServiceHealth();
  expect(health.metrics(0)).not.toContain("daybook_statistics_age_seconds{");
  const event = {
    partner: "acme",
    at: 5,
    type: "t",
    subject: "s",
    shard: 0,
    epoch: 1,
    seq: 1,
    record: 0,
    part: 0,
  };
  health.wrote(3, { ...noRows(), events: [event, event] });
  health.readToMs = 1_000;
  health.reason = undefined;
  health.failed("once");
  const text = health.metrics(61_000);
  for (const line of [
    "daybook_statistics_following 0",
    "daybook_statistics_batches_total 3",
    "daybook_statistics_failures_total 1",
    'daybook_statistics_rows_total{table="events"} 2',
    'daybook_statistics_rows_total{table="entries"} 0',
    "daybook_statistics_age_seconds 60",
  ])
    expect(text.split("\n")).toContain(line);
  expect(text).toContain("process_cpu_seconds_total");
});

test("a port that is taken ends the start", async () => {
  const server = await serveHealth(new ServiceHealth(), { host: "127.0.0.1", port: 0 });
  onTestFinished(() => void server.close());
  const again = serveHealth(new ServiceHealth(), { host: "127.0.0.1", port: portOf(server) });
  await expect(again).rejects.toThrow("EADDRINUSE");
});
