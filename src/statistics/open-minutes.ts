/**
 * Samples of series at full minutes of log time. A minute is open until every shard has logged something later, so that
 * no record of it can follow. An idle shard logs a tick each minute.
 */
import { NO_BATCH } from "../wal/frame.ts";
import type { Witness } from "../wal/wal.ts";
import type { ArchivedBatch } from "./archive-reader.ts";
import type { Checkpoint, Sample } from "./checkpoint.ts";
import type { Change } from "./rows.ts";

export const MINUTE_MS = 60_000;

/** `last`: the last batch of each open minute, oldest first. */
type Progress = { newestMs: number; readonly last: [at: number, batch: Witness][] };
type Sum = { readonly partner: string; readonly series: string; change: bigint };

export class OpenMinutes {
  #checkpoint: Checkpoint;
  readonly #values = new Map<string, Sample>();
  readonly #progress: readonly Progress[];
  /** Sums of the changes in each open minute, by partner and series. */
  readonly #changes = new Map<number, Map<string, Sum>>();

  /** @param samples the newest one of each series up to the checkpoint. */
  constructor(checkpoint: Checkpoint, samples: Iterable<Sample>) {
    this.#checkpoint = checkpoint;
    this.#progress = Array.from({ length: checkpoint.positions.length }, () => ({ newestMs: 0, last: [] }));
    for (const sample of samples) this.#values.set(keyOf(sample.partner, sample.series), sample);
  }

  /** The time of the newest batch of a shard, in ms; 0 if none was added. */
  newestMs(shard: number): number {
    return this.#progress[shard]?.newestMs ?? 0;
  }

  /** Adds the changes of a shard's next batch. */
  add({ shard, id, hash, timeMs }: ArchivedBatch, changes: readonly Change[]): void {
    const progress = this.#progress[shard];
    if (progress === undefined) throw new TypeError(`there is no shard ${shard}`);
    const at = Math.ceil(timeMs / MINUTE_MS) * MINUTE_MS;
    progress.newestMs = timeMs;
    const newest = progress.last.at(-1);
    if (newest?.[0] === at) newest[1] = { id, hash };
    else progress.last.push([at, { id, hash }]);
    if (changes.length === 0) return;
    const sums = this.#changes.get(at) ?? new Map<string, Sum>();
    this.#changes.set(at, sums);
    for (const [partner, series, change] of changes) {
      const key = keyOf(partner, series);
      const sum = sums.get(key);
      if (sum === undefined) sums.set(key, { partner, series, change: BigInt(change) });
      else sum.change += BigInt(change);
    }
  }

  /**
   * Closes the minutes that all shards have passed.
   *
   * @returns the samples that differ from those before them; `undefined` if no minute can be closed.
   */
  close(): Readonly<{ samples: readonly Sample[]; checkpoint: Checkpoint }> | undefined {
    const earliestMs = Math.min(...this.#progress.map(({ newestMs }) => newestMs));
    // The earliest shard may log further batches with the time of its newest one.
    const closedAt = Math.floor((earliestMs - 1) / MINUTE_MS) * MINUTE_MS;
    if (closedAt <= this.#checkpoint.at) return undefined;
    const samples: Sample[] = [];
    const closed = [...this.#changes.keys()].filter((at) => at <= closedAt);
    for (const at of closed.toSorted((a, b) => a - b)) {
      for (const [key, { partner, series, change }] of this.#changes.get(at) ?? []) {
        if (change === 0n) continue;
        const sample = { partner, series, at, value: (this.#values.get(key)?.value ?? 0n) + change };
        this.#values.set(key, sample);
        samples.push(sample);
      }
      this.#changes.delete(at);
    }
    this.#checkpoint = { at: closedAt, positions: this.#positionsAt(closedAt) };
    return { samples, checkpoint: this.#checkpoint };
  }

  #positionsAt(closedAt: number): readonly Witness[] {
    return this.#progress.map(({ last }, shard) => {
      let position = this.#checkpoint.positions[shard] ?? NO_BATCH;
      for (let first = last[0]; first !== undefined && first[0] <= closedAt; first = last[0]) {
        position = first[1];
        last.shift();
      }
      return position;
    });
  }
}

function keyOf(partner: string, series: string): string {
  return `${partner}\0${series}`;
}
