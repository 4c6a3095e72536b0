/** Shards on logs in memory with their gateway, in this thread: everything except carrier, supervisor and archive. */

import type { LedgerSettings } from "../../../src/actors/ledger/ledger-state.ts";
import { claimOf } from "../../../src/actors/ledger/limits/claim-names.ts";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { Random } from "../../../src/actors/programmes/programme.ts";
import { readRecords } from "../../../src/actors/records/codec.ts";
import type { Command, CreateAccount, Transfer } from "../../../src/actors/records/command.ts";
import type { ExpiredTransfer, TransferView } from "../../../src/actors/records/compound-command.ts";
import type { ArchivedRecord, ArchiveQueries, RecordPosition } from "../../../src/archive/queries/query.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";
import { ShardLink } from "../../../src/gateway/shard-link/shard-link.ts";
import { decodeFrame } from "../../../src/wal/frame.ts";
import { StreamJournal } from "../../../src/wal/journal.ts";
import type { MemoryStore } from "../../../src/wal/memory.ts";
import { systemTimer } from "../../../src/wal/retry-with-deadline.ts";
import type { StoredEntry } from "../../../src/wal/wal.ts";
import type { Restore } from "../../../src/workers/recovery/recover.ts";
import { type JudgedClock, unjudgedClock } from "../../../src/workers/shard/clock/log-clock.ts";
import type { Failpoint } from "../../../src/workers/shard/failpoint.ts";
import type { BatchBounds } from "../../../src/workers/shard/group-commit.ts";
import type { ShardExit } from "../../../src/workers/shard/messages.ts";
import { ShardHost } from "../../../src/workers/shard/shard-host.ts";
import { memoryPair, openMemoryChannel } from "./memory-channel.ts";
import { TrimmedStore } from "./trimmed-store.ts";

/** Longer than any operation of a log in memory, shorter than a test's timeout. */
const APPEND_DEADLINE_MS = 500;

export type MemoryShard = Readonly<{
  host: ShardHost;
  exited: Promise<ShardExit>;
}>;

export type ClusterOptions = Readonly<{
  instance?: string;
  now?: () => number;
  /** Time since boot; absent: equal to `now`, so a clock that is set ahead counts as time that has passed. */
  uptime?: () => number;
  /** The main thread's judgement; absent: the clock is trusted as it was at the start. */
  judgedClock?: () => JudgedClock;
  /** Smaller batch bounds. */
  bounds?: BatchBounds;
  /** Restores a shard's snapshot; absent: it replays its log from the first record. */
  restore?: (shard: number) => Restore;
  settings?: LedgerSettings;
  /** Source of random bytes. */
  random?: Random;
  /** Questions to the archive about names wait for this, and get the answer as of before. */
  archiveDelay?: () => Promise<void>;
}>;

export class MemoryCluster {
  readonly gateway = new Gateway();
  readonly links: readonly ShardLink[];
  readonly #stores: readonly MemoryStore[];
  readonly #options: ClusterOptions;
  readonly #running: (MemoryShard | undefined)[];
  readonly #judgedClock: JudgedClock;

  constructor(stores: readonly MemoryStore[], options: ClusterOptions = {}) {
    this.#stores = stores;
    this.#options = options;
    this.#running = stores.map(() => undefined);
    const { now = Date.now, uptime = now } = options;
    this.#judgedClock = unjudgedClock({ wallMs: now, uptimeMs: uptime });
    this.links = stores.map(
      (_, shard) =>
        new ShardLink({ shard, onFacts: () => {}, onAllFacts: () => {}, open: openMemoryChannel }),
    );
    this.gateway.connect(this.links, this.#archive(), () => undefined);
  }

  /** Claims and replays all logs, and serves. */
  static async start(stores: readonly MemoryStore[], options: ClusterOptions = {}): Promise<MemoryCluster> {
    const cluster = new MemoryCluster(stores, options);
    await Promise.all(stores.map((_, shard) => cluster.launch(shard)));
    return cluster;
  }

  /** The running shard; throws if it does not run. */
  running(shard: number): MemoryShard | undefined {
    return this.#running[shard];
  }

  shard(shard: number): MemoryShard {
    const running = this.#running[shard];
    if (running === undefined) throw new Error(`shard ${shard} does not run`);
    return running;
  }

  /** Stops a shard in an orderly way. */
  async stop(shard: number): Promise<void> {
    const { host, exited } = this.shard(shard);
    host.control({ type: "stop" });
    await exited;
  }

  /** Starts a shard that does not run, and resolves when it serves. */
  async launch(shard: number, failpoints: readonly Failpoint[] = []): Promise<MemoryShard> {
    const {
      instance = "one",
      now = Date.now,
      uptime = now,
      restore,
      bounds,
      settings,
      random,
    } = this.#options;
    const store = this.#stores[shard] as MemoryStore;
    const journal = new StreamJournal({
      stream: store.open(),
      claimant: { instance, generation: 1, shard, shards: this.#stores.length },
      witnesses: [],
      mayCreate: true,
      deadlineMs: APPEND_DEADLINE_MS,
      timer: { ...systemTimer, monotonicMs: uptime },
    });
    const ready = Promise.withResolvers<void>();
    const host: ShardHost = new ShardHost({
      shard,
      shards: this.#stores.length,
      journal,
      open: openMemoryChannel,
      clocks: { wallMs: now, uptimeMs: uptime },
      judgedClock: this.#options.judgedClock?.() ?? this.#judgedClock,
      threadId: 0,
      failpoints,
      ...(restore && { restore: restore(shard) }),
      ...(settings && { settings }),
      ...(random && { random }),
      ...(bounds && { bounds }),
      onDurable: () => {},
      warnings: () => [],
      post: (message) => {
        if (message.type === "inspected") host.control({ type: "claim" });
        if (message.type === "claimed") host.control({ type: "proceed" });
        else if (message.type === "ready") ready.resolve();
      },
    });
    const exited = host.run().then((exit) => {
      if (this.#running[shard]?.host === host) this.#running[shard] = undefined;
      ready.reject(new Error(exit.message));
      return exit;
    });
    const running = { host, exited };
    this.#running[shard] = running;
    this.#introduce(shard, host);
    await ready.promise;
    return running;
  }

  #introduce(shard: number, host: ShardHost): void {
    const [here, there] = memoryPair();
    host.control({ type: "channel", party: { kind: "gateway", number: 0 }, end: here });
    this.links[shard]?.attach(there);
    for (const [peer, running] of this.#running.entries()) {
      if (peer === shard || running === undefined) continue;
      const [ours, theirs] = memoryPair();
      host.control({ type: "channel", party: { kind: "shard", number: peer }, end: ours });
      running.host.control({ type: "channel", party: { kind: "shard", number: shard }, end: theirs });
    }
  }

  /** Answers as the archive would, directly from the logs. */
  #archive(): ArchiveQueries {
    const all = () => this.#stores.flatMap((store, shard) => recordsOf(store, shard));
    const records = async (at: readonly RecordPosition[]) =>
      at.map(({ shard, epoch, seq, index }) => {
        const entries = entriesOf(this.#stores[shard] as MemoryStore);
        const entry = entries.find(({ id }) => id.epoch === epoch && id.seq === seq);
        const found = entry === undefined ? undefined : decode(entry, shard)[index];
        if (found === undefined) throw new Error("no such record");
        return found;
      });
    const part = async ({ id, from, to, no }: Parameters<ArchiveQueries["part"]>[0]) =>
      all().find(({ at, record: { command } }) => {
        if (command.op !== "credit" && command.op !== "portion") return false;
        const transfer = command.op === "credit" ? command.id : command.transfer.id;
        return transfer === id && command.from === from && command.no === no && at.shard === to;
      });
    const transfer = async ({ partner, id }: Parameters<ArchiveQueries["transfer"]>[0]) => {
      const own = all().filter(({ record }) => record.command.partner === partner);
      const views = own
        .filter(({ record: { outcome } }) => outcome.ok && "id" in outcome && outcome.id === id)
        .map(viewOf);
      // A record of expiry omits the unchanged fields.
      return views.length === 0 ? undefined : (Object.assign({}, ...views) as TransferView);
    };
    const claims = async ({ shard, names }: Parameters<ArchiveQueries["claims"]>[0]) => {
      const there = recordsOf(this.#stores[shard] as MemoryStore, shard);
      const { epoch = 0, seq = 0 } = there.at(-1)?.at ?? {};
      await this.#options.archiveDelay?.();
      return { by: names.map((name) => takenBy(there, name) ?? null), epoch, seq };
    };
    const answers: Partial<ArchiveQueries> = {
      records,
      part,
      transfer,
      claims,
    };
    return answers as ArchiveQueries;
  }
}

/** The transfer that has claimed the name, if any. */
export function takenBy(records: readonly ArchivedRecord[], name: string): string | undefined {
  for (const { record } of records)
    if (record.outcome.ok && claimOf(record.command) === name)
      return "id" in record.outcome ? record.outcome.id : "";
  return undefined;
}

/** The transfer after a record of its home; `undefined` for other records. */
export function viewOf({
  record: { command, outcome },
  timeMs,
}: ArchivedRecord): TransferView | ExpiredTransfer | undefined {
  if (!outcome.ok) return undefined;
  if ("transfer" in outcome) return outcome.transfer;
  if (command.op !== "transfer" || !("id" in outcome)) return undefined;
  const { debit, credit, amount, memo, metadata, occurredAtMs } = command;
  const times = { occurredAtMs, createdAtMs: timeMs, expiresAtMs: null };
  const whole = { status: "posted", postings: [{ debit, credit, amount }], postedAmount: amount } as const;
  return { id: outcome.id, ...whole, memo, metadata, ...times, reverts: null };
}

/** All entries of a log, trimmed ones included, in order. */
export function recordsOf(store: MemoryStore, shard: number): readonly ArchivedRecord[] {
  return entriesOf(store).flatMap((entry) => decode(entry, shard));
}

function entriesOf(store: MemoryStore): readonly StoredEntry[] {
  return store instanceof TrimmedStore ? store.history : store.entries;
}

/** The records of entries that were decoded before: checkers read whole logs after every step. */
const decoded = new WeakMap<StoredEntry, readonly ArchivedRecord[]>();

function decode(entry: StoredEntry, shard: number): readonly ArchivedRecord[] {
  const before = decoded.get(entry);
  if (before !== undefined) return before;
  const records: ArchivedRecord[] = [];
  decoded.set(entry, records);
  const { id } = entry;
  const frame = decodeFrame(entry.bytes, id);
  if (frame.kind !== "batch") return records;
  readRecords(frame.body, (command, outcome) => {
    const at = { shard, ...id, index: records.length };
    records.push({ at, timeMs: frame.timeMs, record: { command, outcome } });
  });
  return records;
}

export type OneShard = MemoryShard & Readonly<{ gateway: Gateway }>;

/** Claims and replays `store` as `instance`, and serves. */
export async function startShard(store: MemoryStore, instance = "one", now = Date.now): Promise<OneShard> {
  const cluster = await MemoryCluster.start([store], { instance, now });
  return { ...cluster.shard(0), gateway: cluster.gateway };
}

const unkeyed = { partner: "acme", key: null, fingerprint: 0 } as const;

export function account(id: string, floor: number | null = 0): CreateAccount {
  return { ...unkeyed, op: "create_account", id, asset: "PTS/0", floor, ceiling: null, metadata: null };
}

export function transfer(debit: string, credit: string, amount: number, key: string | null = null): Transfer {
  const vnode = homeVnodeOf("acme", debit, credit, key);
  const fingerprint = key === null ? 0 : amount;
  const rest = { memo: null, metadata: null, occurredAtMs: null, vnode } as const;
  return { ...unkeyed, key, fingerprint, op: "transfer", debit, credit, amount, ...rest };
}

/** Whether a promise has settled when all pending work is done. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  const settled = () => {
    pending = false;
  };
  promise.then(settled, settled);
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  return pending;
}

export async function mustPost(gateway: Gateway, command: Command): Promise<void> {
  const answer = await gateway.submit(command);
  if (!("outcome" in answer && answer.outcome.ok)) throw new Error(JSON.stringify(answer));
}
