import { expect, test } from "vitest";
import type { Page } from "../../../src/archive/queries/query.ts";
import { fullPage, type PageAsk } from "../../../src/gateway/queries/full-page.ts";

/** A list of the numbers below `count`, and the limits of all fetches from it. */
function listOf(count: number) {
  const limits: number[] = [];
  const fetch = async ({ limit, cursor = "0" }: PageAsk): Promise<Page<number>> => {
    limits.push(limit);
    const from = Number(cursor);
    const data = Array.from({ length: Math.min(limit, count - from) }, (_, i) => from + i);
    const cursors = data.map((row) => `${row + 1}`);
    return { data, cursors, nextCursor: from + limit < count ? (cursors.at(-1) ?? null) : null };
  };
  return { limits, fetch };
}

const all = { isShown: () => true, bytesOf: () => 1, caller: undefined };

test("a large page is fetched in portions, so that the archive answers others in between", async () => {
  const { limits, fetch } = listOf(1_000);
  const { data, nextCursor } = await fullPage({ limit: 500 }, fetch, all);
  expect(data).toEqual(Array.from({ length: 500 }, (_, i) => i));
  expect(nextCursor).toBe("500");
  expect(limits).toEqual([100, 100, 100, 100, 100, 1]);
});

test("a small page is fetched at once, with the row that shows whether more follow", async () => {
  const { limits, fetch } = listOf(51);
  const page = await fullPage({ limit: 50 }, fetch, all);
  expect([page.data.length, page.nextCursor]).toEqual([50, "50"]);
  expect(limits).toEqual([51]);
});

test("portions of a list of which few rows are shown are larger", async () => {
  const { limits, fetch } = listOf(5_000);
  const rules = { ...all, isShown: (row: number) => row % 100 === 0 };
  const page = await fullPage({ limit: 20 }, fetch, rules);
  expect(page.data).toHaveLength(20);
  expect(limits).toEqual([21, 500, 500, 500, 500]);
});

test("portions grow while no row of them is shown", async () => {
  const { limits, fetch } = listOf(2_000);
  const rules = { ...all, isShown: (row: number) => row >= 1_000 };
  const page = await fullPage({ limit: 2 }, fetch, rules);
  expect(page.data).toEqual([1_000, 1_001]);
  expect(limits).toEqual([3, 500, 500]);
});
