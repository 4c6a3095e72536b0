import { hash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { OperatingError } from "../../../src/errors/operating-error.ts";
import { createTestApp, problemOf, type TestApp } from "../test-app.ts";

const HOUR_MS = 3_600_000;
const TEN = Date.parse("2026-11-20T10:00:00.000Z");
const RANGE = "from=2026-11-20T08:00:00Z&to=2026-11-20T11:00:00Z";

type Rows = Readonly<{ data: readonly Readonly<Record<string, unknown>>[] }>;

const OPERATOR_KEY = "operator-key-of-this-test";

let test: TestApp;

async function rowsOf(response: Response): Promise<Rows["data"]> {
  return ((await response.json()) as Rows).data;
}

beforeEach(() => {
  test = createTestApp({ operatorKeyHash: hash("sha256", OPERATOR_KEY, "hex") });
  test.statistics.closedAt = TEN + HOUR_MS / 2;
  // Grows by 1 a minute.
  test.statistics.valueOf = (_, at) => BigInt((at - TEN) / 60_000 + 1_000);
});

function sales(at: string, value: number) {
  return { at, sales: value, amount: value, reverted_sales: value, reverted_amount: value };
}

describe("GET /v1/loyalty/statistics", () => {
  it("gets the outstanding points at each step", async () => {
    const response = await test.request("GET", `/v1/loyalty/statistics?${RANGE}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      data: [
        { at: "2026-11-20T08:00:00.000Z", outstanding: 880 },
        { at: "2026-11-20T09:00:00.000Z", outstanding: 940 },
        { at: "2026-11-20T10:00:00.000Z", outstanding: 1000 },
      ],
      complete_until: "2026-11-20T10:30:00.000Z",
    });
    expect(test.statistics.asked).toEqual([["acme", ["loyalty.outstanding"]]]);
  });

  it("leaves out moments that are not complete", async () => {
    test.statistics.closedAt = TEN - 1;
    const response = await test.request("GET", `/v1/loyalty/statistics?${RANGE}`);
    expect(await rowsOf(response)).toHaveLength(2);
  });

  it("covers 60 steps up to now, if no range is given", async () => {
    test.statistics.closedAt = TEN + HOUR_MS;
    const response = await test.request("GET", "/v1/loyalty/statistics?step=1m");
    const data = await rowsOf(response);
    expect(data).toHaveLength(60);
    expect(data[0]?.["at"]).toBe("2026-11-20T09:00:00.000Z");
  });

  it("is the same as /v1/statistics/loyalty, and has an alternative in CSV", async () => {
    const headers = { accept: "text/csv" };
    const response = await test.request("GET", `/v1/statistics/loyalty?${RANGE}`, { headers });
    expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
    expect(await response.text()).toBe(
      "at,outstanding\r\n2026-11-20T08:00:00.000Z,880\r\n2026-11-20T09:00:00.000Z,940\r\n2026-11-20T10:00:00.000Z,1000\r\n",
    );
  });

  it("writes all digits of large sums", async () => {
    test.statistics.valueOf = () => 2n ** 64n;
    const response = await test.request("GET", `/v1/loyalty/statistics?${RANGE}`);
    expect(await response.text()).toContain(`"outstanding":18446744073709551616}`);
  });

  it("answers with null as long as no minute is complete", async () => {
    test.statistics.closedAt = 0;
    const response = await test.request("GET", `/v1/loyalty/statistics?${RANGE}`);
    expect(await response.json()).toEqual({ data: [], complete_until: null });
  });

  it.each([
    ["step=1w", "step"],
    ["time_zone=Mars/Olympus", "time_zone"],
    ["from=2026-11-20T11:00:00Z&to=2026-11-20T10:00:00Z", "to"],
    ["from=2026-01-01T00:00:00Z&to=2026-11-20T10:00:00Z&step=1m", "step"],
  ])("refuses %s and names %s", async (query, path) => {
    const problem = await problemOf(await test.request("GET", `/v1/loyalty/statistics?${query}`));
    expect(problem.status).toBe(400);
    expect(problem.errors?.map((error) => error.path)).toEqual([path]);
  });

  it("says so if there are no statistics", async () => {
    test.statistics.read = () => Promise.reject(new OperatingError("statistics_unavailable", "not yet"));
    const response = await test.request("GET", "/v1/loyalty/statistics");
    expect(response.headers.get("retry-after")).toBe("60");
    expect((await problemOf(response)).code).toBe("statistics_unavailable");
  });
});

describe("GET /v1/statistics/{series}", () => {
  it("gets what happened in each step, the last one up to now", async () => {
    const response = await test.request("GET", `/v1/statistics/topup?${RANGE}`);
    expect(await rowsOf(response)).toEqual([
      sales("2026-11-20T08:00:00.000Z", 60),
      sales("2026-11-20T09:00:00.000Z", 60),
      sales("2026-11-20T10:00:00.000Z", 30),
    ]);
  });

  it("gets vouchers by status", async () => {
    const response = await test.request("GET", `/v1/statistics/vouchers?${RANGE}`);
    expect((await rowsOf(response))[0]).toEqual({
      at: "2026-11-20T08:00:00.000Z",
      valid: 880,
      redeemed: 880,
      cancelled: 880,
      expired: 880,
    });
  });

  it("shows the wallets to the operator only", async () => {
    expect((await test.request("GET", "/v1/statistics/wallets")).status).toBe(403);
    const response = await test.request("GET", `/v1/statistics/wallets?${RANGE}`, { key: OPERATOR_KEY });
    expect((await rowsOf(response))[0]).toMatchObject({ deposits: 60, paid: 60, withdrawn: 60 });
    expect(test.statistics.asked[0]?.[0]).toBe("house");
  });
});
