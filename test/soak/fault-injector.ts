/** Injects faults into the server and its log: one after the other, at random moments. */
import type { Random } from "../support/random.ts";
import { ArchiveDamage } from "./archive-damage.ts";
import { haltProcess } from "./halt.ts";
import type { LogStore } from "./log-store.ts";
import type { Options } from "./options.ts";
import type { ShardView, SoakedServer } from "./soaked-server.ts";
import { isAtOrAfter, type Watch } from "./watch.ts";

const HARMS = [
  "kill_server",
  "kill_shard",
  "kill_redis",
  "halt_redis",
  "halt_server",
  "halt_shard",
  "terminate_server",
  "snapshots",
  "jump_clock",
  "damage_archive",
] as const;
export type Harm = (typeof HARMS)[number];

const HALT_MS = { min: 1_000, max: 4_000 } as const;
/** Some pauses end before the server considers the shard hung, after 3 s; for the others it must restart it. */
const SHARD_HALT_MS = { min: 1_000, max: 9_000 } as const;
const AWAY_MS_MAX = 1_500;
/** A fault that should hit a snapshot comes this soon after one was requested. */
const AMID_MS_MAX = 400;
/** The size of a clock jump, in either direction, and its duration. */
const JUMP_MS = { min: 2 * 60_000, max: 30 * 24 * 60 * 60_000 } as const;
const JUMPED_MS_MAX = 4_000;
/** How long a server serves with a damaged archive. */
const DAMAGED_MS_MAX = 5_000;
const LOOK_MS = 20;
const RESTART_MS_MAX = 60_000;

export type NemesisOptions = Readonly<{
  server: SoakedServer;
  store: LogStore;
  watch: Watch;
  random: Random;
  harms: readonly Harm[];
  /** Pause between two faults. */
  pauseMs: Readonly<{ min: number; max: number }>;
  say: (text: string) => void;
}>;

/** All faults that apply to this kind of log and of isolation. */
export function harmsOf({ log, isolation }: Pick<Options, "log" | "isolation">): readonly Harm[] {
  return HARMS.filter((harm) => {
    if (harm === "halt_shard") return isolation === "processes";
    return log !== "sqlite" || !harm.endsWith("redis");
  });
}

export class Nemesis {
  readonly #options: NemesisOptions;
  /** Each round has every fault once, in random order. */
  #round: Harm[] = [];
  readonly counts = new Map<Harm, number>();
  /** Faults right after a snapshot was requested. */
  amidSnapshots = 0;
  /** Time from the fault until the server was ready again. */
  readyMsMax = 0;
  /** Starts of a shard from a snapshot, and the most records that one had to replay after it. */
  startsFromSnapshots = 0;
  replayedMax = 0;
  readonly faults: string[] = [];

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** Continues until then; at the end the server is ready. @throws Error if it does not recover */
  async rage(untilMs: number): Promise<void> {
    const { random, pauseMs, server } = this.#options;
    for (;;) {
      const pause = pauseMs.min + random.below(pauseMs.max - pauseMs.min + 1);
      const isLast = performance.now() + pause >= untilMs;
      await sleep(isLast ? Math.max(0, untilMs - performance.now()) : pause);
      if (server.fault !== undefined) throw new Error(`${server.fault} Its last words: ${server.lastWords}`);
      if (isLast) return;
      await this.#strike(this.#next());
    }
  }

  #next(): Harm {
    const { random, harms } = this.#options;
    if (this.#round.length === 0) {
      const rest = [...harms];
      while (rest.length > 0) this.#round.push(...rest.splice(random.below(rest.length), 1));
    }
    return this.#round.pop() as Harm;
  }

  async #strike(harm: Harm): Promise<void> {
    const { random, server, say } = this.#options;
    const isAmid = harm !== "snapshots" && random.chance(0.5);
    if (isAmid) {
      await server.tryOnce("POST", "/v1/admin/snapshots");
      await sleep(random.below(AMID_MS_MAX));
    }
    const startedMs = performance.now();
    const known = this.#options.watch.newestSnapshots();
    await this.#do(harm, known);
    await server.becomesReady();
    const ms = Math.round(performance.now() - startedMs);
    this.readyMsMax = Math.max(this.readyMsMax, ms);
    this.counts.set(harm, (this.counts.get(harm) ?? 0) + 1);
    if (isAmid) this.amidSnapshots += 1;
    say(`${harm}${isAmid ? " amid snapshots" : ""}: ready after ${ms} ms`);
  }

  async #do(harm: Harm, known: ReadonlyMap<number, string>): Promise<void> {
    const { server, store, random } = this.#options;
    switch (harm) {
      case "kill_server":
        await server.kill();
        return this.#startServer(known);
      case "terminate_server": {
        const code = await server.terminate();
        if (code !== 0) this.faults.push(`Told to end, the server ended with ${code}: ${server.lastWords}`);
        return this.#startServer(known);
      }
      case "kill_shard":
        return this.#killShard(known);
      case "kill_redis":
        await store.kill();
        await sleep(random.below(AWAY_MS_MAX));
        return store.start();
      case "halt_redis":
        return store.halt(this.#haltMs(HALT_MS));
      case "halt_server":
        return haltProcess(server.pid, this.#haltMs(HALT_MS));
      case "halt_shard": {
        const { pid } = random.oneOf(await server.shards());
        if (pid !== undefined) await haltProcess(pid, this.#haltMs(SHARD_HALT_MS));
        return;
      }
      case "jump_clock":
        return this.#jumpClock();
      case "damage_archive":
        return this.#damageArchive(known);
      case "snapshots":
        await server.tryOnce("POST", "/v1/admin/snapshots");
    }
  }

  async #startServer(known: ReadonlyMap<number, string>): Promise<void> {
    const { server } = this.#options;
    await server.start();
    for (const shard of await server.shards()) this.#checkRecovery(shard, known);
  }

  /** Kills a shard's process; a thread cannot be killed and is restarted by the operator. */
  async #killShard(known: ReadonlyMap<number, string>): Promise<void> {
    const { server, random } = this.#options;
    const { shard, pid, epoch } = random.oneOf(await server.shards());
    if (pid === undefined) await server.tryOnce("POST", `/v1/admin/shards/${shard}/restart`);
    else process.kill(pid, "SIGKILL");
    const endMs = performance.now() + RESTART_MS_MAX;
    for (;;) {
      const now = (await server.tryShards())?.[shard];
      if (now !== undefined && now.epoch > epoch && now.status === "ready")
        return this.#checkRecovery(now, known);
      if (performance.now() > endMs)
        throw new Error(`Shard ${shard} does not come back: ${JSON.stringify(now)}`);
      if (now?.status === "failed") await server.becomesReady();
      await sleep(LOOK_MS);
    }
  }

  #haltMs({ min, max }: typeof HALT_MS | typeof SHARD_HALT_MS): number {
    return min + this.#options.random.below(max - min);
  }

  /** Usually the clock is corrected; otherwise it stays wrong until the next jump. */
  async #jumpClock(): Promise<void> {
    const { server, random } = this.#options;
    const byMs = JUMP_MS.min + Math.floor((JUMP_MS.max - JUMP_MS.min) * random.fraction() ** 3);
    server.shiftClock(random.chance(0.5) ? byMs : -byMs);
    await sleep(random.below(JUMPED_MS_MAX));
    if (random.chance(0.7)) server.shiftClock(0);
  }

  async #damageArchive(known: ReadonlyMap<number, string>): Promise<void> {
    const { server, store, random } = this.#options;
    await server.kill();
    const archive = new ArchiveDamage({ dataDir: server.dataDir, walUrl: store.url });
    const position = archive.damage(random);
    await this.#startServer(known);
    if (position === undefined) return;
    await sleep(random.below(DAMAGED_MS_MAX));
    await server.kill();
    const damaged = await archive.repair();
    if (damaged.length > 0) this.faults.push(`The archive stays damaged at ${damaged.join(", ")}.`);
    await this.#startServer(known);
  }

  /** A start must use the newest snapshot that was seen, or a newer one. */
  #checkRecovery({ shard, recovery }: ShardView, known: ReadonlyMap<number, string>): void {
    const newest = known.get(shard);
    const taken = recovery.snapshot_position;
    if (taken !== null) this.startsFromSnapshots += 1;
    this.replayedMax = Math.max(this.replayedMax, recovery.replayed);
    if (newest === undefined || (taken !== null && isAtOrAfter(taken, newest))) return;
    this.faults.push(`Shard ${shard} began with the snapshot ${taken}, though there was ${newest}.`);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
