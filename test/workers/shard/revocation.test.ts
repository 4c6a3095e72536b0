/** A revocation is reported only when every gateway has confirmed it. Here one of two gateways confirms late. */
import { expect, test } from "vitest";
import { decode, encode } from "../../../src/actors/records/pack.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { REQUEST, TO_GATEWAY, type ToGateway } from "../../../src/workers/shard/messages.ts";
import { memoryPair, openMemoryChannel } from "./memory-channel.ts";
import { account, MemoryCluster } from "./memory-shards.ts";

const NAMES = { partner: "acme", fingerprint: 1 } as const;

/** Another gateway of this shard, which confirms nothing until the test calls `confirm`. */
function slowGateway({ host }: ReturnType<MemoryCluster["shard"]>) {
  const [here, there] = memoryPair();
  const told: number[] = [];
  let isSlow = true;
  const channel = openMemoryChannel(there, {
    receive: (bytes) => {
      const message = decode(bytes) as ToGateway;
      if (message[0] !== TO_GATEWAY.facts) return;
      told.push(message[1]);
      if (!isSlow) confirm();
    },
    closed: () => {},
  });
  const confirm = () => {
    isSlow = false;
    channel.post(encode(told.splice(0).map((no) => [no, REQUEST.learned])));
  };
  host.control({ type: "channel", party: { kind: "gateway", number: 1 }, end: here });
  return { confirm };
}

test.each([
  ["its repeat", "first"],
  ["a refusal of the same with another key", "second"],
])("while one gateway has not confirmed a revocation, %s is not answered either", async (_, key) => {
  const cluster = await MemoryCluster.start([new MemoryStore("s0")]);
  const { gateway } = cluster;
  const firstKey = { id: "k1", role: "partner", name: "k1", prefix: "k1", hash: "hash" } as const;
  await gateway.submit({ ...NAMES, op: "create_partner", key: null, name: "Acme", firstKey });
  const slow = slowGateway(cluster.shard(0));
  const answered: string[] = [];
  const revoke = async (by: string) => {
    await gateway.submit({ ...NAMES, op: "revoke_key", key: by, keyId: "k1" });
    answered.push(by);
  };
  const revoked = [revoke("first"), revoke(key)];
  // The replies to later requests show that the shard has handled this one.
  for (let turn = 0; turn < 3; turn++) await gateway.submit(account(`a${turn}`));
  expect(answered).toEqual([]);
  slow.confirm();
  await Promise.all(revoked);
  expect(answered).toHaveLength(2);
});
