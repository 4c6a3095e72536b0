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

/** Pages that were read lately, over all runs: at most `PAGES_MAX` of 64 KiB. */
const PAGES_MAX = 256;

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

/** One sorted run on disk. It never changes; only its directory is kept in memory. */
export class Run {
  readonly meta: RunMeta;
  readonly path: string;
  readonly #cache: PageCache;
  readonly #file: number;
  readonly #directory: Directory;
  readonly #pages: number;

  /** @throws ArchiveError `index_damaged`: the file is missing, has another size, or another directory. */
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
      // The file is as it was.
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

  /** @throws ArchiveError `index_damaged`: the page is not what was written. */
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

  /** The entries of one key. */
  slice(key: Key): RunSlice | undefined {
    const start = this.#bound(key, false);
    const end = this.#bound(key, true);
    return end > start ? new RunSlice(this, start, end) : undefined;
  }

  /** Sum and greatest seq of a page that holds one key only, if its sum is known. */
  pageFigures(at: number): { sum: number; seqMax: number } | undefined {
    const sum = this.#directory.sums[at] as number;
    return Number.isNaN(sum) ? undefined : { sum, seqMax: this.#directory.seqMaxima[at] as number };
  }

  close(): void {
    closeSync(this.#file);
  }

  /** The first entry at (`past`: after) the key, counted from the run's start. */
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

  /** 0 when the page begins with the key, else below or above 0 (never between 0 and 1). */
  #compareFirst(page: number, key: Key): number {
    return (
      (this.#directory.firstHighs[page] as number) - key.high ||
      (this.#directory.firstLows[page] as number) - key.low
    );
  }

  #damaged(how: string, cause?: unknown): ArchiveError {
    return new ArchiveError(
      "index_damaged",
      `the archive's index file ${this.path} ${how}: the index is built anew`,
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
    const place = this.#start + at;
    const page = this.#run.page(Math.floor(place / PAGE_ENTRIES));
    return this.#run.meta.base + (page.batches[place % PAGE_ENTRIES] as number);
  }

  slot(at: number): number {
    const place = this.#start + at;
    return this.#run.page(Math.floor(place / PAGE_ENTRIES)).slots[place % PAGE_ENTRIES] as number;
  }

  seq(at: number): number {
    const place = this.#start + at;
    return this.#run.page(Math.floor(place / PAGE_ENTRIES)).seqs[place % PAGE_ENTRIES] as number;
  }

  amount(at: number): number {
    const place = this.#start + at;
    return this.#run.page(Math.floor(place / PAGE_ENTRIES)).amounts[place % PAGE_ENTRIES] as number;
  }

  tally(total: Tally, end: number, seqMax: number): void {
    const stop = this.#start + end;
    for (let place = this.#start; place < stop; ) {
      const at = Math.floor(place / PAGE_ENTRIES);
      const from = place % PAGE_ENTRIES;
      const to = Math.min(PAGE_ENTRIES, stop - at * PAGE_ENTRIES);
      const figures = from === 0 && to === PAGE_ENTRIES ? this.#run.pageFigures(at) : undefined;
      if (figures !== undefined && figures.seqMax <= seqMax) {
        total.addPage(figures.sum, PAGE_ENTRIES, figures.seqMax);
      } else {
        const { amounts, seqs } = this.#run.page(at);
        for (let i = from; i < to; i++) {
          const seq = seqs[i] as number;
          if (seq <= seqMax) total.add(amounts[i] as number, seq);
        }
      }
      place = at * PAGE_ENTRIES + to;
    }
  }
}
