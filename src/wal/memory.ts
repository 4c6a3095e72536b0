/**
 * A log in memory, for the simulator and for tests. It follows the rules of the durable logs and can inject every fault
 * that a journal must survive. It uses no clock and no randomness, so that runs are repeatable.
 */
import { compareLogIds, formatLogId, LogError, type LogId, type LogStream, type StoredEntry } from "./wal.ts";

/** What happens to the next append. Each append consumes one fault, in the order of injection. */
export type AppendFault =
  /** Stored, but the reply is lost: the caller sees `log_unavailable`. */
  | Readonly<{ kind: "drop_answer" }>
  /** Not stored; the caller sees `log_unavailable` and cannot tell. */
  | Readonly<{ kind: "fail_before" }>
  /** The store refuses: `append_refused`. */
  | Readonly<{ kind: "refuse" }>
  /** Never answers; stored only if `stored`. Tests deadlines. */
  | Readonly<{ kind: "hang"; stored: boolean }>
  /** Stored and answered once `until` resolves. */
  | Readonly<{ kind: "delay"; until: Promise<void> }>
  /** Stored at once, answered once `until` resolves. */
  | Readonly<{ kind: "slow_answer"; until: Promise<void> }>
  /** Arrives twice, as if resent by the network: the second must do no harm. */
  | Readonly<{ kind: "duplicate" }>
  /** The caller sees `log_unavailable` at once; the append is stored later, once `until` resolves. */
  | Readonly<{ kind: "late"; until: Promise<void> }>;

/** The stored entries, shared by all streams opened on them, so that tests can have two owners of one log. */
export class MemoryStore {
  readonly name: string;
  /** While false, every call fails with `log_unavailable`. */
  reachable = true;
  restarts = 0;
  #entries: StoredEntry[] = [];
  #last: LogId | undefined;
  readonly #faults: AppendFault[] = [];

  constructor(name: string) {
    this.name = name;
  }

  open(): LogStream {
    return new MemoryStream(this);
  }

  get entries(): readonly StoredEntry[] {
    return this.#entries;
  }

  inject(...faults: readonly AppendFault[]): void {
    this.#faults.push(...faults);
  }

  takeFault(): AppendFault | undefined {
    return this.#faults.shift();
  }

  /** Simulates a restart of the store that loses nothing. */
  restart(): void {
    this.restarts += 1;
  }

  /** Drops the newest entries, like the crash of a store that did not sync. */
  loseTail(count: number): void {
    this.#entries = this.#entries.slice(0, Math.max(0, this.#entries.length - count));
    this.#last = this.#entries.at(-1)?.id;
  }

  vanish(): void {
    this.#entries = [];
    this.#last = undefined;
  }

  flipBit(index: number, byte: number, bit: number): void {
    const entry = this.#at(index);
    const bytes = new Uint8Array(entry.bytes);
    bytes[byte] = (bytes[byte] ?? 0) ^ (1 << bit);
    this.#entries[index] = { id: entry.id, bytes };
  }

  /** Swaps the bytes of two entries; the ids stay. */
  swap(first: number, second: number): void {
    const a = this.#at(first);
    const b = this.#at(second);
    this.#entries[first] = { id: a.id, bytes: b.bytes };
    this.#entries[second] = { id: b.id, bytes: a.bytes };
  }

  remove(index: number): void {
    this.#entries.splice(index, 1);
  }

  /** Drops the oldest entries below an id; the last id is kept. */
  trim(below: LogId, entriesMax: number): boolean {
    const count = Math.min(entriesMax, this.#firstNotBelow(below));
    this.#entries.splice(0, count);
    return count === entriesMax;
  }

  /** Like the Redis log: refuses an id at or below the last one, unless the same bytes are stored under it. */
  store(id: LogId, bytes: Uint8Array, create: boolean): void {
    if (this.#last === undefined && !create) {
      throw new LogError("stream_missing", `${this.name} does not exist`);
    }
    if (this.#last !== undefined && compareLogIds(id, this.#last) <= 0) {
      const stored = this.find(id);
      if (stored !== undefined && Buffer.compare(stored, bytes) === 0) return;
      throw new LogError(
        "fenced",
        `${this.name}: ${formatLogId(id)} is not above ${formatLogId(this.#last)}, the last entry`,
      );
    }
    this.#entries.push({ id, bytes: new Uint8Array(bytes) });
    this.#last = id;
  }

  find(id: LogId): Uint8Array | undefined {
    const entry = this.#entries[this.#firstNotBelow(id)];
    return entry !== undefined && compareLogIds(entry.id, id) === 0 ? entry.bytes : undefined;
  }

  after(id: LogId | undefined, bytesMax: number): readonly StoredEntry[] {
    const found: StoredEntry[] = [];
    let bytes = 0;
    const start = id === undefined ? 0 : this.#firstNotBelow({ epoch: id.epoch, seq: id.seq + 1 });
    for (let index = start; index < this.#entries.length; index += 1) {
      const entry = this.#at(index);
      if (found.length > 0 && bytes + entry.bytes.byteLength > bytesMax) break;
      found.push(entry);
      bytes += entry.bytes.byteLength;
    }
    return found;
  }

  /** Binary search: the entries are in the order of their ids. */
  #firstNotBelow(id: LogId): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareLogIds(this.#at(middle).id, id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #at(index: number): StoredEntry {
    const entry = this.#entries[index];
    if (entry === undefined) throw new RangeError(`${this.name} has no entry number ${index}`);
    return entry;
  }
}

class MemoryStream implements LogStream {
  readonly name: string;
  readonly resolvable = true;
  readonly #store: MemoryStore;
  #closed = false;

  constructor(store: MemoryStore) {
    this.#store = store;
    this.name = store.name;
  }

  get restarts(): number {
    return this.#store.restarts;
  }

  async last(): Promise<StoredEntry | undefined> {
    this.#checkReachable();
    return this.#store.entries.at(-1);
  }

  async append(id: LogId, bytes: Uint8Array, create = false, restarts = this.restarts): Promise<void> {
    this.#checkReachable();
    if (restarts !== this.restarts) throw this.#unavailable("the store has restarted");
    const fault = this.#store.takeFault();
    switch (fault?.kind) {
      case undefined:
        return this.#store.store(id, bytes, create);
      case "drop_answer":
        this.#store.store(id, bytes, create);
        throw this.#unavailable("the answer was lost");
      case "fail_before":
        throw this.#unavailable("the connection broke");
      case "refuse":
        throw new LogError("append_refused", `${this.name}: refused by an injected fault`);
      case "hang":
        if (fault.stored) this.#store.store(id, bytes, create);
        return new Promise<void>(() => undefined);
      case "delay":
        await fault.until;
        return this.#store.store(id, bytes, create);
      case "slow_answer":
        this.#store.store(id, bytes, create);
        return fault.until;
      case "duplicate":
        this.#store.store(id, bytes, create);
        return this.#store.store(id, bytes, create);
      case "late":
        void this.#storeLate(fault.until, id, new Uint8Array(bytes), create);
        throw this.#unavailable("the connection broke");
    }
  }

  async read(after: LogId | undefined, bytesMax: number): Promise<readonly StoredEntry[]> {
    this.#checkReachable();
    return this.#store.after(after, bytesMax);
  }

  async find(id: LogId): Promise<Uint8Array | undefined> {
    this.#checkReachable();
    return this.#store.find(id);
  }

  async trim(below: LogId, entriesMax: number): Promise<boolean> {
    this.#checkReachable();
    return this.#store.trim(below, entriesMax);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async #storeLate(until: Promise<void>, id: LogId, bytes: Uint8Array, create: boolean): Promise<void> {
    await until;
    try {
      this.#store.store(id, bytes, create);
    } catch {
      // Fenced. The caller has already had its reply.
    }
  }

  #checkReachable(): void {
    if (this.#closed) throw this.#unavailable("the stream is closed");
    if (!this.#store.reachable) throw this.#unavailable("the log does not answer");
  }

  #unavailable(reason: string): LogError {
    return new LogError("log_unavailable", `${this.name}: ${reason}`);
  }
}
