import { expect, test } from "vitest";
import { parseNodes, primaryOf, slotOf } from "../../../../src/wal/redis/cluster/cluster-view.ts";

const VIEW = [
  "07c3 127.0.0.1:30004@31004,,shard-id=69bc slave e7d1 0 1426238317239 4 connected",
  "67ed 127.0.0.1:30002@31002,host-2 master - 0 1426238316232 2 connected 5461-10922 [93-<-292f]",
  "292f 127.0.0.1:30003@31003 master,fail? - 0 1426238318243 3 connected 10923-16382 16383",
  "e7d1 :30001@31001 myself,master - 0 0 1 connected 0-5460",
  "dead 127.0.0.1:0@0 master,fail,noaddr - 0 0 1 disconnected",
].join("\n");

test("reads the reply of CLUSTER NODES", () => {
  const [replica, second, third, myself, gone] = parseNodes(`${VIEW}\n`);
  expect(replica).toMatchObject({ host: "127.0.0.1", port: 30004, isPrimary: false, primaryId: "e7d1" });
  expect(second).toMatchObject({ host: "host-2", isPrimary: true, configEpoch: 2, slots: [[5461, 10922]] });
  expect(third).toMatchObject({
    isGone: false,
    slots: [
      [10923, 16382],
      [16383, 16383],
    ],
  });
  expect(myself).toMatchObject({ host: "", port: 30001, isMyself: true, primaryId: undefined });
  expect(gone).toMatchObject({ isGone: true, slots: [] });
});

test("of two primaries that claim a slot, the one with the higher epoch serves it", () => {
  const old = parseNodes("aaaa h:1@2 myself,master - 0 0 3 connected 0-100");
  const newer = parseNodes("bbbb h:3@4 myself,master - 0 0 7 connected 0-100");
  expect(primaryOf([old, newer], 50)?.id).toBe("bbbb");
  expect(primaryOf([newer, old], 50)?.id).toBe("bbbb");
  expect(primaryOf([newer, old], 101)).toBeUndefined();
});

test("keys with the same tag are in the same slot", () => {
  expect(slotOf("daybook:{g1s0}:wal")).toBe(slotOf("daybook:{g1s0}:snapshot:21"));
  // From the specification of Redis Cluster.
  expect(slotOf("123456789")).toBe(0x31c3);
});
