/** Transactions of SQLite databases that one writer of several may lock. */
import type { DatabaseSync } from "node:sqlite";

/** Does the work in a transaction, or nothing of it: it is rolled back also if it cannot be committed. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
