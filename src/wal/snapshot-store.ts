/**
 * Where snapshots are kept, beside the log. Each stream has three slots: two hold the snapshots that are kept, one the
 * next while it is written. A slot is a row of chunks, which say themselves what they are (snapshot.ts): nothing else has
 * to be written together with them.
 */
export const SLOTS: readonly number[] = [0, 1, 2];

/**
 * Every method may reject with LogError `log_misconfigured` for want of rights, and writing with `log_unavailable`;
 * reading waits for a store that is away, until `close`. Chunks of one slot are written by one writer at a time.
 */
export interface SnapshotStore {
  /** For messages to people. */
  readonly name: string;
  /** Chunks of a slot from number `from` on, in order, at least one if any, about `bytesMax` bytes. */
  read(slot: number, from: number, bytesMax: number): Promise<readonly Uint8Array[]>;
  /** The last chunk of a slot. */
  last(slot: number): Promise<Uint8Array | undefined>;
  /** Adds a chunk and resolves once it is durable. After an error it may be there, or not. */
  append(slot: number, chunk: Uint8Array): Promise<void>;
  /** Empties a slot. */
  clear(slot: number): Promise<void>;
  /** As that of a `LogStream`: before anything is dropped from the log on account of an earlier snapshot. */
  settle?(): Promise<void>;
  close(): Promise<void>;
}

/** Snapshots in memory, for the simulator and for tests. The chunks are there to be damaged. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly name: string;
  readonly slots: Uint8Array[][] = SLOTS.map(() => []);

  constructor(name: string) {
    this.name = name;
  }

  async read(slot: number, from: number, bytesMax: number): Promise<readonly Uint8Array[]> {
    const chunks = this.#slot(slot);
    let to = from;
    for (let bytes = 0; to < chunks.length && (to === from || bytes < bytesMax); to++)
      bytes += chunks[to]?.length ?? 0;
    return chunks.slice(from, to);
  }

  async last(slot: number): Promise<Uint8Array | undefined> {
    return this.#slot(slot).at(-1);
  }

  async append(slot: number, chunk: Uint8Array): Promise<void> {
    this.#slot(slot).push(new Uint8Array(chunk));
  }

  async clear(slot: number): Promise<void> {
    this.slots[slot] = [];
  }

  async close(): Promise<void> {}

  #slot(slot: number): Uint8Array[] {
    return (this.slots[slot] ??= []);
  }
}
