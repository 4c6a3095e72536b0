/** Queries for permanently claimed names (src/actors/ledger/limits/claims.ts). */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claimOf } from "../../src/actors/ledger/limits/claim-names.ts";
import type { Act } from "../../src/actors/records/act.ts";
import type { KeyHash } from "../../src/archive/index/key-hash.ts";
import { Archive, type ArchiveOptions } from "../../src/archive/store.ts";
import { MemoryStore } from "../../src/wal/memory.ts";
import type { Batch } from "../../src/wal/wal.ts";
import { followLog } from "../../src/workers/recovery/follow.ts";
import { account, MemoryCluster, mustPost, recordsOf, transfer } from "../workers/shard/memory-shards.ts";

class OneHash implements KeyHash {
  high = 1;
  low = 1;
  run(): void {}
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "daybook-claims-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const SALES = 5;

/** A log with reverts and with sales that have references, one record per batch. */
async function logged(): Promise<
  Readonly<{ batches: readonly Batch[]; taken: ReadonlyMap<string, string> }>
> {
  const store = new MemoryStore("s0");
  const { gateway } = await MemoryCluster.start([store]);
  await mustPost(gateway, account("a"));
  await mustPost(gateway, transfer("@issuance", "a", 100));
  const topup = { programme: "topup", subject: "credit:sam" } as const;
  const seller = { ...topup, act: "create_seller", name: "Sam", asset: "PTS/0" } as Act;
  await mustPost(gateway, { op: "act", partner: "acme", key: null, fingerprint: 0, act: seller });
  await mustPost(gateway, { ...transfer("@credit", "credit:sam", 100), act: { ...topup, act: "take_back" } });
  for (let i = 0; i < SALES; i++) {
    const act = { ...topup, act: "sale", phone: "+31", reference: `r${i}` } as Act;
    await mustPost(gateway, { ...transfer("credit:sam", "@phone:+31", 1), act });
    const made = await gateway.submit(transfer("a", "@sink", 1));
    const { id } = (made as { outcome: { id: string } }).outcome;
    await gateway.revert({ partner: "acme", key: null, fingerprint: 0, id });
    // A rejected command claims nothing.
    await gateway.revert({ partner: "acme", key: null, fingerprint: 0, id });
  }
  const batches: Batch[] = [];
  await followLog(store.open(), undefined, {}, (batch) => batches.push(batch));
  const taken = new Map<string, string>();
  for (const { record } of recordsOf(store, 0)) {
    const name = record.outcome.ok ? claimOf(record.command) : undefined;
    if (name !== undefined && "id" in record.outcome) taken.set(name, record.outcome.id);
  }
  return { batches, taken };
}

test.each<[string, ArchiveOptions]>([
  ["in the tail", {}],
  ["in many runs", { tailEntries: 8, runsPerLevel: 2 }],
  ["with a hash that all of them share", { hash: new OneHash() }],
])("the archive knows who has taken each name: %s", async (_, options) => {
  const { batches, taken } = await logged();
  expect(taken.size).toBe(2 * SALES);
  const names = [...taken.keys(), "revert\0tr_0011001", ""];
  const expected = [...taken.values(), null, null];
  const archive = new Archive(folder, options);
  archive.append(0, batches);
  while (archive.indexSome(100));
  const last = batches.at(-1)?.id;
  expect(archive.answers.claims({ shard: 0, names })).toEqual({ by: expected, ...last });
  archive.flush();
  archive.close();
  const reopened = new Archive(folder, options);
  expect(reopened.answers.claims({ shard: 0, names })).toEqual({ by: expected, ...last });
  reopened.close();
});

test("claims are answered up to the indexed position, not up to the stored one", async () => {
  const { batches, taken } = await logged();
  const names = [...taken.keys()];
  const archive = new Archive(folder);
  expect(archive.answers.claims({ shard: 0, names })).toEqual({
    by: names.map(() => null),
    epoch: 0,
    seq: 0,
  });
  archive.append(0, batches);
  let known = 0;
  while (archive.indexSome(1)) {
    const { by, epoch, seq } = archive.answers.claims({ shard: 0, names });
    expect({ epoch, seq }).toEqual(archive.indexedPosition(0));
    known = by.filter((each) => each !== null).length;
    expect(by.slice(known)).toEqual(names.slice(known).map(() => null));
  }
  archive.close();
});
