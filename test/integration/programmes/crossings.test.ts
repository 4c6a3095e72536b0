/** Events of crossed thresholds: each crossing has one, whatever happens to the server. */
import { beforeAll, describe, expect, test } from "vitest";
import { shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import { pointsAccount } from "../../../src/actors/programmes/loyalty/acts.ts";
import { until } from "../../support/server.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";

const SHARDS = 3;

describe.each(["threads", "processes"] as const)("crossings with %s", (isolation) => {
  const house = startTestServer({ ISOLATION: isolation });
  let acme: Caller;
  let key: string;

  beforeAll(async () => {
    key = await house.newPartner("acme");
    acme = house.caller(key);
  });

  async function restart(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    await house.restart(settings);
    acme = house.caller(key);
  }

  /** The data of all events of these types. */
  async function events(types: string, subject = ""): Promise<readonly Json[]> {
    const filter = subject === "" ? "" : `&subject=${subject}`;
    const found: Json[] = [];
    for (let after = ""; ; ) {
      const page = await acme.get(`/v1/events?limit=500&types=${types}${filter}${after}`);
      found.push(...(page["data"] as readonly Json[]).map((event) => event["data"] as Json));
      if (page["next_cursor"] === null) return found;
      after = `&after=${String(page["next_cursor"])}`;
    }
  }

  const totals = () => events("loyalty.total.above_threshold");
  const move = (what: "accruals" | "redemptions", member: string, points: number) =>
    acme.post(`/v1/loyalty/members/${member}/${what}`, 201, { points, description: "x" });

  /** @returns how long it took, in ms. */
  async function untilTotals(count: number): Promise<number> {
    const beganMs = performance.now();
    await until(`there are ${count} events`, async () => (await totals()).length >= count);
    return performance.now() - beganMs;
  }

  test("L9 the total of all shards has one event for each crossing, across kills, snapshots and another isolation", async () => {
    const members = Array.from({ length: 20 }, (_, i) => `m${i}`);
    const shards = members.map((id) => shardOfVnode(vnodeOfAccount("acme", pointsAccount(id)), SHARDS));
    expect(new Set(shards).size).toBe(SHARDS);
    for (const id of members) await acme.post("/v1/loyalty/members", 201, { id });
    for (const id of members) await move("accruals", id, id === "m0" ? 5_000 - 50 : 5_000);
    expect(await acme.get("/v1/loyalty/summary")).toMatchObject({ outstanding: 99_950 });
    await Promise.all(members.map((id) => move("accruals", id, 10)));
    await untilTotals(1);
    const first = await totals();
    expect(first).toMatchObject([{ number: 1, threshold: 100_000 }]);

    await house.takeSnapshots();
    await restart();
    await move("accruals", "m1", 5);
    await restart({ ISOLATION: isolation === "threads" ? "processes" : "threads" });
    await move("redemptions", "m2", 1_000);
    const settings = { member_threshold: 1000, total_threshold: 50_000 };
    await acme.ask("PUT", "/v1/loyalty/settings", 200, settings);
    await move("accruals", "m3", 10);
    await acme.ask("PUT", "/v1/loyalty/settings", 200, { ...settings, total_threshold: 200_000 });
    await restart();
    await move("accruals", "m4", 150_000);
    await untilTotals(2);
    const { outstanding } = await acme.get("/v1/loyalty/summary");
    expect(await totals()).toEqual([...first, { number: 2, threshold: 200_000, total: outstanding }]);
  });
});
