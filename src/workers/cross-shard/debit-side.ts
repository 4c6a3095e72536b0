/**
 * The way to one other shard, for transfers that are decided here: park and ask, decide, send what is durable, answer
 * what is acknowledged.
 */
import type { Exchange, Message } from "../../actors/ledger/exchange.ts";
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import { CommandWriter } from "../../actors/records/codec.ts";
import type { Rejected, RemoteCredit, TransferSent } from "../../actors/records/command.ts";
import { assert } from "../../errors/assert.ts";
import { OVERLOADED, StillDue, type Waiter } from "../shard/clock/expiry-waits.ts";
import type { Failpoints } from "../shard/failpoint.ts";
import type { GroupCommit } from "../shard/group-commit.ts";
import { REFUSED, type Refused } from "../shard/messages.ts";
import type { CrossShardTransfer } from "./cross-shard-transfer.ts";
import { type Ask, NOT_NOW, PART, PINNED, type PinAnswer, type Session } from "./peer-messages.ts";
import type { CreditPlace, PendingReply } from "./pending-reply.ts";

/** Messages in one part. */
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
   * Decides a parked transfer with what was said of its credit account, and puts it into the open batch; or returns what it
   * has to wait for.
   */
  decide: (crossing: CrossShardTransfer, remote: RemoteCredit) => TransferSent | Rejected | StillDue;
  /** Waits until nothing is due there any more. */
  waitFor: (still: StillDue, waiter: Waiter) => void;
  /** Gives a parked transfer back undone. */
  giveBack: (crossing: CrossShardTransfer, refused: Refused) => void;
}>;

export class DebitSide {
  readonly #options: DebitSideOptions;
  readonly #exchange: Exchange;
  readonly #writer = new CommandWriter();
  /** What is asked in this turn. */
  #asks: Ask[] = [];
  /** Parked transfers by pin, oldest first. */
  readonly #asked = new Map<number, CrossShardTransfer>();
  /** Committed ones by the number of their message, oldest first. */
  readonly #underWay = new Map<number, Readonly<{ parked: PendingReply | undefined; pin: number }>>();
  /** Messages up to this one: are in durable batches; have left in this session; are durable at the other shard. */
  #durable = 0;
  #handedOver = 0;
  #acknowledged = 0;
  /** Messages in the open batch, to leave with it. */
  #committed: { readonly batch: number; upTo: number } | undefined;

  constructor(options: DebitSideOptions) {
    this.#options = options;
    this.#exchange = options.exchange;
  }

  /** The log is replayed: all that it holds is durable. */
  begin(): void {
    this.#durable = this.#exchange.sent;
    this.#acknowledged = this.#exchange.forgotten;
  }

  /** Transfers that wait for the other shard. */
  get waiting(): number {
    return this.#asked.size + this.#underWay.size;
  }

  /** Messages up to this one are durable at the other shard, as it has said. */
  get delivered(): number {
    return this.#acknowledged;
  }

  /** Parks a transfer until the other shard has said whether its credit account takes it. */
  ask(crossing: CrossShardTransfer): void {
    this.#options.failpoints.pass("before_ask");
    const pin = this.#options.session.newPin();
    this.#asked.set(pin, crossing);
    const { partner, credit, amount, act } = crossing.command;
    if (this.#asks.length === 0) this.#options.session.push([PART.ask, this.#asks]);
    this.#asks.push([pin, partner, credit, amount, act?.programme ?? null]);
  }

  /** What was pushed has left: the next question begins a new part. */
  flushed(): void {
    if (this.#asks.length > 0) this.#asks = [];
  }

  /** The open batch holds message `no`: once it is durable the message leaves, and `parked` hears when it has come. */
  commit(no: number, parked: PendingReply | undefined, pin: number): void {
    this.#underWay.set(no, { parked, pin });
    this.#sendWithBatch(no);
  }

  answered(answer: PinAnswer): void {
    const { failpoints, waitFor } = this.#options;
    if (this.#asked.has(answer[0])) failpoints.pass("after_ask");
    const still = this.#decide(answer);
    if (still === undefined) return;
    waitFor(still, {
      resume: () => this.#decide(answer),
      giveUp: () => this.#giveBack(answer, OVERLOADED),
    });
  }

  /** @returns what the transfer has to wait for. */
  #decide(answer: PinAnswer): StillDue | undefined {
    const [pin, verdict, asset] = answer;
    const crossing = this.#asked.get(pin);
    if (crossing === undefined || verdict === NOT_NOW) {
      this.#giveBack(answer, UNREACHABLE);
      return undefined;
    }
    const refusal = verdict === PINNED ? null : verdict;
    const remote = refusal === "account_not_found" ? null : { asset, refusal };
    const outcome = this.#options.decide(crossing, remote);
    // Meanwhile it may be given back like all that are asked for.
    if (outcome instanceof StillDue) return outcome;
    this.#asked.delete(pin);
    if (outcome.ok) this.commit(outcome.no, crossing, pin);
    else if (verdict === PINNED) this.#options.session.push([PART.unpin, pin]);
    return undefined;
  }

  /** It will not be done, if it was not given back before. */
  #giveBack([pin, verdict]: PinAnswer, refused: Refused): void {
    const crossing = this.#asked.get(pin);
    this.#asked.delete(pin);
    if (verdict === PINNED) this.#options.session.push([PART.unpin, pin]);
    if (crossing !== undefined) this.#options.giveBack(crossing, refused);
  }

  /** Whether message `no` is not known to be durable at the other shard. */
  isUnderWay(no: number): boolean {
    return no > this.#acknowledged;
  }

  /** Who waits for message `no`; absent after a restart, since when nobody has asked. */
  waitingFor(no: number): PendingReply | undefined {
    return this.#underWay.get(no)?.parked;
  }

  /** Waits for a message that was sent before. */
  join(no: number, parked: PendingReply): void {
    const pin = this.#underWay.get(no)?.pin ?? 0;
    this.#underWay.set(no, { parked, pin });
  }

  /** Gives back what was asked before `sinceMs` and has no answer yet. */
  expire(sinceMs: number): void {
    for (const [pin, crossing] of this.#asked) {
      if (crossing.askedAtMs > sinceMs) return;
      this.#asked.delete(pin);
      this.#options.giveBack(crossing, UNREACHABLE);
    }
  }

  /** There is no way to the other shard: what is not decided will not be done, what is committed will be sent again. */
  interrupt(): void {
    this.#asks = [];
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const crossing of asked) this.#options.giveBack(crossing, UNREACHABLE);
  }

  /** A session begins: what the other shard does not have durably leaves again. */
  resend(): void {
    this.#handedOver = this.#acknowledged;
    this.#send();
  }

  acknowledged(
    part: Readonly<{ first: number; upTo: number; epoch: number; seq: number; accounts: readonly number[] }>,
  ): void {
    const { peer, failpoints } = this.#options;
    failpoints.pass("before_settle");
    const { first, upTo, epoch, seq, accounts } = part;
    assert(first === this.#acknowledged + 1, "within a session every message is acknowledged once, in order");
    let at = 0;
    for (let no = first; no <= upTo; no++) {
      const end = at + 3 * accountsOf(this.#exchange.message(no));
      this.#settle(no, { shard: peer, epoch, seq, accounts: accounts.slice(at, end) });
      at = end;
    }
    this.#acknowledged = upTo;
    failpoints.pass("after_settle");
  }

  /** All that the other shard says is that it has these. */
  received(upTo: number): void {
    for (let no = this.#acknowledged + 1; no <= upTo; no++) this.#settle(no, undefined);
    this.#acknowledged = Math.max(this.#acknowledged, upTo);
  }

  #settle(no: number, credit: CreditPlace | undefined): void {
    const parked = this.#underWay.get(no)?.parked;
    this.#underWay.delete(no);
    parked?.settle(this.#options.peer, credit);
  }

  /** The open batch holds message `no`: once it is durable, the message leaves. */
  #sendWithBatch(no: number): void {
    const { commit } = this.#options;
    if (this.#committed?.batch === commit.openSeq) {
      this.#committed.upTo = no;
      return;
    }
    const committed = { batch: commit.openSeq, upTo: no };
    this.#committed = committed;
    commit.whenDurable(commit.openSeq, () => {
      this.#durable = committed.upTo;
      this.#send();
    });
  }

  /** Messages of durable batches that have not left yet. */
  #send(): void {
    const { session, failpoints } = this.#options;
    if (!session.connected || this.#durable <= this.#handedOver) return;
    failpoints.pass("before_send");
    while (this.#handedOver < this.#durable) {
      const upTo = Math.min(this.#handedOver + MESSAGES_PER_PART_MAX, this.#durable);
      const pins: number[] = [];
      let timeMs = 0;
      let no = this.#handedOver + 1;
      for (; no <= upTo && this.#writer.bytes < PART_BYTES_MAX; no++) {
        const message = this.#exchange.message(no);
        this.#writer.add(message);
        pins.push(this.#underWay.get(no)?.pin ?? 0);
        timeMs = message.op === "credit" ? message.createdAtMs : message.sentAtMs;
      }
      session.push([PART.messages, timeMs, this.#writer.take(), pins]);
      this.#handedOver = no - 1;
    }
    session.flush();
    failpoints.pass("after_send");
  }
}

/** How many accounts the acknowledgement of a message speaks of. */
function accountsOf(message: Message): number {
  if (message.op === "credit") return 1;
  if (message.op === "notice") return 0;
  return message.legs.filter(({ account }) => !isSystemAccount(account)).length;
}
