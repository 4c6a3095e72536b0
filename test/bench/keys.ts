/** Measures the memory of the table of idempotency keys, and the time of lookups, inserts and removals. */
import { KEY_WINDOW_MS, KeyTable, keyScope } from "../../src/actors/idempotency/key-table.ts";
import type { BenchContext } from "./bench-context.ts";

const NAME = "keys";
const BATCH = 10_000;
const NOW_MS = Date.UTC(2026, 0, 1);
const KEYS = { quick: 100_000, full: 4_000_000 } as const;
const LOOKED_UP = 500_000;

/** Texts as a decoder creates them: separate strings that no table has seen. */
type Asked = Readonly<{ owner: string; key: string }>;

function asked(i: number): Asked {
  const random = (Math.imul(i, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
  return {
    owner: `customer-${i % 10_000}`,
    key: `${random}-3b1d-4000-8000-${i.toString(16).padStart(12, "0")}`,
  };
}

function batchOf(numberOf: (i: number) => number): readonly Asked[] {
  return Array.from({ length: BATCH }, (_, i) => asked(numberOf(i)));
}

/** Times only the given function, not the creation of the keys. */
class Stopwatch {
  #ms = 0;
  #calls = 0;
  slowestMs = 0;

  time(calls: number, work: () => void): void {
    const startedMs = performance.now();
    work();
    const ms = performance.now() - startedMs;
    this.#ms += ms;
    this.#calls += calls;
    this.slowestMs = Math.max(this.slowestMs, ms);
  }

  get nsPerCall(): number {
    return (this.#ms * 1e6) / this.#calls;
  }
}

export function measureKeys(bench: BenchContext): void {
  if (!bench.wants(NAME)) return;
  const keys = bench.options.quick ? KEYS.quick : KEYS.full;
  const runs = Array.from({ length: bench.options.runs }, () => measureOnce(keys));
  const settings = { keys, key: "36 characters", scope: "57 characters" };
  for (const [name, unit] of [
    ["bytes", "bytes"],
    ["new", "ns"],
    ["hit", "ns"],
    ["miss", "ns"],
    ["forget", "ns"],
    ["slowest_batch", "ms"],
  ] as const) {
    bench.emit({ name: `${NAME}.${name}`, unit, settings, runs: runs.map((run) => run[name]) });
  }
}

function measureOnce(keys: number) {
  const table = new KeyTable();
  // Warm up the compiler with another table.
  fill(new KeyTable(), 10 * BATCH);
  const filled = fill(table, keys);
  const bytes = table.bytes / table.size;
  const hit = lookUp(table, (i) => (i * 7919) % keys, true);
  const miss = lookUp(table, (i) => keys + i, false);
  const forget = new Stopwatch();
  for (let i = 0; i < keys; i += BATCH) {
    forget.time(BATCH, () => table.sweep(NOW_MS + KEY_WINDOW_MS + 1_000, BATCH));
  }
  if (table.size > 0) throw new Error("not all were forgotten");
  return {
    bytes,
    new: filled.nsPerCall,
    hit: hit.nsPerCall,
    miss: miss.nsPerCall,
    forget: forget.nsPerCall,
    slowest_batch: filled.slowestMs,
  };
}

/** Each key is looked up, then inserted, as in a shard. */
function fill(table: KeyTable, keys: number): Stopwatch {
  const watch = new Stopwatch();
  const atSecond = NOW_MS / 1000;
  for (let from = 0; from < keys; from += BATCH) {
    const batch = batchOf((i) => from + i);
    watch.time(BATCH, () => {
      for (const [index, { owner, key }] of batch.entries()) {
        if (table.find(keyScope("bench", owner, key), NOW_MS) !== undefined) throw new Error("came twice");
        const place = { epoch: 1, seq: from / BATCH, index };
        table.remember(keyScope("bench", owner, key), { fingerprint: 2 ** 50 + index, atSecond, ...place });
      }
    });
  }
  return watch;
}

function lookUp(table: KeyTable, numberOf: (i: number) => number, known: boolean): Stopwatch {
  const watch = new Stopwatch();
  for (let from = 0; from < LOOKED_UP; from += BATCH) {
    const batch = batchOf((i) => numberOf(from + i));
    watch.time(BATCH, () => {
      for (const { owner, key } of batch) {
        const found = table.find(keyScope("bench", owner, key), NOW_MS) !== undefined;
        if (found !== known) throw new Error("not what was remembered");
      }
    });
  }
  return watch;
}
