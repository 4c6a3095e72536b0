/** Voucher batches over HTTP: one scenario per requirement. */
import { beforeAll, describe, expect, test } from "vitest";
import { operator, shardsOf } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer, TestServer } from "./test-server.ts";
import {
  BATCHES,
  completed,
  crowd,
  expectEach,
  inMs,
  issue,
  LATER,
  listed,
  newCustomer,
} from "./voucher-callers.ts";

describe("batches of vouchers", () => {
  const house = startTestServer();
  let acme: Caller;
  let other: Caller;

  beforeAll(async () => {
    acme = await house.partner("acme");
    other = await house.partner("other");
  });

  test("V13 a batch gives each named customer one voucher, also one named twice", async () => {
    const emails = await Promise.all(Array.from({ length: 9 }, () => newCustomer(acme)));
    const [first = ""] = emails;
    await issue(acme, first, { offer_name: "V13" });
    const named = [...emails, first.toUpperCase()];
    const batch = { offer_name: "V13", expires_at: LATER, emails: named };
    const started = await acme.post(BATCHES, 202, batch);
    expect(started).toEqual({ id: expect.any(String), status: "running", requested: 9, issued: 0 });
    const { id } = started;
    expect(await completed(acme, id)).toEqual({ id, status: "completed", requested: 9, issued: 9 });
    for (const email of emails) expect(await listed(acme, email)).toHaveLength(email === first ? 2 : 1);
    const refuse = (status: number, code: string, more: Json) =>
      acme.refused("POST", BATCHES, status, code, { ...batch, ...more });
    await refuse(404, "offer_not_found", { offer_name: "none" });
    await refuse(404, "customer_not_found", { emails: [...emails, "nobody@example.com"] });
    await refuse(400, "validation_failed", { emails: [] });
    await refuse(400, "validation_failed", { emails: "some" });
    await refuse(400, "validation_failed", { emails: ["x"] });
    await refuse(400, "validation_failed", { emails: Array.from({ length: 10_001 }, () => first) });
    await refuse(400, "validation_failed", { expires_at: inMs(-1000) });
    await refuse(400, "validation_failed", { run_at: LATER });
    await acme.refused("GET", `${BATCHES}/none`, 404, "voucher_batch_not_found");
    await other.refused("GET", `${BATCHES}/${String(id)}`, 404, "voucher_batch_not_found");
    for (const email of emails) expect(await listed(acme, email)).toHaveLength(email === first ? 2 : 1);
  });

  test("V20 a batch starts at its time, for the customers that existed when it was requested", async () => {
    const shop = await house.partner("shop");
    const add = (email: string) => shop.post("/v1/customers", 201, { email });
    const early = Array.from({ length: 8 }, (_, i) => `early${i}@example.com`);
    for (const email of early) await add(email);
    await shop.ask("PUT", "/v1/offers/all", 200, { discount: 5 });
    const body = { offer_name: "all", expires_at: LATER, emails: "all", run_at: inMs(3000) };
    const { id, ...rest } = await shop.post(BATCHES, 202, body);
    expect(rest).toEqual({ status: "scheduled", requested: 8, issued: 0 });
    expect(await shop.get(`${BATCHES}/${String(id)}`)).toMatchObject({ status: "scheduled", issued: 0 });
    await add("late@example.com");
    expect(await completed(shop, id)).toMatchObject({ requested: 8, issued: 8 });
    for (const email of early) expect(await shop.all(`/v1/vouchers?email=${email}`)).toHaveLength(1);
    expect(await shop.all("/v1/vouchers?email=late@example.com")).toEqual([]);
  });

  test("V13 a batch for 1200 customers that is killed in the middle gives each exactly one voucher", async () => {
    const mass = await house.partner("mass");
    const emails = await crowd(mass);
    const key = await mass.post(`/v1/partners/mass/keys`, 201, { role: "partner" });
    const body = { offer_name: "mass", expires_at: LATER };
    const started: unknown[] = [];
    await until("a batch is caught in the middle", async () => {
      const who = started.length % 2 === 0 ? "all" : emails;
      const { id } = await mass.post(BATCHES, 202, { ...body, emails: who });
      started.push(id);
      for (;;) {
        const { issued, requested } = await mass.get(`${BATCHES}/${String(id)}`);
        if (issued !== 0) return issued !== requested;
      }
    });
    await house.restart();
    const again = house.caller(String(key["api_key"]));
    for (const id of started)
      expect(await completed(again, id)).toMatchObject({ requested: 1200, issued: 1200 });
    await expectEach(again, emails, started.length);
  });

  test("V13 a batch continues on each shard from where it was at the crash", async () => {
    const points = "0:before_expire@2,1:before_expire@1,2:before_expire@3";
    const shaky = new TestServer({ FAILPOINTS: points });
    try {
      await shaky.open();
      const mass = await shaky.partner("mass");
      const emails = await crowd(mass);
      const body = { offer_name: "mass", expires_at: LATER, emails: "all", run_at: inMs(2000) };
      const { id } = await mass.post(BATCHES, 202, body);
      expect(await completed(mass, id)).toMatchObject({ requested: 1200, issued: 1200 });
      await expectEach(mass, emails, 1);
      const admin = operator(shaky.server);
      expect((await shardsOf(admin)).map(({ restarts }) => restarts)).toEqual([1, 1, 1]);
      admin.close();
    } finally {
      await shaky.close();
    }
  });
});

test("V5 V13 offers and batches work with a single shard", async () => {
  const house = new TestServer({ SHARDS: "1" });
  try {
    await house.open();
    const alone = await house.partner("alone");
    await alone.post("/v1/customers", 201, { email: "a@b" });
    await alone.ask("PUT", "/v1/offers/x", 200, { discount: 5 });
    const { id } = await alone.post(BATCHES, 202, {
      offer_name: "x",
      expires_at: LATER,
      emails: "all",
    });
    expect(await completed(alone, id)).toMatchObject({ requested: 1, issued: 1 });
    expect(await alone.all("/v1/vouchers?email=a@b")).toHaveLength(1);
  } finally {
    await house.close();
  }
});
