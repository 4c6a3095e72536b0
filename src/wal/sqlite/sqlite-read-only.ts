/** Reads SQLite files, also those of a running server, without creating or changing any file. */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

const BUSY_TIMEOUT_MS = 2_000;

/** `immutable`: SQLite was told that the file has no writer. Results are invalid once `hasWriter` returns true. */
export type ReadOnlyDatabase = Readonly<{ database: DatabaseSync; immutable: boolean }>;

export function openForReading(file: string, busyTimeoutMs: number = BUSY_TIMEOUT_MS): ReadOnlyDatabase {
  const url = pathToFileURL(file);
  const immutable = !hasWriter(file);
  // Without this even a read-only connection creates -wal and -shm files and leaves them behind.
  if (immutable) url.searchParams.set("immutable", "1");
  return { database: new DatabaseSync(url, { readOnly: true, timeout: busyTimeoutMs }), immutable };
}

/** A -wal file exists while a server has the file open, and after it was killed. */
export function hasWriter(file: string): boolean {
  return existsSync(`${file}-wal`);
}

/** Opens a file for one read; `undefined` if it has no such table. */
export function readOnce<T>(file: string, table: string, ask: (database: DatabaseSync) => T): T | undefined {
  for (;;) {
    const { database, immutable } = openForReading(file);
    try {
      const answer = hasTable(database, table) ? ask(database) : undefined;
      // Otherwise a server has started while we read and may have changed pages under us: read again.
      if (!immutable || !hasWriter(file)) return answer;
    } finally {
      database.close();
    }
  }
}

export function hasTable(database: DatabaseSync, name: string): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(name) !== undefined;
}
