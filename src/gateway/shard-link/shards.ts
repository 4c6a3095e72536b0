/** The ways to all shards, and the archive behind them: asked by whoever answers requests. */
import { shardOfVnode, vnodeOfAccount } from "../../actors/ledger/routing.ts";
import { CommandWriter } from "../../actors/records/codec.ts";
import type { ArchiveQueries, Position } from "../../archive/queries/query.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import { formatLogId, type LogId } from "../../wal/wal.ts";
import type { Query, QueryResults } from "../../workers/shard/messages.ts";
import { Turns } from "../turns.ts";
import { ownerOfQuery } from "./owners.ts";
import type { ShardLink } from "./shard-link.ts";

type Found<K extends Query[0]> = Readonly<{ result: QueryResults[K]; position: Position }>;

export class Shards {
  readonly links: readonly ShardLink[];
  /** One per shard, empty between calls. */
  readonly writers: readonly CommandWriter[];
  readonly turns = {
    /** Lists and sums: most of their time they wait for the archive. */
    pages: new Turns({ places: 32, share: 4 }),
    /**
     * Reads of which each may bring a MiB from memory. They are taken apart on the gateway's thread, and those that come in
     * one message at once: many would keep all other answers waiting.
     */
    largeReads: new Turns({ places: 4, share: 1 }),
    /** Single transfers and claims that are looked up in the archive. */
    lookUps: new Turns({ places: 256, share: 64 }),
    /** Reads that wait for log time to come to their moment. */
    moments: new Turns({ places: 1_024, share: 256 }),
    /** Each keeps the shards from taking each other's messages for a while. */
    cuts: new Turns({ places: 4, share: 1 }),
    /** Dry runs of batches, which are decided on the gateway's thread. */
    dryRuns: new Turns({ places: 2, share: 1 }),
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

  async ask<Q extends Query>(shard: number, partner: string, query: Q): Promise<Found<Q[0]>> {
    const reached = await this.link(shard).ask(partner, query, ownerOfQuery(partner, query));
    return { result: reached.result as QueryResults[Q[0]], position: { shard, ...reached.at } };
  }

  /** The same with the log time of its answer. */
  async askAt<Q extends Query>(
    shard: number,
    partner: string,
    query: Q,
  ): Promise<Readonly<{ result: QueryResults[Q[0]]; timeMs: number }>> {
    const { result, timeMs } = await this.link(shard).ask(partner, query, ownerOfQuery(partner, query));
    return { result: result as QueryResults[Q[0]], timeMs };
  }

  askAll<Q extends Query>(partner: string, query: Q): Promise<readonly Found<Q[0]>[]> {
    return Promise.all(this.links.map((_, shard) => this.ask(shard, partner, query)));
  }

  /** Where all shards are: whatever was answered before is in the archive once it has reached these. */
  async positions(partner: string): Promise<readonly Position[]> {
    return known((await this.askAll(partner, ["position"])).map(({ position }) => position));
  }
}

/** An empty log has no position to wait for. */
export function known(positions: readonly Position[]): readonly Position[] {
  return positions.filter(({ epoch }) => epoch > 0);
}

export function positionText(shard: number, at: LogId): string {
  return `${shard}:${formatLogId(at)}`;
}
