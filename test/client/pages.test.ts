/** Every list of the API, page by page, with a server that gives what the test wants. */
import { expect, test } from "vitest";
import { createDaybook, type ListPath } from "../../clients/typescript/src/index.ts";
import { createTestApp } from "../http/test-app.ts";

type Parameter = Readonly<{ name: string; in: string }>;
type Operation = Readonly<{ parameters?: readonly Parameter[]; responses: Readonly<Record<string, object>> }>;

const { request } = createTestApp();
const { paths } = (await (await request("GET", "/openapi.json", { key: "" })).json()) as {
  paths: Record<string, { get?: Operation }>;
};

function queryOf({ parameters = [] }: Operation): readonly string[] {
  return parameters.filter((each) => each.in === "query").map(({ name }) => name);
}

/** The lists of the document, and the query parameters of each. */
const ALL = Object.entries(paths).flatMap(([path, { get }]) =>
  get !== undefined && JSON.stringify(get.responses["200"]).includes('"next_cursor"')
    ? [[path as ListPath, queryOf(get)] as const]
    : [],
);
/** This one has at most one item. */
const LISTS = ALL.filter(([path]) => path !== "/v1/wallet-users");

function pagedServer(pages: readonly (readonly unknown[])[]) {
  const asked: URL[] = [];
  const daybook = createDaybook({
    url: "http://daybook.example",
    fetch: async ({ url }) => {
      const index = asked.push(new URL(url)) - 1;
      return Response.json({
        data: pages[index],
        next_cursor: index + 1 < pages.length ? `c/${index + 1}` : null,
      });
    },
  });
  return { daybook, asked };
}

/** Types know the parameters of each list; a test of all lists does not. */
type AnyList = (path: string, init: object) => AsyncIterable<readonly unknown[]>;

test("the document has the lists that it is known to have", () => {
  expect(LISTS.length).toBeGreaterThan(25);
  expect(LISTS.map(([path]) => path)).toEqual(
    expect.arrayContaining(["/v1/accounts", "/v1/events", "/v1/wallet/events"]),
  );
});

test.each(LISTS)("%s is followed over empty pages to its end", async (path, parameters) => {
  const { daybook, asked } = pagedServer([[1, 2], [], [3], []]);
  const init = { path: { id: "a/b", slug: "VIP", phone: "+98", code: "c", email: "e" }, query: { limit: 2 } };
  const pages: (readonly unknown[])[] = [];
  for await (const page of (daybook.pages as AnyList)(path, init)) pages.push(page);
  expect(pages).toEqual([[1, 2], [], [3], []]);
  const cursor = parameters.includes("cursor") ? "cursor" : "after";
  expect(parameters).toContain(cursor);
  expect(asked.map(({ searchParams }) => searchParams.get(cursor))).toEqual([null, "c/1", "c/2", "c/3"]);
  expect(asked.map(({ searchParams }) => searchParams.get("limit"))).toEqual(["2", "2", "2", "2"]);
});

test("items are those of all pages, and no page is asked for before it is needed", async () => {
  const { daybook, asked } = pagedServer([[], [{ id: "a" }, { id: "b" }], [{ id: "c" }]]);
  const seen: string[] = [];
  for await (const { id } of daybook.items("/v1/accounts")) {
    seen.push(id);
    if (id === "b") expect(asked.length).toBe(2);
  }
  expect(seen).toEqual(["a", "b", "c"]);
});

test("a list that does not go on is given up", async () => {
  const daybook = createDaybook({
    url: "http://daybook.example",
    fetch: async () => Response.json({ data: [], next_cursor: "same" }),
  });
  const all = daybook.items("/v1/transfers");
  await expect(all.next()).rejects.toThrow("the list does not go on after its cursor same");
});
