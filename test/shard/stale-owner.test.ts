/** What a shard knows by heart is worth nothing once another server owns its log. */
import { expect, test } from "vitest";
import type { Gateway } from "../../src/gateway/gateway.ts";
import { LEASE_MS } from "../../src/shard/lease.ts";
import { StreamJournal } from "../../src/wal/journal.ts";
import { MemoryStore } from "../../src/wal/memory.ts";
import { account, MemoryCluster, mustPost, transfer } from "./memory-shards.ts";

/** A UUIDv7 of the year 2500: refused by log time, and nothing is logged. */
const KEY_AHEAD = "0f3c0e8c-3000-7000-8000-000000000001";

const refused = (gateway: Gateway) => gateway.submit({ ...transfer("@issuance", "a", 1), key: KEY_AHEAD });

test.each<[string, (gateway: Gateway) => Promise<unknown>]>([
  ["a refusal", refused],
  [
    "a batch of refusals",
    (gateway) => gateway.submitTransfers([{ ...transfer("@issuance", "a", 1), key: KEY_AHEAD }]),
  ],
  ["a dry run", (gateway) => gateway.dryRun({ ...account("b") })],
  ["a read", (gateway) => gateway.account("acme", "a")],
])("%s is not answered by a server that has been replaced", async (_, ask) => {
  const store = new MemoryStore("s0");
  let haltedMs = 0;
  const uptime = () => performance.now() + haltedMs;
  const { gateway } = await MemoryCluster.start([store], { instance: "old", uptime });
  await mustPost(gateway, account("a"));
  expect(await refused(gateway)).toMatchObject({ refused: "validation_failed" });
  await ask(gateway);
  const claimant = { instance: "new", generation: 1, shard: 0, shards: 1 };
  await new StreamJournal({ stream: store.open(), claimant, witnesses: [], mayCreate: false }).claim();
  // It was halted for longer than its lease lasts.
  haltedMs = 2 * LEASE_MS;
  await expect(ask(gateway)).rejects.toMatchObject({
    code: expect.stringMatching(/outcome_unknown|log_unavailable/),
  });
});
