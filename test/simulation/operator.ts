/**
 * Whoever runs the servers: starts one when none is there, restarts shards that stay down, and judges why shards end. A
 * shard may end for what was done to it and for nothing else.
 */

import { CLAIM_HEADER_BYTES } from "../../src/wal/frame.ts";
import type { ShardExit } from "../../src/workers/shard/messages.ts";
import type { SimStore } from "./sim-log.ts";
import { type ServerOptions, SimServer } from "./sim-server.ts";
import type { Surroundings } from "./surroundings.ts";
import { NATURE } from "./virtual-clock.ts";

/** A server whose process has ended is started anew within this time. */
const RESTART_MS_MAX = 1_000;
/** So often somebody looks whether a server runs, and for shards that stay down. */
const LOOK_MS = 50;
const TEND_MS = 3_000;
const SAYING_WHERE = /\d+-\d+/;

export class Operator {
  /** Those that have not ended, as far as anybody knows. */
  servers: readonly SimServer[] = [];
  /** The shard whose log was damaged, once it is. */
  damaged: number | undefined;
  /** A shard has refused a damaged log. */
  isNoticed = false;
  readonly #world: Surroundings;
  readonly #options: ServerOptions;
  #instances = 0;

  constructor(world: Surroundings, options: ServerOptions) {
    this.#world = world;
    this.#options = options;
  }

  startServer(): void {
    const { trace, fail, clock } = this.#world;
    this.#instances += 1;
    const instance = `i${this.#instances}`;
    trace(`${instance} starts`);
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
    clock.after(NATURE, 0, () => this.#watch(server));
  }

  /** Shards that have failed for good wait for an operator. */
  tend(): void {
    this.#world.clock.after(NATURE, TEND_MS, () => {
      for (const server of this.servers)
        for (const [shard, status] of server.statuses.entries())
          if (status === "failed") server.ask((supervisor) => supervisor.restart(shard));
      this.tend();
    });
  }

  /** Whoever runs the process starts it anew when it has ended, unless another one is there. */
  #watch(server: SimServer): void {
    const { clock, random } = this.#world;
    if (!server.isOver) {
      clock.after(NATURE, LOOK_MS, () => this.#watch(server));
      return;
    }
    this.servers = this.servers.filter((each) => each !== server);
    if (this.servers.length > 0) return;
    clock.after(NATURE, RESTART_MS_MAX * random.fraction(), () => {
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
      if (isLoss && !isAboutPeer && !SAYING_WHERE.test(message))
        fail("damage is noticed", `it does not say where: ${message}`);
      return;
    }
    // A snapshot may decay between its check and its reading: the next start passes it over.
    const isDecayed = message.startsWith("SnapshotError: ");
    const isKilled = point !== undefined || message.startsWith("killed") || isDecayed;
    if (reason === "crashed" && !isKilled) fail("nothing throws", `shard ${shard}: ${message}`);
    // A server that was replaced between its claims and its replay may hold less of one log than the next owner has put
    // into another, or find that its own claim was trimmed away: it says that data is lost, which is not so.
    const isAboutClaim = message.includes("its claim");
    if ((isAboutPeer || isAboutClaim) && stores.some((store) => isReplaced(store, server))) {
      count("alarm of a replaced server");
      return;
    }
    // It serves a log that was another one's meanwhile, which has trimmed what its own archive lacks.
    if (reason === "archive_behind" && wasAnothers(stores[shard] as SimStore, shard, server)) {
      count("archive behind a log that was another one's");
      return;
    }
    if (isLoss || reason === "archive_behind" || reason === "shard_count")
      fail("no false alarm", `shard ${shard}: ${message}`);
    if (reason === "fenced" && this.#instances === 1)
      fail("no false alarm", `nobody else is there: ${message}`);
  }
}

/** Another server has claimed this log after it, which it may not know yet. */
function isReplaced(store: SimStore, { instance }: SimServer): boolean {
  const instances = claimsOf(store).map((claim) => claim.instance);
  return instances.includes(instance) && instances.at(-1) !== instance;
}

/** Between its start and a claim of its own another server has claimed this log, or has trimmed it. */
function wasAnothers(store: SimStore, shard: number, server: SimServer): boolean {
  const { instance } = server;
  const since = claimsOf(store).filter(({ epoch }) => epoch > (server.epochsBefore[shard] ?? 0));
  const own = since.findLastIndex((claim) => claim.instance === instance);
  const others = since.findIndex((claim) => claim.instance !== instance);
  const trimmed = store.trimmedByClaim.get(since[own]?.epoch ?? 0) ?? 0;
  return own >= 0 && ((others >= 0 && others < own) || trimmed > (server.trimmedBefore[shard] ?? 0));
}

function claimsOf({ memory, trimmed }: SimStore): readonly Readonly<{ epoch: number; instance: string }>[] {
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
