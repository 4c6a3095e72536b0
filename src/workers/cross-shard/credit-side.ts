/**
 * The way from one other shard, for transfers that are decided there and happen here in part: pin the account of a credit,
 * apply and log what was committed, and say when it is durable. Of transfers with several legs see `prepare-handler.ts`.
 */
import { type Account, refusalOfCredit } from "../../actors/ledger/account.ts";
import type { Exchange, Message } from "../../actors/ledger/exchange.ts";
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { readCommands } from "../../actors/records/codec.ts";
import { assert } from "../../errors/assert.ts";
import type { Failpoints } from "../shard/failpoint.ts";
import type { GroupCommit } from "../shard/group-commit.ts";
import type { CreditReservations } from "./credit-reservations.ts";
import { type Ask, NOT_NOW, PART, PINNED, type PinAnswer, type Session } from "./peer-messages.ts";

export type CreditSideOptions = Readonly<{
  exchange: Exchange;
  session: Session;
  ledger: Ledger;
  commit: GroupCommit;
  failpoints: Failpoints;
  pins: CreditReservations;
  /** Applies a message and puts it into the open batch; says how its accounts stand then: posted, held, seq of each. */
  take: (message: Message, source: Uint8Array, start: number, end: number) => readonly number[];
  /** Whether a credit that was committed before this shard started, and is still to come, may need the account's room. */
  mustWait: (account: Account, amount: number) => boolean;
  /** The batch that a word about this account has to wait for. */
  gateOf: (account: Account) => number;
}>;

export class CreditSide {
  readonly #options: CreditSideOptions;
  /** What the other side had sent when it greeted. */
  #owed = Number.POSITIVE_INFINITY;
  #isSettled = false;
  /** Messages in the open batch, to be acknowledged with it. */
  #taken:
    | { readonly batch: number; readonly first: number; upTo: number; readonly accounts: number[] }
    | undefined;

  constructor(options: CreditSideOptions) {
    this.#options = options;
  }

  /** Since this shard started, all has come that the other one had committed before. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Answers what may be credited, each answer once the batch is durable that it depends on. */
  pin(asked: readonly Ask[]): void {
    const { commit, failpoints, session } = this.#options;
    failpoints.pass("before_pin");
    /** By that batch. */
    const answers = new Map<number, PinAnswer[]>();
    for (const ask of asked) {
      const { answer, gate } = this.#answerOf(ask);
      const there = answers.get(gate);
      if (there === undefined) answers.set(gate, [answer]);
      else there.push(answer);
    }
    const { number } = session;
    for (const [gate, there] of answers) {
      commit.whenDurable(gate, () => {
        if (session.number === number) session.push([PART.answer, there]);
      });
    }
    failpoints.pass("after_pin");
  }

  receive(packed: Uint8Array, pins: readonly number[]): void {
    const { failpoints, take } = this.#options;
    failpoints.pass("before_credit");
    let index = 0;
    readCommands(packed, (command, start, end) => {
      assert(
        command.op === "credit" || command.op === "portion" || command.op === "notice",
        "shards send each other credits, portions and notices",
      );
      this.#options.pins.release(pins[index++] ?? 0);
      this.#acknowledgeWithBatch(command.no, take(command, packed, start, end));
    });
    this.#checkOwed();
    failpoints.pass("after_credit");
  }

  /** There is no way to the other shard for now. */
  interrupt(): void {
    this.#taken = undefined;
    this.#options.pins.retire();
  }

  /** A session begins, and this is what the other side has sent in all. */
  greeted(sent: number): void {
    this.#owed = sent;
    this.#checkOwed();
  }

  #answerOf([pin, partner, id, amount, programme]: Ask): Readonly<{ answer: PinAnswer; gate: number }> {
    const { ledger, commit, mustWait, gateOf, pins } = this.#options;
    const account = ledger.account(partner, id);
    // That there is no account depends on nothing: one that is being made would be found.
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
    pins.add(pin, [{ account, amount, count: 1 }]);
    return { answer: [pin, PINNED, asset], gate };
  }

  /** The open batch holds a message: once it is durable, the other shard hears of it. */
  #acknowledgeWithBatch(no: number, accounts: readonly number[]): void {
    const { commit, failpoints, session } = this.#options;
    if (this.#taken?.batch === commit.openSeq) {
      this.#taken.accounts.push(...accounts);
      this.#taken.upTo = no;
      return;
    }
    const taken = { batch: commit.openSeq, first: no, upTo: no, accounts: [...accounts] };
    this.#taken = taken;
    const { number } = session;
    commit.whenDurable(commit.openSeq, ({ id }) => {
      // A later session begins with a greeting that says as much.
      if (session.number !== number) return;
      failpoints.pass("before_acknowledge");
      session.push([PART.acknowledge, taken.upTo, id.epoch, id.seq, taken.accounts, taken.first]);
      session.flush();
      failpoints.pass("after_acknowledge");
    });
  }

  /** Once all that the other side had committed is here, nothing of an older session can come any more. */
  #checkOwed(): void {
    if (this.#options.exchange.received < this.#owed) return;
    this.#isSettled = true;
    this.#options.pins.releaseOld();
  }
}
