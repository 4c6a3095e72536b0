/**
 * The log of a shard in a Redis Cluster whose primaries have replicas: it survives the loss of a machine
 * (docs/adr/0035).
 *
 * An entry counts once enough replicas have confirmed it. One connection, to the primary of the stream's slot, does
 * everything, since WAIT speaks of the writes of its own connection. On every new connection the end of the log is
 * compared with what we remember: a replica that was promoted without the newest entries gets them again.
 */
import type { Redis } from "ioredis";
import { coversTrim } from "../../snapshots/snapshot.ts";
import {
  compareLogIds,
  formatLogId,
  LogError,
  type LogId,
  type LogReplicas,
  type LogStream,
  type StoredEntry,
} from "../../wal.ts";
import { RedisAudit, type RedisAuditOptions, toLogError } from "../redis-audit.ts";
import { type FindAddress, isReplyError, type NewRedisClient, RedisConnection } from "../redis-connection.ts";
import { slotsAt } from "../redis-snapshots.ts";
import { ReadPage, toEntries } from "../stream-entries.ts";
import { ReplicaWait } from "./replica-wait.ts";
import { ReplicaWatch } from "./replica-watch.ts";
import { isSame, TailMemory } from "./tail-memory.ts";

/** A silent primary is given up after this time, and looked for again. */
const TIMEOUT_MS = 1_000;
/** An entry may take longer to transfer, at this rate. */
const BYTES_PER_MS = 4_000;
const READ_TIMEOUT_MS = 5_000;

export type ClusterStreamOptions = RedisAuditOptions &
  Readonly<{
    /** Finds the primary of the key. */
    address: FindAddress;
    key: string;
    /** The name of the shard's snapshots, which must cover what is trimmed; absent: there are none. */
    snapshots?: string;
    /** The highest epoch of the key at any member; absent: nobody can be asked. */
    highestEpoch?: () => Promise<number>;
    /** How many replicas must have an entry before it counts. */
    replicas: number;
    /** Bytes of the newest entries that are remembered for a repair. */
    rememberedBytes: number;
    timeoutMs?: number;
    /** Called with one line when a new primary lacked entries and has got them again. */
    onRepair?: (message: string) => void;
    /** Called with one line when replicas no longer follow the primary, or do so again. */
    onReplicas?: (message: string) => void;
    newClient?: NewRedisClient;
  }>;

export class ClusterStream implements LogStream {
  readonly name: string;
  readonly resolvable = true;
  readonly resends = true;
  readonly #options: ClusterStreamOptions;
  readonly #audit: RedisAudit;
  readonly #connection: RedisConnection;
  readonly #wait: ReplicaWait;
  readonly #memory: TailMemory;
  readonly #watch: ReplicaWatch;
  readonly #page = new ReadPage();
  readonly #timeoutMs: number;
  /** The entry that is being appended. */
  #pending: StoredEntry | undefined;

  constructor(options: ClusterStreamOptions) {
    const { address, key, replicas, rememberedBytes, timeoutMs = TIMEOUT_MS, newClient } = options;
    this.#options = options;
    this.name = key;
    this.#timeoutMs = timeoutMs;
    // A replica that lacks more could not be repaired if it became the primary.
    this.#watch = new ReplicaWatch(rememberedBytes);
    const onInfo = (info: ReadonlyMap<string, string>): void => {
      const message = this.#watch.look(info);
      if (message !== undefined) options.onReplicas?.(message);
    };
    this.#audit = new RedisAudit(key, { ...options, onInfo }, true);
    this.#wait = new ReplicaWait(replicas);
    this.#memory = new TailMemory(rememberedBytes);
    this.#connection = new RedisConnection({
      address,
      name: key,
      timeoutMs: READ_TIMEOUT_MS,
      openTimeoutMs: timeoutMs,
      check: (client) => this.#greet(client),
      newClient,
    });
  }

  /** Counts changes of the primary as well: an entry that the former one had may be gone. */
  get restarts(): number {
    return this.#audit.restarts;
  }

  get replicas(): LogReplicas | undefined {
    const { following } = this.#watch;
    return following === undefined ? undefined : { following, required: this.#options.replicas };
  }

  async last(): Promise<StoredEntry | undefined> {
    return this.#run(READ_TIMEOUT_MS, async (client) => {
      await this.#auditIfDue(client);
      return this.#readLast(client);
    });
  }

  /**
   * As `last`, and proves that no other owner's claim had been acknowledged when the question was sent: a replica of
   * the server that answers has confirmed a write behind it. A primary that was replaced has no replica left.
   */
  async confirm(): Promise<StoredEntry | undefined> {
    return this.#run(this.#timeoutMs, async (client) => {
      await this.#auditIfDue(client);
      const [, last] = await Promise.all([this.#writeBarrier(client), this.#readLast(client)]);
      return last;
    });
  }

  async append(id: LogId, bytes: Uint8Array, create = false, restarts?: number): Promise<void> {
    if (this.#audit.error !== undefined) throw this.#audit.error;
    const entry = { id, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
    const timeoutMs = this.#timeoutMs + bytes.byteLength / BYTES_PER_MS;
    try {
      await this.#connection.run(async (client) => {
        if (restarts !== undefined && restarts !== this.restarts)
          throw new LogError("log_unavailable", `${this.name}: its primary has changed`);
        // Set only once connected: the check of a new connection must not expect an entry that was never sent. An
        // attempt that the journal has given up may still go on, behind the next entry.
        if (this.#pending === undefined || compareLogIds(this.#pending.id, id) < 0) this.#pending = entry;
        if (this.#audit.isDue) void this.#audit.run(client).catch(() => undefined);
        await this.#within(client, timeoutMs, () => this.#store(client, entry, create));
        if (id.seq === 0) this.#memory.claimed(entry, await this.#readLast(client, id));
      });
    } catch (error) {
      if (isReplyError(error)) throw this.#refused(id, error);
      throw error;
    }
    if (id.seq > 0) this.#memory.acknowledged(entry);
    this.#forgetPending(id);
  }

  async read(after: LogId | undefined, bytesMax: number): Promise<readonly StoredEntry[]> {
    const start = after === undefined ? "-" : `(${formatLogId(after)}`;
    const entries = await this.#run(READ_TIMEOUT_MS, async (client) =>
      toEntries(await client.xrangeBuffer(this.name, start, "+", "COUNT", this.#page.entries)),
    );
    this.#page.adapt(entries, bytesMax);
    this.#memory.read(entries);
    return entries;
  }

  async find(id: LogId): Promise<Uint8Array | undefined> {
    return this.#run(READ_TIMEOUT_MS, async (client) => (await this.#read(client, id, id))[0]?.bytes);
  }

  /**
   * Trims whole nodes of the stream, which is cheap for Redis; some entries below `below` may stay. A new primary may
   * have lost the snapshots that cover them. So they are looked up on the connection that trims: in what this server
   * and its replicas write, they come before the trim, and no member can have the trim without them.
   */
  async trim(below: LogId, entriesMax: number): Promise<boolean> {
    const { snapshots } = this.#options;
    return this.#run(READ_TIMEOUT_MS, async (client) => {
      if (snapshots !== undefined && !(await coversTrim(slotsAt(client, snapshots), below))) return false;
      return (await client.xtrim(this.name, "MINID", "~", formatLogId(below), "LIMIT", entriesMax)) > 0;
    });
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  /** Resolves once enough replicas have the entry. */
  async #store(client: Redis, { id, bytes }: StoredEntry, create: boolean): Promise<void> {
    const [added, confirmed] = await Promise.allSettled([
      this.#add(client, id, bytes as Buffer, create),
      this.#wait.confirm(client),
    ]);
    if (added.status === "rejected") {
      if (!isDuplicate(added.reason)) throw added.reason;
      // It may be ours, of an attempt whose reply was lost. WAIT knows nothing of that attempt: a barrier behind it does.
      const [stored] = await this.#read(client, id, id);
      if (stored === undefined || !isSame(stored, { id, bytes }))
        throw new LogError("fenced", `${this.name}: ${formatLogId(id)} is not above the last entry`);
      await this.#writeBarrier(client);
    } else if (added.value === null) throw new LogError("stream_missing", `${this.name} does not exist`);
    else if (confirmed.status === "rejected") throw confirmed.reason;
  }

  #add(client: Redis, id: LogId, bytes: Buffer, create = false): Promise<string | null> {
    if (create) return client.xadd(this.name, formatLogId(id), "b", bytes);
    return client.xadd(this.name, "NOMKSTREAM", formatLogId(id), "b", bytes);
  }

  /** A write to another key of the slot: once it is confirmed, replicas have everything before it. */
  async #writeBarrier(client: Redis): Promise<void> {
    await Promise.all([
      client.set(this.name.replace(/:wal$/, ":barrier"), this.#memory.newest?.id.epoch ?? 0),
      this.#wait.confirm(client),
    ]);
  }

  /** Makes a new connection usable: the right server with the right settings, whose log has all that ours had. */
  async #greet(client: Redis): Promise<void> {
    await this.#audit.run(client);
    if (this.#audit.error !== undefined) throw this.#audit.error;
    this.#wait.learnFrom(this.#audit.info);
    if (!this.#memory.isOwner) return;
    try {
      await this.#compare(client);
    } catch (error) {
      throw toLogError(this.name, error);
    }
  }

  async #compare(client: Redis): Promise<void> {
    const [last] = await Promise.all([this.#readLast(client), this.#checkNotReplaced()]);
    const difference = this.#memory.compare(last, this.#pending);
    if (difference.kind === "none") return;
    const end = last === undefined ? "does not exist" : `ends at ${formatLogId(last.id)}`;
    if (difference.kind === "fenced")
      throw new LogError("fenced", `${this.name} ${end}: another owner has written to it`);
    if (difference.kind === "behind" && last !== undefined)
      await this.#repair(client, last, difference.missing);
    else throw this.#lost(`it ${end}`, this.#describeForgotten());
  }

  /**
   * A failover may have lost the claim of an owner that has replaced us while we were paused. Members that know of it
   * are asked before anything is appended to a primary that does not.
   */
  async #checkNotReplaced(): Promise<void> {
    const epoch = (await this.#options.highestEpoch?.()) ?? 0;
    if (epoch > (this.#memory.newest?.id.epoch ?? 0))
      throw new LogError("fenced", `${this.name}: a member of the cluster has a claim of epoch ${epoch}`);
  }

  /**
   * Appends what a promoted replica lacks, one entry after the other: an entry behind one that was refused would leave a
   * gap, which nothing can fill any more.
   */
  async #repair(client: Redis, last: StoredEntry, missing: readonly StoredEntry[]): Promise<void> {
    for (const { id, bytes } of missing) await this.#add(client, id, bytes as Buffer);
    const newest = missing.at(-1) as StoredEntry;
    // Below our claim a former owner may append as well, until the claim is there.
    if (last.id.epoch < newest.id.epoch) await this.#readBack(client, last, missing);
    this.#options.onRepair?.(
      `the new primary ended at ${formatLogId(last.id)}: ${missing.length} entries up to ${formatLogId(newest.id)} were appended again`,
    );
  }

  /** @throws LogError `log_lost_data`: somebody else's entries are between ours. */
  async #readBack(client: Redis, last: StoredEntry, missing: readonly StoredEntry[]): Promise<void> {
    const stored = await this.#read(client, last.id, (missing.at(-1) as StoredEntry).id);
    const ours = [last, ...missing];
    if (stored.length === ours.length && stored.every((entry, no) => isSame(entry, ours[no] as StoredEntry)))
      return;
    throw this.#lost(`it has entries of another owner after ${formatLogId(last.id)}`, "");
  }

  /** @param before only entries below this one. */
  async #readLast(client: Redis, before?: LogId): Promise<StoredEntry | undefined> {
    const end = before === undefined ? "+" : `(${formatLogId(before)}`;
    return toEntries(await client.xrevrangeBuffer(this.name, end, "-", "COUNT", 1))[0];
  }

  async #read(client: Redis, from: LogId, to: LogId): Promise<StoredEntry[]> {
    return toEntries(await client.xrangeBuffer(this.name, formatLogId(from), formatLogId(to)));
  }

  async #auditIfDue(client: Redis): Promise<void> {
    if (this.#audit.isDue) await this.#audit.run(client);
    if (this.#audit.error !== undefined) throw this.#audit.error;
  }

  async #run<T>(timeoutMs: number, commands: (client: Redis) => Promise<T>): Promise<T> {
    try {
      return await this.#connection.run((client) => this.#within(client, timeoutMs, () => commands(client)));
    } catch (error) {
      throw toLogError(this.name, error);
    }
  }

  /** Closes the connection if the commands take too long, which makes them fail. */
  async #within<T>(client: Redis, timeoutMs: number, commands: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => client.disconnect(), timeoutMs);
    try {
      return await commands();
    } finally {
      clearTimeout(timer);
    }
  }

  #lost(reason: string, remedy: string): LogError {
    const newest = this.#memory.newest;
    const ours = newest === undefined ? "nothing" : formatLogId(newest.id);
    return new LogError(
      "log_lost_data",
      `${this.name} has lost data: ${reason}, but has acknowledged ${ours}${remedy}`,
    );
  }

  #describeForgotten(): string {
    const { oldest } = this.#memory;
    const from = oldest === undefined ? "" : ` (only ${formatLogId(oldest.id)} and later)`;
    return `, and what is missing is not remembered${from}. Make a member that has it the primary, or stop this server and run "daybook log repair"`;
  }

  #forgetPending(upTo: LogId): void {
    if (this.#pending !== undefined && compareLogIds(this.#pending.id, upTo) <= 0) this.#pending = undefined;
  }

  #refused(id: LogId, error: Error): unknown {
    this.#forgetPending(id);
    if (error.message.startsWith("NOPERM")) return toLogError(this.name, error);
    const message = `${this.name}: Redis refuses ${formatLogId(id)}: ${error.message}`;
    return new LogError("append_refused", message, { cause: error });
  }
}

function isDuplicate(error: unknown): boolean {
  return isReplyError(error) && error.message.includes("equal or smaller");
}
