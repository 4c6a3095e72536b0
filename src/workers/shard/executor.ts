/**
 * Executes one command. Four things can happen: a known idempotency key points to the first record; the command is
 * decided, applied and added to the open batch; it waits for another shard or for expiries (`PendingReply`); it is
 * retried later.
 */

import { isPlain, type PlainCommand } from "../../actors/ledger/command-home.ts";
import type { TimedRecordPlace } from "../../actors/ledger/exchange.ts";
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import { TransferIds } from "../../actors/ledger/transfer-id.ts";
import type { Random, ScheduledCommand } from "../../actors/programmes/programme.ts";
import { timeFaultOf } from "../../actors/programmes/programmes.ts";
import { sliceBytes } from "../../actors/quotas/bytes.ts";
import type { QuotaName } from "../../actors/quotas/default-quotas.ts";
import { type Exceeded, exceededByBytes } from "../../actors/quotas/quotas.ts";
import type { ActDone, Command, Recorded, Transfer, TransferPosted } from "../../actors/records/command.ts";
import { keyless } from "../../actors/records/command-header.ts";
import type { Tick } from "../../actors/records/compound-command.ts";
import type { TimeFault } from "../../actors/records/rejection.ts";
import { assert } from "../../errors/assert.ts";
import type { Journal } from "../../wal/wal.ts";
import type { Peers } from "../cross-shard/peers.ts";
import { type PackedCommand, PendingReply, packedAlone } from "../cross-shard/pending-reply.ts";
import { accountsOf } from "./affected-accounts.ts";
import { askArchive } from "./ask-archive.ts";
import {
  BATCH_FULL,
  DeferredCommand,
  ExpiryBacklog,
  ExpiryWaits,
  OVERLOADED,
  type Waiter,
} from "./clock/expiry-waits.ts";
import { CommandCounts } from "./command-counts.ts";
import type { Failpoints } from "./failpoint.ts";
import type { GroupCommit } from "./group-commit.ts";
import { type Decided, REFUSED, REPLAYED, type Refused } from "./messages.ts";

/** Expiries (pending transfers and scheduled commands) processed in one call when no request waits for them. */
const EXPIRED_AT_ONCE_MAX = 256;
/** Expiries that a request processes itself on each of its subjects. With more it waits: see `ExpiryWaits`. */
const EXPIRED_BY_REQUEST_MAX = 64;

const ACCOUNT_COMMANDS: ReadonlySet<Command["op"]> = new Set([
  "create_account",
  "set_account_status",
] as const);

/** The command has to wait for incoming cross-shard credits. */
export const RETRY_LATER = Symbol("later");

export type ExecutorOptions = Readonly<{
  journal: Journal;
  ledger: Ledger;
  commit: GroupCommit;
  failpoints: Failpoints;
  /** Secure random bytes. */
  random: Random;
  /** How many bytes the shard's memory may still grow. */
  freeBytes: () => number;
}>;

export class Executor {
  readonly #options: ExecutorOptions;
  readonly #ledger: Ledger;
  readonly #commit: GroupCommit;
  #peers: Peers | undefined;
  /** Created on first use, because the epoch is known only after the claim. */
  #transferIds: TransferIds | undefined;
  readonly expiryWaits: ExpiryWaits;
  readonly counts = new CommandCounts();
  /** Number of commands refused by a quota. */
  readonly quotaExceeded: Record<QuotaName, number> = { idempotency_keys: 0, open_transfers: 0, bytes: 0 };

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#ledger = options.ledger;
    this.#commit = options.commit;
    this.expiryWaits = new ExpiryWaits(options.commit, (on, max) =>
      this.#expireSubject(on.partner, on.subject, max),
    );
  }

  /** Set after construction, because `Peers` and the executor need each other. */
  connect(peers: Peers): void {
    this.#peers = peers;
  }

  /**
   * @param source holds the packed command from `start` to `end`.
   * @returns the result; a `PendingReply` if that has to wait; `RETRY_LATER`: execute it again later.
   */
  execute(
    command: Command,
    source: Uint8Array,
    start: number,
    end: number,
  ): Decided | PendingReply | typeof RETRY_LATER {
    const peers = this.#peers;
    assert(peers !== undefined, "a shard knows its peers before it serves");
    this.#options.failpoints.pass("before_decide");
    const timeMs = this.#commit.openTime();
    const known = this.#ledger.lookUpKey(command, timeMs);
    if (known !== undefined) {
      if ("refused" in known) return [REFUSED, known.refused];
      if ("fault" in known) return invalid(known.fault);
      this.counts.replays += 1;
      const { epoch, seq, index } = known.first;
      return peers.inProgress(command, known.first) ?? [REPLAYED, epoch, seq, index];
    }
    const pending = peers.pendingWithKey(command);
    if (pending !== undefined) return pending;
    // A transfer without a key or an act keeps no memory, so no quota applies.
    if (command.key !== null || command.op !== "transfer" || command.act !== undefined) {
      const exceeded = this.#ledger.exceededBy(command, timeMs, this.#options.freeBytes());
      if (exceeded !== undefined) return this.#refusal(exceeded);
    }
    if (this.#ledger.nextExpiryMs <= timeMs) {
      const backlog = this.expireFor(command);
      if (backlog !== undefined) return this.#executeLater(backlog, command, { source, start, end }, false);
    }
    // Only acts carry times that must be in the future.
    const fault =
      "act" in command && command.act !== undefined ? timeFaultOf(command.act, timeMs) : undefined;
    if (fault !== undefined) return invalid(fault);
    if (command.op !== "transfer" && !isPlain(command))
      return peers.compound.execute(command, { source, start, end }, false);
    // Only acts claim names.
    if ("act" in command && command.act !== undefined) {
      const uncertain = askArchive(this.#ledger.compound, command);
      if (uncertain !== undefined) return uncertain;
    }
    const outcome = this.#ledger.decide(command, timeMs, this.newTransferId);
    if (!outcome.ok) {
      const home = peers.homeOfCredit(command, outcome);
      if (home !== undefined) return peers.startTransfer(command as Transfer, { source, start, end }, home);
    } else if (command.op === "act" && (outcome as ActDone).told !== undefined) {
      return peers.broadcast(command, { source, start, end }, outcome as ActDone);
    } else if (command.op !== "transfer") {
      if (this.#mustWait(command, peers)) return RETRY_LATER;
      peers.noteChange(this.#commit.openSeq);
    } else {
      if (!peers.isCaughtUp && peers.mustWaitForTransfer(command)) return [REFUSED, "log_unavailable"];
      const { debitSeq, creditSeq } = outcome as TransferPosted;
      if (debitSeq === 1 || creditSeq === 1) {
        const exceeded = this.#exceededByFirst(command);
        if (exceeded !== undefined) return this.#refusal(exceeded);
      }
    }
    this.#record(command, source, start, end, outcome, timeMs);
    return outcome;
  }

  /** The quota that the first transfer of a balance exceeds: it may create a slice of a system account. */
  #exceededByFirst({ partner, debit, credit }: Transfer): Exceeded | "heap_full" | undefined {
    const [name] = [debit, credit].filter(isSystemAccount);
    if (name === undefined) return undefined;
    return exceededByBytes(this.#ledger.state, partner, sliceBytes(name), this.#options.freeBytes());
  }

  #refusal(exceeded: Exceeded | "heap_full"): Refused {
    if (exceeded === "heap_full") {
      this.counts.heapRefusals += 1;
      return [REFUSED, "heap_full"];
    }
    const { quota, used, allowed } = exceeded;
    this.quotaExceeded[quota] += 1;
    return [REFUSED, "quota_exceeded", quota, used, allowed];
  }

  /** Applies an outcome that was decided elsewhere and adds it to the open batch, at that batch's time. */
  readonly record = (
    command: Command,
    { source, start, end }: PackedCommand,
    outcome: Recorded,
  ): TimedRecordPlace => this.#record(command, source, start, end, outcome, this.#commit.openTime());

  /** Decides a command without a key and logs nothing. */
  dryRun(command: Command, source: Uint8Array, start: number, end: number): Decided | PendingReply {
    const peers = this.#peers;
    assert(peers !== undefined && command.key === null, "a dry run looks up no key");
    const backlog = this.expireFor(command);
    if (backlog !== undefined) return this.#executeLater(backlog, command, { source, start, end }, true);
    if (!isPlain(command)) return peers.compound.execute(command, { source, start, end }, true);
    assert(ACCOUNT_COMMANDS.has(command.op), "of plain commands only account commands have a dry run");
    if (this.#mustWait(command, peers)) return OVERLOADED;
    return this.#ledger.decide(command, this.#commit.openTime(), this.newTransferId);
  }

  /** Executes a command of a request that is larger than the open batch when a later batch has room for it. */
  defer(command: Command, source: Uint8Array, start: number, end: number): DeferredCommand {
    return this.#executeLater(BATCH_FULL, command, { source, start, end }, false);
  }

  /**
   * Processes all expiries that are due on these accounts or programme subjects.
   *
   * @returns the first subject with more due expiries than may be processed now: the request has to wait, see
   *   `expiryWaits`.
   */
  readonly expireDue = (partner: string, subjects: readonly string[]): ExpiryBacklog | undefined => {
    if (this.#ledger.nextExpiryMs > this.#commit.openTime()) return undefined;
    for (const subject of subjects)
      if (!this.#expireSubject(partner, subject, EXPIRED_BY_REQUEST_MAX))
        return new ExpiryBacklog(partner, subject);
    return undefined;
  };

  /** As `expireDue`, for every subject on this shard that the command's decision depends on. */
  readonly expireFor = (command: Command): ExpiryBacklog | undefined => {
    if (this.#ledger.nextExpiryMs > this.#commit.openTime()) return undefined;
    if (command.op === "post_transfer" || command.op === "void_transfer") this.expireDueTransfer(command.id);
    return this.expireDue(command.partner, accountsOf(command));
  };

  /** Processes at most `max` due expiries of one subject. @returns whether none is left */
  #expireSubject(partner: string, subject: string, max: number): boolean {
    const { compound, programmes } = this.#ledger.state;
    const timeMs = this.#commit.openTime();
    for (let expired = 0; ; expired++) {
      const transfer = compound.pending.nextExpiredOf(partner, subject, timeMs);
      const due =
        transfer === undefined ? programmes.scheduler.nextDueOf(partner, subject, timeMs) : undefined;
      if (transfer === undefined && due === undefined) return true;
      if (expired >= max || this.#commit.full) return false;
      if (transfer !== undefined) this.#peers?.compound.expire(transfer);
      else if (due !== undefined) this.#runScheduled(due);
    }
  }

  #executeLater(
    backlog: ExpiryBacklog,
    command: Command,
    packed: PackedCommand,
    isDry: boolean,
  ): DeferredCommand {
    const deferred = new DeferredCommand(command, packed);
    const resume = () => {
      const next = this.#tryAgain(deferred, isDry);
      return next === RETRY_LATER ? backlog : next;
    };
    this.expiryWaits.add(backlog, { resume, giveUp: () => deferred.refuse(OVERLOADED) });
    return deferred;
  }

  /** Executes the command as if it had arrived now. @returns what it still has to wait for */
  #tryAgain(deferred: DeferredCommand, isDry: boolean): ExpiryBacklog | typeof RETRY_LATER | undefined {
    const { command, packed } = deferred;
    const { source, start, end } = packed;
    if (this.#ledger.nextExpiryMs <= this.#commit.openTime()) {
      const backlog = this.expireFor(command);
      if (backlog !== undefined) return backlog;
    }
    const result = isDry
      ? this.dryRun(command, source, start, end)
      : this.execute(command, source, start, end);
    if (result === RETRY_LATER) return RETRY_LATER;
    if (result instanceof PendingReply) result.join((completed, gate) => deferred.resolve(completed, gate));
    else deferred.resolve(result, this.gateOf(result));
    return undefined;
  }

  /** Expires this pending transfer if its time has come. */
  expireDueTransfer(id: string): void {
    const transfer = this.#ledger.compound.pending.get(id);
    if (transfer !== undefined && transfer.endsAtMs <= this.#commit.openTime())
      this.#peers?.compound.expire(transfer);
  }

  /**
   * Processes a bounded number of due expiries, so that a million at one moment hold up no request. Also called when
   * a batch is new, before requests fill it: otherwise a busy shard would never process any.
   */
  expirePortion(): void {
    if (this.#ledger.nextExpiryMs === Number.POSITIVE_INFINITY) return;
    const { compound, programmes } = this.#ledger.state;
    for (let expired = 0; expired < EXPIRED_AT_ONCE_MAX && !this.#commit.crowded; expired++) {
      const timeMs = this.#commit.openTime();
      const transfer = compound.pending.nextExpired(timeMs);
      const due = transfer === undefined ? programmes.scheduler.nextDue(timeMs) : undefined;
      if (transfer !== undefined) this.#peers?.compound.expire(transfer);
      else if (due !== undefined) this.#runScheduled(due);
      else return;
    }
  }

  /** Logs a scheduled command like a command of a caller. */
  #runScheduled(due: ScheduledCommand): void {
    this.#options.failpoints.pass("before_expire");
    const command = due.command();
    if (command.op === "post_transfer") this.#peers?.compound.postScheduled(command);
    else {
      assert(isPlain(command), "a scheduled command is decided by this shard alone");
      const outcome = this.#ledger.decide(command, this.#commit.openTime(), this.newTransferId);
      assert(outcome.ok && due.place >= 0, "a due scheduled command succeeds");
      this.record(command, packedAlone(command), outcome);
      if (command.op === "act") this.#peers?.sendNotices(outcome as ActDone);
    }
    assert(due.place < 0, "an executed scheduled command leaves the schedule");
  }

  /**
   * Separates the past up to `atMs` from the future: expiries due on the account by then are logged first, and every
   * later record has a later time.
   *
   * @returns as `expireDue`.
   */
  tick(partner: string, account: string, atMs: number): ExpiryBacklog | undefined {
    // Needed because the wall clock may have been set back.
    this.#commit.reaches(atMs + 1);
    const backlog = this.expireDue(partner, [account]);
    if (backlog === undefined) this.#logTick(atMs);
    return backlog;
  }

  /** Ensures that every record from here on has a time later than `atMs`. */
  tickAfter(atMs: number): void {
    this.#commit.reaches(atMs + 1);
    this.#logTick(atMs);
  }

  /** Logs a tick in the open batch, whose time is after `atMs`, unless a record with such a time exists already. */
  #logTick(atMs: number): void {
    if (this.#commit.recordedMs > atMs) return;
    const command: Tick = { op: "tick", ...keyless("") };
    this.record(command, packedAlone(command), { ok: true });
  }

  /** The batch of this epoch that a reply must wait for; 0 if the record is of an older epoch. */
  gateOf(decided: Decided): number {
    if ("ok" in decided) return this.#commit.openSeq;
    if (decided[0] === REPLAYED) return decided[1] === this.#options.journal.epoch ? decided[2] : 0;
    return this.#commit.newestSeq;
  }

  readonly newTransferId = (vnode: number): string => {
    this.#transferIds ??= new TransferIds(this.#options.journal.epoch, this.#options.random);
    return this.#transferIds.next(vnode);
  };

  /** The methods that `Peers` needs to decide cross-shard commands. */
  readonly forPeers = {
    newTransferId: this.newTransferId,
    record: this.record,
    expireDue: this.expireDue,
    expireFor: this.expireFor,
    waitFor: (backlog: ExpiryBacklog, waiter: Waiter): void => this.expiryWaits.add(backlog, waiter),
  } as const;

  #record(
    command: Command,
    source: Uint8Array,
    start: number,
    end: number,
    outcome: Recorded,
    timeMs: number,
  ): TimedRecordPlace {
    const { openSeq: seq, openCount: index } = this.#commit;
    const place = { epoch: this.#options.journal.epoch, seq, index, timeMs };
    this.#ledger.apply(command, outcome, place, seq);
    this.#commit.add(source, start, end, command, outcome);
    this.#peers?.noteRecord(command, outcome, seq);
    this.counts.note(command, outcome);
    return place;
  }

  /**
   * Whether the command would close an account or lower its ceiling while another shard may have committed a credit
   * to it: such a credit cannot be refused any more.
   */
  #mustWait(command: PlainCommand, peers: Peers): boolean {
    const closes = command.op === "set_account_status" && command.action === "close";
    const limits = command.op === "update_account" && (command.ceiling ?? null) !== null;
    if (!closes && !limits) return false;
    const account = this.#ledger.account(command.partner, command.id);
    if (account === undefined) return false;
    return account.pinned + account.reserved > 0 || !peers.isCaughtUp;
  }
}

function invalid({ path, message }: TimeFault): Refused {
  return [REFUSED, "validation_failed", path, message];
}
