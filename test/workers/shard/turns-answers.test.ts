import { afterEach, expect, test, vi } from "vitest";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { Gateways } from "../../../src/workers/shard/gateways.ts";
import { TO_GATEWAY } from "../../../src/workers/shard/messages.ts";
import { account, mustPost, startShard, transfer } from "./memory-shards.ts";

afterEach(() => void vi.restoreAllMocks());

/** The number of replies in each message to a gateway that has any. */
function repliesPerMessage(): number[] {
  const counts: number[] = [];
  // oxlint-disable-next-line typescript/unbound-method -- called with its `this` below
  const { send } = Gateways.prototype;
  vi.spyOn(Gateways.prototype, "send").mockImplementation(function (this: Gateways, gateway, message) {
    if (message[0] === TO_GATEWAY.replies) counts.push(message[4].length);
    send.call(this, gateway, message);
  });
  return counts;
}

test("replies of a turn that need no new record leave in one message: reads, refusals and replays", async () => {
  const { gateway } = await startShard(new MemoryStore("log"));
  await mustPost(gateway, account("a"));
  await mustPost(gateway, transfer("@issuance", "a", 100, "first"));
  const counts = repliesPerMessage();
  await Promise.all([
    ...Array.from({ length: 20 }, () => gateway.account("acme", "a")),
    ...Array.from({ length: 20 }, () => gateway.submit(transfer("a", "@sink", 1_000))),
    ...Array.from({ length: 20 }, () => gateway.submit(transfer("@issuance", "a", 7, "first"))),
  ]);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(60);
  expect(Math.min(...counts), "as many as one message asked for").toBeGreaterThanOrEqual(20);
});
