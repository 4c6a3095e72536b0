import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Above every text that begins with a given prefix. */
const AFTER_ANY = "\u{10ffff}";

/**
 * Which accounts a partner has, in order of id. New ones wait in memory (and are listed from there), then go
 * into the table many at once and in order, which is what makes them cheap. An account that is indexed again
 * is already there: the table may be ahead of the runs.
 */
export class AccountTable {
  readonly #insert: StatementSync;
  readonly #list: StatementSync;
  readonly #pending = new Map<string, Set<string>>();
  #count = 0;

  constructor(database: DatabaseSync) {
    // Many ids at once: a statement per id would cost more than the table itself.
    this.#insert = database.prepare("INSERT OR IGNORE INTO accounts SELECT ?, value FROM json_each(?)");
    this.#list = database.prepare(
      "SELECT id FROM accounts WHERE partner = ? AND id > ? AND id >= ? AND id < ? ORDER BY id LIMIT ?",
    );
  }

  get pending(): number {
    return this.#count;
  }

  add(partner: string, id: string): void {
    let ids = this.#pending.get(partner);
    if (ids === undefined) this.#pending.set(partner, (ids = new Set()));
    ids.add(id);
    this.#count += 1;
  }

  /** Within the caller's transaction; `clear` once it is committed. */
  write(): void {
    for (const partner of [...this.#pending.keys()].toSorted()) {
      const ids = [...(this.#pending.get(partner) ?? [])].toSorted();
      this.#insert.run(partner, JSON.stringify(ids));
    }
  }

  clear(): void {
    this.#pending.clear();
    this.#count = 0;
  }

  list(partner: string, prefix: string, afterId: string, limit: number): readonly string[] {
    const rows = this.#list.all(partner, afterId, prefix, prefix + AFTER_ANY, limit);
    const ids = new Set(rows.map((row) => row["id"] as string));
    for (const id of this.#pending.get(partner) ?? []) {
      if (id > afterId && id.startsWith(prefix)) ids.add(id);
    }
    return [...ids].toSorted().slice(0, limit);
  }
}
