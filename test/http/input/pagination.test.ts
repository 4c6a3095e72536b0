import { expect, onTestFinished, test, vi } from "vitest";
import { workSlices } from "../../../src/gateway/work-slices.ts";
import type { Call } from "../../../src/http/call.ts";
import { rowsWithin } from "../../../src/http/input/pagination.ts";

test("a page whose rendering is long waits for a turn of its owner", async () => {
  const isOver = vi.spyOn(workSlices, "isOver", "get").mockReturnValue(true);
  const next = vi.spyOn(workSlices, "next").mockResolvedValue();
  onTestFinished(() => [isOver, next].forEach((spy) => spy.mockRestore()));
  const call = { partner: "house", owner: "wal_ann", connection: undefined } as Call;
  const page = { data: [1, 2], cursors: ["1", "2"], nextCursor: null };
  expect((await rowsWithin(call, page, String)).rows).toEqual(["1", "2"]);
  expect(next.mock.calls).toEqual([
    ["house", "wal_ann"],
    ["house", "wal_ann"],
  ]);
});
