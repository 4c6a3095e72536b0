/**
 * One shard's end of the link to another shard, and the protocol of cross-shard transfers of one posting:
 *
 *     debit's shard                                credit's shard
 *     pin request: may it be credited?       →     pin the account in memory, or refuse
 *     decide; this record is the commit      ←     answer
 *     batch durable: send the credit         →     apply and log it
 *     reply to the callers                   ←     batch durable: acknowledge
 *     log `delivered`; forget the message
 *
 * The pin keeps the account open and room for the credit, so a committed credit never fails. An undecided transfer
 * that loses its shard or its channel is refused; a committed one is sent until it is acknowledged.
 *
 * A channel is a session. A restarted shard gets a new channel. Both sides then greet each other with the numbers of
 * the messages that they have sent and received, and send the missing ones again. Within a session no message is lost
 * or comes twice. Compound transfers use the same link: see `compound-coordinator.ts`.
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

/** A transfer that is not decided within this time is refused; nothing of it was logged. */
const ASK_MS_MAX = 5_000;
/** Ids of reservations in one part. */
const IDS_PER_PART_MAX = 4096;

export type PeerLinkOptions = Omit<
  DebitSideOptions & CreditSideOptions & PrepareClientOptions & PrepareHandlerOptions,
  "session" | "exchange" | "reservations"
> &
  Readonly<{
    self: number;
    peer: number;
    commit: GroupCommit;
    open: typeof openChannel;
    /** A cut is being made: messages must wait. */
    isHalted: () => boolean;
    onError: (error: unknown) => void;
    /** A message has arrived, or the channel has closed. */
    onChange: () => void;
  }>;

export class PeerLink implements Session {
  readonly debit: DebitSide;
  readonly credit: CreditSide;
  /** For compound transfers whose home is here. */
  readonly prepareClient: PrepareClient;
  /** For compound transfers whose home is the other shard. */
  readonly #prepareHandler: PrepareHandler;
  readonly #options: PeerLinkOptions;
  readonly #exchange: Exchange;
  #channel: Channel | undefined;
  #begun = false;
  #sentGreeting = false;
  #gotGreeting = false;
  /** Parts that are sent at the end of this turn. */
  #outbox: Part[] = [];
  #inbox: Part[] = [];
  /** Number of items of the first part in the inbox that are handled. */
  #handled = 0;
  /** Reservations for transfers of this shard, as listed by the other side before its greeting. */
  #reserved: string[] = [];
  #pins = 0;
  number = 0;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.#exchange = options.ledger.exchange(options.peer);
    const shared = {
      ...options,
      exchange: this.#exchange,
      session: this,
      reservations: new CreditReservations(),
    };
    this.debit = new DebitSide(shared);
    this.credit = new CreditSide(shared);
    this.prepareClient = new PrepareClient(shared);
    this.#prepareHandler = new PrepareHandler(shared);
  }

  get connected(): boolean {
    return this.#sentGreeting && this.#gotGreeting;
  }

  newPin(): number {
    this.#pins += 1;
    return this.#pins;
  }

  /** There is a channel, and the two greetings are not complete. */
  get awaitsGreeting(): boolean {
    return this.#channel !== undefined && !this.connected;
  }

  /** Number of commands that wait for the other shard; 0 while there is no channel. */
  get waiting(): number {
    return this.#channel === undefined ? 0 : this.debit.waiting + this.prepareClient.waiting;
  }

  /** Called when the log is replayed: from now on the link sends and handles messages. */
  begin(): void {
    this.#begun = true;
    this.debit.begin();
    if (this.#channel !== undefined) this.#sendGreeting();
    this.resume();
  }

  /** Opens a new channel to the other shard and closes an earlier one. */
  attach(end: ChannelEnd): void {
    this.#disconnect();
    this.#channel = this.#options.open(end, {
      receive: (bytes) => {
        this.#guarded(() => this.#inbox.push(...(decode(bytes) as Part[])));
      },
      closed: () => this.#guarded(() => this.#disconnect()),
    });
    if (this.#begun) this.#sendGreeting();
  }

  /** Refuses transfers that have waited too long for an answer. */
  expire(): void {
    const sinceMs = performance.now() - ASK_MS_MAX;
    this.debit.expire(sinceMs);
    this.prepareClient.expire(sinceMs);
  }

  /** Handles the inbox in order, until a part has to wait for a later batch. */
  resume(): void {
    if (!this.#begun) return;
    let handled = 0;
    while (handled < this.#inbox.length && this.#handle(this.#inbox[handled] as Part)) handled += 1;
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
    this.prepareClient.flushed();
    this.#channel?.post(encode(parts));
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
    this.#outbox = [];
  }

  #sendGreeting(): void {
    const { commit } = this.#options;
    const { number } = this;
    // A greeting acknowledges received messages, so it waits until their batches are durable. No more can arrive
    // before both sides have greeted.
    commit.whenDurable(commit.newestSeq, () => {
      if (this.number !== number) return;
      const { sent, received } = this.#exchange;
      const ids = this.#options.ledger.compound.reservations.idsOf(this.#options.peer);
      for (let at = 0; at < ids.length; at += IDS_PER_PART_MAX)
        this.push([PART.reserved, ids.slice(at, at + IDS_PER_PART_MAX)]);
      this.push([PART.greeting, sent, received, this.debit.delivered]);
      this.#sentGreeting = true;
      if (this.connected) this.debit.resend();
    });
  }

  /** Compares the greeting of the other side with our own counts. @throws LogError `log_lost_data` */
  #reconcile(sent: number, received: number, delivered: number): void {
    const own = this.#exchange;
    const { self, peer } = this.#options;
    if (received > own.sent || delivered > own.received) throw lostEnd(self, peer);
    if (own.received > sent || this.debit.delivered > received) throw lostEnd(peer, self);
    this.#gotGreeting = true;
    this.#releaseUnknown();
    this.debit.received(received);
    this.credit.greeted(sent);
    if (this.connected) this.debit.resend();
  }

  /**
   * Releases the other side's reservations of attempts that were lost when this shard or the channel ended. A committed
   * attempt is known here: as a message that is kept, or as a pending transfer.
   */
  #releaseUnknown(): void {
    const ids = this.#reserved;
    this.#reserved = [];
    const { pending } = this.#options.ledger.compound;
    const sent = new Set(
      this.#exchange.kept.map(({ message }) => (message.op === "portion" ? message.transfer.id : "")),
    );
    this.prepareClient.greeted(ids.filter((id) => !sent.has(id) && pending.get(id) === undefined));
  }

  #disconnect(): void {
    this.number += 1;
    this.#channel?.close();
    this.#channel = undefined;
    this.#sentGreeting = false;
    this.#gotGreeting = false;
    this.#outbox = [];
    this.#inbox = [];
    this.#handled = 0;
    this.#reserved = [];
    this.debit.disconnected();
    this.prepareClient.disconnected();
    this.credit.disconnected();
  }

  /** @returns false if the part has to wait for a later batch. */
  #handle(part: Part): boolean {
    switch (part[0]) {
      case PART.greeting:
        this.#reconcile(part[1], part[2], part[3]);
        return true;
      case PART.ask:
        this.credit.pin(part[1]);
        return true;
      case PART.answer:
        return this.#handleEach(part[1], (answer) => this.debit.answered(answer));
      case PART.unpin:
        this.#prepareHandler.unpin(part[1]);
        return true;
      case PART.messages:
        // Later than their cause, so that in the order by log time no event comes before its cause.
        if (this.#options.isHalted() || !this.#hasRoom() || !this.#options.commit.reaches(part[1] + 1))
          return false;
        this.credit.receive(part[2], part[3]);
        return true;
      case PART.acknowledge: {
        const [, upTo, epoch, seq, accounts, first] = part;
        this.debit.acknowledged({ first, upTo, epoch, seq, accounts });
        return true;
      }
      case PART.ask_legs:
        return this.#handleEach(part[1], this.#prepareHandler.examine);
      case PART.answer_legs:
        return this.#handleEach(part[1], (answer) => this.prepareClient.answered(answer));
      case PART.reserved:
        this.#reserved.push(...part[1]);
        return true;
      case PART.release:
        if (!this.#hasRoom()) return false;
        this.#prepareHandler.release(part[1]);
        return true;
      case PART.released:
        this.prepareClient.released(part[1]);
        return true;
    }
  }

  /** Handles the items of one part while the open batch has room, because each may add a record. */
  #handleEach<T>(items: readonly T[], handle: (item: T) => void): boolean {
    while (this.#handled < items.length) {
      if (!this.#hasRoom()) return false;
      handle(items[this.#handled++] as T);
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

/** One shard has received a message that the other has no record of sending: the sender's log has lost its end. */
function lostEnd(loser: number, witness: number): LogError {
  return new LogError(
    "log_lost_data",
    `the log of shard ${loser} has lost its end: shard ${witness} holds messages between the two that it does not hold. Restore that log from a copy; serving without these messages would create or lose money`,
  );
}
