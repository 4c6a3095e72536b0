/** The voucher programme over HTTP: one scenario per requirement. */
import { beforeAll, describe, expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";
import { at, codes, inMs, issue, LATER, listed, newCustomer, redeem } from "./voucher-callers.ts";

const CODE = /^[2-9A-HJ-NP-Z]{14}$/;

async function refusal(caller: Caller, code: string, body: Json): Promise<unknown> {
  const problem = await caller.ask("POST", `/v1/vouchers/${code}/redeem`, 404, body);
  expect(problem).toMatchObject({ code: "voucher_not_found" });
  return problem["detail"];
}

/** The redemption path of a code that no voucher has. */
function guess(i: number): string {
  const digits = String(i).padStart(12, "2").replaceAll("0", "9").replaceAll("1", "8");
  return `/v1/vouchers/22${digits}/redeem`;
}

describe("vouchers", () => {
  const house = startTestServer();
  let acme: Caller;
  let other: Caller;

  beforeAll(async () => {
    acme = await house.partner("acme");
    other = await house.partner("other");
  });

  test("V12 customers are added once, with the e-mail in any case", async () => {
    const email = "anna.o'neil+x/y@Example.com";
    const body = { email: ` ${email} `, name: "Anna" };
    const added = await acme.post("/v1/customers", 201, body);
    expect(added).toMatchObject({ email: email.toLowerCase(), name: "Anna" });
    expect(Object.keys(added)).toEqual(["email", "name", "created_at"]);
    await acme.refused("POST", "/v1/customers", 409, "customer_exists", { email: email.toUpperCase() });
    const path = `/v1/customers/${encodeURIComponent("ANNA.O'NEIL+X/Y@example.com")}`;
    expect(await acme.get(path)).toEqual(added);
    await other.refused("GET", path, 404, "customer_not_found");
    for (const bad of ["", "x", "a@", "@b.c", "a b@c.d", "a@b@c.d", "a@b..c", `${"a".repeat(250)}@b.c`, 7])
      await acme.refused("POST", "/v1/customers", 400, "validation_failed", { email: bad });
    await acme.refused("GET", "/v1/customers/nobody", 400, "validation_failed");
  });

  test("V2 V12 issuing a voucher creates the offer; the code is unique and hard to guess", async () => {
    const email = await newCustomer(acme);
    const body = { email, offer_name: "V2", discount: 38.5, expires_at: "2040-01-01T02:00:00+02:00" };
    const voucher = await acme.post("/v1/vouchers", 201, body);
    expect(voucher).toEqual({
      code: expect.stringMatching(CODE),
      email,
      offer_name: "V2",
      discount: 38.5,
      expires_at: LATER,
      created_at: expect.any(String),
      uses_max: 1,
    });
    expect(await acme.get("/v1/offers/V2")).toEqual({ name: "V2", discount: 38.5, pricing: "live" });
    const { code, offer_name, discount, expires_at } = voucher;
    expect(await listed(acme, email)).toMatchObject([{ code, offer_name, discount, expires_at }]);
    const more = await Promise.all(Array.from({ length: 50 }, () => issue(acme, email)));
    expect(new Set(more.map(({ code }) => code)).size).toBe(50);
  });

  test("V3 V21 a voucher is redeemed once, by its owner, with the code in any case; validate changes nothing", async () => {
    const email = await newCustomer(acme);
    const voucher = await issue(acme, email, { discount: 38.5 });
    const { offer_name, expires_at } = voucher;
    const good = { valid: true, discount: 38.5, offer_name, expires_at, uses_left: 1 };
    expect(await acme.post(`${at(voucher)}/validate`, 200, { email })).toEqual(good);
    expect(await acme.post(`${at(voucher)}/validate`, 200, { email })).toEqual(good);
    // With enough strangers, some are on the same shard.
    for (let i = 0; i < 8; i++) {
      const stranger = { email: await newCustomer(acme) };
      for (const action of ["validate", "redeem"])
        await acme.refused("POST", `${at(voucher)}/${action}`, 404, "voucher_not_found", stranger);
    }
    const lower = { code: String(voucher["code"]).toLowerCase() };
    const used = await redeem(acme, lower, ` ${email.toUpperCase()}`);
    expect(used).toEqual({
      code: voucher["code"],
      discount: 38.5,
      offer_name,
      used_at: expect.any(String),
      redemption: 1,
      uses_left: 0,
    });
    const again = [409, "voucher_already_redeemed", { email }] as const;
    await acme.refused("POST", `${at(voucher)}/redeem`, ...again);
    const reason = "voucher_already_redeemed";
    expect(await acme.post(`${at(voucher)}/validate`, 200, { email })).toEqual({ valid: false, reason });
    expect(await listed(acme, email)).toEqual([]);
    expect(await listed(acme, email, "redeemed")).toMatchObject([
      { code: voucher["code"], discount: 38.5, used_at: used["used_at"] },
    ]);
  });

  test("V4 V11 a customer's valid vouchers are listed, newest first, a page at a time", async () => {
    const email = await newCustomer(acme);
    expect(await acme.get(`/v1/vouchers?email=${email}`)).toEqual({ data: [], next_cursor: null });
    const vouchers: Json[] = [];
    for (let i = 0; i < 12; i++) vouchers.push(await issue(acme, email, { offer_name: `V4 ${i}` }));
    const [, second] = vouchers as [Json, Json];
    await redeem(acme, second, email);
    const valid = vouchers.filter((voucher) => voucher !== second).toReversed();
    const rows = await acme.all(`/v1/vouchers?email=${email.toUpperCase()}&limit=5`);
    expect(rows.map(({ code, offer_name }) => [code, offer_name])).toEqual(
      valid.map(({ code, offer_name }) => [code, offer_name]),
    );
    expect(rows[0]).toEqual({
      code: valid[0]?.["code"],
      offer_name: "V4 11",
      discount: 10,
      status: "valid",
      expires_at: LATER,
      used_at: null,
      uses_max: 1,
      uses_left: 1,
    });
    expect(await codes(acme, email, "all")).toEqual(vouchers.toReversed().map(({ code }) => code));
    const nobody = "/v1/vouchers?email=nobody@example.com";
    await acme.refused("GET", nobody, 404, "customer_not_found");
    for (const query of ["", "?email=x", `?email=${email}&status=used`, `?email=${email}&cursor=x`])
      await acme.refused("GET", `/v1/vouchers${query}`, 400, "validation_failed");
  });

  test("V5 an offer has one discount, the latest; it applies to old vouchers too, unless they keep theirs", async () => {
    const email = await newCustomer(acme);
    const live = await issue(acme, email, { offer_name: "V5 live", discount: 10 });
    const used = await issue(acme, email, { offer_name: "V5 live", discount: 20 });
    expect(await redeem(acme, used, email)).toMatchObject({ discount: 20 });
    await issue(acme, await newCustomer(acme), { offer_name: "V5 live", discount: 33.33 });
    expect(await acme.post(`${at(live)}/validate`, 200, { email })).toMatchObject({ discount: 33.33 });
    expect(await listed(acme, email)).toMatchObject([{ code: live["code"], discount: 33.33 }]);
    expect(await listed(acme, email, "redeemed")).toMatchObject([{ code: used["code"], discount: 20 }]);
    expect(await redeem(acme, live, email)).toMatchObject({ discount: 33.33 });

    const put = (discount: number) =>
      acme.ask("PUT", "/v1/offers/V5%20kept", 200, { discount, pricing: "snapshot" });
    expect(await put(50)).toEqual({ name: "V5 kept", discount: 50, pricing: "snapshot" });
    const { discount: _, ...body } = { email, offer_name: "V5 kept", discount: 0, expires_at: LATER };
    const kept = await acme.post("/v1/vouchers", 201, body);
    expect(kept).toMatchObject({ discount: 50 });
    await put(60);
    await issue(acme, email, { offer_name: "V5 kept", discount: 70 });
    expect(await acme.get("/v1/offers/V5%20kept")).toMatchObject({ discount: 70, pricing: "snapshot" });
    expect((await listed(acme, email)).map(({ discount }) => discount)).toEqual([70, 50]);
    expect(await redeem(acme, kept, email)).toMatchObject({ discount: 50 });
  });

  test("V5 V11 an unknown customer leaves the offer unchanged; without a discount the offer must exist", async () => {
    const email = await newCustomer(acme);
    await issue(acme, email, { offer_name: "V11", discount: 10 });
    const body = { email: "nobody@example.com", offer_name: "V11", discount: 90, expires_at: LATER };
    await acme.refused("POST", "/v1/vouchers", 404, "customer_not_found", body);
    expect(await acme.get("/v1/offers/V11")).toMatchObject({ discount: 10 });
    await acme.refused("POST", "/v1/vouchers", 404, "customer_not_found", { ...body, offer_name: "none" });
    await acme.refused("GET", "/v1/offers/none", 404, "offer_not_found");
    const { discount: _, ...bare } = { ...body, email, offer_name: "none" };
    await acme.refused("POST", "/v1/vouchers", 404, "offer_not_found", bare);
  });

  test("V5 racing changes of one offer converge on all shards", async () => {
    const emails = await Promise.all(Array.from({ length: 12 }, () => newCustomer(acme)));
    const vouchers = await Promise.all(emails.map((email) => issue(acme, email, { offer_name: "race" })));
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        emails.map((email, i) =>
          issue(acme, email, { offer_name: "race", discount: 1 + ((round * 12 + i) % 99) }),
        ),
      );
      const { discount } = await acme.get("/v1/offers/race");
      const seen = await Promise.all(
        vouchers.map((voucher, i) => acme.post(`${at(voucher)}/validate`, 200, { email: emails[i] })),
      );
      expect(new Set(seen.map((verdict) => verdict["discount"]))).toEqual(new Set([discount]));
    }
  });

  test("V2 offers are listed once each, newest first", async () => {
    const lister = await house.partner("lister");
    for (let i = 0; i < 7; i++) await lister.ask("PUT", `/v1/offers/o${i}`, 200, { discount: i + 1 });
    await lister.ask("PUT", "/v1/offers/o0", 200, { discount: 99 });
    const names = Array.from({ length: 7 }, (_, i) => `o${6 - i}`);
    expect((await lister.all("/v1/offers?limit=3")).map(({ name }) => name)).toEqual(names);
    await lister.ask("PUT", "/v1/offers/a%2Fb", 200, { discount: 5 });
    expect(await lister.get("/v1/offers/a%2Fb")).toMatchObject({ name: "a/b", discount: 5 });
  });

  test("V7 V9 V11 V19 values out of range answer 400 and change nothing", async () => {
    const email = await newCustomer(acme);
    const good = { email, offer_name: "V7", discount: 100, expires_at: LATER };
    const bad: Json[] = [
      { discount: 0 },
      { discount: -1 },
      { discount: 101 },
      { discount: 100.01 },
      { discount: 1.234 },
      { discount: "10" },
      { discount: null },
      { expires_at: "2020-01-01T00:00:00Z" },
      { expires_at: "2040-01-01" },
      { expires_at: inMs(-1000) },
      { email: "not an e-mail" },
      { offer_name: "" },
      { offer_name: " " },
      { offer_name: "x".repeat(101) },
      { more: 1 },
    ];
    for (const wrong of bad)
      await acme.refused("POST", "/v1/vouchers", 400, "validation_failed", { ...good, ...wrong });
    await acme.refused("POST", "/v1/vouchers", 400, "validation_failed", {});
    await acme.refused("POST", "/v1/vouchers", 400, "validation_failed", "{");
    await acme.refused("GET", "/v1/offers/V7", 404, "offer_not_found");
    const voucher = await acme.post("/v1/vouchers", 201, good);
    expect(await issue(acme, email, { discount: 0.01 })).toMatchObject({ discount: 0.01 });
    for (const action of ["validate", "redeem", "rollback"])
      for (const body of [{}, { email: "x" }, { email, more: 1 }])
        await acme.refused("POST", `${at(voucher)}/${action}`, 400, "validation_failed", body);
  });

  test("V8 an unknown code, another customer's code and another partner's code give the same 404", async () => {
    const hunter = await house.partner("hunter");
    const email = await newCustomer(acme);
    const stranger = await newCustomer(acme);
    const voucher = await issue(acme, email);
    const unknown = `${String(voucher["code"]).slice(0, -4)}2222`;
    const code = String(voucher["code"]);
    const details = [
      await refusal(acme, unknown, { email }),
      await refusal(acme, "nonsense", { email }),
      await refusal(acme, code, { email: stranger }),
      await refusal(acme, code, { email: "nobody@example.com" }),
      await refusal(hunter, code, { email }),
    ];
    expect(new Set(details).size).toBe(1);
    for (const action of ["validate", "rollback"])
      await acme.refused("POST", `${at(voucher)}/${action}`, 404, "voucher_not_found", { email: stranger });
    await hunter.refused("POST", `${at(voucher)}/cancel`, 404, "voucher_not_found");
    await acme.refused("POST", "/v1/vouchers/nonsense/cancel", 404, "voucher_not_found");
    expect(await redeem(acme, voucher, email)).toMatchObject({ code });
  });

  test("V14 a caller that guesses codes is limited after 50 a minute, also concurrently, but never for an existing code", async () => {
    const thief = await house.partner("thief");
    await thief.post("/v1/customers", 201, { email: "t@example.com" });
    const mine = await issue(thief, "t@example.com");
    const body = { email: "t@example.com" };
    const statuses = await thief.race(80, (client, i) => client.send("POST", guess(i), body));
    expect(statuses).toEqual(
      new Map([
        [404, 50],
        [429, 30],
      ]),
    );
    for (const action of ["validate", "redeem", "rollback"]) {
      const answer = await thief.client.send("POST", guess(80).replace("redeem", action), body);
      expect(answer.status).toBe(429);
      expect(JSON.parse(answer.text)).toMatchObject({ code: "rate_limited" });
      expect(answer.headers).toMatchObject({ "ratelimit-limit": "50", "ratelimit-remaining": "0" });
      expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    }
    const before = await house.positions();
    await thief.refused("POST", guess(81), 429, "rate_limited", body);
    expect(await house.positions()).toEqual(before);
    await thief.post(`${at(mine)}/validate`, 200, body);
    await thief.post(`${at(mine)}/redeem`, 200, body);
  });

  test("V8 V21 an expired voucher answers 410, is listed as expired, and its expiry is a record", async () => {
    const email = await newCustomer(acme);
    const voucher = await issue(acme, email, { expires_at: inMs(3000) });
    const early = await issue(acme, email, { expires_at: inMs(3000) });
    await redeem(acme, early, email);
    await until("the voucher has expired", async () => (await codes(acme, email)).length === 0);
    await acme.refused("POST", `${at(voucher)}/redeem`, 410, "voucher_expired", { email });
    await acme.refused("POST", `${at(voucher)}/cancel`, 410, "voucher_expired");
    await acme.refused("POST", `${at(voucher)}/rollback`, 409, "not_redeemed", { email });
    const verdict = await acme.post(`${at(voucher)}/validate`, 200, { email });
    expect(verdict).toEqual({ valid: false, reason: "voucher_expired" });
    expect(await codes(acme, email, "expired")).toEqual([voucher["code"]]);
    // A voucher redeemed in time stays redeemed until it is rolled back; then it is expired.
    expect(await codes(acme, email, "redeemed")).toEqual([early["code"]]);
    const back = await acme.post(`${at(early)}/rollback`, 200, { email });
    expect(back).toMatchObject({ status: "expired", used_at: null });
    await acme.refused("POST", `${at(early)}/redeem`, 410, "voucher_expired", { email });
    expect(await codes(acme, email, "expired")).toEqual([early["code"], voucher["code"]]);
  });

  test("many vouchers of one customer expire at the same time", async () => {
    const email = await newCustomer(acme);
    const expires_at = inMs(3000);
    const vouchers = await Promise.all(Array.from({ length: 50 }, () => issue(acme, email, { expires_at })));
    const all = new Set(vouchers.map(({ code }) => code));
    await until("all have expired", async () => (await codes(acme, email)).length === 0);
    expect(new Set(await codes(acme, email, "expired"))).toEqual(all);
  });

  test("P-V3 a redemption is rolled back once, and the voucher is valid again", async () => {
    const email = await newCustomer(acme);
    const voucher = await issue(acme, email, { offer_name: "P-V3", discount: 15 });
    const rollback = `${at(voucher)}/rollback`;
    await acme.refused("POST", rollback, 409, "not_redeemed", { email });
    await redeem(acme, voucher, email);
    await acme.ask("PUT", "/v1/offers/P-V3", 200, { discount: 25 });
    expect(await acme.post(rollback, 200, { email })).toEqual({
      ...voucher,
      discount: 25,
      status: "valid",
      used_at: null,
      uses_left: 1,
      redemption: 1,
    });
    await acme.refused("POST", rollback, 409, "not_redeemed", { email });
    expect(await redeem(acme, voucher, email)).toMatchObject({ discount: 25 });
    await acme.post(rollback, 200, { email });
    expect(await codes(acme, email)).toEqual([voucher["code"]]);
  });

  test("P-V2 a voucher is cancelled for good", async () => {
    const email = await newCustomer(acme);
    const voucher = await issue(acme, email);
    const cancelled = { ...voucher, status: "cancelled", used_at: null, uses_left: 1 };
    expect(await acme.post(`${at(voucher)}/cancel`, 200)).toEqual(cancelled);
    await acme.refused("POST", `${at(voucher)}/cancel`, 409, "voucher_cancelled");
    await acme.refused("POST", `${at(voucher)}/redeem`, 409, "voucher_cancelled", { email });
    await acme.refused("POST", `${at(voucher)}/rollback`, 409, "not_redeemed", { email });
    expect(await codes(acme, email, "cancelled")).toEqual([voucher["code"]]);
    const used = await issue(acme, email);
    await redeem(acme, used, email);
    await acme.refused("POST", `${at(used)}/cancel`, 409, "voucher_already_redeemed");
  });

  test("V21 100 concurrent redemptions of one voucher: one succeeds, and 100 rollbacks undo it once", async () => {
    const email = await newCustomer(acme);
    for (let round = 0; round < 10; round++) {
      const voucher = await issue(acme, email);
      const race = (action: string) =>
        acme.race(100, (client) => client.send("POST", `${at(voucher)}/${action}`, { email }));
      const oneWins = new Map([
        [200, 1],
        [409, 99],
      ]);
      expect(await race("redeem")).toEqual(oneWins);
      expect(await race("rollback")).toEqual(oneWins);
      expect(await race("redeem")).toEqual(oneWins);
    }
  });

  test("a retry gets the first answer, with the first code", async () => {
    const email = await newCustomer(acme);
    const body = { email, offer_name: "retry", discount: 10, expires_at: LATER };
    const headers = (what: string) => ({ "Idempotency-Key": `${what}-${email}` });
    const first = await acme.ask("POST", "/v1/vouchers", 201, body, headers("issue"));
    const again = await acme.client.send("POST", "/v1/vouchers", body, headers("issue"));
    expect([again.status, JSON.parse(again.text)]).toEqual([201, first]);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    const otherBody = { ...body, discount: 11 };
    expect(await acme.ask("POST", "/v1/vouchers", 422, otherBody, headers("issue"))).toMatchObject({
      code: "idempotency_key_reused",
    });
    const path = `${at(first)}/redeem`;
    const used = await acme.ask("POST", path, 200, { email }, headers("redeem"));
    await acme.ask("PUT", "/v1/offers/retry", 200, { discount: 77 });
    expect(await acme.ask("POST", path, 200, { email }, headers("redeem"))).toEqual(used);
    expect(await codes(acme, email, "all")).toEqual([first["code"]]);
    const rollback = `${at(first)}/rollback`;
    const back = await acme.ask("POST", rollback, 200, { email }, headers("rollback"));
    expect(await acme.ask("POST", rollback, 200, { email }, headers("rollback"))).toEqual(back);
    const batch = { offer_name: "retry", expires_at: LATER, emails: [email] };
    const started = await acme.ask("POST", "/v1/voucher-batches", 202, batch, headers("batch"));
    expect(await acme.ask("POST", "/v1/voucher-batches", 202, batch, headers("batch"))).toEqual(started);
  });

  test("all state survives a kill", async () => {
    const email = await newCustomer(acme);
    const vouchers = [await issue(acme, email), await issue(acme, email), await issue(acme, email)] as const;
    await redeem(acme, vouchers[0], email);
    await acme.post(`${at(vouchers[1])}/cancel`, 200);
    await acme.ask("PUT", "/v1/offers/kept", 200, { discount: 12.34, pricing: "snapshot" });
    const soon = await issue(acme, email, { offer_name: "kept", discount: 12.34, expires_at: inMs(2000) });
    const key = await acme.post("/v1/partners/acme/keys", 201, { role: "partner" });
    const state = async () => [
      await acme.get(`/v1/customers/${email}`),
      await acme.all("/v1/offers"),
      await listed(acme, email, "redeemed"),
      await listed(acme, email, "cancelled"),
    ];
    const before = await state();
    await house.restart();
    acme = house.caller(String(key["api_key"]));
    expect(await state()).toEqual(before);
    await until("what was to end ends", async () => (await codes(acme, email)).length === 1);
    expect(await codes(acme, email, "expired")).toEqual([soon["code"]]);
    expect(await redeem(acme, vouchers[2], email)).toMatchObject({ discount: 10 });
    expect(await acme.get("/v1/trial-balance")).toMatchObject({ balanced: true });
  });
});
