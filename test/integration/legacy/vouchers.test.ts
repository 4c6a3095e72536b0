/** The voucher pool's own samples and tests, sent to the old addresses. */
import { connect } from "node:net";
import { beforeAll, expect, test } from "vitest";
import type { Caller } from "../programmes/test-server.ts";
import { countsOf, GO, OldClient, oldUrlOf, startOldServer } from "./old-client.ts";

const TOMORROW = new Date(Date.now() + 24 * 3600 * 1000).toISOString().replace(/\.\d+Z$/, "+00:00");
const YESTERDAY = new Date(Date.now() - 24 * 3600 * 1000).toISOString().replace(/\.\d+Z$/, "-05:00");

const house = startOldServer();
const client = new OldClient(() => oldUrlOf(house), GO);
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
  for (const i of [0, 1, 2]) await acme.post("/v1/customers", 201, { email: `customer${i}@gmail.com` });
});

test("the sample of the README: a voucher is generated, listed with a body of GET, and redeemed once", async () => {
  const body = `{
    "email":"customer1@gmail.com",
    "offer_name":"KOI",
    "discount":22.1,
    "expiry":"2090-04-21T18:25:43-05:00"
}`;
  const made = await client.send("POST", "/vouchers/generate", body);
  expect(made.status).toBe(201);
  expect(made.headers["content-type"]).toBe("application/json");
  const { code } = JSON.parse(made.text) as { code: string };
  expect(made.text).toBe(`{"code":"${code}"}\n`);
  expect(await client.ask("GET", "/vouchers", { email: "customer1@gmail.com" })).toEqual([
    201,
    [{ code, offer_name: "KOI" }],
  ]);
  const holder = { code, email: "customer1@gmail.com" };
  const redeemed = await client.send("POST", "/vouchers/validate", holder);
  expect([redeemed.status, redeemed.text]).toEqual([201, '{"discount":22.1}\n']);
  const again = await client.send("POST", "/vouchers/validate", holder);
  expect([again.status, again.text]).toEqual([400, "this voucher has been redeemed\n"]);
  expect(await client.send("GET", "/vouchers", { email: "customer1@gmail.com" })).toMatchObject({
    status: 201,
    text: "null\n",
  });
  // The same voucher, in `/v1`.
  const { data } = await acme.get("/v1/vouchers?email=customer1@gmail.com&status=redeemed");
  expect(data).toMatchObject([{ code, discount: 22.1 }]);
});

test("a later generate changes the discount of earlier vouchers; a discount of 38.50 is 38.5", async () => {
  const make = (discount: string) =>
    client.json(
      "POST",
      "/vouchers/generate",
      `{"email":"customer0@gmail.com","offer_name":"apple_store","discount":${discount},"expiry":"${TOMORROW}"}`,
    );
  const { code } = await make("54.30");
  await make("38.50");
  expect(await client.ask("POST", "/vouchers/validate", { code, email: "customer0@gmail.com" })).toEqual([
    201,
    { discount: 38.5 },
  ]);
});

test.each(["/vouchers/generate", "/vouchers/validate"])(
  "POST %s without a body, or with a bad e-mail, is 400",
  async (path) => {
    expect(await client.send("POST", path, "")).toMatchObject({ status: 400, text: "EOF\n" });
    expect(await client.send("POST", path)).toMatchObject({ status: 400, text: "EOF\n" });
    const bad = { email: "invalid_email", code: "abc" };
    const missing = "mail: missing '@' or angle-addr\n";
    expect(await client.send("POST", path, bad)).toMatchObject({ status: 400, text: missing });
  },
);

test("GET /vouchers without a body, or with a bad e-mail, is 400", async () => {
  expect(await client.send("GET", "/vouchers")).toMatchObject({ status: 400, text: "EOF\n" });
  expect(await client.statusOf("GET", "/vouchers", { email: "invalid_email" })).toBe(400);
  expect(await client.statusOf("GET", "/vouchers", "{not json")).toBe(400);
});

test("a discount above 100 and an expiry of yesterday are 400", async () => {
  const base = { email: "customer0@gmail.com", offer_name: "refused", discount: 54.3, expiry: TOMORROW };
  const refused = async (change: object) => {
    const { status, text } = await client.send("POST", "/vouchers/generate", { ...base, ...change });
    return [status, text];
  };
  const discount = [400, "discount shall bigger than 0 or less than 100.00\n"];
  expect(await refused({ discount: 101 })).toEqual(discount);
  expect(await refused({ discount: 0 })).toEqual(discount);
  const expiry = [400, "expiry date shall be in the future\n"];
  expect(await refused({ expiry: YESTERDAY })).toEqual(expiry);
  expect(await refused({ expiry: undefined })).toEqual(expiry);
  await acme.refused("GET", "/v1/offers/refused", 404, "offer_not_found");
});

test("an unknown customer, an unknown code and another's code are 500, as the old clients know", async () => {
  const stranger = { email: "test1@gmail.com", offer_name: "KOI", discount: 5, expiry: TOMORROW };
  expect(await client.statusOf("POST", "/vouchers/generate", stranger)).toBe(500);
  expect(await client.statusOf("GET", "/vouchers", { email: "test1@gmail.com" })).toBe(500);
  const email = "customer2@gmail.com";
  const { code } = await client.json("POST", "/vouchers/generate", { ...stranger, email });
  const other = { code, email: "customer0@gmail.com" };
  const expired = { status: 500, text: "voucher expired\n" };
  expect(await client.send("POST", "/vouchers/validate", other)).toMatchObject(expired);
  expect(await client.send("POST", "/vouchers/validate", { code: "zxIsYkFC", email })).toMatchObject(expired);
  expect(await client.statusOf("POST", "/vouchers/validate", { code, email })).toBe(201);
});

test("a body of GET may arrive in chunks, as Go sends a stream", async () => {
  const { hostname, port } = new URL(oldUrlOf(house));
  const body = '{"email":"customer1@gmail.com"}';
  const head = `GET /vouchers HTTP/1.1\r\nHost: localhost:${port}\r\nUser-Agent: Go-http-client/1.1\r\n`;
  const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const socket = connect(Number(port), hostname);
  socket.write(`${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunks}`);
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece as Buffer);
  expect(Buffer.concat(pieces).toString()).toMatch(/^HTTP\/1\.1 201 [^]*\r\n\r\nnull\n$/);
});

test("of many redemptions at once one wins", async () => {
  const email = "customer0@gmail.com";
  const body = { email, offer_name: "race", discount: 10, expiry: TOMORROW };
  for (let round = 0; round < 10; round++) {
    const { code } = await client.json("POST", "/vouchers/generate", body);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => client.statusOf("POST", "/vouchers/validate", { code, email })),
    );
    expect(countsOf(answers)).toEqual({ 201: 1, 400: 7 });
  }
});
