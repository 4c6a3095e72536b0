/**
 * The way from one other shard, for the legs that its transfers have here: examine them, pin or reserve what they need,
 * give it back when they come to nothing.
 */
import type { Account, Balance } from "../../actors/ledger/account.ts";
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import { decideRelease, decideReserve } from "../../actors/ledger/transfers/compound.ts";
import { type Examined, examine, risesOf } from "../../actors/ledger/transfers/legs.ts";
import { areTaking } from "../../actors/ledger/transfers/reservations.ts";
import type { Command, Recorded } from "../../actors/records/command.ts";
import type { Leg, Purpose, Release, Reserve } from "../../actors/records/compound-command.ts";
import { assert } from "../../errors/assert.ts";
import type { StillDue, Waiter } from "../shard/clock/expiry-waits.ts";
import type { Failpoints } from "../shard/failpoint.ts";
import type { GroupCommit } from "../shard/group-commit.ts";
import type { CreditReservation, CreditReservations } from "./credit-reservations.ts";
import { type LegsAnswer, type LegsAsk, PART, type Session } from "./peer-messages.ts";
import { type PackedCommand, packedAlone } from "./pending-reply.ts";

export type PrepareHandlerOptions = Readonly<{
  peer: number;
  session: Session;
  ledger: Ledger;
  commit: GroupCommit;
  failpoints: Failpoints;
  pins: CreditReservations;
  record: (command: Command, packed: PackedCommand, outcome: Recorded) => void;
  /** Settles first what is due on these accounts; returns on which there is too much for that. */
  expireDue: (partner: string, accounts: readonly string[]) => StillDue | undefined;
  /** Waits until nothing is due there any more. */
  waitFor: (still: StillDue, waiter: Waiter) => void;
  mustWaitFor: (partner: string, legs: readonly Leg[], purpose: Purpose) => boolean;
  gateOf: (account: Account) => number;
}>;

export class PrepareHandler {
  readonly #options: PrepareHandlerOptions;

  constructor(options: PrepareHandlerOptions) {
    this.#options = options;
  }

  /** Answers what may be moved, once the batch is durable that the answer depends on. */
  readonly examine = (ask: LegsAsk): void => {
    const { session, waitFor } = this.#options;
    const { number } = session;
    const still = this.#examineNow(ask);
    if (still === undefined) return;
    waitFor(still, {
      // Of a session that is over nobody waits for an answer, and nothing may be kept.
      resume: () => (session.number === number ? this.#examineNow(ask) : undefined),
      giveUp: () => {
        if (session.number === number) session.push([PART.answer_legs, [[ask.pin, ask.id, null, false]]]);
      },
    });
  };

  #examineNow(ask: LegsAsk): StillDue | undefined {
    const { commit, session, expireDue } = this.#options;
    const still = expireDue(
      ask.partner,
      ask.legs.map(({ account }) => account),
    );
    if (still !== undefined) return still;
    const { number } = session;
    const { answer, gate } = this.#answerOf(ask);
    commit.whenDurable(gate, () => {
      if (session.number === number) session.push([PART.answer_legs, [answer]]);
    });
    return undefined;
  }

  unpin(pin: number): void {
    this.#options.pins.release(pin);
  }

  /** The attempt is over: what is reserved for it, if anything, is given back, and the other shard told once that is durable. */
  release(id: string): void {
    const { ledger, commit, session, failpoints, record } = this.#options;
    const { partner } = ledger.compound.reservations.get(id) ?? {};
    if (partner !== undefined) {
      const command: Release = { op: "release", partner, key: null, fingerprint: 0, id };
      record(command, packedAlone(command), decideRelease(ledger.compound, command));
    }
    const { number } = session;
    commit.whenDurable(commit.newestSeq, () => {
      if (session.number !== number) return;
      failpoints.pass("before_released");
      session.push([PART.released, id]);
      failpoints.pass("after_released");
    });
  }

  #answerOf(ask: LegsAsk): Readonly<{ answer: LegsAnswer; gate: number }> {
    const { ledger, commit, failpoints, pins, mustWaitFor } = this.#options;
    const { pin, partner, id, purpose, isDry, programme, legs } = ask;
    const nowMs = commit.openTime();
    const gate = Math.max(0, ...legs.map((leg) => this.#gateOf(partner, leg)));
    if (mustWaitFor(partner, legs, purpose)) return { answer: [pin, id, null, false], gate };
    const holds = purpose === "capture" ? ledger.compound.reservations.holdsOf(id) : [];
    const examined = examine(ledger.compound.bookOf(partner), legs, purpose, nowMs, programme, holds);
    const answer = (isReserved: boolean): LegsAnswer => [pin, id, reportsOf(examined), isReserved];
    // Between two system accounts nothing says of which asset something would be kept, and it will not be moved.
    const isRefused = examined.reports.some(({ asset, objection }) => asset === null || objection !== null);
    if (isDry || isRefused) return { answer: answer(false), gate };
    if (purpose !== "capture" && areTaking(legs, purpose === "hold")) {
      failpoints.pass("before_reserve");
      this.#reserve(ask, nowMs);
      failpoints.pass("after_reserve");
      return { answer: answer(true), gate: commit.openSeq };
    }
    if (purpose !== "hold") pins.add(pin, this.#pinsOf(ask, examined));
    return { answer: answer(false), gate };
  }

  /** Room for all credits, and for debits of slices; what a capture takes has been held all the time. */
  #pinsOf({ partner, purpose, legs }: LegsAsk, { holds }: Examined): readonly CreditReservation[] {
    const book = this.#options.ledger.compound.bookOf(partner);
    const pins = risesOf(book, legs).map(({ account: name, amount, count, slice }): CreditReservation => {
      if (slice !== undefined) {
        const { asset, vnode } = slice;
        return { slice: book.sliceWithRoom(name, asset, vnode), credited: amount, debited: 0 };
      }
      const account = book.accounts.get(name);
      assert(account !== undefined, "what was examined exists");
      return { account, amount, count };
    });
    if (purpose === "capture") return pins;
    for (const { account: name, asset, vnode, amount } of holds) {
      assert(isSystemAccount(name), "what an account will pay is reserved");
      pins.push({ slice: book.sliceWithRoom(name, asset, vnode), credited: 0, debited: amount });
    }
    return pins;
  }

  /** The batch that a word about this leg's balance has to wait for. */
  #gateOf(partner: string, { account: name, counterparty, vnode }: Leg): number {
    const { ledger, gateOf } = this.#options;
    if (!isSystemAccount(name)) {
      const account = ledger.account(partner, name);
      return account === undefined ? 0 : gateOf(account);
    }
    const asset = ledger.account(partner, counterparty)?.asset;
    const slice: Balance | undefined =
      asset === undefined ? undefined : ledger.compound.bookOf(partner).sliceOf(name, asset, vnode);
    return slice?.batch ?? 0;
  }

  #reserve({ partner, id, purpose, legs }: LegsAsk, nowMs: number): void {
    const { ledger, peer, record } = this.#options;
    assert(purpose !== "capture", "what is captured was reserved before");
    const command: Reserve = {
      op: "reserve",
      partner,
      key: null,
      fingerprint: 0,
      id,
      from: peer,
      purpose,
      legs,
    };
    record(command, packedAlone(command), decideReserve(ledger.compound, command, nowMs));
  }
}

function reportsOf({ reports }: Examined): LegsAnswer[2] {
  return reports.map(
    ({ asset, objection, posted, held, seq }) => [asset, objection, posted, held, seq] as const,
  );
}
