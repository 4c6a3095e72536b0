/** Keeps DATA_DIR private to the server's user: it holds the ledger's data and the key that seals secrets. */
import { chmodSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../errors/error-message.ts";
import { LogError } from "../../wal/wal.ts";

/** Permissions of group and others. */
const OTHERS_MASK = 0o077;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const KEY_FILE = "secret-key";
const KEY_BYTES = 32;
const KEY_LENGTH_MIN = 32;

/** Makes new files of this process, its threads and its children private to its user. */
export function keepFilesPrivate(): void {
  process.umask(OTHERS_MASK);
}

/**
 * Removes all permissions of group and others from the folder and its contents, which an older version left readable. A
 * folder that is private already is not changed.
 *
 * @returns the error message if it failed, for example because the folder belongs to another user.
 */
export function makePrivate(folder: string): string | undefined {
  try {
    if ((lstatSync(folder).mode & OTHERS_MASK) === 0) return undefined;
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isDirectory()) chmodSync(path, FOLDER_MODE);
      else if (entry.isFile()) chmodSync(path, FILE_MODE);
    }
    chmodSync(folder, FOLDER_MODE);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * Reads the secret key from its file in the folder; creates the file if it does not exist.
 *
 * @param random returns secure random bytes.
 * @throws LogError `log_misconfigured`: the file's content is too short for a key.
 */
export function storedSecretKey(folder: string, random: (bytes: number) => Uint8Array): string {
  const file = join(folder, KEY_FILE);
  try {
    const made = Buffer.from(random(KEY_BYTES)).toString("base64url");
    writeFileSync(file, `${made}\n`, { mode: FILE_MODE, flag: "wx", flush: true });
    return made;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  const stored = readFileSync(file, "utf8").trim();
  if (stored.length >= KEY_LENGTH_MIN) return stored;
  throw new LogError(
    "log_misconfigured",
    `${file} holds no key: restore it from a copy, or delete it; report addresses that were given out then stop working`,
  );
}
