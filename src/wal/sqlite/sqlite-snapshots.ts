/** Snapshots of an embedded log: a separate SQLite file, so that snapshots and the log never wait for each other. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { messageOf } from "../../errors/error-message.ts";
import { syncFolder } from "../../sync-folder.ts";
import { SLOTS, type SnapshotStore } from "../snapshots/snapshot-store.ts";
import { LogError } from "../wal.ts";
import { readOnce } from "./sqlite-read-only.ts";
import { checkpointAndTruncate } from "./sqlite-stream.ts";

const BUSY_TIMEOUT_MS = 2_000;

type Open = Readonly<{
  database: DatabaseSync;
  insert: StatementSync;
  after: StatementSync;
  last: StatementSync;
  used: StatementSync;
  clear: StatementSync;
}>;

export class SqliteSnapshotStore implements SnapshotStore {
  readonly name: string;
  readonly #file: string;
  readonly #readOnly: boolean;
  #open: Open | undefined;

  /** @param options.readOnly inspects snapshots, also those of a running server: creates and changes nothing. */
  constructor(file: string, options: Readonly<{ readOnly?: boolean }> = {}) {
    this.#file = file;
    this.#readOnly = options.readOnly ?? false;
    this.name = file;
  }

  async settle(): Promise<void> {
    const isSettled = this.#run(({ database }) => checkpointAndTruncate(database), true);
    if (!isSettled) throw new LogError("log_unavailable", `${this.name} is in use by another reader`);
  }

  async used(): Promise<readonly number[]> {
    const found = this.#run((open) => open.used.all().map((row) => row["slot"] as number), []);
    return [...new Set([...SLOTS, ...found])];
  }

  async read(slot: number, from: number, bytesMax: number): Promise<readonly Uint8Array[]> {
    return this.#run((open) => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for (const { bytes: chunk } of open.after.iterate(slot, from)) {
        chunks.push(chunk as Uint8Array);
        bytes += (chunk as Uint8Array).length;
        if (bytes >= bytesMax) break;
      }
      return chunks;
    }, []);
  }

  async last(slot: number): Promise<Uint8Array | undefined> {
    return this.#run((open) => open.last.get(slot)?.["bytes"] as Uint8Array | undefined, undefined);
  }

  async append(slot: number, chunk: Uint8Array): Promise<void> {
    this.#create();
    this.#run((open) => void open.insert.run(slot, chunk), undefined);
  }

  async clear(slot: number): Promise<void> {
    this.#run((open) => void open.clear.run(slot), undefined);
  }

  async close(): Promise<void> {
    this.#open?.database.close();
    this.#open = undefined;
  }

  #create(): void {
    if (existsSync(this.#file)) return;
    this.#guard(() => {
      this.#open = openFile(this.#file);
      // The directory entry must survive a power cut, too.
      syncFolder(dirname(this.#file));
    });
  }

  /** Runs `work` on the file. Returns `absent` if the file does not exist: reading creates none. */
  #run<T>(work: (open: Open) => T, absent: T): T {
    if (this.#open === undefined && !existsSync(this.#file)) return absent;
    if (this.#readOnly) {
      return this.#guard(
        () => readOnce(this.#file, "chunk", (database) => work(prepareStatements(database))) ?? absent,
      );
    }
    return this.#guard(() => work((this.#open ??= openFile(this.#file))));
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const reason = messageOf(error);
      throw new LogError("log_unavailable", `${this.name}: SQLite says "${reason}"`, { cause: error });
    }
  }
}

function openFile(file: string): Open {
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=1");
    database.exec(
      "CREATE TABLE IF NOT EXISTS chunk (slot INTEGER NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (slot, number)) STRICT",
    );
    return prepareStatements(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepareStatements(database: DatabaseSync): Open {
  return {
    database,
    insert: database.prepare(
      "INSERT INTO chunk SELECT ?1, coalesce(max(number) + 1, 0), ?2 FROM chunk WHERE slot = ?1",
    ),
    after: database.prepare("SELECT bytes FROM chunk WHERE slot = ? AND number >= ? ORDER BY number"),
    last: database.prepare("SELECT bytes FROM chunk WHERE slot = ? ORDER BY number DESC LIMIT 1"),
    used: database.prepare("SELECT DISTINCT slot FROM chunk"),
    clear: database.prepare("DELETE FROM chunk WHERE slot = ?"),
  };
}
