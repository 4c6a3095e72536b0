/** A report of one user reads only that user's history; its rows are oldest first. */
import { beforeAll, describe, expect, test } from "vitest";
import { ISOLATIONS } from "../../support/isolations.ts";
import { type Caller, type Json, startTestServer } from "../programmes/test-server.ts";

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

describe.each(ISOLATIONS)("shards as %s", (isolation) => {
  const house = startTestServer({ ISOLATION: isolation });
  let acme: Caller;
  let key: string;

  beforeAll(async () => {
    key = await house.newPartner("acme");
    acme = house.caller(key);
  });

  async function rows(body: Json = {}): Promise<readonly string[]> {
    const now = new Date();
    const month = { year: now.getUTCFullYear(), month: now.getUTCMonth() + 1 };
    const { url } = await acme.post("/v1/segment-reports", 201, { ...month, ...body });
    const text = await (await fetch(String(url))).text();
    return text.trimEnd().split("\r\n").slice(1);
  }

  const reportRows = async (body: Json = {}) =>
    (await rows(body)).map((row) => row.split(",").slice(0, 3).join(" "));

  test("every change of a user's segments is in the user's report and in the full report, oldest first", async () => {
    for (const slug of ["HAND", "MANY", "GONE"]) await acme.post("/v1/segments", 201, { slug });
    const change = (id: string, body: Json) => acme.ask("PATCH", `/v1/users/${id}/segments`, 200, body);
    await change("ann", { add: ["HAND"] });
    await change("bob", { add: ["HAND"] });
    await acme.post("/v1/segments/MANY/users", 200, { ids: ["bob", "ann", "cid"] });
    await acme.post("/v1/segments", 201, { slug: "AUTO", user_percent: 100 });
    await change("ann", { add: ["GONE"], remove: ["HAND"] });
    await acme.ask("DELETE", "/v1/segments/GONE", 204);
    await expect.poll(() => reportRows({ user_id: "ann" })).toContain("ann GONE D");
    const ofAnn = ["HAND I", "MANY I", "AUTO I", "GONE I", "HAND D", "GONE D"].map((row) => `ann ${row}`);
    expect(await reportRows({ user_id: "ann" })).toEqual(ofAnn);
    expect(await reportRows({ user_id: "bob" })).toEqual(["bob HAND I", "bob MANY I", "bob AUTO I"]);
    expect(await reportRows({ user_id: "cid" })).toEqual(["cid MANY I", "cid AUTO I"]);
    const all = await reportRows();
    expect(all.filter((row) => row.startsWith("ann "))).toEqual(ofAnn);
    expect(all[0]).toBe("ann HAND I");
    const times = (await rows()).map((row) => row.split(",")[3] ?? "");
    expect(times).toEqual(times.toSorted());
  });

  test("changes of other users do not slow a user's report, and a restart does not change it", async () => {
    await acme.post("/v1/segments", 201, { slug: "CROWD" });
    const before = await reportRows({ user_id: "cid" });
    for (let round = 0; round < 4; round++) {
      const ids = Array.from({ length: 10_000 }, (_, i) => `r${round}-${i}`);
      await acme.post("/v1/segments/CROWD/users", 200, { ids });
    }
    const ofAll = await msOf(() => rows());
    const ofOne = Math.min(
      await msOf(() => reportRows({ user_id: "cid" })),
      await msOf(() => reportRows({ user_id: "cid" })),
    );
    expect(ofOne).toBeLessThan(ofAll / 3);
    expect(await reportRows({ user_id: "cid" })).toEqual(before);
    await house.restart();
    acme = house.caller(key);
    await expect.poll(() => reportRows({ user_id: "cid" }).catch(() => [])).toEqual(before);
  });
});
