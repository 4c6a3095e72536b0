/** The links to all shards, and the archive. */
import { shardOfVnode, vnodeOfAccount } from "../../actors/ledger/routing.ts";
import { CommandWriter } from "../../actors/records/codec.ts";
import type { ArchiveQueries, BatchPosition } from "../../archive/queries/query.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import { formatLogId, type LogId } from "../../wal/wal.ts";
import type { Query, QueryResults } from "../../workers/shard/messages.ts";
import { Turns } from "../turns.ts";
import { ownerOfQuery } from "./owners.ts";
import type { ShardLink } from "./shard-link.ts";

type ShardAnswer<K extends Query[0]> = Readonly<{ result: QueryResults[K]; position: BatchPosition }>;

export class Shards {
  readonly links: readonly ShardLink[];
  /** One writer for each shard, empty between calls. */
  readonly writers: readonly CommandWriter[];
  readonly turns = {
    /**
     * Lists and sums. They spend most of their time waiting for the archive. Pages of entries cost what their rows are of
     * a largest page: short ones must not wait for slots while they wait for the archive.
     */
    pages: new Turns({ slots: 32, share: 8 }),
    /**
     * Reads that may each load 1 MiB of accounts. The gateway's thread decodes them, and those of one message
     * together, so many at once would delay all other answers.
     */
    largeReads: new Turns({ slots: 4, share: 1 }),
    /** Lookups of single transfers and claims in the archive. */
    lookUps: new Turns({ slots: 256, share: 64 }),
    /** Reads that wait for log time to reach their moment. */
    moments: new Turns({ slots: 1_024, share: 256 }),
    /** Consistent cuts. Each one pauses the messages between shards for a short time. */
    cuts: new Turns({ slots: 4, share: 1 }),
    /** Dry runs of batches, which the gateway's thread decides. */
    dryRuns: new Turns({ slots: 2, share: 1 }),
  } as const;
  readonly #archive: ArchiveQueries | undefined;

  constructor(links: readonly ShardLink[], archive: ArchiveQueries | undefined) {
    this.links = links;
    this.writers = links.map(() => new CommandWriter());
    this.#archive = archive;
  }

  /** @throws OperatingError `log_unavailable` while the server starts. */
  get archive(): ArchiveQueries {
    if (this.#archive === undefined) throw new OperatingError("log_unavailable", "the server is starting");
    return this.#archive;
  }

  link(shard: number): ShardLink {
    return this.links[shard] as ShardLink;
  }

  writer(shard: number): CommandWriter {
    return this.writers[shard] as CommandWriter;
  }

  ofVnode(vnode: number): number {
    return shardOfVnode(vnode, this.links.length);
  }

  ofAccount(partner: string, id: string): number {
    return this.ofVnode(vnodeOfAccount(partner, id));
  }

  async ask<Q extends Query>(shard: number, partner: string, query: Q): Promise<ShardAnswer<Q[0]>> {
    const shardReply = await this.link(shard).ask(partner, query, ownerOfQuery(partner, query));
    return { result: shardReply.result as QueryResults[Q[0]], position: { shard, ...shardReply.at } };
  }

  /** `ask`, with the log time of the answer instead of its position. */
  async askAt<Q extends Query>(
    shard: number,
    partner: string,
    query: Q,
  ): Promise<Readonly<{ result: QueryResults[Q[0]]; timeMs: number }>> {
    const { result, timeMs } = await this.link(shard).ask(partner, query, ownerOfQuery(partner, query));
    return { result: result as QueryResults[Q[0]], timeMs };
  }

  askAll<Q extends Query>(partner: string, query: Q): Promise<readonly ShardAnswer<Q[0]>[]> {
    return Promise.all(this.links.map((_, shard) => this.ask(shard, partner, query)));
  }

  /** The positions of all shards. Once the archive has reached them, it has everything that was answered before. */
  async positions(partner: string): Promise<readonly BatchPosition[]> {
    return nonEmptyPositions((await this.askAll(partner, ["position"])).map(({ position }) => position));
  }
}

/** Drops the positions of empty logs: there is nothing to wait for. */
export function nonEmptyPositions(positions: readonly BatchPosition[]): readonly BatchPosition[] {
  return positions.filter(({ epoch }) => epoch > 0);
}

export function positionText(shard: number, at: LogId): string {
  return `${shard}:${formatLogId(at)}`;
}
