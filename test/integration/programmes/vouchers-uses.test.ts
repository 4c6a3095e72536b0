/** Vouchers with several uses, amounts instead of percentages, and redeemer keys, over HTTP. */
import { beforeAll, describe, expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";
import {
  at,
  BATCHES,
  codes,
  completed,
  inMs,
  issue,
  LATER,
  listed,
  newCustomer,
  redeem,
} from "./voucher-callers.ts";

const house = startTestServer();
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
});

function rollBack(voucher: Json, email: string, redemption?: unknown): Promise<Json> {
  return acme.post(`${at(voucher)}/rollback`, 200, { email, redemption });
}

async function useLeft(voucher: Json, email: string): Promise<unknown> {
  const row = (await listed(acme, email, "all")).find(({ code }) => code === voucher["code"]);
  return row?.["uses_left"];
}

/** The path of a code that no voucher has. */
function guess(i: number): string {
  return `/v1/vouchers/22${String(i).padStart(12, "2").replaceAll(/[01]/g, "9")}`;
}

/** How many requests have succeeded, of all these counts by status. */
function together(...counts: readonly ReadonlyMap<number, number>[]): number {
  return counts.reduce((sum, count) => sum + (count.get(200) ?? 0), 0);
}

describe("a voucher with several uses", () => {
  test("is valid until it is used up, and a rollback gives one named use back, once", async () => {
    const email = await newCustomer(acme);
    const voucher = await issue(acme, email, { uses_max: 3 });
    expect(voucher).toMatchObject({ uses_max: 3 });
    for (let use = 1; use <= 3; use++) {
      expect(await acme.post(`${at(voucher)}/validate`, 200, { email })).toMatchObject({
        uses_left: 4 - use,
      });
      expect(await redeem(acme, voucher, email)).toMatchObject({ redemption: use, uses_left: 3 - use });
    }
    await acme.refused("POST", `${at(voucher)}/redeem`, 409, "voucher_already_redeemed", { email });
    expect(await codes(acme, email)).toEqual([]);
    expect(await listed(acme, email, "redeemed")).toMatchObject([{ uses_max: 3, uses_left: 0 }]);
    const back = await rollBack(voucher, email, 2);
    expect(back).toMatchObject({ redemption: 2, status: "valid", uses_left: 1, uses_max: 3 });
    const refuse = (body: Json, code = "not_redeemed", status = 409) =>
      acme.refused("POST", `${at(voucher)}/rollback`, status, code, { email, ...body });
    await refuse({ redemption: 2 });
    await refuse({ redemption: 4 });
    await refuse({ redemption: 0 }, "validation_failed", 400);
    expect(await rollBack(voucher, email)).toMatchObject({ redemption: 3, uses_left: 2 });
    expect(await listed(acme, email)).toMatchObject([{ status: "valid", uses_left: 2 }]);
    expect(await rollBack(voucher, email)).toMatchObject({ redemption: 1, uses_left: 3, used_at: null });
    await refuse({});
  });

  test("may have up to a million uses", async () => {
    const email = await newCustomer(acme);
    const body = { email, offer_name: "Sale", discount: 10, expires_at: LATER };
    expect(await issue(acme, email, { uses_max: 1_000_000 })).toMatchObject({ uses_max: 1_000_000 });
    for (const uses_max of [0, -1, 1.5, 1_000_001, "2", null])
      await acme.refused("POST", "/v1/vouchers", 400, "validation_failed", { ...body, uses_max });
    const batch = { offer_name: "Sale", expires_at: LATER, emails: [email] };
    await acme.refused("POST", BATCHES, 400, "validation_failed", { ...batch, uses_max: 0 });
    const { id } = await acme.post(BATCHES, 202, { ...batch, uses_max: 7 });
    await completed(acme, id);
    expect((await listed(acme, email)).map(({ uses_max }) => uses_max)).toEqual([7, 1_000_000]);
  });

  test("is redeemed exactly as often as it has uses, however many redeem at once", async () => {
    const email = await newCustomer(acme);
    for (let round = 0; round < 8; round++) {
      const uses_max = 1 + 3 * round;
      const voucher = await issue(acme, email, { uses_max });
      const race = (action: string, times: number) =>
        acme.race(times, (client) => client.send("POST", `${at(voucher)}/${action}`, { email }));
      expect((await race("redeem", 60)).get(200)).toBe(uses_max);
      expect((await race("rollback", 60)).get(200)).toBe(uses_max);
      expect(await useLeft(voucher, email)).toBe(uses_max);
    }
  });

  test("counts each redemption and each rollback once when they race", async () => {
    const email = await newCustomer(acme);
    for (let round = 0; round < 8; round++) {
      const uses_max = 5;
      const voucher = await issue(acme, email, { uses_max });
      const race = (action: string) =>
        acme.race(40, (client) => client.send("POST", `${at(voucher)}/${action}`, { email }));
      const [redeemed, again, back] = await Promise.all([race("redeem"), race("redeem"), race("rollback")]);
      const taken = together(redeemed, again) - together(back);
      expect(taken).toBeGreaterThanOrEqual(0);
      expect(await useLeft(voucher, email)).toBe(uses_max - taken);
      // All rollbacks name the same redemption: at most one succeeds.
      const { redemption } = await redeemOneMore(voucher, email);
      const named = await acme.race(20, (client) =>
        client.send("POST", `${at(voucher)}/rollback`, { email, redemption }),
      );
      expect(named).toEqual(
        new Map([
          [200, 1],
          [409, 19],
        ]),
      );
    }
  });

  test("is not redeemed after its cancellation or expiry, whatever races with it", async () => {
    for (let round = 0; round < 6; round++) {
      const email = await newCustomer(acme);
      const isCancelled = round % 2 === 0;
      const expires_at = isCancelled ? LATER : inMs(400);
      const voucher = await issue(acme, email, { uses_max: 200, expires_at });
      const send = (action: string, times: number) =>
        acme.race(times, (client) => {
          const body = action === "cancel" ? undefined : { email };
          return client.send("POST", `${at(voucher)}/${action}`, body);
        });
      let [redeemed, back] = [0, 0];
      const status = isCancelled ? "cancelled" : "expired";
      do {
        const counts = await Promise.all([
          send("redeem", 30),
          send("rollback", 20),
          send("cancel", isCancelled ? 3 : 0),
        ]);
        redeemed += together(counts[0]);
        back += together(counts[1]);
      } while ((await codes(acme, email, status)).length === 0);
      expect((await send("redeem", 5)).get(200)).toBeUndefined();
      expect(await useLeft(voucher, email)).toBe(200 - redeemed + back);
      // What is left of its redemptions can be rolled back, and the voucher stays as it is.
      expect((await send("rollback", 5)).get(200) ?? 0).toBe(Math.min(5, redeemed - back));
      expect(await codes(acme, email, status)).toEqual([voucher["code"]]);
    }
  });
});

/** Makes room for one more redemption if there is none, and redeems. */
async function redeemOneMore(voucher: Json, email: string): Promise<Json> {
  if ((await useLeft(voucher, email)) === 0) await rollBack(voucher, email);
  return redeem(acme, voucher, email);
}

describe("a voucher with an amount", () => {
  const USD = { amount: 500, asset: "USD/2" } as const;

  test("shows amount and asset instead of a percentage, from its issue to its redemption", async () => {
    const email = await newCustomer(acme);
    expect(await acme.ask("PUT", "/v1/offers/fixed", 200, USD)).toEqual({
      name: "fixed",
      ...USD,
      pricing: "live",
    });
    expect(await acme.get("/v1/offers/fixed")).toEqual({ name: "fixed", ...USD, pricing: "live" });
    const body = { email, offer_name: "fixed", expires_at: LATER };
    const voucher = await acme.post("/v1/vouchers", 201, body);
    expect(voucher).toMatchObject(USD);
    for (const shown of [
      voucher,
      (await listed(acme, email))[0],
      await acme.post(`${at(voucher)}/validate`, 200, { email }),
      await redeem(acme, voucher, email),
      (await listed(acme, email, "redeemed"))[0],
      await rollBack(voucher, email),
      await acme.post(`${at(voucher)}/cancel`, 200),
    ]) {
      expect(shown).toMatchObject(USD);
      expect(shown).not.toHaveProperty("discount");
    }
    // Issuing with an amount creates the offer, or changes what it grants.
    const own = await acme.post("/v1/vouchers", 201, { ...body, offer_name: "own", ...USD });
    expect(own).toMatchObject(USD);
    expect(await acme.get("/v1/offers/own")).toMatchObject(USD);
  });

  test("needs exactly one of discount and amount, and a whole amount with its asset", async () => {
    const email = await newCustomer(acme);
    const body = { email, offer_name: "rules", expires_at: LATER };
    const bad: Json[] = [
      { ...USD, discount: 10 },
      { amount: 500 },
      { asset: "USD/2" },
      { discount: 10, asset: "USD/2" },
      { ...USD, amount: 0 },
      { ...USD, amount: -5 },
      { ...USD, amount: 2 ** 53 },
      { ...USD, amount: "500" },
      { ...USD, asset: "usd" },
    ];
    for (const wrong of bad) {
      await acme.refused("POST", "/v1/vouchers", 400, "validation_failed", { ...body, ...wrong });
      await acme.refused("PUT", "/v1/offers/rules", 400, "validation_failed", wrong);
    }
    await acme.refused("PUT", "/v1/offers/rules", 400, "validation_failed", {});
    // As everywhere, an amount is not written with decimals; a percentage may be.
    for (const amount of ["500.0", "500.5", "5e2"]) {
      const text = `{"amount":${amount},"asset":"USD/2"}`;
      await acme.refused("PUT", "/v1/offers/rules", 400, "validation_failed", text);
    }
    await acme.refused("GET", "/v1/offers/rules", 404, "offer_not_found");
  });

  test("follows an offer that changes from a percentage to an amount if it is live, and else keeps its own", async () => {
    const email = await newCustomer(acme);
    const put = (name: string, terms: Json) => acme.ask("PUT", `/v1/offers/${name}`, 200, terms);
    const make = (offer_name: string) =>
      acme.post("/v1/vouchers", 201, { email, offer_name, expires_at: LATER });
    await put("swap", { discount: 12.5 });
    await put("keep", { discount: 12.5, pricing: "snapshot" });
    const [live, kept] = [await make("swap"), await make("keep")];
    await put("swap", USD);
    await put("keep", { ...USD, pricing: "snapshot" });
    expect(await redeem(acme, kept, email)).toMatchObject({ discount: 12.5 });
    const used = await redeem(acme, live, email);
    expect(used).toMatchObject(USD);
    const fixed = await make("keep");
    await put("swap", { discount: 1 });
    await put("keep", { discount: 1, pricing: "snapshot" });
    expect(await redeem(acme, fixed, email)).toMatchObject(USD);
    const rows = await listed(acme, email, "redeemed");
    expect(rows.map(({ amount, discount }) => amount ?? discount)).toEqual([500, 12.5, 500]);
    expect(await rollBack(live, email)).toMatchObject({ discount: 1 });
    // A voucher with a percentage changes an offer with an amount.
    await put("swap", USD);
    await acme.post("/v1/vouchers", 201, { email, offer_name: "swap", discount: 3, expires_at: LATER });
    expect(await acme.get("/v1/offers/swap")).toEqual({ name: "swap", discount: 3, pricing: "live" });
  });

  test("has either the old or the new terms when a batch races with changes of its offer", async () => {
    const shop = await house.partner("racing-offers");
    const emails = Array.from({ length: 40 }, (_, i) => `r${i}@example.com`);
    for (const email of emails) await shop.post("/v1/customers", 201, { email });
    const terms = [{ discount: 10 }, USD] as const;
    const put = (i: number) =>
      shop.ask("PUT", "/v1/offers/race", 200, { ...terms[i % 2], pricing: "snapshot" });
    await put(0);
    for (let round = 0; round < 4; round++) {
      const batch = { offer_name: "race", expires_at: LATER, emails };
      const [{ id }] = await Promise.all([shop.post(BATCHES, 202, batch), put(round + 1), put(round)]);
      await completed(shop, id);
      const rows = await shop.all(`${BATCHES}/${String(id)}/codes`);
      expect(rows).toHaveLength(40);
      for (const { discount, amount, asset } of rows)
        expect(terms).toContainEqual(amount === undefined ? { discount } : { amount, asset });
    }
  });
});

describe("a redeemer key", () => {
  test("validates and redeems, does nothing else, and its name is in the event", async () => {
    const email = await newCustomer(acme);
    const voucher = await issue(acme, email, { uses_max: 2 });
    const made = await acme.post("/v1/partners/acme/keys", 201, { role: "redeemer", name: "Shop 4" });
    const shop = house.caller(String(made["api_key"]));
    expect(await shop.post(`${at(voucher)}/validate`, 200, { email })).toMatchObject({ valid: true });
    await redeem(shop, voucher, email);
    await redeem(acme, voucher, email);
    const forbidden: readonly (readonly [method: string, path: string, body?: Json])[] = [
      ["POST", `${at(voucher)}/rollback`, { email }],
      ["POST", `${at(voucher)}/cancel`],
      ["GET", `/v1/vouchers?email=${email}`],
      ["POST", "/v1/vouchers", { email, offer_name: "Sale", expires_at: LATER }],
      ["POST", BATCHES, { offer_name: "Sale", expires_at: LATER, emails: [email] }],
      ["GET", "/v1/offers"],
      ["GET", "/v1/customers"],
      ["GET", `/v1/customers/${email}`],
      ["GET", "/v1/accounts"],
      ["GET", "/v1/events"],
      ["GET", "/v1/partners/acme/keys"],
    ];
    for (const [method, path, body] of forbidden) await shop.refused(method, path, 403, "forbidden", body);
    const feed = `/v1/events?types=voucher.redeemed&subject=${String(voucher["code"])}`;
    const uses: unknown[] = [];
    let after = "";
    // A page of a filtered feed may be empty although more follow.
    await until("both redemptions are events", async () => {
      const page = await acme.get(`${feed}${after}`);
      uses.push(...(page["data"] as Json[]).map(({ data }) => data));
      if (typeof page["next_cursor"] === "string") after = `&after=${page["next_cursor"]}`;
      return uses.length === 2;
    });
    expect(uses).toMatchObject([
      { redemption: 1, uses_left: 1, redeemed_by: "Shop 4" },
      { redemption: 2, uses_left: 0, redeemed_by: "first" },
    ]);
  });

  test("is limited when it guesses codes of one customer, and never for a code that exists", async () => {
    const shop = await house.partner("guessed");
    const [email, other] = ["g@example.com", "h@example.com"];
    for (const each of [email, other]) await shop.post("/v1/customers", 201, { email: each });
    const voucher = await issue(shop, email, { uses_max: 100 });
    const keyOf = async (name: string) => {
      const made = await shop.post("/v1/partners/guessed/keys", 201, { role: "redeemer", name });
      return house.caller(String(made["api_key"]));
    };
    const [thief, honest] = [await keyOf("thief"), await keyOf("honest")];
    // Codes that exist do not count.
    for (let i = 0; i < 60; i++) await thief.post(`${at(voucher)}/validate`, 200, { email });
    const statuses = await thief.race(80, (client, i) =>
      client.send("POST", `${guess(i)}/${i % 2 === 0 ? "validate" : "redeem"}`, { email }),
    );
    expect(statuses).toEqual(
      new Map([
        [404, 50],
        [429, 30],
      ]),
    );
    for (let i = 0; i < 5; i++) {
      await thief.post(`${at(voucher)}/validate`, 200, { email });
      await redeem(thief, voucher, email);
    }
    // The limit is that of one key and one customer.
    await thief.refused("POST", `${guess(99)}/redeem`, 404, "voucher_not_found", { email: other });
    await honest.refused("POST", `${guess(99)}/redeem`, 404, "voucher_not_found", { email });
    await thief.refused("POST", `${guess(99)}/redeem`, 429, "rate_limited", { email });
  });
});

test("uses, amounts and numbers of redemptions are kept over a snapshot and a kill", async () => {
  const shop = await house.partner("kept");
  const key = await shop.post("/v1/partners/kept/keys", 201, { role: "partner" });
  const emails = Array.from({ length: 6 }, (_, i) => `k${i}@example.com`);
  const vouchers: Json[] = [];
  for (const email of emails) {
    await shop.post("/v1/customers", 201, { email });
    const terms = { discount: undefined, amount: 70, asset: "EUR/2", uses_max: 5 };
    const voucher = await issue(shop, email, terms);
    for (let use = 0; use < 3; use++) await redeem(shop, voucher, email);
    await shop.post(`${at(voucher)}/rollback`, 200, { email, redemption: 2 });
    vouchers.push(voucher);
  }
  await house.takeSnapshots();
  for (const [i, email] of emails.entries()) await redeem(shop, vouchers[i] as Json, email);
  const read = (caller: Caller) => Promise.all(emails.map((email) => listed(caller, email, "all")));
  const before = await read(shop);
  await house.restart();
  const again = house.caller(String(key["api_key"]));
  expect(await read(again)).toEqual(before);
  for (const [i, email] of emails.entries()) {
    const voucher = vouchers[i] as Json;
    const path = `${at(voucher)}/rollback`;
    await again.refused("POST", path, 409, "not_redeemed", { email, redemption: 2 });
    for (const [left, redemption] of [4, 3, 1].entries())
      expect(await again.post(path, 200, { email })).toMatchObject({ redemption, uses_left: 3 + left });
    await again.refused("POST", path, 409, "not_redeemed", { email });
  }
});
