/**
 * Everything that one shard knows: the books of all partners, the partners and keys that live here, and the
 * idempotency keys. Pure: time, ids and places are handed in, and the state is a function of the log alone.
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
import type { Effect, Random } from "../programmes/programme.ts";
import { type Exceeded, exceededBy } from "../quotas/quotas.ts";
import type {
  AccountChanged,
  AccountView,
  ActDone,
  Command,
  Credit,
  Credited,
  Fact,
  KeyCreated,
  Outcome,
  PartnerChanged,
  Recorded,
  Rejected,
  RemoteCredit,
  Transfer,
  TransferPosted,
  TransferSent,
} from "../records/command.ts";
import type { Refusal, TimeFault } from "../records/rejection.ts";
import { type Account, decideCreate, decideStatus, decideUpdate, openAccount } from "./account.ts";
import type { AssetSum } from "./book.ts";
import { aliasScopeOf, legacyScopeOf, type PlainCommand, scopeOf } from "./command-home.ts";
import type { Exchange } from "./exchange.ts";
import { type LedgerSettings, LedgerState } from "./ledger-state.ts";
import { claimOf } from "./limits/claim-names.ts";
import {
  decideCreateKey,
  decideCreatePartner,
  decideRevokeKey,
  decideUpdatePartner,
  firstKeys,
} from "./partner.ts";
import { linesOf } from "./state-digest.ts";
import type { CompoundState } from "./transfers/compound-state.ts";
import {
  applyCredit,
  applySend,
  applyTransfer,
  creditOf,
  decideCredit,
  decideSend,
  decideTransfer,
} from "./transfers/transfer.ts";

/** Where a record stands, and when it was logged. */
export type Place = Readonly<{ epoch: number; seq: number; index: number; timeMs: number }>;

/** What is known of a command's key before it is decided: nothing, its first record, or a reason to refuse. */
export type KeyState =
  | undefined
  | Readonly<{ first: KeyEntry }>
  | Readonly<{ refused: Exclude<Refusal, "validation_failed" | "quota_exceeded"> }>
  | Readonly<{ fault: TimeFault }>;

const KEY_AHEAD: TimeFault = { path: "Idempotency-Key", message: "is a UUIDv7 more than 5 minutes ahead" };

export class Ledger {
  readonly state: LedgerState;
  readonly #shard: number;

  /**
   * @param random secure random bytes, needed wherever others choose the keys, or programmes decide.
   */
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

  /** When the next thing ends by itself. */
  get nextEndMs(): number {
    return Math.min(this.state.compound.pending.nextEndMs, this.state.programmes.due.nextEndMs);
  }

  /** Accounts on this shard, system accounts not counted. */
  get accounts(): number {
    return this.state.accounts;
  }

  /** What an idempotency key says about its command, at this log time. */
  lookUpKey(command: Command, nowMs: number): KeyState {
    const { key } = command;
    if (key === null) return undefined;
    const first = this.#firstOf(command, key, nowMs);
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

  /** Which quota of its partner a command would exceed that `lookUpKey` knows nothing of, at this log time. */
  exceededBy(command: Command, nowMs: number, freeBytes?: number): Exceeded | "heap_full" | undefined {
    return exceededBy(this.state, command, nowMs, freeBytes);
  }

  /** What was sent to another shard and received from it. */
  exchange(shard: number): Exchange {
    return this.state.exchange(shard);
  }

  /** Decides a transfer whose credit account lives on shard `to`, with what that shard has said of it. */
  decideSend(
    command: Transfer,
    remote: RemoteCredit,
    to: number,
    nowMs: number,
    newTransferId: (vnode: number) => string,
  ): TransferSent | Rejected {
    assert(claimOf(command) === undefined, "what takes a name is decided without waiting for another shard");
    const decided = this.compound.decideAct(command, command.amount, nowMs);
    if (!decided.ok) return decided;
    const message = { to, no: this.exchange(to).sent + 1 };
    const book = this.state.book(command.partner);
    return withEffect(decideSend(book, command, remote, message, nowMs, newTransferId), decided);
  }

  /** A credit that another shard has committed. */
  decideCredit(command: Credit): Credited {
    return decideCredit(this.state.book(command.partner), command);
  }

  /**
   * Decides a command that no key has decided already.
   *
   * @param nowMs the time of the batch that will hold the record.
   * @param newTransferId gives an accepted transfer its id.
   */
  decide(
    command: PlainCommand,
    nowMs: number,
    newTransferId: (vnode: number) => string,
  ): Outcome<PlainCommand> {
    switch (command.op) {
      case "transfer": {
        const decided = this.compound.decideAct(command, command.amount, nowMs);
        if (!decided.ok) return decided;
        const book = this.state.book(command.partner);
        return withEffect(decideTransfer(book, command, nowMs, newTransferId), decided);
      }
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
      case "set_operator_key":
      case "delivered":
      case "notice":
        return { ok: true };
      default:
        return unreachable(command);
    }
  }

  /**
   * Makes an outcome part of the state: the same whether it was just decided or is read from the log.
   *
   * @param batch the batch that a read of what changes here must wait for; 0 when it is durable already.
   */
  apply(command: Command, outcome: Recorded, place: Place, batch: number): void {
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
      const other = aliasScopeOf(command, key);
      if (other !== undefined) this.keys.remember(other, entry);
      this.state.book(command.partner).usage.keys.add(place.timeMs, other === undefined ? 1 : 2);
    }
    if (outcome.ok) this.#applyAccepted(command, outcome, place, batch);
  }

  #applyAccepted(command: Command, outcome: Recorded, place: Place, batch: number): void {
    switch (command.op) {
      case "transfer": {
        const book = this.state.book(command.partner);
        // Asked here too: a replay makes nothing for the many that come without one.
        if (command.act !== undefined) {
          this.#claim(command, outcome, place);
          const { id, effect } = outcome as TransferPosted | TransferSent;
          const { timeMs } = place;
          this.compound.applyAct(command, effect, { timeMs, transfer: id, amount: command.amount });
        }
        if ("to" in outcome) {
          applySend(book, command, outcome, place.timeMs, batch);
          this.exchange(outcome.to).send(creditOf(command, outcome, this.#shard, place.timeMs), place);
        } else applyTransfer(book, command, outcome as TransferPosted, place.timeMs, batch);
        return;
      }
      case "credit":
        applyCredit(this.state.book(command.partner), command, outcome as Credited, place.timeMs, batch);
        this.exchange(command.from).receive(command.no);
        return;
      case "act":
        this.#claim(command, outcome, place);
        applyAct(this.state, command, outcome as ActDone, place, batch);
        return;
      case "notice":
        this.state.programmes.receiveBroadcast(
          command.programme,
          command.notice,
          command.partner,
          place.timeMs,
        );
        this.exchange(command.from).receive(command.no);
        return;
      case "delivered":
        this.exchange(command.to).forget(command.upTo);
        return;
      case "create_account":
        this.#addAccount(command.partner, (outcome as AccountChanged).account, batch);
        return;
      case "update_account":
      case "set_account_status": {
        const account = this.account(command.partner, command.id);
        assert(account !== undefined, "a change concerns an account that exists");
        const { account: view } = outcome as AccountChanged;
        this.state.changeAccount(command.partner, account, view, place.timeMs, batch);
        return;
      }
      case "create_partner": {
        const { partner } = outcome as PartnerChanged;
        this.state.partners.set(partner.id, { partner, keys: firstKeys(command, partner.createdAtMs) });
        return;
      }
      case "update_partner":
        this.state.partner(command.partner).partner = (outcome as PartnerChanged).partner;
        return;
      case "create_key": {
        const { key } = outcome as KeyCreated;
        this.state.partner(command.partner).keys.set(key.id, key);
        return;
      }
      case "revoke_key":
        this.state.partner(command.partner).keys.delete(command.keyId);
        return;
      case "set_operator_key":
        this.state.operatorKeyHash = command.keyHash;
        return;
      default:
        this.#claim(command, outcome, place);
        this.compound.apply(command, outcome as Parameters<CompoundState["apply"]>[1], place, batch);
    }
  }

  account(partner: string, id: string): Account | undefined {
    return this.state.books.get(partner)?.accounts.get(id);
  }

  /** A system account's balances on this shard, by asset. */
  systemAccount(partner: string, name: string): Map<string, { posted: bigint; held: bigint }> | undefined {
    return this.state.books.get(partner)?.systemAccount(name);
  }

  /** What all balances here come to, per asset: of one partner, or of all when none is named. */
  sums(partner: string | undefined): Map<string, AssetSum> {
    const sums = new Map<string, AssetSum>();
    if (partner !== undefined) this.state.books.get(partner)?.addSums(sums);
    else for (const book of this.state.books.values()) book.addSums(sums);
    return sums;
  }

  /** All that a gateway must know before it lets anybody in. */
  facts(): readonly Fact[] {
    const facts: Fact[] = [];
    for (const { partner, keys } of this.state.partners.values()) {
      facts.push({ fact: "partner", partner });
      for (const key of keys.values()) facts.push({ fact: "key", key });
    }
    if (this.state.operatorKeyHash !== undefined) {
      facts.push({ fact: "operator_key", hash: this.state.operatorKeyHash });
    }
    return facts;
  }

  /** The whole state as plain lines: see `linesOf`. */
  lines(nowMs: number): Iterable<string> {
    return linesOf(this.state, nowMs);
  }

  #firstOf(command: Command, key: string, nowMs: number): KeyEntry | undefined {
    const first = this.keys.find(scopeOf(command, key), nowMs);
    if (first !== undefined) return first;
    const former = legacyScopeOf(command, key);
    return former === undefined ? undefined : this.keys.find(former, nowMs);
  }

  /** A name that the command takes is taken from here on. */
  #claim(command: Command, outcome: Recorded, place: Place): void {
    const name = claimOf(command);
    if (name !== undefined) this.state.claims.take(name, "id" in outcome ? outcome.id : "", place);
  }

  #addAccount(partner: string, view: AccountView, batch: number): void {
    this.state.addAccount(partner, openAccount(view, this.state.asset(view.asset), batch));
  }
}

/** An effect stands in the record where there is one. */
function withEffect<T extends TransferPosted | TransferSent>(
  outcome: T | Rejected,
  { effect }: Effect,
): T | Rejected {
  return outcome.ok && effect !== null ? { ...outcome, effect } : outcome;
}
