/**
 * What becomes of one command: it is known by its key; or decided, applied, and put into the open batch; or parked until
 * another shard has said something; or tried again later.
 */
import { isPlain, type PlainCommand } from "../../actors/ledger/command-home.ts";
import type { Ledger, Place } from "../../actors/ledger/ledger.ts";
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import { TransferIds } from "../../actors/ledger/transfer-id.ts";
import type { Random, ScheduledCommand } from "../../actors/programmes/programme.ts";
import { timeFaultOf } from "../../actors/programmes/programmes.ts";
import { sliceBytes } from "../../actors/quotas/bytes.ts";
import type { QuotaName } from "../../actors/quotas/default-quotas.ts";
import { type Exceeded, exceededByBytes } from "../../actors/quotas/quotas.ts";
import type { ActDone, Command, Recorded, Transfer, TransferPosted } from "../../actors/records/command.ts";
import type { Tick } from "../../actors/records/compound-command.ts";
import type { TimeFault } from "../../actors/records/rejection.ts";
import { assert } from "../../errors/assert.ts";
import type { Journal } from "../../wal/wal.ts";
import type { Peers } from "../cross-shard/peers.ts";
import { type PackedCommand, PendingReply, packedAlone } from "../cross-shard/pending-reply.ts";
import { askArchive } from "./ask-archive.ts";
import { ExpiryWait, ExpiryWaits, NO_ROOM, OVERLOADED, StillDue, type Waiter } from "./clock/expiry-waits.ts";
import type { Failpoints } from "./failpoint.ts";
import type { GroupCommit } from "./group-commit.ts";
import { type Decided, REFUSED, REPLAYED, type Refused } from "./messages.ts";

/** Pending transfers, and whatever else has its time, that end in one go although nobody waits for it. */
const EXPIRED_AT_ONCE_MAX = 256;
/** What a command or a read ends itself on each of its subjects; for more it waits, see `DueWaits`. */
const ENDED_BY_ONE_MAX = 64;

const OF_ACCOUNTS: ReadonlySet<Command["op"]> = new Set(["create_account", "set_account_status"] as const);

/** It has to wait for credits that are on their way. */
export const RETRY_LATER = Symbol("later");

export type ExecutorOptions = Readonly<{
  journal: Journal;
  ledger: Ledger;
  commit: GroupCommit;
  failpoints: Failpoints;
  /** Secure random bytes. */
  random: Random;
  /** By which the shard's memory may still grow. */
  freeBytes: () => number;
}>;

export class Executor {
  readonly #options: ExecutorOptions;
  readonly #ledger: Ledger;
  readonly #commit: GroupCommit;
  #peers: Peers | undefined;
  /** Of our epoch, once it is claimed. */
  #transferIds: TransferIds | undefined;
  readonly waits: ExpiryWaits;
  readonly counts = { commands: 0, rejections: 0, replays: 0, heapRefusals: 0 };
  /** Commands that a quota has refused. */
  readonly quotaExceeded: Record<QuotaName, number> = { idempotency_keys: 0, open_transfers: 0, bytes: 0 };

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#ledger = options.ledger;
    this.#commit = options.commit;
    this.waits = new ExpiryWaits(options.commit, (on, max) => this.#endDueOf(on.partner, on.subject, max));
  }

  /** The other shards, who need what is recorded here, as it needs them. */
  connect(peers: Peers): void {
    this.#peers = peers;
  }

  /** @param source holds the packed command from `start` to `end`. */
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
      return peers.underWay(command, known.first) ?? [REPLAYED, epoch, seq, index];
    }
    const parked = peers.parked(command);
    if (parked !== undefined) return parked;
    // A transfer without a key or an act leaves nothing behind.
    if (command.key !== null || command.op !== "transfer" || command.act !== undefined) {
      const exceeded = this.#ledger.exceededBy(command, timeMs, this.#options.freeBytes());
      if (exceeded !== undefined) return this.#refusal(exceeded);
    }
    if (this.#ledger.nextEndMs <= timeMs) {
      const still = this.expireFor(command);
      if (still !== undefined) return this.#executeLater(still, command, { source, start, end }, false);
    }
    if (command.op !== "transfer" && !isPlain(command))
      return peers.runs.execute(command, { source, start, end }, false);
    // Only acts claim names, or name times that must be ahead.
    if ("act" in command && command.act !== undefined) {
      const fault = timeFaultOf(command.act, timeMs);
      if (fault !== undefined) return invalid(fault);
      const uncertain = askArchive(this.#ledger.compound, command);
      if (uncertain !== undefined) return uncertain;
    }
    const outcome = this.#ledger.decide(command, timeMs, this.newTransferId);
    if (!outcome.ok) {
      const home = peers.homeOfCredit(command, outcome);
      if (home !== undefined) return peers.cross(command as Transfer, { source, start, end }, home);
    } else if (command.op === "act" && (outcome as ActDone).told !== undefined) {
      return peers.announce(command, { source, start, end }, outcome as ActDone);
    } else if (command.op !== "transfer") {
      if (this.#mustWait(command, peers)) return RETRY_LATER;
      peers.noteChange(this.#commit.openSeq);
    } else {
      if (!peers.settled && peers.mustWaitForTransfer(command)) return [REFUSED, "log_unavailable"];
      const { debitSeq, creditSeq } = outcome as TransferPosted;
      if (debitSeq === 1 || creditSeq === 1) {
        const exceeded = this.#exceededByFirst(command);
        if (exceeded !== undefined) return this.#refusal(exceeded);
      }
    }
    this.#record(command, source, start, end, outcome, timeMs);
    return outcome;
  }

  /** Of a transfer that is the first one of a balance: a system account's slice comes into being with it. */
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

  /** Puts what was decided elsewhere into the ledger and into the open batch, at that batch's time. */
  readonly record = (command: Command, { source, start, end }: PackedCommand, outcome: Recorded): Place =>
    this.#record(command, source, start, end, outcome, this.#commit.openTime());

  /** Decides a command without a key and logs nothing. */
  dryRun(command: Command, source: Uint8Array, start: number, end: number): Decided | PendingReply {
    const peers = this.#peers;
    assert(peers !== undefined && command.key === null, "a dry run looks up no key");
    const still = this.expireFor(command);
    if (still !== undefined) return this.#executeLater(still, command, { source, start, end }, true);
    if (!isPlain(command)) return peers.runs.execute(command, { source, start, end }, true);
    assert(OF_ACCOUNTS.has(command.op), "of plain commands only those of accounts have a dry run");
    if (this.#mustWait(command, peers)) return OVERLOADED;
    return this.#ledger.decide(command, this.#commit.openTime(), this.newTransferId);
  }

  /** Executes a command of a request that is larger than the open batch once there is room for it. */
  defer(command: Command, source: Uint8Array, start: number, end: number): ExpiryWait {
    return this.#executeLater(NO_ROOM, command, { source, start, end }, false);
  }

  /**
   * Ends what is due on these accounts, or other subjects of programmes.
   *
   * @returns the first on which there is more than may be ended now: whoever asks has to wait, see `waits`.
   */
  readonly expireDue = (partner: string, subjects: readonly string[]): StillDue | undefined => {
    if (this.#ledger.nextEndMs > this.#commit.openTime()) return undefined;
    for (const subject of subjects)
      if (!this.#endDueOf(partner, subject, ENDED_BY_ONE_MAX)) return new StillDue(partner, subject);
    return undefined;
  };

  /** The same for all that a command's decision depends on here. */
  readonly expireFor = (command: Command): StillDue | undefined => {
    if (this.#ledger.nextEndMs > this.#commit.openTime()) return undefined;
    if (command.op === "post_transfer" || command.op === "void_transfer") this.expireDueTransfer(command.id);
    return this.expireDue(command.partner, accountsOf(command));
  };

  /** @returns whether nothing is left. */
  #endDueOf(partner: string, subject: string, max: number): boolean {
    const { compound, programmes } = this.#ledger.state;
    const timeMs = this.#commit.openTime();
    for (let ended = 0; ; ended++) {
      const open = compound.pending.nextDueOf(partner, subject, timeMs);
      const due = open === undefined ? programmes.due.nextDueOf(partner, subject, timeMs) : undefined;
      if (open === undefined && due === undefined) return true;
      if (ended >= max || this.#commit.full) return false;
      if (open !== undefined) this.#peers?.runs.expire(open);
      else if (due !== undefined) this.#end(due);
    }
  }

  #executeLater(still: StillDue, command: Command, packed: PackedCommand, isDry: boolean): ExpiryWait {
    const wait = new ExpiryWait(command, packed);
    const resume = () => {
      const next = this.#tryAgain(wait, isDry);
      return next === RETRY_LATER ? still : next;
    };
    this.waits.add(still, { resume, giveUp: () => wait.giveBack(OVERLOADED) });
    return wait;
  }

  /** As if it had come now. */
  #tryAgain(wait: ExpiryWait, isDry: boolean): StillDue | typeof RETRY_LATER | undefined {
    const { command, packed } = wait;
    const { source, start, end } = packed;
    if (this.#ledger.nextEndMs <= this.#commit.openTime()) {
      const still = this.expireFor(command);
      if (still !== undefined) return still;
    }
    const result = isDry
      ? this.dryRun(command, source, start, end)
      : this.execute(command, source, start, end);
    if (result === RETRY_LATER) return RETRY_LATER;
    if (result instanceof PendingReply) result.join((crossed, gate) => wait.pass(crossed, gate));
    else wait.pass(result, this.gateOf(result));
    return undefined;
  }

  /** The same for one transfer. */
  expireDueTransfer(id: string): void {
    const open = this.#ledger.compound.pending.get(id);
    if (open !== undefined && open.endsAtMs <= this.#commit.openTime()) this.#peers?.runs.expire(open);
  }

  /**
   * A portion of what is due, so that a million that end at one moment hold up nothing. Also whenever a batch is new, before
   * requests fill it: a shard that is always busy would end nothing else.
   */
  expireSome(): void {
    if (this.#ledger.nextEndMs === Number.POSITIVE_INFINITY) return;
    const { compound, programmes } = this.#ledger.state;
    for (let expired = 0; expired < EXPIRED_AT_ONCE_MAX && !this.#commit.crowded; expired++) {
      const timeMs = this.#commit.openTime();
      const open = compound.pending.nextDue(timeMs);
      const due = open === undefined ? programmes.due.nextDue(timeMs) : undefined;
      if (open !== undefined) this.#peers?.runs.expire(open);
      else if (due !== undefined) this.#end(due);
      else return;
    }
  }

  /** What ends by itself is put into the log like a command of anybody's. */
  #end(due: ScheduledCommand): void {
    this.#options.failpoints.pass("before_expire");
    const command = due.command();
    assert(isPlain(command), "what ends is decided by this shard alone");
    const outcome = this.#ledger.decide(command, this.#commit.openTime(), this.newTransferId);
    assert(outcome.ok && due.place >= 0, "what is due can end");
    this.record(command, packedAlone(command), outcome);
    assert(due.place < 0, "what has ended is due no more");
  }

  /**
   * Makes sure that what is due on the account at `atMs` is logged before, and whatever is logged from here on after it.
   * Returns what `expireDue` returns.
   */
  tick(partner: string, account: string, atMs: number): StillDue | undefined {
    // The clock on the wall may have been set back meanwhile.
    this.#commit.reaches(atMs + 1);
    const still = this.expireDue(partner, [account]);
    if (still === undefined) this.#logTick(atMs);
    return still;
  }

  /** Makes sure that whatever is logged from here on is later than `atMs`. */
  tickAfter(atMs: number): void {
    this.#commit.reaches(atMs + 1);
    this.#logTick(atMs);
  }

  /** The open batch has reached a time after `atMs`: unless something was logged by then already, a tick is. */
  #logTick(atMs: number): void {
    if (this.#commit.recordedMs > atMs) return;
    const command: Tick = { op: "tick", partner: "", key: null, fingerprint: 0 };
    this.record(command, packedAlone(command), { ok: true });
  }

  /** The batch of this epoch that an answer must wait for; 0 when it stands in an older epoch. */
  gateOf(decided: Decided): number {
    if ("ok" in decided) return this.#commit.openSeq;
    if (decided[0] === REPLAYED) return decided[1] === this.#options.journal.epoch ? decided[2] : 0;
    return this.#commit.newestSeq;
  }

  readonly newTransferId = (vnode: number): string => {
    this.#transferIds ??= new TransferIds(this.#options.journal.epoch, this.#options.random);
    return this.#transferIds.next(vnode);
  };

  /** What decisions with other shards need. */
  readonly forPeers = {
    newTransferId: this.newTransferId,
    record: this.record,
    expireDue: this.expireDue,
    expireFor: this.expireFor,
    waitFor: (still: StillDue, waiter: Waiter): void => this.waits.add(still, waiter),
  } as const;

  #record(
    command: Command,
    source: Uint8Array,
    start: number,
    end: number,
    outcome: Recorded,
    timeMs: number,
  ): Place {
    const { openSeq: seq, openCount: index } = this.#commit;
    const place = { epoch: this.#options.journal.epoch, seq, index, timeMs };
    this.#ledger.apply(command, outcome, place, seq);
    this.#commit.add(source, start, end, command, outcome);
    this.#peers?.noteRecord(command, outcome, seq);
    this.counts.commands += 1;
    if (!outcome.ok) this.counts.rejections += 1;
    return place;
  }

  /** Credits that other shards have committed must find their account open, and room below its ceiling. */
  #mustWait(command: PlainCommand, peers: Peers): boolean {
    const closes = command.op === "set_account_status" && command.action === "close";
    const limits = command.op === "update_account" && (command.ceiling ?? null) !== null;
    if (!closes && !limits) return false;
    const account = this.#ledger.account(command.partner, command.id);
    if (account === undefined) return false;
    return account.pinned + account.reserved > 0 || !peers.settled;
  }
}

function invalid({ path, message }: TimeFault): Refused {
  return [REFUSED, "validation_failed", path, message];
}

/** Accounts that a command may take something from, and the subject that decides an act. */
function accountsOf(command: Command): readonly string[] {
  const act = "act" in command ? command.act : undefined;
  const accounts = accountsTakenFrom(command);
  return act === undefined ? accounts : [...accounts, act.subject];
}

function accountsTakenFrom(command: Command): readonly string[] {
  switch (command.op) {
    case "transfer":
      return [command.debit];
    case "compound_transfer":
      return command.postings.map(({ debit }) => debit);
    case "revert_transfer":
      return command.original?.postings.map(({ credit }) => credit) ?? [];
    case "update_account":
    case "set_account_status":
      return [command.id];
    default:
      return [];
  }
}
