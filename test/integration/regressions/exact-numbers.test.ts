/** Numbers are taken exactly or refused: nothing is rounded, and duplicate members are refused. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Caller, type Json, startTestServer } from "../programmes/test-server.ts";

const house = startTestServer({ SHARDS: "2" });
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
  for (const id of ["a", "b"]) await acme.post("/v1/accounts", 201, { id, asset: "USD/2" });
  await acme.post("/v1/loyalty/members", 201, { id: "m" });
  await acme.post("/v1/customers", 201, { email: "ann@example.com" });
  await acme.post("/v1/segments", 201, { slug: "DRAWN" });
});

/** Numbers that are not written as integers. */
const INEXACT = ["4503599627370497.5", "0.9999999999999999999", "10.0", "1e3", "1E3", "10e-1", "-0.0"];

const TRANSFER = '"debit_account":"@x","credit_account":"a"';
const FIELDS: readonly (readonly [method: string, path: string, body: string])[] = [
  ["POST", "/v1/transfers", `{${TRANSFER},"amount":#}`],
  ["POST", "/v1/transfers", `{"amount" :\n#\t,${TRANSFER}}`],
  ["POST", "/v1/transfers?dry_run=true", `{${TRANSFER},"amount":#}`],
  ["POST", "/v1/transfers", `{"debit_account":"a","credit_account":"b","amount":"available","max_amount":#}`],
  ["POST", "/v1/transfers", `{${TRANSFER},"amount":5,"pending":true,"timeout_s":#}`],
  ["POST", "/v1/transfers", `{"postings":[{${TRANSFER},"amount":1},{${TRANSFER},"amount":#}]}`],
  ["POST", "/v1/transfers/tr_0a11001/post", `{"amount":#}`],
  ["POST", "/v1/accounts", `{"id":"c","asset":"USD/2","floor":#}`],
  ["POST", "/v1/accounts", `{"id":"c","asset":"USD/2","ceiling":#}`],
  ["PATCH", "/v1/accounts/a", `{"ceiling":#}`],
  ["PATCH", "/v1/accounts/a", `{"limits":[{"window_s":60,"direction":"debit","max_amount":#}]}`],
  ["PATCH", "/v1/accounts/a", `{"limits":[{"window_s":#,"direction":"debit","max_count":1}]}`],
  ["POST", "/v1/loyalty/members/m/accruals", `{"points":#,"description":"x"}`],
  ["PUT", "/v1/loyalty/settings", `{"member_threshold":#,"total_threshold":5}`],
  ["PATCH", "/v1/segments/DRAWN", `{"user_percent":#}`],
  ["POST", "/v1/segments/DRAWN/users", `{"ids":["u"],"ttl_s":#}`],
  ["POST", "/v1/segment-reports", `{"year":2026,"month":#}`],
];

test.each(FIELDS)(
  "%s %s %s refuses a number with a decimal point or an exponent",
  async (method, path, body) => {
    for (const number of INEXACT) {
      const text = body.replace("#", number);
      expect(await acme.ask(method, path, 400, text), text).toMatchObject({ code: "validation_failed" });
    }
  },
);

test("the largest safe integer is taken exactly, and a larger one is refused", async () => {
  const wide = `{"id":"wide","asset":"USD/2","ceiling":9007199254740991}`;
  expect(await acme.post("/v1/accounts", 201, wide)).toMatchObject({ ceiling: Number.MAX_SAFE_INTEGER });
  for (const number of ["9007199254740992", "9007199254740993", "18014398509481985"])
    await acme.ask("POST", "/v1/transfers", 400, `{${TRANSFER},"amount":${number}}`);
});

test.each([
  ["12.345", 400],
  ["12.3000000000000001", 400],
  ["12.300", 400],
  ["1e1", 400],
  ["100.001", 400],
  ["12.34", 12.34],
  ["12.30", 12.3],
  ["10.0", 10],
  ["7", 7],
])("a discount of %s gives %s", async (discount, expected) => {
  const offer = `{"discount":${discount}}`;
  const voucher = `{"email":"ann@example.com","offer_name":"Sale","discount":${discount},"expires_at":"2999-01-01T00:00:00Z"}`;
  const isGood = expected !== 400;
  const put = await acme.ask("PUT", "/v1/offers/Sale", isGood ? 200 : 400, offer);
  const issued = await acme.post("/v1/vouchers", isGood ? 201 : 400, voucher);
  const shown = isGood ? { discount: expected } : { code: "validation_failed" };
  for (const answer of [put, issued]) expect(answer).toMatchObject(shown);
});

test.each([
  ["POST", "/v1/transfers", `{${TRANSFER},"amount":5,"amount":6}`],
  ["POST", "/v1/transfers", `{${TRANSFER},"amount":5,"\\u0061mount":5}`],
  ["POST", "/v1/transfers", `{"postings":[{${TRANSFER},"amount":1,"amount":1}]}`],
  ["POST", "/v1/transfers", `{${TRANSFER},"amount":5,"metadata":{"k":"1","k":"2"}}`],
  ["POST", "/v1/accounts", `{"id":"c","id":"d","asset":"USD/2"}`],
  ["POST", "/v1/transfers/batch", `{"transfers":[],"transfers":[]}`],
])("%s %s %s is refused for a duplicate member", async (method, path, body) => {
  expect(await acme.ask(method, path, 400, body)).toMatchObject({ code: "validation_failed" });
});

test("a string that looks like a number or a duplicate member is plain text", async () => {
  const memo = String.raw`1.5 and 1e3, \"amount\":1.5,\"amount\":2 \\ 3.0`;
  const body = `{${TRANSFER},"amount":5,"memo":"${memo}","metadata":{"amount":"10.0","e":"0.1"}}`;
  expect(await acme.post("/v1/transfers", 201, body)).toMatchObject({
    posted_amount: 5,
    memo: JSON.parse(`"${memo}"`),
  });
});

const GOOD = `{${TRANSFER},"amount":7,"memo":"1.5"}`;
const BAD = [
  `{${TRANSFER},"amount":10.0}`,
  `{${TRANSFER},"amount":4503599627370497.5}`,
  `{${TRANSFER},"amount":1,"amount":2}`,
  `{"postings":[{${TRANSFER},"amount":1e0}]}`,
  `{${TRANSFER},"amount":2,"metadata":{"k":"]","k":"}"}}`,
  "1.5",
];
const ITEMS = BAD.flatMap((bad) => [GOOD, bad]);

describe.each([
  ["application/json", `{"transfers":[${ITEMS.join(" ,\n")}]}`],
  ["application/x-ndjson", ITEMS.join("\n")],
])("a batch as %s", (type, body) => {
  test("refuses each bad item alone", async () => {
    const before = await acme.get("/v1/accounts/a");
    const headers = { "Content-Type": type };
    const { results } = await acme.ask("POST", "/v1/transfers/batch", 200, body, headers);
    const statuses = (results as Json[]).map(({ status }) => status);
    expect(statuses).toEqual(BAD.flatMap(() => [201, 400]));
    expect((await acme.get("/v1/accounts/a"))["posted"]).toBe(Number(before["posted"]) + 7 * BAD.length);
  });
});

function text(value: string): number[] {
  return [0xa0 + value.length, ...Buffer.from(value)];
}

/** A MessagePack body with one transfer. */
function packed(amount: readonly number[], twice = false): Uint8Array {
  const members = [
    text("debit_account"),
    text("@x"),
    text("credit_account"),
    text("a"),
    text("amount"),
    amount,
  ];
  if (twice) members.push(text("amount"), amount);
  return new Uint8Array([0x91, 0x80 + members.length / 2, ...members.flat()]);
}

function float64(value: number): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return [0xcb, ...bytes];
}

test.each([
  ["ten", [10], false, 201],
  ["ten twice", [10], true, 400],
  ["ten as a float of 64 bits", float64(10), false, 400],
  ["ten as a float of 32 bits", [0xca, 0x41, 0x20, 0, 0], false, 400],
  ["one and a half", float64(1.5), false, 400],
  ["2^40 as a float of 64 bits", float64(2 ** 40), false, 201],
  ["2^40 and a half", float64(2 ** 40 + 0.5), false, 400],
  ["an integer above the safe range", [0xcf, 0, 0x20, 0, 0, 0, 0, 0, 1], false, 400],
] as const)("MessagePack: %s", async (_, amount, twice, status) => {
  const headers = { "Content-Type": "application/msgpack", Accept: "application/json" };
  const answer = await acme.client.send("POST", "/v1/transfers/batch", packed(amount, twice), headers);
  expect(answer.status).toBe(200);
  // A transfer id or a code identifies the status of the only result.
  const bytes = Buffer.from(answer.text, "latin1").toString("latin1");
  expect(bytes.includes(status === 201 ? "tr_" : "validation_failed")).toBe(true);
});
