/** A partner's events over HTTP: as a list and as a stream, over three shards. */
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { EventStream, type FeedEvent, readFeed } from "../support/event-stream.ts";
import { operator } from "../support/server.ts";
import { until } from "../support/until.ts";
import { type Caller, startTestServer } from "./programmes/test-server.ts";

type EventsPage = Readonly<{ data: readonly FeedEvent[]; next_cursor: string | null }>;

describe("events", () => {
  const server = startTestServer();
  let acme: Caller;
  let key: string;

  beforeAll(async () => {
    key = await server.newPartner("acme");
    acme = server.caller(key);
  });

  /** All pages of the feed. */
  const feed = (query = "", limit = 500, start?: string) =>
    readFeed(acme.client, `/v1/events?limit=${limit}${query}`, start);

  /** Follows the stream; `events` grows. */
  function follow(query = "", lastEventId?: string) {
    const events: FeedEvent[] = [];
    const url = `${server.server.url}/v1/events${query}`;
    const stream = new EventStream({ url, key, lastEventId, receive: (event) => events.push(event) });
    onTestFinished(() => {
      stream.end();
      expect(stream.faults).toEqual([]);
    });
    return { events, stream };
  }

  async function accounts(prefix: string, count: number): Promise<readonly string[]> {
    const ids = Array.from({ length: count }, (_, i) => `${prefix}${i}`);
    await Promise.all(ids.map((id) => acme.post("/v1/accounts", 201, { id, asset: "USD/2" })));
    return ids;
  }

  const pay = (debit: string, credit: string, amount: number) =>
    acme.post("/v1/transfers", 201, { debit_account: debit, credit_account: credit, amount });

  test("a list shows every event of writes answered before it, and a debit before the credit that follows", async () => {
    const ids = await accounts("first", 12);
    for (const id of ids) await pay("@in", id, 100);
    const transfers = await Promise.all(ids.map((id, i) => pay(id, ids[(i + 5) % 12] ?? "", 7)));
    const events = await feed();
    expect(events.filter(({ type }) => type === "account.created").length).toBe(12);
    for (const { id } of transfers) {
      const own = events.filter(({ data }) => data["id"] === id).map(({ type }) => type);
      expect(own).toEqual(["transfer.posted", "transfer.received"]);
    }
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    const times = events.map(({ at }) => at);
    expect(times).toEqual(times.toSorted());
  });

  test("pages of any size, and every resume point, give the same order", async () => {
    const all = (await feed()).map(({ id }) => id);
    expect((await feed("", 3)).map(({ id }) => id)).toEqual(all);
    for (const at of [0, 1, Math.floor(all.length / 2), all.length - 1]) {
      const rest = await feed("", 500, all[at]);
      expect(rest.map(({ id }) => id)).toEqual(all.slice(at + 1));
    }
  });

  test("a page ends at 1 MiB, and the next one continues", async () => {
    const before = (await feed()).at(-1)?.id;
    const metadata = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, "x".repeat(500)]));
    const ids = Array.from({ length: 50 }, (_, i) => `large${i}`);
    for (const id of ids) await acme.post("/v1/accounts", 201, { id, asset: "USD/2", metadata });
    const { data, next_cursor } = (await acme.get(
      `/v1/events?limit=500&after=${before}`,
    )) as unknown as EventsPage;
    expect(JSON.stringify(data).length).toBeLessThanOrEqual(1024 * 1024);
    expect(next_cursor).not.toBeNull();
    const subjects = (await feed("", 500, before)).map(({ subject }) => subject);
    expect(subjects.toSorted()).toEqual(ids.toSorted());
  });

  test("filters by type and subject", async () => {
    const [a = "", b = ""] = await accounts("filter", 2);
    await pay("@in", a, 100);
    await pay(a, b, 30);
    const posted = await feed(`&types=transfer.posted&subject=${a}`);
    expect(posted.map(({ data }) => data["posted_amount"])).toEqual([100, 30]);
    const received = await feed(`&types=transfer.received,account.created&subject=${b}`);
    expect(received.map(({ type }) => type)).toEqual(["account.created", "transfer.received"]);
    await acme.refused("GET", "/v1/events?types=transfer.lost", 400, "validation_failed");
  });

  test("a member who rises above the threshold has one event for each crossing", async () => {
    await acme.post("/v1/loyalty/members", 201, { id: "ali" });
    const accrue = (points: number) =>
      acme.post("/v1/loyalty/members/ali/accruals", 201, { points, description: "x" });
    const crossings = async () =>
      (await feed("&subject=ali&types=loyalty.member.above_threshold")).map(({ data }) => data["balance"]);
    await accrue(990);
    await accrue(10);
    expect(await crossings()).toEqual([]);
    await accrue(1);
    expect(await crossings()).toEqual([1001]);
    await accrue(5);
    expect(await crossings()).toEqual([1001]);
    await acme.post("/v1/loyalty/members/ali/redemptions", 201, { points: 106, description: "x" });
    await accrue(200);
    expect(await crossings()).toEqual([1001, 1100]);
    await acme.post("/v1/loyalty/members/ali/redemptions", 201, { points: 1100, description: "x" });
    const depleted = await feed("&types=loyalty.member.depleted");
    expect(depleted.map(({ data }) => data)).toMatchObject([{ member: "ali", balance: 0 }]);
  });

  test("a stream shows new events within a second, and continues after the last id", async () => {
    const [a = ""] = await accounts("stream", 1);
    const first = follow(`?subject=${a}`);
    await until("the stream is open", async () => {
      await pay("@in", a, 1);
      return first.events.length > 0;
    });
    const beganMs = performance.now();
    const { id } = await pay("@in", a, 2);
    await until("the event arrives", () => first.events.some(({ data }) => data["id"] === id));
    expect(performance.now() - beganMs).toBeLessThan(10_000);
    first.stream.end();
    const last = first.events.at(-1)?.id ?? "";
    for (let i = 0; i < 20; i++) await pay("@in", a, 10 + i);
    const second = follow(`?subject=${a}`, last);
    await until("the missed events arrive", async () => second.events.length === 20);
    const listed = await feed(`&subject=${a}`, 500, last);
    expect(second.events.map(({ id }) => id)).toEqual(listed.map(({ id }) => id));
  });

  test("a stream ends once its key is revoked, or its partner is suspended", async () => {
    const { id, api_key } = await acme.post("/v1/partners/acme/keys", 201, { role: "read", name: "short" });
    const url = `${server.server.url}/v1/events`;
    const open = (token: unknown) => new EventStream({ url, key: String(token), receive: () => {} });
    const revoked = open(api_key);
    await until("the stream is open", () => revoked.status === 200);
    await acme.ask("DELETE", `/v1/partners/acme/keys/${String(id)}`, 204);
    await revoked.ended;
    const suspended = open(await server.newPartner("suspended"));
    await until("the stream is open", () => suspended.status === 200);
    const admin = operator(server.server);
    await admin.ask("PATCH", "/v1/partners/suspended", { status: "suspended" });
    admin.close();
    await suspended.ended;
  });

  test("another partner's event id, and any other text, is refused", async () => {
    const other = await server.partner("other");
    const [first] = await feed();
    await other.refused("GET", `/v1/events?after=${first?.id}`, 400, "validation_failed");
    await other.refused("GET", "/v1/events?after=ev_x", 400, "validation_failed");
    expect((await other.get("/v1/events"))["data"]).toEqual([]);
  });
});
