/** Waits until replicas hold what a connection has written: WAIT, and WAITAOF where the server has it. */
import type { Redis } from "ioredis";
import { parseInfo } from "../redis-configuration.ts";

/** How long WAIT, and then WAITAOF, may block the connection. */
const WAIT_MS = 350;
/** The first version of Redis with WAITAOF, which Valkey had from its beginning. */
const WAITAOF_SINCE = [7, 2] as const;

export class ReplicaWait {
  readonly #replicas: number;
  #hasWaitAof = false;

  constructor(replicas: number) {
    this.#replicas = replicas;
  }

  /** Reads on a new connection what its server can do. */
  async learn(client: Redis): Promise<void> {
    this.learnFrom(parseInfo(await client.info("server")));
  }

  /** @param info the reply of INFO. */
  learnFrom(info: ReadonlyMap<string, string>): void {
    const [major = 0, minor = 0] = (info.get("redis_version") ?? "").split(".").map(Number);
    this.#hasWaitAof = (major - WAITAOF_SINCE[0] || minor - WAITAOF_SINCE[1]) >= 0;
  }

  /**
   * Resolves once enough replicas hold everything that this connection has written so far. Call it in the turn in
   * which the write was sent: both then leave together. WAIT goes ahead of WAITAOF, since a replica would otherwise
   * report its fsync only a second later (docs/adr/0035).
   *
   * @throws Error fewer replicas have confirmed it. The write may be stored. The connection must be closed: this server
   *   may no longer be the primary.
   */
  async confirm(client: Redis): Promise<void> {
    const [received, synced] = await Promise.all([
      client.wait(this.#replicas, WAIT_MS),
      this.#hasWaitAof ? client.call("WAITAOF", 1, this.#replicas, WAIT_MS) : undefined,
    ]);
    // WAITAOF answers with the number of local disks, 0 or 1, and of replicas.
    const [local, onDisks] = synced === undefined ? [1, received] : (synced as [number, number]);
    const count = Math.min(received, onDisks);
    if (count >= this.#replicas && local === 1) return;
    throw new Error(`${count} of ${this.#replicas} replicas have confirmed the last write`);
  }
}
