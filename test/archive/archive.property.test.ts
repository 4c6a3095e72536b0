import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Credit, LogRecord, TransferPosted } from "../../src/actors/command.ts";
import type { KeyHash } from "../../src/archive/key-hash.ts";
import type { Page, Range } from "../../src/archive/query.ts";
import { Archive, type ArchiveOptions } from "../../src/archive/store.ts";
import { ArchiveModel } from "./archive-model.ts";
import { LogWriter, type WrittenBatch } from "./ledger-writer.ts";

const PARTNERS = ["acme", "zen"] as const;
const ACCOUNTS = ["alice", "alice/points", "bob", "carol", "@issuance", "@bank"] as const;
const SHARDS = 3;

/** Almost everything collides: one bit of the text is left, and the shard of a system account's slices. */
class WeakHash implements KeyHash {
  high = 0;
  low = 0;
  run(bytes: Uint8Array, start: number, end: number, seedHigh: number): void {
    this.high = seedHigh >>> 0;
    this.low = end > start ? (bytes[end - 1] as number) & 1 : 0;
  }
}

const account = fc.constantFrom(...ACCOUNTS);
const item = fc.record({
  kind: fc.constantFrom(
    "transfer",
    "transfer",
    "transfer",
    "sent",
    "sent",
    "received",
    "received",
    "delivered",
    "refused",
    "created",
  ),
  partner: fc.constantFrom(...PARTNERS),
  debit: account,
  credit: account,
  amount: fc.integer({ min: 1, max: 1_000 }),
  /** Which of the other shards a transfer goes to. */
  to: fc.nat(SHARDS - 2),
});
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      shard: fc.nat(SHARDS - 1),
      waitMs: fc.nat(3),
      restart: fc.boolean(),
      /** Comes to the archive with the shard's next batch: shards are fed each for itself, so a credit may come first. */
      held: fc.boolean(),
      items: fc.array(item, { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("index" as const), records: fc.integer({ min: 1, max: 20 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const), flushed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("repeat" as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Item = typeof item extends fc.Arbitrary<infer T> ? T : never;

/** An account of a shard: system accounts are everywhere, and money does not cross to them. */
function personOf(id: string, shard: number): string {
  return `${id.startsWith("@") ? "alice" : id}-${shard}`;
}

/** Messages under way, by the shard that they go to. */
type UnderWay = readonly Credit[][];

function recordOf(log: LogWriter, underWay: UnderWay, item: Item): LogRecord {
  const { kind, partner, debit, credit, amount } = item;
  // An account that is not a system account belongs to one shard.
  const owned = (id: string) => (id.startsWith("@") ? id : `${id}-${log.shard}`);
  const posting = { partner, debit: owned(debit), credit: owned(credit), amount };
  switch (kind) {
    case "created":
      return log.created(partner, posting.debit.replace("@", "x"));
    case "sent": {
      const to = (log.shard + 1 + item.to) % SHARDS;
      const across = { ...posting, debit: personOf(debit, log.shard), credit: personOf(credit, to) };
      const sent = log.sent(across, to);
      underWay[to]?.push(sent.credit);
      return sent.record;
    }
    case "received": {
      const message = underWay[log.shard]?.shift();
      return message === undefined ? log.refused(posting) : log.credited(message);
    }
    case "delivered":
      return log.delivered((log.shard + 1) % SHARDS, amount);
    case "refused":
      return log.refused(posting);
    default:
      return debit === credit ? log.refused(posting) : log.transfer(posting);
  }
}

function indexAll(archive: Archive): void {
  while (archive.indexSome(50));
}

function allPages<T>(
  ask: (range: Range) => Page<T>,
  range: Omit<Range, "limit">,
  limit: number,
): readonly T[] {
  const data: T[] = [];
  for (let cursor: string | undefined; ; ) {
    expect(data.length).toBeLessThan(1_000);
    const page = ask({ ...range, limit, cursor });
    expect(page.data.length).toBeLessThanOrEqual(limit);
    data.push(...page.data);
    if (page.nextCursor === null) return data;
    expect(page.data.length).toBe(limit);
    cursor = page.nextCursor;
  }
}

function compareAccount(
  archive: Archive,
  model: ArchiveModel,
  partner: string,
  id: string,
  sums: boolean,
): void {
  const { answers } = archive;
  for (const range of [{}, { fromMs: 1_004, toMs: 1_010 }, { fromMs: 1_007 }]) {
    const query = { ...range, partner, account: id };
    expect(allPages((r) => answers.entries({ ...r, partner, account: id }), range, 3)).toEqual(
      model.entries(query),
    );
    expect(allPages((r) => answers.transfers({ ...r, partner, account: id }), range, 4)).toEqual(
      model.transfers(query),
    );
    if (!sums && id.startsWith("@")) continue;
    const statement = answers.entries({ ...query, limit: 1 });
    const opening = range.fromMs === undefined ? 0 : model.balanceBefore(partner, id, range.fromMs);
    expect(statement.openingBalance).toBe(opening);
    expect(statement.closingBalance).toBe(
      model.balanceBefore(partner, id, range.toMs ?? Number.POSITIVE_INFINITY),
    );
  }
  if (!sums && id.startsWith("@")) return;
  for (const seq of [0, 2, 1_000])
    expect(answers.sum({ partner, account: id, seq })).toEqual(model.sum(partner, id, seq));
}

function compareAll(archive: Archive, model: ArchiveModel, sums: boolean): void {
  const { answers } = archive;
  expect(answers.records(model.records.map(({ at }) => at))).toEqual(model.records);
  for (const partner of PARTNERS) {
    for (const id of ACCOUNTS) {
      const owned = id.startsWith("@")
        ? [id]
        : Array.from({ length: SHARDS }, (_, shard) => `${id}-${shard}`);
      for (const each of owned) compareAccount(archive, model, partner, each, sums);
    }
    for (const range of [{}, { fromMs: 1_004, toMs: 1_010 }]) {
      expect(allPages((r) => answers.transfers({ ...r, partner }), range, 5)).toEqual(
        model.transfers({ ...range, partner }),
      );
    }
    for (const prefix of ["", "al", "alice/", "b"]) {
      const ids = model.accountIds(partner, prefix);
      expect(answers.accountIds({ partner, prefix, limit: 100 })).toEqual(ids);
      expect(answers.accountIds({ partner, prefix, afterId: ids[1], limit: 2 })).toEqual(
        model.accountIds(partner, prefix, ids[1]).slice(0, 2),
      );
    }
  }
  for (const found of PARTNERS.flatMap((partner) => model.transfers({ partner }))) {
    const { id } = found.record.outcome as TransferPosted;
    expect(answers.transfer(id)).toEqual(found);
    expect(answers.credit(id)).toEqual(model.credit(id));
  }
  expect(answers.transfer("tr_0000001zzz")).toBeUndefined();
  expect(answers.credit("tr_0000001zzz")).toBeUndefined();
}

describe("the archive, beside a plain model", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "daybook-archive-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function run(steps: readonly Step[], name: string, options: ArchiveOptions): void {
    const path = join(folder, name);
    let archive = new Archive(path, options);
    const model = new ArchiveModel();
    const logs = Array.from({ length: SHARDS }, (_, shard) => new LogWriter(shard));
    const underWay: UnderWay = logs.map(() => []);
    const held: WrittenBatch[][] = logs.map(() => []);
    const stored: WrittenBatch[] = [];
    const store = (shard: number) => {
      const batches = held[shard]?.splice(0) ?? [];
      archive.append(
        shard,
        batches.map(({ batch }) => batch),
      );
      stored.push(...batches);
    };
    for (const each of steps) {
      switch (each.do) {
        case "append": {
          const log = logs[each.shard] as LogWriter;
          log.wait(each.waitMs);
          if (each.restart) log.restart();
          for (const { createdAtMs } of underWay[each.shard] ?? []) log.reach(createdAtMs);
          const batch = log.batch(each.items.map((one) => recordOf(log, underWay, one)));
          model.add(batch);
          held[each.shard]?.push(batch);
          if (!each.held) store(each.shard);
          break;
        }
        case "index":
          archive.indexSome(each.records);
          break;
        case "flush":
          archive.flush();
          break;
        case "reopen":
          if (each.flushed) archive.flush();
          archive.close();
          archive = new Archive(path, options);
          break;
        case "repeat":
          for (const { shard, batch } of stored.slice(-3)) archive.append(shard, [batch]);
          break;
      }
    }
    for (const { shard } of logs) store(shard);
    indexAll(archive);
    for (const { shard } of logs) {
      const last = stored.findLast((batch) => batch.shard === shard)?.batch;
      expect(archive.position(shard)?.id).toEqual(last?.id);
      expect(archive.indexedPosition(shard)).toEqual(last?.id);
    }
    compareAll(archive, model, options.hash === undefined);
    archive.close();
  }

  it("answers every query alike, whatever was written out, merged, repeated or reopened between", () => {
    let runs = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        run(steps, `strong-${runs++}`, { tailEntries: 16, runsPerLevel: 2, waitingBytesMax: 600 });
      }),
      { numRuns: 40 },
    );
    expect(runs).toBeGreaterThanOrEqual(40);
  });

  it("never shows an entry of another account, even where nearly all hashes collide", () => {
    let runs = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        run(steps, `weak-${runs++}`, { tailEntries: 16, runsPerLevel: 3, hash: new WeakHash() });
      }),
      { numRuns: 15 },
    );
    expect(runs).toBeGreaterThanOrEqual(15);
  });
});
