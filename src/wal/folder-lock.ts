/**
 * One server per folder of sqlite logs. The lock is one of the operating system's, held through an open
 * SQLite transaction: it ends with the process however that ends, so nothing stale can be left behind.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LogError } from "./wal.ts";

export type FolderLock = Readonly<{ release: () => void }>;

const BUSY = 5;
/** A lock that nobody references would be collected, and with it the lock would open. */
const held = new Set<DatabaseSync>();

/**
 * Takes the folder for this process, making it where it does not exist.
 *
 * @throws LogError `log_in_use`: a live process has it.
 */
export function lockFolder(dir: string): FolderLock {
  mkdirSync(dir, { recursive: true });
  const database = new DatabaseSync(join(dir, "lock.sqlite"), { timeout: 0 });
  const ownerFile = join(dir, "owner.pid");
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!(error instanceof Error && "errcode" in error && error.errcode === BUSY)) throw error;
    throw new LogError(
      "log_in_use",
      `${dir} is in use by another Daybook server (pid ${readPid(ownerFile)}): stop it first, or give this one another folder`,
      { cause: error },
    );
  }
  held.add(database);
  // For the message only: whether the owner lives is the lock's business, not this number's.
  writeFileSync(ownerFile, `${process.pid}\n`);
  return {
    release: () => {
      if (held.delete(database)) database.close();
    },
  };
}

function readPid(file: string): string {
  try {
    return readFileSync(file, "utf8").trim() || "unknown";
  } catch {
    return "unknown";
  }
}
