/**
 * Finds the primary of a key in a Redis Cluster. Every member that is known is asked, since any of them may be down or
 * cut off. A primary counts only if it answers itself and more than half of the primaries do: one that was cut off
 * together with us would still say that it is one.
 */
import type { Redis } from "ioredis";
import { messageOf } from "../../../errors/error-message.ts";
import { LogError } from "../../wal.ts";
import {
  type NewRedisClient,
  type RedisAddress,
  RedisConnection,
  type RedisTcpAddress,
} from "../redis-connection.ts";
import { lastGeneratedId } from "../stream-entries.ts";
import { type ClusterNode, type ClusterView, parseNodes, primaryOf, slotOf } from "./cluster-view.ts";

/** A member that is slower than this does not count: a shard waits for its primary. */
const ASK_MS = 300;
/** The same for a check of all members, which nothing waits for. */
const CHECK_MS = 3_000;

/** A member that has answered: where, and what it says. */
export type Member = Readonly<{ address: RedisTcpAddress; self: ClusterNode; view: ClusterView }>;

type Round = Readonly<{ members: Member[]; refusals: LogError[] }>;

export class ClusterPlace {
  readonly #seeds: readonly RedisTcpAddress[];
  readonly #newClient: NewRedisClient | undefined;
  /** Members of the newest view, which may have replaced those that were given. */
  #learned: readonly RedisTcpAddress[] = [];
  /** Members that it counts as failed. They may only be cut off from the others. */
  #failed: readonly RedisTcpAddress[] = [];

  /** @param seeds some members; the others are learned from them. */
  constructor(seeds: readonly RedisTcpAddress[], newClient?: NewRedisClient) {
    this.#seeds = seeds;
    this.#newClient = newClient;
  }

  /**
   * @throws LogError `log_unavailable`: no primary of this key can be reached now. `log_misconfigured`: no member lets
   *   us ask.
   */
  async findPrimary(key: string, signal: AbortSignal): Promise<RedisAddress> {
    const slot = slotOf(key);
    const { members, refusals } = await this.#ask(ASK_MS, signal, (found) => isCertain(found, slot));
    const primary = primaryOf(views(members), slot);
    const found = members.find(({ self }) => self.id === primary?.id);
    if (found !== undefined && isCertain(members, slot)) {
      const addresses = (isGone: boolean) =>
        found.view.filter((node) => node.isGone === isGone).map((node) => addressOf(node, found));
      this.#learned = addresses(false);
      this.#failed = addresses(true).filter(({ port }) => port > 0);
      return found.address;
    }
    const denied = refusals.find((error) => error.code === "log_misconfigured");
    if (members.length === 0 && denied !== undefined) throw denied;
    throw new LogError("log_unavailable", `${key}: ${describe(members, primary)}`);
  }

  /**
   * The highest epoch of a stream at any member that answers. A replica that became the primary may lack a claim that
   * others hold: its other replicas until they have its data, and members that count as failed, but are only cut off from
   * the rest. 0 where nobody has the stream.
   */
  async highestEpoch(key: string): Promise<number> {
    const addresses = [...this.#seeds, ...this.#learned, ...this.#failed];
    const members = new Map(addresses.map((address) => [nameOf(address), address]));
    return Math.max(0, ...(await Promise.all([...members.values()].map((each) => this.#epochAt(each, key)))));
  }

  /** 0 if the member does not answer in time, is loading, or has not this slot. */
  async #epochAt(address: RedisTcpAddress, key: string): Promise<number> {
    const connection = this.#openFor(address, key, ASK_MS);
    try {
      // A replica refers to its primary unless READONLY goes ahead.
      const ask = (client: Redis) => Promise.all([client.readonly(), client.xinfo("STREAM", key)]);
      const [, reply] = await connection.run(ask);
      return lastGeneratedId(reply).epoch;
    } catch {
      return 0;
    } finally {
      connection.close();
    }
  }

  /** Every member that answers, and those that are known and do not. */
  async members(): Promise<Readonly<{ answering: readonly Member[]; silent: readonly string[] }>> {
    const { members } = await this.#ask(CHECK_MS, new AbortController().signal, () => false);
    const answering = new Map(members.map((member) => [member.self.id, member]));
    const silent = new Map<string, string>();
    for (const { id, host, port } of views(members).flat())
      if (!answering.has(id)) silent.set(id, `${host}:${port}`);
    return { answering: [...answering.values()], silent: [...silent.values()] };
  }

  /** Asks all known members, and those that they name, until `isEnough` or all have answered or failed. */
  async #ask(
    ms: number,
    signal: AbortSignal,
    isEnough: (members: readonly Member[]) => boolean,
  ): Promise<Round> {
    const members: Member[] = [];
    const refusals: LogError[] = [];
    const asked = new Set<string>();
    const connections: RedisConnection[] = [];
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    let waiting = 0;
    const end = (): void => resolve();
    const ask = (address: RedisTcpAddress): void => {
      const name = nameOf(address);
      if (asked.has(name) || signal.aborted) return;
      asked.add(name);
      waiting += 1;
      const connection = this.#openFor(address, name, ms);
      connections.push(connection);
      connection
        .run((client) => client.cluster("NODES") as Promise<string>)
        .then((reply) => {
          const view = parseNodes(reply);
          const self = view.find(({ isMyself }) => isMyself);
          if (self === undefined) return;
          const member = { address, self, view };
          members.push(member);
          for (const node of view) if (!node.isGone) ask(addressOf(node, member));
        })
        .catch((error: unknown) => refusals.push(explain(name, error)))
        .finally(() => {
          connection.close();
          waiting -= 1;
          if (waiting === 0 || isEnough(members)) resolve();
        });
    };
    signal.addEventListener("abort", end);
    for (const address of [...this.#seeds, ...this.#learned]) ask(address);
    if (waiting > 0) await enough;
    signal.removeEventListener("abort", end);
    for (const connection of connections) connection.close();
    return { members: [...members], refusals };
  }

  /**
   * A connection for one question. Connecting and the answer together have this time: a member that hangs accepts
   * connections, and would take it twice.
   */
  #openFor(address: RedisTcpAddress, name: string, ms: number): RedisConnection {
    const connection = new RedisConnection({
      address,
      name,
      timeoutMs: ms,
      newClient: this.#newClient,
    });
    setTimeout(() => connection.close(), ms).unref();
    return connection;
  }
}

function views(members: readonly Member[]): readonly ClusterView[] {
  return members.map(({ view }) => view);
}

/** Whether the slot's primary and more than half of all primaries have answered. */
function isCertain(members: readonly Member[], slot: number): boolean {
  const primary = primaryOf(views(members), slot);
  const member = members.find(({ self }) => self.id === primary?.id);
  if (member === undefined || !member.self.isPrimary) return false;
  const voters = member.view.filter(({ isPrimary, slots }) => isPrimary && slots.length > 0);
  const answering = new Set(members.map(({ self }) => self.id));
  return 2 * voters.filter(({ id }) => answering.has(id)).length > voters.length;
}

/** A member that does not know its own address has the one at which it was asked. */
function addressOf({ host, port }: ClusterNode, { address }: Pick<Member, "address">): RedisTcpAddress {
  return { ...address, host: host === "" ? address.host : host, port };
}

function nameOf({ host, port }: RedisTcpAddress): string {
  return `${host}:${port}`;
}

/** A server without cluster mode refuses the question. */
function explain(name: string, error: unknown): LogError {
  if (error instanceof LogError) return error;
  const message = `${name} cannot be asked for its cluster: ${messageOf(error)}`;
  return new LogError("log_misconfigured", message, { cause: error });
}

function describe(members: readonly Member[], primary: ClusterNode | undefined): string {
  if (members.length === 0) return "no member of the cluster answers";
  if (primary === undefined) return "no member of the cluster serves its slot";
  const isHeard = members.some(({ self }) => self.id === primary.id);
  const name = `its primary ${primary.host}:${primary.port}`;
  return isHeard ? `${name} sees less than half of the primaries` : `${name} does not answer`;
}
