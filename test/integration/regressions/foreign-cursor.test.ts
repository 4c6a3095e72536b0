/** A cursor is a position in a list and grants no access: it always leads into the caller's own list. */
import { beforeAll, expect, test } from "vitest";
import { type Caller, startTestServer } from "../programmes/test-server.ts";

const house = startTestServer({ ISOLATION: "threads" });
const partners: Caller[] = [];

/** Lists in which both partners have rows. Every row shows its owner. */
const LISTS = [
  "/v1/accounts",
  "/v1/transfers",
  "/v1/accounts/both%2Fpoints/entries",
  "/v1/loyalty/members",
  "/v1/segments",
];

beforeAll(async () => {
  for (const id of ["ann", "bob"]) {
    const partner = await house.partner(id);
    await partner.post("/v1/accounts", 201, { id: "both/points", asset: "PTS/0" });
    for (let i = 0; i < 3; i++) {
      await partner.post("/v1/accounts", 201, { id: `${id}-${i}/points`, asset: "PTS/0" });
      const transfer = { debit_account: "@issuance", amount: 1, memo: `${id}-${i}` };
      await partner.post("/v1/transfers", 201, { ...transfer, credit_account: "both/points" });
      await partner.post("/v1/loyalty/members", 201, { id: `${id}-${i}` });
      await partner.post("/v1/segments", 201, { slug: `${id}_${i}`.toUpperCase() });
    }
    partners.push(partner);
  }
});

test.each(LISTS)("another partner's cursor of %s shows only the caller's own rows", async (path) => {
  const [ann, bob] = partners as [Caller, Caller];
  const own = (await bob.all(path)).map((row) => JSON.stringify(row));
  expect(own.length).toBeGreaterThanOrEqual(3);
  for (let cursor: string | null = null; ; ) {
    const from: string = cursor === null ? "" : `&cursor=${cursor}`;
    cursor = (await ann.get(`${path}?limit=1${from}`))["next_cursor"] as string | null;
    if (cursor === null) return;
    const { status, text } = await bob.client.send("GET", `${path}?cursor=${cursor}`);
    expect(status, text).toBe(200);
    const { data } = JSON.parse(text) as { data: readonly unknown[] };
    for (const row of data) expect(own).toContain(JSON.stringify(row));
  }
});
