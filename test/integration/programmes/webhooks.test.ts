/** Webhooks over HTTP: a server with three shards sends events to real receivers. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { until } from "../../support/until.ts";
import { verified, WebhookReceiver } from "../../support/webhook-receiver.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";

type Page = Readonly<{ data: readonly Json[]; next_cursor: string | null }>;
type Delivery = Readonly<{
  id: string;
  status: string;
  tries: number;
  http_status: number | null;
  answer: string;
}>;

function bodies(receiver: WebhookReceiver): string {
  return receiver.received.map(({ body }) => body).join();
}

describe.each([
  { ISOLATION: "threads", GATEWAYS: "1" },
  { ISOLATION: "processes", GATEWAYS: "2" },
])("webhooks on $ISOLATION, with $GATEWAYS gateways", (settings) => {
  const server = startTestServer({ ...settings, WEBHOOKS_ALLOW_PRIVATE: "true" });
  let acme: Caller;

  beforeAll(async () => {
    acme = await server.partner("acme");
  });

  /** A webhook that is deleted at the end of the test. */
  async function create(url: string, more: object = {}): Promise<Readonly<{ id: string; secret: string }>> {
    const { id, secret } = await acme.post("/v1/webhooks", 201, { url, ...more });
    onTestFinished(async () => void (await acme.client.send("DELETE", `/v1/webhooks/${String(id)}`)));
    return { id: String(id), secret: String(secret) };
  }

  async function accounts(prefix: string, count: number): Promise<readonly string[]> {
    const ids = Array.from({ length: count }, (_, i) => `${prefix}${i}`);
    await Promise.all(ids.map((id) => acme.post("/v1/accounts", 201, { id, asset: "USD/2" })));
    return ids;
  }

  const pay = (debit: string, credit: string, amount: number) =>
    acme.post("/v1/transfers", 201, { debit_account: debit, credit_account: credit, amount });

  async function deliveries(id: string, query = ""): Promise<readonly Delivery[]> {
    return (await acme.get(`/v1/webhooks/${id}/deliveries${query}`))["data"] as readonly Delivery[];
  }

  async function hasMetric(line: string): Promise<boolean> {
    return (await acme.client.send("GET", "/metrics")).text.includes(line);
  }

  /** The ids of the feed's events by subject, of subjects with this prefix. */
  async function feed(prefix: string): Promise<ReadonlyMap<string, readonly string[]>> {
    const bySubject = new Map<string, string[]>();
    for (let after = ""; ; ) {
      const page = (await acme.get(`/v1/events?limit=500${after}`)) as Page;
      for (const { id, subject } of page.data) {
        const name = String(subject);
        if (name.startsWith(prefix)) bySubject.set(name, [...(bySubject.get(name) ?? []), String(id)]);
      }
      if (page.next_cursor === null) return bySubject;
      after = `&after=${page.next_cursor}`;
    }
  }

  test("events from the creation on arrive once, signed, and in the order of each subject", async () => {
    await accounts("before", 3);
    const receiver = await WebhookReceiver.start();
    const { secret } = await create(receiver.url);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const ids = await accounts("first", 9);
    for (let round = 1; round <= 5; round++) await Promise.all(ids.map((id) => pay("@in", id, round)));
    await until("all events have arrived", () => receiver.received.length >= 54);
    expect(receiver.tries).toBe(54);
    for (const event of receiver.received) {
      const body = verified(secret, event) as Json;
      expect(body["id"]).toBe(event.headers["webhook-id"]);
    }
    expect(receiver.firstArrivals()).toEqual(await feed("first"));
  });

  test("a webhook gets only its types, and other ones once they are changed", async () => {
    const receiver = await WebhookReceiver.start();
    const { id } = await create(receiver.url, { types: ["account.created"] });
    const [account = ""] = await accounts("typed", 1);
    await pay("@in", account, 10);
    await until("the account's event has arrived", () => receiver.received.length === 1);
    await acme.ask("PATCH", `/v1/webhooks/${id}`, 200, { types: ["transfer.posted"] });
    await pay("@in", account, 20);
    await acme.post("/v1/accounts", 201, { id: "typed_last", asset: "USD/2" });
    await until("the transfer's event has arrived", () => bodies(receiver).includes('"posted_amount":20'));
    await pay("@in", account, 30);
    await until("the next one has arrived", () => bodies(receiver).includes('"posted_amount":30'));
    expect(bodies(receiver)).not.toContain("typed_last");
  });

  test("for a day after a rotation both secrets sign", async () => {
    const receiver = await WebhookReceiver.start();
    const before = await create(receiver.url);
    const rotated = await acme.post(`/v1/webhooks/${before.id}/rotate`, 200);
    await accounts("rotated", 1);
    await until("the event has arrived", () => receiver.received.length === 1);
    const [event] = receiver.received;
    if (event === undefined) throw new Error("no event");
    expect(event.headers["webhook-signature"]?.split(" ").length).toBe(2);
    expect(verified(before.secret, event)).toEqual(verified(String(rotated["secret"]), event));
    expect(() => verified("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", event)).toThrow(
      "No matching signature found",
    );
  });

  test("the secret is shown once, and a retry with the same key makes no second webhook", async () => {
    const receiver = await WebhookReceiver.start();
    const headers = { "idempotency-key": "webhook-1" };
    const send = () => acme.ask("POST", "/v1/webhooks", 201, { url: receiver.url }, headers);
    const first = await send();
    const { secret: _, ...shown } = first;
    expect(await send()).toEqual({ ...shown, secret: null, secret_shown: true });
    expect(await acme.get(`/v1/webhooks/${String(first["id"])}`)).toEqual(shown);
    const { data } = await acme.get("/v1/webhooks");
    expect(data).toContainEqual(shown);
    expect(JSON.stringify(data)).not.toContain("secret");
    await acme.ask("DELETE", `/v1/webhooks/${String(first["id"])}`, 204);
    await acme.refused("GET", `/v1/webhooks/${String(first["id"])}`, 404, "webhook_not_found");
  });

  test("the events of a webhook that is off wait until it is on; those of a deleted one do not arrive", async () => {
    const [off, deleted] = [await WebhookReceiver.start(), await WebhookReceiver.start()];
    const { id } = await create(off.url);
    const gone = await create(deleted.url);
    await accounts("on", 1);
    await until("the event has arrived", () => off.received.length === 1 && deleted.received.length === 1);
    await acme.ask("PATCH", `/v1/webhooks/${id}`, 200, { enabled: false });
    await acme.ask("DELETE", `/v1/webhooks/${gone.id}`, 204);
    await until("delivery knows it", () => hasMetric("daybook_webhook_endpoints 0"));
    await accounts("off", 3);
    expect(off.received.length).toBe(1);
    await acme.ask("PATCH", `/v1/webhooks/${id}`, 200, { enabled: true });
    await until("the events have arrived", () => off.received.length === 4);
    expect(deleted.received.length).toBe(1);
  });

  test("a failed event holds back its subject, is listed with its answer, and can be retried at once", async () => {
    const receiver = await WebhookReceiver.start();
    let isBroken = true;
    receiver.answers = ({ subject }) => (isBroken && subject === "held0" ? 503 : 200);
    const { id } = await create(receiver.url);
    const [held = "", other = ""] = await accounts("held", 2);
    await pay("@in", held, 1);
    await pay("@in", other, 1);
    await until("the other's events have arrived", () => receiver.firstArrivals().get(other)?.length === 2);
    await until("the failure is listed", async () => (await deliveries(id, "?status=failed")).length === 1);
    const [failed] = await deliveries(id, "?status=failed");
    expect(failed).toMatchObject({ http_status: 503, answer: "status 503", status: "failed" });
    isBroken = false;
    await acme.post(`/v1/webhooks/${id}/deliveries/${failed?.id}/retry`, 202);
    await until("its events have arrived", () => receiver.firstArrivals().get(held)?.length === 2);
    expect(receiver.firstArrivals()).toEqual(await feed("held"));
    await until(
      "it is listed as delivered",
      async () => (await deliveries(id, "?status=failed")).length === 0,
    );
    expect((await deliveries(id)).length).toBe(4);
    expect((await deliveries(id, "?limit=1")).length).toBe(1);
    await acme.post(`/v1/webhooks/${id}/deliveries/${failed?.id}/retry`, 202);
    await until("it has arrived again", () => receiver.received.length === 5);
    expect(receiver.received[4]?.id).toBe(failed?.id);
    const unknown = `/v1/webhooks/${id}/deliveries/ev_8Jr0cQvZ1mXJq3d5Yt2k7w/retry`;
    await acme.refused("POST", unknown, 404, "delivery_not_found");
  });

  test("a replay sends all events since a time again, with the same ids", async () => {
    const receiver = await WebhookReceiver.start();
    const { id } = await create(receiver.url);
    const ids = await accounts("replay", 3);
    for (const account of ids) await pay("@in", account, 5);
    await until("the events have arrived", () => receiver.received.length === 6);
    const [first] = receiver.received;
    const { at } = JSON.parse(first?.body ?? "") as { at: string };
    await acme.post(`/v1/webhooks/${id}/replay`, 202, { from: at });
    await until("they have arrived again", () => receiver.received.length === 12);
    const again = receiver.received.slice(6).map((event) => event.id);
    expect(again.toSorted()).toEqual(
      receiver.received
        .slice(0, 6)
        .map((event) => event.id)
        .toSorted(),
    );
    expect(receiver.firstArrivals()).toEqual(await feed("replay"));
  });

  test("an event for a test is sent at once, also by a webhook that is off", async () => {
    const receiver = await WebhookReceiver.start();
    const { id, secret } = await create(receiver.url);
    await acme.ask("PATCH", `/v1/webhooks/${id}`, 200, { enabled: false });
    const { event } = await acme.post(`/v1/webhooks/${id}/test`, 202);
    await until("it has arrived", () => receiver.received.length === 1);
    const [received] = receiver.received;
    if (received === undefined) throw new Error("no event");
    expect(verified(secret, received)).toMatchObject({ id: event, type: "webhook.test", subject: id });
    await until("it is listed", async () => (await deliveries(id)).length === 1);
  });

  test("a redirect is a failure, and is not followed", async () => {
    const receiver = await WebhookReceiver.start();
    const redirects = createServer((_, response) => {
      response.writeHead(307, { location: receiver.url }).end();
    });
    await new Promise<void>((resolve) => redirects.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void redirects.close());
    const { id } = await create(`http://127.0.0.1:${(redirects.address() as AddressInfo).port}/`);
    await acme.post(`/v1/webhooks/${id}/test`, 202);
    await until("it is listed", async () => (await deliveries(id)).length === 1);
    expect(await deliveries(id)).toMatchObject([{ status: "failed", http_status: 307 }]);
    expect(receiver.tries).toBe(0);
  });

  test("metrics count what was sent", async () => {
    await until("all webhooks are deleted", () => hasMetric("daybook_webhook_endpoints 0"));
    const { text } = await acme.client.send("GET", "/metrics");
    expect(text).toMatch(/daybook_webhook_tries_total\{result="delivered"\} [1-9]/);
    expect(text).toMatch(/daybook_webhook_tries_total\{result="failed"\} [1-9]/);
    expect(text).toContain("daybook_webhook_restarts_total 0");
  });
});

describe("without WEBHOOKS_ALLOW_PRIVATE", () => {
  const server = startTestServer();

  test("private addresses, http and user names are refused, and no thread runs without webhooks", async () => {
    const acme = await server.partner("acme");
    const urls = [
      "http://shop.example.com/",
      "https://127.0.0.1/",
      "https://169.254.169.254/latest/meta-data",
      "https://[::ffff:10.0.0.1]/",
      "https://user:secret@shop.example.com/",
      "https://localhost/",
      "no url",
    ];
    for (const url of urls) await acme.refused("POST", "/v1/webhooks", 400, "validation_failed", { url });
    expect((await acme.client.send("GET", "/metrics")).text).not.toMatch(/^daybook_webhook/m);
    const { id } = await acme.post("/v1/webhooks", 201, { url: "https://shop.example.com/" });
    await acme.refused("PATCH", `/v1/webhooks/${String(id)}`, 400, "validation_failed", { url: urls[1] });
    expect((await acme.client.send("GET", "/metrics")).text).toMatch(/^daybook_webhook_endpoints/m);
  });
});
