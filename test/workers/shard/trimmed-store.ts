import { MemoryStore } from "../../../src/wal/memory.ts";
import type { LogId, StoredEntry } from "../../../src/wal/wal.ts";

/** A log in memory of which nothing is forgotten: what is trimmed is gone for its shard, not for an archive or a checker. */
export class TrimmedStore extends MemoryStore {
  readonly #trimmed: StoredEntry[] = [];

  /** All that was ever in it. */
  get history(): readonly StoredEntry[] {
    return [...this.#trimmed, ...this.entries];
  }

  /** How much of that the log no longer holds. */
  get trimmed(): number {
    return this.#trimmed.length;
  }

  override trim(below: LogId, entriesMax: number): boolean {
    const before = this.entries.slice();
    const more = super.trim(below, entriesMax);
    this.#trimmed.push(...before.slice(0, before.length - this.entries.length));
    return more;
  }
}
