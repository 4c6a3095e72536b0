/** The nodes of a Redis stream: XTRIM with `~` drops whole nodes only. */
import { compareLogIds, type LogId, type StoredEntry } from "../../src/wal/wal.ts";

/** Like `stream-node-max-entries` and `stream-node-max-bytes`. */
const ENTRIES_MAX = 100;
const BYTES_MAX = 4096;

type Node = { count: number; bytes: number; last: LogId };

export class StreamNodes {
  #nodes: Node[] = [];

  /** Takes a new entry. */
  note(id: LogId, entryBytes: number): void {
    const node = this.#nodes.at(-1);
    if (node === undefined || node.count >= ENTRIES_MAX || node.bytes + entryBytes > BYTES_MAX)
      this.#nodes.push({ count: 1, bytes: entryBytes, last: id });
    else {
      node.count += 1;
      node.bytes += entryBytes;
      node.last = id;
    }
  }

  rebuild(entries: readonly StoredEntry[]): void {
    this.#nodes = [];
    for (const { id, bytes } of entries) this.note(id, bytes.length);
  }

  /** Drops whole nodes below an id. @returns the number of their entries, and the last one */
  takeBelow(below: LogId, entriesMax: number): Readonly<{ dropped: number; end: LogId | undefined }> {
    let dropped = 0;
    let end: LogId | undefined;
    for (const { count, last } of this.#nodes) {
      if (compareLogIds(last, below) >= 0 || dropped + count > entriesMax) break;
      dropped += count;
      end = last;
      this.#nodes = this.#nodes.slice(1);
    }
    return { dropped, end };
  }
}
