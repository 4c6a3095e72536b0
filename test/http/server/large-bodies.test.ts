/** Bodies that are parsed in steps are read as exactly, and within the same bounds, as small ones. */
import { expect, test } from "vitest";
import { createTestApp, problemOf } from "../test-app.ts";

const SPACES = " ".repeat(300 * 1024);

function post(body: string): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return createTestApp().request("POST", "/v1/accounts", { headers, body });
}

test("a large body is read", async () => {
  const response = await post(`{"id":"a",${SPACES}"asset":"USD/2"}`);
  expect(response.status).toBe(201);
  expect(await response.json()).toMatchObject({ id: "a" });
});

test.each([
  [`{"id":"a","asset":"USD/2",${SPACES}"floor":1.5}`, "floor"],
  [`{"id":"a","asset":"USD/2",${SPACES}"id":"b"}`, "two members with the same name"],
  [`{"id":"a"${SPACES}`, "not JSON"],
  [`{"id":"${"[".repeat(9)}",${SPACES}"x":${"[".repeat(20)}${"]".repeat(20)}}`, "nested too deeply"],
])("a large body with a fault is refused", async (body, text) => {
  const problem = await problemOf(await post(body));
  expect(problem.status).toBe(400);
  expect(problem.detail).toContain(text);
});

test("a body may not have more values than are read in some milliseconds", async () => {
  const list = Array.from({ length: 20_000 }, () => "1").join(",");
  const problem = await problemOf(await post(`{"a":[${list}]}`));
  expect([problem.status, problem.detail]).toEqual([413, "The body may have at most 20000 values."]);
});
