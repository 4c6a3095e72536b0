/**
 * The state machine of one shard: accounts of all partners, partners and API keys, idempotency keys. `decide` computes
 * an outcome, `apply` makes it part of the state. Pure: the caller passes in time, ids and log positions, and the state
 * is a function of the log alone.
 */
import { assert, unreachable } from "../../errors/assert.ts";
import {
  KEY_AHEAD_MS_MAX,
  KEY_WINDOW_MS,
  type KeyEntry,
  type KeyTable,
  keyMadeAtMs,
} from "../idempotency/key-table.ts";
import { applyAct, decideAct } from "../programmes/act.ts";
import type { AcceptedAct, Random } from "../programmes/programme.ts";
import { type Exceeded, exceededBy } from "../quotas/quotas.ts";
import {
  type AccountView,
  acceptedOf,
  type Command,
  type Credit,
  type Credited,
  type Fact,
  type Outcome,
  type Recorded,
  type Rejected,
  type RemoteCredit,
  type Transfer,
  type TransferPosted,
  type TransferSent,
} from "../records/command.ts";
import type { Refusal, TimeFault } from "../records/rejection.ts";
import { type Account, decideCreate, decideStatus, decideUpdate, openAccount } from "./account.ts";
import type { AssetSum } from "./book.ts";
import { aliasScopeOf, legacyScopeOf, type PlainCommand, scopeOf } from "./command-home.ts";
import type { Exchange, TimedRecordPlace } from "./exchange.ts";
import { type LedgerSettings, LedgerState } from "./ledger-state.ts";
import { claimOf } from "./limits/claim-names.ts";
import {
  decideCreateKey,
  decideCreatePartner,
  decideRevokeKey,
  decideUpdatePartner,
  firstKeys,
} from "./partner.ts";
import { stateLines } from "./state-digest.ts";
import type { CompoundState } from "./transfers/compound-state.ts";
import {
  applyCredit,
  applySend,
  applyTransfer,
  creditMessage,
  decideCredit,
  decideSend,
  decideTransfer,
} from "./transfers/transfer.ts";

type AdministrativeCommand = Extract<
  Command,
  {
    op:
      | "create_account"
      | "update_account"
      | "set_account_status"
      | "create_partner"
      | "update_partner"
      | "create_key"
      | "revoke_key"
      | "set_operator_key";
  }
>;

/** Result of looking up a command's idempotency key: unknown, already used by this command, or a reason to refuse. */
export type KeyState =
  | undefined
  | Readonly<{ first: KeyEntry }>
  | Readonly<{ refused: Exclude<Refusal, "validation_failed" | "quota_exceeded"> }>
  | Readonly<{ fault: TimeFault }>;

const KEY_AHEAD: TimeFault = { path: "Idempotency-Key", message: "is a UUIDv7 more than 5 minutes ahead" };

export class Ledger {
  readonly state: LedgerState;
  readonly #shard: number;

  /** @param random secure random bytes; needed if clients choose idempotency keys or programmes decide. */
  constructor(shard: number, shards = 1, random?: Random, settings?: LedgerSettings) {
    this.#shard = shard;
    this.state = new LedgerState(shard, shards, random, settings);
  }

  get keys(): KeyTable {
    return this.state.keys;
  }

  get compound(): CompoundState {
    return this.state.compound;
  }

  /** The earliest expiry (ms) of a pending transfer or of anything a programme has scheduled. */
  get nextExpiryMs(): number {
    return Math.min(this.state.compound.pending.nextExpiryMs, this.state.programmes.scheduler.nextDueMs);
  }

  /** Number of accounts on this shard, without system accounts. */
  get accounts(): number {
    return this.state.accounts;
  }

  /** Looks up the command's idempotency key at log time `nowMs`. */
  lookUpKey(command: Command, nowMs: number): KeyState {
    const { key } = command;
    if (key === null) return undefined;
    const first = this.#findKey(command, key, nowMs);
    if (first !== undefined) {
      return first.fingerprint === command.fingerprint ? { first } : { refused: "idempotency_key_reused" };
    }
    const madeAtMs = keyMadeAtMs(key);
    if (madeAtMs !== undefined) {
      if (madeAtMs + KEY_WINDOW_MS < nowMs) return { refused: "idempotency_key_expired" };
      if (madeAtMs > nowMs + KEY_AHEAD_MS_MAX) return { fault: KEY_AHEAD };
    }
    return undefined;
  }

  /** The quota that a new command would exceed at log time `nowMs`, if any: see `exceededBy` in quotas.ts. */
  exceededBy(command: Command, nowMs: number, freeBytes?: number): Exceeded | "heap_full" | undefined {
    return exceededBy(this.state, command, nowMs, freeBytes);
  }

  /** The message exchange with another shard. */
  exchange(shard: number): Exchange {
    return this.state.exchange(shard);
  }

  /**
   * Decides a cross-shard transfer.
   *
   * @param remote what shard `to` reports about the credit account.
   */
  decideSend(
    command: Transfer,
    remote: RemoteCredit,
    to: number,
    nowMs: number,
    newTransferId: (vnode: number) => string,
  ): TransferSent | Rejected {
    assert(claimOf(command) === undefined, "a command that claims a name never waits for another shard");
    const decided = this.compound.decideAct(command, command.amount, nowMs);
    if (!decided.ok) return decided;
    const message = { to, no: this.exchange(to).sent + 1 };
    const book = this.state.book(command.partner);
    const sent = decideSend(book, command, remote, message, nowMs, newTransferId);
    return this.compound.withCrossings(command, withEffect(sent, decided));
  }

  /** Decides a transfer whose accounts are both on this shard. */
  decideTransfer(
    command: Transfer,
    nowMs: number,
    newTransferId: (vnode: number) => string,
  ): TransferPosted | Rejected {
    const decided = this.compound.decideAct(command, command.amount, nowMs);
    if (!decided.ok) return decided;
    const book = this.state.book(command.partner);
    const posted = decideTransfer(book, command, nowMs, newTransferId);
    return this.compound.withCrossings(command, withEffect(posted, decided));
  }

  decideCredit(command: Credit): Credited {
    return this.compound.withCrossings(command, decideCredit(this.state.book(command.partner), command));
  }

  /**
   * Decides a command whose idempotency key, if any, is new. Changes nothing.
   *
   * @param nowMs log time of the batch that will hold the record.
   * @param newTransferId returns the id for an accepted transfer on a vnode.
   */
  decide(
    command: PlainCommand,
    nowMs: number,
    newTransferId: (vnode: number) => string,
  ): Outcome<PlainCommand> {
    switch (command.op) {
      case "transfer":
        return this.decideTransfer(command, nowMs, newTransferId);
      case "act":
        return decideAct(this.state, command, nowMs);
      case "credit":
        return this.decideCredit(command);
      case "create_account":
        return decideCreate(this.account(command.partner, command.id), command, nowMs);
      case "update_account":
        return decideUpdate(this.account(command.partner, command.id), command);
      case "set_account_status":
        return decideStatus(this.account(command.partner, command.id), command);
      case "create_partner":
        return decideCreatePartner(this.state.partners.get(command.partner), command, nowMs);
      case "update_partner":
        return decideUpdatePartner(this.state.partners.get(command.partner), command);
      case "create_key":
        return decideCreateKey(this.state.partners.get(command.partner), command, nowMs);
      case "revoke_key":
        return decideRevokeKey(this.state.partners.get(command.partner), command);
      case "notice":
        return this.state.programmes.decideNotice(command);
      case "set_operator_key":
      case "delivered":
        return { ok: true };
      default:
        return unreachable(command);
    }
  }

  /**
   * Applies an outcome to the state. Does the same for a fresh decision and for a replayed record.
   *
   * @param batch the batch that must be durable before a read may show this change; 0 if it is durable already.
   */
  apply(command: Command, outcome: Recorded, place: TimedRecordPlace, batch: number): void {
    const { key } = command;
    if (key !== null) {
      const entry = {
        fingerprint: command.fingerprint,
        atSecond: Math.floor(place.timeMs / 1000),
        epoch: place.epoch,
        seq: place.seq,
        index: place.index,
      };
      this.keys.remember(scopeOf(command, key), entry);
      const alias = aliasScopeOf(command, key);
      if (alias !== undefined) this.keys.remember(alias, entry);
      this.state.book(command.partner).usage.keys.add(place.timeMs, alias === undefined ? 1 : 2);
    }
    if (outcome.ok) this.#applyAccepted(command, outcome, place, batch);
  }

  #applyAccepted(command: Command, outcome: Recorded, place: TimedRecordPlace, batch: number): void {
    switch (command.op) {
      case "transfer": {
        const book = this.state.book(command.partner);
        const accepted = acceptedOf(command, outcome);
        // Checked here as well, so that a replay allocates nothing for the many transfers without an act.
        if (command.act !== undefined) {
          this.#claim(command, outcome, place);
          const { id, effect } = accepted;
          const { timeMs } = place;
          this.compound.applyAct(command, effect, { timeMs, transfer: id, amount: command.amount });
        }
        if ("to" in accepted) {
          applySend(book, command, accepted, place.timeMs, batch);
          this.exchange(accepted.to).send(creditMessage(command, accepted, this.#shard, place.timeMs), place);
        } else applyTransfer(book, command, accepted, place.timeMs, batch);
        return;
      }
      case "credit":
        applyCredit(
          this.state.book(command.partner),
          command,
          acceptedOf(command, outcome),
          place.timeMs,
          batch,
        );
        this.exchange(command.from).receive(command.no);
        return;
      case "act":
        this.#claim(command, outcome, place);
        applyAct(this.state, command, acceptedOf(command, outcome), place, batch);
        return;
      case "notice": {
        const { programme, notice, partner } = command;
        const { effect } = acceptedOf(command, outcome);
        this.state.programmes.receiveBroadcast(programme, notice, partner, place.timeMs, effect);
        this.exchange(command.from).receive(command.no);
        return;
      }
      case "delivered":
        this.exchange(command.to).forget(command.upTo);
        this.state.programmes.delivered(command.to, command.upTo, place.timeMs);
        return;
      case "create_account":
      case "update_account":
      case "set_account_status":
      case "create_partner":
      case "update_partner":
      case "create_key":
      case "revoke_key":
      case "set_operator_key":
        this.#applyAdministration(command, outcome, place.timeMs, batch);
        return;
      default:
        this.#claim(command, outcome, place);
        this.compound.apply(command, acceptedOf(command, outcome), place, batch);
    }
  }

  /** Accounts that are opened or changed, partners and API keys. */
  #applyAdministration(
    command: AdministrativeCommand,
    outcome: Recorded,
    timeMs: number,
    batch: number,
  ): void {
    switch (command.op) {
      case "create_account":
        this.#addAccount(command.partner, acceptedOf(command, outcome).account, batch);
        return;
      case "update_account":
      case "set_account_status": {
        const account = this.account(command.partner, command.id);
        assert(account !== undefined, "a changed account exists");
        const { account: view } = acceptedOf(command, outcome);
        this.state.changeAccount(command.partner, account, view, timeMs, batch);
        return;
      }
      case "create_partner": {
        const { partner } = acceptedOf(command, outcome);
        this.state.partners.set(partner.id, { partner, keys: firstKeys(command, partner.createdAtMs) });
        return;
      }
      case "update_partner":
        this.state.partner(command.partner).partner = acceptedOf(command, outcome).partner;
        return;
      case "create_key": {
        const { key } = acceptedOf(command, outcome);
        this.state.partner(command.partner).keys.set(key.id, key);
        return;
      }
      case "revoke_key":
        this.state.partner(command.partner).keys.delete(command.keyId);
        return;
      case "set_operator_key":
        this.state.operatorKeyHash = command.keyHash;
        return;
    }
  }

  account(partner: string, id: string): Account | undefined {
    return this.state.books.get(partner)?.accounts.get(id);
  }

  /** A system account's balances on this shard, by asset. */
  systemAccount(partner: string, name: string): Map<string, { posted: bigint; held: bigint }> | undefined {
    return this.state.books.get(partner)?.systemAccount(name);
  }

  /** Sums of all balances on this shard, by asset: of one partner, or of all if `partner` is undefined. */
  sums(partner: string | undefined): Map<string, AssetSum> {
    const sums = new Map<string, AssetSum>();
    if (partner !== undefined) this.state.books.get(partner)?.addSums(sums);
    else for (const book of this.state.books.values()) book.addSums(sums);
    return sums;
  }

  /** Everything that a gateway must know. */
  facts(): readonly Fact[] {
    const facts = [...this.state.programmes.facts()];
    for (const { partner, keys } of this.state.partners.values()) {
      facts.push({ fact: "partner", partner });
      for (const key of keys.values()) facts.push({ fact: "key", key });
    }
    if (this.state.operatorKeyHash !== undefined) {
      facts.push({ fact: "operator_key", hash: this.state.operatorKeyHash });
    }
    return facts;
  }

  /** The whole state as lines of JSON: see `stateLines`. */
  stateLines(nowMs: number): Iterable<string> {
    return stateLines(this.state, nowMs);
  }

  #findKey(command: Command, key: string, nowMs: number): KeyEntry | undefined {
    const entry = this.keys.find(scopeOf(command, key), nowMs);
    if (entry !== undefined) return entry;
    const legacyScope = legacyScopeOf(command, key);
    return legacyScope === undefined ? undefined : this.keys.find(legacyScope, nowMs);
  }

  /** Records that the command has taken its name, if it claims one. */
  #claim(command: Command, outcome: Recorded, place: TimedRecordPlace): void {
    const name = claimOf(command);
    if (name !== undefined) this.state.claims.take(name, "id" in outcome ? outcome.id : "", place);
  }

  #addAccount(partner: string, view: AccountView, batch: number): void {
    this.state.addAccount(partner, openAccount(view, this.state.asset(view.asset), batch));
  }
}

/** Adds the act's effect to the outcome, if there is one. */
function withEffect<T extends TransferPosted | TransferSent>(
  outcome: T | Rejected,
  { effect }: AcceptedAct,
): T | Rejected {
  return outcome.ok && effect !== null ? { ...outcome, effect } : outcome;
}
