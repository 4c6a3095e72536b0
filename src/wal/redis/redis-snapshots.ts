/** Snapshots in Redis: one list per slot under a key of its own, so that one UNLINK clears a slot. */
import type { Redis } from "ioredis";
import { RetryWithDeadline, systemTimer } from "../retry-with-deadline.ts";
import { epochOf, type SlotReader, type SnapshotStore, slotsOf } from "../snapshots/snapshot-store.ts";
import { LogError } from "../wal.ts";
import type { ReplicaWait } from "./cluster/replica-wait.ts";
import {
  type FindAddress,
  isReplyError,
  type NewRedisClient,
  type RedisAddress,
  RedisConnection,
} from "./redis-connection.ts";

const TIMEOUT_MS = 5_000;
/** The usual length of a chunk. LRANGE is bounded by a count, so bytes are converted with this. */
const CHUNK_BYTES = 64 * 1024;

export class RedisSnapshotStore implements SnapshotStore {
  readonly name: string;
  readonly #connection: RedisConnection;
  readonly #retry: RetryWithDeadline;
  /** In a cluster: a chunk counts once replicas have it. */
  readonly #wait: ReplicaWait | undefined;
  /** In a cluster: how many connections there were so far. */
  #connections = 0;

  /** Epochs that are known to be in the list of epochs. */
  #listed: ReadonlySet<number> | undefined;

  /**
   * @param name prefix of the keys. `daybook:{g1s0}:snapshot` gives `daybook:{g1s0}:snapshot:21` for slot 21, and the
   *   list `daybook:{g1s0}:snapshot:epochs` of epochs that have written slots, since the server has no right to scan
   *   keys.
   */
  constructor(
    address: RedisAddress | FindAddress,
    name: string,
    { newClient, wait }: Readonly<{ newClient?: NewRedisClient; wait?: ReplicaWait }> = {},
  ) {
    this.name = name;
    this.#wait = wait;
    const check = wait && {
      check: async (client: Redis) => {
        await wait.learn(client);
        this.#connections += 1;
      },
    };
    this.#connection = new RedisConnection({ address, name, timeoutMs: TIMEOUT_MS, ...check, newClient });
    this.#retry = new RetryWithDeadline(name, 2 * TIMEOUT_MS, systemTimer);
  }

  async used(): Promise<readonly number[]> {
    return this.#read((client) => slotsAt(client, this.name).used());
  }

  async read(slot: number, from: number, bytesMax: number): Promise<readonly Uint8Array[]> {
    return this.#read((client) => slotsAt(client, this.name).read(slot, from, bytesMax));
  }

  async last(slot: number): Promise<Uint8Array | undefined> {
    return this.#read((client) => slotsAt(client, this.name).last(slot));
  }

  async append(slot: number, chunk: Uint8Array): Promise<void> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    await this.#listEpoch(epochOf(slot));
    await this.#write((client) => client.rpush(`${this.name}:${slot}`, bytes));
  }

  async clear(slot: number): Promise<void> {
    await this.#write((client) => client.unlink(`${this.name}:${slot}`));
  }

  async close(): Promise<void> {
    this.#retry.close();
    this.#connection.close();
  }

  /** Lists the epoch before its first chunk is written, so that its snapshots can be found. */
  async #listEpoch(epoch: number): Promise<void> {
    if (epoch === 0) return;
    this.#listed ??= new Set(await this.#read((client) => epochsAt(client, this.name)));
    if (this.#listed.has(epoch)) return;
    await this.#write((client) => client.rpush(`${this.name}:epochs`, String(epoch)));
    this.#listed = new Set([...this.#listed, epoch]);
  }

  /** Reads wait while Redis does not answer, since half a snapshot is useless. */
  #read<T>(command: (client: Redis) => Promise<T>): Promise<T> {
    return this.#retry.untilAnswered(() => this.#run(command));
  }

  /**
   * What is written or cleared follows from what was read. Another primary may hold something else in the same slots, even
   * its only snapshot: after a change of the connection the caller must begin anew, with a new store.
   */
  async #write(command: (client: Redis) => Promise<unknown>): Promise<void> {
    await this.#run((client) => {
      if (this.#connections > 1)
        throw new LogError("log_unavailable", `${this.name}: its primary may have changed`);
      return Promise.all([command(client), this.#wait?.confirm(client)]);
    });
  }

  async #run<T>(command: (client: Redis) => Promise<T>): Promise<T> {
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

/** What is in the slots of the server to which this client is connected. @param name as for `RedisSnapshotStore` */
export function slotsAt(client: Redis, name: string): SlotReader {
  return {
    used: async () => [...new Set([0, ...(await epochsAt(client, name))])].flatMap((epoch) => slotsOf(epoch)),
    read: (slot, from, bytesMax) => {
      const to = from + Math.max(1, Math.floor(bytesMax / CHUNK_BYTES)) - 1;
      return client.lrangeBuffer(`${name}:${slot}`, from, to);
    },
    last: async (slot) => (await client.lindexBuffer(`${name}:${slot}`, -1)) ?? undefined,
  };
}

async function epochsAt(client: Redis, name: string): Promise<readonly number[]> {
  return (await client.lrange(`${name}:epochs`, 0, -1)).map(Number);
}
