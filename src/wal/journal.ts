/**
 * The protocol over a stream, the same for every store: claim, replay, append, and recovery from a lost reply.
 * docs/WAL_FORMAT.md describes it.
 */
import { assert } from "../errors/assert.ts";
import { Chain } from "./chain.ts";
import { checkMayCreate, checkWitness } from "./claim-checks.ts";
import { BATCH_HEADER_BYTES, encodeBatch, encodeClaim, hashFrame, NO_BATCH } from "./frame.ts";
import { checkClaimant, inspectTail, type Tail } from "./inspect-tail.ts";
import { appendLost, fenced, lostData, lostInRestart, lostSinceRead, toError } from "./journal-errors.ts";
import { readBatches, readUpTo } from "./read-batches.ts";
import { isUnavailable, type JournalTimer, RetryWithDeadline, systemTimer } from "./retry-with-deadline.ts";
import { trimmedUpTo, wasOvertaken } from "./trimmed-log.ts";
import {
  type Appended,
  type Batch,
  type Claim,
  type Claimant,
  compareLogIds,
  formatLogId,
  type Journal,
  LogError,
  type LogId,
  type LogStream,
  type Witness,
} from "./wal.ts";

const REPLAY_BYTES = 4 << 20;
const DEADLINE_MS = 10_000;
/** A store that changes its primary should be used again soon after. */
const RESEND_PAUSE_MS_MAX = 100;
/** Entries per trim: few, so that no append waits long behind one. */
const TRIM_ENTRIES = 128;

export type JournalOptions = Readonly<{
  stream: LogStream;
  claimant: Claimant;
  /** Durable batches that the log must still hold. */
  witnesses: readonly Witness[];
  /** Whether a missing stream may be created: only if no witness, archive, snapshot or sibling stream exists. */
  mayCreate: boolean;
  /** The newest epoch that this server instance has claimed here, or 0. Any later claim must be its own, too. */
  claimedEpoch?: number;
  /** A new stream starts above this epoch (resharding). */
  epochFloor?: number;
  /** How long one append may take before its reply counts as lost. */
  deadlineMs?: number;
  timer?: JournalTimer;
}>;

export class StreamJournal implements Journal {
  readonly name: string;
  readonly #options: JournalOptions;
  readonly #stream: LogStream;
  readonly #timer: JournalTimer;
  readonly #retry: RetryWithDeadline;
  #claimId: LogId | undefined;
  /** What `inspect` found: the newest entry, the store's restarts, and the batch up to which the log was trimmed. */
  #inspected: Readonly<{ end: LogId; restarts: number; upTo: LogId | undefined }> | undefined;
  /** The newest batch that `readAhead` has passed on. */
  #readAheadTail: Witness | undefined;
  /** The newest batch of the chain; known after replay. */
  #tail: Witness | undefined;
  /** The last entry that the log has acknowledged to us. */
  #durable: LogId = { epoch: 0, seq: 0 };
  /** The entry whose append is in flight. */
  #pending: LogId | undefined;
  #restartsSeen = 0;
  #lastExchangeMs = Number.NEGATIVE_INFINITY;
  /** Once set, nothing can be appended: the shard restarts with a new journal. */
  #failure: Error | undefined;
  #appending = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#stream = options.stream;
    this.#timer = options.timer ?? systemTimer;
    this.name = options.stream.name;
    const pauseMsMax = options.stream.resends ? RESEND_PAUSE_MS_MAX : undefined;
    this.#retry = new RetryWithDeadline(
      this.name,
      options.deadlineMs ?? DEADLINE_MS,
      this.#timer,
      pauseMsMax,
    );
  }

  get instance(): string {
    return this.#options.claimant.instance;
  }

  get epoch(): number {
    return this.#claimId?.epoch ?? 0;
  }

  get exchangeAgeMs(): number {
    return this.#timer.monotonicMs() - this.#lastExchangeMs;
  }

  get available(): boolean {
    return this.#retry.problem === undefined;
  }

  /** Why `available` is false. */
  get problem(): string | undefined {
    return this.#retry.problem;
  }

  async inspect(): Promise<void> {
    assert(this.#claimId === undefined, "an owner has nothing to inspect");
    const { restarts } = this.#stream;
    const end = (await this.#inspectEnd())?.lastId;
    const upTo = await this.#retry.untilAnswered(() => trimmedUpTo(this.#stream));
    this.#inspected = end && { end, restarts, upTo };
  }

  async readAhead(visit: (batch: Batch) => void, from?: Witness): Promise<void> {
    assert(this.#claimId === undefined, "an owner replays");
    if (this.#inspected === undefined) return;
    const { end, restarts, upTo } = this.#inspected;
    try {
      if (from !== undefined) await checkWitness(this.#stream, this.#retry, from, false);
      const ask = (after: LogId | undefined) =>
        this.#retry.untilAnswered(() => this.#stream.read(after, REPLAY_BYTES));
      const tail = await readUpTo({ name: this.name, ask, from, end, visit });
      if (tail === undefined) {
        // The store may have restarted without our connection having noticed. Ask once more, so that it counts.
        // Entries seen after a restart may be lost in the next one; no reply was based on them.
        await this.#retry.untilAnswered(() => this.#stream.last());
        if (this.#stream.restarts !== restarts) throw lostSinceRead(this.name, end);
        throw this.#lost(`it ends before ${formatLogId(end)}`);
      }
      this.#checkReachesWitnesses(tail.id);
      this.#readAheadTail = tail;
    } catch (error) {
      // The live owner may have trimmed the part that we were reading; a newer snapshot covers it.
      const isOvertaken = () => wasOvertaken(this.#stream, upTo, error);
      const isGone = await this.#retry.untilAnswered(isOvertaken);
      throw isGone ? lostSinceRead(this.name, "its start") : error;
    }
  }

  async claim(): Promise<Claim | undefined> {
    assert(this.#claimId === undefined, "a journal claims once");
    let { restarts } = this.#stream;
    const before = await this.#inspectEnd();
    let last = before?.lastId;
    for (;;) {
      const epoch = (last?.epoch ?? this.#options.epochFloor ?? 0) + 1;
      const isDurable = await this.#appendClaim({ epoch, seq: 0 }, before === undefined, restarts);
      if (isDurable) break;
      // The store has restarted. Entries that it kept, perhaps our claim, may be only in the page cache; those that it
      // lost were never durable. A later claim, once acknowledged, makes everything before it durable.
      restarts = this.#stream.restarts;
      last = (await this.#inspectEnd())?.lastId;
      if (last !== undefined && last.epoch > epoch) throw fenced(this.name, last);
    }
    return before?.claim;
  }

  async replay(visit: (batch: Batch) => void, from?: Witness): Promise<void> {
    const claimId = this.#claimId;
    assert(claimId !== undefined, "the claim comes before replay");
    const ahead = this.#readAheadTail;
    if (ahead === undefined && from !== undefined) await checkWitness(this.#stream, this.#retry, from, false);
    const start = ahead === undefined ? from : await this.#confirmReadAhead(ahead);
    const chain = new Chain(this.name, start ?? "beginning");
    let after = start?.id;
    for (let done = false; !done; ) {
      const entries = await this.#retry.untilAnswered(() => this.#stream.read(after, REPLAY_BYTES));
      if (entries.length === 0) throw this.#lost(`its claim ${formatLogId(claimId)} is gone`);
      for (const entry of entries) {
        const link = chain.accept(entry);
        if (link.kind === "batch") visit(link.batch);
        else if (compareLogIds(link.claim.id, claimId) === 0) {
          done = true;
          break;
        }
      }
      after = entries.at(-1)?.id;
    }
    this.#checkReachesWitnesses(chain.tail.id);
    this.#tail = chain.tail;
  }

  async append(timeMs: number, count: number, body: Uint8Array): Promise<Appended> {
    assert(!this.#appending, "one append in flight");
    if (this.#failure !== undefined) throw this.#failure;
    this.#appending = true;
    try {
      return await this.#appendBatch(timeMs, count, body);
    } catch (error) {
      this.#failure = toError(error);
      throw error;
    } finally {
      this.#appending = false;
      this.#pending = undefined;
    }
  }

  read(after: LogId | undefined, bytesMax: number): Promise<readonly Batch[]> {
    // The newest entry may be stored but not yet synced: readers must not see it before it is acknowledged.
    const mayShow = (id: LogId) => this.#claimId === undefined || compareLogIds(id, this.#durable) <= 0;
    return readBatches(this.#stream, after, bytesMax, mayShow);
  }

  async trim(below: LogId): Promise<boolean> {
    // Without entries the stream would look new.
    assert(compareLogIds(below, this.#durable) <= 0, "only durable entries are trimmed");
    await this.confirmOwner();
    return this.#stream.trim(below, TRIM_ENTRIES);
  }

  async confirmOwner(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    assert(this.#claimId !== undefined, "only an owner can be confirmed");
    const acknowledged = this.#durable;
    const sentMs = this.#timer.monotonicMs();
    const restarts = this.#stream.restarts;
    try {
      const last = await (this.#stream.confirm?.() ?? this.#stream.last());
      this.#checkOwned(last?.id, acknowledged);
    } catch (error) {
      if (!isUnavailable(error)) this.#failure = toError(error);
      throw error;
    }
    if (!this.#appending) this.#restartsSeen = restarts;
    this.#lastExchangeMs = Math.max(this.#lastExchangeMs, sentMs);
  }

  async close(): Promise<void> {
    this.#retry.close();
    await this.#stream.close();
  }

  /** The end of the log, `undefined` where there is none. @throws LogError why the log may not be claimed. */
  async #inspectEnd(): Promise<Tail | undefined> {
    await this.#retry.untilAnswered(async () => this.#stream.settle?.());
    const found = await this.#retry.untilAnswered(() => inspectTail(this.#stream));
    if (found === undefined) checkMayCreate(this.name, this.#options);
    else await this.#checkMayClaim(found);
    return found;
  }

  /** No reply was based on entries read ahead, so one that is gone since then is no loss: `append_lost`. */
  async #confirmReadAhead(ahead: Witness): Promise<Witness | undefined> {
    if (ahead.id.epoch === 0) return undefined;
    const bytes = await this.#retry.untilAnswered(() => this.#stream.find(ahead.id));
    if (bytes !== undefined && Buffer.compare(hashFrame(bytes), ahead.hash) === 0) return ahead;
    throw lostSinceRead(this.name, ahead.id);
  }

  #checkReachesWitnesses(end: LogId): void {
    for (const { id } of this.#options.witnesses)
      if (compareLogIds(id, end) > 0) throw this.#lost(`it held ${formatLogId(id)} before`);
  }

  async #checkMayClaim(before: Tail): Promise<void> {
    const { claimant, witnesses, claimedEpoch = 0 } = this.#options;
    const recorded = before.claim.claimant;
    if (before.lastId.epoch < claimedEpoch) {
      throw this.#lost(
        `it ends at ${formatLogId(before.lastId)}, but was claimed under epoch ${claimedEpoch}`,
      );
    }
    // A later claim with our name is ours: its reply was lost. With another name, another server has replaced us.
    if (claimedEpoch > 0 && before.lastId.epoch > claimedEpoch && recorded.instance !== claimant.instance) {
      throw fenced(this.name, before.claim.id);
    }
    checkClaimant(this.name, recorded, claimant);
    for (const witness of witnesses) await checkWitness(this.#stream, this.#retry, witness, true);
  }

  /** @returns false if the store has restarted since the end of the log was read. */
  async #appendClaim(id: LogId, create: boolean, restarts: number): Promise<boolean> {
    const frame = encodeClaim({ id, claimant: this.#options.claimant, timeMs: this.#timer.timeMs() });
    for (;;) {
      const sentMs = this.#timer.monotonicMs();
      try {
        await this.#retry.withDeadline(() => this.#stream.append(id, frame, create, restarts));
      } catch (error) {
        if (!isUnavailable(error) || !this.#stream.resolvable) throw error;
        this.#retry.problem = error.message;
        const stored = await this.#retry.untilAnswered(() => this.#stream.find(id));
        if (stored !== undefined && Buffer.compare(stored, frame) !== 0) throw fenced(this.name, id);
        if (this.#stream.restarts !== restarts) return false;
        // Retry with the same bytes and id: if the first attempt still arrives, it is the same claim.
        if (stored === undefined || this.#stream.resends) continue;
      }
      this.#claimId = id;
      this.#durable = id;
      this.#restartsSeen = this.#stream.restarts;
      this.#lastExchangeMs = sentMs;
      return true;
    }
  }

  async #appendBatch(timeMs: number, count: number, body: Uint8Array): Promise<Appended> {
    const tail = this.#tail;
    assert(tail !== undefined && this.#claimId !== undefined, "replay comes before append");
    if (this.#stream.restarts !== this.#restartsSeen)
      await this.#retry.untilAnswered(() => this.#confirmTail());
    const epoch = this.#claimId.epoch;
    const id = { epoch, seq: tail.id.epoch === epoch ? tail.id.seq + 1 : 1 };
    const frame = encodeBatch({
      id,
      previousId: tail.id,
      previousHash: tail.hash,
      timeMs,
      count,
      shards: this.#options.claimant.shards,
      body,
    });
    this.#pending = id;
    const sentMs = this.#timer.monotonicMs();
    const restarts = this.#stream.restarts;
    let settled = true;
    let hash = NO_BATCH.hash;
    try {
      const send = () => {
        const appended = this.#stream.append(id, frame);
        // Hash while the append is in flight: it costs as much as framing.
        hash = hashFrame(frame);
        return appended;
      };
      await (this.#stream.resends ? this.#retry.untilAnswered(send) : this.#retry.withDeadline(send));
    } catch (error) {
      await this.#resolve(id, frame, error);
      // After a restart the entry may be only in the page cache.
      settled = this.#stream.restarts === restarts;
    }
    this.#tail = { id, hash };
    this.#lastExchangeMs = Math.max(this.#lastExchangeMs, sentMs);
    this.#restartsSeen = this.#stream.restarts;
    if (settled) this.#durable = id;
    return { id, timeMs, count, body: frame.subarray(BATCH_HEADER_BYTES), hash, settled };
  }

  /** Looks up an append whose reply was lost. Returns if the log holds it. @throws LogError why it does not. */
  async #resolve(id: LogId, frame: Uint8Array, error: unknown): Promise<void> {
    if (!(error instanceof LogError)) throw error;
    if (error.code === "stream_missing") throw this.#lost("it no longer exists", error);
    if (error.code === "append_refused") throw appendLost(this.name, id, error);
    if (error.code !== "log_unavailable") throw error;
    if (!this.#stream.resolvable) throw appendLost(this.name, id, error);
    this.#retry.problem = error.message;
    const stored = await this.#retry.untilAnswered(() => this.#stream.find(id));
    if (stored === undefined) {
      const last = await this.#retry.untilAnswered(() => this.#stream.last());
      this.#checkOwned(last?.id, this.#durable);
      throw appendLost(this.name, id, error);
    }
    if (Buffer.compare(stored, frame) !== 0) throw fenced(this.name, id);
  }

  /** After a restart of the store the log must end where we left it, before anything is appended. */
  async #confirmTail(): Promise<void> {
    const restarts = this.#stream.restarts;
    const last = await this.#stream.last();
    this.#checkOwned(last?.id, this.#durable);
    const tail = this.#tail;
    if (last !== undefined && tail !== undefined && compareLogIds(last.id, tail.id) < 0) {
      // A second crash may lose a batch that was never settled. Nothing may be appended after that gap.
      throw lostInRestart(this.name, tail.id);
    }
    this.#restartsSeen = restarts;
  }

  #checkOwned(lastId: LogId | undefined, acknowledged: LogId): void {
    if (lastId === undefined) throw this.#lost("it no longer exists");
    if (compareLogIds(lastId, acknowledged) < 0) {
      throw this.#lost(
        `it ends at ${formatLogId(lastId)}, but has acknowledged ${formatLogId(acknowledged)}`,
      );
    }
    const newest = [this.#durable, this.#tail?.id, this.#pending].reduce((a, b) =>
      a !== undefined && (b === undefined || compareLogIds(a, b) > 0) ? a : b,
    );
    if (newest !== undefined && compareLogIds(lastId, newest) > 0) throw fenced(this.name, lastId);
  }

  #lost(reason: string, cause?: LogError): LogError {
    return lostData(this.name, reason, cause);
  }
}
