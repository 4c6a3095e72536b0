/** Top-ups that an operator decides, over HTTP: each outcome, decisions of the partner, and late answers. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readFeed } from "../../support/event-stream.ts";
import { until } from "../../support/until.ts";
import { type Script, ScriptedOperator } from "./scripted-operator.ts";
import { openShop, type Shop } from "./shop.ts";
import { type Caller, type Json, TestServer } from "./test-server.ts";

const CREDIT = 1_000_000;
let phones = 0;
const pathOf = ({ id }: Json) => `/v1/topups/${String(id)}`;

describe.each(["threads", "processes"])("top-ups by an operator, on %s", (ISOLATION) => {
  let operator: ScriptedOperator;
  let house: TestServer;
  let key = "";
  let acme: Caller;
  let shop: Shop;

  beforeAll(async () => {
    operator = await ScriptedOperator.start();
    house = new TestServer({ ISOLATION, TOPUP_OPERATOR: operator.url });
    await house.open();
    key = await house.newPartner("acme");
    acme = house.caller(key, "acme");
    shop = await openShop(house, acme, "kiosk", CREDIT);
  });

  afterAll(async () => {
    await house.close();
    operator.close();
  });

  /** A phone of its own, of which the operator says this. */
  function newPhone(script: Script): string {
    phones += 1;
    const phone = `+98912${String(phones).padStart(7, "0")}`;
    operator.scripts.set(phone, script);
    return phone;
  }

  const sale = (phone: string, amount: number, more: Json = {}) =>
    shop.caller.post("/v1/topups", 201, { phone, amount, ...more });
  const statusOf = async (topup: Json) => String((await acme.get(pathOf(topup)))["status"]);
  const becomes = (topup: Json, status: string) =>
    until(`it is ${status}`, async () => (await statusOf(topup)) === status, 20_000);
  const eventsOf = async (topup: Json, type: string) =>
    (await readFeed(acme.client, `/v1/events?types=${type}&limit=500`))
      .map(({ data }) => data)
      .filter(({ id }) => id === topup["id"]);

  test("a sale is pending and its amount held until the operator has completed it", async () => {
    const phone = newPhone("pending");
    const before = await acme.get(shop.path);
    const topup = await sale(phone, 500, { reference: "first" });
    const credit = Number(before["credit"]);
    expect(topup).toMatchObject({ status: "pending", credit, available: credit - 500, amount: 500 });
    expect(await acme.get(shop.path)).toMatchObject({ credit, held: 500, available: credit - 500 });
    expect(await shop.caller.all("/v1/topups?status=pending")).toMatchObject([{ id: topup["id"] }]);
    expect((await acme.client.send("GET", `/v1/phones/${encodeURIComponent(phone)}`)).status).toBe(404);
    operator.scripts.set(phone, "completed");
    await becomes(topup, "completed");
    const sold = Number(before["total_sold"]) + 500;
    expect(await acme.get(shop.path)).toMatchObject({ credit: credit - 500, held: 0, total_sold: sold });
    expect(await acme.get(`/v1/phones/${encodeURIComponent(phone)}`)).toMatchObject({ total_charged: 500 });
    expect(await eventsOf(topup, "topup.completed")).toMatchObject([
      { phone, amount: 500, credit: credit - 500 },
    ]);
    const [entry] = (await shop.caller.get(`${shop.path}/entries?limit=1`))["data"] as Json[];
    expect(entry).toMatchObject({ type: "sale", phone, reference: "first", amount: -500 });
    expect(await acme.get(`${shop.path}/reconciliation`)).toMatchObject({ reconciled: true });
    expect(operator.orders.get(String(topup["id"]))).toMatchObject({ phone, amount: 500, sent: 1 });
    // A completed sale is reverted like any other.
    await acme.post(`/v1/transfers/${String(topup["id"])}/revert`, 201);
    expect(await statusOf(topup)).toBe("reverted");
    expect(await acme.get(shop.path)).toMatchObject({ credit });
  });

  test("a sale that the operator fails is released, with the reason", async () => {
    const { credit, total_sold } = await acme.get(shop.path);
    const topup = await sale(newPhone("failed"), 300);
    await becomes(topup, "failed");
    expect(await acme.get(pathOf(topup))).toMatchObject({
      reason: "no such phone",
      decided_by: null,
      amount: 300,
    });
    expect(await acme.get(shop.path)).toMatchObject({ credit, held: 0, total_sold });
    expect(await eventsOf(topup, "topup.failed")).toMatchObject([{ reason: "no such phone", amount: 300 }]);
    await acme.refused("POST", `/v1/transfers/${String(topup["id"])}/revert`, 409, "transfer_not_posted");
  });

  test("without an answer a sale is unknown and stays held, and a later answer decides it", async () => {
    const phone = newPhone("silent");
    const topup = await sale(phone, 200);
    await becomes(topup, "unknown");
    expect(await acme.get(shop.path)).toMatchObject({ held: 200 });
    expect(await eventsOf(topup, "topup.unknown")).toHaveLength(1);
    expect(await acme.all("/v1/topups?status=unknown&seller=kiosk")).toMatchObject([{ id: topup["id"] }]);
    const { data } = await acme.get(`/v1/topups?phone=${encodeURIComponent(phone)}`);
    expect(data).toMatchObject([{ id: topup["id"], status: "unknown" }]);
    operator.scripts.set(phone, "completed");
    await becomes(topup, "completed");
    expect(await acme.get(shop.path)).toMatchObject({ held: 0 });
    expect(operator.orders.get(String(topup["id"]))?.sent).toBe(1);
  });

  test("the partner decides an unknown sale once; a contradicting answer is a conflict and moves nothing", async () => {
    const confirmed = newPhone("unknown");
    const failed = newPhone("unknown");
    const [one, two] = [await sale(confirmed, 70), await sale(failed, 90)];
    await becomes(one, "unknown");
    await becomes(two, "unknown");
    const done = await acme.post(`${pathOf(one)}/confirm`, 200);
    expect(done).toMatchObject({ status: "completed", amount: 70, operator_answer: null });
    expect(done["decided_by"]).toMatch(/^key_/);
    expect(await acme.get(pathOf(one))).toEqual(done);
    const reason = "they say so";
    const gone = await acme.post(`${pathOf(two)}/fail`, 200, { reason });
    expect(gone).toMatchObject({ status: "failed", reason });
    expect(await acme.get(pathOf(two))).toEqual(gone);
    for (const topup of [one, two])
      for (const verb of ["confirm", "fail"])
        await acme.refused("POST", `${pathOf(topup)}/${verb}`, 409, "already_decided");
    const books = await acme.get(shop.path);
    expect(books).toMatchObject({ held: 0 });
    operator.scripts.set(confirmed, "completed");
    operator.scripts.set(failed, "completed");
    await until(
      "there is a conflict",
      async () => (await acme.all("/v1/topups?status=conflict")).length > 0,
      20_000,
    );
    const conflict = { id: two["id"], status: "failed", operator_answer: "completed" };
    expect(await acme.all("/v1/topups?status=conflict")).toMatchObject([conflict]);
    expect(await acme.get(pathOf(two))).toMatchObject(conflict);
    const [event] = await eventsOf(two, "topup.conflict");
    expect(event).toMatchObject({ decision: "failed", operator_answer: "completed", amount: 90 });
    expect(await eventsOf(one, "topup.conflict")).toEqual([]);
    expect(await acme.get(shop.path)).toEqual(books);
  });

  test("an answer and decisions of the partner at the same moment: each sale ends once", async () => {
    for (let round = 0; round < 15; round++) {
      const phone = newPhone("completed");
      const begun = Promise.withResolvers<void>();
      operator.before = () => begun.resolve();
      const topup = await sale(phone, 10);
      await begun.promise;
      const statuses = await acme.race(6, (client, i) =>
        client.send("POST", `${pathOf(topup)}/${i % 2 === 0 ? "fail" : "confirm"}`),
      );
      expect((statuses.get(200) ?? 0) <= 1, JSON.stringify([...statuses])).toBe(true);
      expect((statuses.get(200) ?? 0) + (statuses.get(409) ?? 0)).toBe(6);
      await until("it is decided", async () => ["completed", "failed"].includes(await statusOf(topup)));
    }
    operator.before = () => {};
    expect(await acme.get(shop.path)).toMatchObject({ held: 0 });
    expect(await acme.get(`${shop.path}/reconciliation`)).toMatchObject({ reconciled: true });
  }, 60_000);

  test("a reference finds its sale, and a repeated one names the first, also at once", async () => {
    const phone = newPhone("completed");
    for (let round = 0; round < 10; round++) {
      const reference = `race-${round}`;
      const answers = await Promise.all(
        Array.from({ length: 4 }, () =>
          shop.caller.client.send("POST", "/v1/topups", { phone, amount: 1, reference }),
        ),
      );
      const bodies = answers.map(({ text }) => JSON.parse(text) as Json);
      const first = bodies.find(({ status }) => status === "pending");
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409, 409]);
      for (const body of bodies)
        if (body !== first) expect(body).toMatchObject({ code: "duplicate_reference", id: first?.["id"] });
      expect(await shop.caller.all(`/v1/topups?reference=${reference}`)).toMatchObject([
        { id: first?.["id"] },
      ]);
      expect(await acme.all(`/v1/topups?seller=kiosk&reference=${reference}`)).toHaveLength(1);
    }
    expect(await shop.caller.all("/v1/topups?reference=never")).toEqual([]);
    await acme.refused("GET", "/v1/topups?reference=x", 400, "validation_failed");
    await acme.refused("GET", "/v1/topups?seller=kiosk&reference=x&status=pending", 400, "validation_failed");
  }, 60_000);

  test("a retried sale gets the first answer whatever has become of it", async () => {
    const body = { phone: newPhone("completed"), amount: 5 };
    const keyed = { "Idempotency-Key": "retried" };
    const first = await shop.caller.ask("POST", "/v1/topups", 201, body, keyed);
    await becomes(first, "completed");
    expect(await shop.caller.ask("POST", "/v1/topups", 201, body, keyed)).toEqual(first);
  });

  test("metrics show the answers, and the sales that wait", async () => {
    await until("the metrics have them", async () => {
      const { text } = await acme.client.send("GET", "/metrics");
      return (
        /daybook_operator_answers_total\{result="completed"\} [1-9]/.test(text) &&
        /daybook_topups_unknown 0/.test(text)
      );
    });
  });

  test("pending and unknown sales survive a restart, and are asked about again", async () => {
    const [pending, silent] = [newPhone("pending"), newPhone("silent")];
    const [one, two] = [await sale(pending, 11), await sale(silent, 13)];
    await becomes(two, "unknown");
    await house.takeSnapshots();
    await house.restart();
    acme = house.caller(key, "acme");
    expect(await acme.get(shop.path)).toMatchObject({ held: 24 });
    expect(await statusOf(two)).toBe("unknown");
    operator.scripts.set(pending, "failed");
    operator.scripts.set(silent, "completed");
    await becomes(one, "failed");
    await becomes(two, "completed");
    expect(await acme.get(shop.path)).toMatchObject({ held: 0 });
    expect(operator.orders.get(String(two["id"]))?.sent).toBe(1);
  });
});
