/** A private Redis Cluster for tests: three primaries with replicas, as processes on free ports of 127.0.0.1. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Redis } from "ioredis";
import { type ClusterNode, parseNodes, primaryOf, slotOf } from "../../src/wal/redis/cluster/cluster-view.ts";
import { Network, type Place } from "./network.ts";
import { RedisProxy } from "./redis-proxy.ts";
import { makeScratchFolder } from "./scratch-folder.ts";
import { until } from "./until.ts";

const PRIMARIES = 3;

const SLOTS = 16_384;
const READY = "eady to accept connections";

/** The settings of deploy/redis/redis.conf and deploy/redis/cluster/cluster.conf. */
const SETTINGS: Readonly<Record<string, string>> = {
  appendonly: "yes",
  appendfsync: "always",
  "no-appendfsync-on-rewrite": "no",
  "maxmemory-policy": "noeviction",
  save: "",
  "cluster-enabled": "yes",
  "cluster-node-timeout": "1500",
  "cluster-require-full-coverage": "no",
  "cluster-allow-reads-when-down": "yes",
  "cluster-allow-replica-migration": "no",
  "repl-timeout": "5",
  "repl-ping-replica-period": "1",
  "repl-diskless-sync-delay": "0",
};

/** A cluster that a crashed test left behind must not run forever. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

export type ClusterOptions = Readonly<{
  /** redis-server or valkey-server. */
  program: string;
  /** A redis.conf to start with, instead of the production settings. */
  configFile?: string;
  settings?: Readonly<Record<string, string>>;
  /** Its first places have a member each; absent: all members are at 127.0.0.1. */
  network?: Network;
  /** Whether servers and replicas reach each member through a proxy. */
  proxied?: boolean;
  /** The user that sets the cluster up and manipulates its data. */
  operator?: Readonly<{ username: string; password: string }>;
}>;

export class ClusterMember {
  /** The port that the others know. */
  readonly port: number;
  /** The port on which it listens: another one behind a proxy. */
  readonly ownPort: number;
  /** What is between it and the others, once it has started. */
  proxy: RedisProxy | undefined;
  readonly dir: string;
  readonly busPort: number;
  readonly place: Place | undefined;
  readonly #options: ClusterOptions;
  #child: ChildProcess | undefined;
  #client: Redis | undefined;
  #isPaused = false;

  constructor(dir: string, ports: readonly [number, number, number], options: ClusterOptions, no: number) {
    this.dir = dir;
    this.place = options.network?.places[no];
    [this.ownPort, this.busPort] = ports;
    this.port = options.proxied === true ? ports[2] : this.ownPort;
    this.#options = options;
    mkdirSync(dir, { recursive: true });
  }

  /** Starts it, or starts it again on its files. Resolves when it accepts commands. */
  async start(): Promise<void> {
    const { program, configFile, settings } = this.#options;
    const { place } = this;
    const bound =
      place === undefined
        ? { bind: this.host }
        : { bind: "0.0.0.0", "protected-mode": "no", "cluster-announce-ip": place.host };
    const own = { port: this.ownPort, "cluster-port": this.busPort, dir: this.dir, ...bound };
    const isProxied = this.port !== this.ownPort;
    if (isProxied) this.proxy ??= await RedisProxy.startAt(this.port, this.ownPort);
    const announced = isProxied
      ? { "cluster-announce-ip": this.host, "cluster-announce-port": this.port }
      : {};
    const all = { ...(configFile === undefined ? SETTINGS : {}), ...own, ...announced, ...settings };
    const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const command = [program, ...(configFile === undefined ? [] : [configFile]), ...args] as const;
    const [first, ...rest] = place === undefined ? command : Network.at(place, ...command);
    const child = spawn(first, rest, {
      stdio: ["ignore", "pipe", "inherit"],
    });
    alive.add(child);
    child.once("exit", () => alive.delete(child));
    this.#child = child;
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      said.push(line);
      if (!line.includes(READY)) continue;
      child.stdout.resume();
      return;
    }
    throw new Error(`redis-server did not start:\n${said.slice(-10).join("\n")}`);
  }

  /** Its address for the other members and for servers. */
  get host(): string {
    return this.place?.host ?? "127.0.0.1";
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** It runs and is not paused. */
  get answers(): boolean {
    return this.isRunning && !this.#isPaused;
  }

  /** A connection for reading and manipulating its data. */
  get client(): Redis {
    if (this.#client === undefined || this.#client.status === "end") {
      const host = this.place?.controlHost ?? this.host;
      const options = { host, port: this.ownPort, retryStrategy: () => null };
      const { operator } = this.#options;
      this.#client = new Redis({ ...options, ...operator, enableReadyCheck: false, commandTimeout: 5_000 });
      this.#client.on("error", () => undefined);
    }
    return this.#client;
  }

  async view(): Promise<readonly ClusterNode[]> {
    return parseNodes((await this.client.cluster("NODES")) as string);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#isPaused = false;
    this.#client?.disconnect();
    if (child === undefined) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    child.kill("SIGCONT");
    await exited;
  }

  pause(): void {
    this.#isPaused = true;
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#isPaused = false;
    this.#child?.kill("SIGCONT");
  }
}

export class RedisCluster {
  readonly members: readonly ClusterMember[];
  readonly dir: string;
  /** As a `WAL_URL`: only some members, since the others are learned from them. */
  readonly url: string;

  private constructor(dir: string, members: readonly ClusterMember[]) {
    this.dir = dir;
    this.members = members;
    const known = members.slice(1, PRIMARIES + 1);
    this.url = `redis+cluster://${known.map(({ host, port }) => `${host}:${port}`).join(",")}`;
  }

  /** @param replicas of each primary. */
  static async start(replicas: number, options: ClusterOptions): Promise<RedisCluster> {
    const dir = makeScratchFolder("daybook-cluster");
    const count = PRIMARIES * (1 + replicas);
    const ports = await freePorts(3 * count);
    const members = Array.from({ length: count }, (_, no) => {
      const own = [ports[3 * no] ?? 0, ports[3 * no + 1] ?? 0, ports[3 * no + 2] ?? 0] as const;
      return new ClusterMember(join(dir, String(no)), own, options, no);
    });
    const cluster = new RedisCluster(dir, members);
    try {
      await Promise.all(members.map((member) => member.start()));
      await cluster.#join();
    } catch (error) {
      await cluster.destroy();
      throw error;
    }
    return cluster;
  }

  /** The member that serves a key, by the view of those that answer. */
  async primary(key: string): Promise<ClusterMember> {
    const views = await this.#views();
    const node = primaryOf(views, slotOf(key));
    return this.#memberAt(node);
  }

  /** The running replicas of the member that serves a key. */
  async replicas(key: string): Promise<readonly ClusterMember[]> {
    const views = await this.#views();
    const primary = primaryOf(views, slotOf(key));
    const nodes = views.map((view) => view.find(({ isMyself }) => isMyself));
    return nodes
      .filter((node) => node !== undefined && node.primaryId === primary?.id)
      .map((node) => this.#memberAt(node));
  }

  /** Resolves with the key's primary once all its replicas have everything that it has. */
  async catchesUp(key: string): Promise<ClusterMember> {
    let primary = await this.primary(key);
    // After an election members name the former primary for a moment, which refers to the new one.
    await until("all replicas have everything", async () => {
      primary = await this.primary(key);
      const { length } = await this.replicas(key);
      await primary.client.set(`${key}:seen`, "");
      return (await primary.client.wait(length, 10_000)) === length;
    });
    return primary;
  }

  /** Resolves when another member serves the key of one that was killed or paused. */
  async replaces(former: ClusterMember, key: string): Promise<void> {
    const others = this.members.filter((member) => member !== former && member.isRunning);
    const isReplaced = async () => {
      const views = await Promise.all(others.map((member) => member.view()));
      const node = primaryOf(views, slotOf(key));
      return node !== undefined && node.port !== former.port && !node.isGone;
    };
    await until("another member serves the key", isReplaced, 30_000);
  }

  /**
   * Pauses a replica of the key's primary and cuts its link, so that it lacks everything from now on. Resolves when the
   * other replicas are linked again.
   */
  async leaveBehind(key: string): Promise<ClusterMember> {
    const primary = await this.catchesUp(key);
    const [behind, ...others] = await this.replicas(key);
    if (behind === undefined) throw new Error("its primary has no replica");
    behind.pause();
    await primary.client.call("CLIENT", "KILL", "TYPE", "replica");
    const { client } = primary;
    await until("the other replicas are linked again", async () => {
      const online = (await client.info("replication")).match(/state=online/g)?.length;
      return online === others.length;
    });
    return behind;
  }

  /**
   * Kills the key's primary and all its replicas but this one, which becomes the primary. Resolves with the killed
   * members.
   */
  async promoteAlone(replica: ClusterMember, key: string): Promise<readonly ClusterMember[]> {
    const members = [await this.primary(key), ...(await this.replicas(key))];
    const killed = members.filter((member) => member !== replica);
    await Promise.all(killed.map((member) => member.kill()));
    replica.resume();
    await replica.client.call("CLUSTER", "FAILOVER", "TAKEOVER");
    return killed;
  }

  /** Resolves when every member runs, all slots are served, and every replica has its primary's data. */
  async becomesWhole(msMax = 30_000): Promise<void> {
    await until("the cluster is whole", () => this.#isWhole(), msMax);
  }

  async destroy(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    for (const { proxy } of this.members) proxy?.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #join(): Promise<void> {
    const primaries = this.members.slice(0, PRIMARIES);
    const [first] = primaries;
    for (const [no, { client }] of primaries.entries()) {
      const from = Math.floor((no * SLOTS) / PRIMARIES);
      const to = Math.floor(((no + 1) * SLOTS) / PRIMARIES) - 1;
      await client.call("CLUSTER", "ADDSLOTSRANGE", from, to);
    }
    for (const [no, { client }] of this.members.entries())
      await client.call("CLUSTER", "SET-CONFIG-EPOCH", no + 1);
    for (const { host, port, busPort } of this.members.slice(1))
      await first?.client.call("CLUSTER", "MEET", host, port, busPort);
    await until("all members know each other", async () => {
      const views = await this.#views();
      return views.every((view) => view.filter(({ isGone }) => !isGone).length === this.members.length);
    });
    const ids = await Promise.all(primaries.map(async ({ client }) => client.cluster("MYID")));
    for (const [no, { client }] of this.members.slice(PRIMARIES).entries())
      await client.call("CLUSTER", "REPLICATE", String(ids[no % PRIMARIES]));
    await this.becomesWhole();
  }

  async #isWhole(): Promise<boolean> {
    if (!this.members.every(({ isRunning }) => isRunning)) return false;
    const infos = await Promise.all(
      this.members.map(async ({ client }) => ({
        state: await client.cluster("INFO"),
        replication: await client.info("replication"),
      })),
    );
    const perPrimary = this.members.length / PRIMARIES - 1;
    return infos.every(({ state, replication }) => {
      if (!state.includes("cluster_state:ok")) return false;
      if (replication.includes("role:slave")) return replication.includes("master_link_status:up");
      const online = replication.match(/^slave\d+:.*state=online/gm)?.length ?? 0;
      return online === perPrimary;
    });
  }

  async #views(): Promise<readonly (readonly ClusterNode[])[]> {
    const running = this.members.filter(({ answers }) => answers);
    const views = await Promise.allSettled(running.map((member) => member.view()));
    return views.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  }

  #memberAt(node: ClusterNode | undefined): ClusterMember {
    const member = this.members.find(({ port }) => port === node?.port);
    if (member === undefined) throw new Error("no member serves this key");
    return member;
  }
}

/**
 * Free ports below those that systems give to outgoing connections, which could take one between this check and the start
 * of its server. Each worker of a run begins at another one.
 */
async function freePorts(count: number): Promise<readonly number[]> {
  const worker = process.pid * 7 + Number(process.env["VITEST_POOL_ID"] ?? 0);
  const ports: number[] = [];
  for (let port = 10_000 + (worker % 300) * 72; ports.length < count; port++)
    if (await isFree(port)) ports.push(port);
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = once(server, "listening").then(
    () => true,
    () => false,
  );
  server.listen(port, "127.0.0.1");
  const free = await listening;
  if (free) await once(server.close(), "close");
  return free;
}
