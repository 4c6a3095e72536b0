/** The loyalty programme's resources, at the old addresses, as a client of Django REST framework uses them. */
import { beforeAll, expect, test } from "vitest";
import type { Caller } from "../programmes/test-server.ts";
import { countsOf, OldClient, oldUrlOf, PYTHON, startOldServer } from "./old-client.ts";

const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

const house = startOldServer();
const client = new OldClient(() => oldUrlOf(house), { ...PYTHON, "Content-Type": "application/json" });
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
});

async function newBalance(name = "Ann"): Promise<number> {
  return Number((await client.json("POST", "/loyalty/client_balance/", { name, partner: 1 }))["id"]);
}

async function pointsOf(id: number): Promise<unknown> {
  return (await client.json("GET", `/loyalty/client_balance/${id}/`))["points"];
}

async function newTransaction(client_balance: number, amount: number, memo = "visit"): Promise<number> {
  const made = await client.json("POST", "/loyalty/transaction/", { client_balance, amount, memo });
  return Number(made["id"]);
}

test("the partner is the one of the setting, and the lists are plain arrays", async () => {
  const partner = { id: 1, name: "acme", user: null };
  expect(await client.ask("GET", "/loyalty/partner/")).toEqual([200, [partner]]);
  expect(await client.ask("GET", "/loyalty/partner/1/")).toEqual([200, partner]);
  expect(await client.ask("GET", "/loyalty/partner/2/")).toEqual([404, { detail: "Not found." }]);
  expect(await client.ask("POST", "/loyalty/partner/", { name: "x" })).toEqual([
    405,
    { detail: 'Method "POST" not allowed.' },
  ]);
  expect(await client.json("GET", "/loyalty/")).toEqual({
    partner: `${oldUrlOf(house)}/loyalty/partner/`,
    client_balance: `${oldUrlOf(house)}/loyalty/client_balance/`,
    transaction: `${oldUrlOf(house)}/loyalty/transaction/`,
  });
});

test("a client balance is created, read, renamed and deleted; its points are read-only", async () => {
  const made = await client.ask("POST", "/loyalty/client_balance/", {
    name: "Ann",
    partner: 1,
    points: 500,
  });
  const [, { id }] = made as [number, { id: number }];
  const shown = { id, name: "Ann", partner: 1, partner_name: "acme", points: 0 };
  expect(made).toEqual([201, shown]);
  expect(await client.ask("GET", `/loyalty/client_balance/${id}/`)).toEqual([200, shown]);
  const path = `/loyalty/client_balance/${id}/`;
  expect(await client.ask("PATCH", path, { name: "Anna" })).toEqual([200, { ...shown, name: "Anna" }]);
  expect(await client.ask("PUT", path, { name: null, partner: 1 })).toEqual([200, { ...shown, name: null }]);
  expect(await client.ask("PUT", path, { name: "x" })).toEqual([
    400,
    { partner: ["This field is required."] },
  ]);
  expect(await acme.get(`/v1/loyalty/members/${id}`)).toMatchObject({ name: null });
  const deleted = await client.send("DELETE", path);
  expect([deleted.status, deleted.text]).toEqual([204, ""]);
  expect(await client.statusOf("GET", path)).toBe(404);
  // A number is never given twice.
  expect(await newBalance()).toBeGreaterThan(id);
});

test("forms are read as JSON is; numbers that `/v1` has given are skipped", async () => {
  const first = await newBalance();
  await acme.post("/v1/loyalty/members", 201, { id: `${first + 1}`, name: "of /v1" });
  const [status, made] = await client.ask("POST", "/loyalty/client_balance/", "name=Ben&partner=1", FORM);
  expect([status, made]).toMatchObject([201, { id: first + 2, name: "Ben" }]);
  const body = `client_balance=${first + 2}&amount=15&memo=Haircut`;
  expect(await client.ask("POST", "/loyalty/transaction/", body, FORM)).toMatchObject([201, { amount: 15 }]);
  const list = (await client.ask("GET", "/loyalty/client_balance/"))[1] as readonly { id: number }[];
  expect(list.slice(-3)).toMatchObject([
    { id: first },
    { id: first + 1, name: "of /v1" },
    { id: first + 2, points: 15 },
  ]);
});

test("a transaction adds its points, with a time of its own", async () => {
  const id = await newBalance();
  const transaction = {
    client_balance: id,
    amount: 100,
    memo: "Haircut",
    date_time: "2021-07-07T00:53:00Z",
  };
  const [status, made] = await client.ask("POST", "/loyalty/transaction/", transaction);
  expect(status).toBe(201);
  const { id: number } = made as { id: number };
  expect(made).toEqual({ id: number, ...transaction });
  expect(Number.isSafeInteger(number)).toBe(true);
  expect(await client.ask("GET", `/loyalty/transaction/${number}/`)).toEqual([200, made]);
  expect(await pointsOf(id)).toBe(100);
  const { data } = await acme.get(`/v1/loyalty/members/${id}/entries`);
  expect(data).toMatchObject([
    { type: "accrual", amount: 100, memo: "Haircut", occurred_at: "2021-07-07T00:53:00.000Z" },
  ]);
  for (const [date_time, read] of [
    ["2021-07-07 03:53", "2021-07-07T03:53:00Z"],
    ["2021-07-07T03:53:10.250000+03:00", "2021-07-07T00:53:10.250Z"],
  ]) {
    const body = { client_balance: id, amount: 1, date_time };
    expect(await client.json("POST", "/loyalty/transaction/", body)).toMatchObject({
      memo: null,
      date_time: read,
    });
  }
});

test("an edit reverts the transaction and makes a new one; the balance is the sum of all transactions", async () => {
  const id = await newBalance();
  const first = await newTransaction(id, 100);
  const second = await newTransaction(id, 30);
  const path = `/loyalty/transaction/${first}/`;
  const [status, edited] = await client.ask("PATCH", path, { amount: 60 });
  expect([status, edited]).toMatchObject([200, { amount: 60, memo: "visit", client_balance: id }]);
  const { id: third } = edited as { id: number };
  expect(third).not.toBe(first);
  expect(await pointsOf(id)).toBe(90);
  expect(await client.statusOf("GET", path)).toBe(404);
  expect(await client.statusOf("PATCH", path, { amount: 1 })).toBe(404);
  const replaced = await client.ask("PUT", `/loyalty/transaction/${third}/`, {
    client_balance: id,
    amount: 45,
    memo: "corrected",
  });
  expect(replaced).toMatchObject([200, { amount: 45, memo: "corrected" }]);
  expect(await client.statusOf("DELETE", `/loyalty/transaction/${second}/`)).toBe(204);
  expect(await pointsOf(id)).toBe(45);
  const list = (await client.ask("GET", "/loyalty/transaction/"))[1] as readonly {
    client_balance: number;
    amount: number;
  }[];
  expect(list.filter((row) => row.client_balance === id).map(({ amount }) => amount)).toEqual([45]);
  // Nothing that was written is gone.
  const { data } = await acme.get(`/v1/loyalty/members/${id}/entries`);
  expect((data as readonly { amount: number }[]).map(({ amount }) => amount).toReversed()).toEqual([
    100, 30, -100, 60, -60, 45, -30,
  ]);
});

test("points that were spent cannot be taken back", async () => {
  const id = await newBalance();
  const transaction = await newTransaction(id, 100);
  await acme.post(`/v1/loyalty/members/${id}/redemptions`, 201, { points: 80, description: "coffee" });
  const [status, body] = await client.ask("DELETE", `/loyalty/transaction/${transaction}/`);
  expect([status, body]).toMatchObject([400, { detail: expect.stringContaining("spent") }]);
  expect(await pointsOf(id)).toBe(20);
  expect(await client.statusOf("DELETE", `/loyalty/client_balance/${id}/`)).toBe(400);
});

test("faults are told by field", async () => {
  const id = await newBalance();
  const refused = async (body: object) => {
    const [status, answer] = await client.ask("POST", "/loyalty/transaction/", body);
    expect(status).toBe(400);
    return answer;
  };
  expect(await refused({ amount: 5 })).toEqual({ client_balance: ["This field is required."] });
  expect(await refused({ client_balance: 4_000_000, amount: 5 })).toEqual({
    client_balance: ['Invalid pk "4000000" - object does not exist.'],
  });
  expect(await refused({ client_balance: id, amount: -5 })).toEqual({
    amount: ["Ensure this value is greater than or equal to 0."],
  });
  expect(await refused({ client_balance: id, amount: 1.5 })).toEqual({
    amount: ["A valid integer is required."],
  });
  expect(await refused({ client_balance: id, amount: 5, memo: "m".repeat(301) })).toEqual({
    memo: ["Ensure this field has no more than 300 characters."],
  });
  expect(await refused({ client_balance: id, amount: 5, date_time: "yesterday" })).toHaveProperty(
    "date_time",
  );
  const balance = await client.ask("POST", "/loyalty/client_balance/", {
    name: "n".repeat(51),
    partner: 1,
  });
  expect(balance).toEqual([400, { name: ["Ensure this field has no more than 50 characters."] }]);
  expect(await client.ask("POST", "/loyalty/client_balance/", { partner: 7 })).toEqual([
    400,
    { partner: ['Invalid pk "7" - object does not exist.'] },
  ]);
});

test("without the slash a read is redirected, and a change finds nothing", async () => {
  const { status, headers } = await client.send("GET", "/loyalty/client_balance");
  expect([status, headers["location"]]).toEqual([301, "/loyalty/client_balance/"]);
  expect(await client.statusOf("POST", "/loyalty/client_balance", { partner: 1 })).toBe(404);
});

test("parallel edits of one transaction: one wins", async () => {
  const id = await newBalance();
  for (let round = 1; round <= 5; round++) {
    const path = `/loyalty/transaction/${await newTransaction(id, 10)}/`;
    const statuses = await Promise.all(
      Array.from({ length: 6 }, (_, i) => client.statusOf("PATCH", path, { amount: 20 + i })),
    );
    expect(countsOf(statuses)).toEqual({ 200: 1, 404: 5 });
    const list = (await client.ask("GET", "/loyalty/transaction/"))[1] as readonly {
      client_balance: number;
      amount: number;
    }[];
    const amounts = list.filter((row) => row.client_balance === id).map(({ amount }) => amount);
    expect(amounts).toHaveLength(round);
    expect(await pointsOf(id)).toBe(amounts.reduce((sum, amount) => sum + amount, 0));
  }
});

test("numbers survive a restart", async () => {
  const id = await newBalance("kept");
  const transaction = await newTransaction(id, 77);
  await house.restart();
  expect(await client.json("GET", `/loyalty/transaction/${transaction}/`)).toMatchObject({ amount: 77 });
  expect(await client.json("GET", `/loyalty/client_balance/${id}/`)).toMatchObject({
    name: "kept",
    points: 77,
  });
  expect(await newBalance()).toBeGreaterThan(id);
});
