/** An index: its in-memory tail, its runs on disk, and their merges. */
import { Tail } from "../batches/tail.ts";
import { type BatchPositions, History, type Slice } from "../queries/history.ts";
import type { Key } from "./key-hash.ts";
import { type PageCache, Run } from "./run.ts";
import { RunMerge } from "./run-merge.ts";
import type { RunKind, RunMeta, Width } from "./run-page.ts";
import { RunWriter } from "./run-writer.ts";

/** The batches of one merge must span less than 2^32, the range of a run's batch numbers. */
const BATCHES_PER_RUN_MAX = 0x1_0000_0000;

/**
 * One index, an LSM tree: a tail in memory and sorted runs on disk, merged level by level, so that the number of runs
 * grows with the logarithm of the number of entries. The owner records in the database which runs are valid.
 */
export class SortedIndex {
  readonly kind: RunKind;
  readonly tail: Tail;
  readonly #width: Width;
  readonly #folder: string;
  readonly #cache: PageCache;
  readonly #runsPerLevel: number;
  /** Oldest first: higher levels before lower ones. */
  #runs: Run[] = [];
  #merge: RunMerge | undefined;

  /**
   * @param capacity entries in the tail.
   * @param runsPerLevel runs of one level that are merged into one of the next.
   */
  constructor(
    folder: string,
    kind: RunKind,
    width: Width,
    capacity: number,
    runsPerLevel: number,
    cache: PageCache,
  ) {
    this.#runsPerLevel = runsPerLevel;
    this.kind = kind;
    this.tail = new Tail(capacity, width === 32);
    this.#width = width;
    this.#folder = folder;
    this.#cache = cache;
  }

  get runs(): number {
    return this.#runs.length;
  }

  /** @throws ArchiveError `index_damaged` */
  load(metas: readonly RunMeta[]): void {
    for (const meta of metas) {
      if (meta.kind === this.kind) this.#runs.push(new Run(this.#folder, meta, this.#cache));
    }
    this.#sort();
  }

  history(key: Key, batchPositions: BatchPositions, shard?: number): History {
    const slices: Slice[] = [];
    for (const run of this.#runs) {
      const slice = run.slice(key);
      if (slice !== undefined) slices.push(slice);
    }
    const newest = this.tail.slice(key);
    if (newest !== undefined) slices.push(newest);
    return new History(slices, batchPositions, shard);
  }

  /** Writes the tail as a run. The run is used once the caller has recorded it and called `replace`. */
  writeTail(id: number): RunMeta | undefined {
    if (this.tail.count === 0) return undefined;
    const writer = new RunWriter(this.#folder, id, this.kind, 0, this.#width, this.tail.base);
    this.tail.writeTo(writer);
    return writer.finish();
  }

  /** Adds a recorded run and removes those it was merged from. @returns the files of the removed runs. */
  replace(meta: RunMeta, replaced: readonly Run[]): readonly string[] {
    const removed = new Set(replaced);
    this.#runs = this.#runs.filter((run) => !removed.has(run));
    this.#runs.push(new Run(this.#folder, meta, this.#cache));
    this.#sort();
    for (const run of replaced) run.close();
    return replaced.map((run) => run.path);
  }

  /** Whether a merge is in progress or some level is full. */
  get mergeDue(): boolean {
    return this.#merge !== undefined || this.#fullLevel() !== undefined;
  }

  /** Whether merging has fallen so far behind that it must go before indexing. */
  get mergeUrgent(): boolean {
    return (
      this.#runs.length > 0 &&
      this.#runsOf(this.#runs.at(-1)?.meta.level ?? 0).length >= 2 * this.#runsPerLevel
    );
  }

  /** Merges up to `entries` entries. `nextId` gives the id of a new run. @returns the merged run once complete. */
  stepMerge(
    entries: number,
    nextId: () => number,
  ): Readonly<{ made: RunMeta; replaced: readonly Run[] }> | undefined {
    if (this.#merge === undefined) {
      const inputs = this.#fullLevel();
      if (inputs === undefined) return undefined;
      this.#merge = new RunMerge(this.#folder, nextId(), inputs);
    }
    const merge = this.#merge;
    const made = merge.step(entries);
    if (made === undefined) return undefined;
    this.#merge = undefined;
    return { made, replaced: merge.inputs };
  }

  /** Forgets all entries and runs. The caller deletes the files. */
  reset(): void {
    this.close();
    this.#merge = undefined;
    this.#runs = [];
    this.tail.clear(1);
  }

  close(): void {
    this.#merge?.abandon();
    for (const run of this.#runs) run.close();
  }

  #runsOf(level: number): readonly Run[] {
    return this.#runs.filter((run) => run.meta.level === level);
  }

  /** The oldest runs of the lowest level that has enough of them. */
  #fullLevel(): readonly Run[] | undefined {
    for (const level of new Set(this.#runs.map((run) => run.meta.level).toSorted((a, b) => a - b))) {
      const inputs = this.#runsOf(level).slice(0, this.#runsPerLevel);
      const [first, last] = [inputs[0], inputs.at(-1)];
      if (inputs.length < this.#runsPerLevel || first === undefined || last === undefined) continue;
      if (last.meta.base - first.meta.base < BATCHES_PER_RUN_MAX / 2) return inputs;
    }
    return undefined;
  }

  #sort(): void {
    this.#runs.sort((a, b) => b.meta.level - a.meta.level || a.meta.base - b.meta.base);
  }
}
