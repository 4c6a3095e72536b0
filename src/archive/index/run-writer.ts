/** Writes the file of a sorted run. */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { syncFolder } from "../../sync-folder.ts";
import { Tally } from "../queries/tally.ts";
import {
  DIRECTORY_BYTES,
  directoryOver,
  PAGE_ENTRIES,
  type Page,
  pageOver,
  type RunKind,
  type RunMeta,
  runFileName,
  type Width,
} from "./run-page.ts";

/**
 * Bytes written between two syncs. The log's sync waits for the disk behind them: beside a run of 64 MiB that was synced
 * at once, one sync of the log in a thousand took 7 to 21 ms, now 4.
 */
const UNSYNCED_BYTES_MAX = 512 * 1024;

/** Writes one run. Entries must come in order of key, batch, slot. The run is valid once the database names it. */
export class RunWriter {
  readonly #folder: string;
  readonly #id: number;
  readonly #kind: RunKind;
  readonly #level: number;
  readonly #width: Width;
  readonly #base: number;
  readonly #file: number;
  readonly #buffer: ArrayBuffer;
  readonly #page: Page;
  readonly #pages: { sum: number; seqMax: number; high: number; low: number; checksum: number }[] = [];
  #filled = 0;
  #entries = 0;
  #unsyncedBytes = 0;

  constructor(folder: string, id: number, kind: RunKind, level: number, width: Width, base: number) {
    this.#folder = folder;
    this.#id = id;
    this.#kind = kind;
    this.#level = level;
    this.#width = width;
    this.#base = base;
    this.#file = openSync(join(folder, runFileName(id)), "w");
    this.#buffer = new ArrayBuffer(PAGE_ENTRIES * width);
    this.#page = pageOver(this.#buffer, PAGE_ENTRIES, width);
  }

  push(high: number, low: number, batch: number, slot: number, seq: number, amount: number): void {
    const at = this.#filled;
    const page = this.#page;
    page.highs[at] = high;
    page.lows[at] = low;
    page.batches[at] = batch;
    page.slots[at] = slot;
    if (this.#width === 32) {
      page.seqs[at] = seq;
      page.amounts[at] = amount;
    }
    this.#filled = at + 1;
    if (this.#filled === PAGE_ENTRIES) this.#writePage(this.#page, this.#buffer);
  }

  /** Completes and syncs the file, since the database must not name a run that a power loss could remove. */
  finish(): RunMeta {
    if (this.#filled > 0) this.#writeLastPage();
    const buffer = new ArrayBuffer(this.#pages.length * DIRECTORY_BYTES);
    const directory = directoryOver(buffer, this.#pages.length);
    this.#pages.forEach((page, i) => {
      directory.sums[i] = page.sum;
      directory.seqMaxima[i] = page.seqMax;
      directory.firstHighs[i] = page.high;
      directory.firstLows[i] = page.low;
      directory.checksums[i] = page.checksum;
    });
    const bytes = new Uint8Array(buffer);
    writeAll(this.#file, bytes);
    fdatasyncSync(this.#file);
    closeSync(this.#file);
    syncFolder(this.#folder);
    return {
      id: this.#id,
      kind: this.#kind,
      level: this.#level,
      width: this.#width,
      entries: this.#entries,
      base: this.#base,
      checksum: crc32(bytes),
    };
  }

  /** Stops writing. The next start deletes the file. */
  abandon(): void {
    closeSync(this.#file);
  }

  #writeLastPage(): void {
    const count = this.#filled;
    const buffer = new ArrayBuffer(count * this.#width);
    const page = pageOver(buffer, count, this.#width);
    page.highs.set(this.#page.highs.subarray(0, count));
    page.lows.set(this.#page.lows.subarray(0, count));
    page.batches.set(this.#page.batches.subarray(0, count));
    page.slots.set(this.#page.slots.subarray(0, count));
    page.seqs.set(this.#page.seqs.subarray(0, count));
    page.amounts.set(this.#page.amounts.subarray(0, count));
    this.#writePage(page, buffer);
  }

  #writePage(page: Page, buffer: ArrayBuffer): void {
    const bytes = new Uint8Array(buffer);
    const { sum, seqMax } = summary(page);
    const high = page.highs[0] as number;
    const low = page.lows[0] as number;
    this.#pages.push({ sum, seqMax, high, low, checksum: crc32(bytes) });
    writeAll(this.#file, bytes);
    this.#entries += page.count;
    this.#filled = 0;
    this.#unsyncedBytes += bytes.length;
    if (this.#unsyncedBytes < UNSYNCED_BYTES_MAX) return;
    fdatasyncSync(this.#file);
    this.#unsyncedBytes = 0;
  }
}

/** Sum and greatest seq of a page with a single key, so that queries can sum it without reading it; else NaN. */
function summary(page: Page): { sum: number; seqMax: number } {
  const last = page.count - 1;
  const oneKey = page.highs[0] === page.highs[last] && page.lows[0] === page.lows[last];
  if (!oneKey || page.amounts.length === 0) return { sum: Number.NaN, seqMax: Number.NaN };
  const tally = new Tally();
  for (let i = 0; i < page.count; i++) tally.add(page.amounts[i] as number, page.seqs[i] as number);
  const sum = Number(tally.sum);
  return { sum: Number.isSafeInteger(sum) ? sum : Number.NaN, seqMax: tally.seqMax };
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done);
}
