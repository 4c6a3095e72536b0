import { expect, test } from "vitest";
import { PLATFORM_TENANT } from "../../src/actors/programmes/wallet/acts.ts";
import type { ArchiveQueries } from "../../src/archive/queries/query.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import { overloadedError } from "../../src/gateway/shard-link/refusals.ts";
import type { ShardLink } from "../../src/gateway/shard-link/shard-link.ts";

/** How many pages of the account's entries the archive is asked for at the same time; it never answers. */
async function pagesAsked(account: string, pages: number, limit: number): Promise<number> {
  let asked = 0;
  const answer = { at: { epoch: 1, seq: 1 }, timeMs: 0, result: { seq: 1 } };
  const entries = () => {
    asked += 1;
    return new Promise(() => {});
  };
  const gateway = new Gateway();
  // Only what a page of entries needs.
  const link = { ask: async () => answer } as unknown as ShardLink;
  gateway.connect([link], { entries } as unknown as ArchiveQueries, () => undefined);
  for (let i = 0; i < pages; i++) void gateway.entries(PLATFORM_TENANT, account, { limit });
  await new Promise((resolve) => setImmediate(resolve));
  return asked;
}

test("short pages of a wallet user wait for the archive together, largest pages only four at a time", async () => {
  expect(await pagesAsked("wallet:ann", 50, 20)).toBe(50);
  expect(await pagesAsked("wallet:ann", 50, 500)).toBe(4);
});

test("a batch that exceeds the partner's share of one shard is refused before any shard gets a piece of it", async () => {
  const piece = { packed: new Uint8Array(1), count: 1, cost: 1, places: [0] };
  const sent: number[] = [];
  // Only what a batch needs. The second shard's queue is full.
  const links = [0, 1].map((shard) => ({
    checkShare: () => {
      if (shard === 1) throw overloadedError("your share is used up", "queue_share");
    },
    executeAll: () => {
      sent.push(shard);
      return [new Promise(() => {})];
    },
  })) as unknown as readonly ShardLink[];
  const gateway = new Gateway();
  gateway.connect(links, {} as ArchiveQueries, () => undefined);
  const batch = { partner: "acme", count: 2, byShard: [[piece], [piece]] };
  await expect(gateway.submitTransfers(batch)).rejects.toMatchObject({ bound: "queue_share" });
  expect(sent).toEqual([]);
});
