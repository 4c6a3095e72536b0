/** Snapshots in Redis: a list per slot, with one key each, so that a slot is emptied by one UNLINK. */
import type { Redis } from "ioredis";
import { RetryWithDeadline, systemTimer } from "../retry-with-deadline.ts";
import { epochOf, type SnapshotStore, slotsOf } from "../snapshots/snapshot-store.ts";
import { LogError } from "../wal.ts";
import { isReplyError, type NewRedisClient, type RedisAddress, RedisConnection } from "./redis-connection.ts";

const TIMEOUT_MS = 5_000;
/** Most chunks are as long; LRANGE is bounded by a number of them. */
const CHUNK_BYTES = 64 * 1024;

export class RedisSnapshotStore implements SnapshotStore {
  readonly name: string;
  readonly #connection: RedisConnection;
  readonly #patience: RetryWithDeadline;

  /** Epochs that are in the list of epochs. */
  #listed: ReadonlySet<number> | undefined;

  /**
   * @param name begins the keys: `daybook:{g1s0}:snapshot` gives `daybook:{g1s0}:snapshot:21` for slot 21, and the list
   * `daybook:{g1s0}:snapshot:epochs` of the epochs that have written slots, since the server may not search for keys.
   */
  constructor(address: RedisAddress, name: string, newClient?: NewRedisClient) {
    this.name = name;
    this.#connection = new RedisConnection({ address, name, timeoutMs: TIMEOUT_MS, newClient });
    this.#patience = new RetryWithDeadline(name, 2 * TIMEOUT_MS, systemTimer);
  }

  async used(): Promise<readonly number[]> {
    const epochs = await this.#epochs();
    return [...new Set([0, ...epochs])].flatMap((epoch) => slotsOf(epoch));
  }

  async read(slot: number, from: number, bytesMax: number): Promise<readonly Uint8Array[]> {
    const to = from + Math.max(1, Math.floor(bytesMax / CHUNK_BYTES)) - 1;
    return this.#read((client) => client.lrangeBuffer(this.#key(slot), from, to));
  }

  async last(slot: number): Promise<Uint8Array | undefined> {
    return (await this.#read((client) => client.lindexBuffer(this.#key(slot), -1))) ?? undefined;
  }

  async append(slot: number, chunk: Uint8Array): Promise<void> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    await this.#list(epochOf(slot));
    await this.#ask((client) => client.rpush(this.#key(slot), bytes));
  }

  async clear(slot: number): Promise<void> {
    await this.#ask((client) => client.unlink(this.#key(slot)));
  }

  async close(): Promise<void> {
    this.#patience.close();
    this.#connection.close();
  }

  /** Before anything is in a slot of the epoch: a snapshot that nobody finds is none. */
  async #list(epoch: number): Promise<void> {
    if (epoch === 0) return;
    this.#listed ??= new Set(await this.#epochs());
    if (this.#listed.has(epoch)) return;
    await this.#ask((client) => client.rpush(`${this.name}:epochs`, String(epoch)));
    this.#listed = new Set([...this.#listed, epoch]);
  }

  async #epochs(): Promise<readonly number[]> {
    const listed = await this.#read((client) => client.lrange(`${this.name}:epochs`, 0, -1));
    return listed.map(Number);
  }

  #key(slot: number): string {
    return `${this.name}:${slot}`;
  }

  /** A Redis that is away is waited for: who restores has no use for half of a snapshot. */
  #read<T>(command: (client: Redis) => Promise<T>): Promise<T> {
    return this.#patience.untilAnswered(() => this.#ask(command));
  }

  async #ask<T>(command: (client: Redis) => Promise<T>): Promise<T> {
    try {
      return await this.#connection.run(command);
    } catch (error) {
      if (!isReplyError(error)) throw error;
      const denied = error.message.startsWith("NOPERM") || error.message.startsWith("NOAUTH");
      const code = denied ? "log_misconfigured" : "log_unavailable";
      throw new LogError(code, `${this.name}: Redis says "${error.message}"`, { cause: error });
    }
  }
}
