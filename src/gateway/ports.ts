/** What the HTTP side needs from the rest of the house. `main.ts` hands it in; tests hand in their own. */
import type { ListAsk, ListPart } from "../actors/programmes/paged-index.ts";
import type { Question, QuestionTo } from "../actors/programmes/programme.ts";
import type { Quotas } from "../actors/quotas/default-quotas.ts";
import type { JsonValue } from "../actors/records/act.ts";
import type {
  AccountView,
  Command,
  CreateAccount,
  Outcome,
  Partner,
  PartnerKey,
  PartnerRole,
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
import type { Transfers } from "../actors/records/packed-transfers.ts";
import type { Refusal, TimeFault } from "../actors/records/rejection.ts";
import type {
  ActsRange,
  ArchivedRecord,
  EntriesRange,
  Page,
  Range,
  Statement,
} from "../archive/queries/query.ts";
import type { Caller } from "./caller.ts";

/** `timeMs` is the logged time of the record, `position` its place, as `0:3-17`. */
export type Answer<C extends Command = Command> =
  | Readonly<{ outcome: Outcome<C>; timeMs: number; position: string; replayed: boolean }>
  | Readonly<{ refused: Refusal; fault?: TimeFault; detail?: string }>;

/** Commands that have a dry run. */
export type DryRunCommand = CreateAccount | SetAccountStatus | CompoundTransfer | PostTransfer | VoidTransfer;

/** The owner of a key; `vnode` names its shard where the owner key does not. */
export type KeyScope = Readonly<{ owner: string; vnode?: number | undefined }>;

/** One item of a batch: a transfer's id (empty in a dry run), or the code of its refusal. */
export type ItemAnswer = Readonly<{ id: string } | { code: string }>;

export type Reconciliation = Readonly<{ account: AccountView; entriesSum: number; entriesCount: number }>;

/** What a read shows of a transfer. */
export type TransferRow = TransferView & Readonly<{ revertedBy: string | null }>;

/** Accounts at one consistent cut, those that exist in the order asked; `inTransit` between them, by asset. */
export type Cut = Readonly<{
  accounts: readonly AccountView[];
  inTransit: Readonly<Record<string, bigint>>;
}>;

/** Sums of slices: each slice is a safe integer, their sum need not be. */
export type SystemAccount = Readonly<{
  id: string;
  balances: Readonly<Record<string, Readonly<{ posted: bigint; held: bigint }>>>;
}>;

export type TrialBalance = Readonly<{
  assets: Readonly<Record<string, Readonly<{ sum: bigint; inTransit: bigint; accounts: number }>>>;
  positions: readonly string[];
}>;

/** `shards`: what is used on each, in their order. A quota holds on each shard. */
export type Usage = Readonly<{ quotas: Quotas; shards: readonly Quotas[] }>;

/**
 * Every method rejects with an `OperatingError` when the ledger cannot answer, and a list with an error of code
 * `bad_cursor` when it never gave that cursor out, or with `CallerGone` once its caller has left. A page may end short.
 */
export interface Ledger {
  submit<C extends Command>(command: C): Promise<Answer<C>>;
  /** Independent transfers of one partner, applied in order; answered index for index. */
  submitTransfers(
    transfers: Transfers,
  ): Promise<Readonly<{ items: readonly ItemAnswer[]; positions: readonly string[] }>>;
  /** `submit` for a revert: what it takes back is looked up first. */
  revert(
    asked: Pick<RevertTransfer, "partner" | "key" | "fingerprint" | "id">,
  ): Promise<Answer<RevertTransfer>>;
  /** The facts of a transfer that never change; `undefined` if the partner, or the owner that is named, has no such transfer. */
  origin(partner: string, id: string, owner?: string): Promise<Origin | undefined>;
  /** The command that the key was first used for; "reused" if that is another request, `undefined` if the key is unknown. */
  first(asked: CommandHeader, scope: KeyScope): Promise<Command | "reused" | undefined>;
  /** The outcome that the command would have. Logs nothing, ignores the key; the id of a new transfer is empty. */
  dryRun<C extends DryRunCommand>(command: C): Promise<Outcome<C>>;
  dryRunRevert(asked: Pick<RevertTransfer, "partner" | "id">): Promise<Outcome<RevertTransfer>>;
  /** The same of a batch, index for index: each transfer sees the effect of those before it. */
  dryRunTransfers(
    partner: string,
    transfers: Transfers,
  ): Promise<readonly Outcome<Transfer | CompoundTransfer>[]>;
  /** Resolves once it is certain that no other server has replaced this one: then the `Directory` is current. */
  confirm(): Promise<void>;
  account(partner: string, id: string): Promise<AccountView | undefined>;
  /** Those that exist, in the order of `ids`. */
  accounts(partner: string, ids: readonly string[]): Promise<readonly AccountView[]>;
  /**
   * The account as it was when everything logged at `atMs` or before had been done.
   *
   * @throws InvalidTime `atMs` is in the future.
   */
  accountAt(partner: string, id: string, atMs: number): Promise<AccountView | undefined>;
  /** One consistent cut through all shards concerned. */
  consistentAccounts(partner: string, ids: readonly string[]): Promise<Cut>;
  listAccounts(
    partner: string,
    query: Readonly<{ prefix: string; limit: number; cursor?: string | undefined }>,
    caller?: Caller,
  ): Promise<Page<AccountView>>;
  systemAccount(partner: string, name: string): Promise<SystemAccount | undefined>;
  /** `undefined` when there is no such account. */
  entries(
    partner: string,
    account: string,
    range: EntriesRange,
    caller?: Caller,
  ): Promise<Statement | undefined>;
  reconciliation(partner: string, account: string): Promise<Reconciliation | undefined>;
  transfer(partner: string, id: string): Promise<TransferRow | undefined>;
  transfers(
    partner: string,
    query: Range &
      Readonly<{
        account?: string | undefined;
        status?: TransferStatus | undefined;
        /** Which of them the list shows; all of them when absent. */
        shows?: (transfer: TransferView) => boolean;
      }>,
    caller?: Caller,
  ): Promise<Page<TransferRow>>;
  /** Asks a programme: of one subject its shard. */
  ask<R extends JsonValue>(partner: string, question: QuestionTo<R>): Promise<R>;
  /** The same of all shards. */
  askAll<R extends JsonValue>(partner: string, question: Question<R>): Promise<readonly R[]>;
  /** Records of a programme's acts that came without a transfer: all, or those that concern one subject. */
  acts(partner: string, programme: string, range: ActsRange): Promise<Page<ArchivedRecord>>;
  /** A programme's list, newest first: of one subject, or over all shards. */
  list<R extends JsonValue>(
    partner: string,
    question: (page: ListAsk) => Question<ListPart<R>>,
    page: Readonly<{ limit: number; cursor?: string | undefined }>,
    caller?: Caller,
  ): Promise<Page<R>>;
  /** Log time of the shard where this account, or other subject, is. */
  timeMs(partner: string, subject: string): Promise<number>;
  /** Of one partner; of all of them when none is named. */
  trialBalance(partner: string | undefined): Promise<TrialBalance>;
  /** What counts against a partner's quotas, on each shard. */
  usage(partner: string): Promise<Usage>;
}

export type Principal =
  | Readonly<{ role: "operator" }>
  | Readonly<{
      role: PartnerRole;
      partner: string;
      keyId: string;
      /** The key's. */
      name: string;
      /** Of a key of role `seller`: whose it is. */
      seller: string | undefined;
      suspended: boolean;
    }>;

/** Who may come in: facts that every gateway holds. All of it is durable. */
export interface Directory {
  /** The holder of the API key with this SHA-256 (hex); notes that it was used. */
  principalOf(keyHash: string): Principal | undefined;
  partner(id: string): Partner | undefined;
  /** In order of id. */
  partners(): readonly Partner[];
  /** Whether the partner has this key, and it is not revoked. */
  hasKey(partner: string, keyId: string): boolean;
  keys(partner: string): readonly (PartnerKey & Readonly<{ lastUsedAtMs: number | null }>)[];
}

export type ShardStatus = Readonly<{
  shard: number;
  isolation: "threads" | "processes";
  /** Of a shard that was heard of: its thread, and the process that this is in. */
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
  /** The newest that was taken since the server started. */
  snapshot:
    | Readonly<{ position: string; records: number; bytes: number; ms: number; atMs: number }>
    | undefined;
}>;

export interface Operations {
  /** Empty when all shards are recovered and the log is durable; else a sentence per reason. */
  unready(): readonly string[];
  /** Sentences about weaker settings that the operator chose. */
  warnings(): readonly string[];
  shards(): Promise<readonly ShardStatus[]>;
  /** False when there is no such shard. */
  restart(shard: number): boolean | Promise<boolean>;
  /** Begins to take snapshots of all shards. False where the log keeps none. */
  takeSnapshots(): boolean | Promise<boolean>;
  /** Prometheus text: of the shards, the archive, and the requests of all gateways. */
  metrics(): Promise<string>;
}
