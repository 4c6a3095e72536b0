/**
 * One server per folder of sqlite logs. The lock is one of the operating system's, held through an open
 * SQLite transaction: it ends with the process however that ends, so nothing stale can be left behind.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LogError } from "../wal.ts";

export type FolderLock = Readonly<{ release: () => void }>;

const BUSY = 5;
/** A lock that nobody references would be collected, and with it the lock would open. */
const held = new Set<DatabaseSync>();

/**
 * Takes the folder for this process, making it where it does not exist.
 *
 * @throws LogError `log_in_use`: a live process has it. `log_misconfigured`: it cannot be written to.
 */
export function lockFolder(dir: string): FolderLock {
  const ownerFile = join(dir, "owner.pid");
  try {
    mkdirSync(dir, { recursive: true });
    const database = lock(join(dir, "lock.sqlite"));
    // For the message only: whether the owner lives is the lock's business, not this number's.
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
