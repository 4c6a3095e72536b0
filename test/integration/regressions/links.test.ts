/** URLs in answers lead to this server, whatever the Host and forwarding headers of the request say. */
import { beforeAll, describe, expect, test } from "vitest";
import { refusedStart } from "../../support/server.ts";
import { type Caller, startTestServer } from "../programmes/test-server.ts";

const MONTH = { year: 2026, month: 1 };
const LIES = {
  Host: "evil.example",
  "X-Forwarded-Proto": "https",
  "X-Forwarded-Host": "evil.example",
  Forwarded: "host=evil.example;proto=https",
};

describe("without PUBLIC_URL", () => {
  const house = startTestServer({ GATEWAYS: "2" });
  let acme: Caller;
  beforeAll(async () => {
    acme = await house.partner("acme");
  });

  test("a report's URL has the bound address, at every gateway", async () => {
    for (let i = 0; i < 8; i++) {
      const caller = house.caller(await house.newPartner(`p${i}`));
      const { url } = await caller.ask("POST", "/v1/segment-reports", 201, MONTH, LIES);
      expect(String(url).startsWith(`${house.server.url}/segment-reports/`), String(url)).toBe(true);
      expect((await fetch(String(url))).status).toBe(200);
    }
  });

  test("the Link to the next page of a CSV has no host", async () => {
    await acme.post("/v1/accounts", 201, { id: "a", asset: "PTS/0" });
    const transfer = { debit_account: "@issuance", credit_account: "a", amount: 1 };
    for (let i = 0; i < 2; i++) await acme.post("/v1/transfers", 201, transfer);
    const headers = { ...LIES, Accept: "text/csv" };
    const { headers: answerHeaders } = await acme.client.send(
      "GET",
      "/v1/accounts/a/entries?limit=1",
      undefined,
      headers,
    );
    expect(answerHeaders["link"]).toMatch(/^<\/v1\/accounts\/a\/entries\?limit=1&cursor=\w+>; rel="next"$/);
  });
});

describe("with PUBLIC_URL", () => {
  const house = startTestServer({ PUBLIC_URL: "https://books.example.com/daybook/" });
  test("a report's URL starts with PUBLIC_URL", async () => {
    const acme = await house.partner("acme");
    const { url } = await acme.ask("POST", "/v1/segment-reports", 201, MONTH, LIES);
    expect(url).toMatch(/^https:\/\/books\.example\.com\/daybook\/segment-reports\/[\w.-]+$/);
    const path = new URL(String(url)).pathname.replace("/daybook", "");
    expect((await fetch(`${house.server.url}${path}`)).status).toBe(200);
  });
});

test("an invalid PUBLIC_URL or CORS_ORIGINS stops the start with a line that names it", async () => {
  for (const [name, value] of [
    ["PUBLIC_URL", "books.example.com"],
    ["PUBLIC_URL", "https://books.example.com/?a=1"],
    ["CORS_ORIGINS", "https://shop.example.com/"],
    ["CORS_ORIGINS", "*"],
  ] as const) {
    const { code, lines } = await refusedStart({ WAL_URL: "memory:", [name]: value });
    expect([code, lines]).toEqual([1, [expect.stringContaining(`bad configuration: ${name}: must be `)]]);
  }
});
