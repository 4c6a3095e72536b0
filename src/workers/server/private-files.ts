/** What only the server's user may read: the books, and the key that seals secrets. */
import { chmodSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LogError } from "../../wal/wal.ts";

const OF_OTHERS = 0o077;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const KEY_FILE = "secret-key";
const KEY_BYTES = 32;
const KEY_LENGTH_MIN = 32;

/** From now on nobody else may read what this process, its threads and its children make. */
export function keepFilesPrivate(): void {
  process.umask(OF_OTHERS);
}

/**
 * Takes the folder and all that is in it from everybody else. What an older version has made was open to them; a folder
 * that is closed already is left as it is.
 *
 * @returns why it could not be done: the folder may be another user's, who lets this one write there.
 */
export function makePrivate(folder: string): string | undefined {
  try {
    if ((lstatSync(folder).mode & OF_OTHERS) === 0) return undefined;
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isDirectory()) chmodSync(path, FOLDER_MODE);
      else if (entry.isFile()) chmodSync(path, FILE_MODE);
    }
    chmodSync(folder, FOLDER_MODE);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * The key in a file of the folder, made where there is none.
 *
 * @throws LogError `log_misconfigured`: what is in the file cannot be a key.
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
    `${file} holds no key: restore it from a copy, or delete it, and addresses of reports end`,
  );
}
