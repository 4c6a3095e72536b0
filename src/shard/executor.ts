/**
 * What becomes of one command: it is known by its key; or decided, applied, and put into the open batch; or parked until
 * another shard has said something; or tried again later.
 */
import type { ActDone, Command, Recorded, Transfer } from "../actors/command.ts";
import type { Tick } from "../actors/compound-command.ts";
import { isPlain, type PlainCommand } from "../actors/home.ts";
import type { Ledger, Place } from "../actors/ledger.ts";
import type { Due } from "../actors/programmes/programme.ts";
import { TransferIds } from "../actors/transfer-id.ts";
import { assert } from "../assert.ts";
import type { Journal } from "../wal/wal.ts";
import { askArchive } from "./ask-archive.ts";
import type { Failpoints } from "./failpoint.ts";
import type { GroupCommit } from "./group-commit.ts";
import { type Decided, REFUSED, REPLAYED } from "./messages.ts";
import { type PackedCommand, type Parked, packedAlone } from "./parked.ts";
import type { Peers } from "./peers.ts";

/** Pending transfers, and whatever else has its time, that end in one go. */
const EXPIRED_AT_ONCE_MAX = 256;

/** It has to wait for credits that are on their way. */
export const LATER = Symbol("later");

export type ExecutorOptions = Readonly<{
  journal: Journal;
  ledger: Ledger;
  commit: GroupCommit;
  failpoints: Failpoints;
}>;

export class Executor {
  readonly #options: ExecutorOptions;
  readonly #ledger: Ledger;
  readonly #commit: GroupCommit;
  #peers: Peers | undefined;
  /** Of our epoch, once it is claimed. */
  #transferIds: TransferIds | undefined;
  readonly counts = { commands: 0, rejections: 0, replays: 0 };

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#ledger = options.ledger;
    this.#commit = options.commit;
  }

  /** The other shards, who need what is recorded here, as it needs them. */
  connect(peers: Peers): void {
    this.#peers = peers;
  }

  /** @param source holds the packed command from `start` to `end`. */
  execute(command: Command, source: Uint8Array, start: number, end: number): Decided | Parked | typeof LATER {
    const peers = this.#peers;
    assert(peers !== undefined, "a shard knows its peers before it serves");
    this.#options.failpoints.pass("before_decide");
    const timeMs = this.#commit.openTime();
    const known = this.#ledger.lookUpKey(command, timeMs);
    if (known !== undefined) {
      if ("refused" in known) return [REFUSED, known.refused];
      this.counts.replays += 1;
      const { epoch, seq, index } = known.first;
      return peers.underWay(command, known.first) ?? [REPLAYED, epoch, seq, index];
    }
    const parked = peers.parked(command);
    if (parked !== undefined) return parked;
    if (this.#ledger.nextEndMs <= timeMs) this.#expireFor(command);
    if (command.op !== "transfer" && !isPlain(command))
      return peers.runs.execute(command, { source, start, end }, false);
    // No name is claimed without an act.
    if ("act" in command && command.act !== undefined) {
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
      if (this.#mustWait(command, peers)) return LATER;
      peers.noteChange(this.#commit.openSeq);
    } else if (!peers.settled && this.#creditMustWait(command, peers)) return [REFUSED, "log_unavailable"];
    this.#record(command, source, start, end, outcome, timeMs);
    return outcome;
  }

  /** Puts what was decided elsewhere into the ledger and into the open batch, at that batch's time. */
  readonly record = (command: Command, { source, start, end }: PackedCommand, outcome: Recorded): Place =>
    this.#record(command, source, start, end, outcome, this.#commit.openTime());

  /** What a transfer would come to; nothing of it is logged. */
  dryRun(command: Command, source: Uint8Array, start: number, end: number): Decided | Parked {
    assert(!isPlain(command) && this.#peers !== undefined, "what is tried is a compound transfer");
    this.meet(command.partner, accountsOf(command));
    return this.#peers.runs.execute(command, { source, start, end }, true);
  }

  /** Ends what is due: some of all, and all that concerns these accounts, or other subjects of programmes. */
  readonly meet = (partner: string, subjects: readonly string[]): void => {
    if (this.#ledger.nextEndMs === Number.POSITIVE_INFINITY) return;
    this.expireSome();
    const { compound, programmes } = this.#ledger.state;
    const timeMs = this.#commit.openTime();
    // Whatever is due beyond that is ended where it matters now.
    for (const subject of subjects) {
      for (const open of compound.pending.dueOf(partner, subject, timeMs)) this.#peers?.runs.expire(open);
      const next = () => programmes.due.nextDueOf(partner, subject, timeMs);
      for (let due = next(); due !== undefined; due = next()) this.#end(due);
    }
  };

  /** The same for one transfer. */
  meetTransfer(id: string): void {
    const open = this.#ledger.compound.pending.get(id);
    if (open !== undefined && open.endsAtMs <= this.#commit.openTime()) this.#peers?.runs.expire(open);
  }

  /** A portion of what is due, so that a million that end at one moment hold up nothing. */
  expireSome(): void {
    if (this.#ledger.nextEndMs === Number.POSITIVE_INFINITY) return;
    const { compound, programmes } = this.#ledger.state;
    for (let expired = 0; expired < EXPIRED_AT_ONCE_MAX && !this.#commit.full; expired++) {
      const timeMs = this.#commit.openTime();
      const open = compound.pending.nextDue(timeMs);
      const due = open === undefined ? programmes.due.nextDue(timeMs) : undefined;
      if (open !== undefined) this.#peers?.runs.expire(open);
      else if (due !== undefined) this.#end(due);
      else return;
    }
  }

  /** What ends by itself is put into the log like a command of anybody's. */
  #end(due: Due): void {
    this.#options.failpoints.pass("before_expire");
    const command = due.command();
    assert(isPlain(command), "what ends is decided by this shard alone");
    const outcome = this.#ledger.decide(command, this.#commit.openTime(), this.newTransferId);
    assert(outcome.ok && due.place >= 0, "what is due can end");
    this.record(command, packedAlone(command), outcome);
    assert(due.place < 0, "what has ended is due no more");
  }

  /** Makes sure that whatever is logged from here on is later than `atMs`, which has passed. */
  tick(atMs: number): void {
    if (this.#commit.recordedMs > atMs) return;
    // The clock on the wall may have been set back meanwhile.
    this.#commit.reaches(atMs + 1);
    const command: Tick = { op: "tick", partner: "", key: null, fingerprint: 0 };
    this.record(command, packedAlone(command), { ok: true });
  }

  #expireFor(command: Command): void {
    this.meet(command.partner, accountsOf(command));
    if (command.op === "post_transfer" || command.op === "void_transfer") this.meetTransfer(command.id);
  }

  /** The batch of this epoch that an answer must wait for; 0 when it stands in an older epoch. */
  gateOf(decided: Decided): number {
    if ("ok" in decided) return this.#commit.openSeq;
    if (decided[0] === REPLAYED) return decided[1] === this.#options.journal.epoch ? decided[2] : 0;
    return this.#commit.newestSeq;
  }

  readonly newTransferId = (vnode: number): string => {
    this.#transferIds ??= new TransferIds(this.#options.journal.epoch);
    return this.#transferIds.next(vnode);
  };

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

  #creditMustWait({ partner, credit }: Transfer, peers: Peers): boolean {
    const account = this.#ledger.account(partner, credit);
    return account !== undefined && peers.mustWait(account);
  }
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
