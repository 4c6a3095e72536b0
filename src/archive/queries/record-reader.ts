import { readRecord } from "../../actors/records/codec.ts";
import { isDamage } from "../archive-error.ts";
import type { BatchTable, OpenBatch } from "../batches/batch-table.ts";
import { damaged } from "../batches/damage-table.ts";
import { recordOfSlot } from "../index/slot.ts";
import type { BatchPlaces, History } from "./history.ts";
import type { ArchivedRecord, FoundRecord, Location } from "./query.ts";

/** Reads single records: those that the index leads to, and those whose place is known. */
export class RecordReader {
  readonly places: BatchPlaces;
  readonly #batches: BatchTable;

  constructor(batches: BatchTable) {
    this.#batches = batches;
    this.places = (batch) => batches.describe(batch);
  }

  get shards(): readonly number[] {
    return this.#batches.shards;
  }

  /** The record at a place, which the log must have held. */
  find(at: Location): FoundRecord {
    try {
      return this.#at(at);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return { at, damaged: error.message };
    }
  }

  #at({ shard, epoch, seq, index }: Location): ArchivedRecord {
    const batch = this.#batches.find(shard, epoch, seq);
    if (batch === undefined) {
      throw damaged({ number: null, shard, id: { epoch, seq }, reason: "its row is gone" });
    }
    return this.inBatch(this.#batches.open(batch.number), index);
  }

  /** The record that an entry of the index leads to. */
  of(history: History, at: number): ArchivedRecord {
    return this.inBatch(this.#batches.open(history.batch(at)), recordOfSlot(history.slot(at)));
  }

  batchOf(history: History, at: number): OpenBatch {
    return this.#batches.open(history.batch(at));
  }

  inBatch(batch: OpenBatch, index: number): ArchivedRecord {
    const { shard, epoch, seq, timeMs, body, offsets } = batch;
    const start = offsets[index];
    const end = offsets[index + 1];
    if (start === undefined || end === undefined) {
      throw damaged({ number: batch.number, shard, id: { epoch, seq }, reason: `it has no record ${index}` });
    }
    const record = readRecord(body.subarray(start, end));
    return { at: { shard, epoch, seq, index }, timeMs, record };
  }
}
