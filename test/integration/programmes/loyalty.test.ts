/** The loyalty programme over HTTP: one scenario per requirement. */
import { beforeAll, describe, expect, test } from "vitest";
import { OPERATOR_KEY } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";

describe("loyalty", () => {
  const house = startTestServer();
  let acme: Caller;
  let other: Caller;

  beforeAll(async () => {
    acme = await house.partner("acme");
    other = await house.partner("other");
  });

  const members = "/v1/loyalty/members";
  let made = 0;

  async function member(caller = acme): Promise<string> {
    made += 1;
    const { id } = await caller.post(members, 201, { id: `m${made}` });
    return `${members}/${String(id)}`;
  }

  const accrue = (path: string, points: number, more: Json = {}) =>
    acme.post(`${path}/accruals`, 201, { points, description: "Haircut", ...more });
  const redeem = (path: string, points: number) =>
    acme.post(`${path}/redemptions`, 201, { points, description: "Coffee" });

  test("L1 L11 L19 the same person can be a member of two partners, and each sees only its own members", async () => {
    await acme.post(members, 201, { id: "shared/anna", name: "Anna" });
    await other.post(members, 201, { id: "shared/anna", name: "Anna O." });
    await acme.post(`${members}/shared%2Fanna/accruals`, 201, { points: 7, description: "x" });
    expect(await acme.get(`${members}/shared%2Fanna`)).toMatchObject({ name: "Anna", balance: 7 });
    expect(await other.get(`${members}/shared%2Fanna`)).toMatchObject({ name: "Anna O.", balance: 0 });
    const body = { points: 1, description: "x" };
    // With enough ids, some are on the same shard for both partners.
    for (let i = 0; i < 8; i++) {
      await acme.post(members, 201, { id: `acme-${i}` });
      await other.refused("GET", `${members}/acme-${i}`, 404, "member_not_found");
      await other.refused("POST", `${members}/acme-${i}/accruals`, 404, "member_not_found", body);
    }
    expect((await other.all(members)).map(({ id }) => id)).toEqual(["shared/anna"]);
  });

  test("L2 points are accrued with a description and a time", async () => {
    const path = await member();
    const given = await accrue(path, 120, { occurred_at: "2026-11-01T12:00:00+02:00" });
    expect(given).toMatchObject({
      points: 120,
      description: "Haircut",
      occurred_at: "2026-11-01T10:00:00.000Z",
      balance: 120,
    });
    expect(given["created_at"]).not.toBe(given["occurred_at"]);
    expect((await acme.all(`${path}/entries`))[0]).toMatchObject({
      type: "accrual",
      amount: 120,
      balance_after: 120,
      description: "Haircut",
      occurred_at: "2026-11-01T10:00:00.000Z",
      transfer_id: given["id"],
    });
  });

  test("L3 L20 points are redeemed in the same way, and never more than the balance", async () => {
    const path = await member();
    await accrue(path, 100);
    const text = { description: "Coffee", occurred_at: "2026-11-01T10:00:00.000Z" };
    const spent = await acme.post(`${path}/redemptions`, 201, { points: 60, ...text });
    expect(spent).toMatchObject({ points: 60, ...text, balance: 40 });
    const body = { points: 41, description: "Coffee" };
    await acme.refused("POST", `${path}/redemptions`, 422, "insufficient_funds", body);
    const [entry] = await acme.all(`${path}/entries`);
    expect(entry).toMatchObject({ type: "redemption", amount: -60, balance_after: 40, seq: 2, ...text });
  });

  test("L4 a member shows its balance and the points earned and spent", async () => {
    const path = await member();
    await accrue(path, 100);
    await accrue(path, 50);
    await redeem(path, 30);
    expect(await acme.get(path)).toMatchObject({ balance: 120, held: 0, earned: 150, spent: 30, expired: 0 });
  });

  test("L8 a member's points are a ledger account that only the programme moves", async () => {
    const path = await member();
    await accrue(path, 100);
    const id = `points:${path.slice(members.length + 1)}`;
    expect(await acme.get(`/v1/accounts/${id}`)).toMatchObject({ asset: "PTS/0", posted: 100 });
    const move = { debit_account: id, credit_account: "@x", amount: 1 };
    await acme.refused("POST", "/v1/transfers", 422, "managed_account", move);
    await acme.post("/v1/accounts", 201, { id: `plain${made}`, asset: "PTS/0" });
    const take = { debit_account: "@x", credit_account: id, amount: 1 };
    await acme.refused("POST", "/v1/transfers", 422, "managed_account", { ...take, pending: true });
    const postings = [
      { debit_account: "@x", credit_account: `plain${made}`, amount: 1 },
      { debit_account: `plain${made}`, credit_account: id, amount: 1 },
    ];
    await acme.refused("POST", "/v1/transfers", 422, "managed_account", { postings });
    await acme.refused("PATCH", `/v1/accounts/${id}`, 422, "managed_account", { floor: null });
    await acme.refused("POST", `/v1/accounts/${id}/freeze`, 422, "managed_account");
    expect(await acme.get(`/v1/accounts/${id}/reconciliation`)).toMatchObject({
      balance: 100,
      reconciled: true,
    });
  });

  test("L14 L18 partners are created, read, listed, renamed and suspended", async () => {
    const operator = house.caller(OPERATOR_KEY);
    const caller = await house.partner("studio");
    const named = { id: "studio", name: "Studio", status: "active" };
    expect(await operator.ask("PATCH", "/v1/partners/studio", 200, { name: "Studio" })).toMatchObject(named);
    expect(await operator.get("/v1/partners/studio")).toMatchObject(named);
    await operator.refused("POST", "/v1/partners", 409, "partner_exists", { id: "studio", name: "x" });
    const ids = (await operator.all("/v1/partners?limit=2")).map(({ id }) => String(id));
    expect(ids).toEqual(ids.toSorted());
    expect(ids).toEqual(expect.arrayContaining(["acme", "other", "studio"]));
    await caller.refused("GET", "/v1/partners", 403, "forbidden");
    await operator.ask("PATCH", "/v1/partners/studio", 200, { status: "suspended" });
    await caller.refused("GET", members, 403, "forbidden");
    expect(await operator.get("/v1/partners/studio")).toMatchObject({ ...named, status: "suspended" });
    await operator.ask("PATCH", "/v1/partners/studio", 200, { status: "active" });
    expect(await caller.all(members)).toEqual([]);
  });

  test("L15 L18 members are created, listed, renamed, and deleted only if their balance is zero", async () => {
    const path = await member();
    const id = path.slice(members.length + 1);
    await acme.refused("POST", members, 409, "member_exists", { id });
    expect(await acme.ask("PATCH", path, 200, { name: "Bo" })).toMatchObject({ id, name: "Bo" });
    await accrue(path, 5);
    await acme.refused("DELETE", path, 422, "account_not_empty");
    await redeem(path, 5);
    await acme.ask("DELETE", path, 204);
    await acme.refused("GET", path, 404, "member_not_found");
    expect((await acme.all(`${members}?limit=3`)).map((row) => row["id"])).not.toContain(id);
    // A new member may use the id.
    expect(await acme.post(members, 201, { id })).toMatchObject({ balance: 0 });
    await accrue(path, 3);
    expect(await acme.get(path)).toMatchObject({ balance: 3, earned: 3, spent: 0 });
  });

  test("L15 L18 the list shows the members of all shards once each, newest first", async () => {
    const lister = await house.partner("lister");
    const ids = Array.from({ length: 25 }, (_, i) => `l${i}`);
    for (const id of ids) await lister.post(members, 201, { id });
    const listed = await lister.all(`${members}?limit=7`);
    expect(new Set(listed.map(({ id }) => id))).toEqual(new Set(ids));
    expect(listed).toHaveLength(ids.length);
    // On two shards, members of the same millisecond have no order.
    const times = listed.map((row) => String(row["created_at"]));
    expect(times).toEqual(times.toSorted().toReversed());
    expect(times.at(-1)).not.toBe(times[0]);
    await lister.refused("GET", `${members}?cursor=nonsense`, 400, "validation_failed");
  });

  test("L16 L17 nothing is edited: an accrual is reverted once, by a new transfer", async () => {
    const path = await member();
    const { id, created_at } = await accrue(path, 100);
    const back = await acme.post(`/v1/transfers/${String(id)}/revert`, 201);
    expect(back).toMatchObject({ reverts: id, status: "posted" });
    await acme.refused("POST", `/v1/transfers/${String(id)}/revert`, 409, "already_reverted");
    expect(await acme.get(path)).toMatchObject({ balance: 0, earned: 0 });
    const [reverted, accrued] = await acme.all(`${path}/entries?limit=1`);
    expect(reverted).toMatchObject({ type: "revert", amount: -100, transfer_id: back["id"] });
    const movement = { transfer_id: id, memo: "Haircut", at: created_at, occurred_at: created_at };
    expect(accrued).toMatchObject({ type: "accrual", amount: 100, ...movement });
    // Spent points cannot be taken back.
    const second = await accrue(path, 10);
    await redeem(path, 8);
    await acme.refused("POST", `/v1/transfers/${String(second["id"])}/revert`, 422, "insufficient_funds");
    const amounts = (await acme.all(`${path}/entries`)).map(({ amount }) => Number(amount));
    expect(amounts).toEqual([-8, 10, -100, 100]);
    expect(await acme.get(path)).toMatchObject({ balance: 2 });
  });

  test("P-L2 lots are spent in the order of their expiry, and a revert restores them", async () => {
    const path = await member();
    const early = "2030-01-01T00:00:00.000Z";
    const late = "2031-01-01T00:00:00.000Z";
    await accrue(path, 10);
    await accrue(path, 20, { expires_at: late });
    await accrue(path, 30, { expires_at: early });
    const lots = async () =>
      (await acme.all(`${path}/lots`)).map((lot) => [lot["expires_at"], lot["points"]]);
    expect(await lots()).toEqual([
      [early, 30],
      [late, 20],
    ]);
    const { id } = await redeem(path, 35);
    expect(await lots()).toEqual([[late, 15]]);
    await redeem(path, 20);
    expect(await lots()).toEqual([]);
    await acme.post(`/v1/transfers/${String(id)}/revert`, 201);
    expect(await lots()).toEqual([
      [early, 30],
      [late, 5],
    ]);
    expect(await acme.get(path)).toMatchObject({ balance: 40, earned: 60, spent: 20 });
    const past = { points: 1, description: "x", expires_at: "2020-01-01T00:00:00Z" };
    await acme.refused("POST", `${path}/accruals`, 400, "validation_failed", past);
  });

  test("P-L2 points expire by themselves, with an entry of their own", async () => {
    const path = await member();
    const expires_at = new Date(Date.now() + 300).toISOString();
    await accrue(path, 30, { expires_at });
    await accrue(path, 5);
    await until("the lot has expired", async () => (await acme.get(path))["balance"] === 5);
    expect(await acme.get(path)).toMatchObject({ earned: 35, expired: 30, spent: 0 });
    expect((await acme.all(`${path}/entries`))[0]).toMatchObject({
      type: "expiry",
      amount: -30,
      counterparty: "@expired",
    });
    expect(await acme.all(`${path}/lots`)).toEqual([]);
  });

  test("L7 the summary adds up all members; the thresholds can be set", async () => {
    const summed = await house.partner("summed");
    for (let i = 0; i < 9; i++) {
      await summed.post(members, 201, { id: `s${i}` });
      await summed.post(`${members}/s${i}/accruals`, 201, { points: 100, description: "x" });
    }
    await summed.post(`${members}/s0/redemptions`, 201, { points: 40, description: "x" });
    const sums = { members: 9, outstanding: 860, earned: 900, spent: 40, expired: 0, pending: 0 };
    expect(await summed.get("/v1/loyalty/summary")).toEqual(sums);
    const settings = "/v1/loyalty/settings";
    expect(await summed.get(settings)).toEqual({ member_threshold: 1000, total_threshold: 100_000 });
    const changed = { member_threshold: 5, total_threshold: 50 };
    expect(await summed.ask("PUT", settings, 200, changed)).toEqual(changed);
    expect(await summed.get(settings)).toEqual(changed);
  });

  test("a retry gets the first answer, and a reused key with another body is refused", async () => {
    const path = await member();
    const headers = { "Idempotency-Key": `once-${path}` };
    const body = { points: 9, description: "once" };
    const first = await acme.ask("POST", `${path}/accruals`, 201, body, headers);
    const again = await acme.client.send("POST", `${path}/accruals`, body, headers);
    expect(JSON.parse(again.text)).toEqual(first);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    const otherBody = { ...body, points: 10 };
    expect(await acme.ask("POST", `${path}/accruals`, 422, otherBody, headers)).toMatchObject({
      code: "idempotency_key_reused",
    });
    expect(await acme.get(path)).toMatchObject({ balance: 9 });
  });

  test("50 concurrent redemptions of 10 on a balance of 100: exactly 10 succeed", async () => {
    for (let round = 0; round < 10; round++) {
      const path = await member();
      await accrue(path, 100);
      const body = { points: 10, description: "race" };
      const statuses = await acme.race(50, (client) => client.send("POST", `${path}/redemptions`, body));
      expect(statuses).toEqual(
        new Map([
          [201, 10],
          [422, 40],
        ]),
      );
      expect(await acme.get(path)).toMatchObject({ balance: 0, spent: 100 });
    }
  });

  test("L20 all state survives a kill, and the books balance", async () => {
    const path = await member();
    await accrue(path, 50, { expires_at: "2030-01-01T00:00:00Z" });
    await redeem(path, 20);
    const before = [
      await acme.get(path),
      await acme.all(`${path}/lots`),
      await acme.get("/v1/loyalty/summary"),
    ];
    const key = await acme.post("/v1/partners/acme/keys", 201, { role: "partner" });
    await house.restart();
    acme = house.caller(String(key["api_key"]));
    const after = [
      await acme.get(path),
      await acme.all(`${path}/lots`),
      await acme.get("/v1/loyalty/summary"),
    ];
    expect(after).toEqual(before);
    expect(await acme.get("/v1/trial-balance")).toMatchObject({ balanced: true });
  });
});
