/** The table `accounts`: the account ids of each partner. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { inTransaction } from "../../sqlite-transaction.ts";

/** Appended to a prefix, it sorts after every text with that prefix. */
const AFTER_ANY = "\u{10ffff}";
/** Ids that are collected before they are written, and ids per transaction. */
const PENDING_MAX = 1 << 16;
const PORTION = 1 << 13;

type Sorted = Readonly<{ partner: string; ids: readonly string[] }>;
type Portion = readonly Sorted[];

/**
 * The account ids of each partner, in order of id. New ids are collected in memory, where `list` finds them, and
 * written in large sorted portions: ids are mostly random, so small writes would rewrite nearly every page of the
 * table.
 *
 * The table may be ahead of the runs: an account that is indexed again is already there.
 */
export class AccountTable {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #list: StatementSync;
  #pending = new Map<string, Set<string>>();
  #count = 0;
  /** Sorted portions to be written, from the last element to the first. */
  #portions: Portion[] = [];

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insert = database.prepare("INSERT OR IGNORE INTO accounts SELECT ?, value FROM json_each(?)");
    this.#list = database.prepare(
      "SELECT id FROM accounts WHERE partner = ? AND id > ? AND id >= ? AND id < ? ORDER BY id LIMIT ?",
    );
  }

  add(partner: string, id: string): void {
    let ids = this.#pending.get(partner);
    if (ids === undefined) this.#pending.set(partner, (ids = new Set()));
    ids.add(id);
    this.#count += 1;
  }

  /** Writes one portion if enough ids are pending. Called once per few thousand indexed records. */
  writeSome(): void {
    if (this.#portions.length === 0 && this.#count >= PENDING_MAX) {
      this.#portions = this.#sorted();
      this.#pending = new Map();
      this.#count = 0;
    }
    const portion = this.#portions.at(-1);
    if (portion === undefined) return;
    inTransaction(this.#database, () => this.#write(portion));
    this.#portions.pop();
  }

  /** Writes all ids in the caller's transaction. Call `clear` once it has committed. */
  writeAll(): void {
    for (const portion of [...this.#portions, ...this.#sorted()]) this.#write(portion);
  }

  clear(): void {
    this.#pending = new Map();
    this.#count = 0;
    this.#portions = [];
  }

  list(partner: string, prefix: string, afterId: string, limit: number): readonly string[] {
    const rows = this.#list.all(partner, afterId, prefix, prefix + AFTER_ANY, limit);
    const ids = new Set(rows.map((row) => row["id"] as string));
    const keep = (id: string): void => {
      if (id > afterId && id.startsWith(prefix)) ids.add(id);
    };
    this.#pending.get(partner)?.forEach(keep);
    for (const part of this.#portions.flat()) if (part.partner === partner) part.ids.forEach(keep);
    return [...ids].toSorted().slice(0, limit);
  }

  #write(portion: Portion): void {
    for (const { partner, ids } of portion) this.#insert.run(partner, JSON.stringify(ids));
  }

  /** The pending ids, sorted and cut into portions. A portion may have ids of many partners. */
  #sorted(): Portion[] {
    const portions: Portion[] = [];
    let portion: Sorted[] = [];
    let room = PORTION;
    for (const partner of [...this.#pending.keys()].toSorted()) {
      const ids = [...(this.#pending.get(partner) ?? [])].toSorted();
      for (let at = 0; at < ids.length; ) {
        const taken = ids.slice(at, at + room);
        portion.push({ partner, ids: taken });
        at += taken.length;
        room -= taken.length;
        if (room > 0) continue;
        portions.push(portion);
        portion = [];
        room = PORTION;
      }
    }
    if (portion.length > 0) portions.push(portion);
    return portions.toReversed();
  }
}
