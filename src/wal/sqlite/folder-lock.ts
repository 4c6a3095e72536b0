/**
 * Allows one server per folder of sqlite logs. An open SQLite transaction holds an operating system lock, which is
 * released when the process ends for any reason, so no stale lock can remain.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LogError } from "../wal.ts";

export type FolderLock = Readonly<{ release: () => void }>;

const BUSY = 5;
/** Keeps the databases referenced: garbage collection would close them and release their locks. */
const held = new Set<DatabaseSync>();

/**
 * Locks the folder for this process. Creates it if it does not exist.
 *
 * @throws LogError `log_in_use`: a live process holds it. `log_misconfigured`: it is not writable.
 */
export function lockFolder(dir: string): FolderLock {
  const ownerFile = join(dir, "owner.pid");
  try {
    mkdirSync(dir, { recursive: true });
    const database = lock(join(dir, "lock.sqlite"));
    // Only for the error message. Whether the owner is alive is decided by the lock.
    writeFileSync(ownerFile, `${process.pid}\n`);
    held.add(database);
    return {
      release: () => {
        if (held.delete(database)) database.close();
      },
    };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (isBusy(error)) {
      throw new LogError(
        "log_in_use",
        `${dir} is in use by another Daybook server (pid ${readPid(ownerFile)}): stop it first, or give this one another folder`,
        { cause: error },
      );
    }
    throw new LogError(
      "log_misconfigured",
      `the folder ${resolve(dir)} cannot be written to: ${error.message}. Let this user write there, or name another folder`,
      { cause: error },
    );
  }
}

function lock(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function isBusy(error: Error): boolean {
  return "errcode" in error && error.errcode === BUSY;
}

function readPid(file: string): string {
  try {
    return readFileSync(file, "utf8").trim() || "unknown";
  } catch {
    return "unknown";
  }
}
