import { describe, expect, test } from "vitest";
import { parseBound, toRange } from "../../../src/cli/wal/position.ts";

const time = (text: string) => ({ kind: "time", timeMs: Date.parse(text) });
const position = (shard: number | undefined, epoch: number, seq: number) => ({
  kind: "position",
  shard,
  id: { epoch, seq },
});

describe("a position in the log", () => {
  test.each([
    ["0:3-17", position(0, 3, 17)],
    ["12:1-0", position(12, 1, 0)],
    ["3-17", position(undefined, 3, 17)],
    ["2026-11-21", time("2026-11-21T00:00:00Z")],
    ["2026-11-21T12:30", time("2026-11-21T12:30:00Z")],
    ["2026-11-21T12:30:15.25", time("2026-11-21T12:30:15.250Z")],
    ["2026-11-21T12:30:15Z", time("2026-11-21T12:30:15Z")],
    ["2026-11-21T12:30+03:30", time("2026-11-21T09:00:00Z")],
  ])("%s", (text, bound) => {
    expect(parseBound(text)).toEqual(bound);
  });

  test.each([
    "",
    "17",
    "0:3",
    "3-17-1",
    "-1-2",
    "x:3-17",
    "2026-13-01",
    "2026-11-21T25:00",
    "21.11.2026",
    "now",
  ])("%s is none", (text) => {
    expect(() => parseBound(text)).toThrow(/Give a position/);
  });
});

describe("a range", () => {
  test("takes its shard from --shard, --from or --to", () => {
    const bound = parseBound("1:3-17");
    expect(toRange({ from: bound }).shard).toBe(1);
    expect(toRange({ to: bound }).shard).toBe(1);
    expect(toRange({ shard: 1, from: parseBound("3-1"), to: bound }).shard).toBe(1);
    expect(toRange({ from: parseBound("2026-11-21") }).shard).toBeUndefined();
  });

  test("names exactly one shard", () => {
    expect(() => toRange({ from: parseBound("1:3-17"), to: parseBound("2:3-17") })).toThrow(
      /different shards/,
    );
    expect(() => toRange({ shard: 0, from: parseBound("1:3-17") })).toThrow(/different shards/);
    expect(() => toRange({ from: parseBound("3-17") })).toThrow(/which shard's 3-17/);
  });
});
