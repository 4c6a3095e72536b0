/** The disk of the logs: its folder, and the time to make 4 KiB durable. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "./measurement.ts";

const TMPFS_MAGIC = 0x01021994;
const PAGE_BYTES = 4096;
const SYNCS = 200;

/** A new folder on a real disk: on a tmpfs an fsync costs nothing, so the results would be wrong. */
export function makeDataFolder(): string {
  const parents = [process.env["BENCH_DIR"], tmpdir(), "/var/tmp", process.cwd()];
  for (const parent of parents) {
    if (parent === undefined || statfsSync(parent).type === TMPFS_MAGIC) continue;
    const folder = mkdtempSync(join(parent, "daybook-bench-"));
    // A process that was just killed may still be writing.
    process.on("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
    return folder;
  }
  throw new Error("no folder on a real disk found: name one in BENCH_DIR");
}

/** The median time of appending 4 KiB and fdatasync, in µs. */
export function measureFsyncUs(folder: string): number {
  const path = join(folder, "fsync-probe");
  const file = openSync(path, "w");
  const page = Buffer.alloc(PAGE_BYTES, 1);
  const times: number[] = [];
  for (let i = 0; i < SYNCS; i++) {
    const startedMs = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    times.push((performance.now() - startedMs) * 1000);
  }
  closeSync(file);
  rmSync(path);
  return median(times);
}
