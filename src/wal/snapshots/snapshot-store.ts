/**
 * Where snapshots are kept, beside the log. Each epoch has three slots: two for the snapshots that are kept, one for the
 * next while it is written. An owner writes only to slots of its own epoch and clears none of a later one, so a former
 * owner that goes on writing cannot touch what the present one has written (ADR 17). A slot is a row of chunks, which say
 * themselves what they are (snapshot.ts): nothing else has to be written together with them.
 */
const SLOTS_PER_EPOCH = 3;

/** The slots of an epoch. Those of epoch 0 are from before slots had epochs. */
export function slotsOf(epoch: number): readonly number[] {
  return Array.from({ length: SLOTS_PER_EPOCH }, (_, i) => epoch * SLOTS_PER_EPOCH + i);
}

export function epochOf(slot: number): number {
  return Math.floor(slot / SLOTS_PER_EPOCH);
}

export const SLOTS: readonly number[] = slotsOf(0);

/**
 * Every method may reject with LogError `log_misconfigured` for want of rights, and writing with `log_unavailable`;
 * reading waits for a store that is away, until `close`. Chunks of one slot are written by one writer at a time.
 */
export interface SnapshotStore {
  /** For messages to people. */
  readonly name: string;
  /** The slots that may hold something. */
  used(): Promise<readonly number[]>;
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

  async used(): Promise<readonly number[]> {
    return Object.keys(this.slots).map(Number);
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
