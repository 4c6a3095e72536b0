/** One member of a simulated Redis Cluster: a Redis that is the primary of a log, or follows the primary with a delay. */
import { compareLogIds, type LogId, type StoredEntry } from "../../src/wal/wal.ts";
import { delayOf } from "./sim-channel.ts";
import { type RedisEvents, SimRedis } from "./sim-redis.ts";
import { ReplyError, type SimRedisClient, type WaitName } from "./sim-redis-client.ts";
import { ENVIRONMENT } from "./virtual-clock.ts";

/** The later one has WAITAOF. */
export const REDIS_VERSIONS = ["7.0.15", "7.2.4"] as const;

export type MemberEvents = RedisEvents &
  Readonly<{
    version: (typeof REDIS_VERSIONS)[number];
    /** Replicas have confirmed the writes of `member` up to `offset`, and a client is told so. */
    onConfirmed: (member: SimMember, offset: number) => void;
  }>;

type Wait = Readonly<{
  isEnough: () => boolean;
  finish: (execute: () => unknown) => void;
  reply: () => unknown;
}>;

/** Run ids of different members differ. */
const RUNS = 1_000_000;
/** A replica copies everything within this time, and then receives what is new. */
const COPY_MS_MAX = 200;
/** What a member says that does not serve the log. */
const ELSEWHERE = [
  "MOVED 1 elsewhere:6379",
  "READONLY You can't write against a read only replica.",
  "CLUSTERDOWN The cluster is down",
] as const;

/** What a replica receives from its primary. */
class ReplicationLink {
  isClosed = false;
  /** Offsets that the replica has confirmed: received, and on its disk. */
  received: number;
  onDisk: number;
  /** When the newest write arrives. */
  arrivesMs = 0;
  readonly replica: SimMember;

  constructor(replica: SimMember, offset: number) {
    this.replica = replica;
    this.received = offset;
    this.onDisk = offset;
  }
}

export class SimMember extends SimRedis {
  readonly number: number;
  /** As it sees itself: one that was replaced may not know it yet. */
  isPrimary = false;
  /** A primary that has noticed that it hears none of the others. */
  isCutOff = false;
  /** The election that its newest write followed, and the number of writes so far. */
  term = 0;
  offset = 0;
  /** As a replica: no write reaches it before this time. */
  heldUntilMs = 0;
  /** As a replica: by how much more, at most, each write is late. */
  lagMs = 0;
  /** All its entries, those too that were trimmed, with the offset of the write that added each. */
  readonly log: Readonly<{ offset: number; entry: StoredEntry }>[] = [];
  readonly #member: MemberEvents;
  readonly #links = new Set<ReplicationLink>();
  readonly #waits = new Set<Wait>();
  #upstream: Readonly<{ primary: SimMember; link?: ReplicationLink }> | undefined;

  constructor(name: string, number: number, events: MemberEvents) {
    super(name, events, number * RUNS);
    this.number = number;
    this.#member = events;
  }

  /** Becomes a replica: copies everything from the primary as soon as it can, and then follows it. */
  follow(primary: SimMember): void {
    const { clock, random } = this.#member;
    this.unfollow();
    const upstream = { primary };
    this.#upstream = upstream;
    const connect = () => {
      if (this.#upstream !== upstream) return;
      const isReady = primary.isPrimary && !primary.isDown && !this.isDown && this.heldUntilMs <= clock.nowMs;
      if (isReady) this.#copy(primary);
      else again();
    };
    const again = () => void clock.after(ENVIRONMENT, COPY_MS_MAX * random.fraction(), connect);
    again();
  }

  /** Receives nothing any more. */
  unfollow(): void {
    const upstream = this.#upstream;
    this.#upstream = undefined;
    if (upstream?.link !== undefined) upstream.primary.#close(upstream.link);
  }

  /** Has won an election. */
  takeOver(term: number): void {
    this.unfollow();
    this.isPrimary = true;
    this.term = term;
    this.heldUntilMs = 0;
  }

  /** Learns that another member was elected. */
  stepDown(): void {
    this.isPrimary = false;
    this.isCutOff = false;
    for (const { finish } of this.#takeWaits(() => true))
      finish(() => {
        throw new ReplyError("UNBLOCKED force unblock from blocking operation, instance state changed");
      });
    for (const link of this.#links) this.#close(link);
  }

  /** Its process ends, for a while. */
  crash(): void {
    this.restart(false);
    this.isDown = true;
  }

  /** A restart in place: entries that were not synced may be lost, so the replicas copy everything anew. */
  override restart(losesPower: boolean): void {
    super.restart(losesPower);
    const last = this.memory.entries.at(-1)?.id;
    if (last !== undefined)
      this.log.length = this.log.findLastIndex(({ entry }) => compareLogIds(entry.id, last) <= 0) + 1;
    this.#waits.clear();
    for (const { replica } of this.#links) replica.follow(this);
  }

  override copyFrom(other: SimMember): void {
    super.copyFrom(other);
    this.log.splice(0, this.log.length, ...other.log);
    this.offset = other.offset;
    this.term = other.term;
  }

  override store(id: LogId, bytes: Uint8Array, create: boolean): void {
    super.store(id, bytes, create);
    this.log.push({ offset: this.offset + 1, entry: { id, bytes } });
  }

  /** Adds an entry without a client, as the primary. */
  adopt({ id, bytes }: StoredEntry): void {
    this.store(id, bytes, true);
    this.syncAll();
    this.offset += 1;
  }

  override execute(client: SimRedisClient, name: string, args: readonly unknown[]): unknown {
    if (name === "info") {
      const info = String(super.execute(client, name, args));
      const own = this.isPrimary ? info : info.replace("role:master", "role:slave");
      return `${own}redis_version:${this.#member.version}\r\n`;
    }
    if (name === "config") return super.execute(client, name, args);
    if (!this.isPrimary) throw new ReplyError(this.#member.random.oneOf(ELSEWHERE));
    if (this.isCutOff) throw new ReplyError("CLUSTERDOWN The cluster is down");
    const reply = name === "set" ? "OK" : super.execute(client, name, args);
    const first = this.memory.entries.at(0)?.id;
    if (name === "set") this.#replicate(client, () => {});
    else if (name === "xtrim" && reply !== 0 && first !== undefined)
      this.#replicate(client, (replica) => replica.trimBelow(first));
    else if (["xadd", "rpush", "unlink"].includes(name) && reply !== null)
      this.#replicate(client, (replica) => replica.#repeat(client, name, args));
    return reply;
  }

  override executeUnsynced(client: SimRedisClient, args: readonly unknown[]): void {
    if (!this.isPrimary || this.isCutOff) return;
    super.executeUnsynced(client, args);
    this.offset += 1;
  }

  wait(
    { writtenOffset }: SimRedisClient,
    name: WaitName,
    { replicas, ms }: Readonly<{ replicas: number; ms: number }>,
    done: (execute: () => unknown) => void,
  ): void {
    const isOnDisk = name === "WAITAOF";
    const count = () =>
      [...this.#links].filter(({ onDisk, received }) => (isOnDisk ? onDisk : received) >= writtenOffset)
        .length;
    const isEnough = () => count() >= replicas;
    const reply = () => {
      if (!this.isPrimary) throw new ReplyError(`ERR ${name} cannot be used with replica instances`);
      if (isEnough()) this.#member.onConfirmed(this, writtenOffset);
      return isOnDisk ? [1, count()] : count();
    };
    const wait = { isEnough, finish: done, reply };
    if (!this.isPrimary || isEnough()) {
      done(reply);
      return;
    }
    this.#waits.add(wait);
    this.#member.clock.after(ENVIRONMENT, ms, () => {
      if (this.#waits.delete(wait)) this.take(() => done(reply));
    });
  }

  #takeWaits(isTaken: (wait: Wait) => boolean): readonly Wait[] {
    const taken = [...this.#waits].filter(isTaken);
    for (const wait of taken) this.#waits.delete(wait);
    return taken;
  }

  #copy(primary: SimMember): void {
    const link = new ReplicationLink(this, primary.offset);
    this.copyFrom(primary);
    this.#upstream = { primary, link };
    primary.#links.add(link);
  }

  #close(link: ReplicationLink): void {
    link.isClosed = true;
    this.#links.delete(link);
  }

  #replicate(client: SimRedisClient, write: (replica: SimMember) => void): void {
    const { clock, random } = this.#member;
    this.syncAll();
    this.offset += 1;
    const { offset } = this;
    client.writtenOffset = offset;
    const confirm = (link: ReplicationLink, what: "received" | "onDisk", then: () => void) =>
      clock.after(ENVIRONMENT, delayOf(random, this.delays), () => {
        if (link.isClosed) return;
        link[what] = Math.max(link[what], offset);
        for (const { finish, reply } of this.#takeWaits(({ isEnough }) => isEnough()))
          this.take(() => finish(reply));
        then();
      });
    for (const link of this.#links) {
      const { replica } = link;
      const delayMs = delayOf(random, this.delays) + replica.lagMs * random.fraction();
      link.arrivesMs = Math.max(link.arrivesMs, replica.heldUntilMs, clock.nowMs + delayMs);
      clock.at(ENVIRONMENT, link.arrivesMs, () => {
        if (link.isClosed) return;
        write(replica);
        replica.offset = offset;
        confirm(link, "received", () => confirm(link, "onDisk", () => {}));
      });
    }
  }

  #repeat(client: SimRedisClient, name: string, args: readonly unknown[]): void {
    super.execute(client, name, args);
  }
}
