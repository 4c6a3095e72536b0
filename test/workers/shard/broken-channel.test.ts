/** A channel that breaks while both of its parties run. */
import { expect, test } from "vitest";
import { shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { ChannelWatch } from "../../../src/workers/shard/channel-watch.ts";
import type { Party } from "../../../src/workers/shard/messages.ts";
import { within } from "../../support/server.ts";
import { memoryPair, openMemoryChannel } from "./memory-channel.ts";
import { account, MemoryCluster, mustPost, transfer } from "./memory-shards.ts";

const SHARDS = 2;

function idOn(shard: number, name: string): string {
  for (let i = 0; ; i++) {
    const id = `${name}${i}`;
    if (shardOfVnode(vnodeOfAccount("acme", id), SHARDS) === shard) return id;
  }
}

test("a shard reports a channel that broke and was not replaced, and no other", async () => {
  const missed: Party[] = [];
  const first = Promise.withResolvers<void>();
  const watch = new ChannelWatch({
    open: openMemoryChannel,
    missedMsMax: 20,
    onMissed: (party) => {
      missed.push(party);
      first.resolve();
    },
  });
  const handlers = { receive: () => {}, closed: () => {} };
  const give = (party: Party) => {
    const [here, there] = memoryPair();
    watch.expect(party, here);
    return { mine: watch.open(here, handlers), theirs: openMemoryChannel(there, handlers) };
  };
  const [returning, closed, lost] = [0, 1, 2].map((number) => ({ kind: "shard", number }) as const);
  for (const party of [returning, closed, lost]) {
    const { mine, theirs } = give(party as Party);
    if (party === closed) mine.close();
    theirs.close();
    // The other side notices it a turn later.
    await Promise.resolve();
    if (party === returning) give(party as Party);
  }
  await within(5_000, "it misses one", first.promise);
  expect(missed).toEqual([lost]);
});

test("I8: two running shards that get a new channel lose no message and apply none twice", async () => {
  const cluster = await MemoryCluster.start([new MemoryStore("a"), new MemoryStore("b")]);
  const { gateway } = cluster;
  const [a, b] = [idOn(0, "a"), idOn(1, "b")];
  await mustPost(gateway, account(a));
  await mustPost(gateway, account(b));
  await mustPost(gateway, transfer("@issuance", a, 1_000));
  const replaceChannel = () => {
    const [here, there] = memoryPair();
    cluster.shard(0).host.control({ type: "channel", party: { kind: "shard", number: 1 }, end: here });
    cluster.shard(1).host.control({ type: "channel", party: { kind: "shard", number: 0 }, end: there });
  };
  let done = 0;
  for (let round = 0; round < 20; round++) {
    const asked = [0, 1, 2].map((i) => gateway.submit(transfer(a, b, 1, `${round}-${i}`)));
    // Each round breaks the channel at another moment.
    for (let turn = 0; turn < round; turn++) await Promise.resolve();
    replaceChannel();
    const answers = await within(10_000, "all are answered", Promise.allSettled(asked));
    for (const answer of answers) if (answer.status === "fulfilled" && "outcome" in answer.value) done += 1;
  }
  // Commands that were refused temporarily are executed now; executed ones are not executed again.
  for (let round = 0; round < 20; round++) {
    for (const i of [0, 1, 2]) {
      const again = await gateway.submit(transfer(a, b, 1, `${round}-${i}`));
      expect(again).toMatchObject({ outcome: { ok: true } });
    }
  }
  expect(done).toBeGreaterThan(0);
  expect((await gateway.account("acme", a))?.posted).toBe(1_000 - 60);
  expect((await gateway.account("acme", b))?.posted).toBe(60);
  const { assets } = await gateway.trialBalance("acme");
  expect(assets).toEqual({ "PTS/0": { sum: 0n, inTransit: 0n, accounts: 2 } });
});
