/** What one partner keeps on one shard: what counts against its quotas (ADR 20). All of it follows from the log. */
import { assert } from "../../errors/assert.ts";
import { KEY_WINDOW_MS } from "../idempotency/key-table.ts";

const HOUR_MS = 60 * 60 * 1000;

/** `[hour, keys]`: hours since 1970, oldest first. */
export type KeyHours = readonly (readonly [hour: number, keys: number])[];

/**
 * How many idempotency keys of one partner are remembered, without a look at the keys: they are counted by the hour in
 * which they came, and an hour counts until the window of its last key has passed. So a key may count for up to an hour
 * longer than it is known, and never shorter.
 */
export class KeyCount {
  #hours: [hour: number, keys: number][] = [];
  #newest: [hour: number, keys: number] = [0, 0];
  #sum = 0;
  /** Of the newest hour. */
  #endMs = 0;

  /** @param atMs log time, which never goes back. */
  add(atMs: number, keys: number): void {
    if (atMs >= this.#endMs) this.#begin(Math.floor(atMs / HOUR_MS));
    this.#newest[1] += keys;
    this.#sum += keys;
  }

  /** Changes nothing: what is forgotten, and when, follows from `add` alone. */
  at(nowMs: number): number {
    let sum = this.#sum;
    for (const [hour, keys] of this.#hours) {
      if (!isOver(hour, nowMs)) break;
      sum -= keys;
    }
    return sum;
  }

  /** As an image has it. */
  get hours(): KeyHours {
    return this.#hours;
  }

  restore(hours: KeyHours): void {
    for (const [hour, keys] of hours) this.add(hour * HOUR_MS, keys);
  }

  #begin(hour: number): void {
    const kept = this.#hours.filter((each) => !isOver(each[0], hour * HOUR_MS));
    this.#sum = kept.reduce((sum, each) => sum + each[1], 0);
    this.#newest = [hour, 0];
    this.#hours = [...kept, this.#newest];
    this.#endMs = (hour + 1) * HOUR_MS;
  }
}

function isOver(hour: number, nowMs: number): boolean {
  return (hour + 1) * HOUR_MS + KEY_WINDOW_MS <= nowMs;
}

/** Of all partners together. */
export type KeptTotal = { bytes: number };

export class PartnerUsage {
  readonly keys = new KeyCount();
  /** Pending transfers that are open here. */
  openTransfers = 0;
  #bytes = 0;
  readonly #total: KeptTotal;

  constructor(total: KeptTotal = { bytes: 0 }) {
    this.#total = total;
  }

  /** What it keeps in memory, about: see bytes.ts. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Something has come, or gone (negative). */
  count(bytes: number): void {
    this.#bytes += bytes;
    this.#total.bytes += bytes;
    assert(this.#bytes >= 0, "what goes was counted when it came");
  }
}

/** Of whoever has nothing here. */
export const NO_USAGE: Readonly<PartnerUsage> = new PartnerUsage();
