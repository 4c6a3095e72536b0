/** What a server says of the replicas of its log's primary. */
import { expect, test } from "vitest";
import { ReplicaWatch } from "../../../../src/wal/redis/cluster/replica-watch.ts";

const replica = (state: string, lag: number) => `ip=10.0.0.1,port=6379,state=${state},offset=100,lag=${lag}`;
const info = (...replicas: readonly string[]) =>
  new Map([
    ["role", "master"],
    ["connected_slaves", String(replicas.length)],
    ...replicas.map((each, no) => [`slave${no}`, each] as const),
  ]);

const WELL = replica("online", 1);

test("replicas that follow are no news", () => {
  const watch = new ReplicaWatch();
  expect(watch.look(info(WELL, WELL))).toBeUndefined();
  expect(watch.look(info(WELL, WELL))).toBeUndefined();
});

test.each([
  ["is away", []],
  ["gets all data", [replica("send_bulk", 0)]],
  ["has been silent for six seconds", [replica("online", 6)]],
])("a replica that %s is said once, and that it is back", (_, others) => {
  const watch = new ReplicaWatch();
  watch.look(info(WELL, WELL));
  expect(watch.look(info(WELL, ...others))).toBe("1 of 2 replicas of its primary follow it");
  expect(watch.look(info(WELL, ...others))).toBeUndefined();
  expect(watch.look(info(WELL, replica("online", 5)))).toBe("all 2 replicas of its primary follow it again");
});

test("a new primary has as many replicas to wait for as the former one had", () => {
  const watch = new ReplicaWatch();
  watch.look(info(WELL, WELL));
  expect(watch.look(info())).toBe("0 of 2 replicas of its primary follow it");
  expect(watch.look(info(WELL))).toBe("1 of 2 replicas of its primary follow it");
});
