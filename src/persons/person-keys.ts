/**
 * The keys that personal data in the log is encrypted with, one for each person, in a file of their own in DATA_DIR. Records
 * are never changed, so a person is erased by destroying its key: what the log, snapshots, the archive and backups of them
 * contain cannot be read from then on. See `docs/adr/0030-persons-are-erased-by-their-keys.md`.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { messageOf } from "../errors/error-message.ts";
import { OperatingError } from "../errors/operating-error.ts";
import { inTransaction } from "../sqlite-transaction.ts";

/** The file in DATA_DIR. */
export const PERSONS_FILE = "persons.sqlite";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const STORE_BYTES = 4;
/** 128 bits: no two e-mails of one partner have the same. */
const PSEUDONYM_BYTES = 16;
/** `<id of its key>:<nonce, ciphertext and tag in base64url>`; the id is `<store>-<number>`. */
const SEALED = /^([0-9a-f]{8})-(\d+):([\w-]+)$/;

/**
 * Keys are only appended, and an erased key is overwritten in place by zeros: SQLite then never moves a key to another page,
 * so no copy of it is left behind. AUTOINCREMENT: no number is used twice.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS store (
    one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, pseudonym_key BLOB NOT NULL, accepts_loss INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS persons (
    id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, key BLOB NOT NULL, is_erased INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS persons_by_person ON persons (person) WHERE is_erased = 0;
  CREATE TABLE IF NOT EXISTS lost (store TEXT PRIMARY KEY, up_to INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** What the log may not contain in clear. */
export type Person = Readonly<{ email: string; name: string | null }>;

/** The keys that the log was written with: those of one store, up to a number. */
type NeededKeys = Readonly<{ store: string; upTo: number }>;

/** The keys as routes use them. */
export type Persons = Pick<PersonKeys, "pseudonymOf" | "seal" | "open" | "erase">;

type Waiting = Readonly<{
  identity: string;
  person: Person;
  resolve: (sealed: string) => void;
  reject: (error: unknown) => void;
}>;

export class PersonKeys {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #store: string;
  readonly #pseudonymKey: Uint8Array;
  readonly #ofPerson: StatementSync;
  readonly #add: StatementSync;
  readonly #byId: StatementSync;
  #waiting: Waiting[] = [];

  /**
   * Opens the store; creates it if the file does not exist. Several threads may have it open.
   *
   * @param path `:memory:` for tests
   * @throws Error the file cannot be opened or created, or is damaged
   */
  constructor(path: string) {
    this.#path = path;
    this.#database = new DatabaseSync(path, { timeout: 5_000 });
    this.#database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA secure_delete = ON;
      ${SCHEMA}
    `);
    this.#database
      .prepare("INSERT OR IGNORE INTO store VALUES (1, ?, ?, 0)")
      .run(randomBytes(STORE_BYTES).toString("hex"), randomBytes(KEY_BYTES));
    const row = this.#database.prepare("SELECT id, pseudonym_key FROM store").get();
    this.#store = row?.["id"] as string; // as the statement before has made sure
    this.#pseudonymKey = row?.["pseudonym_key"] as Uint8Array;
    this.#ofPerson = this.#database.prepare("SELECT id, key FROM persons WHERE person = ? AND is_erased = 0");
    this.#add = this.#database.prepare("INSERT INTO persons (person, key, is_erased) VALUES (?, ?, 0)");
    this.#byId = this.#database.prepare("SELECT person, key FROM persons WHERE id = ? AND is_erased = 0");
    // A server may have been killed between an erasure and its checkpoint.
    this.#truncateOldPages();
  }

  /** What stands for the e-mail in the log: a keyed hash, so that only this server can tell whose it is. */
  pseudonymOf(partner: string, email: string): string {
    const hmac = createHmac("sha256", this.#pseudonymKey).update(`${partner}\0${email}`);
    return `~${hmac.digest().subarray(0, PSEUDONYM_BYTES).toString("base64url")}`;
  }

  /**
   * Encrypts personal data with the key of its person, which is durable when this resolves. All that wait at the same time
   * share one transaction.
   *
   * @throws OperatingError (as a rejection) `log_unavailable`: a new key cannot be stored
   */
  seal(partner: string, person: Person): Promise<string> {
    const identity = `${partner}\0${this.pseudonymOf(partner, person.email)}`;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ identity, person, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#sealWaiting());
    });
  }

  /** @returns `undefined` if the person was erased, or if the key is in another store */
  open(sealed: string): Person | undefined {
    const [, store, number, text = ""] = SEALED.exec(sealed) ?? [];
    if (store !== this.#store) return undefined;
    const row = this.#byId.get(Number(number));
    if (row === undefined) return undefined;
    const bytes = Buffer.from(text, "base64url");
    const decipher = createDecipheriv(CIPHER, row["key"] as Uint8Array, bytes.subarray(0, NONCE_BYTES))
      .setAAD(Buffer.from(row["person"] as string, "utf8"))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    const clear = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    const [email, name] = JSON.parse(clear.toString("utf8")) as [string, string | null]; // as `encrypt` has written it
    return { email, name };
  }

  /**
   * Destroys keys for good. Those that are destroyed already, or in another store, are ignored.
   *
   * @throws OperatingError `outcome_unknown`: the file cannot be written; some keys may be left
   */
  erase(ids: Iterable<string>): void {
    const erase = this.#database.prepare(
      `UPDATE persons SET key = zeroblob(${KEY_BYTES}), is_erased = 1 WHERE id = ? AND is_erased = 0`,
    );
    try {
      let isChanged = false;
      inTransaction(this.#database, () => {
        for (const id of ids) {
          const [store, number] = id.split("-");
          if (store === this.#store) isChanged = erase.run(Number(number)).changes > 0 || isChanged;
        }
      });
      if (isChanged && !this.#truncateOldPages()) throw new Error("the file is busy");
    } catch (error) {
      throw new OperatingError(
        "outcome_unknown",
        `the keys of erased persons cannot be destroyed in ${this.#path}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** Why this store cannot be the one that the log was written with; `undefined` if it can. */
  faultOf({ store, upTo }: NeededKeys): string | undefined {
    const isSame = store === this.#store;
    if (isSame && upTo <= this.#last()) return undefined;
    const lost = this.#database.prepare("SELECT up_to FROM lost WHERE store = ?").get(store);
    if (lost !== undefined && upTo <= (lost["up_to"] as number)) return undefined;
    return (
      `${this.#path} ${isSame ? "is older than the log" : "is not the one of this log"}: it lacks the keys of persons in the ` +
      "log. Restore the file from the newest copy. If there is none, `daybook persons accept-loss` lets the server start; " +
      "what those keys encrypt cannot be read any more"
    );
  }

  /**
   * Notes that these keys are lost, if an operator has accepted that (`acceptLoss`): they are not missed at later starts.
   *
   * @returns whether it was accepted
   */
  noteAcceptedLoss({ store, upTo }: NeededKeys): boolean {
    if (this.#database.prepare("SELECT accepts_loss FROM store").get()?.["accepts_loss"] !== 1) return false;
    this.#database.prepare("INSERT OR REPLACE INTO lost VALUES (?, ?)").run(store, upTo);
    // No number of a lost key may be used again.
    if (store === this.#store)
      this.#database
        .prepare("INSERT INTO persons (id, person, key, is_erased) VALUES (?, '', zeroblob(0), 1)")
        .run(upTo);
    return true;
  }

  /** Accepts that keys are lost, until the next start has noted which. */
  acceptLoss(isAccepted = true): void {
    this.#database.prepare("UPDATE store SET accepts_loss = ?").run(isAccepted ? 1 : 0);
  }

  close(): void {
    this.#database.close();
  }

  #sealWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      const sealed = inTransaction(this.#database, () => waiting.map((each) => this.#sealOne(each)));
      for (const [i, { resolve }] of waiting.entries()) resolve(sealed[i] ?? "");
    } catch (error) {
      const reason = new OperatingError(
        "log_unavailable",
        `keys of persons cannot be stored in ${this.#path}: ${messageOf(error)}`,
        { cause: error },
      );
      for (const { reject } of waiting) reject(reason);
    }
  }

  #sealOne({ identity, person }: Waiting): string {
    const known = this.#ofPerson.get(identity);
    if (known !== undefined)
      return this.#encrypt(known["id"] as number, known["key"] as Uint8Array, identity, person);
    const key = randomBytes(KEY_BYTES);
    const { lastInsertRowid } = this.#add.run(identity, key);
    return this.#encrypt(Number(lastInsertRowid), key, identity, person);
  }

  #encrypt(id: number, key: Uint8Array, identity: string, { email, name }: Person): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(identity, "utf8"));
    const clear = Buffer.from(JSON.stringify([email, name]), "utf8");
    const bytes = Buffer.concat([nonce, cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
    return `${this.#store}-${id}:${bytes.toString("base64url")}`;
  }

  #last(): number {
    const row = this.#database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'persons'").get();
    return (row?.["seq"] as number | undefined) ?? 0;
  }

  /**
   * Writes all pages into the file and empties its write-ahead log, which holds earlier versions of pages.
   *
   * @returns whether it could: not while another thread reads
   */
  #truncateOldPages(): boolean {
    return this.#database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"] === 0;
  }
}
