/**
 * The other shards, as one shard sees them: one `PeerLink` each, the commands of this shard that wait for them, and the
 * messages that they send. Start with `peer-link.ts` (one posting) and `compound-coordinator.ts` (any other shape).
 */
import type { KeyEntry } from "../../actors/idempotency/key-table.ts";
import { type Account, type Balance, DECIDED_MAX } from "../../actors/ledger/account.ts";
import { haveSameKey, scopeOf } from "../../actors/ledger/command-home.ts";
import type { Message, TimedRecordPlace } from "../../actors/ledger/exchange.ts";
import type { Ledger } from "../../actors/ledger/ledger.ts";
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
import type { ExpiryBacklog, Waiter } from "../shard/clock/expiry-waits.ts";
import type { Failpoints } from "../shard/failpoint.ts";
import type { GroupCommit } from "../shard/group-commit.ts";
import { REFUSED, type Refused } from "../shard/messages.ts";
import { CompoundCoordinator } from "./compound-coordinator.ts";
import { CrossShardTransfer } from "./cross-shard-transfer.ts";
import { UNREACHABLE } from "./debit-side.ts";
import { NoticeBroadcast } from "./notice-broadcast.ts";
import { PeerLink } from "./peer-link.ts";
import { type PackedCommand, type PendingReply, packedAlone, RetriedCommand } from "./pending-reply.ts";

/**
 * A movement larger than this in a batch that is not durable yet makes pin answers wait for that batch. Smaller ones
 * may be lost after an account was pinned because of the room that they had made: two batches of them sum to less
 * than 2^46.
 */
const LARGE_AMOUNT = 2 ** 30;

export type PeersOptions = Readonly<{
  self: number;
  shards: number;
  ledger: Ledger;
  commit: GroupCommit;
  failpoints: Failpoints;
  open: typeof openChannel;
  newTransferId: (vnode: number) => string;
  /** Applies an outcome decided at the open batch's time, and adds it to that batch. */
  record: (command: Command, packed: PackedCommand, outcome: Recorded) => TimedRecordPlace;
  /** Processes due expiries of these accounts. @returns the first account with more than may be processed now */
  expireDue: (partner: string, accounts: readonly string[]) => ExpiryBacklog | undefined;
  /** As `expireDue`, for every subject on this shard that the command's decision depends on. */
  expireFor: (command: Command) => ExpiryBacklog | undefined;
  /** Resumes the waiter when the backlog is processed. */
  waitFor: (backlog: ExpiryBacklog, waiter: Waiter) => void;
  /** A cut is being made: messages of other shards must wait. */
  isHalted: () => boolean;
  /** Messages to this shard up to this number are not needed by any cut. */
  forgettable: (peer: number) => number;
  onError: (error: unknown) => void;
  /** A message has arrived, or a channel has closed. */
  onChange: () => void;
}>;

export class Peers {
  readonly #options: PeersOptions;
  /** By the number of the other shard. */
  readonly #links = new Map<number, PeerLink>();
  readonly compound: CompoundCoordinator;
  /** Commands that are not decided yet because they wait for another shard, by the scope of their idempotency key. */
  readonly #pending = new Map<string, PendingReply>();
  /** The newest batch that opened or changed an account, or made a movement above `LARGE_AMOUNT`. */
  #newestChange = 0;
  #isCaughtUp = false;
  /** Until this shard has caught up, no transfer may take a balance further than this from zero (ADR 15). */
  readonly #catchUpBalanceMax: number;

  constructor(options: PeersOptions) {
    this.#options = options;
    const { self, shards } = options;
    this.#catchUpBalanceMax = DECIDED_MAX / 2 / shards;
    this.compound = new CompoundCoordinator({
      ...options,
      linkTo: (peer) => this.#linkTo(peer),
      mustWaitFor: (partner, legs, purpose) => this.#mustWaitFor(partner, legs, purpose),
      addPending: (pending) => this.#addPending(pending),
      removePending: (pending) => this.#removePending(pending),
    });
    for (let peer = 0; peer < shards; peer++) {
      if (peer === self) continue;
      const link = new PeerLink({
        ...options,
        peer,
        decide: (transfer, remote) => this.#decide(transfer, remote, peer),
        refuse: (transfer, refused) => {
          this.#removePending(transfer);
          transfer.refuse(refused);
        },
        onAnswer: this.compound.answered,
        applyMessage: (message, source, start, end) => this.#applyMessage(message, { source, start, end }),
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

  /** Called when the log is replayed. */
  begin(): void {
    for (const link of this.#links.values()) link.begin();
  }

  /** Whether there is a channel on which the two greetings are not complete. */
  get awaitsGreeting(): boolean {
    return [...this.#links.values()].some((link) => link.awaitsGreeting);
  }

  /** Messages to other shards that are not acknowledged yet. */
  get inTransit(): number {
    return [...this.#links.values()].reduce((messages, link) => messages + link.debit.unacknowledged, 0);
  }

  /** Number of commands that wait for a connected shard. */
  get waiting(): number {
    return [...this.#links.values()].reduce((waiting, link) => waiting + link.waiting, 0);
  }

  /**
   * Whether every message has arrived that other shards had committed before this shard started. Stays true. Until
   * then a committed credit of unknown size may still come for any account.
   */
  get isCaughtUp(): boolean {
    this.#isCaughtUp ||= [...this.#links.values()].every((link) => link.credit.isCaughtUp);
    return this.#isCaughtUp;
  }

  /**
   * Whether a transfer of one posting must be refused for now: a message that was committed before this shard
   * started, and has not arrived yet, may need the same room below a limit.
   */
  mustWaitForTransfer({ partner, debit, credit, amount, vnode }: Transfer): boolean {
    if (this.isCaughtUp) return false;
    const { accounts } = this.#options.ledger.compound.bookOf(partner);
    const account = accounts.get(credit);
    const asset = (account ?? accounts.get(debit))?.asset;
    const [slice] = [debit, credit].filter(isSystemAccount);
    if (account !== undefined && this.#mustWait(account, amount)) return true;
    return slice !== undefined && this.#sliceMustWait(partner, slice, asset, vnode, amount);
  }

  /** Batch `seq` opened or changed an account: pin answers depend on that. */
  noteChange(seq: number): void {
    this.#newestChange = seq;
  }

  /** Notes the movements of a record in batch `seq`: see `LARGE_AMOUNT`. */
  noteRecord(command: Command, outcome: Recorded, seq: number): void {
    if (command.op === "transfer" || command.op === "credit") {
      if (command.amount > LARGE_AMOUNT) this.#newestChange = seq;
    } else if ("moves" in outcome) {
      let moved = 0;
      for (const { amount } of outcome.moves) moved += Math.abs(amount);
      if (moved > LARGE_AMOUNT) this.#newestChange = seq;
    }
  }

  /** The other shard that owns a transfer's credit account; `undefined` unless it was looked for here and not found. */
  homeOfCredit(command: Command, outcome: Outcome): number | undefined {
    if (outcome.ok || outcome.code !== "account_not_found" || command.op !== "transfer") return undefined;
    if (outcome.subject !== command.credit) return undefined;
    const home = this.#shardOf(command.partner, command.credit);
    return home === this.#options.self ? undefined : home;
  }

  /** Starts a cross-shard transfer: asks shard `home` to pin its credit account. */
  startTransfer(command: Transfer, packed: PackedCommand, home: number): CrossShardTransfer | Refused {
    const link = this.#links.get(home);
    if (link === undefined || !link.connected) return UNREACHABLE;
    const transfer = new CrossShardTransfer(command, packed);
    this.#addPending(transfer);
    link.debit.ask(transfer);
    return transfer;
  }

  /** Logs an act with notices to all other shards. The reply is complete when they have all received their notice. */
  broadcast(command: ActAlone, packed: PackedCommand, outcome: ActDone): NoticeBroadcast | Refused {
    const notices = outcome.told ?? [];
    // Once logged, the notices will be delivered, but the reply would wait for a shard that cannot be reached.
    if (notices.some(({ to }) => !this.#linkTo(to).connected)) return UNREACHABLE;
    const place = this.#options.record(command, packed, outcome);
    const broadcast = new NoticeBroadcast(command, packed, place, outcome);
    this.sendNotices(outcome, broadcast);
    return broadcast;
  }

  /** Sends the notices of an act in the open batch when that batch is durable. */
  sendNotices({ told = [] }: ActDone, pending?: NoticeBroadcast): void {
    for (const { to, no } of told) this.#linkTo(to).debit.commit(no, pending, 0);
  }

  /** The undecided command with this key, for the caller to join; a refusal if it is another command. */
  pendingWithKey(command: Command): PendingReply | Refused | undefined {
    if (command.key === null || this.#pending.size === 0) return undefined;
    const pending = this.#pending.get(scopeOf(command, command.key));
    if (pending === undefined || pending.command.fingerprint === command.fingerprint) return pending;
    return [REFUSED, "idempotency_key_reused"];
  }

  /**
   * The command that first used this key, while a part of it is not known to be durably done or released on its shard;
   * a refusal while that cannot be said.
   */
  inProgress(command: Command, first: KeyEntry): PendingReply | Refused | undefined {
    if (!SENDING.has(command.op)) return undefined;
    // Rejected, and its reservations are being released.
    const rejected = this.pendingWithKey(command);
    if (rejected !== undefined) return rejected;
    const { ledger } = this.#options;
    const sent = [...this.#links].flatMap(([peer, { debit }]) => {
      const messageSeq = ledger.exchange(peer).messageSeqAt(first);
      return messageSeq > 0 && debit.isUndelivered(messageSeq) ? [{ debit, messageSeq }] : [];
    });
    const known = sent
      .map(({ debit, messageSeq }) => debit.pendingReplyOf(messageSeq))
      .find((pending) => pending !== undefined);
    // Two scopes may share a hash: the gateway notices when it reads the record.
    if (known !== undefined && !haveSameKey(known.command, command)) return undefined;
    if (known !== undefined) return known;
    if (sent.length === 0) return this.#mayBeReserved(command) ? UNREACHABLE : undefined;
    const retried = new RetriedCommand(command, first, sent.length);
    for (const { debit, messageSeq } of sent) debit.attach(messageSeq, retried);
    return retried;
  }

  /** Whether another shard may still hold a reservation for a command that was rejected before this start. */
  #mayBeReserved(command: Command): boolean {
    if (!("postings" in command || command.op === "revert_transfer")) return false;
    return [...this.#links].some(([peer, { prepareClient }]) => {
      if (prepareClient.hasReleasedLost) return false;
      if (!("postings" in command)) return true;
      return command.postings.some(({ debit }) => this.#shardOf(command.partner, debit) === peer);
    });
  }

  #shardOf(partner: string, account: string): number {
    return shardOfVnode(vnodeOfAccount(partner, account), this.#options.shards);
  }

  /**
   * Logs that delivered messages need not be kept any longer. Messages that were delivered after a cut began are kept:
   * another shard may have been captured without them.
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

  /** The newest message that this peer has acknowledged as durable. */
  deliveredTo(peer: number): number {
    return this.#linkTo(peer).debit.delivered;
  }

  /** Handles messages that waited for room in the batch. */
  resume(): void {
    for (const link of this.#links.values()) link.resume();
  }

  /** Refuses commands that have waited too long for another shard. */
  expire(): void {
    for (const link of this.#links.values()) link.expire();
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
  }

  #decide(
    transfer: CrossShardTransfer,
    remote: RemoteCredit,
    to: number,
  ): ReturnType<Ledger["decideSend"]> | ExpiryBacklog {
    const { ledger, commit, record, newTransferId, expireFor } = this.#options;
    // Expiries may have become due while the transfer waited for the other shard.
    const backlog = expireFor(transfer.command);
    if (backlog !== undefined) return backlog;
    this.#removePending(transfer);
    const timeMs = commit.openTime();
    const outcome = ledger.decideSend(transfer.command, remote, to, timeMs, newTransferId);
    const place = record(transfer.command, transfer.packed, outcome);
    if (outcome.ok) transfer.sent(place, outcome);
    else transfer.decided(outcome, place);
    return outcome;
  }

  /** Applies and logs a message of another shard. @returns posted, held and seq of each of its accounts */
  #applyMessage(message: Message, packed: PackedCommand): readonly number[] {
    const { ledger, commit, record } = this.#options;
    if (message.op === "notice") {
      record(message, packed, ledger.state.programmes.decideNotice(message));
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
    if (this.isCaughtUp) return false;
    const { ledger } = this.#options;
    const total = legs.reduce((sum, { amount }) => sum + Math.abs(amount), 0);
    return legs.some(({ account: name, counterparty, vnode, amount }) => {
      // A hold does not reserve room for its credits; a capture's debits are held already.
      if (amount > 0 ? purpose === "hold" : purpose === "capture") return false;
      if (isSystemAccount(name)) {
        const asset = ledger.account(partner, counterparty)?.asset;
        return this.#sliceMustWait(partner, name, asset, vnode, total);
      }
      // An account's debits are reserved in this shard's log before another shard commits them.
      const account = amount > 0 ? ledger.account(partner, name) : undefined;
      return account !== undefined && this.#mustWait(account, total);
    });
  }

  #mustWait(account: Account, amount: number): boolean {
    if (this.isCaughtUp) return false;
    return isLimited(account) || this.#isNearRange(account, account.pinned + account.reserved + amount);
  }

  #sliceMustWait(partner: string, name: string, asset: string | undefined, vnode: number, amount: number) {
    if (asset === undefined) return false;
    const slice = this.#options.ledger.compound.bookOf(partner).sliceOf(name, asset, vnode);
    const { held = 0, pinned = 0, pinnedDebits = 0, reserved = 0 } = slice ?? {};
    return this.#isNearRange(slice, held + pinned + pinnedDebits + reserved + amount);
  }

  #isNearRange(balance: Balance | undefined, announced: number): boolean {
    return Math.abs(balance?.posted ?? 0) + announced > this.#catchUpBalanceMax;
  }

  #linkTo(peer: number): PeerLink {
    const link = this.#links.get(peer);
    assert(link !== undefined, "every other shard has a link");
    return link;
  }

  #addPending(pending: PendingReply): void {
    const { command } = pending;
    if (command.key !== null) this.#pending.set(scopeOf(command, command.key), pending);
  }

  #removePending({ command }: PendingReply): void {
    if (command.key !== null) this.#pending.delete(scopeOf(command, command.key));
  }
}

/** Commands whose records may send messages to other shards. */
const SENDING: ReadonlySet<Command["op"]> = new Set([
  "transfer",
  "compound_transfer",
  "post_transfer",
  "void_transfer",
  "revert_transfer",
  "act",
]);

/** Whether the account's balance decides whether it may be credited. */
function isLimited({ ceiling, velocities }: Account): boolean {
  return ceiling !== null || velocities !== null;
}
