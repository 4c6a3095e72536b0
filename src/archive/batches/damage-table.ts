/** The table `damage`: which stored batches are damaged. */
import type { DatabaseSync } from "node:sqlite";
import { formatLogId, type LogId } from "../../wal/wal.ts";
import { ArchiveError } from "../archive-error.ts";
import type { Row } from "../database.ts";
import type { Flaw, FlawKind } from "./batch-chain.ts";

/** A known damaged batch. If not `indexed`, the index skipped it and lists may lack its records. */
export type Damage = Flaw & Readonly<{ indexed: boolean }>;

/** Bounds memory. An archive with more damage must be restored as a whole. */
const DAMAGES_MAX = 10_000;

/** The known damaged batches, kept in the database across restarts. */
export class DamageTable {
  readonly #database: DatabaseSync;
  readonly #byNumber = new Map<number, Damage>();
  readonly #byPosition = new Map<string, Damage>();

  /** @param database an archive's database. */
  constructor(database: DatabaseSync) {
    this.#database = database;
    for (const row of database.prepare("SELECT * FROM damage").all()) this.#remember(damageOf(row));
  }

  /** Sorted by shard and id; those with unknown ids last. */
  get all(): readonly Damage[] {
    const all = new Set([...this.#byPosition.values(), ...this.#byNumber.values()]);
    return [...all].toSorted(
      (a, b) =>
        (a.shard ?? Infinity) - (b.shard ?? Infinity) ||
        (a.id?.epoch ?? 0) - (b.id?.epoch ?? 0) ||
        (a.id?.seq ?? 0) - (b.id?.seq ?? 0),
    );
  }

  get size(): number {
    return new Set([...this.#byPosition.values(), ...this.#byNumber.values()]).size;
  }

  ofRow(number: number): Damage | undefined {
    return this.#byNumber.get(number);
  }

  at(shard: number, id: LogId): Damage | undefined {
    return this.#byPosition.get(positionText(shard, id));
  }

  /** Damaged batches that the index skipped. */
  get gaps(): readonly Damage[] {
    return this.all.filter(({ indexed }) => !indexed);
  }

  /** Adds or updates a damaged batch. @returns whether it, or its id, was unknown before. */
  add(flaw: Flaw, indexed = true): boolean {
    const known = this.#known(flaw);
    if (known === undefined && this.size >= DAMAGES_MAX) return false;
    const number = flaw.number ?? known?.number ?? null;
    const { shard, id } = flaw.id === null && known !== undefined ? known : flaw;
    const damage = { ...flaw, number, shard, id, indexed: indexed && (known?.indexed ?? true) };
    if (known !== undefined && isSame(known, damage)) return false;
    if (known !== undefined) this.remove(known);
    this.#database
      .prepare("INSERT INTO damage VALUES (?, ?, ?, ?, ?, ?, ?)")
      .run(
        number,
        shard,
        id?.epoch ?? null,
        id?.seq ?? null,
        damage.kind,
        damage.reason,
        Number(damage.indexed),
      );
    this.#remember(damage);
    return known === undefined || known.id === null;
  }

  /** Removes a batch that was restored. */
  remove({ number, shard, id }: Damage): void {
    this.#database
      .prepare("DELETE FROM damage WHERE number IS ? AND shard IS ? AND epoch IS ? AND seq IS ?")
      .run(number, shard, id?.epoch ?? null, id?.seq ?? null);
    if (number !== null) this.#byNumber.delete(number);
    if (shard !== null && id !== null) this.#byPosition.delete(positionText(shard, id));
  }

  #known({ number, shard, id }: Flaw): Damage | undefined {
    const ofRow = number === null ? undefined : this.#byNumber.get(number);
    return ofRow ?? (shard === null || id === null ? undefined : this.at(shard, id));
  }

  #remember(damage: Damage): void {
    const { number, shard, id } = damage;
    if (number !== null) this.#byNumber.set(number, damage);
    if (shard !== null && id !== null) this.#byPosition.set(positionText(shard, id), damage);
  }
}

/** Names a damaged batch in messages: `<shard>:<epoch>-<seq>`, or its row if that is unknown. */
export function formatBatchPosition({ number, shard, id }: Pick<Flaw, "number" | "shard" | "id">): string {
  return shard === null || id === null ? `row ${number}` : positionText(shard, id);
}

function positionText(shard: number, id: LogId): string {
  return `${shard}:${formatLogId(id)}`;
}

/** The error for a query that needs a damaged batch. */
export function damageError(flaw: Pick<Flaw, "number" | "shard" | "id" | "reason">): ArchiveError {
  return new ArchiveError(
    "archive_damaged",
    `the archived batch ${formatBatchPosition(flaw)} is damaged: ${flaw.reason}; the operator can restore it`,
  );
}

function isSame(a: Damage, b: Damage): boolean {
  return (
    a.number === b.number &&
    formatBatchPosition(a) === formatBatchPosition(b) &&
    a.kind === b.kind &&
    a.indexed === b.indexed
  );
}

function damageOf(row: Row): Damage {
  const epoch = row["epoch"] as number | null;
  return {
    number: row["number"] as number | null,
    shard: row["shard"] as number | null,
    id: epoch === null ? null : { epoch, seq: row["seq"] as number },
    kind: row["kind"] as FlawKind,
    reason: row["reason"] as string,
    indexed: row["indexed"] === 1,
  };
}
