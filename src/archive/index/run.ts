/** Reads the file of a sorted run. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { isExhaustion } from "../../errors/exhaustion.ts";
import { ArchiveError } from "../archive-error.ts";
import type { Slice } from "../queries/history.ts";
import type { Tally } from "../queries/tally.ts";
import type { Key } from "./key-hash.ts";
import {
  compareKey,
  DIRECTORY_BYTES,
  type Directory,
  directoryOver,
  PAGE_ENTRIES,
  type Page,
  pageOver,
  type RunMeta,
  runFileName,
} from "./run-page.ts";

/** 64 KiB each. */
const PAGES_MAX = 256;

/** The most recently used pages of all runs. */
export class PageCache {
  readonly #pages = new Map<string, Page>();

  get(key: string, load: () => Page): Page {
    const found = this.#pages.get(key);
    if (found !== undefined) {
      this.#pages.delete(key);
      this.#pages.set(key, found);
      return found;
    }
    const page = load();
    this.#pages.set(key, page);
    if (this.#pages.size > PAGES_MAX) {
      for (const oldest of this.#pages.keys()) {
        this.#pages.delete(oldest);
        break;
      }
    }
    return page;
  }
}

/** One sorted, immutable run on disk. Only its directory is kept in memory. */
export class Run {
  readonly meta: RunMeta;
  readonly path: string;
  readonly #cache: PageCache;
  readonly #file: number;
  readonly #directory: Directory;
  readonly #pages: number;

  /** @throws ArchiveError `index_damaged`: the file is missing, or its size or directory is wrong. */
  constructor(folder: string, meta: RunMeta, cache: PageCache) {
    this.meta = meta;
    this.path = join(folder, runFileName(meta.id));
    this.#cache = cache;
    this.#pages = Math.ceil(meta.entries / PAGE_ENTRIES);
    const buffer = new ArrayBuffer(this.#pages * DIRECTORY_BYTES);
    const bytes = new Uint8Array(buffer);
    try {
      this.#file = openSync(this.path, "r");
    } catch (cause) {
      // No descriptors or memory: the file is not damaged.
      if (isExhaustion(cause)) throw cause;
      throw this.#damaged("cannot be opened", cause);
    }
    const entriesBytes = meta.entries * meta.width;
    if (fstatSync(this.#file).size !== entriesBytes + bytes.length) throw this.#damaged("has the wrong size");
    readSync(this.#file, bytes, 0, bytes.length, entriesBytes);
    if (crc32(bytes) !== meta.checksum) throw this.#damaged("has a directory that fails its checksum");
    this.#directory = directoryOver(buffer, this.#pages);
  }

  get pages(): number {
    return this.#pages;
  }

  /** Reads a page from the file. @throws ArchiveError `index_damaged`: it fails its checksum. */
  readPage(at: number): Page {
    const { entries, width } = this.meta;
    const count = Math.min(PAGE_ENTRIES, entries - at * PAGE_ENTRIES);
    const buffer = new ArrayBuffer(count * width);
    const bytes = new Uint8Array(buffer);
    const read = readSync(this.#file, bytes, 0, bytes.length, at * PAGE_ENTRIES * width);
    if (read !== bytes.length || crc32(bytes) !== this.#directory.checksums[at]) {
      throw this.#damaged(`fails its checksum on page ${at}`);
    }
    return pageOver(buffer, count, width);
  }

  page(at: number): Page {
    return this.#cache.get(`${this.meta.id}/${at}`, () => this.readPage(at));
  }

  /** The entries of one key; `undefined` if there is none. */
  slice(key: Key): RunSlice | undefined {
    const start = this.#bound(key, false);
    const end = this.#bound(key, true);
    return end > start ? new RunSlice(this, start, end) : undefined;
  }

  /** Sum and greatest seq of a page with a single key; `undefined` for other pages. */
  pageStats(at: number): { sum: number; seqMax: number } | undefined {
    const sum = this.#directory.sums[at] as number;
    return Number.isNaN(sum) ? undefined : { sum, seqMax: this.#directory.seqMaxima[at] as number };
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Index of the run's first entry at or after the key; with `past`, after the key. */
  #bound(key: Key, past: boolean): number {
    const limit = past ? 1 : 0;
    let low = 0;
    let high = this.#pages;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compareFirst(middle, key) < limit) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    const page = this.page(low - 1);
    let from = 0;
    let to = page.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (compareKey(page, middle, key.high, key.low) < limit) from = middle + 1;
      else to = middle;
    }
    return (low - 1) * PAGE_ENTRIES + from;
  }

  /** Negative, 0 or positive (at least 1): the page's first key is before, at or after the key. */
  #compareFirst(page: number, key: Key): number {
    return (
      (this.#directory.firstHighs[page] as number) - key.high ||
      (this.#directory.firstLows[page] as number) - key.low
    );
  }

  #damaged(how: string, cause?: unknown): ArchiveError {
    return new ArchiveError(
      "index_damaged",
      `the archive's index file ${this.path} ${how}: the index is rebuilt`,
      cause === undefined ? undefined : { cause },
    );
  }
}

class RunSlice implements Slice {
  readonly length: number;
  readonly #run: Run;
  readonly #start: number;

  constructor(run: Run, start: number, end: number) {
    this.#run = run;
    this.#start = start;
    this.length = end - start;
  }

  batch(at: number): number {
    const index = this.#start + at;
    const page = this.#run.page(Math.floor(index / PAGE_ENTRIES));
    return this.#run.meta.base + (page.batches[index % PAGE_ENTRIES] as number);
  }

  slot(at: number): number {
    const index = this.#start + at;
    return this.#run.page(Math.floor(index / PAGE_ENTRIES)).slots[index % PAGE_ENTRIES] as number;
  }

  seq(at: number): number {
    const index = this.#start + at;
    return this.#run.page(Math.floor(index / PAGE_ENTRIES)).seqs[index % PAGE_ENTRIES] as number;
  }

  amount(at: number): number {
    const index = this.#start + at;
    return this.#run.page(Math.floor(index / PAGE_ENTRIES)).amounts[index % PAGE_ENTRIES] as number;
  }

  tally(total: Tally, end: number, seqMax: number): void {
    const stop = this.#start + end;
    for (let index = this.#start; index < stop; ) {
      const at = Math.floor(index / PAGE_ENTRIES);
      const from = index % PAGE_ENTRIES;
      const to = Math.min(PAGE_ENTRIES, stop - at * PAGE_ENTRIES);
      const pageStats = from === 0 && to === PAGE_ENTRIES ? this.#run.pageStats(at) : undefined;
      if (pageStats !== undefined && pageStats.seqMax <= seqMax) {
        total.addPage(pageStats.sum, PAGE_ENTRIES, pageStats.seqMax);
      } else {
        const { amounts, seqs } = this.#run.page(at);
        for (let i = from; i < to; i++) {
          const seq = seqs[i] as number;
          if (seq <= seqMax) total.add(amounts[i] as number, seq);
        }
      }
      index = at * PAGE_ENTRIES + to;
    }
  }
}
