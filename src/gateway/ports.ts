/** The interfaces that `src/http` programs against. `server.ts` passes in implementations; tests pass in fakes. */
import type { ListPage, ListRequest } from "../actors/programmes/paged-index.ts";
import type { Question, QuestionTo, RevertTerms } from "../actors/programmes/programme.ts";
import type { Quotas } from "../actors/quotas/default-quotas.ts";
import type { JsonValue } from "../actors/records/act.ts";
import type {
  AccountView,
  Command,
  CreateAccount,
  Outcome,
  Partner,
  PartnerKey,
  SetAccountStatus,
  Transfer,
} from "../actors/records/command.ts";
import type { CommandHeader } from "../actors/records/command-header.ts";
import type {
  CompoundTransfer,
  Origin,
  PostTransfer,
  RevertTransfer,
  TransferStatus,
  TransferView,
  VoidTransfer,
} from "../actors/records/compound-command.ts";
import type { AccountEvents, EventType, LedgerEvent } from "../actors/records/event.ts";
import type { Transfers } from "../actors/records/packed-transfers.ts";
import type { Refusal, TimeFault } from "../actors/records/rejection.ts";
import type {
  ActsRange,
  ArchivedRecord,
  BatchPosition,
  EntriesRange,
  LogBatch,
  Page,
  Range,
  RecordPosition,
  Statement,
} from "../archive/queries/query.ts";
import type { Caller } from "./caller.ts";

/** `timeMs` is the logged time of the record. `position` says where the record is, as `<shard>:<epoch>-<seq>`. */
export type Answer<C extends Command = Command> =
  | Readonly<{ outcome: Outcome<C>; timeMs: number; position: string; replayed: boolean }>
  | Readonly<{ refused: Refusal; fault?: TimeFault; detail?: string }>;

/** Commands that have a dry run. */
export type DryRunCommand = CreateAccount | SetAccountStatus | CompoundTransfer | PostTransfer | VoidTransfer;

/** The owner of an idempotency key. `vnode` names the shard if the owner key does not determine it. */
export type KeyScope = Readonly<{ owner: string; vnode?: number | undefined }>;

/** The outcome of one item of a batch: the transfer's id (empty in a dry run) or the code of its refusal. */
export type ItemAnswer = Readonly<{ id: string } | { code: string }>;

export type Reconciliation = Readonly<{ account: AccountView; entriesSum: number; entriesCount: number }>;

/** A transfer as reads return it. `revertedBy` is the id of the transfer that reverted it. */
export type TransferRow = TransferView & Readonly<{ revertedBy: string | null }>;

/** Existing accounts at one consistent cut, in the requested order. */
export type Cut = Readonly<{
  accounts: readonly AccountView[];
  /** Amounts between them, by asset; exact beyond 2^53. Negative if a credit has arrived before the debit of its transfer. */
  inTransit: Readonly<Record<string, bigint>>;
}>;

/** A system account, summed over its slices. Each slice is a safe integer; the sum may exceed 2^53. */
export type SystemAccount = Readonly<{
  id: string;
  balances: Readonly<Record<string, Readonly<{ posted: bigint; held: bigint }>>>;
}>;

export type TrialBalance = Readonly<{
  assets: Readonly<Record<string, Readonly<{ sum: bigint; inTransit: bigint; accounts: number }>>>;
  positions: readonly string[];
}>;

/**
 * `shards` holds the usage on each shard, by shard number. A quota applies to each shard separately.
 * `requestsInFlight`: at this gateway.
 */
export type Usage = Readonly<{ quotas: Quotas; shards: readonly Quotas[]; requestsInFlight: number }>;

/** An event of a partner. `position` says where its record is, as `<shard>:<epoch>-<seq>`. */
export type FeedEvent = Readonly<{ id: string; timeMs: number; position: string; event: LedgerEvent }>;

/** `after`: an event's id or the `next` of a page; without it, the oldest events that are kept come first. */
export type FeedRequest = Readonly<{
  after?: string | undefined;
  limit: number;
  types?: readonly EventType[] | undefined;
  subject?: string | undefined;
  /** Shows what is archived already, without waiting for the writes that were answered before. For streams. */
  isStream?: boolean;
  /** Only the events of one account. The ids of its feed are its own: they are not valid in another feed. */
  of?: AccountEvents | undefined;
}>;

/**
 * Events oldest first. `next` continues after the page, also if a filter left no event of it; it is `after` if the page
 * is empty. `isLast`: there are no more events at present.
 */
export type FeedPage = Readonly<{
  events: readonly FeedEvent[];
  next: string | undefined;
  isLast: boolean;
  /** More events are archived, which can be shown once all shards have logged something later. For streams only. */
  isHeld: boolean;
  /** For `awaitEvents`. */
  indexed: number;
}>;

/**
 * A revert to look up. `owner`: the owner of the idempotency key; absent: the one whose money goes back. `terms`: what the
 * transfer's programme is told.
 */
export type RevertRequest = Pick<
  RevertTransfer,
  "partner" | "key" | "fingerprint" | "id" | "owner" | "memo" | "metadata"
> &
  Readonly<{ terms?: RevertTerms }>;

/**
 * Every method rejects with an `OperatingError` when the ledger cannot answer. A list also rejects with an error of
 * code `bad_cursor` for a cursor that it did not issue, and with `CallerGone` once its caller has disconnected. A
 * page may hold fewer rows than its limit even if more follow.
 */
export interface Ledger {
  submit<C extends Command>(command: C): Promise<Answer<C>>;
  /** Independent transfers of one partner, applied in order. `items[i]` answers `transfers[i]`. */
  submitTransfers(
    transfers: Transfers,
  ): Promise<Readonly<{ items: readonly ItemAnswer[]; positions: readonly string[] }>>;
  /** `submit` for a revert: looks up the original transfer first. One that its programme posts later is voided. */
  revert(request: RevertRequest): Promise<Answer<RevertTransfer | VoidTransfer>>;
  /** The immutable facts of a transfer. `undefined` if the partner, or the given owner, has no such transfer. */
  origin(partner: string, id: string, owner?: string): Promise<Origin | undefined>;
  /** The command that first used the key. "reused" if the fingerprint differs, `undefined` if the key is unknown. */
  first(header: CommandHeader, scope: KeyScope): Promise<Command | "reused" | undefined>;
  /** The outcome that the command would have. Logs nothing and ignores the key. The id of a new transfer is empty. */
  dryRun<C extends DryRunCommand>(command: C): Promise<Outcome<C>>;
  dryRunRevert(
    request: Pick<RevertTransfer, "partner" | "id">,
  ): Promise<Outcome<RevertTransfer | VoidTransfer>>;
  /** A dry run of a batch, index for index. Each transfer sees the effects of those before it. */
  dryRunTransfers(
    partner: string,
    transfers: Transfers,
  ): Promise<readonly Outcome<Transfer | CompoundTransfer>[]>;
  /** Resolves once it is certain that no other server has replaced this one, so the `Directory` is current. */
  confirm(): Promise<void>;
  account(partner: string, id: string): Promise<AccountView | undefined>;
  /** The existing accounts among the first `read` ids, in the order of `ids`. They may be too many for one page. */
  accounts(
    partner: string,
    ids: readonly string[],
  ): Promise<Readonly<{ accounts: readonly AccountView[]; read: number }>>;
  /**
   * The account after every command logged at or before `atMs`.
   *
   * @throws InvalidTime `atMs` is in the future.
   */
  accountAt(partner: string, id: string, atMs: number): Promise<AccountView | undefined>;
  /** One consistent cut through the shards of these accounts. `undefined` if they exceed a page. */
  consistentAccounts(partner: string, ids: readonly string[]): Promise<Cut | undefined>;
  listAccounts(
    partner: string,
    query: Readonly<{ prefix: string; limit: number; cursor?: string | undefined }>,
    caller?: Caller,
  ): Promise<Page<AccountView>>;
  systemAccount(partner: string, name: string): Promise<SystemAccount | undefined>;
  /** All system accounts that were used, in order of their names. */
  systemAccounts(
    partner: string,
    page: Readonly<{ limit: number; cursor?: string | undefined }>,
  ): Promise<Page<SystemAccount>>;
  /** `undefined` when there is no such account. */
  entries(
    partner: string,
    account: string,
    range: EntriesRange,
    caller?: Caller,
  ): Promise<Statement | undefined>;
  reconciliation(partner: string, account: string): Promise<Reconciliation | undefined>;
  transfer(partner: string, id: string): Promise<TransferRow | undefined>;
  /** The newest records of a transfer on all shards, oldest first; empty if the partner has no such transfer. */
  transferRecords(partner: string, id: string): Promise<readonly ArchivedRecord[]>;
  /** The ids of the first events of a record, in the feed of its partner. */
  eventIds(partner: string, record: RecordPosition, count: number): readonly string[];
  /** The first record of an owner's idempotency key; `undefined` if the key is unknown. */
  keyRecord(partner: string, key: string, scope: KeyScope): Promise<ArchivedRecord | undefined>;
  /** A batch of the log, of any partner; `undefined` if there is none at this position. For the operator. */
  logBatch(position: BatchPosition): Promise<LogBatch | undefined>;
  transfers(
    partner: string,
    query: Range &
      Readonly<{
        account?: string | undefined;
        status?: TransferStatus | undefined;
        /** A filter on the rows of the list. Absent: all rows. */
        shows?: (transfer: TransferView) => boolean;
      }>,
    caller?: Caller,
  ): Promise<Page<TransferRow>>;
  /** Asks a programme on the shard of the question's subject. */
  ask<R extends JsonValue>(partner: string, question: QuestionTo<R>): Promise<R>;
  /** Asks a programme on every shard. One answer per shard, by shard number. */
  askAll<R extends JsonValue>(partner: string, question: Question<R>): Promise<readonly R[]>;
  /** Archived records of a programme's acts without a transfer: all, or those of one subject. */
  acts(partner: string, programme: string, range: ActsRange): Promise<Page<ArchivedRecord>>;
  /** A programme's list, newest first: of one subject, or merged over all shards. */
  list<R extends JsonValue>(
    partner: string,
    question: (page: ListRequest) => Question<ListPage<R>>,
    page: Readonly<{ limit: number; cursor?: string | undefined }>,
    caller?: Caller,
  ): Promise<Page<R>>;
  /**
   * Id of the transfer that has claimed this name; empty if an act without a transfer did, `undefined` if nobody has.
   *
   * @param subject of the act that claims it.
   */
  claimant(partner: string, subject: string, name: string): Promise<string | undefined>;
  /** Log time on the shard of this account or other subject, in milliseconds. */
  timeMs(partner: string, subject: string): Promise<number>;
  /**
   * A partner's events, in one order over all shards that never changes.
   *
   * @throws EventsExpired events after `after` are not kept any more.
   */
  events(partner: string, request: FeedRequest, caller?: Caller): Promise<FeedPage>;
  /** Resolves once the partner may have new events since the page with this `indexed`, or after `waitMs`. */
  awaitEvents(partner: string, indexed: number, waitMs: number): Promise<void>;
  /** A value for `after` that skips all present events; `undefined` if nothing was logged yet. */
  newestEvent(partner: string, of?: AccountEvents): Promise<string | undefined>;
  /** Sums for one partner, or for all partners if none is given. */
  trialBalance(partner: string | undefined): Promise<TrialBalance>;
  /** Usage that counts against a partner's quotas, on each shard. */
  usage(partner: string): Promise<Usage>;
}

export type Principal =
  | Readonly<{ role: "operator"; partner?: undefined }>
  | Readonly<{
      role: string;
      partner: string;
      keyId: string;
      /** Name of the key. */
      name: string;
      /** The one thing that the key is limited to, such as a seller. */
      scope: string | undefined;
      suspended: boolean;
    }>;

/** Partners and API keys. Every gateway holds a copy of these facts; all of them are durable. */
export interface Directory {
  /** The principal of the API key with this SHA-256 (hex). Records that the key was used. */
  principalOf(keyHash: string): Principal | undefined;
  partner(id: string): Partner | undefined;
  /** Whether the log has customers of the partner in clear, from before personal data was encrypted. */
  hasClearCustomers(partner: string): boolean;
  /** Sorted by id. */
  partners(): readonly Partner[];
  /** Whether this is an active key of the partner. */
  hasKey(partner: string, keyId: string): boolean;
  keys(partner: string): readonly (PartnerKey & Readonly<{ lastUsedAtMs: number | null }>)[];
}

export type ShardStatus = Readonly<{
  shard: number;
  isolation: "threads" | "processes";
  /** Thread and process of the shard. `undefined` until the shard has reported them. */
  threadId: number | undefined;
  pid: number | undefined;
  status: "starting" | "recovering" | "ready" | "stalled" | "hung" | "restarting" | "failed";
  epoch: number;
  position: string;
  durablePosition: string;
  accounts: number;
  mailboxDepth: number;
  restarts: number;
  recovery: Readonly<{
    snapshotPosition: string | null;
    snapshotMs: number;
    replayed: number;
    replayMs: number;
    totalMs: number;
  }>;
  /** The newest snapshot taken since the server started. */
  snapshot:
    | Readonly<{ position: string; records: number; bytes: number; ms: number; atMs: number }>
    | undefined;
}>;

export const DELIVERY_STATUSES = ["delivered", "failed", "parked"] as const;

/** `failed`: it is held back and will be tried again. `parked`: it is not. */
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/**
 * An event and a webhook. `row`: its place in the list. `httpStatus`: of the newest answer; `null` if there was none.
 * `answer`: its first bytes, or why there was none.
 */
export type Delivery = Readonly<{
  row: number;
  event: string;
  type: string;
  subject: string;
  status: DeliveryStatus;
  tries: number;
  httpStatus: number | null;
  answer: string;
  firstAtMs: number;
  lastAtMs: number;
}>;

/** Newest first. `before`: only rows below this one. */
export type DeliveriesQuery = Readonly<{
  partner: string;
  webhook: string;
  status?: DeliveryStatus | undefined;
  event?: string | undefined;
  before: number;
  limit: number;
}>;

export interface Operations {
  /**
   * Why the server is not ready, a sentence per reason. Empty once all shards have recovered and the log is
   * durable.
   */
  unready(): readonly string[];
  /** Warnings about settings that weaken durability or security, a sentence each. */
  warnings(): readonly string[];
  shards(): Promise<readonly ShardStatus[]>;
  /** Restarts a shard. False if there is no such shard. */
  restart(shard: number): boolean | Promise<boolean>;
  /** Starts snapshots of all shards. False if the log does not store snapshots. */
  takeSnapshots(): boolean | Promise<boolean>;
  /** @throws OperatingError (as a rejection): the thread that delivers webhooks does not answer */
  deliveries(query: DeliveriesQuery): Promise<readonly Delivery[]>;
  /** Metrics of the shards, the archive and the requests of all gateways, as Prometheus text. */
  metrics(): Promise<string>;
}
