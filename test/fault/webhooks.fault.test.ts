/**
 * Webhooks are complete and in order whatever ends: the server, a shard, the thread that delivers, the receiver, Redis.
 * Events of transfers under load go to two receivers, while one after the other of them is ended at random moments.
 */
import { describe, expect, test } from "vitest";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { Load } from "../support/load.ts";
import { Random } from "../support/random.ts";
import {
  Client,
  makePartner,
  operator,
  type ServerProcess,
  shardsOf,
  testFolder,
  testRedis,
  testServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { verified, WebhookReceiver } from "../support/webhook-receiver.ts";

/** For the large run set `WEBHOOK_EVENTS=200000`. */
const EVENTS = Number(process.env["WEBHOOK_EVENTS"] ?? 2_500);
const SEED = Number(process.env["SEED"] ?? 1);
const SHARDS = 3;
const CALLERS = 16;
/** Answers between two faults: at random up to twice as many. */
const PAUSE = Math.max(100, EVENTS / 60);
/** Retries have pauses of some seconds, and a busy machine needs its time. */
const ARRIVAL_MS_MAX = 120_000 + EVENTS * 20;
const TEST_MS_MAX = 300_000 + EVENTS * 40;

/** The feed by subject, read with one page after the other. */
async function feedOf(url: string, key: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const client = new Client(url, key);
  const bySubject = new Map<string, string[]>();
  for (let after = ""; ; ) {
    const page = await client.get<{ data: { id: string; subject: string }[]; next_cursor: string | null }>(
      `/v1/events?limit=500${after}`,
    );
    for (const { id, subject } of page.data) {
      const ids = bySubject.get(subject);
      if (ids === undefined) bySubject.set(subject, [id]);
      else ids.push(id);
    }
    if (page.next_cursor === null) break;
    after = `&after=${page.next_cursor}`;
  }
  client.close();
  return bySubject;
}

function sizeOf(bySubject: ReadonlyMap<string, readonly string[]>): number {
  return [...bySubject.values()].reduce((sum, ids) => sum + ids.length, 0);
}

async function endShard(server: ServerProcess, isolation: Isolation, shard: number): Promise<void> {
  const admin = operator(server);
  const { pid } = (await shardsOf(admin))[shard] ?? {};
  if (isolation === "processes" && pid !== undefined) process.kill(pid, "SIGKILL");
  else await admin.send("POST", `/v1/admin/shards/${shard}/restart`);
  admin.close();
}

describe.each(ISOLATIONS)("%s", (isolation) => {
  test(
    "receivers get every event, each subject's in order, whatever is killed under load",
    async () => {
      const random = new Random(SEED);
      const redis = await testRedis();
      const settings = {
        DATA_DIR: testFolder(),
        WAL_URL: redis.url,
        SHARDS: String(SHARDS),
        ISOLATION: isolation,
        WEBHOOKS_ALLOW_PRIVATE: "true",
        // The thread crashes once in the life of each server.
        FAILPOINTS: "webhooks:after_post@400",
      };
      let server = await testServer(settings);
      const admin = operator(server);
      const partnerKey = await makePartner(admin);
      admin.close();
      const receivers = [await WebhookReceiver.start(), await WebhookReceiver.start()];
      const partner = new Client(server.url, partnerKey);
      const secrets: string[] = [];
      for (const { url } of receivers) {
        const { status, text } = await partner.send("POST", "/v1/webhooks", { url });
        expect(status, text).toBe(201);
        secrets.push((JSON.parse(text) as { secret: string }).secret);
      }
      partner.close();
      const load = new Load({ partnerKey, acrossShards: SHARDS });
      await load.open(server.url);

      const faults: readonly (() => Promise<void>)[] = [
        async () => {
          await server.kill();
          await load.stop();
          server = await testServer(settings);
          load.begin(server.url, CALLERS);
        },
        () => endShard(server, isolation, random.below(SHARDS)),
        async () => {
          const receiver = random.oneOf(receivers);
          receiver.close();
          await load.moreAcknowledged(PAUSE / 2, 60_000);
          await receiver.open();
        },
        async () => {
          await redis.kill();
          await redis.restart();
        },
      ];
      load.begin(server.url, CALLERS);
      // A transfer has two events, one of its debit and one of its credit; a refused one has one.
      for (let round = 0; round < faults.length || load.acknowledged * 1.5 < EVENTS; round++) {
        await load.moreAcknowledged(PAUSE + random.below(PAUSE), 60_000);
        await faults[round % faults.length]?.();
      }
      await load.moreAcknowledged(PAUSE, 60_000);
      await load.stop();
      await load.settle(server.url);

      const feed = await feedOf(server.url, partnerKey);
      expect(sizeOf(feed)).toBeGreaterThanOrEqual(EVENTS);
      for (const [i, receiver] of receivers.entries()) {
        const count = () => new Set(receiver.received.map(({ id }) => id)).size;
        await until(`all ${sizeOf(feed)} events have arrived`, () => count() >= sizeOf(feed), ARRIVAL_MS_MAX);
        expect(receiver.firstArrivals()).toEqual(feed);
        for (const event of receiver.received.slice(-200)) verified(secrets[i] ?? "", event);
        expect(receiver.received.length, "some events came twice").toBeGreaterThan(count());
      }
      const restarts = await metricOf(server, "daybook_webhook_restarts_total");
      expect(restarts, "the thread has crashed").toBeGreaterThan(0);
    },
    TEST_MS_MAX,
  );
});

async function metricOf(server: ServerProcess, name: string): Promise<number> {
  const admin = operator(server);
  const { text } = await admin.send("GET", "/metrics");
  admin.close();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
}
