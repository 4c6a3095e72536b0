/** All that a shard has to do with the others: transfers that cross to them, and what came from them. */
import type { KeyEntry } from "../../actors/idempotency/key-table.ts";
import { type Account, type Balance, DECIDED_MAX } from "../../actors/ledger/account.ts";
import { haveSameKey, scopeOf } from "../../actors/ledger/command-home.ts";
import type { Message } from "../../actors/ledger/exchange.ts";
import type { Ledger, Place } from "../../actors/ledger/ledger.ts";
import { isSystemAccount, shardOfVnode, vnodeOfAccount } from "../../actors/ledger/routing.ts";
import { decidePortion } from "../../actors/ledger/transfers/compound.ts";
import type {
  ActAlone,
  ActDone,
  Command,
  Delivered,
  Outcome,
  Recorded,
  RemoteCredit,
  Transfer,
} from "../../actors/records/command.ts";
import type { Leg, Purpose } from "../../actors/records/compound-command.ts";
import { assert } from "../../errors/assert.ts";
import type { ChannelEnd, openChannel } from "../channels/open-channel.ts";
import type { StillDue, Waiter } from "../shard/clock/expiry-waits.ts";
import type { Failpoints } from "../shard/failpoint.ts";
import type { GroupCommit } from "../shard/group-commit.ts";
import { type Credits, REFUSED, type Refused } from "../shard/messages.ts";
import { CompoundCoordinator } from "./compound-coordinator.ts";
import { CrossShardTransfer } from "./cross-shard-transfer.ts";
import { UNREACHABLE } from "./debit-side.ts";
import { PeerLink } from "./peer-link.ts";
import {
  type CreditPlace,
  type PackedCommand,
  PendingReply,
  packedAlone,
  Rejoined,
  type TimedPlace,
} from "./pending-reply.ts";

export class Announcement extends PendingReply<ActAlone> {
  readonly #place: TimedPlace;
  readonly #outcome: ActDone;
  readonly #heard: Credits[number][] = [];
  #missing: number;

  constructor(command: ActAlone, packed: PackedCommand, place: TimedPlace, outcome: ActDone) {
    super(command, packed);
    this.#place = place;
    this.#outcome = outcome;
    this.#missing = outcome.told?.length ?? 0;
  }

  settle(_peer: number, credit: CreditPlace | undefined): void {
    this.#missing -= 1;
    if (credit !== undefined) this.#heard.push([credit.shard, credit.epoch, credit.seq]);
    if (this.#missing === 0) this.crossed(this.#place, this.#heard, this.#outcome);
  }
}

/**
 * A debit larger than this in a batch that is not durable yet makes answers about room wait for that batch. Smaller ones
 * may be lost after an account was pinned on the strength of them: two batches of them come to less than 2^46.
 */
const LARGE = 2 ** 30;

export type PeersOptions = Readonly<{
  self: number;
  shards: number;
  ledger: Ledger;
  commit: GroupCommit;
  failpoints: Failpoints;
  open: typeof openChannel;
  newTransferId: (vnode: number) => string;
  /** Puts what was decided at the open batch's time into the ledger and into that batch. */
  record: (command: Command, packed: PackedCommand, outcome: Recorded) => Place;
  /** Settles first what is due on these accounts; returns on which there is too much for that. */
  expireDue: (partner: string, accounts: readonly string[]) => StillDue | undefined;
  /** The same for all that a command's decision depends on here. */
  expireFor: (command: Command) => StillDue | undefined;
  /** Waits until nothing is due there any more. */
  waitFor: (still: StillDue, waiter: Waiter) => void;
  /** No messages of other shards are taken for now. */
  isHalted: () => boolean;
  /** Of messages to this shard, those up to this number are not needed by any cut. */
  forgettable: (peer: number) => number;
  onError: (error: unknown) => void;
  /** Something has come, or a channel has gone. */
  onChange: () => void;
}>;

export class Peers {
  readonly #options: PeersOptions;
  /** By the number of the other shard. */
  readonly #links = new Map<number, PeerLink>();
  readonly runs: CompoundCoordinator;
  /** Parked transfers by the scope of their key. */
  readonly #parked = new Map<string, PendingReply>();
  /** The newest batch in which an account was opened or changed. */
  #newestChange = 0;
  #settled = false;
  /** Until all is settled, nothing may take a balance further than this from zero (ADR 15). */
  readonly #unsettledMax: number;

  constructor(options: PeersOptions) {
    this.#options = options;
    const { self, shards } = options;
    this.#unsettledMax = DECIDED_MAX / 2 / shards;
    this.runs = new CompoundCoordinator({
      ...options,
      linkTo: (peer) => this.#linkTo(peer),
      mustWaitFor: (partner, legs, purpose) => this.#mustWaitFor(partner, legs, purpose),
      park: (parked) => this.#park(parked),
      unpark: (parked) => this.#unpark(parked),
    });
    for (let peer = 0; peer < shards; peer++) {
      if (peer === self) continue;
      const link = new PeerLink({
        ...options,
        peer,
        decide: (crossing, remote) => this.#decide(crossing, remote, peer),
        giveBack: (crossing, refused) => {
          this.#unpark(crossing);
          crossing.giveBack(refused);
        },
        onAnswer: this.runs.answered,
        take: (message, source, start, end) => this.#take(message, { source, start, end }),
        mustWait: (account, amount) => this.#mustWait(account, amount),
        mustWaitFor: (partner, legs, purpose) => this.#mustWaitFor(partner, legs, purpose),
        gateOf: (account) =>
          isLimited(account) ? account.batch : Math.min(account.batch, this.#newestChange),
      });
      this.#links.set(peer, link);
    }
  }

  attach(peer: number, end: ChannelEnd): void {
    this.#links.get(peer)?.attach(end);
  }

  /** The log is replayed. */
  begin(): void {
    for (const link of this.#links.values()) link.begin();
  }

  /** Whether there is a channel on which both sides have not greeted yet. */
  get awaitsGreeting(): boolean {
    return [...this.#links.values()].some((link) => link.awaitsGreeting);
  }

  /** Transfers that wait for another shard, while there is a way to it. */
  get waiting(): number {
    let waiting = 0;
    for (const link of this.#links.values()) waiting += link.waiting;
    return waiting;
  }

  /** Whether all has come that other shards had committed before this one started. Once it has, it stays so. */
  get settled(): boolean {
    this.#settled ||= [...this.#links.values()].every((link) => link.credit.isSettled);
    return this.#settled;
  }

  /**
   * Whether what is still to come, and was committed before this shard started, may need the room that a transfer of one
   * posting needs here.
   */
  mustWaitForTransfer({ partner, debit, credit, amount, vnode }: Transfer): boolean {
    if (this.settled) return false;
    const { accounts } = this.#options.ledger.compound.bookOf(partner);
    const account = accounts.get(credit);
    const asset = (account ?? accounts.get(debit))?.asset;
    const [slice] = [debit, credit].filter(isSystemAccount);
    if (account !== undefined && this.#mustWait(account, amount)) return true;
    return slice !== undefined && this.#sliceMustWait(partner, slice, asset, vnode, amount);
  }

  /** An account was opened or changed in batch `seq`: what is said of its rules depends on that. */
  noteChange(seq: number): void {
    this.#newestChange = seq;
  }

  /** What batch `seq` holds of a record: see `LARGE`. */
  noteRecord(command: Command, outcome: Recorded, seq: number): void {
    if (command.op === "transfer" || command.op === "credit") {
      if (command.amount > LARGE) this.#newestChange = seq;
    } else if ("moves" in outcome) {
      let moved = 0;
      for (const { amount } of outcome.moves) moved += Math.abs(amount);
      if (moved > LARGE) this.#newestChange = seq;
    }
  }

  /** The shard on which a transfer's credit account is, when it was looked for here in vain; `undefined` otherwise. */
  homeOfCredit(command: Command, outcome: Outcome): number | undefined {
    if (outcome.ok || outcome.code !== "account_not_found" || command.op !== "transfer") return undefined;
    if (outcome.subject !== command.credit) return undefined;
    const home = shardOfVnode(vnodeOfAccount(command.partner, command.credit), this.#options.shards);
    return home === this.#options.self ? undefined : home;
  }

  /** Parks a transfer and asks shard `home` about its credit account. */
  cross(command: Transfer, packed: PackedCommand, home: number): CrossShardTransfer | Refused {
    const link = this.#links.get(home);
    if (link === undefined || !link.connected) return UNREACHABLE;
    const crossing = new CrossShardTransfer(command, packed);
    this.#park(crossing);
    link.debit.ask(crossing);
    return crossing;
  }

  /** Puts an act into the log that all other shards must hear of, and answers once they have. */
  announce(command: ActAlone, packed: PackedCommand, outcome: ActDone): Announcement | Refused {
    const told = outcome.told ?? [];
    // It will reach them whatever happens, and cannot be answered while one of them is away.
    if (told.some(({ to }) => !this.#linkTo(to).connected)) return UNREACHABLE;
    const place = this.#options.record(command, packed, outcome);
    const announcement = new Announcement(command, packed, place, outcome);
    for (const { to, no } of told) this.#linkTo(to).debit.commit(no, announcement, 0);
    return announcement;
  }

  /** What was parked with this command's key. */
  parked(command: Command): PendingReply | Refused | undefined {
    if (command.key === null || this.#parked.size === 0) return undefined;
    const parked = this.#parked.get(scopeOf(command, command.key));
    if (parked === undefined || parked.command.fingerprint === command.fingerprint) return parked;
    return [REFUSED, "idempotency_key_reused"];
  }

  /** The transfer that this key was first used for, while a part of it is not durable yet on its shard. */
  underWay(command: Command, first: KeyEntry): PendingReply | undefined {
    if (!MOVING.has(command.op)) return undefined;
    const { ledger } = this.#options;
    const sent = [...this.#links].flatMap(([peer, { debit }]) => {
      const no = ledger.exchange(peer).numberOf(first);
      return no > 0 && debit.isUnderWay(no) ? [{ debit, no }] : [];
    });
    const known = sent.map(({ debit, no }) => debit.waitingFor(no)).find((parked) => parked !== undefined);
    // Another scope may share the hash: the gateway notices when it reads the record.
    if (known !== undefined && !haveSameKey(known.command, command)) return undefined;
    if (known !== undefined || sent.length === 0) return known;
    const again = new Rejoined(command, first, sent.length);
    for (const { debit, no } of sent) debit.join(no, again);
    return again;
  }

  /**
   * Puts into the open batch what of sent messages need not be kept any longer. Not what has arrived since a cut began:
   * another shard may have been captured without it.
   */
  forget(): void {
    const { forgettable, ledger } = this.#options;
    for (const [peer, link] of this.#links) {
      const upTo = Math.min(link.debit.delivered, forgettable(peer));
      if (upTo <= ledger.exchange(peer).forgotten) continue;
      this.#options.failpoints.pass("before_forget");
      const delivered: Delivered = {
        op: "delivered",
        partner: "",
        key: null,
        fingerprint: 0,
        to: peer,
        upTo,
      };
      this.#options.record(delivered, packedAlone(delivered), { ok: true });
    }
  }

  /** The newest message to this shard that is durable there, as it has said. */
  deliveredTo(peer: number): number {
    return this.#linkTo(peer).debit.delivered;
  }

  /** Handles what had to wait for room. */
  resume(): void {
    for (const link of this.#links.values()) link.resume();
  }

  /** Gives back what has waited too long. */
  expire(): void {
    for (const link of this.#links.values()) link.expire();
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
  }

  #decide(
    crossing: CrossShardTransfer,
    remote: RemoteCredit,
    to: number,
  ): ReturnType<Ledger["decideSend"]> | StillDue {
    const { ledger, commit, record, newTransferId, expireFor } = this.#options;
    // While the other shard was asked, the time of something may have come.
    const still = expireFor(crossing.command);
    if (still !== undefined) return still;
    this.#unpark(crossing);
    const timeMs = commit.openTime();
    const outcome = ledger.decideSend(crossing.command, remote, to, timeMs, newTransferId);
    const place = record(crossing.command, crossing.packed, outcome);
    if (outcome.ok) crossing.sent(place, outcome);
    else crossing.decided(outcome, place);
    return outcome;
  }

  /** Applies a message of another shard, and says how its accounts stand then. */
  #take(message: Message, packed: PackedCommand): readonly number[] {
    const { ledger, commit, record } = this.#options;
    if (message.op === "notice") {
      record(message, packed, { ok: true });
      return [];
    }
    if (message.op === "credit") {
      const credited = ledger.decideCredit(message);
      record(message, packed, credited);
      return [credited.posted, credited.held, credited.seq];
    }
    const outcome = decidePortion(ledger.compound, message, commit.openTime());
    record(message, packed, outcome);
    if (message.legs.length === 0) return [];
    return outcome.moves
      .filter(({ account }) => !isSystemAccount(account))
      .flatMap(({ posted, held, seq }) => [posted, held, seq]);
  }

  #mustWaitFor(partner: string, legs: readonly Leg[], purpose: Purpose): boolean {
    if (this.settled) return false;
    const { ledger } = this.#options;
    const all = legs.reduce((sum, { amount }) => sum + Math.abs(amount), 0);
    return legs.some(({ account: name, counterparty, vnode, amount }) => {
      // A hold keeps no room for its credits, and keeps what it will take.
      if (amount > 0 ? purpose === "hold" : purpose === "capture") return false;
      if (isSystemAccount(name)) {
        const asset = ledger.account(partner, counterparty)?.asset;
        return this.#sliceMustWait(partner, name, asset, vnode, all);
      }
      // Debits of an account are reserved in its log before they are committed.
      const account = amount > 0 ? ledger.account(partner, name) : undefined;
      return account !== undefined && this.#mustWait(account, all);
    });
  }

  #mustWait(account: Account, amount: number): boolean {
    if (this.settled) return false;
    return isLimited(account) || this.#isNearRange(account, account.pinned + account.reserved + amount);
  }

  #sliceMustWait(partner: string, name: string, asset: string | undefined, vnode: number, amount: number) {
    if (asset === undefined) return false;
    const slice = this.#options.ledger.compound.bookOf(partner).sliceOf(name, asset, vnode);
    const { held = 0, pinned = 0, pinnedDebits = 0, reserved = 0 } = slice ?? {};
    return this.#isNearRange(slice, held + pinned + pinnedDebits + reserved + amount);
  }

  #isNearRange(balance: Balance | undefined, announced: number): boolean {
    return Math.abs(balance?.posted ?? 0) + announced > this.#unsettledMax;
  }

  #linkTo(peer: number): PeerLink {
    const link = this.#links.get(peer);
    assert(link !== undefined, "there is a way to every other shard");
    return link;
  }

  #park(parked: PendingReply): void {
    const { command } = parked;
    if (command.key !== null) this.#parked.set(scopeOf(command, command.key), parked);
  }

  #unpark({ command }: PendingReply): void {
    if (command.key !== null) this.#parked.delete(scopeOf(command, command.key));
  }
}

/** Commands whose records may send messages to other shards. */
const MOVING: ReadonlySet<Command["op"]> = new Set([
  "transfer",
  "compound_transfer",
  "post_transfer",
  "void_transfer",
  "revert_transfer",
  "act",
]);

/** Whether how much the account holds decides whether it may be credited. */
function isLimited({ ceiling, velocities }: Account): boolean {
  return ceiling !== null || velocities !== null;
}
