/** Segments over HTTP: one scenario per requirement. */
import { beforeAll, describe, expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";

describe("segments", () => {
  const house = startTestServer();
  let acme: Caller;
  let other: Caller;

  beforeAll(async () => {
    acme = await house.partner("acme");
    other = await house.partner("other");
  });

  let made = 0;

  async function segment(more: Json = {}, caller = acme): Promise<string> {
    made += 1;
    const slug = `SEG_${made}`;
    await caller.post("/v1/segments", 201, { slug, ...more });
    return slug;
  }

  function user(): string {
    made += 1;
    return `u${made}`;
  }

  const change = (id: string, body: Json, caller = acme) =>
    caller.ask("PATCH", `/v1/users/${id}/segments`, 200, body);
  const slugsOf = async (id: string, caller = acme) =>
    ((await caller.get(`/v1/users/${id}/segments`))["segments"] as Json[]).map(({ slug }) => slug);
  const membersOf = async (slug: string, caller = acme) =>
    (await caller.get(`/v1/segments/${slug}`))["members"];
  const holdersOf = async (slug: string, caller = acme) =>
    (await caller.all(`/v1/segments/${slug}/users?limit=500`)).map(({ id }) => String(id)).toSorted();
  const keptState = async (caller: Caller) => [
    await caller.all("/v1/segments"),
    await caller.all("/v1/users?limit=500"),
    await holdersOf("HALF", caller),
    await caller.get("/v1/users/k1/segments"),
    await caller.get("/v1/users/k2/segments"),
  ];
  const addAll = async (slug: string, ids: readonly string[], caller = acme) =>
    (await caller.post(`/v1/segments/${slug}/users`, 200, { ids }))["added"];

  test("S1 S5 segments are created, read, listed, changed and deleted", async () => {
    const lister = await house.partner("lister");
    const slugs = Array.from({ length: 12 }, (_, i) => `LIST_${i}`);
    for (const slug of slugs) await lister.post("/v1/segments", 201, { slug });
    expect((await lister.all("/v1/segments?limit=5")).map(({ slug }) => slug)).toEqual(slugs.toReversed());
    await lister.ask("DELETE", "/v1/segments/LIST_3", 204);
    await lister.refused("GET", "/v1/segments/LIST_3", 404, "segment_not_found");
    await lister.refused("DELETE", "/v1/segments/LIST_3", 404, "segment_not_found");
    expect(await lister.all("/v1/segments")).toHaveLength(11);
    const given = await lister.ask("PATCH", "/v1/segments/LIST_4", 200, { user_percent: 10 });
    expect(given).toMatchObject({ slug: "LIST_4", user_percent: 10, members: 0 });
    expect(await lister.get("/v1/segments/LIST_4")).toEqual(given);
    await lister.ask("PATCH", "/v1/segments/LIST_4", 200, { user_percent: 9 });
    await lister.ask("PATCH", "/v1/segments/LIST_4", 200, { user_percent: 10 });
    await lister.refused("PATCH", "/v1/segments/NONE", 404, "segment_not_found", { user_percent: 9 });
    await other.refused("GET", "/v1/segments/LIST_4", 404, "segment_not_found");
  });

  test("S2 users get consecutive numbers that skip taken ids; a given id is kept", async () => {
    const house2 = await house.partner("numbers");
    expect(await house2.post("/v1/users", 201, { id: "1" })).toEqual({ id: "1" });
    expect(await house2.post("/v1/users", 201, {})).toEqual({ id: "2" });
    for (const id of ["3", "4", "5", "6"]) await house2.post("/v1/users", 201, { id });
    const { id } = await house2.post("/v1/users", 201, {});
    expect(Number(id)).toBeGreaterThan(6);
    await house2.refused("POST", "/v1/users", 409, "user_exists", { id: "1" });
    expect(await house2.get("/v1/users/1")).toMatchObject({ id: "1" });
    await house2.refused("GET", "/v1/users/1000", 404, "user_not_found");
    expect((await house2.all("/v1/users?limit=2")).map((row) => row["id"])).toEqual([
      id,
      "6",
      "5",
      "4",
      "3",
      "2",
      "1",
    ]);
    const counted = await house.partner("counted");
    for (const next of ["1", "2", "3"])
      expect(await counted.post("/v1/users", 201, {})).toEqual({ id: next });
    const headers = { "Idempotency-Key": "once" };
    const first = await house2.ask("POST", "/v1/users", 201, {}, headers);
    expect(await house2.ask("POST", "/v1/users", 201, {}, headers)).toEqual(first);
    const many = await Promise.all(Array.from({ length: 20 }, () => house2.post("/v1/users", 201, {})));
    expect(new Set(many.map((one) => one["id"])).size).toBe(20);
  });

  test("S3 slugs and percentages are validated", async () => {
    for (const slug of ["AB", "lower", "A-B", "X".repeat(65), ""])
      await acme.refused("POST", "/v1/segments", 400, "validation_failed", { slug });
    for (const user_percent of [0, 101, 1.5, "5"])
      await acme.refused("POST", "/v1/segments", 400, "validation_failed", { slug: "ABC", user_percent });
    const slug = await segment();
    await acme.refused("POST", "/v1/segments", 409, "segment_exists", { slug });
    await acme.refused("POST", "/v1/segments", 409, "segment_exists", { slug, user_percent: 5 });
  });

  test("S4 S22 50 % of 200 users are exactly 100 and stay the same; later users are selected by hash", async () => {
    const half = await house.partner("half");
    await half.post("/v1/segments", 201, { slug: "ALL" });
    expect(
      await addAll(
        "ALL",
        Array.from({ length: 200 }, (_, i) => `h${i}`),
        half,
      ),
    ).toBe(200);
    const created = await half.post("/v1/segments", 201, { slug: "HALF", user_percent: 50 });
    expect(created).toMatchObject({ slug: "HALF", user_percent: 50, members: 100 });
    const holders = await holdersOf("HALF", half);
    expect(holders).toHaveLength(100);
    // Another segment selects other users, and half a user is rounded up.
    await half.post("/v1/segments", 201, { slug: "OTHER_HALF", user_percent: 50 });
    const others = new Set(await holdersOf("OTHER_HALF", half));
    const both = holders.filter((id) => others.has(id)).length;
    expect(both).toBeGreaterThan(25);
    expect(both).toBeLessThan(75);
    await half.post("/v1/users", 201, { id: "late" });
    await half.post("/v1/segments", 201, { slug: "ODD", user_percent: 50 });
    expect(await membersOf("ODD", half)).toBe(101);
    const raised = await half.ask("PATCH", "/v1/segments/HALF", 200, { user_percent: 75 });
    expect(raised["members"]).toBe(151);
    expect(await holdersOf("HALF", half)).toEqual(expect.arrayContaining(holders));
  });

  test("S4 10 % of no users, then 10,000 are created: about 1,000 get the segment", async () => {
    const late = await house.partner("late");
    await late.post("/v1/segments", 201, { slug: "ALL" });
    await late.post("/v1/segments", 201, { slug: "TENTH", user_percent: 10 });
    expect(
      await addAll(
        "ALL",
        Array.from({ length: 10_000 }, (_, i) => `${1000 + 2 * i}`),
        late,
      ),
    ).toBe(10_000);
    const members = Number(await membersOf("TENTH", late));
    expect(members).toBeGreaterThan(900);
    expect(members).toBeLessThan(1100);
    expect(await holdersOf("TENTH", late)).toHaveLength(members);
    const exact = await late.ask("PATCH", "/v1/segments/TENTH", 200, { user_percent: 20 });
    expect(exact["members"]).toBe(2000);
  });

  test("S5 all members lose a deleted segment at once, and a new one with the same slug starts empty", async () => {
    const slug = await segment();
    const ids = Array.from({ length: 300 }, user);
    await addAll(slug, ids);
    await acme.ask("DELETE", `/v1/segments/${slug}`, 204);
    expect(await slugsOf(ids[7] ?? "")).toEqual([]);
    await acme.refused("GET", `/v1/segments/${slug}/users`, 404, "segment_not_found");
    await acme.post("/v1/segments", 201, { slug });
    expect(await membersOf(slug)).toBe(0);
    expect(await holdersOf(slug)).toEqual([]);
    expect(await addAll(slug, ids.slice(0, 10))).toBe(10);
    expect(await membersOf(slug)).toBe(10);
  });

  test("S6 S7 S18 S23 adds apply before removes, changes without effect are not counted, an unknown slug applies nothing", async () => {
    const [a, b, c] = [await segment(), await segment(), await segment()];
    const id = user();
    expect(await change(id, { add: [a, b] })).toEqual({
      added: 2,
      removed: 0,
      segments: [a, b].map((slug) => ({ slug, source: "manual" })),
    });
    expect(await change(id, { add: [b, c], remove: [a] })).toMatchObject({ added: 1, removed: 1 });
    expect(await slugsOf(id)).toEqual([b, c]);
    expect(await change(id, { remove: [a] })).toMatchObject({ added: 0, removed: 0 });
    expect(await change(id, { add: [a], remove: [a] })).toMatchObject({ added: 1, removed: 1 });
    const path = `/v1/users/${id}/segments`;
    const unknown = await acme.ask("PATCH", path, 404, { add: [a], remove: [b, "NOT_THERE"] });
    expect(unknown).toMatchObject({
      code: "segment_not_found",
      detail: expect.stringContaining("NOT_THERE"),
    });
    expect(await slugsOf(id)).toEqual([b, c]);
    const bad: Json[] = [
      { add: ["x"] },
      { add: [a], ttl_s: 0 },
      { add: [{ slug: a, ttl_s: 5, expires_at: "2090-01-01T00:00:00Z" }] },
      { add: [{ slug: a, expires_at: "2020-01-01T00:00:00Z" }] },
      { other: 1 },
      { add: Array.from({ length: 1001 }, () => a) },
    ];
    for (const body of bad) await acme.refused("PATCH", path, 400, "validation_failed", body);
  });

  test("S8 S19 S24 an unknown user has no segments, and is created with its id by the first add", async () => {
    const id = user();
    expect(await acme.get(`/v1/users/${id}/segments`)).toEqual({ segments: [] });
    await acme.refused("GET", `/v1/users/${id}`, 404, "user_not_found");
    const slug = await segment();
    await change(id, { add: [slug] });
    expect(await acme.get(`/v1/users/${id}`)).toMatchObject({ id });
    expect(await acme.get(`/v1/users/${id}/segments`)).toEqual({ segments: [{ slug, source: "manual" }] });
    const all = await segment({ user_percent: 100 });
    const fresh = user();
    expect(await change(fresh, {})).toEqual({
      added: 0,
      removed: 0,
      segments: [{ slug: all, source: "auto" }],
    });
    await acme.ask("DELETE", `/v1/segments/${all}`, 204);
  });

  test("S12 S21 S24 a membership ends at its expiry, and a permanent one is never shortened", async () => {
    const [short, long, forever] = [await segment(), await segment(), await segment()];
    const id = user();
    await change(id, { add: [forever] });
    const expires_at = "2090-01-01T00:00:00.000Z";
    const given = { add: [short, { slug: long, expires_at }, forever], ttl_s: 1 };
    expect(await change(id, given)).toMatchObject({ added: 2 });
    const ends = ((await acme.get(`/v1/users/${id}/segments`))["segments"] as Json[]).map((held) => [
      held["slug"],
      typeof held["expires_at"],
    ]);
    expect(ends).toEqual([
      [forever, "undefined"],
      [short, "string"],
      [long, "string"],
    ]);
    // An expiry can be prolonged but not shortened.
    const later = "2091-01-01T00:00:00.000Z";
    expect(await change(id, { add: [{ slug: long, expires_at: later }] })).toMatchObject({ added: 0 });
    const same = await change(id, { add: [{ slug: long, ttl_s: 5 }] });
    expect(same["segments"]).toContainEqual({ slug: long, expires_at: later, source: "manual" });
    await until("the membership is over", async () => !(await slugsOf(id)).includes(short));
    expect(await membersOf(short)).toBe(0);
    expect(await slugsOf(id)).toEqual([forever, long]);
    await change(id, { add: [long] });
    expect((await change(id, {}))["segments"]).toContainEqual({ slug: long, source: "manual" });
  });

  test("S17 concurrent adds lose none, and a membership is counted once", async () => {
    for (let round = 0; round < 5; round++) {
      const slugs = await Promise.all(Array.from({ length: 8 }, () => segment()));
      const id = user();
      const answers = await Promise.all(
        slugs.flatMap((slug) => [0, 1, 2].map(() => change(id, { add: [slug] }))),
      );
      expect(answers.reduce((sum, { added }) => sum + Number(added), 0)).toBe(slugs.length);
      expect(new Set(await slugsOf(id))).toEqual(new Set(slugs));
    }
  });

  test("S22 P-S2 a user removed by hand is not added by a percentage again, only by hand", async () => {
    const sticky = await house.partner("sticky");
    const ids = Array.from({ length: 10 }, (_, i) => `s${i}`);
    for (const id of ids) await sticky.post("/v1/users", 201, { id });
    await sticky.post("/v1/segments", 201, { slug: "SOME", user_percent: 50 });
    const [out = "", ...stay] = await holdersOf("SOME", sticky);
    expect(await change(out, { remove: ["SOME"] }, sticky)).toMatchObject({ removed: 1 });
    await sticky.ask("PATCH", "/v1/segments/SOME", 200, { user_percent: 100 });
    expect(await holdersOf("SOME", sticky)).toEqual(ids.filter((id) => id !== out).toSorted());
    expect(stay).toHaveLength(4);
    expect(await change(out, { add: ["SOME"] }, sticky)).toMatchObject({ added: 1 });
    expect(await membersOf("SOME", sticky)).toBe(10);
  });

  test("a retry gets the first answer, also for a request that is done in portions", async () => {
    const slug = await segment();
    const headers = { "Idempotency-Key": `bulk-${slug}` };
    const body = { ids: Array.from({ length: 1200 }, user) };
    const path = `/v1/segments/${slug}/users`;
    expect(await acme.ask("POST", path, 200, body, headers)).toEqual({ added: 1200 });
    const again = await acme.client.send("POST", path, body, headers);
    expect(JSON.parse(again.text)).toEqual({ added: 1200 });
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect(await addAll(slug, body.ids)).toBe(0);
    await acme.refused("POST", path, 400, "validation_failed", { ids: [] });
    await acme.refused("POST", "/v1/segments/NOT_THERE/users", 404, "segment_not_found", { ids: ["x"] });
    const percent = { slug: `${slug}_P`, user_percent: 10 };
    const first = await acme.ask("POST", "/v1/segments", 201, percent, { "Idempotency-Key": slug });
    expect(await acme.ask("POST", "/v1/segments", 201, percent, { "Idempotency-Key": slug })).toEqual(first);
    // The retry gets the same answer after the segment was deleted.
    const raise = { "Idempotency-Key": `raise-${slug}` };
    const raised = await acme.ask("PATCH", `/v1/segments/${slug}_P`, 200, { user_percent: 20 }, raise);
    expect(raised["user_percent"]).toBe(20);
    await acme.ask("DELETE", `/v1/segments/${slug}_P`, 204);
    await acme.ask("PATCH", `/v1/segments/${slug}_P`, 200, { user_percent: 20 }, raise);
  });

  test("S17 adds race with deletes: no read shows a deleted segment, and the counts agree", async () => {
    const ids = Array.from({ length: 20 }, user);
    const slug = await segment();
    for (let round = 0; round < 15; round++) {
      const adds = ids.map((id) => acme.client.send("PATCH", `/v1/users/${id}/segments`, { add: [slug] }));
      const bulk = acme.client.send("POST", `/v1/segments/${slug}/users`, { ids });
      const gone = acme.client.send("DELETE", `/v1/segments/${slug}`);
      const statuses = await Promise.all([...adds, bulk]).then((answers) =>
        answers.map(({ status }) => status),
      );
      expect((await gone).status).toBe(204);
      expect(statuses.every((status) => status === 200 || status === 404)).toBe(true);
      for (const id of ids) expect(await slugsOf(id)).toEqual([]);
      await acme.post("/v1/segments", 201, { slug });
      expect(await membersOf(slug)).toBe(0);
      const half = ids.slice(round % 10);
      expect(await addAll(slug, half)).toBe(half.length);
      expect(await holdersOf(slug)).toEqual(half.toSorted());
      expect(await membersOf(slug)).toBe(half.length);
    }
  });

  test("all state survives a kill: members, expiries, unfinished jobs and user numbers", async () => {
    const kept = await house.partner("kept");
    await kept.post("/v1/segments", 201, { slug: "ALL" });
    await addAll(
      "ALL",
      Array.from({ length: 200 }, (_, i) => `k${i}`),
      kept,
    );
    await kept.post("/v1/segments", 201, { slug: "HALF", user_percent: 50 });
    await change("k1", { add: [{ slug: "ALL", ttl_s: 1000 }], remove: ["HALF"] }, kept);
    await change("k2", { remove: ["ALL"] }, kept);
    await change("k2", { add: ["ALL"], ttl_s: 100_000 }, kept);
    await kept.post("/v1/users", 201, {});
    const key = await kept.post(`/v1/partners/kept/keys`, 201, { role: "partner" });
    const before = await keptState(kept);
    const acmeKey = await acme.post("/v1/partners/acme/keys", 201, { role: "partner" });
    await house.restart();
    acme = house.caller(String(acmeKey["api_key"]));
    const again = house.caller(String(key["api_key"]));
    expect(await keptState(again)).toEqual(before);
    expect(await membersOf("ALL", again)).toBe(200);
    expect(await again.post("/v1/users", 201, {})).toEqual({ id: "2" });
    expect(
      (await again.ask("PATCH", "/v1/segments/HALF", 200, { user_percent: 60 }))["members"],
    ).toBeGreaterThan(119);
  });
});
