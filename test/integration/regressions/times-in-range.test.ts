/** Every accepted time can be shown again: RFC 3339, within the years 0001 to 9999 of UTC. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Caller, startTestServer } from "../programmes/test-server.ts";

const house = startTestServer({ SHARDS: "2" });
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
  await acme.post("/v1/accounts", 201, { id: "a", asset: "PTS/0" });
  await acme.post("/v1/loyalty/members", 201, { id: "m" });
  await acme.post("/v1/customers", 201, { email: "ann@example.com" });
  await acme.ask("PUT", "/v1/offers/Sale", 200, { discount: 10 });
  await acme.post("/v1/segments", 201, { slug: "SOME" });
  await acme.post("/v1/sellers", 201, { id: "kiosk", name: "Kiosk" });
});

const GOOD = { debit_account: "@x", credit_account: "a", amount: 1 };

const OUTSIDE = [
  "9999-12-31T23:59:59-05:00",
  "9999-12-31T23:59:59.999-00:01",
  "0001-01-01T00:00:00+00:01",
  "0000-06-01T00:00:00Z",
  "+010000-01-01T00:00:00Z",
  "2026-11-20T24:00:00Z",
  "2026-11-20T23:60:00Z",
  "2026-11-20T23:59:60Z",
  "2026-11-20T10:00:00+24:00",
  "2026-11-20T10:00:00+01:60",
  "2026-02-29T10:00:00Z",
  "2026-11-20 10:00:00Z",
  "2026-11-20T10:00:00",
];

describe.each(OUTSIDE)("%s is refused as a time", (time) => {
  test.each<readonly [path: string, body: object]>([
    ["/v1/transfers", { ...GOOD, occurred_at: time }],
    ["/v1/transfers", { postings: [GOOD], occurred_at: time }],
    ["/v1/loyalty/members/m/accruals", { points: 1, description: "x", occurred_at: time }],
    ["/v1/loyalty/members/m/accruals", { points: 1, description: "x", expires_at: time }],
    ["/v1/loyalty/members/m/redemptions", { points: 1, description: "x", occurred_at: time }],
    ["/v1/vouchers", { email: "ann@example.com", offer_name: "Sale", expires_at: time }],
    ["/v1/voucher-batches", { emails: "all", offer_name: "Sale", expires_at: time }],
    [
      "/v1/voucher-batches",
      { emails: "all", offer_name: "Sale", expires_at: "2999-01-01T00:00:00Z", run_at: time },
    ],
  ])("POST %s %o", async (path, body) => {
    await acme.refused("POST", path, 400, "validation_failed", body);
  });

  test("in an item of a batch, a patch and a query", async () => {
    const transfers = [{ ...GOOD, occurred_at: time }];
    expect(await acme.post("/v1/transfers/batch", 200, { transfers })).toMatchObject({
      results: [{ status: 400, code: "validation_failed" }],
    });
    const add = [{ slug: "SOME", expires_at: time }];
    await acme.refused("PATCH", "/v1/users/u/segments", 400, "validation_failed", { add });
    const query = encodeURIComponent(time);
    for (const path of [
      `/v1/accounts/a?at=${query}`,
      `/v1/accounts/a/entries?from=${query}`,
      `/v1/transfers?to=${query}`,
      `/v1/loyalty/members/m/entries?to=${query}`,
      `/v1/topups?from=${query}`,
      `/v1/sellers/kiosk/entries?from=${query}`,
    ])
      await acme.refused("GET", path, 400, "validation_failed");
  });
});

test.each([
  ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
  ["9999-12-31T18:59:59.9999-05:00", "9999-12-31T23:59:59.999Z"],
  ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
  ["0000-12-31T23:00:00-01:00", "0001-01-01T00:00:00.000Z"],
  ["0004-02-29t12:00:00z", "0004-02-29T12:00:00.000Z"],
])("%s is shown as %s", async (time, shown) => {
  const body = { ...GOOD, occurred_at: time };
  const { id, occurred_at } = await acme.post("/v1/transfers", 201, body);
  expect(occurred_at).toBe(shown);
  expect(await acme.get(`/v1/transfers/${String(id)}`)).toMatchObject({ occurred_at: shown });
  expect((await acme.all("/v1/accounts/a/entries"))[0]).toMatchObject({ occurred_at: shown });
});

test("an unescaped + in a query is read as the sign of an offset", async () => {
  const [newest] = await acme.all("/v1/transfers?account=a");
  const time = String(newest?.["created_at"]);
  const shifted = new Date(Date.parse(time) + 3_600_000).toISOString().replace("Z", "");
  for (const plus of ["+", "%2B", "%20"]) {
    const from = await acme.all(`/v1/transfers?account=a&from=${shifted}${plus}01:00`);
    expect(from[0]).toEqual(newest);
    expect(await acme.get(`/v1/accounts/a?at=${shifted}${plus}01:00`)).toMatchObject({ id: "a" });
    const to = await acme.get(`/v1/accounts/a/entries?to=${shifted}${plus}01:00`);
    expect(to).toMatchObject({ data: expect.not.arrayContaining([{ transfer_id: newest?.["id"] }]) });
  }
});
