/**
 * A simulated Redis Cluster for the real `ClusterStream`: a primary and two replicas for each log. An election may choose
 * a replica that lacks entries; a primary that was replaced may serve its old connections for a while.
 *
 * What replicas have confirmed may be lost only while the owner of the log lives, which must append it again.
 */

import { ClusterStream } from "../../src/wal/redis/cluster/cluster-stream.ts";
import { ReplicaWait } from "../../src/wal/redis/cluster/replica-wait.ts";
import { isSame } from "../../src/wal/redis/cluster/tail-memory.ts";
import type { FindAddress, NewRedisClient } from "../../src/wal/redis/redis-connection.ts";
import { RedisSnapshotStore } from "../../src/wal/redis/redis-snapshots.ts";
import type { MemorySnapshotStore, SnapshotStore } from "../../src/wal/snapshots/snapshot-store.ts";
import { compareLogIds, formatLogId, LogError, type LogStream, type StoredEntry } from "../../src/wal/wal.ts";
import { type Delays, delayOf } from "./sim-channel.ts";
import { REDIS_VERSIONS, SimMember } from "./sim-cluster-member.ts";
import type { AppendFault, AppendFaults, LogStore, OpenOptions } from "./sim-log.ts";
import type { RedisEvents } from "./sim-redis.ts";
import { copySlots } from "./sim-redis-snapshots.ts";
import { ENVIRONMENT } from "./virtual-clock.ts";

const MEMBERS = 3;
/** How many replicas must confirm an entry. */
const REPLICAS = 1;
const REMEMBERED_BYTES = 64 << 20;
const ELECTION_MS_MAX = 2_500;
const ABSENT_MS_MAX = 3_000;
/** A member that was replaced is found for this time, by servers that ask others that do not know it either. */
const STALE_MS = 300;
const UNREACHABLE_MS = 300;
/** How often a primary that was replaced, and knows a claim that was lost, looks whether that is there again. */
const LOOK_MS = 100;
/** How long a primary that was replaced serves, and then says that it hears none of the others. */
const SERVES_ON_MS_MAX = 5_000;
const CUT_OFF_MS_MAX = 1_000;

/** What a change of the primary does to the old one. */
export type Former = "crashes" | "serves_on" | "serves_on_with_a_replica";

export class SimCluster implements LogStore {
  readonly members: readonly SimMember[];
  nextFault: AppendFault | undefined;
  /** Whether the owner of the log serves, remembers its entries, and has no successor. Set by the nemesis. */
  isOwned: () => boolean = () => false;
  /** Whether owners read the whole log when they start, and not only what follows a snapshot. Set by the nemesis. */
  readsAll = false;
  readonly #events: RedisEvents;
  readonly #key: string;
  #primary: SimMember;
  #term = 0;
  /** Entries that replicas have confirmed to a client, in order. */
  readonly #confirmed: StoredEntry[] = [];
  /** What is still to come of a change of the primary. */
  readonly #pending = new Set<() => void>();
  /** Ends that a replica follows the former primary. */
  #joinNewPrimary: (() => void) | undefined;
  #stale: Readonly<{ member: SimMember; untilMs: number }> | undefined;
  #shown: MemorySnapshotStore | undefined;
  #hasLostClaim = false;

  constructor(name: string, events: RedisEvents) {
    this.#events = events;
    this.#key = `${name}:wal`;
    const version = events.random.oneOf(REDIS_VERSIONS);
    const onConfirmed = (member: SimMember, offset: number) => this.#note(member, offset);
    this.members = Array.from(
      { length: MEMBERS },
      (_, number) => new SimMember(this.#key, number + 1, { ...events, version, onConfirmed }),
    );
    this.#primary = this.members[0] as SimMember;
    this.#primary.takeOver(this.#term);
    for (const replica of this.replicas) replica.follow(this.#primary);
  }

  get memory(): SimMember["memory"] {
    return this.#primary.memory;
  }

  get trimmed(): SimMember["trimmed"] {
    return this.#primary.trimmed;
  }

  get trimmedByClaim(): SimMember["trimmedByClaim"] {
    return this.#primary.trimmedByClaim;
  }

  get faults(): AppendFaults {
    return this.#primary.faults;
  }

  set faults(faults: AppendFaults) {
    for (const member of this.members) member.faults = faults;
  }

  get delays(): Delays {
    return this.#primary.delays;
  }

  set delays(delays: Delays) {
    for (const member of this.members) member.delays = delays;
  }

  get isReachable(): boolean {
    return this.#primary.isReachable;
  }

  set isReachable(isReachable: boolean) {
    for (const member of this.members) member.isReachable = isReachable;
  }

  get isFull(): boolean {
    return this.#primary.isFull;
  }

  /** A replica takes what its primary sends even if it is full. */
  set isFull(isFull: boolean) {
    for (const member of this.members) member.isFull = isFull && member === this.#primary;
  }

  get primary(): SimMember {
    return this.#primary;
  }

  get replicas(): readonly SimMember[] {
    return this.members.filter((member) => member !== this.#primary);
  }

  /** Whether the owner has appended again what the primary lacked. */
  get isComplete(): boolean {
    return this.#missing().length === 0;
  }

  /** The epoch of the newest claim that replicas have confirmed. */
  get confirmedEpoch(): number {
    return this.#confirmed.at(-1)?.id.epoch ?? 0;
  }

  /** Whether a change of the primary is not over yet. */
  get isChanging(): boolean {
    return this.#pending.size > 0;
  }

  open(options: OpenOptions = {}): LogStream {
    const { count, trace } = this.#events;
    return new ClusterStream({
      ...options,
      address: this.#find,
      highestEpoch: this.#highestEpoch,
      key: this.#key,
      snapshots: `${this.#key}:snapshot`,
      replicas: REPLICAS,
      rememberedBytes: REMEMBERED_BYTES,
      onRepair: (message) => {
        count("repair");
        trace(`${this.#key}: ${message}`);
      },
      newClient: this.#newClient,
    });
  }

  openSnapshots(memory: MemorySnapshotStore): SnapshotStore {
    this.#shown = memory;
    this.#primary.snapshots.slots = memory.slots;
    const wait = new ReplicaWait(REPLICAS);
    return new RedisSnapshotStore(this.#find, `${this.#key}:snapshot`, { newClient: this.#newClient, wait });
  }

  /** The primary restarts in place, before the others have noticed that it was away. */
  restart(losesPower: boolean): void {
    this.#primary.restart(losesPower);
  }

  /** Nobody can repair the log any more, so what replicas have confirmed must be in it. */
  ownerEnds(): void {
    this.#joinNewPrimary?.();
    if (!this.#primary.isDown) this.#restoreConfirmed();
  }

  /**
   * Another member becomes the primary.
   *
   * @param loses elects the replica that lacks the most, if the owner of the log lives to append it again.
   */
  failOver(former: Former, loses: boolean): void {
    if (this.isChanging) return;
    const { random, count, trace } = this.#events;
    count(`former primary ${former}`);
    trace(`${this.#key}: member ${this.#primary.number} ${former}`);
    const old = this.#primary;
    if (former === "crashes") {
      old.crash();
      this.#later(ELECTION_MS_MAX * random.fraction(), () => this.#elect(loses));
      this.#later(ELECTION_MS_MAX + ABSENT_MS_MAX * random.fraction(), () => {
        old.isDown = false;
        this.#replace(old);
      });
      return;
    }
    const keepsReplica = former === "serves_on_with_a_replica" && this.isOwned();
    this.#elect(loses, keepsReplica);
    this.#stale = { member: old, untilMs: this.#events.clock.nowMs + STALE_MS * random.fraction() };
    const servesMs = SERVES_ON_MS_MAX * Math.sqrt(random.fraction());
    this.#later(servesMs, () => {
      old.isCutOff = true;
    });
    this.#later(servesMs + CUT_OFF_MS_MAX * random.fraction(), () => this.#replace(old));
  }

  /**
   * A replica without the newest claim is elected, although that was confirmed and its owner lives. The former primary is
   * cut off, but answers whoever asks for the highest epoch, until the claim is there again: a former owner must ask.
   *
   * @returns whether there is such a replica.
   */
  loseClaim(): boolean {
    if (this.isChanging) return false;
    const epoch = this.confirmedEpoch;
    const lacksClaim = ({ log }: SimMember) => (log.at(-1)?.entry.id.epoch ?? 0) < epoch;
    const chosen = this.replicas.find((each) => lacksClaim(each) && this.#isRepairable(each));
    if (chosen === undefined) return false;
    const old = this.#primary;
    this.#promote(chosen, false);
    this.#hasLostClaim = true;
    old.isCutOff = true;
    old.breakConnections();
    const rejoin = () => {
      if (!this.isComplete) return void this.#later(LOOK_MS, rejoin);
      this.#hasLostClaim = false;
      this.#replace(old);
    };
    this.#later(LOOK_MS, rejoin);
    return true;
  }

  /** The primary fails without an owner that lives, and a replica without the newest entries is elected. */
  loseTail(count: number): void {
    this.heal();
    const [behind] = this.replicas;
    const old = this.#primary;
    if (behind === undefined) return;
    behind.copyFrom(old);
    behind.memory.loseTail(count);
    this.#confirmed.length = 0;
    old.crash();
    behind.offset += 1;
    this.#elect(false);
    old.isDown = false;
    this.#replace(old);
  }

  /** Ends all faults. */
  heal(): void {
    if (this.#hasLostClaim) this.#restoreConfirmed();
    for (const member of this.members) {
      member.heldUntilMs = 0;
      member.lagMs = 0;
    }
    while (this.isChanging) for (const act of this.#pending) act();
    for (const member of this.members) member.heal();
  }

  readonly #find: FindAddress = () => {
    const { clock, random } = this.#events;
    const owner = clock.current;
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<FindAddress>>>();
    clock.after(owner, delayOf(random, this.delays) + delayOf(random, this.delays), () => {
      const member = this.#known();
      if (member === undefined || !this.isReachable) {
        const error = new LogError("log_unavailable", `${this.#key}: no member serves its slot`);
        clock.after(owner, UNREACHABLE_MS * random.fraction(), () => reject(error));
      } else resolve({ host: "simulated", port: member.number, tls: false });
    });
    return promise;
  };

  /** As far as members answer: those that are cut off do, too. */
  readonly #highestEpoch = (): Promise<number> => {
    const { clock, random } = this.#events;
    const { promise, resolve } = Promise.withResolvers<number>();
    const answers = ({ isDown, isStalled }: SimMember) => this.isReachable && !isDown && !isStalled;
    clock.after(clock.current, delayOf(random, this.delays) + delayOf(random, this.delays), () => {
      const epochs = this.members.filter(answers).map(({ log }) => log.at(-1)?.entry.id.epoch ?? 0);
      resolve(Math.max(0, ...epochs));
    });
    return promise;
  };

  readonly #newClient: NewRedisClient = (options) => {
    const member = this.members.find(({ number }) => number === options.port);
    if (member === undefined) throw new Error(`there is no member ${options.port}`);
    return member.newClient(options);
  };

  /** The primary, as the members know it that were asked. */
  #known(): SimMember | undefined {
    const { clock, random } = this.#events;
    const { member, untilMs } = this.#stale ?? { untilMs: 0 };
    if (clock.nowMs < untilMs && random.chance(0.5)) return member;
    return this.#primary.isDown ? undefined : this.#primary;
  }

  /** @param keepsReplica the other replica goes on to follow the former primary for a while. */
  #elect(loses: boolean, keepsReplica = false): void {
    const byAge = this.replicas.toSorted((a, b) => a.term - b.term || a.offset - b.offset);
    const behind = loses && this.isOwned() ? byAge.find((each) => this.#isRepairable(each)) : undefined;
    const chosen = behind ?? byAge.at(-1);
    if (chosen === undefined) return;
    this.#promote(chosen, keepsReplica);
    if (!this.isOwned()) this.#restoreConfirmed();
  }

  #promote(chosen: SimMember, keepsReplica: boolean): void {
    const { random, count, trace } = this.#events;
    const old = this.#primary;
    this.#term += 1;
    chosen.takeOver(this.#term);
    this.#show(old, chosen);
    const isFull = this.isFull;
    this.#primary = chosen;
    this.isFull = isFull;
    const lost = this.#missing().length;
    if (lost > 0) count("election loses entries");
    trace(`${this.#key}: member ${chosen.number} is elected and lacks ${lost} confirmed entries`);
    for (const replica of this.replicas) {
      if (replica === old) continue;
      if (keepsReplica)
        this.#joinNewPrimary = this.#later(SERVES_ON_MS_MAX * random.fraction(), () =>
          replica.follow(chosen),
        );
      else replica.follow(chosen);
    }
  }

  /** Whether the owner remembers what this replica lacks: its claim, what it read before that, and its own entries. */
  #isRepairable({ log }: SimMember): boolean {
    const last = log.at(-1)?.entry;
    const claim = this.#confirmed.findLastIndex(({ id }) => id.seq === 0);
    // A replica that has followed a former primary may have other entries.
    const at = this.#confirmed.findLastIndex((entry) => last !== undefined && isSame(entry, last));
    return claim > 0 && at >= (this.readsAll ? 0 : claim - 1);
  }

  /** A former primary becomes a replica. */
  #replace(old: SimMember): void {
    old.stepDown();
    if (this.#events.random.chance(0.5)) old.breakConnections();
    old.follow(this.#primary);
  }

  /** The snapshots that the oracles see are those of the primary. */
  #show(old: SimMember, chosen: SimMember): void {
    const slots = this.#shown?.slots;
    if (slots === undefined) return;
    old.snapshots.slots = [];
    copySlots(slots, old.snapshots.slots);
    copySlots(chosen.snapshots.slots, slots);
    chosen.snapshots.slots = slots;
  }

  /** Whoever is told that an entry is durable owns the log: nobody has been told so of a later claim. */
  #note(member: SimMember, offset: number): void {
    const newest = this.#confirmed.at(-1);
    const told = member.log.findLast((each) => each.offset <= offset)?.entry;
    const isLate = newest !== undefined && told !== undefined && told.id.epoch < newest.id.epoch;
    if (isLate && !this.#confirmed.some((entry) => isSame(entry, told))) {
      const [id, later] = [told.id, newest.id].map(formatLogId);
      this.#events.fail("I7 the chain holds", `${this.#key}: ${id} was acknowledged after ${later}`);
    }
    const isNew = ({ id }: StoredEntry) => newest === undefined || compareLogIds(id, newest.id) > 0;
    const from = member.log.findLastIndex(({ entry }) => !isNew(entry)) + 1;
    for (const { offset: at, entry } of member.log.slice(from)) if (at <= offset) this.#confirmed.push(entry);
  }

  /** Confirmed entries that the primary lacks; none if it has others instead. */
  #missing(): readonly StoredEntry[] {
    const last = this.#primary.log.at(-1)?.entry;
    if (last === undefined) return this.#confirmed;
    const at = this.#confirmed.findLastIndex((entry) => isSame(entry, last));
    return at < 0 ? [] : this.#confirmed.slice(at + 1);
  }

  /** As if a replica had been elected that lacks nothing. */
  #restoreConfirmed(): void {
    const missing = this.#missing();
    if (missing.length === 0) return;
    this.#events.trace(`${this.#key}: ${missing.length} confirmed entries are restored`);
    this.#primary.restart(false);
    for (const entry of missing) this.#primary.adopt(entry);
  }

  /** @returns a function that does it now. */
  #later(ms: number, act: () => void): () => void {
    const once = () => {
      if (this.#pending.delete(once)) act();
    };
    this.#pending.add(once);
    this.#events.clock.after(ENVIRONMENT, ms, once);
    return once;
  }
}
