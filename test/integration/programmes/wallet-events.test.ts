/** `GET /v1/wallet/events`: a user sees the events of the own wallet, and nothing of anybody else. */
import { beforeAll, describe, expect, test } from "vitest";
import { EventStream, type FeedEvent, readFeed } from "../../support/event-stream.ts";
import { until } from "../../support/until.ts";
import { startTestServer } from "./test-server.ts";
import { type Person, Wallets } from "./wallets.ts";

const PATH = "/v1/wallet/events?limit=500";

function feedOf({ caller }: Person, query = "", after?: string): Promise<readonly FeedEvent[]> {
  return readFeed(caller.client, `${PATH}${query}`, after);
}

async function lastId(person: Person): Promise<string | undefined> {
  return (await feedOf(person)).at(-1)?.id;
}

function typesOf(events: readonly FeedEvent[]): readonly string[] {
  return events.map(({ type }) => type);
}

/** The payment requests that were decided, in order. */
function decided(events: readonly FeedEvent[]): readonly unknown[] {
  const decisions = events.filter(({ type }) => type === "payment_request.decided");
  return decisions.map(({ data }) => [data["id"], data["status"]]);
}

/** What is the same in the feeds of a user and of the partner. */
function recordsOf(events: readonly FeedEvent[]): readonly unknown[] {
  return events.map(({ type, position, data }) => [type, position, data]);
}

describe("events of a wallet", () => {
  const house = startTestServer({ ISOLATION: "threads" });
  let wallets: Wallets;
  let ann: Person;
  let bo: Person;

  beforeAll(async () => {
    wallets = new Wallets(house);
    ann = await wallets.person(1_000);
    bo = await wallets.person(1_000);
  });

  test("W17 a deposit and a transfer are events of their wallets, sent on one side and received on the other", async () => {
    const [carl, dora] = [await wallets.person(500), await wallets.person()];
    const sent = { to_wallet_id: dora.wallet, amount: 40, memo: "lunch" };
    const { id } = await carl.caller.post("/v1/wallet/transfers", 201, sent);
    const events = await feedOf(carl);
    expect(typesOf(events)).toEqual(["wallet.deposited", "wallet.sent"]);
    expect(events[1]?.data).toMatchObject({ id, wallet_id: carl.wallet, amount: 40, balance: 460 });
    const received = await feedOf(dora);
    expect(typesOf(received)).toEqual(["transfer.received", "wallet.received"]);
    expect(received[1]?.data).toMatchObject({ id, wallet_id: dora.wallet, amount: 40, balance: 40 });
  });

  test("both wallets see a payment request and its decision, and also that it expires", async () => {
    const [afterAnn, afterBo] = [await lastId(ann), await lastId(bo)];
    const requests = "/v1/wallet/payment-requests";
    const request = { payer_wallet_id: bo.wallet, amount: 5 };
    const { id: accepted } = await ann.caller.post(requests, 201, request);
    await bo.caller.post(`${requests}/${String(accepted)}/accept`, 200);
    const { id: declined } = await ann.caller.post(requests, 201, request);
    await bo.caller.post(`${requests}/${String(declined)}/decline`, 200);
    const { id: cancelled } = await ann.caller.post(requests, 201, request);
    await ann.caller.post(`${requests}/${String(cancelled)}/cancel`, 200);
    const { id: expired } = await ann.caller.post(requests, 201, { ...request, expires_in_s: 1 });
    await until(
      "the last request expires",
      async () => decided(await feedOf(ann, "", afterAnn)).length === 4,
    );
    const statuses = [
      [accepted, "accepted"],
      [declined, "declined"],
      [cancelled, "cancelled"],
      [expired, "expired"],
    ];
    for (const [person, after] of [
      [ann, afterAnn],
      [bo, afterBo],
    ] as const) {
      const events = await feedOf(person, "", after);
      expect(decided(events)).toEqual(statuses);
      expect(typesOf(events).filter((type) => type === "payment_request.created")).toHaveLength(4);
    }
  });

  test("a withdrawal is created and decided once, whether the bank pays or not", async () => {
    const after = await lastId(ann);
    const bank = await wallets.bank("north");
    for (const verb of ["confirm", "fail"]) {
      const order = { amount: 7, details: "IBAN" };
      const { id } = await ann.caller.post("/v1/wallet/withdrawals", 201, order);
      await bank.post(`/v1/withdrawals/${String(id)}/${verb}`, 200);
    }
    const events = await feedOf(ann, "&types=withdrawal.created,withdrawal.decided", after);
    expect(events.map(({ type, data }) => [type, data["status"]])).toEqual([
      ["withdrawal.created", "pending"],
      ["withdrawal.decided", "confirmed"],
      ["withdrawal.created", "pending"],
      ["withdrawal.decided", "failed"],
    ]);
  });

  test("pages of any size give the events of the user among the partner's, in the partner's order", async () => {
    const partner = house.caller(await houseKey());
    const all = await readFeed(partner.client, "/v1/events?limit=500");
    const own = all.filter(
      ({ type, subject, data }) =>
        !type.startsWith("account.") &&
        !type.startsWith("transfer.p") &&
        !type.startsWith("transfer.v") &&
        ([ann.wallet, `wallet:${ann.wallet}`].includes(subject) ||
          data["requester_wallet_id"] === ann.wallet),
    );
    const shown = await feedOf(ann);
    expect(recordsOf(shown)).toEqual(recordsOf(own));
    expect(await readFeed(ann.caller.client, "/v1/wallet/events?limit=1")).toEqual(shown);
    expect(new Set(shown.map(({ id }) => id)).size).toBe(shown.length);
  });

  async function houseKey(): Promise<string> {
    const { api_key } = await house
      .caller("operator-key-for-tests-0123456789abcdef")
      .post("/v1/partners/house/keys", 201, { role: "partner", name: "reader" });
    return String(api_key);
  }

  test("another user's event id, or the partner's, is refused, and other types too", async () => {
    const partner = house.caller(await houseKey());
    const [first] = await readFeed(partner.client, "/v1/events?limit=1");
    const queries = [await lastId(bo), first?.id, "ev_x"].map((id) => `after=${String(id)}`);
    queries.push("types=account.created", "types=transfer.posted", "subject=x");
    for (const query of queries)
      expect(await ann.caller.ask("GET", `/v1/wallet/events?${query}`, 400)).toMatchObject({
        code: "validation_failed",
      });
  });

  test("a stream shows new events of the user alone, continues after an id, and ends with the session", async () => {
    const eva = await wallets.person();
    const events: FeedEvent[] = [];
    const url = `${house.server.url}/v1/wallet/events`;
    const receive = (event: FeedEvent) => events.push(event);
    const stream = new EventStream({ url, key: eva.token, receive });
    await until("the stream is open", () => stream.status === 200);
    await wallets.deposit(bo.wallet, 3);
    await wallets.deposit(eva.wallet, 3);
    await until("the deposit arrives", () => events.length > 0);
    expect(events).toEqual(await feedOf(eva));
    stream.end();
    await wallets.deposit(eva.wallet, 4);
    const second = new EventStream({ url, key: eva.token, lastEventId: stream.lastId, receive });
    await until("the missed deposit arrives", () => events.length === 2);
    await eva.caller.post("/v1/wallet/logout", 200);
    await second.ended;
    expect(events.map(({ data }) => data["amount"])).toEqual([3, 4]);
    expect([...stream.faults, ...second.faults]).toEqual([]);
  });
});
