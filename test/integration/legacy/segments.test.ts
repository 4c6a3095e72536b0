/** The segments service's own samples and tests, sent to the old addresses. */
import { beforeAll, expect, test } from "vitest";
import type { Caller } from "../programmes/test-server.ts";
import { CURL, OldClient, oldUrlOf, startOldServer } from "./old-client.ts";

const NOW = new Date();
const THIS_MONTH = `year=${NOW.getUTCFullYear()}&month=${NOW.getUTCMonth() + 1}`;

function counts(segments_added: number, segments_deleted: number): readonly unknown[] {
  return [200, { segments_added, segments_deleted }];
}

const house = startOldServer();
// `curl -d` names a form as the type of its JSON.
const client = new OldClient(() => oldUrlOf(house), CURL);
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
});

test("the samples of the README, in their order", async () => {
  expect(await client.ask("POST", "/user")).toEqual([201, { user_id: 1 }]);
  const [status, made] = await client.ask("POST", "/segment", '{"slug": "AVITO_DISCOUNT_30"}');
  expect(status).toBe(201);
  expect(made).toEqual({ created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) });
  await client.send("POST", "/segment", '{"slug": "AVITO_DISCOUNT_50"}');
  const change =
    '{"user_id": 1, "add_segments": ["AVITO_DISCOUNT_50", "AVITO_DISCOUNT_30"], "ttl":86400, "delete_segments": []}';
  expect(await client.ask("POST", "/segment/user", change)).toEqual([
    200,
    { segments_added: 2, segments_deleted: 0 },
  ]);
  const [, { segments }] = (await client.ask("GET", "/segment/user/1")) as [number, { segments: object[] }];
  expect(segments).toHaveLength(2);
  expect(segments).toEqual(
    expect.arrayContaining([{ slug: "AVITO_DISCOUNT_30" }, { slug: "AVITO_DISCOUNT_50" }]),
  );
  expect(await client.ask("DELETE", "/segment", '{"slug": "AVITO_DISCOUNT_30"}')).toEqual([
    200,
    { message: "ok" },
  ]);
  expect(await client.ask("GET", "/segment/user/1")).toEqual([
    200,
    { segments: [{ slug: "AVITO_DISCOUNT_50" }] },
  ]);
  const { data } = await acme.get("/v1/segments");
  expect(data).toMatchObject([{ slug: "AVITO_DISCOUNT_50", members: 1 }]);
});

test("a report's link has no scheme and leads to a CSV file", async () => {
  const [status, body] = await client.ask("GET", `/segment/history/1?${THIS_MONTH}`);
  expect(status).toBe(200);
  const { report_link: link } = body as { report_link: string };
  const host = oldUrlOf(house).slice("http://".length);
  expect(link).toMatch(new RegExp(`^${host}/segment/reports/1-\\d+-\\d{6}\\.csv$`));
  const file = link.slice(link.indexOf("/"));
  const report = await client.send("GET", file);
  expect(report.status).toBe(200);
  expect(report.headers["content-type"]).toBe("text/csv");
  expect(report.headers["content-disposition"]).toBe(`attachment;filename=${file.split("/").at(-1)}`);
  const [header, ...rows] = report.text.trim().split(/\r?\n/);
  expect(header).toBe("user_id,segment_slug,operation,executed_at");
  expect(rows).toHaveLength(3);
  for (const row of rows) expect(row).toMatch(/^1,AVITO_DISCOUNT_[35]0,[ID],\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  expect(rows[2]).toMatch(/^1,AVITO_DISCOUNT_30,D,/);
});

test("a report needs a year and a month; an unknown file is 400", async () => {
  for (const query of ["", "?year=2023", "?month=9", "?year=2023&month=x", "?year=2023&month=13"])
    expect(await client.statusOf("GET", `/segment/history/1${query}`), query).toBe(400);
  expect(await client.statusOf("GET", "/segment/history/x?year=2023&month=9")).toBe(400);
  for (const file of ["1-1693218476.csv", "..%2F..%2Fetc%2Fpasswd", "1-1-202313.csv"])
    expect(await client.ask("GET", `/segment/reports/${file}`)).toEqual([400, { error: "file not found" }]);
});

test("refused as before: short, missing and known slugs, percentages, unknown members, no JSON", async () => {
  const refused = async (body: string) => client.ask("POST", "/segment", body);
  expect(await refused('{"slug": "AB"}')).toEqual([
    400,
    { error: [{ field: "slug", message: "This field must be at least 3" }] },
  ]);
  expect(await refused("{}")).toEqual([
    400,
    { error: [{ field: "slug", message: "This field is required" }] },
  ]);
  expect(await refused('{"slug": "AVITO_DISCOUNT_50"}')).toEqual([400, { error: "segment already exists" }]);
  for (const body of [
    '{"slug": "PERCENT", "user_percent": 101}',
    '{"slug": "PERCENT", "user_percent": -1}',
    '{"slug": "PERCENT", "user_percent": "50"}',
    '{"slug": "PERCENT", "more": 1}',
    '{"slug": 5}',
    "{",
    "",
    `{"slug": "${"A".repeat(1024 * 1024)}"}`,
  ])
    expect((await refused(body))[0], body.slice(0, 50)).toBe(400);
  expect(await client.statusOf("DELETE", "/segment", '{"slug": "NEVER_MADE"}')).toBe(404);
  expect(await client.statusOf("DELETE", "/segment", '{"slug": "AB"}')).toBe(400);
  expect(await client.statusOf("DELETE", "/segment")).toBe(400);
});

test("unknown slugs are skipped, held ones are not counted, and one in both lists is added and removed", async () => {
  await client.send("POST", "/segment", { slug: "VOICE" });
  const change = (body: object) => client.ask("POST", "/segment/user", body);
  expect(await change({ user_id: 1002, add_segments: ["VOICE", "NO_SUCH", "lower case"] })).toEqual(
    counts(1, 0),
  );
  expect(await change({ user_id: 1002, add_segments: ["VOICE"] })).toEqual(counts(0, 0));
  expect(await change({ user_id: 1002, delete_segments: ["NO_SUCH", "AVITO_DISCOUNT_50"] })).toEqual(
    counts(0, 0),
  );
  expect(await change({ user_id: 1002, delete_segments: ["VOICE"] })).toEqual(counts(0, 1));
  expect(await change({ user_id: 1002, add_segments: ["VOICE"], delete_segments: ["VOICE"] })).toEqual(
    counts(1, 1),
  );
  expect(await change({ user_id: 1002 })).toEqual(counts(0, 0));
  // The id is kept as it was given.
  await acme.get("/v1/users/1002");
  for (const body of [
    { add_segments: ["VOICE"] },
    { user_id: 0 },
    { user_id: -1 },
    { user_id: "1" },
    { user_id: 1, add_segments: ["AB"] },
    { user_id: 1, add_segments: "VOICE" },
    { user_id: 1, add_segments: ["VOICE"], ttl: -5 },
    { user_id: 1, more: true },
  ])
    expect((await change(body))[0], JSON.stringify(body)).toBe(400);
});

test("a user without segments is answered with null, and an id that is no number with 400", async () => {
  expect(await client.ask("GET", "/segment/user/777")).toEqual([200, { segments: null }]);
  expect(await client.statusOf("GET", "/segment/user/abc")).toBe(400);
});

test("a percentage of the users gets the segment", async () => {
  for (let i = 0; i < 6; i++) await client.send("POST", "/user");
  const { data } = await acme.get("/v1/users?limit=500");
  expect(await client.statusOf("POST", "/segment", { slug: "HALF", user_percent: 50 })).toBe(201);
  const users = (data as readonly unknown[]).length;
  expect(await acme.get("/v1/segments/HALF")).toMatchObject({ members: Math.round(users / 2) });
});

test("a slash at the end is ignored, and other methods are 405", async () => {
  expect(await client.statusOf("POST", "/user/")).toBe(201);
  expect(await client.ask("GET", "/segment/user/1/")).toMatchObject([200, {}]);
  const refused = await client.send("PUT", "/segment", "{}");
  expect([refused.status, refused.headers["allow"]]).toEqual([405, "POST, DELETE"]);
});
