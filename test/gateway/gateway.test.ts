import { expect, test } from "vitest";
import { PLATFORM_TENANT } from "../../src/actors/programmes/wallet/acts.ts";
import type { ArchiveQueries } from "../../src/archive/queries/query.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
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
