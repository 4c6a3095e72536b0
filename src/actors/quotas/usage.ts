/** One partner's usage on one shard, which counts against its quotas (ADR 20). Follows from the log alone. */
import { assert } from "../../errors/assert.ts";
import { KEY_WINDOW_MS } from "../idempotency/key-table.ts";

const HOUR_MS = 60 * 60 * 1000;

/** Number of keys by hour since 1970, oldest first. */
export type KeyHours = readonly (readonly [hour: number, keys: number])[];

/**
 * Counts the idempotency keys of one partner by the hour of their record, without reading the key table. An hour counts
 * until the window of its last possible key has passed. So a key may count for up to an hour longer than it is
 * remembered, and never shorter.
 */
export class KeyCount {
  #hours: [hour: number, keys: number][] = [];
  #newest: [hour: number, keys: number] = [0, 0];
  #sum = 0;
  /** End of the newest hour. */
  #endMs = 0;

  /** @param atMs log time, which never decreases. */
  add(atMs: number, keys: number): void {
    if (atMs >= this.#endMs) this.#startHour(Math.floor(atMs / HOUR_MS));
    this.#newest[1] += keys;
    this.#sum += keys;
  }

  /** Number of keys at `nowMs`. Only `add` drops expired hours, so that the state follows from the log. */
  at(nowMs: number): number {
    let sum = this.#sum;
    for (const [hour, keys] of this.#hours) {
      if (!isExpired(hour, nowMs)) break;
      sum -= keys;
    }
    return sum;
  }

  /** The counters as an image stores them. */
  get hours(): KeyHours {
    return this.#hours;
  }

  restore(hours: KeyHours): void {
    for (const [hour, keys] of hours) this.add(hour * HOUR_MS, keys);
  }

  #startHour(hour: number): void {
    const kept = this.#hours.filter((each) => !isExpired(each[0], hour * HOUR_MS));
    this.#sum = kept.reduce((sum, each) => sum + each[1], 0);
    this.#newest = [hour, 0];
    this.#hours = [...kept, this.#newest];
    this.#endMs = (hour + 1) * HOUR_MS;
  }
}

function isExpired(hour: number, nowMs: number): boolean {
  return (hour + 1) * HOUR_MS + KEY_WINDOW_MS <= nowMs;
}

/** Bytes that all partners together keep in memory. */
export type MemoryTotal = { bytes: number };

export class PartnerUsage {
  readonly keys = new KeyCount();
  /** Pending transfers whose home is this shard. */
  openTransfers = 0;
  #bytes = 0;
  readonly #total: MemoryTotal;

  constructor(total: MemoryTotal = { bytes: 0 }) {
    this.#total = total;
  }

  /** Estimate of the partner's bytes in memory: see bytes.ts. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param bytes added to memory; negative: removed from it. */
  count(bytes: number): void {
    this.#bytes += bytes;
    this.#total.bytes += bytes;
    assert(this.#bytes >= 0, "removed bytes were counted when they were added");
  }
}

/** Usage of a partner that has nothing on this shard. */
export const NO_USAGE: Readonly<PartnerUsage> = new PartnerUsage();
