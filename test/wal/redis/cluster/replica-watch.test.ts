/** What a server says of the replicas of its log's primary. */
import { afterEach, expect, test, vi } from "vitest";
import { ReplicaWatch } from "../../../../src/wal/redis/cluster/replica-watch.ts";

const WRITTEN = 1_000_000;
const BEHIND_MAX = 5_000;
const replica = (state: string, lag: number, behind = 0) =>
  `ip=10.0.0.1,port=6379,state=${state},offset=${WRITTEN - behind},lag=${lag}`;
const info = (...replicas: readonly string[]) =>
  new Map([
    ["role", "master"],
    ["master_repl_offset", String(WRITTEN)],
    ["connected_slaves", String(replicas.length)],
    ...replicas.map((each, no) => [`slave${no}`, each] as const),
  ]);

const WELL = replica("online", 1);

afterEach(() => {
  vi.useRealTimers();
});

test("replicas that follow are no news", () => {
  const watch = new ReplicaWatch(BEHIND_MAX);
  expect(watch.look(info(WELL, WELL))).toBeUndefined();
  expect(watch.look(info(WELL, WELL))).toBeUndefined();
});

test.each([
  ["is away", []],
  ["gets all data", [replica("send_bulk", 0)]],
  ["has been silent for six seconds", [replica("online", 6)]],
  ["reports, but lacks more than is remembered for a repair", [replica("online", 0, BEHIND_MAX + 1)]],
])("a replica that %s is said once, and that it is back", (_, others) => {
  const watch = new ReplicaWatch(BEHIND_MAX);
  watch.look(info(WELL, WELL));
  expect(watch.look(info(WELL, ...others))).toBe("1 of 2 replicas of its primary follow it");
  expect(watch.look(info(WELL, ...others))).toBeUndefined();
  expect(watch.look(info(WELL, replica("online", 5, BEHIND_MAX)))).toBe(
    "all 2 replicas of its primary follow it again",
  );
});

test("a new primary has as many replicas to wait for as the former one had", () => {
  const watch = new ReplicaWatch(BEHIND_MAX);
  watch.look(info(WELL, WELL));
  expect(watch.look(info())).toBe("0 of 2 replicas of its primary follow it");
  expect(watch.look(info(WELL))).toBe("1 of 2 replicas of its primary follow it");
});

test("how many follow is known until the primary has been silent for ten seconds", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const watch = new ReplicaWatch(BEHIND_MAX);
  expect(watch.following).toBeUndefined();
  watch.look(info(WELL, WELL));
  vi.advanceTimersByTime(9_999);
  expect(watch.following).toBe(2);
  vi.advanceTimersByTime(1);
  expect(watch.following).toBeUndefined();
  watch.look(info(WELL));
  expect(watch.following).toBe(1);
});
