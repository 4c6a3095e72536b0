import type { DatabaseSync } from "node:sqlite";
import { formatLogId, type LogId } from "../../wal/wal.ts";
import { ArchiveError } from "../archive-error.ts";
import type { Row } from "../database.ts";
import type { Flaw, FlawKind } from "./batch-chain.ts";

/** A known damaged batch. Not `indexed`: the index was built around it, so lists lack what it holds. */
export type Damage = Flaw & Readonly<{ indexed: boolean }>;

/** More are counted by nobody: an archive with so many is restored as a whole. */
const DAMAGES_MAX = 10_000;

/** The damaged batches that are known, kept in the database so that a start need not find them again. */
export class DamageTable {
  readonly #database: DatabaseSync;
  readonly #byNumber = new Map<number, Damage>();
  readonly #byPosition = new Map<string, Damage>();

  /** @param database has the table `damage`, unless it is an old one that is only read. */
  constructor(database: DatabaseSync) {
    this.#database = database;
    for (const row of database.prepare("SELECT * FROM damage").all()) this.#remember(damageOf(row));
  }

  /** By position, those without one last. */
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

  /** Batches that the index lacks. */
  get gaps(): readonly Damage[] {
    return this.all.filter(({ indexed }) => !indexed);
  }

  /** @returns whether it is new, or its position is. */
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

  /** It is whole again. */
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

/** Where a damaged batch stands, for people. */
export function placeText({ number, shard, id }: Pick<Flaw, "number" | "shard" | "id">): string {
  return shard === null || id === null ? `row ${number}` : positionText(shard, id);
}

function positionText(shard: number, id: LogId): string {
  return `${shard}:${formatLogId(id)}`;
}

/** The error of whoever needs a damaged batch. */
export function damaged(flaw: Pick<Flaw, "number" | "shard" | "id" | "reason">): ArchiveError {
  return new ArchiveError(
    "archive_damaged",
    `the archived batch ${placeText(flaw)} is damaged: ${flaw.reason}; the operator can restore it`,
  );
}

function isSame(a: Damage, b: Damage): boolean {
  return (
    a.number === b.number && placeText(a) === placeText(b) && a.kind === b.kind && a.indexed === b.indexed
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
