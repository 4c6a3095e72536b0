/** Webhooks over HTTP: a server with three shards sends events to real receivers. */
import { beforeAll, describe, expect, test } from "vitest";
import { until } from "../../support/server.ts";
import { verified, WebhookReceiver } from "../../support/webhook-receiver.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";

describe.each(["threads", "processes"] as const)("webhooks on %s", (ISOLATION) => {
  const server = startTestServer({ ISOLATION, WEBHOOKS_ALLOW_PRIVATE: "true" });
  let acme: Caller;

  beforeAll(async () => {
    acme = await server.partner("acme");
  });

  const create = (url: string, more: object = {}) => acme.post("/v1/webhooks", 201, { url, ...more });

  async function accounts(prefix: string, count: number): Promise<readonly string[]> {
    const ids = Array.from({ length: count }, (_, i) => `${prefix}${i}`);
    await Promise.all(ids.map((id) => acme.post("/v1/accounts", 201, { id, asset: "USD/2" })));
    return ids;
  }

  const pay = (debit: string, credit: string, amount: number) =>
    acme.post("/v1/transfers", 201, { debit_account: debit, credit_account: credit, amount });

  test("events from the creation on arrive once, signed, and in the order of each subject", async () => {
    await accounts("before", 3);
    const receiver = await WebhookReceiver.start();
    const { secret, id } = await create(receiver.url);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const ids = await accounts("first", 9);
    for (let round = 1; round <= 5; round++) await Promise.all(ids.map((id) => pay("@in", id, round)));
    await until("all events have arrived", () => receiver.received.length >= 54);
    expect(receiver.received.length).toBe(54);
    for (const event of receiver.received) {
      const body = verified(String(secret), event) as Json;
      expect(body["id"]).toBe(event.headers["webhook-id"]);
    }
    const { data } = (await acme.get("/v1/events?limit=500")) as { data: readonly Json[] };
    const mine = data.filter(({ subject }) => String(subject).startsWith("first"));
    for (const [subject, arrived] of receiver.firstArrivals())
      expect(arrived).toEqual(mine.filter((each) => each["subject"] === subject).map((each) => each["id"]));
    await acme.ask("DELETE", `/v1/webhooks/${String(id)}`, 204);
  });
});
