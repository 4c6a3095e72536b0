/** The usual addresses of the phone top-up systems. */
import { beforeAll, expect, test } from "vitest";
import type { Caller } from "../programmes/test-server.ts";
import { countsOf, OldClient, oldUrlOf, PYTHON, startOldServer } from "./old-client.ts";

const PHONE = "09121234567";

const house = startOldServer();
const client = new OldClient(() => oldUrlOf(house), { ...PYTHON, "Content-Type": "application/json" });
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
  // Sellers are made in `/v1`; old clients name them by number.
  for (const id of ["1", "2", "3"]) await acme.post("/v1/sellers", 201, { id, name: `seller ${id}` });
});

async function increase(seller_id: number, amount: number): Promise<void> {
  const { id } = await client.json("POST", "/api/credit-requests/", { seller_id, amount });
  expect(
    await client.statusOf("POST", `/api/credit-requests/${String(id)}/process/`, { action: "approve" }),
  ).toBe(200);
}

test("the books of the document: 1,000,000 less 60 sales of 5,000 are 700,000", async () => {
  await increase(1, 1_000_000);
  const sales = await Promise.all(
    Array.from({ length: 60 }, () =>
      client.ask("POST", "/api/charge-sales", { seller_id: 1, phone_number: PHONE, amount: 5000 }),
    ),
  );
  expect(sales.every(([status]) => status === 201)).toBe(true);
  expect(sales[0]?.[1]).toEqual({
    transaction_id: expect.stringMatching(/^tr_/),
    new_balance: expect.any(Number),
  });
  expect(await client.ask("GET", "/api/sellers/1/balance")).toEqual([
    200,
    { seller_id: "1", balance: 700_000 },
  ]);
  expect(await client.ask("GET", "/api/sellers/1/reconcile/")).toEqual([
    200,
    { current: 700_000, calculated: 700_000, is_reconciled: true, difference: 0 },
  ]);
  const rows = (await client.ask("GET", "/api/sellers/1/transactions?type=sale"))[1] as readonly object[];
  expect(rows).toHaveLength(60);
  expect(rows[0]).toMatchObject({
    amount: -5000,
    balance_after: 700_000,
    balance_before: 705_000,
    phone_number: "+989121234567",
  });
  expect(await client.json("GET", `/api/phone-numbers/${PHONE}`)).toMatchObject({
    phone_number: "+989121234567",
    total_charged: 300_000,
    history: expect.arrayContaining([expect.objectContaining({ seller_id: "1", amount: 5000 })]),
  });
  expect(await client.ask("GET", "/api/phone-numbers/")).toEqual([
    200,
    [{ phone_number: "+989121234567", total_charged: 300_000 }],
  ]);
});

test("a request is pending until it is decided, once", async () => {
  const [status, made] = await client.ask("POST", "/api/credit-requests", { seller_id: 2, amount: 50_000 });
  expect([status, made]).toMatchObject([201, { seller_id: "2", amount: 50_000, status: "pending" }]);
  const { id } = made as { id: string };
  expect(await client.ask("GET", "/api/credit-requests?seller_id=2&status=pending")).toMatchObject([
    200,
    [{ id }],
  ]);
  const process = (body: object) => client.ask("POST", `/api/credit-requests/${id}/process`, body);
  expect((await process({}))[0]).toBe(400);
  expect(await process({ action: "reject", reason: "unpaid" })).toMatchObject([
    200,
    { status: "rejected", reason: "unpaid" },
  ]);
  expect((await process({ approve: true }))[0]).toBe(400);
  expect((await client.ask("POST", "/api/credit-requests/cr_none/process", { approve: true }))[0]).toBe(404);
  expect(await client.json("GET", "/api/sellers/2/balance")).toMatchObject({ balance: 0 });
});

test("ten parallel approvals of one request add the amount once", async () => {
  for (let round = 1; round <= 5; round++) {
    const { id } = await client.json("POST", "/api/credit-requests", { seller_id: 3, amount: 1000 });
    const statuses = await Promise.all(
      Array.from({ length: 10 }, () =>
        client.statusOf("POST", `/api/credit-requests/${String(id)}/process`, { status: "approved" }),
      ),
    );
    expect(countsOf(statuses)).toEqual({ 200: 1, 400: 9 });
    expect(await client.json("GET", "/api/sellers/3/balance")).toMatchObject({ balance: 1000 * round });
  }
});

test("a sale above the credit tells what is missing", async () => {
  await increase(2, 3000);
  const sell = (body: object) =>
    client.ask("POST", "/api/charge-sales", { seller_id: 2, phone_number: PHONE, ...body });
  expect(await sell({ amount: 5000 })).toEqual([
    400,
    { error: "Insufficient credit.", available: 3000, required: 5000, shortage: 2000 },
  ]);
  for (const amount of [0, -5, 1.5, "x", null]) expect((await sell({ amount }))[0]).toBe(400);
  expect((await sell({ amount: 100, phone_number: "12" }))[0]).toBe(400);
  expect((await sell({ amount: 100, seller_id: 99 }))[0]).toBe(404);
  expect(await client.statusOf("GET", "/api/sellers/99/balance")).toBe(404);
  expect(await sell({ amount: 3000 })).toMatchObject([201, { new_balance: 0 }]);
});
