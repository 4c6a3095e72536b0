/**
 * Stores snapshots next to the log. Each epoch has three slots: two for the kept snapshots and one for the snapshot
 * being written. An owner writes only to slots of its own epoch and never clears slots of a later one, so a former
 * owner that still writes cannot damage the present owner's snapshots (ADR 17). A slot is a list of self-describing
 * chunks (snapshot.ts), so a snapshot needs no atomic write across chunks.
 */
const SLOTS_PER_EPOCH = 3;

/** The slots of an epoch. Versions without epochs per slot used those of epoch 0. */
export function slotsOf(epoch: number): readonly number[] {
  return Array.from({ length: SLOTS_PER_EPOCH }, (_, i) => epoch * SLOTS_PER_EPOCH + i);
}

export function epochOf(slot: number): number {
  return Math.floor(slot / SLOTS_PER_EPOCH);
}

export const SLOTS: readonly number[] = slotsOf(0);

/**
 * Every method may reject with LogError `log_misconfigured` (missing permissions). Writes may reject with
 * `log_unavailable`; reads wait for the store until `close`. Each slot has one writer at a time.
 */
export interface SnapshotStore {
  /** For error messages. */
  readonly name: string;
  /** The slots that may hold chunks. */
  used(): Promise<readonly number[]>;
  /** Chunks of a slot from index `from`, in order: about `bytesMax` bytes, but at least one chunk if there is one. */
  read(slot: number, from: number, bytesMax: number): Promise<readonly Uint8Array[]>;
  /** The last chunk of a slot. */
  last(slot: number): Promise<Uint8Array | undefined>;
  /** Appends a chunk and resolves once it is durable. After an error it may or may not be stored. */
  append(slot: number, chunk: Uint8Array): Promise<void>;
  /** Empties a slot. */
  clear(slot: number): Promise<void>;
  /** See `LogStream.settle`. Called before the log is trimmed because of a snapshot of an earlier process. */
  settle?(): Promise<void>;
  close(): Promise<void>;
}

/** Reads what is in the slots. */
export type SlotReader = Pick<SnapshotStore, "used" | "read" | "last">;

/** Snapshots in memory, for the simulator and for tests, which may damage the chunks. */
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
