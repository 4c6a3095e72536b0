/** A member or segment that is deleted and created again under its id starts empty. */
import { beforeAll, expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "../programmes/test-server.ts";

const house = startTestServer({});
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
});

const MEMBERS = "/v1/loyalty/members";

async function move(member: string, kind: "accruals" | "redemptions", points: number): Promise<string> {
  const path = `${MEMBERS}/${member}/${kind}`;
  return String((await acme.post(path, 201, { points, description: kind }))["id"]);
}

/** Creates a member with an accrual and a redemption, and deletes the member. @returns the ids of the transfers */
async function deletedMember(id: string): Promise<readonly string[]> {
  await acme.post(MEMBERS, 201, { id });
  const moves = [await move(id, "accruals", 10), await move(id, "redemptions", 10)];
  await acme.ask("DELETE", `${MEMBERS}/${id}`, 204);
  return moves;
}

async function expectNotRevertible(transfers: readonly string[]): Promise<void> {
  for (const id of transfers)
    await acme.refused("POST", `/v1/transfers/${id}/revert`, 404, "member_not_found");
}

const EMPTY = { balance: 0, held: 0, earned: 0, spent: 0, expired: 0 };

test("a new member with a used id starts empty, and no old transfer can be reverted into it", async () => {
  const old = await deletedMember("again");
  const from = new Date(Date.now() - 60_000).toISOString();
  expect(await acme.post(MEMBERS, 201, { id: "again" })).toMatchObject(EMPTY);
  await expectNotRevertible(old);
  expect(await acme.get(`${MEMBERS}/again`)).toMatchObject(EMPTY);
  expect(await acme.get(`${MEMBERS}/again/entries`)).toMatchObject({ data: [], next_cursor: null });
  const accrual = await move("again", "accruals", 7);
  const statement = await acme.get(`${MEMBERS}/again/entries?from=${from}`);
  expect(statement).toMatchObject({ opening_balance: 0, closing_balance: 7 });
  expect((statement["data"] as Json[]).map(({ transfer_id }) => transfer_id)).toEqual([accrual]);
  await acme.post(`/v1/transfers/${accrual}/revert`, 201);
  expect(await acme.get(`${MEMBERS}/again`)).toMatchObject(EMPTY);
});

test("a new member's statement excludes the balance of the deleted member with its id", async () => {
  await acme.post(MEMBERS, 201, { id: "rich" });
  await move("rich", "accruals", 10);
  const { created_at } = await acme.post(`${MEMBERS}/rich/accruals`, 201, { points: 5, description: "x" });
  await move("rich", "redemptions", 15);
  await acme.ask("DELETE", `${MEMBERS}/rich`, 204);
  await acme.post(MEMBERS, 201, { id: "rich" });
  const path = `${MEMBERS}/rich/entries?to=${new Date(Date.parse(String(created_at)) + 1).toISOString()}`;
  expect(await acme.get(path)).toMatchObject({ data: [], opening_balance: 0, closing_balance: 0 });
});

test("members with the same id stay separate, also after a restart of the server", async () => {
  const first = await deletedMember("cat");
  const second = await deletedMember("cat");
  await acme.post(MEMBERS, 201, { id: "cat" });
  const own = await move("cat", "accruals", 3);
  await expectNotRevertible([...first, ...second]);
  const key = await acme.post("/v1/partners/acme/keys", 201, { role: "partner" });
  await house.restart();
  acme = house.caller(String(key["api_key"]));
  await expectNotRevertible([...first, ...second]);
  expect(await acme.all(`${MEMBERS}/cat/entries`)).toHaveLength(1);
  await acme.post(`/v1/transfers/${own}/revert`, 201);
  expect(await acme.get(`${MEMBERS}/cat`)).toMatchObject(EMPTY);
});

test("a deleted member is not shown, and its account's entries stay", async () => {
  const old = await deletedMember("gone");
  await expectNotRevertible(old);
  await acme.refused("GET", `${MEMBERS}/gone/entries`, 404, "member_not_found");
  await acme.refused("GET", `${MEMBERS}/gone/lots`, 404, "member_not_found");
  expect(await acme.all("/v1/accounts/points:gone/entries")).toHaveLength(2);
});

const segmentsOf = async (user: string) =>
  ((await acme.get(`/v1/users/${user}/segments`))["segments"] as Json[]).map(({ slug }) => slug);

test("a segment that is created again has no members, and old expiries do not end new memberships", async () => {
  await acme.post("/v1/segments", 201, { slug: "AGAIN" });
  await acme.post("/v1/segments", 201, { slug: "OTHER" });
  const add = { add: ["AGAIN", "OTHER"], ttl_s: 1 };
  await acme.ask("PATCH", "/v1/users/u1/segments", 200, add);
  await acme.ask("PATCH", "/v1/users/u2/segments", 200, { add: ["AGAIN"] });
  await acme.ask("DELETE", "/v1/segments/AGAIN", 204);
  expect(await acme.post("/v1/segments", 201, { slug: "AGAIN" })).toMatchObject({ members: 0 });
  expect(await acme.all("/v1/segments/AGAIN/users")).toEqual([]);
  expect(await segmentsOf("u2")).toEqual([]);
  expect(await acme.ask("PATCH", "/v1/users/u1/segments", 200, { add: ["AGAIN"] })).toMatchObject({
    added: 1,
  });
  // The expiry of the old membership does not end the new one.
  await until("the old memberships have expired", async () => !(await segmentsOf("u1")).includes("OTHER"));
  expect(await segmentsOf("u1")).toEqual(["AGAIN"]);
  expect(await acme.get("/v1/segments/AGAIN")).toMatchObject({ members: 1 });
});

test("a user removed from a segment can be chosen for a new segment with the same slug", async () => {
  // With this many users, the old segment is not swept yet when the new one is filled.
  const ids = Array.from({ length: 9_000 }, (_, i) => `c${i}`);
  await acme.post("/v1/segments", 201, { slug: "CROWD" });
  await acme.post("/v1/segments/CROWD/users", 200, { ids });
  for (const user of ["p1", "p2"]) await acme.post("/v1/users", 201, { id: user });
  const all = { slug: "EVERYBODY", user_percent: 100 };
  const { members } = await acme.post("/v1/segments", 201, all);
  await acme.ask("PATCH", "/v1/users/p1/segments", 200, { remove: ["EVERYBODY"] });
  await acme.ask("DELETE", "/v1/segments/EVERYBODY", 204);
  expect(await acme.post("/v1/segments", 201, all)).toMatchObject({ members, user_percent: 100 });
  expect(await segmentsOf("p1")).toContain("EVERYBODY");
});
