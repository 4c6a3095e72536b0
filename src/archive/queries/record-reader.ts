/** Decodes single records of stored batches. */
import { readRecord } from "../../actors/records/codec.ts";
import { ArchiveError, isDamage } from "../archive-error.ts";
import type { BatchTable, OpenBatch } from "../batches/batch-table.ts";
import { damageError } from "../batches/damage-table.ts";
import { recordOfSlot } from "../index/slot.ts";
import type { BatchPositions, History } from "./history.ts";
import type { ArchivedRecord, BatchPosition, FoundRecord, LogBatch, RecordPosition } from "./query.ts";

/** Reads single records by index entry or by position. */
export class RecordReader {
  readonly batchPositions: BatchPositions;
  readonly #batches: BatchTable;

  constructor(batches: BatchTable) {
    this.#batches = batches;
    this.batchPositions = (batch) => batches.describe(batch);
  }

  get shards(): readonly number[] {
    return this.#batches.shards;
  }

  /** The record at a position that must exist in the log. */
  find(at: RecordPosition): FoundRecord {
    try {
      return this.#at(at);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return { at, damaged: error.message };
    }
  }

  #at({ shard, epoch, seq, index }: RecordPosition): ArchivedRecord {
    const batch = this.#batches.find(shard, epoch, seq);
    if (batch === undefined) {
      throw damageError({ number: null, shard, id: { epoch, seq }, reason: "its row is gone" });
    }
    return this.inBatch(this.#batches.open(batch.number), index);
  }

  /** The record of an index entry. */
  of(history: History, at: number): ArchivedRecord {
    return this.inBatch(this.#batches.open(history.batch(at)), recordOfSlot(history.slot(at)));
  }

  /** The batch at a position, with at most `limit` of its records. @throws ArchiveError `archive_damaged` */
  batch({ shard, epoch, seq, limit }: BatchPosition & Readonly<{ limit: number }>): LogBatch | undefined {
    const found = this.#batches.find(shard, epoch, seq);
    if (found === undefined) return undefined;
    const { timeMs, count, number } = found;
    const opened = this.#batches.open(number);
    const records = Array.from({ length: Math.min(count, limit) }, (_, i) => this.inBatch(opened, i));
    const at = { epoch, seq };
    const before = this.#batches.idBefore(shard, at) ?? null;
    const after = this.#batches.idAfter(shard, at) ?? null;
    return { shard, epoch, seq, timeMs, count, records, before, after };
  }

  /** Log time of the batch of a position. @throws ArchiveError `bad_cursor`: there is no such batch. */
  timeOf({ shard, epoch, seq }: BatchPosition): number {
    const batch = this.#batches.find(shard, epoch, seq);
    if (batch === undefined) throw new ArchiveError("bad_cursor", "no event has this id");
    return batch.timeMs;
  }

  batchOf(history: History, at: number): OpenBatch {
    return this.#batches.open(history.batch(at));
  }

  inBatch(batch: OpenBatch, index: number): ArchivedRecord {
    const { shard, epoch, seq, timeMs, body, offsets } = batch;
    const start = offsets[index];
    const end = offsets[index + 1];
    if (start === undefined || end === undefined) {
      throw damageError({
        number: batch.number,
        shard,
        id: { epoch, seq },
        reason: `it has no record ${index}`,
      });
    }
    const record = readRecord(body.subarray(start, end));
    return { at: { shard, epoch, seq, index }, timeMs, record };
  }
}
