import { Tail } from "../batches/tail.ts";
import { type BatchPlaces, History, type Slice } from "../queries/history.ts";
import type { Key } from "./key-hash.ts";
import { type PageCache, Run } from "./run.ts";
import { RunMerge } from "./run-merge.ts";
import type { RunKind, RunMeta, Width } from "./run-page.ts";
import { RunWriter } from "./run-writer.ts";

/** Runs of one merge must lie within 2^32 batches, since that is how far a run counts from its base. */
const BATCHES_PER_RUN_MAX = 0x1_0000_0000;

/**
 * One index: a tail in memory and sorted runs on disk, merged level by level so that their number grows with
 * the logarithm of the entries. It does not know the database: whoever owns it records which runs count.
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

  /** @param runsPerLevel so many runs of a level are merged into one of the next. */
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

  history(key: Key, places: BatchPlaces, shard?: number): History {
    const slices: Slice[] = [];
    for (const run of this.#runs) {
      const slice = run.slice(key);
      if (slice !== undefined) slices.push(slice);
    }
    const newest = this.tail.slice(key);
    if (newest !== undefined) slices.push(newest);
    return new History(slices, places, shard);
  }

  /** Writes the tail as a run of its own. It counts once it is recorded and `replace` is told. */
  writeTail(id: number): RunMeta | undefined {
    if (this.tail.count === 0) return undefined;
    const writer = new RunWriter(this.#folder, id, this.kind, 0, this.#width, this.tail.base);
    this.tail.writeTo(writer);
    return writer.finish();
  }

  /** Puts a run that is now recorded in the place of those that it was made of; returns the latter's files. */
  replace(meta: RunMeta, replaced: readonly Run[]): readonly string[] {
    const gone = new Set(replaced);
    this.#runs = this.#runs.filter((run) => !gone.has(run));
    this.#runs.push(new Run(this.#folder, meta, this.#cache));
    this.#sort();
    for (const run of replaced) run.close();
    return replaced.map((run) => run.path);
  }

  /** True while some level is full. */
  get mergeDue(): boolean {
    return this.#merge !== undefined || this.#fullLevel() !== undefined;
  }

  /** True when merging has fallen far behind and must go before new entries. */
  get mergeUrgent(): boolean {
    return (
      this.#runs.length > 0 &&
      this.#runsOf(this.#runs.at(-1)?.meta.level ?? 0).length >= 2 * this.#runsPerLevel
    );
  }

  /** Merges up to `entries` entries; `nextId` names a run when one is begun. */
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

  /** Forgets everything; the files are the caller's. */
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
