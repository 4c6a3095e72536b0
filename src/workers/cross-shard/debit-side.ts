/**
 * The sending side of the protocol in `peer-link.ts`: asks another shard to pin the credit account, decides with its
 * answer, sends committed messages when they are durable, and completes replies when messages are acknowledged.
 */
import type { Exchange, Message } from "../../actors/ledger/exchange.ts";
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import { CommandWriter } from "../../actors/records/codec.ts";
import type { Rejected, RemoteCredit, TransferSent } from "../../actors/records/command.ts";
import { assert } from "../../errors/assert.ts";
import { ExpiryBacklog, OVERLOADED, type Waiter } from "../shard/clock/expiry-waits.ts";
import type { Failpoints } from "../shard/failpoint.ts";
import type { GroupCommit } from "../shard/group-commit.ts";
import { REFUSED, type Refused } from "../shard/messages.ts";
import type { CrossShardTransfer } from "./cross-shard-transfer.ts";
import { NOT_NOW, PART, PINNED, type PinAnswer, type PinRequest, type Session } from "./peer-messages.ts";
import type { CreditPlace, PendingReply } from "./pending-reply.ts";

/** Bounds of one part of messages. */
const MESSAGES_PER_PART_MAX = 4096;
const PART_BYTES_MAX = 1024 * 1024;

export const UNREACHABLE: Refused = [REFUSED, "log_unavailable"];

export type DebitSideOptions = Readonly<{
  peer: number;
  exchange: Exchange;
  session: Session;
  commit: GroupCommit;
  failpoints: Failpoints;
  /**
   * Decides a transfer, given the answer about its credit account, and adds its record to the open batch.
   *
   * @returns the outcome, or the expiries that the transfer has to wait for first.
   */
  decide: (transfer: CrossShardTransfer, remote: RemoteCredit) => TransferSent | Rejected | ExpiryBacklog;
  /** Resumes the waiter when the backlog is processed. */
  waitFor: (backlog: ExpiryBacklog, waiter: Waiter) => void;
  /** Refuses an undecided transfer; nothing of it is logged. */
  refuse: (transfer: CrossShardTransfer, refused: Refused) => void;
}>;

export class DebitSide {
  readonly #options: DebitSideOptions;
  readonly #exchange: Exchange;
  readonly #writer = new CommandWriter();
  /** Pin requests of this turn; the array is part of the outbox already. */
  #requests: PinRequest[] = [];
  /** Undecided transfers by pin, oldest first. */
  readonly #undecided = new Map<number, CrossShardTransfer>();
  /** Messages that are not acknowledged, by sequence number, oldest first. */
  readonly #undelivered = new Map<number, Readonly<{ pending: PendingReply | undefined; pin: number }>>();
  /** Messages up to this one are in durable batches. */
  #durableUpTo = 0;
  /** Messages up to this one were sent in this session. */
  #sentUpTo = 0;
  /** Messages up to this one are durable at the other shard. */
  #acknowledgedUpTo = 0;
  /** Messages in the open batch, which are sent together when it is durable. */
  #committed: { readonly batch: number; upTo: number } | undefined;

  constructor(options: DebitSideOptions) {
    this.#options = options;
    this.#exchange = options.exchange;
  }

  /** Called when the log is replayed. */
  begin(): void {
    this.#durableUpTo = this.#exchange.sent;
    this.#acknowledgedUpTo = this.#exchange.forgotten;
  }

  /** Number of commands that wait for the other shard. */
  get waiting(): number {
    return this.#undecided.size + this.#undelivered.size;
  }

  /** Messages up to this one are acknowledged as durable by the other shard. */
  get delivered(): number {
    return this.#acknowledgedUpTo;
  }

  /** Asks the other shard to pin the transfer's credit account. The transfer waits for the answer. */
  ask(transfer: CrossShardTransfer): void {
    this.#options.failpoints.pass("before_ask");
    const pin = this.#options.session.newPin();
    this.#undecided.set(pin, transfer);
    const { partner, credit, amount, act } = transfer.command;
    if (this.#requests.length === 0) this.#options.session.push([PART.ask, this.#requests]);
    this.#requests.push([pin, partner, credit, amount, act?.programme ?? null]);
  }

  /** The outbox was sent: the next request begins a new part. */
  flushed(): void {
    if (this.#requests.length > 0) this.#requests = [];
  }

  /** Sends message `messageSeq` of the open batch when that is durable; settles `pending` when it is acknowledged. */
  commit(messageSeq: number, pending: PendingReply | undefined, pin: number): void {
    this.#undelivered.set(messageSeq, { pending, pin });
    this.#sendWithBatch(messageSeq);
  }

  answered(answer: PinAnswer): void {
    const { failpoints, waitFor } = this.#options;
    if (this.#undecided.has(answer[0])) failpoints.pass("after_ask");
    const backlog = this.#decide(answer);
    if (backlog === undefined) return;
    waitFor(backlog, {
      resume: () => this.#decide(answer),
      giveUp: () => this.#refuse(answer, OVERLOADED),
    });
  }

  /** @returns the expiries that the transfer has to wait for; `undefined` when it is decided or refused. */
  #decide(answer: PinAnswer): ExpiryBacklog | undefined {
    const [pin, verdict, asset] = answer;
    const transfer = this.#undecided.get(pin);
    if (transfer === undefined || verdict === NOT_NOW) {
      this.#refuse(answer, UNREACHABLE);
      return undefined;
    }
    const refusal = verdict === PINNED ? null : verdict;
    const remote = refusal === "account_not_found" ? null : { asset, refusal };
    const outcome = this.#options.decide(transfer, remote);
    // While it waits it stays undecided, so it can still be refused.
    if (outcome instanceof ExpiryBacklog) return outcome;
    this.#undecided.delete(pin);
    if (outcome.ok) this.commit(outcome.no, transfer, pin);
    else if (verdict === PINNED) this.#options.session.push([PART.unpin, pin]);
    return undefined;
  }

  /** Refuses the transfer, unless it was refused before, and releases its pin. */
  #refuse([pin, verdict]: PinAnswer, refused: Refused): void {
    const transfer = this.#undecided.get(pin);
    this.#undecided.delete(pin);
    if (verdict === PINNED) this.#options.session.push([PART.unpin, pin]);
    if (transfer !== undefined) this.#options.refuse(transfer, refused);
  }

  /** Messages that are not known to be durable at the other shard. */
  get unacknowledged(): number {
    return this.#undelivered.size;
  }

  /** Whether this message is not known to be durable at the other shard. */
  isUndelivered(messageSeq: number): boolean {
    return messageSeq > this.#acknowledgedUpTo;
  }

  /** The reply that waits for this message; `undefined` after a restart, until a retry of the command arrives. */
  pendingReplyOf(messageSeq: number): PendingReply | undefined {
    return this.#undelivered.get(messageSeq)?.pending;
  }

  /** Lets a reply wait for a message that was sent before. */
  attach(messageSeq: number, pending: PendingReply): void {
    const pin = this.#undelivered.get(messageSeq)?.pin ?? 0;
    this.#undelivered.set(messageSeq, { pending, pin });
  }

  /** Refuses transfers that were asked for before `sinceMs` and have no answer. */
  expire(sinceMs: number): void {
    for (const [pin, transfer] of this.#undecided) {
      if (transfer.askedAtMs > sinceMs) return;
      this.#undecided.delete(pin);
      this.#options.refuse(transfer, UNREACHABLE);
    }
  }

  /** The channel is closed: undecided transfers are refused, committed messages will be sent again. */
  disconnected(): void {
    this.#requests = [];
    const undecided = [...this.#undecided.values()];
    this.#undecided.clear();
    for (const transfer of undecided) this.#options.refuse(transfer, UNREACHABLE);
  }

  /** A session begins: sends every message again that is not durable at the other shard. */
  resend(): void {
    this.#sentUpTo = this.#acknowledgedUpTo;
    this.#send();
  }

  acknowledged(
    part: Readonly<{ first: number; upTo: number; epoch: number; seq: number; accounts: readonly number[] }>,
  ): void {
    const { peer, failpoints } = this.#options;
    failpoints.pass("before_settle");
    const { first, upTo, epoch, seq, accounts } = part;
    assert(
      first === this.#acknowledgedUpTo + 1,
      "within a session every message is acknowledged once, in order",
    );
    let at = 0;
    for (let messageSeq = first; messageSeq <= upTo; messageSeq++) {
      const end = at + 3 * accountsOf(this.#exchange.message(messageSeq));
      this.#settle(messageSeq, { shard: peer, epoch, seq, accounts: accounts.slice(at, end) });
      at = end;
    }
    this.#acknowledgedUpTo = upTo;
    failpoints.pass("after_settle");
  }

  /** The greeting of the other shard says that it has these durably; it does not say where, nor with which balances. */
  received(upTo: number): void {
    for (let messageSeq = this.#acknowledgedUpTo + 1; messageSeq <= upTo; messageSeq++)
      this.#settle(messageSeq, undefined);
    this.#acknowledgedUpTo = Math.max(this.#acknowledgedUpTo, upTo);
  }

  #settle(messageSeq: number, credit: CreditPlace | undefined): void {
    const pending = this.#undelivered.get(messageSeq)?.pending;
    this.#undelivered.delete(messageSeq);
    pending?.settle(this.#options.peer, credit);
  }

  /** Sends a message of the open batch when that batch is durable. */
  #sendWithBatch(messageSeq: number): void {
    const { commit } = this.#options;
    if (this.#committed?.batch === commit.openSeq) {
      this.#committed.upTo = messageSeq;
      return;
    }
    const committed = { batch: commit.openSeq, upTo: messageSeq };
    this.#committed = committed;
    commit.whenDurable(commit.openSeq, () => {
      this.#durableUpTo = committed.upTo;
      this.#send();
    });
  }

  /** Sends the messages of durable batches that were not sent in this session. */
  #send(): void {
    const { session, failpoints } = this.#options;
    if (!session.connected || this.#durableUpTo <= this.#sentUpTo) return;
    failpoints.pass("before_send");
    while (this.#sentUpTo < this.#durableUpTo) {
      const upTo = Math.min(this.#sentUpTo + MESSAGES_PER_PART_MAX, this.#durableUpTo);
      const pins: number[] = [];
      let timeMs = 0;
      let messageSeq = this.#sentUpTo + 1;
      for (; messageSeq <= upTo && this.#writer.bytes < PART_BYTES_MAX; messageSeq++) {
        const message = this.#exchange.message(messageSeq);
        this.#writer.add(message);
        pins.push(this.#undelivered.get(messageSeq)?.pin ?? 0);
        timeMs = message.op === "credit" ? message.createdAtMs : message.sentAtMs;
      }
      session.push([PART.messages, timeMs, this.#writer.take(), pins]);
      this.#sentUpTo = messageSeq - 1;
    }
    session.flush();
    failpoints.pass("after_send");
  }
}

/** The number of accounts whose balances the acknowledgement of a message reports. */
function accountsOf(message: Message): number {
  if (message.op === "credit") return 1;
  if (message.op === "notice") return 0;
  return message.legs.filter(({ account }) => !isSystemAccount(account)).length;
}
