/**
 * Witness files: one small file per stream that names a durable batch. A start that finds a log without that batch
 * knows that the log has lost data. Files are written lazily, since an older witness is still valid.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { HASH_BYTES } from "./frame.ts";
import type { StreamName } from "./open.ts";
import { compareLogIds, formatLogId, LogError, type LogId, parseLogId, type Witness } from "./wal.ts";

/** The log's clock when the witness was written. A starting server compares its own clock with it. */
export type WitnessedClock = Readonly<{
  /** Log time, ms since 1970. */
  timeMs: number;
  /** Time since boot at that moment, ms. */
  uptimeMs: number;
  /** Accepted wall time minus time since boot, ms. */
  baselineMs: number;
  /** Id of that boot, on systems that have one. */
  bootId: string | undefined;
}>;

/** Earlier versions wrote no clock. */
export type StoredWitness = Witness & Readonly<{ clock?: WitnessedClock }>;

const WRITE_EVERY_MS = 1_000;

export function witnessPath(dir: string, { generation, shard }: StreamName): string {
  return join(dir, `witness-g${generation}s${shard}.json`);
}

/**
 * Reads the witness of a stream; `undefined` if none was ever written.
 *
 * @throws LogError `log_corrupt`: the file is damaged. It is not skipped, since it may be the only evidence of a loss.
 */
export function readWitness(dir: string, stream: StreamName): StoredWitness | undefined {
  const file = witnessPath(dir, stream);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const witness = parseWitness(text);
  if (witness !== undefined) return witness;
  throw new LogError(
    "log_corrupt",
    `${file} is damaged: restore it from a copy, or delete it if you are sure that the log is complete`,
  );
}

function parseWitness(text: string): StoredWitness | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("id" in value) || !("hash" in value)) return undefined;
  if (typeof value.id !== "string" || typeof value.hash !== "string") return undefined;
  if (!/^\d+-\d+$/.test(value.id) || !/^[0-9a-f]+$/.test(value.hash)) return undefined;
  const hash = Buffer.from(value.hash, "hex");
  if (hash.byteLength !== HASH_BYTES) return undefined;
  const witness = { id: parseLogId(value.id), hash };
  if (!("clock" in value)) return witness;
  const clock = parseClock(value.clock);
  return clock && { ...witness, clock };
}

function parseClock(value: unknown): WitnessedClock | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { timeMs, uptimeMs, baselineMs, bootId } = value as Record<string, unknown>;
  if (typeof timeMs !== "number" || typeof uptimeMs !== "number" || typeof baselineMs !== "number")
    return undefined;
  return typeof bootId === "string" || bootId === undefined
    ? { timeMs, uptimeMs, baselineMs, bootId }
    : undefined;
}

/** Keeps a stream's witness file near the end of its log. */
export class WitnessKeeper {
  readonly #dir: string;
  readonly #file: string;
  readonly #everyMs: number;
  #newest: StoredWitness | undefined;
  #written: LogId | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown;

  constructor(dir: string, stream: StreamName, everyMs: number = WRITE_EVERY_MS) {
    mkdirSync(dir, { recursive: true });
    this.#dir = dir;
    this.#file = witnessPath(dir, stream);
    this.#everyMs = everyMs;
  }

  /** The error of the last write; `undefined` after a success. The log itself is not affected. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Remembers a durable batch and writes the file within `everyMs`. */
  note(witness: StoredWitness): void {
    this.#newest = witness;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, this.#everyMs).unref();
  }

  /** Writes the newest witness. A failed write only sets `failure`: it must not stop a shard. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writeAfter(this.#writing);
    return this.#writing;
  }

  async #writeAfter(earlier: Promise<void>): Promise<void> {
    await earlier;
    const witness = this.#newest;
    if (witness === undefined || (this.#written && compareLogIds(witness.id, this.#written) <= 0)) return;
    try {
      await this.#write(witness);
      this.#written = witness.id;
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error;
    }
  }

  /** Syncs before the rename, so that a power cut leaves the old file or the new one, never an empty one. */
  async #write(witness: StoredWitness): Promise<void> {
    const text = JSON.stringify({
      id: formatLogId(witness.id),
      hash: Buffer.from(witness.hash).toString("hex"),
      clock: witness.clock,
    });
    await mkdir(this.#dir, { recursive: true });
    const newFile = `${this.#file}.new`;
    const handle = await open(newFile, "w");
    try {
      await handle.writeFile(`${text}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(newFile, this.#file);
    // Without this a power cut could bring the old file back, and a log that has lost its end would look complete.
    const folder = await open(this.#dir, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}
