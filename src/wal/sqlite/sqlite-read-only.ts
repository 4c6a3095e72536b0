/** Looking into SQLite files, also into those of a live server, without making or changing any file. */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

const BUSY_TIMEOUT_MS = 2_000;

/** `immutable`: SQLite was told that nobody writes to the file. That is over once `hasWriter`. */
export type ReadOnlyDatabase = Readonly<{ database: DatabaseSync; immutable: boolean }>;

export function openForReading(file: string, busyTimeoutMs: number = BUSY_TIMEOUT_MS): ReadOnlyDatabase {
  const url = pathToFileURL(file);
  const immutable = !hasWriter(file);
  // Without this, a connection that may not write makes -wal and -shm nevertheless, and leaves them.
  if (immutable) url.searchParams.set("immutable", "1");
  return { database: new DatabaseSync(url, { readOnly: true, timeout: busyTimeoutMs }), immutable };
}

/** While a server has the file open, and after it was killed, there is a WAL beside it. */
export function hasWriter(file: string): boolean {
  return existsSync(`${file}-wal`);
}

/** One question to a file that exists; `undefined` while it has no such table. */
export function askOnce<T>(file: string, table: string, ask: (database: DatabaseSync) => T): T | undefined {
  for (;;) {
    const { database, immutable } = openForReading(file);
    try {
      const answer = hasTable(database, table) ? ask(database) : undefined;
      // Else a server has started meanwhile, and may have moved pages under the question.
      if (!immutable || !hasWriter(file)) return answer;
    } finally {
      database.close();
    }
  }
}

export function hasTable(database: DatabaseSync, name: string): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(name) !== undefined;
}
