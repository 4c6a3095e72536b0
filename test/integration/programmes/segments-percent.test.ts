/** Percentages that are lowered and raised, bulk removal, and the events by which a consumer follows segments. */
import { beforeAll, expect, test } from "vitest";
import { type Caller, type Json, startTestServer } from "./test-server.ts";

const house = startTestServer();
let key: string;
let acme: Caller;

beforeAll(async () => {
  key = await house.newPartner("acme");
  acme = house.caller(key);
  await acme.post("/v1/segments", 201, { slug: "EVERYBODY" });
  const ids = Array.from({ length: 200 }, (_, i) => `u${i}`);
  await acme.post("/v1/segments/EVERYBODY/users", 200, { ids });
});

const percent = (slug: string, user_percent: number) =>
  acme.ask("PATCH", `/v1/segments/${slug}`, 200, { user_percent });
const holders = async (slug: string) =>
  (await acme.all(`/v1/segments/${slug}/users?limit=500`)).map(({ id }) => String(id)).toSorted();
async function allEvents(query: string): Promise<readonly Json[]> {
  const events: Json[] = [];
  for (let after = ""; ; ) {
    const page = await acme.get(`/v1/events?${query}${after}`);
    const data = page["data"] as Json[];
    events.push(...data);
    const next = page["next_cursor"];
    if (typeof next !== "string") return events;
    after = `&after=${next}`;
  }
}
const change = (id: string, body: Json) => acme.ask("PATCH", `/v1/users/${id}/segments`, 200, body);

test("lowering takes the surplus of automatic members, raising gives it back, except to who was removed", async () => {
  await acme.post("/v1/segments", 201, { slug: "SHARE", user_percent: 60 });
  const most = await holders("SHARE");
  expect(most).toHaveLength(120);
  const outside = Array.from({ length: 200 }, (_, i) => `u${i}`).find((id) => !most.includes(id)) ?? "";
  await change(outside, { add: ["SHARE"] });
  expect(await percent("SHARE", 25)).toMatchObject({ user_percent: 25, members: 51 });
  const few = await holders("SHARE");
  expect(few.filter((id) => !most.includes(id))).toEqual([outside]);
  await acme.post("/v1/segments", 201, { slug: "FRESH", user_percent: 1 });
  const removed = few.filter((id) => id !== outside).slice(0, 3);
  for (const id of removed) await change(id, { remove: ["SHARE"] });
  expect(await percent("SHARE", 60)).toMatchObject({ members: 118 });
  expect(await holders("SHARE")).toEqual([...most.filter((id) => !removed.includes(id)), outside].toSorted());
  await percent("SHARE", 1);
  expect((await acme.get("/v1/segments/SHARE"))["user_percent"]).toBe(1);
  const before = Number((await acme.get("/v1/segments/SHARE"))["members"]);
  for (let i = 0; i < 20; i++) await acme.post("/v1/users", 201, { id: `late${i}` });
  expect(Number((await acme.get("/v1/segments/SHARE"))["members"]) - before).toBeLessThanOrEqual(4);
});

test("changes of one percentage at the same time end with that of one of them, and exactly its members", async () => {
  const users = (await acme.all("/v1/users?limit=500")).length;
  for (let round = 0; round < 4; round++) {
    const slug = `RACE_${round}`;
    await acme.post("/v1/segments", 201, { slug, user_percent: 40 });
    const wanted = [10, 70, 25, 90, 5, 55];
    const statuses = await acme.race(wanted.length, (client, i) =>
      client.send(
        "PATCH",
        `/v1/segments/${slug}`,
        { user_percent: wanted[i] },
        { "Idempotency-Key": `${slug}-${i}` },
      ),
    );
    expect([...statuses.keys()], JSON.stringify([...statuses])).toEqual([200]);
    const { user_percent: last, members } = await acme.get(`/v1/segments/${slug}`);
    expect(wanted).toContain(last);
    expect(members).toBe(Math.floor((users * Number(last)) / 100 + 0.5));
    const fresh = await percent(slug, Number(last));
    expect(fresh["members"]).toBe(members);
  }
});

test("many users are removed at once; unknown ones do not count, and a percentage does not add them again", async () => {
  await acme.post("/v1/segments", 201, { slug: "BULK", user_percent: 100 });
  const all = await holders("BULK");
  const gone = all.slice(0, 50);
  const body = { ids: [...gone, gone[0], "nobody", "no/body"] };
  const retried = { "Idempotency-Key": "bulk" };
  const first = await acme.ask("POST", "/v1/segments/BULK/users/remove", 200, body, retried);
  expect(first).toEqual({ removed: 50 });
  expect(await acme.ask("POST", "/v1/segments/BULK/users/remove", 200, body, retried)).toEqual(first);
  expect(await acme.post("/v1/segments/BULK/users/remove", 200, body)).toEqual({ removed: 0 });
  expect(await holders("BULK")).toEqual(all.slice(50));
  await percent("BULK", 50);
  await percent("BULK", 100);
  expect((await holders("BULK")).filter((id) => gone.includes(id))).toEqual([]);
  await acme.refused("GET", "/v1/users/nobody", 404, "user_not_found");
  await acme.refused("POST", "/v1/segments/NONE/users/remove", 404, "segment_not_found", { ids: ["x"] });
  await acme.refused("POST", "/v1/segments/BULK/users/remove", 400, "validation_failed", { ids: [] });
});

test("the events of every kind of change give the members of each segment", async () => {
  await acme.post("/v1/segments", 201, { slug: "BRIEF" });
  await acme.post("/v1/segments/BRIEF/users", 200, { ids: ["u1", "u2"], ttl_s: 1 });
  await acme.post("/v1/segments", 201, { slug: "GONE", user_percent: 30 });
  await acme.ask("DELETE", "/v1/segments/GONE", 204);
  const types = "segment.member_added,segment.member_removed";
  const followed = async () => {
    const members = new Map<string, Set<string>>();
    for (const { type, data } of await allEvents(`types=${types}&limit=500`)) {
      const { user, segment } = data as { user: string; segment: string };
      const known = members.get(segment) ?? new Set<string>();
      members.set(segment, known);
      if (type === "segment.member_added") {
        expect(known.has(user), `${user} enters ${segment} once`).toBe(false);
        known.add(user);
      } else expect(known.delete(user), `${user} leaves ${segment} once`).toBe(true);
    }
    return members;
  };
  await expect
    .poll(
      async () => {
        const members = await followed();
        return [members.get("BRIEF")?.size, members.get("GONE")?.size];
      },
      { timeout: 20_000 },
    )
    .toEqual([0, 0]);
  const members = await followed();
  for (const { slug } of await acme.all("/v1/segments"))
    expect([...(members.get(String(slug)) ?? [])].toSorted(), String(slug)).toEqual(
      await holders(String(slug)),
    );
});

test("percentages and removals are the same after a restart", async () => {
  const before = await holders("SHARE");
  await house.restart();
  acme = house.caller(key);
  expect(await holders("SHARE")).toEqual(before);
  await percent("SHARE", 60);
  const raised = await holders("SHARE");
  await percent("SHARE", 1);
  // One who came later, and is above the share now, has left.
  const lowered = await holders("SHARE");
  expect(before).toEqual(expect.arrayContaining([...lowered]));
  expect(lowered.length).toBeGreaterThanOrEqual(before.length - 1);
  expect(raised.length).toBeGreaterThan(before.length);
});
