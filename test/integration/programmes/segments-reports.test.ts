/** Reports of segments: every entry and exit of a month, in log order. */
import { beforeAll, describe, expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";

async function download(url: string): Promise<Response> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return response;
}

type Row = readonly [user: string, slug: string, operation: string, at: string];

describe("reports of segments", () => {
  const house = startTestServer();
  let acme: Caller;

  beforeAll(async () => {
    acme = await house.partner("acme");
  });

  const now = new Date();
  const month = { year: now.getUTCFullYear(), month: now.getUTCMonth() + 1 };
  const next = new Date(Date.UTC(month.year, month.month, 1));

  async function rows(
    caller: Caller,
    body: Json & Readonly<{ separator?: string }> = {},
  ): Promise<readonly Row[]> {
    const { url } = await caller.post("/v1/segment-reports", 201, { ...month, ...body });
    const [head, ...lines] = (await (await download(String(url))).text()).split("\r\n");
    const { separator = "," } = body;
    expect(head).toBe(["user_id", "segment_slug", "operation", "executed_at"].join(separator));
    expect(lines.pop()).toBe("");
    return lines.map((line) => line.split(separator) as unknown as Row);
  }

  const reportPath = async (caller: Caller) =>
    new URL(String((await caller.post("/v1/segment-reports", 201, month))["url"])).pathname;
  const change = (id: string, body: Json) => acme.ask("PATCH", `/v1/users/${id}/segments`, 200, body);

  test("S9 S10 S11 S20 every entry and exit is a row, whatever caused it", async () => {
    for (const slug of ["HAND", "SHORT", "GONE", "MANY"]) await acme.post("/v1/segments", 201, { slug });
    await change("ann", { add: ["HAND", "GONE"], remove: ["HAND"] });
    await change("ann", { add: ["HAND"] });
    await change("ann", { add: ["HAND"], remove: ["SHORT"] });
    await acme.post("/v1/segments", 201, { slug: "AUTO", user_percent: 100 });
    await change("bob", { remove: ["AUTO"] });
    await acme.post("/v1/segments/MANY/users", 200, { ids: ["ann", "@bob"], ttl_s: 1000 });
    await acme.ask("DELETE", "/v1/segments/GONE", 204);
    await change("ann", { add: ["SHORT"], ttl_s: 1 });
    await until("the membership's end is a row", async () =>
      (await rows(acme, { user_id: "ann" })).some(
        ([, slug, operation]) => slug === "SHORT" && operation === "D",
      ),
    );
    const shown = async (body: Json & Readonly<{ separator?: string }>) =>
      (await rows(acme, body)).map(([user, slug, operation]) => `${user} ${slug} ${operation}`);
    const ofAnn = await shown({ user_id: "ann" });
    expect(ofAnn.filter((row) => !row.includes("GONE D"))).toEqual([
      "ann HAND I",
      "ann GONE I",
      "ann HAND D",
      "ann HAND I",
      "ann AUTO I",
      "ann MANY I",
      "ann SHORT I",
      "ann SHORT D",
    ]);
    expect(ofAnn.filter((row) => row === "ann GONE D")).toHaveLength(1);
    expect(await shown({ user_id: "bob", separator: ";" })).toEqual(["bob AUTO I", "bob AUTO D"]);
    expect(await shown({})).toContain("@bob MANY I");
    const ofNobody = { ...month, user_id: "nobody" };
    await acme.refused("POST", "/v1/segment-reports", 404, "user_not_found", ofNobody);
    expect(await rows(acme, { year: next.getUTCFullYear(), month: next.getUTCMonth() + 1 })).toEqual([]);
    expect(await rows(acme, { year: month.year - 1 })).toEqual([]);
    for (const [, , , at] of await rows(acme)) expect(at).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  });

  test("S9 S10 S24 P-S7 the download URL is signed, needs no key, and shows only its partner's rows", async () => {
    const { id, url } = await acme.post("/v1/segment-reports", 201, month);
    expect(id).toMatch(/^rep_/);
    const response = await download(String(url));
    expect(response.headers.get("content-type")).toContain("text/csv");
    expect(response.headers.get("content-disposition")).toMatch(
      /^attachment; filename="segments-\d{4}-\d\d\.csv"$/,
    );
    const other = await house.partner("other");
    expect(await rows(other)).toEqual([]);
    const [address = "", payload = "", signature = ""] =
      /^(.*\/)([^/.]+)\.([^/.]+)$/.exec(String(url))?.slice(1) ?? [];
    const plan = JSON.parse(Buffer.from(payload, "base64url").toString()) as unknown[];
    const expiry = plan.findIndex((member) => Number(member) > Date.now());
    expect(Number(plan[expiry]) - Date.now()).toBeLessThanOrEqual(24 * 3600 * 1000);
    const forged = plan.with(expiry, Number(plan[expiry]) + 1);
    const forgedPayload = Buffer.from(JSON.stringify(forged)).toString("base64url");
    const wrong = [
      `${address}${forgedPayload}.${signature}`,
      `${address}${payload}.`,
      `${address}${payload}.${signature.slice(1)}A`,
      `${address}${payload}`,
      `${address}..%2F..%2Fetc%2Fpasswd`,
      `${address}${Buffer.from("[1]").toString("base64url")}.${signature}`,
      `${address}${Buffer.from(JSON.stringify(["", "nobody", ...plan.slice(2)])).toString("base64url")}.${signature}`,
    ];
    for (const bad of wrong) expect((await fetch(bad)).status, bad).toBe(404);
    const headers = { "Idempotency-Key": "report-1" };
    const first = await acme.ask("POST", "/v1/segment-reports", 201, month, headers);
    const again = await acme.ask("POST", "/v1/segment-reports", 201, month, headers);
    expect(again).toEqual({ ...first, url: null, secret_shown: true });
  });

  test("S9 S24 the month must be 1 to 12, and the separator one of two", async () => {
    const bad: Json[] = [
      { ...month, month: 13 },
      { ...month, month: 0 },
      { ...month, separator: "|" },
      { year: month.year },
      { month: 1 },
      { ...month, year: "2026" },
      { ...month, user_id: "a b" },
    ];
    for (const body of bad) await acme.refused("POST", "/v1/segment-reports", 400, "validation_failed", body);
  });

  test("S5 S11 20,000 members lose a deleted segment at once, each with a row of that time", async () => {
    const crowd = await house.partner("crowd");
    await crowd.post("/v1/segments", 201, { slug: "CROWD" });
    const ids = Array.from({ length: 20_000 }, (_, i) => `c${i}`);
    for (let at = 0; at < ids.length; at += 10_000)
      await crowd.post("/v1/segments/CROWD/users", 200, { ids: ids.slice(at, at + 10_000) });
    expect((await crowd.get("/v1/segments/CROWD"))["members"]).toBe(ids.length);
    await crowd.ask("DELETE", "/v1/segments/CROWD", 204);
    expect(await crowd.get("/v1/users/c19999/segments")).toEqual({ segments: [] });
    await crowd.post("/v1/segments", 201, { slug: "CROWD" });
    expect((await crowd.get("/v1/segments/CROWD"))["members"]).toBe(0);
    let exits: readonly Row[] = [];
    await until("all exits are rows", async () => {
      exits = (await rows(crowd)).filter(([, , operation]) => operation === "D");
      return exits.length >= ids.length;
    });
    expect(exits.map(([user]) => user).toSorted()).toEqual(ids.toSorted());
    expect(new Set(exits.map(([, , , at]) => at)).size).toBe(1);
  });

  test("download URLs and rows survive a kill, and unfinished sweeps continue", async () => {
    const swept = await house.partner("swept");
    const ids = Array.from({ length: 10_000 }, (_, i) => `w${i}`);
    await swept.post("/v1/segments", 201, { slug: "CROWD" });
    await swept.post("/v1/segments/CROWD/users", 200, { ids });
    const [path, sweptPath] = [await reportPath(acme), await reportPath(swept)];
    const read = async (pathname: string) => (await download(`${house.server.url}${pathname}`)).text();
    const before = await read(path);
    await swept.ask("DELETE", "/v1/segments/CROWD", 204);
    await house.restart();
    await until(
      "the archive can be read",
      async () => (await fetch(`${house.server.url}${path}`)).status === 200,
    );
    expect(await read(path)).toEqual(before);
    let exits: readonly string[] = [];
    await until("all have left", async () => {
      exits = (await read(sweptPath)).split("\r\n").filter((line) => line.includes(",CROWD,D,"));
      return exits.length >= ids.length;
    });
    expect(new Set(exits.map((line) => line.split(",")[0]))).toEqual(new Set(ids));
    expect(exits).toHaveLength(ids.length);
  });
});
