/**
 * The way to one other shard, for transfers whose debit is here: park and ask, decide, send what is durable, answer what
 * is acknowledged.
 */
import { CommandWriter } from "../actors/codec.ts";
import type { Rejected, RemoteCredit, TransferSent } from "../actors/command.ts";
import type { Exchange } from "../actors/exchange.ts";
import { assert } from "../assert.ts";
import type { CreditPlace, Crossing } from "./crossing.ts";
import type { Failpoints } from "./failpoint.ts";
import type { GroupCommit } from "./group-commit.ts";
import { REFUSED, type Refused } from "./messages.ts";
import { type Ask, NOT_NOW, PART, PINNED, type PinAnswer, type Session } from "./peer-messages.ts";

/** A parked transfer that got no answer for so long is given back: it is certainly not done. */
const ASK_MS_MAX = 5_000;
/** Credits in one part: some hundred KB. */
const CREDITS_PER_PART_MAX = 4096;

export const UNREACHABLE: Refused = [REFUSED, "log_unavailable"];

export type DebitSideOptions = Readonly<{
  peer: number;
  exchange: Exchange;
  session: Session;
  commit: GroupCommit;
  failpoints: Failpoints;
  /** Decides a parked transfer with what was said of its credit account, and puts it into the open batch. */
  decide: (crossing: Crossing, remote: RemoteCredit) => TransferSent | Rejected;
  /** Gives a parked transfer back undone. */
  giveBack: (crossing: Crossing, refused: Refused) => void;
}>;

export class DebitSide {
  readonly #options: DebitSideOptions;
  readonly #exchange: Exchange;
  readonly #writer = new CommandWriter();
  #nextPin = 1;
  /** What is asked in this turn. */
  #asks: Ask[] = [];
  /** Parked transfers by pin, oldest first. */
  readonly #asked = new Map<number, Crossing>();
  /** Committed ones by the number of their message, oldest first. */
  readonly #underWay = new Map<number, Readonly<{ crossing: Crossing; pin: number }>>();
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

  /** Messages up to this one need not be kept, which the log does not know yet; 0 when there is nothing new. */
  get forgettable(): number {
    return this.#acknowledged > this.#exchange.forgotten ? this.#acknowledged : 0;
  }

  /** Parks a transfer until the other shard has said whether its credit account takes it. */
  ask(crossing: Crossing): void {
    this.#options.failpoints.pass("before_ask");
    const pin = this.#nextPin++;
    this.#asked.set(pin, crossing);
    const { partner, credit, amount } = crossing.command;
    if (this.#asks.length === 0) this.#options.session.push([PART.ask, this.#asks]);
    this.#asks.push([pin, partner, credit, amount]);
  }

  /** What was pushed has left: the next question begins a new part. */
  flushed(): void {
    if (this.#asks.length > 0) this.#asks = [];
  }

  answered([pin, verdict, asset]: PinAnswer): void {
    const { session, failpoints, giveBack, decide } = this.#options;
    const crossing = this.#asked.get(pin);
    if (crossing === undefined) {
      // It was given back meanwhile.
      if (verdict === PINNED) session.push([PART.unpin, pin]);
      return;
    }
    failpoints.pass("after_ask");
    this.#asked.delete(pin);
    if (verdict === NOT_NOW) {
      giveBack(crossing, UNREACHABLE);
      return;
    }
    const refusal = verdict === PINNED ? null : verdict;
    const outcome = decide(crossing, refusal === "account_not_found" ? null : { asset, refusal });
    if (outcome.ok) {
      this.#underWay.set(outcome.no, { crossing, pin });
      this.#sendWithBatch(outcome.no);
    } else if (verdict === PINNED) session.push([PART.unpin, pin]);
  }

  /** A retry of a committed transfer waits like its first caller; `undefined` when both halves are durable already. */
  join(no: number, again: Crossing): Crossing | undefined {
    if (no <= this.#acknowledged) return undefined;
    const known = this.#underWay.get(no);
    if (known !== undefined) return known.crossing;
    this.#underWay.set(no, { crossing: again, pin: 0 });
    return again;
  }

  /** Gives back what has waited too long for an answer. */
  expire(nowMs: number): void {
    for (const [pin, crossing] of this.#asked) {
      if (nowMs - crossing.askedAtMs < ASK_MS_MAX) return;
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
    part: Readonly<{ upTo: number; epoch: number; seq: number; accounts: readonly number[] }>,
  ): void {
    const { peer, failpoints } = this.#options;
    failpoints.pass("before_settle");
    const { upTo, epoch, seq, accounts } = part;
    const first = upTo + 1 - accounts.length / 3;
    assert(first === this.#acknowledged + 1, "within a session every credit is acknowledged once, in order");
    for (let no = first; no <= upTo; no++) {
      const at = 3 * (no - first);
      const account = {
        posted: accounts[at] as number,
        held: accounts[at + 1] as number,
        seq: accounts[at + 2] as number,
      };
      this.#settle(no, { shard: peer, epoch, seq, account });
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
    this.#underWay.get(no)?.crossing.settle(credit);
    this.#underWay.delete(no);
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
      const upTo = Math.min(this.#handedOver + CREDITS_PER_PART_MAX, this.#durable);
      const pins: number[] = [];
      let timeMs = 0;
      for (let no = this.#handedOver + 1; no <= upTo; no++) {
        const credit = this.#exchange.message(no);
        this.#writer.add(credit);
        pins.push(this.#underWay.get(no)?.pin ?? 0);
        timeMs = credit.createdAtMs;
      }
      session.push([PART.credits, timeMs, this.#writer.take(), pins]);
      this.#handedOver = upTo;
    }
    session.flush();
    failpoints.pass("after_send");
  }
}
