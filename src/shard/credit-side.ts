/**
 * The way from one other shard, for transfers whose credit is here: pin the account, apply and log the credit, and say
 * when it is durable.
 */
import { type Account, refusalOfCredit } from "../actors/account.ts";
import { readCommands } from "../actors/codec.ts";
import type { Credit, Credited } from "../actors/command.ts";
import type { Exchange } from "../actors/exchange.ts";
import type { Ledger } from "../actors/ledger.ts";
import { assert } from "../assert.ts";
import type { Failpoints } from "./failpoint.ts";
import type { GroupCommit } from "./group-commit.ts";
import { type Ask, NOT_NOW, PART, PINNED, type PinAnswer, type Session } from "./peer-messages.ts";
import { Pins } from "./pins.ts";

export type CreditSideOptions = Readonly<{
  exchange: Exchange;
  session: Session;
  ledger: Ledger;
  commit: GroupCommit;
  failpoints: Failpoints;
  /** Applies a credit and puts it into the open batch. */
  credit: (command: Credit, source: Uint8Array, start: number, end: number) => Credited;
  /** Whether a credit that was committed before this shard started, and is still to come, may need the account's room. */
  mustWait: (account: Account) => boolean;
  /** The batch that a word about this account has to wait for. */
  gateOf: (account: Account) => number;
}>;

export class CreditSide {
  readonly #options: CreditSideOptions;
  readonly #pins = new Pins();
  /** What the other side had sent when it greeted. */
  #owed = Number.POSITIVE_INFINITY;
  #isSettled = false;
  /** Credits in the open batch, to be acknowledged with it. */
  #credited: { readonly batch: number; upTo: number; readonly accounts: number[] } | undefined;

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

  unpin(pin: number): void {
    this.#pins.release(pin);
  }

  receive(packed: Uint8Array, pins: readonly number[]): void {
    const { failpoints, credit } = this.#options;
    failpoints.pass("before_credit");
    let index = 0;
    readCommands(packed, (command, start, end) => {
      assert(command.op === "credit", "shards send each other credits");
      this.#pins.release(pins[index++] ?? 0);
      this.#acknowledgeWithBatch(command.no, credit(command, packed, start, end));
    });
    this.#checkOwed();
    failpoints.pass("after_credit");
  }

  /** There is no way to the other shard for now. */
  interrupt(): void {
    this.#credited = undefined;
    this.#pins.retire();
  }

  /** A session begins, and this is what the other side has sent in all. */
  greeted(sent: number): void {
    this.#owed = sent;
    this.#checkOwed();
  }

  #answerOf([pin, partner, id, amount]: Ask): Readonly<{ answer: PinAnswer; gate: number }> {
    const { ledger, mustWait, gateOf } = this.#options;
    const account = ledger.account(partner, id);
    // That there is no account depends on nothing: one that is being made would be found.
    if (account === undefined) return { answer: [pin, "account_not_found", ""], gate: 0 };
    const { asset } = account;
    const gate = gateOf(account);
    if (mustWait(account)) return { answer: [pin, NOT_NOW, asset], gate };
    const refusal = refusalOfCredit(account, amount);
    if (refusal !== undefined) return { answer: [pin, refusal, asset], gate };
    this.#pins.add(pin, account, amount);
    return { answer: [pin, PINNED, asset], gate };
  }

  /** The open batch holds a credit: once it is durable, the other shard hears of it. */
  #acknowledgeWithBatch(no: number, { posted, held, seq }: Credited): void {
    const { commit, failpoints, session } = this.#options;
    if (this.#credited?.batch === commit.openSeq) {
      this.#credited.accounts.push(posted, held, seq);
      this.#credited.upTo = no;
      return;
    }
    const credited = { batch: commit.openSeq, upTo: no, accounts: [posted, held, seq] };
    this.#credited = credited;
    const { number } = session;
    commit.whenDurable(commit.openSeq, ({ id }) => {
      // A later session begins with a greeting that says as much.
      if (session.number !== number) return;
      failpoints.pass("before_acknowledge");
      session.push([PART.acknowledge, credited.upTo, id.epoch, id.seq, credited.accounts]);
      session.flush();
      failpoints.pass("after_acknowledge");
    });
  }

  /** Once all that the other side had committed is here, nothing of an older session can come any more. */
  #checkOwed(): void {
    if (this.#options.exchange.received < this.#owed) return;
    this.#isSettled = true;
    this.#pins.releaseOld();
  }
}
