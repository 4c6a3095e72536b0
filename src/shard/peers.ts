/** All that a shard has to do with the others: transfers that cross to them, and what came from them. */

import { type Account, BALANCE_MAX } from "../actors/account.ts";
import type {
  ActAlone,
  ActDone,
  Command,
  Delivered,
  Outcome,
  Recorded,
  RemoteCredit,
  Transfer,
} from "../actors/command.ts";
import { decidePortion } from "../actors/compound.ts";
import type { Leg } from "../actors/compound-command.ts";
import type { Message } from "../actors/exchange.ts";
import { haveSameKey, scopeOf } from "../actors/home.ts";
import type { KeyEntry } from "../actors/key-table.ts";
import { type Ledger, type Place } from "../actors/ledger.ts";
import { isSystemAccount, shardOfVnode, vnodeOfAccount } from "../actors/routing.ts";
import { assert } from "../assert.ts";
import type { ChannelEnd, openChannel } from "../channels/open-channel.ts";
import { Announcement } from "./announcement.ts";
import { Crossing } from "./crossing.ts";
import { UNREACHABLE } from "./debit-side.ts";
import type { Failpoints } from "./failpoint.ts";
import type { GroupCommit } from "./group-commit.ts";
import { REFUSED, type Refused } from "./messages.ts";
import { type PackedCommand, type Parked, packedAlone, Rejoined } from "./parked.ts";
import { PeerLink } from "./peer-link.ts";
import { Runs } from "./runs.ts";

/** A balance beyond this might come near the end of the range by what is on its way. */
const NEAR_RANGE = BALANCE_MAX / 2;

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
  /** Settles first what is due on these accounts. */
  meet: (partner: string, accounts: readonly string[]) => void;
  /** No messages of other shards are taken for now. */
  isHalted: () => boolean;
  onError: (error: unknown) => void;
  /** Something has come, or a channel has gone. */
  onChange: () => void;
}>;

export class Peers {
  readonly #options: PeersOptions;
  /** By the number of the other shard. */
  readonly #links = new Map<number, PeerLink>();
  readonly runs: Runs;
  /** Parked transfers by the scope of their key. */
  readonly #parked = new Map<string, Parked>();
  /** The newest batch in which an account was opened or changed. */
  #newestChange = 0;
  #settled = false;

  constructor(options: PeersOptions) {
    this.#options = options;
    const { self, shards } = options;
    this.runs = new Runs({
      ...options,
      linkTo: (peer) => this.#linkTo(peer),
      mustWaitFor: (partner, legs) => this.#mustWaitFor(partner, legs),
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
        mustWait: (account) => this.mustWait(account),
        mustWaitFor: (partner, legs) => this.#mustWaitFor(partner, legs),
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

  /** Whether a credit that is still to come, and was committed before this shard started, may need the account's room. */
  mustWait(account: Account): boolean {
    return isLimited(account) && !this.settled;
  }

  /** An account was opened or changed in batch `seq`: what is said of its rules depends on that. */
  noteChange(seq: number): void {
    this.#newestChange = seq;
  }

  /** The shard on which a transfer's credit account is, when it was looked for here in vain; `undefined` otherwise. */
  homeOfCredit(command: Command, outcome: Outcome): number | undefined {
    if (outcome.ok || outcome.code !== "account_not_found" || command.op !== "transfer") return undefined;
    if (outcome.subject !== command.credit) return undefined;
    const home = shardOfVnode(vnodeOfAccount(command.partner, command.credit), this.#options.shards);
    return home === this.#options.self ? undefined : home;
  }

  /** Parks a transfer and asks shard `home` about its credit account. */
  cross(command: Transfer, packed: PackedCommand, home: number): Crossing | Refused {
    const link = this.#links.get(home);
    if (link === undefined || !link.connected) return UNREACHABLE;
    const crossing = new Crossing(command, packed);
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
  parked(command: Command): Parked | Refused | undefined {
    if (command.key === null || this.#parked.size === 0) return undefined;
    const parked = this.#parked.get(scopeOf(command, command.key));
    if (parked === undefined || parked.command.fingerprint === command.fingerprint) return parked;
    return [REFUSED, "idempotency_key_reused"];
  }

  /** The transfer that this key was first used for, while a part of it is not durable yet on its shard. */
  underWay(command: Command, first: KeyEntry): Parked | undefined {
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
   * Puts into the open batch what of sent messages need not be kept any longer. Not while a cut is made: another shard that
   * is done with its part may have them by now, and did not when it was looked at.
   */
  forget(): void {
    if (this.#options.isHalted()) return;
    for (const [peer, link] of this.#links) {
      const upTo = link.debit.forgettable;
      if (upTo === 0) continue;
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

  #decide(crossing: Crossing, remote: RemoteCredit, to: number): ReturnType<Ledger["decideSend"]> {
    const { ledger, commit, record, newTransferId, meet } = this.#options;
    this.#unpark(crossing);
    const { act, partner } = crossing.command;
    // While the other shard was asked, its time may have come.
    if (act !== undefined) meet(partner, [act.subject]);
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

  #mustWaitFor(partner: string, legs: readonly Leg[]): boolean {
    return legs.some(({ account: name, amount }) => {
      const account = amount > 0 ? this.#options.ledger.account(partner, name) : undefined;
      return account !== undefined && this.mustWait(account);
    });
  }

  #linkTo(peer: number): PeerLink {
    const link = this.#links.get(peer);
    assert(link !== undefined, "there is a way to every other shard");
    return link;
  }

  #park(parked: Parked): void {
    const { command } = parked;
    if (command.key !== null) this.#parked.set(scopeOf(command, command.key), parked);
  }

  #unpark({ command }: Parked): void {
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
function isLimited(account: Account): boolean {
  const { ceiling, velocities, posted, pinned } = account;
  return ceiling !== null || velocities !== null || posted + pinned > NEAR_RANGE;
}
