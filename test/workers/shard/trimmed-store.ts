import { MemoryStore } from "../../../src/wal/memory.ts";
import type { LogId, StoredEntry } from "../../../src/wal/wal.ts";

/** A log in memory whose trimmed entries are hidden from its shard, but not from an archive or a checker. */
export class TrimmedStore extends MemoryStore {
  readonly #trimmed: StoredEntry[] = [];

  /** Every entry ever appended. */
  get history(): readonly StoredEntry[] {
    return [...this.#trimmed, ...this.entries];
  }

  /** The number of trimmed entries. */
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
