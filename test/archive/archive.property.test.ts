import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LogRecord } from "../../src/actors/records/command.ts";
import type { TransferStatus } from "../../src/actors/records/compound-command.ts";
import type { KeyHash } from "../../src/archive/index/key-hash.ts";
import type { Page, Range } from "../../src/archive/queries/query.ts";
import { Archive, type ArchiveOptions } from "../../src/archive/store.ts";
import { ArchiveModel } from "./archive-model.ts";
import {
  ACCOUNTS,
  ownedBy,
  PARTNERS,
  recordOf,
  SHARDS,
  type Step,
  step,
  type World,
} from "./archive-steps.ts";
import { CompoundWriter } from "./compound-writer.ts";
import { LogWriter, type WrittenBatch } from "./ledger-writer.ts";

const STATUSES: readonly (TransferStatus | undefined)[] = [
  undefined,
  "posted",
  "pending",
  "voided",
  "expired",
];
/** Log time starts at 1,000 and advances by at most 3 per step. */
const TIMES = [999, 1_000, 1_003, 1_008, 9_999];

/** A weak hash: keeps only one bit of the text, and the shard of system accounts, so that nearly all keys collide. */
class WeakHash implements KeyHash {
  high = 0;
  low = 0;
  run(bytes: Uint8Array, start: number, end: number, seedHigh: number): void {
    this.high = seedHigh >>> 0;
    this.low = end > start ? (bytes[end - 1] as number) & 1 : 0;
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
    for (const status of range.fromMs === undefined ? STATUSES : [undefined]) {
      expect(allPages((r) => answers.transfers({ ...r, partner, account: id, status }), range, 4)).toEqual(
        model.transfers({ ...query, status }),
      );
    }
    if (!sums && id.startsWith("@")) continue;
    const statement = answers.entries({ ...query, limit: 1 });
    const opening = range.fromMs === undefined ? 0 : model.balanceBefore(partner, id, range.fromMs);
    expect(statement.openingBalance).toBe(opening);
    expect(statement.closingBalance).toBe(
      model.balanceBefore(partner, id, range.toMs ?? Number.POSITIVE_INFINITY),
    );
  }
  for (const atMs of id.startsWith("@") ? [] : TIMES)
    expect(answers.accountAt({ partner, account: id, atMs })).toEqual(model.accountAt(partner, id, atMs));
  if (!sums && id.startsWith("@")) return;
  for (const seq of [0, 2, 1_000])
    expect(answers.sum({ partner, account: id, seq })).toEqual(model.sum(partner, id, seq));
}

function compareAll(archive: Archive, model: ArchiveModel, sums: boolean): void {
  const { answers } = archive;
  expect(answers.records(model.records.map(({ at }) => at))).toEqual(model.records);
  for (const partner of PARTNERS) {
    for (const id of ACCOUNTS) {
      const owned = new Set(Array.from({ length: SHARDS }, (_, shard) => ownedBy(id, shard)));
      for (const each of owned) compareAccount(archive, model, partner, each, sums);
    }
    for (const range of [{}, { fromMs: 1_004, toMs: 1_010 }]) {
      for (const status of range.fromMs === undefined ? STATUSES : [undefined]) {
        expect(allPages((r) => answers.transfers({ ...r, partner, status }), range, 5)).toEqual(
          model.transfers({ ...range, partner, status }),
        );
      }
    }
    for (const prefix of ["", "al", "alice-1/", "b"]) {
      const ids = model.accountIds(partner, prefix);
      expect(answers.accountIds({ partner, prefix, limit: 100 })).toEqual(ids);
      expect(answers.accountIds({ partner, prefix, afterId: ids[1], limit: 2 })).toEqual(
        model.accountIds(partner, prefix, ids[1]).slice(0, 2),
      );
    }
  }
  for (const partner of PARTNERS) {
    const other = PARTNERS.find((each) => each !== partner) as string;
    for (const { id } of model.transfers({ partner })) {
      expect(answers.transfer({ partner, id })).toEqual(model.transfer(id));
      expect(answers.transfer({ partner: other, id })).toBeUndefined();
    }
  }
  for (const { id, from, no, found } of model.parts()) {
    const to = found.at.shard;
    expect(answers.part({ id, from, to, no })).toEqual(found);
    expect(answers.part({ id, from, to, no: no + 1_000 })).toBeUndefined();
    expect(answers.part({ id, from, to: SHARDS, no })).toBeUndefined();
  }
  expect(answers.transfer({ partner: "acme", id: "tr_0000001zzz" })).toBeUndefined();
}

describe("the archive, compared with a simple model", () => {
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
    const world: World = { underWay: logs.map(() => []), compound: new CompoundWriter(logs) };
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
    const write = (log: LogWriter, records: (() => LogRecord)[]) => {
      for (const { createdAtMs } of world.underWay[log.shard] ?? []) log.reach(createdAtMs);
      log.reach(world.compound.waitingSince(log.shard));
      const batch = log.batch(records.map((one) => one()));
      model.add(batch);
      held[log.shard]?.push(batch);
    };
    for (const each of steps) {
      switch (each.do) {
        case "append": {
          const log = logs[each.shard] as LogWriter;
          log.wait(each.waitMs);
          if (each.restart) log.restart();
          write(
            log,
            each.items.map((one) => () => recordOf(log, world, one)),
          );
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
    // Deliver all messages in flight: only then is the order of records across shards final.
    while (logs.some(({ shard }) => world.compound.waits(shard))) {
      for (const log of logs) {
        const { shard } = log;
        if (world.compound.waits(shard)) write(log, [() => world.compound.next(shard) as LogRecord]);
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

  it("answers every query like the model, whatever was flushed, merged, repeated or reopened in between", () => {
    let runs = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        run(steps, `strong-${runs++}`, { tailEntries: 16, runsPerLevel: 2, waitingBytesMax: 600 });
      }),
      { numRuns: 40 },
    );
    expect(runs).toBeGreaterThanOrEqual(40);
  });

  it("never shows an entry of another account, even if nearly all hashes collide", () => {
    let runs = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30, size: "max" }), (steps) => {
        run(steps, `weak-${runs++}`, { tailEntries: 16, runsPerLevel: 3, hash: new WeakHash() });
      }),
      { numRuns: 15 },
    );
    expect(runs).toBeGreaterThanOrEqual(15);
  });
});
