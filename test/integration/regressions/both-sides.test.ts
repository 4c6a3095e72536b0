/** Both accounts of a transfer list it at once, ordered by the `created_at` that is shown, on one shard or two. */
import { beforeAll, describe, expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "../programmes/test-server.ts";

const house = startTestServer({});
/** With ten owners on three shards, some neighbours share a shard and some do not. */
const OWNERS = 10;
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
  for (let i = 0; i < OWNERS; i++) {
    await acme.post("/v1/accounts", 201, { id: `o${i}/a`, asset: "PTS/0" });
    await acme.post("/v1/transfers", 201, { debit_account: "@x", credit_account: `o${i}/a`, amount: 1_000 });
  }
});

const account = (i: number) => `o${i % OWNERS}/a`;
const listOf = (id: string, more = "") => `/v1/transfers?account=${encodeURIComponent(id)}${more}`;

/** The newest transfer of each side. */
async function newest(sides: readonly string[], more = ""): Promise<readonly (Json | undefined)[]> {
  return Promise.all(
    sides.map(async (side) => ((await acme.get(listOf(side, `&limit=1${more}`)))["data"] as Json[])[0]),
  );
}

async function expectOnAllSides(sides: readonly string[], expected: Json, more = ""): Promise<void> {
  for (const row of await newest(sides, more)) expect(row).toMatchObject(expected);
}

describe.each(Array.from({ length: OWNERS }, (_, i) => [account(i), account(i + 1)] as const))(
  "between %s and %s",
  (payer, payee) => {
    const sides = [payer, payee];
    const body = { debit_account: payer, credit_account: payee, amount: 10 };

    test("both sides list a pending transfer, and its post or void", async () => {
      for (const action of ["void", "post"]) {
        const { id } = await acme.post("/v1/transfers", 201, { ...body, pending: true });
        await expectOnAllSides(sides, { id, status: "pending", posted_amount: 0 });
        await expectOnAllSides(sides, { id }, "&status=pending");
        const { status } = await acme.post(`/v1/transfers/${String(id)}/${action}`, 200);
        await expectOnAllSides(sides, { id, status });
        await expectOnAllSides(sides, { id }, `&status=${String(status)}`);
      }
    });

    test("all sides list a transfer with several postings, and its revert", async () => {
      const { id } = await acme.post("/v1/transfers", 201, {
        postings: [body, { ...body, debit_account: payee, credit_account: "@fees", amount: 1 }],
        pending: true,
      });
      await expectOnAllSides([...sides, "@fees"], { id, status: "pending" });
      await acme.post(`/v1/transfers/${String(id)}/post`, 200);
      const { id: back } = await acme.post(`/v1/transfers/${String(id)}/revert`, 201);
      await expectOnAllSides([...sides, "@fees"], { id: back, reverts: id });
      for (const side of sides) {
        const ids = (await acme.all(listOf(side, "&limit=500"))).map((row) => row["id"]);
        expect(ids.filter((each) => each === id)).toHaveLength(1);
      }
    });

    test("range and order of a list follow created_at", async () => {
      for (const more of [{}, { pending: true }, { amount: "available", max_amount: 3 }]) {
        const { id, created_at } = await acme.post("/v1/transfers", 201, { ...body, ...more });
        const from = String(created_at);
        const to = new Date(Date.parse(from) + 1).toISOString();
        for (const side of sides) {
          const within = await acme.all(listOf(side, `&from=${from}&to=${to}`));
          expect(within.map((row) => row["id"])).toContain(id);
          const before = await acme.all(listOf(side, `&to=${from}`));
          expect(before.map((row) => row["id"])).not.toContain(id);
          const after = await acme.all(listOf(side, `&from=${to}`));
          expect(after.map((row) => row["id"])).not.toContain(id);
        }
      }
      for (const side of sides) {
        const times = (await acme.all(listOf(side, "&limit=7"))).map((row) => String(row["created_at"]));
        expect(times).toEqual(times.toSorted().toReversed());
      }
    });

    test("entries of both sides show occurred_at", async () => {
      const occurred_at = "2001-02-03T04:05:06.789Z";
      const { id } = await acme.post("/v1/transfers", 201, { ...body, occurred_at });
      for (const more of [{}, { pending: true }]) {
        const made = await acme.post("/v1/transfers", 201, { ...body, ...more });
        if ("pending" in more) await acme.post(`/v1/transfers/${String(made["id"])}/post`, 200);
      }
      for (const side of sides) {
        const [later, , dated] = await acme.all(`/v1/accounts/${encodeURIComponent(side)}/entries?limit=500`);
        expect(dated).toMatchObject({ transfer_id: id, occurred_at });
        expect(later).not.toHaveProperty("occurred_at");
      }
    });
  },
);

test("all sides list a pending transfer before and after its expiry", async () => {
  const sides = [account(0), account(1), account(2), account(3)];
  const postings = [0, 2].map((i) => {
    return { debit_account: account(i), credit_account: account(i + 1), amount: 1 };
  });
  const { id } = await acme.post("/v1/transfers", 201, { postings, pending: true, timeout_s: 1 });
  await expectOnAllSides(sides, { id, status: "pending" });
  await until("it has expired", async () => {
    const rows = await newest(sides);
    return rows.every((row) => row?.["id"] === id && row?.["status"] === "expired");
  });
  await expectOnAllSides(sides, { id }, "&status=expired");
});

test("a rejected transfer is in no list", async () => {
  const sides = [account(4), account(5)];
  const before = await newest(sides);
  const body = { debit_account: account(4), credit_account: account(5), amount: 1_000_000 };
  for (const more of [{}, { pending: true }])
    await acme.refused("POST", "/v1/transfers", 422, "insufficient_funds", { ...body, ...more });
  expect(await newest(sides)).toEqual(before);
});

test("each page continues where the previous one ended, for either side", async () => {
  for (const id of [account(0), "@x"]) {
    const whole = (await acme.all(listOf(id, "&limit=500"))).map((row) => row["id"]);
    expect((await acme.all(listOf(id, "&limit=3"))).map((row) => row["id"])).toEqual(whole);
    expect(new Set(whole).size).toBe(whole.length);
  }
});
