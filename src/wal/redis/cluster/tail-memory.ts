/**
 * The newest entries of a log that its owner has read or appended. A replica that becomes the primary may lack some of
 * them; the owner then appends them again, the same bytes under the same ids.
 *
 * The entries are contiguous: none between two of them is missing.
 */
import { compareLogIds, type LogId, type StoredEntry } from "../../wal.ts";

/** Compared with the log after a change of the primary. */
export type Difference =
  /** The log ends with our newest entry, or with the one that is being appended. */
  | Readonly<{ kind: "none" }>
  /** The log has the bytes of one of our entries at its end, and lacks those after it. */
  | Readonly<{ kind: "behind"; missing: readonly StoredEntry[] }>
  /** The log ends with an entry that is not ours, at or above our newest one. */
  | Readonly<{ kind: "fenced" }>
  /** The log ends with an entry that we do not know, below our newest one. */
  | Readonly<{ kind: "lost" }>;

export class TailMemory {
  readonly #bytesMax: number;
  #entries: StoredEntry[] = [];
  /** Entries before this index were forgotten. */
  #start = 0;
  #bytes = 0;
  /** Entries that were read are remembered up to our claim; the later ones are our own. */
  #claim: StoredEntry | undefined;
  /** The entry before our claim. */
  #beforeClaim: StoredEntry | undefined;
  #hasReadClaim = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Whether this log was claimed, so that an entry of anybody else fences us. */
  get isOwner(): boolean {
    return this.#claim !== undefined;
  }

  /** Our newest acknowledged entry. */
  get newest(): StoredEntry | undefined {
    return this.#hasReadClaim ? this.#entries.at(-1) : this.#claim;
  }

  /** The oldest entry that is remembered; a log that ends before it cannot be repaired. */
  get oldest(): StoredEntry | undefined {
    return this.#entries[this.#start] ?? this.#beforeClaim ?? this.#claim;
  }

  /** Takes entries that a claimant reads, in order. Does nothing once it has read its claim. */
  read(entries: readonly StoredEntry[]): void {
    for (const entry of entries) {
      if (this.#hasReadClaim) return;
      this.#hasReadClaim = this.#claim !== undefined && isSame(entry, this.#claim);
      // A claimant that had read everything before does not read that entry again.
      if (this.#hasReadClaim && this.#beforeClaim !== undefined) this.#push(this.#beforeClaim);
      this.#push(entry);
    }
  }

  /** Takes our claim once it was acknowledged, and the entry before it in the log. A claim known already is ignored. */
  claimed(claim: StoredEntry, before: StoredEntry | undefined): void {
    if (this.#claim !== undefined && compareLogIds(claim.id, this.#claim.id) <= 0) return;
    this.#claim = claim;
    this.#beforeClaim = before;
    this.#hasReadClaim = false;
  }

  /** Takes a batch of ours that was acknowledged. One known already is ignored. */
  acknowledged(entry: StoredEntry): void {
    this.#push(entry);
  }

  /** @param last the newest entry of the log. @param pending the entry that is being appended. */
  compare(last: StoredEntry | undefined, pending: StoredEntry | undefined): Difference {
    const { newest } = this;
    if (newest === undefined) return { kind: "none" };
    if (last === undefined) return { kind: "lost" };
    const sign = compareLogIds(last.id, newest.id);
    if (sign === 0) return { kind: isSame(last, newest) ? "none" : "fenced" };
    if (sign > 0) return { kind: pending !== undefined && isSame(last, pending) ? "none" : "fenced" };
    const [ours, ...missing] = this.#newestFrom(last.id);
    if (ours === undefined) return { kind: "lost" };
    return isSame(last, ours) ? { kind: "behind", missing } : { kind: "fenced" };
  }

  /** All entries of the log from this one up to our newest; none if one of them is not remembered. */
  #newestFrom(id: LogId): readonly StoredEntry[] {
    const index = this.#indexOf(id);
    const read = index < 0 ? [] : this.#entries.slice(index);
    if (this.#hasReadClaim) return read;
    // Between what we have read so far and our claim there may be more, which only the log knows.
    const [before, claim] = [this.#beforeClaim, this.#claim];
    if (before === undefined || claim === undefined) return [];
    if (compareLogIds(id, before.id) === 0) return [before, claim];
    const newestRead = read.at(-1);
    return newestRead !== undefined && isSame(newestRead, before) ? [...read, claim] : [];
  }

  #push(entry: StoredEntry): void {
    const newest = this.#entries.at(-1);
    if (newest !== undefined && compareLogIds(entry.id, newest.id) <= 0) return;
    if (newest !== undefined && !follows(entry.id, newest.id)) this.#forgetAll();
    this.#entries.push(entry);
    this.#bytes += entry.bytes.byteLength;
    this.#forgetOldest();
  }

  /** Keeps the newest entry, however large it is. */
  #forgetOldest(): void {
    const entries = this.#entries;
    while (this.#bytes > this.#bytesMax && this.#start < entries.length - 1) {
      this.#bytes -= entries[this.#start]?.bytes.byteLength ?? 0;
      // Frees the bytes now; the array is compacted later, since a shift of many entries is slow.
      entries[this.#start] = { id: (entries[this.#start] as StoredEntry).id, bytes: NO_BYTES };
      this.#start += 1;
    }
    if (this.#start <= entries.length >> 1) return;
    this.#entries = entries.slice(this.#start);
    this.#start = 0;
  }

  #forgetAll(): void {
    this.#entries = [];
    this.#start = 0;
    this.#bytes = 0;
  }

  /** The index of a remembered entry, or -1. Ids are sorted. */
  #indexOf(id: LogId): number {
    let low = this.#start;
    let high = this.#entries.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const sign = compareLogIds((this.#entries[middle] as StoredEntry).id, id);
      if (sign === 0) return middle;
      if (sign < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

const NO_BYTES = new Uint8Array(0);

/** Epochs may be skipped: a claim that was not acknowledged is followed by one under the next epoch. */
function follows(id: LogId, before: LogId): boolean {
  return id.epoch === before.epoch ? id.seq === before.seq + 1 : id.seq === 0;
}

export function isSame(a: StoredEntry, b: StoredEntry): boolean {
  return compareLogIds(a.id, b.id) === 0 && Buffer.compare(a.bytes, b.bytes) === 0;
}
