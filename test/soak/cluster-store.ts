/**
 * The log under soak in a Redis Cluster: three primaries with two replicas each. What befalls "Redis" befalls the primary of
 * a random shard. The next fault comes once all replicas have everything again: with a replica that lags, the death of a
 * primary and of the server are a loss, which is refused.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { streamKey } from "../../src/wal/open.ts";
import { redisProgram } from "../support/programs.ts";
import type { Random } from "../support/random.ts";
import { type ClusterMember, RedisCluster } from "../support/redis-cluster.ts";
import { type LogSize, type LogStore, sizeIn, sumOf } from "./log-store.ts";

const REPLICAS = 2;
const WHOLE_MS_MAX = 60_000;

export class ClusterStore implements LogStore {
  readonly #shards: number;
  readonly #random: Random;
  #cluster: RedisCluster | undefined;
  #killed: ClusterMember | undefined;

  constructor(shards: number, random: Random) {
    this.#shards = shards;
    this.#random = random;
  }

  get url(): string {
    return this.#cluster?.url ?? "";
  }

  async start(): Promise<void> {
    this.#cluster ??= await RedisCluster.start(REPLICAS, { program: redisProgram() });
    await this.#killed?.start();
    this.#killed = undefined;
    await this.#becomesWhole(this.#cluster);
  }

  async kill(): Promise<void> {
    this.#killed = await this.#primaryOf(this.#random.below(this.#shards));
    await this.#killed?.kill();
  }

  async halt(ms: number): Promise<void> {
    const member = await this.#primaryOf(this.#random.below(this.#shards));
    if (member === undefined || this.#cluster === undefined) return;
    member.pause();
    await sleep(ms);
    member.resume();
    await this.#becomesWhole(this.#cluster);
  }

  async stop(): Promise<void> {
    await this.#cluster?.destroy();
  }

  async size(): Promise<LogSize | undefined> {
    try {
      const sizes = await Promise.all(
        [...Array(this.#shards).keys()].map(async (shard) => {
          const member = await this.#primaryOf(shard);
          return member === undefined ? undefined : sizeIn(member.client, [shard]);
        }),
      );
      const known = sizes.filter((size) => size !== undefined);
      return {
        entries: sumOf(known.map(({ entries }) => entries)),
        bytes: Math.max(...known.map(({ bytes }) => bytes)),
        snapshotBytes: sumOf(known.map(({ snapshotBytes }) => snapshotBytes)),
      };
    } catch {
      return undefined;
    }
  }

  /** A replica has everything once it is linked and has confirmed what was written after that. */
  async #becomesWhole(cluster: RedisCluster): Promise<void> {
    await cluster.becomesWhole(WHOLE_MS_MAX);
    for (let shard = 0; shard < this.#shards; shard++) await cluster.catchesUp(streamKey(1, shard));
  }

  async #primaryOf(shard: number): Promise<ClusterMember | undefined> {
    return this.#cluster?.primary(streamKey(1, shard));
  }
}
