/** The operator's routes: trial balance, metrics, shards, snapshots. */
import { expect, test } from "vitest";
import { OperatingError } from "../../../src/errors/operating-error.ts";
import { NO_REQUESTS, sumRequestCounts } from "../../../src/http/log/request-metrics.ts";
import { renderRequests } from "../../../src/workers/server/metrics.ts";
import { OPERATOR } from "../fake-directory.ts";
import { createTestApp, problemOf } from "../test-app.ts";

test("the trial balance is exact beyond 2^53, and the operator's covers all partners", async () => {
  const { request } = createTestApp();
  const own = await (await request("GET", "/v1/trial-balance")).text();
  expect(own).toContain('"sum":1152921504606846977,"in_transit":-1152921504606846977,"accounts":2');
  expect(JSON.parse(own)).toMatchObject({ balanced: true, positions: ["0:1-1"] });
  const all = await (await request("GET", "/v1/trial-balance", { key: OPERATOR })).text();
  expect(all).toContain('"accounts":9');
});

test("metrics come from operations; requests are counted by group and status", async () => {
  const { request, metrics } = createTestApp();
  await request("GET", "/v1/accounts");
  await request("GET", "/v1/accounts", { key: "" });
  const answered = await (await request("GET", "/metrics", { key: "" })).text();
  expect(answered).toContain("daybook_batches_total 9");
  const text = renderRequests(sumRequestCounts([metrics.counts(), NO_REQUESTS]));
  expect(text).toContain('daybook_http_request_duration_seconds_count{group="accounts",status="200"} 1');
  expect(text).toContain('daybook_http_request_duration_seconds_count{group="accounts",status="401"} 1');
  expect(text).toContain('daybook_http_requests_total{method="GET",route="/v1/accounts",status="200"} 1');
});

test("refusals are counted by reason, those by a rule of the ledger are not", async () => {
  const { request, metrics, ledger } = createTestApp();
  await request("GET", "/v1/accounts/nobody");
  ledger.faults.operating = "log_unavailable";
  await request("GET", "/v1/accounts/a");
  ledger.account = async () => {
    throw new OperatingError("overloaded", "too many", { bound: "queue_share" });
  };
  for (let i = 0; i < 2; i++) await request("GET", "/v1/accounts/a");
  const text = renderRequests(sumRequestCounts([metrics.counts(), metrics.counts()]));
  const refusals = text.split("\n").filter((line) => line.startsWith("daybook_refusals_total"));
  expect(refusals).toEqual([
    'daybook_refusals_total{reason="log_unavailable"} 2',
    'daybook_refusals_total{reason="queue_share"} 4',
  ]);
});

test("the usage of a partner has its requests in flight at the gateway", async () => {
  const { request } = createTestApp();
  const usage = await request("GET", "/v1/partners/acme/usage");
  expect(await usage.json()).toMatchObject({ partner: "acme", used: { bytes: 300 }, requests_in_flight: 2 });
});

test("shards are listed and restarted", async () => {
  const { request } = createTestApp();
  const shards = await request("GET", "/v1/admin/shards", { key: OPERATOR });
  expect(await shards.json()).toMatchObject({
    data: [{ shard: 0, thread_id: 3, durable_position: "0:1-9", recovery: { replay_ms: 1 } }],
  });
  expect((await request("POST", "/v1/admin/shards/0/restart", { key: OPERATOR })).status).toBe(202);
  const unknown = await request("POST", "/v1/admin/shards/7/restart", { key: OPERATOR });
  expect((await problemOf(unknown)).code).toBe("shard_not_found");
});

test("snapshots are started, and the newest of each shard is shown; the in-memory log supports none", async () => {
  const { request, ledger } = createTestApp();
  const begun = await request("POST", "/v1/admin/snapshots", { key: OPERATOR });
  expect(begun.status).toBe(202);
  expect(await begun.json()).toEqual({ status: "begun" });
  expect(ledger.snapshots).toEqual([true]);
  const shards = await request("GET", "/v1/admin/shards", { key: OPERATOR });
  const taken = { position: "0:1-8", records: 8, bytes: 700, duration_ms: 12 };
  expect(await shards.json()).toMatchObject({
    data: [
      {
        recovery: { snapshot_position: "1-4", snapshot_ms: 3 },
        snapshot: { ...taken, taken_at: "2026-01-02T00:00:00.000Z" },
      },
    ],
  });
  ledger.keepsSnapshots = false;
  const none = await request("POST", "/v1/admin/snapshots", { key: OPERATOR });
  expect(none.status).toBe(501);
  expect((await problemOf(none)).code).toBe("not_implemented");
  expect((await request("POST", "/v1/admin/snapshots")).status).toBe(403);
});
