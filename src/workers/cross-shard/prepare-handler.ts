/**
 * The preparing side of compound transfers whose home is another shard: examines their legs on this shard, pins
 * credits and reserves debits, and releases both when the transfer is not committed. `compound-coordinator.ts` shows
 * the protocol.
 */

import type { Account, Balance } from "../../actors/ledger/account.ts";
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import { decideRelease, decideReserve } from "../../actors/ledger/transfers/compound.ts";
import { type Examined, examine, risesOf } from "../../actors/ledger/transfers/legs.ts";
import { needReservation } from "../../actors/ledger/transfers/reservations.ts";
import type { Command, Recorded } from "../../actors/records/command.ts";
import { keyless } from "../../actors/records/command-header.ts";
import type { Leg, Purpose, Release, Reserve } from "../../actors/records/compound-command.ts";
import { assert } from "../../errors/assert.ts";
import type { ExpiryBacklog, Waiter } from "../shard/clock/expiry-waits.ts";
import type { Failpoints } from "../shard/failpoint.ts";
import type { GroupCommit } from "../shard/group-commit.ts";
import type { CreditReservation, CreditReservations } from "./credit-reservations.ts";
import { PART, type PrepareAnswer, type PrepareRequest, type Session } from "./peer-messages.ts";
import { type PackedCommand, packedAlone } from "./pending-reply.ts";

export type PrepareHandlerOptions = Readonly<{
  peer: number;
  session: Session;
  ledger: Ledger;
  commit: GroupCommit;
  failpoints: Failpoints;
  reservations: CreditReservations;
  record: (command: Command, packed: PackedCommand, outcome: Recorded) => void;
  /** Processes due expiries of these accounts. @returns the first account with more than may be processed now */
  expireDue: (partner: string, accounts: readonly string[]) => ExpiryBacklog | undefined;
  /** Resumes the waiter when the backlog is processed. */
  waitFor: (backlog: ExpiryBacklog, waiter: Waiter) => void;
  mustWaitFor: (partner: string, legs: readonly Leg[], purpose: Purpose) => boolean;
  gateOf: (account: Account) => number;
}>;

export class PrepareHandler {
  readonly #options: PrepareHandlerOptions;

  constructor(options: PrepareHandlerOptions) {
    this.#options = options;
  }

  /** Answers a prepare request when the batch that the answer depends on is durable. */
  readonly examine = (request: PrepareRequest): void => {
    const { session, waitFor } = this.#options;
    const { number } = session;
    const backlog = this.#examineNow(request);
    if (backlog === undefined) return;
    waitFor(backlog, {
      // After the end of the session no answer is expected, so nothing may be pinned or reserved.
      resume: () => (session.number === number ? this.#examineNow(request) : undefined),
      giveUp: () => {
        if (session.number === number)
          session.push([PART.answer_legs, [[request.pin, request.id, null, false]]]);
      },
    });
  };

  #examineNow(request: PrepareRequest): ExpiryBacklog | undefined {
    const { commit, session, expireDue } = this.#options;
    const backlog = expireDue(
      request.partner,
      request.legs.map(({ account }) => account),
    );
    if (backlog !== undefined) return backlog;
    const { number } = session;
    const { answer, gate } = this.#answerOf(request);
    commit.whenDurable(gate, () => {
      if (session.number === number) session.push([PART.answer_legs, [answer]]);
    });
    return undefined;
  }

  unpin(pin: number): void {
    this.#options.reservations.release(pin);
  }

  /** Releases the reservation of an attempt that will not be committed, and confirms when that is durable. */
  release(id: string): void {
    const { ledger, commit, session, failpoints, record } = this.#options;
    const { partner } = ledger.compound.reservations.get(id) ?? {};
    if (partner !== undefined) {
      const command: Release = { op: "release", ...keyless(partner), id };
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

  #answerOf(request: PrepareRequest): Readonly<{ answer: PrepareAnswer; gate: number }> {
    const { ledger, commit, failpoints, reservations, mustWaitFor } = this.#options;
    const { pin, partner, id, purpose, isDry, programme, legs } = request;
    const nowMs = commit.openTime();
    const gate = Math.max(0, ...legs.map((leg) => this.#gateOf(partner, leg)));
    if (mustWaitFor(partner, legs, purpose)) return { answer: [pin, id, null, false], gate };
    const holds = purpose === "capture" ? ledger.compound.reservations.holdsOf(id) : [];
    const examined = examine(ledger.compound.bookOf(partner), legs, purpose, nowMs, programme, holds);
    const answer = (isReserved: boolean): PrepareAnswer => [pin, id, reportsOf(examined), isReserved];
    // `asset` is null between two system accounts: the transfer will be rejected, so nothing is pinned.
    const isRefused = examined.reports.some(({ asset, objection }) => asset === null || objection !== null);
    if (isDry || isRefused) return { answer: answer(false), gate };
    if (purpose !== "capture" && needReservation(legs, purpose === "hold")) {
      failpoints.pass("before_reserve");
      this.#reserve(request, nowMs);
      failpoints.pass("after_reserve");
      return { answer: answer(true), gate: commit.openSeq };
    }
    if (purpose !== "hold") reservations.add(pin, this.#reservationsFor(request, examined));
    return { answer: answer(false), gate };
  }

  /** Room for all credits, and for debits of slices. A capture's debits need none: they are held already. */
  #reservationsFor(
    { partner, purpose, legs }: PrepareRequest,
    { holds }: Examined,
  ): readonly CreditReservation[] {
    const book = this.#options.ledger.compound.bookOf(partner);
    const reservations = risesOf(book, legs).map(
      ({ account: name, amount, count, slice }): CreditReservation => {
        if (slice !== undefined) {
          const { asset, vnode } = slice;
          return { slice: book.sliceWithRoom(name, asset, vnode), credited: amount, debited: 0 };
        }
        const account = book.accounts.get(name);
        assert(account !== undefined, "an examined account exists");
        return { account, amount, count };
      },
    );
    if (purpose === "capture") return reservations;
    for (const { account: name, asset, vnode, amount } of holds) {
      assert(isSystemAccount(name), "debits of accounts are reserved in the log, not pinned");
      reservations.push({ slice: book.sliceWithRoom(name, asset, vnode), credited: 0, debited: amount });
    }
    return reservations;
  }

  /** The batch that an answer about this leg's balance depends on. */
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

  #reserve({ partner, id, purpose, legs }: PrepareRequest, nowMs: number): void {
    const { ledger, peer, record } = this.#options;
    assert(purpose !== "capture", "a captured hold was reserved before");
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

function reportsOf({ reports }: Examined): PrepareAnswer[2] {
  return reports.map(
    ({ asset, objection, posted, held, seq }) => [asset, objection, posted, held, seq] as const,
  );
}
