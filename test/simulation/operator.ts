/**
 * The operator of the servers: starts one if none runs, restarts failed shards, and judges why shards end. A shard may end
 * only because of an injected fault.
 */

import type { Ledger } from "../../src/actors/ledger/ledger.ts";
import { CLAIM_HEADER_BYTES } from "../../src/wal/frame.ts";
import type { ShardExit } from "../../src/workers/shard/messages.ts";
import type { SimContext } from "./sim-context.ts";
import type { LogStore } from "./sim-log.ts";
import { type ServerOptions, SimServer } from "./sim-server.ts";
import { ENVIRONMENT } from "./virtual-clock.ts";

/** A server whose process has ended is restarted within this time. */
const RESTART_MS_MAX = 1_000;
/** Interval of the check whether a server runs. */
const WATCH_MS = 50;
/** Interval of the check for failed shards. */
const FAILED_SHARDS_MS = 3_000;
const LOG_POSITION = /\d+-\d+/;

export class Operator {
  /** Servers that are not known to have ended. */
  servers: readonly SimServer[] = [];
  /** The shard whose log was damaged; `undefined` before. */
  damaged: number | undefined;
  /** Whether a shard has refused the damaged log. */
  isNoticed = false;
  readonly #world: SimContext;
  readonly #options: ServerOptions;
  #instances = 0;

  constructor(world: SimContext, options: ServerOptions) {
    this.#world = world;
    this.#options = options;
  }

  startServer(): void {
    const { trace, fail, clock, stores } = this.#world;
    this.#instances += 1;
    const instance = `i${this.#instances}`;
    trace(`${instance} starts`);
    for (const store of stores) store.ownerEnds();
    const server: SimServer = new SimServer(instance, this.#options, this.#world, {
      onExit: (shard, exit) => this.#judge(server, shard, exit),
      onStatus: (shard, status, message) => {
        if (status === "ready" && shard === this.damaged)
          fail("damage is noticed", `shard ${shard} serves on a damaged log`);
        if (status === "failed") trace(`${instance} s${shard} stays down: ${firstLine(message)}`);
      },
      onFatal: (message) => {
        trace(`${instance} ends: ${firstLine(message)}`);
        server.kill();
      },
    });
    this.servers = [...this.servers, server];
    clock.after(ENVIRONMENT, 0, () => this.#watch(server));
  }

  /** The running code is a shard that starts to serve with this private ledger. */
  noteLedger(ledger: Ledger): void {
    for (const { carrier } of this.servers)
      for (const shard of carrier.running.values())
        if (shard.owner === this.#world.clock.current) shard.ledger = ledger;
  }

  /** Restarts failed shards, which wait for an operator. */
  restartFailedShards(): void {
    this.#world.clock.after(ENVIRONMENT, FAILED_SHARDS_MS, () => {
      for (const server of this.servers)
        for (const [shard, status] of server.statuses.entries())
          if (status === "failed") server.ask((supervisor) => supervisor.restart(shard));
      this.restartFailedShards();
    });
  }

  /** Restarts the server after it has ended, unless another one runs. */
  #watch(server: SimServer): void {
    const { clock, random } = this.#world;
    if (!server.isOver) {
      clock.after(ENVIRONMENT, WATCH_MS, () => this.#watch(server));
      return;
    }
    this.servers = this.servers.filter((each) => each !== server);
    if (this.servers.length > 0) return;
    clock.after(ENVIRONMENT, RESTART_MS_MAX * random.fraction(), () => {
      if (this.servers.length === 0) this.startServer();
    });
  }

  #judge(server: SimServer, shard: number, { reason, message }: ShardExit): void {
    const { count, fail, stores } = this.#world;
    const point = /^Error: failpoint ([a-z_]+)/.exec(message)?.[1];
    count(point === undefined ? `exit ${reason}` : `crash ${point}`);
    const isLoss = reason === "log_lost_data" || reason === "log_corrupt";
    const isAboutPeer = message.includes("has lost its end");
    if (this.damaged !== undefined) {
      this.isNoticed ||= isLoss;
      if (isLoss && !isAboutPeer && !LOG_POSITION.test(message))
        fail("damage is noticed", `it does not say where: ${message}`);
      return;
    }
    // A snapshot may be damaged between its check and its reading; the next start skips it.
    const isDecayed = message.startsWith("SnapshotError: ");
    const isKilled = point !== undefined || message.startsWith("killed") || isDecayed;
    if (reason === "crashed" && !isKilled) fail("nothing throws", `shard ${shard}: ${message}`);
    // A server that is replaced between its claims and its replay may read less of one log than the next owner has put
    // into another, or find its own claim trimmed away. It then reports lost data, which is a known false alarm.
    const isAboutClaim = message.includes("its claim");
    if ((isAboutPeer || isAboutClaim) && stores.some((store) => isReplaced(store, server))) {
      count("alarm of a replaced server");
      return;
    }
    // Another server has owned the log in between, and has trimmed entries that this server's archive lacks.
    if (reason === "archive_behind" && wasOwnedByAnother(stores[shard] as LogStore, shard, server)) {
      count("archive behind a log of another server");
      return;
    }
    if (isLoss || reason === "archive_behind" || reason === "shard_count")
      fail("no false alarm", `shard ${shard}: ${message}`);
    if (reason === "fenced" && this.#instances === 1)
      fail("no false alarm", `no other server exists: ${message}`);
  }
}

/** Whether another server has claimed this log after this server, which it may not know yet. */
function isReplaced(store: LogStore, { instance }: SimServer): boolean {
  const instances = claimsOf(store).map((claim) => claim.instance);
  return instances.includes(instance) && instances.at(-1) !== instance;
}

/** Whether another server has claimed or trimmed this log between the server's start and its own claim. */
function wasOwnedByAnother(store: LogStore, shard: number, server: SimServer): boolean {
  const { instance } = server;
  const since = claimsOf(store).filter(({ epoch }) => epoch > (server.epochsBefore[shard] ?? 0));
  const own = since.findLastIndex((claim) => claim.instance === instance);
  const others = since.findIndex((claim) => claim.instance !== instance);
  const trimmed = store.trimmedByClaim.get(since[own]?.epoch ?? 0) ?? 0;
  return own >= 0 && ((others >= 0 && others < own) || trimmed > (server.trimmedBefore[shard] ?? 0));
}

function claimsOf({ memory, trimmed }: LogStore): readonly Readonly<{ epoch: number; instance: string }>[] {
  return [...trimmed, ...memory.entries]
    .filter(({ id }) => id.seq === 0)
    .map(({ id, bytes }) => ({
      epoch: id.epoch,
      instance: Buffer.from(bytes.subarray(CLAIM_HEADER_BYTES)).toString(),
    }));
}

function firstLine(text: string): string | undefined {
  return text.split("\n", 1)[0];
}
