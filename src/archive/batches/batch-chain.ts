/**
 * Checks archived batches against the log's hash chain. The archive stores the hash of each frame but not the frame.
 * The frame is rebuilt from the row and the previous batch, so each hash proves its own row and the previous hash.
 */
import { SHARDS_MAX } from "../../bounds/shards-max.ts";
import { encodeBatch, hashFrame, NO_BATCH } from "../../wal/frame.ts";
import { type Batch, compareLogIds, formatLogId, type LogId, type Witness } from "../../wal/wal.ts";

/** A row of the table `batches`. */
export type BatchRow = Batch & Readonly<{ number: number; shard: number; checksum: number }>;

/**
 * - `body`: the batch is unusable.
 * - `missing`: its row is missing.
 * - `hash`: only its stored hash is wrong. The batch is usable.
 */
export type FlawKind = "body" | "missing" | "hash";

/** A flaw of one batch. `number` is its row. `shard` and `id` are `null` if they are unknown. */
export type Flaw = Readonly<{
  kind: FlawKind;
  number: number | null;
  shard: number | null;
  id: LogId | null;
  reason: string;
}>;

/** Missing ids reported per gap. */
const GAP_MAX = 10_000;

const NO_BODY = new Uint8Array(0);
const IS_GONE = "its row is gone";
export const HAS_NO_LINK = "it does not follow the batch before it in the log's hash chain";
const HAS_OTHER_HASH = "the hash that is stored with it is not the hash of its frame";

/** The SHA-256 of a batch's frame, given the batch before it and the server's number of shards. */
export function chainedHash(previous: Witness, batch: Omit<Batch, "hash">, shards: number): Uint8Array {
  const { id, timeMs, count, body } = batch;
  const { id: previousId, hash: previousHash } = previous;
  return hashFrame(encodeBatch({ id, previousId, previousHash, timeMs, count, shards, body }));
}

/** The server's number of shards, which frames have but rows have not: the one with which the hash matches. */
export function findShards(previous: Witness, row: Batch): number | undefined {
  for (let shards = 1; shards <= SHARDS_MAX; shards++)
    if (isSameHash(chainedHash(previous, row, shards), row.hash)) return shards;
  return undefined;
}

export function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

interface ShardChain {
  /** Candidates for the predecessor of the next row. The first has the stored hash, others have computed ones. */
  previous: readonly Witness[];
  /** Number of the previous row. */
  number: number;
  /** The previous batch is missing or damaged, so the next row need not match its hash. */
  broken: boolean;
  /** The previous row, if it does not follow its predecessor. The next row shows if its body or its hash is wrong. */
  suspect: Readonly<{ row: BatchRow; isAfterGap: boolean }> | undefined;
  newest: BatchRow | undefined;
}

/** Checks the hash chains of all shards over an archive's rows, in order of number. */
export class BatchChains {
  readonly #chains = new Map<number, ShardChain>();
  /** Missing or unreadable rows whose shard and id are not known yet; a later row of their shard may show them. */
  #unplaced: Readonly<{ kind: FlawKind; number: number; reason: string }>[] = [];
  /** The newest number without a readable row. It may be of any shard, so no shard's next row need match its hash. */
  #lastUnreadable = 0;
  #shards: number | undefined;

  /** Starts a shard's chain after this row. */
  begin(row: BatchRow): void {
    const { number, shard, id, hash } = row;
    const previous = [{ id, hash }];
    this.#chains.set(shard, { previous, number, broken: false, suspect: undefined, newest: row });
  }

  /** The newest row of each shard. */
  get newest(): readonly BatchRow[] {
    return [...this.#chains.values()].flatMap(({ newest }) => (newest === undefined ? [] : [newest]));
  }

  /** The server's number of shards, once a matching hash has shown it. */
  get shards(): number | undefined {
    return this.#shards;
  }

  /** A number without a row. */
  missing(number: number): void {
    this.#lastUnreadable = number;
    this.#unplaced.push({ kind: "missing", number, reason: IS_GONE });
  }

  /** A row that cannot be read at all. */
  unreadable(number: number, reason: string): void {
    this.#lastUnreadable = number;
    this.#unplaced.push({ kind: "body", number, reason });
  }

  /** A row that cannot be read, but whose shard and id are known from the index. */
  unreadableAt(number: number, shard: number, id: LogId, reason: string): readonly Flaw[] {
    this.#lastUnreadable = number;
    return this.damaged(
      { number, shard, id, hash: NO_BATCH.hash, timeMs: 0, count: 0, checksum: 0, body: NO_BODY },
      reason,
    );
  }

  /** A row that fails its checksum. Its id is trusted only if it is the expected next one. */
  damaged(row: BatchRow, reason: string): readonly Flaw[] {
    const chain = this.#chainOf(row.shard);
    const [{ id: last }] = chain.previous as [Witness];
    if (compareLogIds(row.id, last) <= 0 || gapBetween(last, row.id).length > 0) {
      this.unreadable(row.number, reason);
      return [];
    }
    const flaws = closeSuspect(chain);
    const { number, shard, id, hash } = row;
    const previous = [{ id, hash }];
    this.#chains.set(shard, { previous, number, broken: true, suspect: undefined, newest: row });
    return [...flaws, { kind: "body", number, shard, id, reason }];
  }

  /** A row that passes its checksum. */
  accept(row: BatchRow): readonly Flaw[] {
    const { number, shard, id } = row;
    const chain = this.#chainOf(shard);
    const [before] = chain.previous as [Witness];
    if (compareLogIds(id, before.id) <= 0) {
      this.unreadable(number, `it repeats the batch ${shard}:${formatLogId(id)}`);
      return [];
    }
    this.#shards ??= findShards(before, row);
    const computed = chain.previous.map((previous) => chainedHash(previous, row, this.#shards ?? 1));
    const link = computed.findIndex((hash) => isSameHash(hash, row.hash));
    const flaws = judgeSuspect(chain.suspect, link);
    const missing = link < 0 ? this.#missingBetween(chain, row) : [];
    const isAfterGap = chain.broken || missing.length > 0 || this.#lastUnreadable > chain.number;
    const hashes = link < 0 ? [row.hash, ...computed] : [row.hash];
    this.#chains.set(shard, {
      previous: hashes.map((hash) => ({ id, hash })),
      number,
      broken: false,
      suspect: link < 0 ? { row, isAfterGap } : undefined,
      newest: row,
    });
    return [...flaws, ...missing];
  }

  /** Ends the check. Suspects and rows of unknown id are reported as flaws. */
  finish(): readonly Flaw[] {
    const flaws = [...this.#chains.values()].flatMap((chain) => closeSuspect(chain));
    for (const open of this.#unplaced) flaws.push({ ...open, shard: null, id: null });
    this.#unplaced = [];
    return flaws;
  }

  /** The batches that are missing between a shard's previous row and this one. */
  #missingBetween(chain: ShardChain, { number, shard, id }: BatchRow): readonly Flaw[] {
    const [{ id: last }] = chain.previous as [Witness];
    const open = this.#unplaced.filter((each) => each.number > chain.number && each.number < number);
    const gap = gapBetween(last, id);
    // Ids do not say how many batches the previous epoch had. One is certain; restoring it will reveal the next.
    const isNewEpoch = gap.length === 0 && id.epoch !== last.epoch;
    const ids = isNewEpoch && open.length > 0 ? [{ epoch: last.epoch, seq: last.seq + 1 }] : gap;
    const taken = new Set(open.slice(0, ids.length));
    this.#unplaced = this.#unplaced.filter((each) => !taken.has(each));
    return ids.map((at, i) => ({
      ...(open[i] ?? { kind: "missing", number: null, reason: IS_GONE }),
      shard,
      id: at,
    }));
  }

  #chainOf(shard: number): ShardChain {
    const known = this.#chains.get(shard);
    if (known !== undefined) return known;
    const chain = { previous: [NO_BATCH], number: 0, broken: false, suspect: undefined, newest: undefined };
    this.#chains.set(shard, chain);
    return chain;
  }
}

/**
 * Judges a row that does not follow its predecessor.
 *
 * @param link the candidate that the next row names: 0 is the suspect's stored hash, -1 is none.
 */
function judgeSuspect(suspect: ShardChain["suspect"], link: number): readonly Flaw[] {
  if (suspect === undefined || (link === 0 && suspect.isAfterGap)) return [];
  return [flawOf(suspect.row, link > 0 ? "hash" : "body")];
}

function closeSuspect(chain: ShardChain): Flaw[] {
  const { suspect } = chain;
  chain.suspect = undefined;
  chain.previous = chain.previous.slice(0, 1);
  return suspect === undefined || suspect.isAfterGap ? [] : [flawOf(suspect.row, "body")];
}

function flawOf({ number, shard, id }: BatchRow, kind: FlawKind): Flaw {
  return { kind, number, shard, id, reason: kind === "hash" ? HAS_OTHER_HASH : HAS_NO_LINK };
}

/** The ids missing between two batches. In a new epoch they start at seq 1; missing ids of the old one are unknown. */
function gapBetween(last: LogId, next: LogId): readonly LogId[] {
  const from = next.epoch === last.epoch ? last.seq + 1 : 1;
  const length = Math.min(Math.max(0, next.seq - from), GAP_MAX);
  return Array.from({ length }, (_, i) => ({ epoch: next.epoch, seq: from + i }));
}
