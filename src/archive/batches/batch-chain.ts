/**
 * Checks archived batches against the hash chain of the log. The archive keeps the hash of each frame but not the frame:
 * it is made again from the row and the batch before it, so each hash proves its own row and the one before.
 */
import { encodeBatch, hashFrame, NO_BATCH } from "../../wal/frame.ts";
import { type Batch, compareLogIds, formatLogId, type LogId, type Witness } from "../../wal/wal.ts";

/** A row of the table `batches`, as it was read. */
export type BatchRow = Batch & Readonly<{ number: number; shard: number; checksum: number }>;

/**
 * - `body`: the batch cannot be used. - `missing`: it has no row. - `hash`: only the hash beside it is wrong, and the batch
 * can be used.
 */
export type FlawKind = "body" | "missing" | "hash";

/** What is wrong with one batch. `number` is its row; where its position is not known, `shard` and `id` are `null`. */
export type Flaw = Readonly<{
  kind: FlawKind;
  number: number | null;
  shard: number | null;
  id: LogId | null;
  reason: string;
}>;

/** Of a gap in the ids so many positions are named. */
const GAP_MAX = 10_000;
/** The most that a server can be started with. */
const SHARDS_MAX = 64;

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

/** The number of shards is in every frame and in no row: it is the one with which a link holds. */
export function findShards(previous: Witness, row: Batch): number | undefined {
  for (let shards = 1; shards <= SHARDS_MAX; shards++)
    if (isSameHash(chainedHash(previous, row, shards), row.hash)) return shards;
  return undefined;
}

export function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

interface ShardChain {
  /** What the next row may name as the batch before it. The first has the hash that is stored with that batch. */
  previous: readonly Witness[];
  /** Of the row before. */
  number: number;
  /** Whether the batch before is missing or damaged, so that the next row need not follow it. */
  broken: boolean;
  /** The row before does not follow its predecessor: the next one shows whether its content or its hash is wrong. */
  suspect: Readonly<{ row: BatchRow; behindGap: boolean }> | undefined;
  newest: BatchRow | undefined;
}

/** Follows the chains of all shards through the rows of an archive, in order of their numbers. */
export class BatchChains {
  readonly #chains = new Map<number, ShardChain>();
  /** Rows that are gone or cannot be read, until a later row of their shard shows which position they had. */
  #open: Readonly<{ kind: FlawKind; number: number; reason: string }>[] = [];
  /** The newest number without a readable row: behind it no shard's next row need follow the one before. */
  #lost = 0;
  #shards: number | undefined;

  /** Takes up a shard's chain behind this row. */
  begin(row: BatchRow): void {
    const { number, shard, id, hash } = row;
    const previous = [{ id, hash }];
    this.#chains.set(shard, { previous, number, broken: false, suspect: undefined, newest: row });
  }

  /** By shard, the newest row that was taken in. */
  get newest(): readonly BatchRow[] {
    return [...this.#chains.values()].flatMap(({ newest }) => (newest === undefined ? [] : [newest]));
  }

  /** The server's number of shards, once a link has shown it. */
  get shards(): number | undefined {
    return this.#shards;
  }

  /** A number without a row. */
  missing(number: number): void {
    this.#lost = number;
    this.#open.push({ kind: "missing", number, reason: IS_GONE });
  }

  /** A row that cannot be read at all. */
  unreadable(number: number, reason: string): void {
    this.#lost = number;
    this.#open.push({ kind: "body", number, reason });
  }

  /** A row that cannot be read, but of which it is known elsewhere what it was. */
  unreadableAt(number: number, shard: number, id: LogId, reason: string): readonly Flaw[] {
    this.#lost = number;
    return this.damaged(
      { number, shard, id, hash: NO_BATCH.hash, timeMs: 0, count: 0, checksum: 0, body: NO_BODY },
      reason,
    );
  }

  /** A row that fails its checksum. Its id counts only if it is the one that must come. */
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
      this.unreadable(number, `it holds ${shard}:${formatLogId(id)} once more`);
      return [];
    }
    this.#shards ??= findShards(before, row);
    const computed = chain.previous.map((previous) => chainedHash(previous, row, this.#shards ?? 1));
    const link = computed.findIndex((hash) => isSameHash(hash, row.hash));
    const flaws = judge(chain.suspect, link);
    const missing = link < 0 ? this.#missingBetween(chain, row) : [];
    const behindGap = chain.broken || missing.length > 0 || this.#lost > chain.number;
    const hashes = link < 0 ? [row.hash, ...computed] : [row.hash];
    this.#chains.set(shard, {
      previous: hashes.map((hash) => ({ id, hash })),
      number,
      broken: false,
      suspect: link < 0 ? { row, behindGap } : undefined,
      newest: row,
    });
    return [...flaws, ...missing];
  }

  /** Nothing follows for now: what is open is held against the rows. */
  finish(): readonly Flaw[] {
    const flaws = [...this.#chains.values()].flatMap((chain) => closeSuspect(chain));
    for (const open of this.#open) flaws.push({ ...open, shard: null, id: null });
    this.#open = [];
    return flaws;
  }

  /** The batches that must have been between a shard's row before and this one. */
  #missingBetween(chain: ShardChain, { number, shard, id }: BatchRow): readonly Flaw[] {
    const [{ id: last }] = chain.previous as [Witness];
    const open = this.#open.filter((each) => each.number > chain.number && each.number < number);
    const gap = gapBetween(last, id);
    // The ids do not say how many batches the epoch before had. One is certain; once it is restored, the next one shows.
    const isNewEpoch = gap.length === 0 && id.epoch !== last.epoch;
    const ids = isNewEpoch && open.length > 0 ? [{ epoch: last.epoch, seq: last.seq + 1 }] : gap;
    const taken = new Set(open.slice(0, ids.length));
    this.#open = this.#open.filter((each) => !taken.has(each));
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
 * What is wrong with the row before, which does not follow its predecessor.
 *
 * @param link which of the candidates the next row names: 0 is the hash that is stored with it, -1 none.
 */
function judge(suspect: ShardChain["suspect"], link: number): readonly Flaw[] {
  if (suspect === undefined || (link === 0 && suspect.behindGap)) return [];
  return [flawOf(suspect.row, link > 0 ? "hash" : "body")];
}

function closeSuspect(chain: ShardChain): Flaw[] {
  const { suspect } = chain;
  chain.suspect = undefined;
  chain.previous = chain.previous.slice(0, 1);
  return suspect === undefined || suspect.behindGap ? [] : [flawOf(suspect.row, "body")];
}

function flawOf({ number, shard, id }: BatchRow, kind: FlawKind): Flaw {
  return { kind, number, shard, id, reason: kind === "hash" ? HAS_OTHER_HASH : HAS_NO_LINK };
}

/** The ids that are skipped between two batches, as far as ids show it: an epoch's own begin with seq 1. */
function gapBetween(last: LogId, next: LogId): readonly LogId[] {
  const from = next.epoch === last.epoch ? last.seq + 1 : 1;
  const length = Math.min(Math.max(0, next.seq - from), GAP_MAX);
  return Array.from({ length }, (_, i) => ({ epoch: next.epoch, seq: from + i }));
}
