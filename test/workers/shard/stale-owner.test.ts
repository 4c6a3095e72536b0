/** A shard's memory is stale once another server owns its log. */
import { expect, test } from "vitest";
import type { ArchiveQueries } from "../../../src/archive/queries/query.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";
import { ShardLink } from "../../../src/gateway/shard-link/shard-link.ts";
import { StreamJournal } from "../../../src/wal/journal.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { LEASE_MS } from "../../../src/workers/shard/lease.ts";
import { memoryPair, openMemoryChannel } from "./memory-channel.ts";
import { account, MemoryCluster, mustPost, transfer } from "./memory-shards.ts";

/** A UUIDv7 of the year 2500, which log time refuses without a record. */
const KEY_AHEAD = "0f3c0e8c-3000-7000-8000-000000000001";

const refused = (gateway: Gateway) => gateway.submit({ ...transfer("@issuance", "a", 1), key: KEY_AHEAD });

const ASKED: readonly [string, (gateway: Gateway) => Promise<unknown>][] = [
  ["a refusal", refused],
  [
    "a batch of refusals",
    (gateway) => gateway.submitTransfers([{ ...transfer("@issuance", "a", 1), key: KEY_AHEAD }]),
  ],
  ["a dry run", (gateway) => gateway.dryRun({ ...account("b") })],
  ["a read", (gateway) => gateway.account("acme", "a")],
];

const NOT_ANSWERED = { code: expect.stringMatching(/outcome_unknown|log_unavailable/) };

/** A server on this log that can be paused, and another one that can take the log over. */
async function startOwner(store: MemoryStore) {
  let haltedMs = 0;
  const uptime = () => performance.now() + haltedMs;
  const cluster = await MemoryCluster.start([store], { instance: "old", uptime });
  const { gateway } = cluster;
  await mustPost(gateway, account("a"));
  expect(await refused(gateway)).toMatchObject({ refused: "validation_failed" });
  const replace = async () => {
    const claimant = { instance: "new", generation: 1, shard: 0, shards: 1 };
    await new StreamJournal({ stream: store.open(), claimant, witnesses: [], mayCreate: false }).claim();
    // The old server was paused for longer than its lease.
    haltedMs = 2 * LEASE_MS;
  };
  return { gateway, other: await otherGateway(cluster), replace };
}

/** A second gateway: its requests do not wait for the open requests of the first. */
async function otherGateway(cluster: MemoryCluster): Promise<Gateway> {
  const link = new ShardLink({ shard: 0, onFacts: () => {}, onAllFacts: () => {}, open: openMemoryChannel });
  const [end, own] = memoryPair();
  cluster.shard(0).host.control({ type: "channel", party: { kind: "gateway", number: 1 }, end });
  link.attach(own);
  await link.welcomed;
  const gateway = new Gateway();
  gateway.connect([link], {} as ArchiveQueries, () => undefined);
  return gateway;
}

test.each(ASKED)("a server whose log another one has claimed does not answer %s", async (_, ask) => {
  const { gateway, replace } = await startOwner(new MemoryStore("s0"));
  await ask(gateway);
  await replace();
  await expect(ask(gateway)).rejects.toMatchObject(NOT_ANSWERED);
});

test.each(ASKED)(
  "%s is not answered after an append that was stored before the server was replaced",
  async (_, ask) => {
    const store = new MemoryStore("s0");
    const { gateway, other, replace } = await startOwner(store);
    const answer = Promise.withResolvers<void>();
    const before = store.entries.length;
    store.inject({ kind: "slow_answer", until: answer.promise });
    // It is in the log, whether it was answered or not.
    const posted = gateway.submit(transfer("@issuance", "a", 1)).catch(() => {});
    await expect.poll(() => store.entries.length).toBe(before + 1);
    await replace();
    const asked = ask(other);
    asked.catch(() => {});
    // Decided during the append.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    answer.resolve();
    await posted;
    await expect(asked).rejects.toMatchObject(NOT_ANSWERED);
  },
);
