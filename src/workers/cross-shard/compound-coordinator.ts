/**
 * Compound transfers: several postings, pending transfers, captures, voids and reverts. If all legs are on this
 * shard, the transfer is decided immediately. Otherwise this shard is its home and runs a two-phase protocol with the
 * others:
 *
 *     home shard                                    each other shard with legs
 *     prepare request with its legs           →     pin credits; log a reservation for debits; or object
 *     all answers: decide; record = commit    ←     answer, when the reservation is durable
 *     batch durable: one message per shard    →     one record: release the reservation, move the legs
 *     reply when all are acknowledged         ←     batch durable: acknowledge
 *
 * If the transfer is rejected or abandoned, `release` and `unpin` replace the messages. A pending transfer keeps its
 * reservations until it is captured, voided or expires.
 *
 * A pin (room for a credit) may be lost in a crash: the restarted shard takes no new transfer that could use the room
 * until all committed messages have arrived. A debit must be covered even after a crash, so its reservation is
 * logged.
 */
import type { TimedRecordPlace } from "../../actors/ledger/exchange.ts";
import type { Ledger } from "../../actors/ledger/ledger.ts";
import {
  decideLegs,
  decideVoidOrExpiry,
  type LegsCommand,
  movesElsewhere,
  NOT_OPEN,
  type Plan,
  plan,
} from "../../actors/ledger/transfers/compound.ts";
import { type LegReport, totalAmount } from "../../actors/ledger/transfers/legs.ts";
import type { OpenTransfer } from "../../actors/ledger/transfers/pending.ts";
import type { Command, Outcome, Recorded } from "../../actors/records/command.ts";
import { keyless } from "../../actors/records/command-header.ts";
import type {
  CompoundCommand,
  ExpireTransfer,
  Leg,
  PostTransfer,
  Purpose,
  TransferChanged,
  VoidTransfer,
} from "../../actors/records/compound-command.ts";
import { assert } from "../../errors/assert.ts";
import { askArchive } from "../shard/ask-archive.ts";
import { type ExpiryBacklog, OVERLOADED, type Waiter } from "../shard/clock/expiry-waits.ts";
import type { Failpoints } from "../shard/failpoint.ts";
import type { GroupCommit } from "../shard/group-commit.ts";
import { type Decided, REFUSED, type Refused } from "../shard/messages.ts";
import { CompoundRun, type RunPart } from "./compound-run.ts";
import { UNREACHABLE } from "./debit-side.ts";
import type { PeerLink } from "./peer-link.ts";
import { type PackedCommand, type PendingReply, packedAlone } from "./pending-reply.ts";
import type { Release } from "./prepare-client.ts";
import { RevertQueue } from "./revert-queue.ts";

/** Prepare rounds of one run. A new round starts when the prepared amounts no longer cover the plan. */
const ROUNDS_MAX = 10;
/** If the amounts grow between rounds, the next round prepares this multiple of them. */
const HEADROOM_FACTOR = 2;

const NOBODY_WAITS: Release = { onReleased: () => {}, isLogged: false };

const IS_NOT_OPEN: Refused = [REFUSED, "not_open"];

export type CompoundCoordinatorOptions = Readonly<{
  self: number;
  ledger: Ledger;
  commit: GroupCommit;
  failpoints: Failpoints;
  newTransferId: (vnode: number) => string;
  /** Processes due expiries of the command's subjects here. @returns a subject with more than may be processed now */
  expireFor: (command: Command) => ExpiryBacklog | undefined;
  /** Resumes the waiter when the backlog is processed. */
  waitFor: (backlog: ExpiryBacklog, waiter: Waiter) => void;
  record: (command: Command, packed: PackedCommand, outcome: Recorded) => TimedRecordPlace;
  linkTo: (peer: number) => Pick<PeerLink, "connected" | "debit" | "prepareClient">;
  /** Whether a message committed before this shard started may still need the room that these legs need here. */
  mustWaitFor: (partner: string, legs: readonly Leg[], purpose: Purpose) => boolean;
  addPending: (pending: PendingReply) => void;
  removePending: (pending: PendingReply) => void;
}>;

export class CompoundCoordinator {
  readonly #options: CompoundCoordinatorOptions;
  readonly #reverts = new RevertQueue();

  constructor(options: CompoundCoordinatorOptions) {
    this.#options = options;
  }

  /** @param isDry a dry run: the outcome is returned, nothing is logged. */
  execute(command: CompoundCommand, packed: PackedCommand, isDry: boolean): Decided | PendingReply {
    const { ledger } = this.#options;
    const uncertain = askArchive(ledger.compound, command);
    if (uncertain !== undefined) return uncertain;
    switch (command.op) {
      case "tick":
        assert(!isDry, "a tick has no dry run");
        this.#record(command, packed, { ok: true }, undefined);
        return { ok: true };
      case "void_transfer":
        return this.#void(command, packed, isDry);
      case "compound_transfer":
      case "post_transfer":
      case "revert_transfer":
        return this.#start(command, packed, isDry);
      default:
        throw new Error(`a gateway cannot ask for ${command.op}`);
    }
  }

  /** Expires a pending transfer whose time has come. */
  expire({ id, partner }: OpenTransfer): void {
    const { ledger, commit, failpoints } = this.#options;
    failpoints.pass("before_expire");
    const command: ExpireTransfer = { op: "expire_transfer", ...keyless(partner), id };
    const outcome = decideVoidOrExpiry(ledger.compound, command, commit.openTime());
    assert(outcome !== NOT_OPEN && outcome.ok, "an expiring transfer is pending");
    this.#record(command, packedAlone(command), outcome, undefined);
  }

  /** Executes a scheduled post of a pending transfer. All its legs are on this shard. */
  postScheduled(command: PostTransfer): void {
    const { ledger, commit } = this.#options;
    const planned = plan(ledger.compound, command);
    assert(
      planned !== NOT_OPEN && planned.ok && !this.#needsOthers(planned),
      "a scheduled post is of a pending transfer of this shard alone",
    );
    const outcome = decideLegs(
      ledger.compound,
      command,
      planned,
      new Map(),
      this.#idFor(command, false),
      commit.openTime(),
    );
    assert(outcome.ok, "a due scheduled command succeeds");
    this.#record(command, packedAlone(command), outcome, undefined);
  }

  /** Another shard has answered for its legs; `reports` is `undefined` if it could not. */
  readonly answered = (part: RunPart, reports: readonly LegReport[] | undefined): void => {
    const { run } = part;
    if (run.isClosed) {
      this.#release([part], NOBODY_WAITS);
      return;
    }
    if (reports === undefined) {
      this.#abandon(run, UNREACHABLE);
      return;
    }
    part.reports = reports;
    if (run.parts.every((each) => each.reports !== undefined)) this.#decideAfterExpiries(run);
  };

  #void(command: VoidTransfer, packed: PackedCommand, isDry: boolean): Decided | PendingReply {
    const { ledger, commit, linkTo } = this.#options;
    const outcome = decideVoidOrExpiry(ledger.compound, command, commit.openTime());
    if (outcome === NOT_OPEN) return IS_NOT_OPEN;
    if (isDry) return outcome;
    if (!outcome.ok || outcome.sent.length === 0) {
      this.#record(command, packed, outcome, undefined);
      return outcome;
    }
    // Once logged, the void will be completed, but the reply would wait for a shard that cannot be reached.
    if (outcome.sent.some(({ to }) => !linkTo(to).connected)) return UNREACHABLE;
    const run = new CompoundRun(command, packed, false);
    this.#record(command, packed, outcome, run);
    return run;
  }

  #start(command: LegsCommand, packed: PackedCommand, isDry: boolean): Decided | PendingReply {
    const { self, ledger, commit, mustWaitFor } = this.#options;
    const planned = plan(ledger.compound, command);
    if (planned === NOT_OPEN) return IS_NOT_OPEN;
    if (!planned.ok) {
      if (!isDry) this.#record(command, packed, planned, undefined);
      return planned;
    }
    const ownLegs = planned.legs.get(self) ?? [];
    if (mustWaitFor(command.partner, ownLegs, planned.purpose)) return UNREACHABLE;
    if (this.#reverts.isFullFor(command)) return OVERLOADED;
    const run = new CompoundRun(command, packed, isDry);
    if (!this.#needsOthers(planned)) {
      const timeMs = commit.openTime();
      const outcome = decideLegs(
        ledger.compound,
        command,
        planned,
        new Map(),
        this.#idFor(command, isDry),
        timeMs,
      );
      if (!isDry) this.#record(command, packed, outcome, undefined);
      return outcome;
    }
    return this.#prepare(run, planned) ? run : UNREACHABLE;
  }

  #needsOthers({ legs }: Plan): boolean {
    return [...legs.keys()].some((shard) => shard !== this.#options.self);
  }

  /** The id of the captured transfer, or a new one; empty in a dry run. */
  #idFor(command: LegsCommand, isDry: boolean): string {
    if (command.op === "post_transfer") return command.id;
    return isDry ? "" : this.#options.newTransferId(command.vnode);
  }

  /** Sends the prepare requests, or queues a revert behind another. @returns false if a shard cannot be reached */
  #prepare(run: CompoundRun, planned: Plan): boolean {
    const { self, linkTo, addPending } = this.#options;
    const others = [...planned.legs].filter(([shard]) => shard !== self);
    if (others.some(([peer]) => !linkTo(peer).connected)) return false;
    const command = run.command as LegsCommand;
    if (!run.isDry) addPending(run);
    if (!this.#reverts.begin(run)) return true;
    run.plan = planned;
    run.id = this.#idFor(command, run.isDry);
    run.rounds += 1;
    run.parts = others.map(([peer, legs]) => {
      return { run, peer, id: run.id, legs, pin: 0, reports: undefined, isReserved: false };
    });
    for (const part of run.parts) linkTo(part.peer).prepareClient.ask(part);
    return true;
  }

  #decideAfterExpiries(run: CompoundRun): void {
    const { expireFor, waitFor } = this.#options;
    const decide = (): ExpiryBacklog | undefined => {
      if (run.isClosed) return undefined;
      // Expiries may have become due while the other shards prepared.
      const backlog = expireFor(run.command);
      if (backlog === undefined) this.#decide(run);
      return backlog;
    };
    const backlog = decide();
    if (backlog !== undefined)
      waitFor(backlog, { resume: decide, giveUp: () => this.#abandon(run, OVERLOADED) });
  }

  #decide(run: CompoundRun): void {
    const { self, ledger, commit, mustWaitFor, removePending } = this.#options;
    const command = run.command as LegsCommand;
    // The archive's answer about the command's name may have become too old while the other shards prepared.
    const uncertain = askArchive(ledger.compound, command);
    if (uncertain !== undefined) {
      this.#abandon(run, uncertain);
      return;
    }
    const planned = plan(ledger.compound, command);
    if (planned === NOT_OPEN) {
      this.#abandon(run, IS_NOT_OPEN);
      return;
    }
    // Balances here may have changed while the other shards prepared.
    if (planned.ok && mustWaitFor(command.partner, planned.legs.get(self) ?? [], planned.purpose)) {
      this.#abandon(run, UNREACHABLE);
      return;
    }
    if (planned.ok && !hasRoomFor(planned, run)) {
      this.#prepareAgain(run, planned);
      return;
    }
    const reports = new Map(run.parts.map(({ peer, reports: ofPeer }) => [peer, ofPeer ?? []]));
    const outcome = planned.ok
      ? decideLegs(ledger.compound, command, planned, reports, run.id, commit.openTime())
      : planned;
    run.isClosed = true;
    if (run.isDry) {
      const elsewhere = planned.ok && outcome.ok ? movesElsewhere(ledger.compound, planned, reports) : [];
      const place = { epoch: 0, seq: commit.newestSeq, index: 0 };
      run.decided(outcome.ok ? withRemoteMoves({ ...outcome, elsewhere }) : outcome, place);
      return;
    }
    if (outcome.ok) {
      removePending(run);
      this.#record(command, run.packed, outcome, run);
    } else {
      const place = this.#record(command, run.packed, outcome, undefined);
      // Retries wait as well.
      const onReleased = () => {
        removePending(run);
        run.decided(outcome, place);
      };
      this.#release(run.parts, { onReleased, isLogged: true });
    }
    this.#resumeAfter(run);
  }

  /** Reverts that waited for this one are decided now, or the next one starts. */
  #resumeAfter(run: CompoundRun): void {
    const { ledger, removePending } = this.#options;
    for (const waiting of this.#reverts.end(run)) {
      const command = waiting.command as LegsCommand;
      const uncertain = askArchive(ledger.compound, command);
      if (uncertain !== undefined) {
        removePending(waiting);
        waiting.refuse(uncertain);
        continue;
      }
      const planned = plan(ledger.compound, command);
      removePending(waiting);
      if (planned === NOT_OPEN || (planned.ok && !this.#prepare(waiting, planned)))
        waiting.refuse(UNREACHABLE);
      else if (!planned.ok)
        waiting.decided(planned, this.#record(command, waiting.packed, planned, undefined));
    }
  }

  /** Starts another round, because the prepared amounts do not cover the present plan. */
  #prepareAgain(run: CompoundRun, planned: Plan): void {
    const { ledger, removePending } = this.#options;
    if (run.rounds >= ROUNDS_MAX) {
      this.#abandon(run, OVERLOADED);
      return;
    }
    this.#release(run.parts, NOBODY_WAITS);
    removePending(run);
    // A steadily growing balance would outgrow every exact round, so the next round prepares more.
    const isMore = !run.isDry && totalAmount(planned.postings) > totalAmount(run.plan?.postings ?? []);
    const larger = isMore ? plan(ledger.compound, run.command as LegsCommand, HEADROOM_FACTOR) : planned;
    const next = larger !== NOT_OPEN && larger.ok ? larger : planned;
    if (!this.#needsOthers(next) || !this.#prepare(run, next)) this.#abandon(run, UNREACHABLE);
  }

  /** Refuses the run without logging anything, and releases what was prepared. */
  #abandon(run: CompoundRun, refused: Refused): void {
    if (run.isClosed) return;
    run.isClosed = true;
    this.#options.removePending(run);
    this.#release(run.parts, { onReleased: () => run.refuse(refused), isLogged: false });
    this.#resumeAfter(run);
  }

  /** Releases what other shards have prepared for these parts. */
  #release(parts: readonly RunPart[], { onReleased, isLogged }: Release): void {
    let missing = parts.length;
    const onEach = () => {
      missing -= 1;
      if (missing === 0) onReleased();
    };
    for (const part of parts)
      this.#options.linkTo(part.peer).prepareClient.release(part, { onReleased: onEach, isLogged });
  }

  /**
   * Logs the outcome, which commits it, and sends its messages.
   *
   * @param run the run to complete when its messages are acknowledged, if there are any.
   */
  #record(
    command: CompoundCommand,
    packed: PackedCommand,
    outcome: Outcome<CompoundCommand>,
    run: CompoundRun | undefined,
  ): TimedRecordPlace {
    const { record, linkTo, failpoints } = this.#options;
    failpoints.pass("before_commit");
    const place = record(command, packed, outcome);
    const changed = outcome as TransferChanged;
    const sent = "sent" in outcome ? outcome.sent : [];
    if (run !== undefined && outcome.ok) {
      for (const part of run.parts) linkTo(part.peer).prepareClient.committed(part);
      if (sent.length === 0) run.decided(withRemoteMoves(changed), place);
      else run.sent(place, changed);
    }
    for (const { to, no } of sent) {
      const pin = run?.parts.find(({ peer }) => peer === to)?.pin ?? 0;
      linkTo(to).debit.commit(no, run, pin);
    }
    failpoints.pass("after_commit");
    return place;
  }
}

/** The outcome as callers see it: moves reserved on other shards listed with the moves here. */
function withRemoteMoves(changed: TransferChanged): TransferChanged {
  return { ...changed, moves: [...changed.moves, ...changed.elsewhere] };
}

/** Whether the other shards have prepared at least the amounts of the present plan. */
function hasRoomFor({ postings }: Plan, { plan: prepared, parts, isDry }: CompoundRun): boolean {
  if (prepared === undefined || postings.length !== prepared.postings.length) return false;
  const mayBeLess =
    !isDry && parts.every(({ reports }) => reports?.every(({ objection }) => objection === null));
  return postings.every(({ amount }, i) => {
    const room = prepared.postings[i]?.amount ?? 0;
    return amount === room || (mayBeLess && amount < room);
  });
}
