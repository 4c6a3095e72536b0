/** The commands that a shard executes on its own: in which order, for which subjects, and what they count. */
import { expect, test } from "vitest";
import type { ScheduledCommand } from "../../../src/actors/programmes/programme.ts";
import { Scheduler } from "../../../src/actors/programmes/scheduler.ts";
import { DUE_BYTES } from "../../../src/actors/quotas/bytes.ts";

function due(id: string, endsAtMs: number, partner: string, ...subjects: string[]): ScheduledCommand {
  const command = { op: "tick", partner, key: null, fingerprint: 0 } as const;
  return { id, endsAtMs, partner, subjects, place: -1, command: () => command };
}

test("a command is due at its very time, and stays first until it is removed", () => {
  const scheduler = new Scheduler();
  expect([scheduler.nextDueMs, scheduler.nextDue(1e15)]).toEqual([Number.POSITIVE_INFINITY, undefined]);
  const [late, soon] = [due("late", 200, "acme", "a"), due("soon", 100, "acme", "a")];
  for (const item of [late, soon]) scheduler.add(item);
  expect(scheduler.nextDueMs).toBe(100);
  expect([99, 100, 200, 100].map((nowMs) => scheduler.nextDue(nowMs)?.id)).toEqual([
    undefined,
    "soon",
    "soon",
    "soon",
  ]);
  scheduler.remove(soon);
  expect([scheduler.nextDueMs, scheduler.nextDue(199), scheduler.nextDue(200)]).toEqual([
    200,
    undefined,
    late,
  ]);
});

test("a subject's own commands are due at their very time, each partner's apart", () => {
  const scheduler = new Scheduler();
  const [both, other, foreign] = [
    due("both", 200, "acme", "a", "b"),
    due("other", 100, "acme", "b"),
    due("foreign", 50, "globex", "a"),
  ];
  for (const item of [both, other, foreign]) scheduler.add(item);
  const at = (partner: string, subject: string, nowMs: number) =>
    scheduler.nextDueOf(partner, subject, nowMs)?.id;
  expect([at("acme", "a", 199), at("acme", "a", 200)]).toEqual([undefined, "both"]);
  expect([at("acme", "b", 99), at("acme", "b", 100), at("acme", "b", 1e15)]).toEqual([
    undefined,
    "other",
    "other",
  ]);
  expect([at("globex", "a", 50), at("globex", "b", 1e15), at("acme", "c", 1e15)]).toEqual([
    "foreign",
    undefined,
    undefined,
  ]);
  scheduler.remove(other);
  expect(at("acme", "b", 200)).toBe("both");
  scheduler.remove(both);
  expect([at("acme", "a", 1e15), at("acme", "b", 1e15)]).toEqual([undefined, undefined]);
});

test("a command is removed once, and never before it was added", () => {
  const scheduler = new Scheduler();
  const item = due("one", 1, "acme", "a");
  expect(() => scheduler.remove(item)).toThrow("is scheduled");
  scheduler.add(item);
  scheduler.remove(item);
  expect(() => scheduler.remove(item)).toThrow("is scheduled");
});

test("its partner's usage counts the bytes of a command while it is scheduled", () => {
  const bytes = new Map([
    ["acme", 0],
    ["globex", 0],
  ]);
  const scheduler = new Scheduler((partner) => ({
    count: (more) => bytes.set(partner, (bytes.get(partner) ?? 0) + more),
  }));
  const items = [due("1", 1, "acme", "a", "b"), due("2", 2, "acme"), due("3", 3, "globex", "a")];
  for (const item of items) scheduler.add(item);
  expect([...bytes.values()]).toEqual([2 * DUE_BYTES, DUE_BYTES]);
  for (const item of items) scheduler.remove(item);
  expect([...bytes.values()]).toEqual([0, 0]);
});
