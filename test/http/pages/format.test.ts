import { expect, test } from "vitest";
import { amountText, bytes, count, duration, money, pathOf } from "../../../src/http/pages/base/format.ts";
import { html } from "../../../src/http/pages/base/html.ts";

test.each([
  [0, "USD/2", "0.00"],
  [5, "USD/2", "0.05"],
  [-5, "USD/2", "−0.05"],
  [123_456_789, "USD/2", "1,234,567.89"],
  [2_500, "PTS/0", "2,500"],
  [1, "BTC/8", "0.00000001"],
  [9_007_199_254_740_993n, "USD/2", "90,071,992,547,409.93"],
  [7, "", "7"],
] as const)("%d of %s is written %s", (minor, asset, text) => {
  expect(amountText(minor, asset)).toBe(text);
});

test("a credit has a plus where the sign matters", () => {
  expect([amountText(5, "PTS/0", "always"), amountText(0, "PTS/0", "always")]).toEqual(["+5", "0"]);
});

test("counts, durations, sizes and paths are written for people", () => {
  expect([count(-0), count(12_345)]).toEqual(["0", "12,345"]);
  expect([duration(0.42), duration(31.4), duration(2_500)]).toEqual(["0.4 ms", "31 ms", "2.5 s"]);
  expect([bytes(999), bytes(1_500), bytes(2_500_000)]).toEqual(["999 B", "1.5 kB", "2.5 MB"]);
  expect(pathOf("console", "accounts", "a b", "alice/points")).toBe("/console/accounts/a%20b/alice%2Fpoints");
});

test("text of users is escaped in elements and in attributes", () => {
  const text = `<script>"&'`;
  expect(html`<b title="${text}">${text}</b>`.toString()).toBe(
    '<b title="&lt;script&gt;&quot;&amp;&#39;">&lt;script&gt;&quot;&amp;&#39;</b>',
  );
  expect(money(5, "<i>/2").toString()).not.toContain("<i>");
});
