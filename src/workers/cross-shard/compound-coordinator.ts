/**
 * Transfers of any shape: decided at once where all their legs are here, else asked of the other shards first. One
 * decision, in the turn of the last answer; its record is the commit.
 */
import type { Ledger } from "../../actors/ledger/ledger.ts";
import {
  decideEnd,
  decideLegs,
  type LegsCommand,
  movesElsewhere,
  NOT_OPEN,
  type Plan,
  plan,
} from "../../actors/ledger/transfers/compound.ts";
import { type LegReport, totalOf } from "../../actors/ledger/transfers/legs.ts";
import type { OpenTransfer } from "../../actors/ledger/transfers/pending.ts";
import type { Command, Outcome, Recorded } from "../../actors/records/command.ts";
import type {
  CompoundCommand,
  ExpireTransfer,
  Leg,
  Purpose,
  TransferChanged,
  VoidTransfer,
} from "../../actors/records/compound-command.ts";
import { assert } from "../../errors/assert.ts";
import { askArchive } from "../shard/ask-archive.ts";
import { OVERLOADED, type StillDue, type Waiter } from "../shard/clock/expiry-waits.ts";
import type { Failpoints } from "../shard/failpoint.ts";
import type { GroupCommit } from "../shard/group-commit.ts";
import { type Decided, REFUSED, type Refused } from "../shard/messages.ts";
import { CompoundRun, type RunPart } from "./compound-run.ts";
import { UNREACHABLE } from "./debit-side.ts";
import type { PeerLink } from "./peer-link.ts";
import { type PackedCommand, type PendingReply, packedAlone, type TimedPlace } from "./pending-reply.ts";

/** Of one transfer: when the first is done, all others are refused in one turn. */
const WAITING_MAX = 64;

export class RevertsUnderWay {
  /** Those that wait, in order, by what is taken back. */
  readonly #waiting = new Map<string, CompoundRun[]>();

  isFullFor(command: Command): boolean {
    if (command.op !== "revert_transfer") return false;
    return (this.#waiting.get(command.id)?.length ?? 0) >= WAITING_MAX;
  }

  /** @returns false when it has to wait. Whatever is no revert never does. */
  begin(run: CompoundRun): boolean {
    const { command, isDry } = run;
    if (command.op !== "revert_transfer" || isDry) return true;
    const waiting = this.#waiting.get(command.id);
    if (waiting === undefined) this.#waiting.set(command.id, []);
    else waiting.push(run);
    return waiting === undefined;
  }

  /** It is decided, or will not be done now. Returns those that waited for it. */
  end({ command, isDry }: CompoundRun): readonly CompoundRun[] {
    if (command.op !== "revert_transfer" || isDry) return [];
    const waiting = this.#waiting.get(command.id) ?? [];
    this.#waiting.delete(command.id);
    return waiting;
  }
}

/** While what is to be moved changes again and again before the others have answered, they are asked so often. */
const ROUNDS_MAX = 10;
/** And the next time for room for so many times as much as there is, if that has grown meanwhile. */
const AMPLE = 2;

const IS_NOT_OPEN: Refused = [REFUSED, "not_open"];

export type CompoundCoordinatorOptions = Readonly<{
  self: number;
  ledger: Ledger;
  commit: GroupCommit;
  failpoints: Failpoints;
  newTransferId: (vnode: number) => string;
  /** Settles first what is due where the command is decided; returns on which subject there is too much for that. */
  expireFor: (command: Command) => StillDue | undefined;
  /** Waits until nothing is due there any more. */
  waitFor: (still: StillDue, waiter: Waiter) => void;
  record: (command: Command, packed: PackedCommand, outcome: Recorded) => TimedPlace;
  linkTo: (peer: number) => Pick<PeerLink, "connected" | "debit" | "legs">;
  /** Whether what was committed before this shard started may still need the room that these legs need here. */
  mustWaitFor: (partner: string, legs: readonly Leg[], purpose: Purpose) => boolean;
  park: (parked: PendingReply) => void;
  unpark: (parked: PendingReply) => void;
}>;

export class CompoundCoordinator {
  readonly #options: CompoundCoordinatorOptions;
  readonly #reverts = new RevertsUnderWay();

  constructor(options: CompoundCoordinatorOptions) {
    this.#options = options;
  }

  /** @param isDry what would it come to? Nothing is logged. */
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
        return this.#end(command, packed, isDry);
      case "compound_transfer":
      case "post_transfer":
      case "revert_transfer":
        return this.#move(command, packed, isDry);
      default:
        throw new Error(`a gateway cannot ask for ${command.op}`);
    }
  }

  /** Ends a pending transfer whose time is over. */
  expire({ id, partner }: OpenTransfer): void {
    const { ledger, commit, failpoints } = this.#options;
    failpoints.pass("before_expire");
    const command: ExpireTransfer = { op: "expire_transfer", partner, key: null, fingerprint: 0, id };
    const outcome = decideEnd(ledger.compound, command, commit.openTime());
    assert(outcome !== NOT_OPEN && outcome.ok, "what expires is open");
    this.#record(command, packedAlone(command), outcome, undefined);
  }

  /** Another shard has spoken of its legs; without reports it could not. */
  readonly answered = (part: RunPart, reports: readonly LegReport[] | undefined): void => {
    const { run } = part;
    if (run.isOver) {
      this.#undo([part], () => {});
      return;
    }
    if (reports === undefined) {
      this.#abandon(run, UNREACHABLE);
      return;
    }
    part.reports = reports;
    if (run.parts.every((each) => each.reports !== undefined)) this.#decideWhenEnded(run);
  };

  #end(command: VoidTransfer, packed: PackedCommand, isDry: boolean): Decided | PendingReply {
    const { ledger, commit, linkTo } = this.#options;
    const outcome = decideEnd(ledger.compound, command, commit.openTime());
    if (outcome === NOT_OPEN) return IS_NOT_OPEN;
    if (isDry) return outcome;
    if (!outcome.ok || outcome.sent.length === 0) {
      this.#record(command, packed, outcome, undefined);
      return outcome;
    }
    // It will be done whatever happens, and cannot be answered while a part of it waits for a shard that is away.
    if (outcome.sent.some(({ to }) => !linkTo(to).connected)) return UNREACHABLE;
    const run = new CompoundRun(command, packed, false);
    this.#record(command, packed, outcome, run);
    return run;
  }

  #move(command: LegsCommand, packed: PackedCommand, isDry: boolean): Decided | PendingReply {
    const { self, ledger, commit, mustWaitFor } = this.#options;
    const planned = plan(ledger.compound, command);
    if (planned === NOT_OPEN) return IS_NOT_OPEN;
    if (!planned.ok) {
      if (!isDry) this.#record(command, packed, planned, undefined);
      return planned;
    }
    const here = planned.legs.get(self) ?? [];
    if (mustWaitFor(command.partner, here, planned.purpose)) return UNREACHABLE;
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
    return this.#ask(run, planned) ? run : UNREACHABLE;
  }

  #needsOthers({ legs }: Plan): boolean {
    return [...legs.keys()].some((shard) => shard !== this.#options.self);
  }

  /** The id of the transfer that is posted, or a new one; empty in a dry run. */
  #idFor(command: LegsCommand, isDry: boolean): string {
    if (command.op === "post_transfer") return command.id;
    return isDry ? "" : this.#options.newTransferId(command.vnode);
  }

  /** @returns false when a shard cannot be reached now; nobody has been asked then. */
  #ask(run: CompoundRun, planned: Plan): boolean {
    const { self, linkTo, park } = this.#options;
    const others = [...planned.legs].filter(([shard]) => shard !== self);
    if (others.some(([peer]) => !linkTo(peer).connected)) return false;
    const command = run.command as LegsCommand;
    if (!run.isDry) park(run);
    if (!this.#reverts.begin(run)) return true;
    run.plan = planned;
    run.id = this.#idFor(command, run.isDry);
    run.rounds += 1;
    run.parts = others.map(([peer, legs]) => {
      return { run, peer, id: run.id, legs, pin: 0, reports: undefined, isReserved: false };
    });
    for (const part of run.parts) linkTo(part.peer).legs.ask(part);
    return true;
  }

  #decideWhenEnded(run: CompoundRun): void {
    const { expireFor, waitFor } = this.#options;
    const decide = (): StillDue | undefined => {
      if (run.isOver) return undefined;
      // While others were asked, the time of something may have come.
      const still = expireFor(run.command);
      if (still === undefined) this.#decide(run);
      return still;
    };
    const still = decide();
    if (still !== undefined) waitFor(still, { resume: decide, giveUp: () => this.#abandon(run, OVERLOADED) });
  }

  #decide(run: CompoundRun): void {
    const { self, ledger, commit, mustWaitFor, unpark } = this.#options;
    const command = run.command as LegsCommand;
    // While the others were asked, what the archive had said may have become too old.
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
    // Balances here may have moved since the others were asked.
    if (planned.ok && mustWaitFor(command.partner, planned.legs.get(self) ?? [], planned.purpose)) {
      this.#abandon(run, UNREACHABLE);
      return;
    }
    if (planned.ok && !hasRoomFor(planned, run)) {
      this.#askAgain(run, planned);
      return;
    }
    const reports = new Map(run.parts.map(({ peer, reports: said }) => [peer, said ?? []]));
    const outcome = planned.ok
      ? decideLegs(ledger.compound, command, planned, reports, run.id, commit.openTime())
      : planned;
    run.isOver = true;
    if (run.isDry) {
      const elsewhere = planned.ok && outcome.ok ? movesElsewhere(ledger.compound, planned, reports) : [];
      const place = { epoch: 0, seq: commit.newestSeq, index: 0 };
      run.decided(outcome.ok ? wholeOf({ ...outcome, elsewhere }) : outcome, place);
      return;
    }
    unpark(run);
    if (outcome.ok) {
      this.#record(command, run.packed, outcome, run);
    } else {
      const place = this.#record(command, run.packed, outcome, undefined);
      this.#undo(run.parts, () => run.decided(outcome, place));
    }
    this.#resumeAfter(run);
  }

  /** Reverts that waited for this one are refused now, or have their turn. */
  #resumeAfter(run: CompoundRun): void {
    const { ledger, unpark } = this.#options;
    for (const waiting of this.#reverts.end(run)) {
      const command = waiting.command as LegsCommand;
      const uncertain = askArchive(ledger.compound, command);
      if (uncertain !== undefined) {
        unpark(waiting);
        waiting.giveBack(uncertain);
        continue;
      }
      const planned = plan(ledger.compound, command);
      unpark(waiting);
      if (planned === NOT_OPEN || (planned.ok && !this.#ask(waiting, planned))) waiting.giveBack(UNREACHABLE);
      else if (!planned.ok)
        waiting.decided(planned, this.#record(command, waiting.packed, planned, undefined));
    }
  }

  /** What is to be moved is not what the others were asked for. */
  #askAgain(run: CompoundRun, planned: Plan): void {
    const { ledger, unpark } = this.#options;
    if (run.rounds >= ROUNDS_MAX) {
      this.#abandon(run, OVERLOADED);
      return;
    }
    this.#undo(run.parts, () => {});
    unpark(run);
    // Where something comes all the time, what there is now is too little once more when they have answered.
    const isMore = !run.isDry && totalOf(planned.postings) > totalOf(run.plan?.postings ?? []);
    const ample = isMore ? plan(ledger.compound, run.command as LegsCommand, AMPLE) : planned;
    const asked = ample !== NOT_OPEN && ample.ok ? ample : planned;
    if (!this.#needsOthers(asked) || !this.#ask(run, asked)) this.#abandon(run, UNREACHABLE);
  }

  /** It will not be done now. */
  #abandon(run: CompoundRun, refused: Refused): void {
    if (run.isOver) return;
    run.isOver = true;
    this.#options.unpark(run);
    this.#undo(run.parts, () => run.giveBack(refused));
    this.#resumeAfter(run);
  }

  /** Gives back what other shards keep for these parts, and calls `onUndone` when that is durable. */
  #undo(parts: readonly RunPart[], onUndone: () => void): void {
    let missing = parts.length;
    const onReleased = () => {
      missing -= 1;
      if (missing === 0) onUndone();
    };
    for (const part of parts) this.#options.linkTo(part.peer).legs.release(part, onReleased);
  }

  /** @param run waits for the parts on other shards, if there are any. */
  #record(
    command: CompoundCommand,
    packed: PackedCommand,
    outcome: Outcome<CompoundCommand>,
    run: CompoundRun | undefined,
  ): TimedPlace {
    const { record, linkTo, failpoints } = this.#options;
    failpoints.pass("before_commit");
    const place = record(command, packed, outcome);
    const changed = outcome as TransferChanged;
    const sent = "sent" in outcome ? outcome.sent : [];
    if (run !== undefined && outcome.ok) {
      for (const part of run.parts) linkTo(part.peer).legs.keep(part);
      if (sent.length === 0) run.decided(wholeOf(changed), place);
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

/** What other shards have reserved is told like what happened here. */
function wholeOf(changed: TransferChanged): TransferChanged {
  return { ...changed, moves: [...changed.moves, ...changed.elsewhere] };
}

/** Whether the others have said yes to as much as is to be moved now, or to more. */
function hasRoomFor({ postings }: Plan, { plan: asked, parts, isDry }: CompoundRun): boolean {
  if (asked === undefined || postings.length !== asked.postings.length) return false;
  const mayBeLess =
    !isDry && parts.every(({ reports }) => reports?.every(({ objection }) => objection === null));
  return postings.every(({ amount }, i) => {
    const room = asked.postings[i]?.amount ?? 0;
    return amount === room || (mayBeLess && amount < room);
  });
}
