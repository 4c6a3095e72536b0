/**
 * One shard's end of the way to another: the protocol of transfers across shards.
 *
 *     debit side                                   credit side
 *     ask: may this account be credited?     →     pin it, or say why not
 *     decide; the record is the commit       ←     answer
 *     durable: send the credit               →     apply, log
 *     answer the callers; forget             ←     durable: acknowledge
 *
 * A channel is a session. When one shard starts anew there is another channel, both greet each other with what they have
 * sent and received, and what is missing is sent again; within a session nothing is lost or comes twice.
 */
import type { Exchange } from "../../actors/ledger/exchange.ts";
import { decode, encode } from "../../actors/records/pack.ts";
import { LogError } from "../../wal/wal.ts";
import type { Channel } from "../channels/channel.ts";
import type { ChannelEnd, openChannel } from "../channels/open-channel.ts";
import type { GroupCommit } from "../shard/group-commit.ts";
import { CreditReservations } from "./credit-reservations.ts";
import { CreditSide, type CreditSideOptions } from "./credit-side.ts";
import { DebitSide, type DebitSideOptions } from "./debit-side.ts";
import { PART, type Part, type Session } from "./peer-messages.ts";
import { PrepareClient, type PrepareClientOptions } from "./prepare-client.ts";
import { PrepareHandler, type PrepareHandlerOptions } from "./prepare-handler.ts";

/** A parked transfer that got no answer for so long is given back: it is certainly not done. */
const ASK_MS_MAX = 5_000;
/** Names of reservations in one part. */
const IDS_PER_PART_MAX = 4096;

export type PeerLinkOptions = Omit<
  DebitSideOptions & CreditSideOptions & PrepareClientOptions & PrepareHandlerOptions,
  "session" | "exchange" | "pins"
> &
  Readonly<{
    self: number;
    peer: number;
    commit: GroupCommit;
    open: typeof openChannel;
    /** No messages are taken for now. */
    isHalted: () => boolean;
    onError: (error: unknown) => void;
    /** Something has come, or the channel has gone. */
    onChange: () => void;
  }>;

export class PeerLink implements Session {
  readonly debit: DebitSide;
  readonly credit: CreditSide;
  /** Of transfers whose home is here. */
  readonly legs: PrepareClient;
  readonly #legsHere: PrepareHandler;
  readonly #options: PeerLinkOptions;
  readonly #exchange: Exchange;
  #channel: Channel | undefined;
  #begun = false;
  #hasGreeted = false;
  #isGreeted = false;
  /** What is to leave at the end of this turn. */
  #outbox: Part[] = [];
  #inbox: Part[] = [];
  /** Of the first part in the inbox so many questions or answers are handled. */
  #handled = 0;
  /** What the other side has said, before its greeting, that it keeps for transfers of this one. */
  #reserved: string[] = [];
  #pins = 0;
  number = 0;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.#exchange = options.ledger.exchange(options.peer);
    const shared = { ...options, exchange: this.#exchange, session: this, pins: new CreditReservations() };
    this.debit = new DebitSide(shared);
    this.credit = new CreditSide(shared);
    this.legs = new PrepareClient(shared);
    this.#legsHere = new PrepareHandler(shared);
  }

  get connected(): boolean {
    return this.#hasGreeted && this.#isGreeted;
  }

  newPin(): number {
    this.#pins += 1;
    return this.#pins;
  }

  /** There is a channel, on which both sides have not greeted yet. */
  get awaitsGreeting(): boolean {
    return this.#channel !== undefined && !this.connected;
  }

  /** Transfers that wait for the other shard, while there is a way to it. */
  get waiting(): number {
    return this.#channel === undefined ? 0 : this.debit.waiting + this.legs.waiting;
  }

  /** The log is replayed: from here on the link speaks. */
  begin(): void {
    this.#begun = true;
    this.debit.begin();
    if (this.#channel !== undefined) this.#greet();
    this.resume();
  }

  /** A new way to the other shard; the one before is void. */
  attach(end: ChannelEnd): void {
    this.#interrupt();
    this.#channel = this.#options.open(end, {
      receive: (bytes) => {
        this.#guarded(() => this.#inbox.push(...(decode(bytes) as Part[])));
      },
      closed: () => this.#guarded(() => this.#interrupt()),
    });
    if (this.#begun) this.#greet();
  }

  /** Gives back what has waited too long for an answer. */
  expire(): void {
    const sinceMs = performance.now() - ASK_MS_MAX;
    this.debit.expire(sinceMs);
    this.legs.expire(sinceMs);
  }

  /** Handles what has arrived, as far as it may go into the open batch. */
  resume(): void {
    if (!this.#begun) return;
    let handled = 0;
    while (handled < this.#inbox.length && this.#take(this.#inbox[handled] as Part)) handled += 1;
    if (handled > 0) this.#inbox.splice(0, handled);
  }

  push(part: Part): void {
    if (this.#outbox.length === 0) queueMicrotask(() => this.flush());
    this.#outbox.push(part);
  }

  flush(): void {
    if (this.#outbox.length === 0) return;
    const parts = this.#outbox;
    this.#outbox = [];
    this.debit.flushed();
    this.legs.flushed();
    this.#channel?.post(encode(parts));
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
    this.#outbox = [];
  }

  #greet(): void {
    const { commit } = this.#options;
    const { number } = this;
    // What is in batches on their way counts once they are durable; nothing more crosses before both have greeted.
    commit.whenDurable(commit.newestSeq, () => {
      if (this.number !== number) return;
      const { sent, received } = this.#exchange;
      const ids = this.#options.ledger.compound.reservations.idsOf(this.#options.peer);
      for (let at = 0; at < ids.length; at += IDS_PER_PART_MAX)
        this.push([PART.reserved, ids.slice(at, at + IDS_PER_PART_MAX)]);
      this.push([PART.greeting, sent, received, this.debit.delivered]);
      this.#hasGreeted = true;
      if (this.connected) this.debit.resend();
    });
  }

  #compareNotes(sent: number, received: number, delivered: number): void {
    const mine = this.#exchange;
    const { self, peer } = this.#options;
    if (received > mine.sent || delivered > mine.received) throw lostEnd(self, peer);
    if (mine.received > sent || this.debit.delivered > received) throw lostEnd(peer, self);
    this.#isGreeted = true;
    this.#releaseUnknown();
    this.debit.received(received);
    this.credit.greeted(sent);
    if (this.connected) this.debit.resend();
  }

  /**
   * Attempts that the other side has reserved for, and that this one knows nothing of, came to nothing when this shard, or
   * the way to it, ended. What is committed is still to be sent, or a pending transfer.
   */
  #releaseUnknown(): void {
    const ids = this.#reserved;
    if (ids.length === 0) return;
    this.#reserved = [];
    const { pending } = this.#options.ledger.compound;
    const sent = new Set(
      this.#exchange.kept.map(({ message }) => (message.op === "portion" ? message.transfer.id : "")),
    );
    for (const id of ids) if (!sent.has(id) && pending.get(id) === undefined) this.push([PART.release, id]);
  }

  #interrupt(): void {
    this.number += 1;
    this.#channel?.close();
    this.#channel = undefined;
    this.#hasGreeted = false;
    this.#isGreeted = false;
    this.#outbox = [];
    this.#inbox = [];
    this.#handled = 0;
    this.#reserved = [];
    this.debit.interrupt();
    this.legs.interrupt();
    this.credit.interrupt();
  }

  /** False when it has to wait for the next batch. */
  #take(part: Part): boolean {
    switch (part[0]) {
      case PART.greeting:
        this.#compareNotes(part[1], part[2], part[3]);
        return true;
      case PART.ask:
        this.credit.pin(part[1]);
        return true;
      case PART.answer:
        return this.#takeEach(part[1], (answer) => this.debit.answered(answer));
      case PART.unpin:
        this.#legsHere.unpin(part[1]);
        return true;
      case PART.messages:
        if (this.#options.isHalted() || !this.#hasRoom() || !this.#options.commit.reaches(part[1]))
          return false;
        this.credit.receive(part[2], part[3]);
        return true;
      case PART.acknowledge: {
        const [, upTo, epoch, seq, accounts, first] = part;
        this.debit.acknowledged({ first, upTo, epoch, seq, accounts });
        return true;
      }
      case PART.ask_legs:
        return this.#takeEach(part[1], this.#legsHere.examine);
      case PART.answer_legs:
        return this.#takeEach(part[1], (answer) => this.legs.answered(answer));
      case PART.reserved:
        this.#reserved.push(...part[1]);
        return true;
      case PART.release:
        if (!this.#hasRoom()) return false;
        this.#legsHere.release(part[1]);
        return true;
      case PART.released:
        this.legs.released(part[1]);
        return true;
    }
  }

  /** Each may add a record, and all of one turn come in one part: those for which there is no room wait. */
  #takeEach<T>(items: readonly T[], take: (item: T) => void): boolean {
    while (this.#handled < items.length) {
      if (!this.#hasRoom()) return false;
      take(items[this.#handled++] as T);
    }
    this.#handled = 0;
    return true;
  }

  #hasRoom(): boolean {
    return !this.#options.commit.full;
  }

  #guarded(work: () => void): void {
    try {
      work();
      this.#options.onChange();
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

/** What one shard has received and the other has no record of sending can only mean that a log lost its end. */
function lostEnd(loser: number, witness: number): LogError {
  return new LogError(
    "log_lost_data",
    `the log of shard ${loser} has lost its end: shard ${witness} holds more of what they sent each other than it does. Restore it from a copy; starting without it would make or lose money`,
  );
}
