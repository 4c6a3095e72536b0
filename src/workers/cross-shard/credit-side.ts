/**
 * The receiving side of the protocol in `peer-link.ts`: pins accounts for credits that another shard wants to commit,
 * applies and logs its committed messages, and acknowledges them when they are durable. Compound transfers are
 * prepared in `prepare-handler.ts`; their committed messages arrive here.
 */
import { type Account, refusalOfCredit } from "../../actors/ledger/account.ts";
import type { Exchange, Message } from "../../actors/ledger/exchange.ts";
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { readCommands } from "../../actors/records/codec.ts";
import { assert } from "../../errors/assert.ts";
import type { Failpoints } from "../shard/failpoint.ts";
import type { GroupCommit } from "../shard/group-commit.ts";
import type { CreditReservations } from "./credit-reservations.ts";
import { NOT_NOW, PART, PINNED, type PinAnswer, type PinRequest, type Session } from "./peer-messages.ts";

export type CreditSideOptions = Readonly<{
  exchange: Exchange;
  session: Session;
  ledger: Ledger;
  commit: GroupCommit;
  failpoints: Failpoints;
  reservations: CreditReservations;
  /** Applies a message and adds it to the open batch. @returns posted, held and seq of each of its accounts */
  applyMessage: (message: Message, source: Uint8Array, start: number, end: number) => readonly number[];
  /** Whether a credit committed before this shard started, which has not arrived yet, may need the account's room. */
  mustWait: (account: Account, amount: number) => boolean;
  /** The batch that a pin answer about this account depends on. */
  gateOf: (account: Account) => number;
}>;

export class CreditSide {
  readonly #options: CreditSideOptions;
  /** The newest message that the other side had sent when it greeted. */
  #sentAtGreeting = Number.POSITIVE_INFINITY;
  #isCaughtUp = false;
  /** Messages in the open batch, which are acknowledged together. */
  #applied:
    | { readonly batch: number; readonly first: number; upTo: number; readonly accounts: number[] }
    | undefined;

  constructor(options: CreditSideOptions) {
    this.#options = options;
  }

  /** Whether every message has arrived that the other shard had committed before this one started. Stays true. */
  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
  }

  /** Answers pin requests, each when the batch that its answer depends on is durable. */
  pin(requests: readonly PinRequest[]): void {
    const { commit, failpoints, session } = this.#options;
    failpoints.pass("before_pin");
    /** By the batch that they depend on. */
    const answersByGate = new Map<number, PinAnswer[]>();
    for (const request of requests) {
      const { answer, gate } = this.#answerOf(request);
      const answers = answersByGate.get(gate);
      if (answers === undefined) answersByGate.set(gate, [answer]);
      else answers.push(answer);
    }
    const { number } = session;
    for (const [gate, answers] of answersByGate) {
      commit.whenDurable(gate, () => {
        if (session.number === number) session.push([PART.answer, answers]);
      });
    }
    failpoints.pass("after_pin");
  }

  /** @param pins the pin of each message, which its credit releases; 0 where it has none. */
  receive(packed: Uint8Array, pins: readonly number[]): void {
    const { failpoints, applyMessage } = this.#options;
    failpoints.pass("before_credit");
    let index = 0;
    readCommands(packed, (command, start, end) => {
      assert(
        command.op === "credit" || command.op === "portion" || command.op === "notice",
        "shards send each other credits, portions and notices",
      );
      this.#options.reservations.release(pins[index++] ?? 0);
      this.#acknowledgeWithBatch(command.no, applyMessage(command, packed, start, end));
    });
    this.#checkCaughtUp();
    failpoints.pass("after_credit");
  }

  /** The channel to the other shard is closed. */
  disconnected(): void {
    this.#applied = undefined;
    this.#options.reservations.retire();
  }

  /** A session begins. @param sent number of messages that the other side has sent in total */
  greeted(sent: number): void {
    this.#sentAtGreeting = sent;
    this.#checkCaughtUp();
  }

  #answerOf([pin, partner, id, amount, programme]: PinRequest): Readonly<{
    answer: PinAnswer;
    gate: number;
  }> {
    const { ledger, commit, mustWait, gateOf, reservations } = this.#options;
    const account = ledger.account(partner, id);
    // The answer depends on no batch: accounts are never removed, and one in an open batch would be found.
    if (account === undefined) return { answer: [pin, "account_not_found", ""], gate: 0 };
    const { asset } = account;
    const gate = gateOf(account);
    if (mustWait(account, amount)) return { answer: [pin, NOT_NOW, asset], gate };
    const refusal = refusalOfCredit(
      account,
      programme,
      account.posted + amount,
      amount,
      1,
      commit.openTime(),
    );
    if (refusal !== undefined) return { answer: [pin, refusal, asset], gate };
    reservations.add(pin, [{ account, amount, count: 1 }]);
    return { answer: [pin, PINNED, asset], gate };
  }

  /** Acknowledges a message of the open batch when that batch is durable. */
  #acknowledgeWithBatch(messageSeq: number, accounts: readonly number[]): void {
    const { commit, failpoints, session } = this.#options;
    if (this.#applied?.batch === commit.openSeq) {
      this.#applied.accounts.push(...accounts);
      this.#applied.upTo = messageSeq;
      return;
    }
    const applied = { batch: commit.openSeq, first: messageSeq, upTo: messageSeq, accounts: [...accounts] };
    this.#applied = applied;
    const { number } = session;
    commit.whenDurable(commit.openSeq, ({ id }) => {
      // The greeting of a later session acknowledges it.
      if (session.number !== number) return;
      failpoints.pass("before_acknowledge");
      session.push([PART.acknowledge, applied.upTo, id.epoch, id.seq, applied.accounts, applied.first]);
      session.flush();
      failpoints.pass("after_acknowledge");
    });
  }

  /** When all messages committed before the greeting are here, no message can need a pin of an older session. */
  #checkCaughtUp(): void {
    if (this.#options.exchange.received < this.#sentAtGreeting) return;
    this.#isCaughtUp = true;
    this.#options.reservations.releaseRetired();
  }
}
