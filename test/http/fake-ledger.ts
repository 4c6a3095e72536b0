/** The ports of the gateway in memory, without rules except those that a test sets. */

import { CommandWriter } from "../../src/actors/records/codec.ts";
import type {
  AccountView,
  Command,
  Outcome,
  Partner,
  PartnerKey,
  Transfer,
} from "../../src/actors/records/command.ts";
import type { CommandHeader } from "../../src/actors/records/command-header.ts";
import type { CompoundTransfer, Origin, RevertTransfer } from "../../src/actors/records/compound-command.ts";
import type { Transfers } from "../../src/actors/records/packed-transfers.ts";
import type { Refusal, Rejection } from "../../src/actors/records/rejection.ts";
import type { ArchivedRecord, LogBatch } from "../../src/archive/queries/query.ts";
import { InvalidTime, OperatingError, type OperatingErrorCode } from "../../src/errors/operating-error.ts";
import { itemsOf } from "../../src/gateway/batches/packed-transfers.ts";
import type {
  Answer,
  Cut,
  Directory,
  DryRunCommand,
  Ledger,
  Operations,
  Principal,
  TransferRow,
} from "../../src/gateway/ports.ts";
import { EmptyFeed, FakeBook, NOW_MS, USAGE } from "./fake-book.ts";
import { FakeDirectory } from "./fake-directory.ts";

/** As in the gateway. */
const AHEAD_MS_MAX = 1000;

type Keyed = { command: Command; answer: Answer };

/** Behaviour that a test can set. */
export type Faults = {
  rejection: Rejection | undefined;
  subject: string | null;
  refusal: Refusal | undefined;
  operating: OperatingErrorCode | undefined;
  unready: string[];
  /** Answers are delayed until it resolves. */
  held: Promise<void> | undefined;
  bug: boolean;
};

export class FakeLedger extends EmptyFeed implements Ledger, Directory, Operations {
  readonly faults: Faults = {
    rejection: undefined,
    subject: null,
    refusal: undefined,
    operating: undefined,
    unready: [],
    held: undefined,
    bug: false,
  };
  /** Submitted commands, in order. */
  readonly commands: Command[] = [];
  /** Requested dry runs, in order. */
  readonly dryRuns: DryRunCommand[] = [];
  /** Amounts in transit that consistent cuts return. */
  inTransit: Record<string, bigint> = {};
  /** The moment of the last read of a past balance. */
  askedAtMs: number | undefined;
  readonly #book = new FakeBook();
  readonly #directory = new FakeDirectory();
  readonly #keyed = new Map<string, Keyed>();
  #seq = 0;

  addPartner(id: string, keys: Readonly<Record<string, PartnerKey["role"]>>): void {
    this.#directory.addPartner(id, keys);
  }

  forgetKeys(): void {
    this.#directory.forgetKeys();
  }

  setOperatorKey(key: string): void {
    this.#directory.setOperatorKey(key);
  }

  suspend(id: string): void {
    this.#directory.suspend(id);
  }

  async #gate(): Promise<void> {
    if (this.faults.held !== undefined) await this.faults.held;
    if (this.faults.bug) throw new TypeError("a bug, with a secret in its message");
    if (this.faults.operating !== undefined)
      throw new OperatingError(this.faults.operating, "as the test wishes");
  }

  async submit<C extends Command>(command: C): Promise<Answer<C>> {
    await this.#gate();
    this.commands.push(command);
    if (this.faults.refusal !== undefined) return { refused: this.faults.refusal };
    const known = command.key === null ? undefined : this.#keyed.get(`${command.partner}\0${command.key}`);
    if (known !== undefined) {
      if (known.command.fingerprint !== command.fingerprint) return { refused: "idempotency_key_reused" };
      return { ...known.answer, replayed: true } as Answer<C>;
    }
    const outcome: Outcome =
      this.faults.rejection === undefined
        ? this.#decide(command)
        : { ok: false, code: this.faults.rejection, subject: this.faults.subject };
    this.#seq += 1;
    const answer: Answer = { outcome, timeMs: NOW_MS, position: `0:1-${this.#seq}`, replayed: false };
    if (command.key !== null) {
      this.#keyed.set(`${command.partner}\0${command.key}`, { command, answer });
    }
    return answer as Answer<C>;
  }

  #decide(command: Command): Outcome {
    switch (command.op) {
      case "transfer":
        return this.#book.decidePlain(command);
      case "compound_transfer":
      case "post_transfer":
      case "void_transfer":
      case "revert_transfer":
        return this.#book.decideTransfer(command);
      case "create_account":
      case "update_account":
      case "set_account_status":
        return this.#book.decideAccount(command);
      case "create_partner":
      case "update_partner":
      case "create_key":
      case "revoke_key":
      case "set_operator_key":
        return this.#directory.decide(command);
      default:
        throw new Error(`no gateway sends ${command.op}`);
    }
  }

  async submitTransfers(transfers: Transfers): ReturnType<Ledger["submitTransfers"]> {
    const items = [];
    for (const transfer of await itemsOf(transfers, [new CommandWriter()])) {
      const answer = await this.submit(transfer);
      if ("refused" in answer) items.push({ code: answer.refused });
      else items.push(answer.outcome.ok ? { id: answer.outcome.id } : { code: answer.outcome.code });
    }
    return { items, positions: [`0:1-${this.#seq}`, "1:1-4"] };
  }

  async revert(asked: Parameters<Ledger["revert"]>[0]): Promise<Answer<RevertTransfer>> {
    return this.submit({ op: "revert_transfer", ...asked, original: null, vnode: 0 });
  }

  async dryRun<C extends DryRunCommand>(command: C): Promise<Outcome<C>> {
    await this.#gate();
    this.dryRuns.push(command);
    const { rejection, subject } = this.faults;
    if (rejection !== undefined) return { ok: false, code: rejection, subject };
    if (command.op !== "compound_transfer") throw new Error("only transfers are tried here");
    return this.#book.dryRun(command) as Outcome<C>;
  }

  async dryRunRevert(): Promise<Outcome<RevertTransfer>> {
    throw new Error("no revert is tried here");
  }

  async dryRunTransfers(): Promise<readonly Outcome<Transfer | CompoundTransfer>[]> {
    throw new Error("no batch is tried here");
  }

  /** Every transfer belongs to the same owner. */
  async origin(): Promise<Origin> {
    await this.#gate();
    return { owner: "somebody", act: null };
  }

  async transferRecords(): Promise<readonly ArchivedRecord[]> {
    await this.#gate();
    return [];
  }

  eventIds(): readonly string[] {
    return [];
  }

  async keyRecord(): Promise<ArchivedRecord | undefined> {
    await this.#gate();
    return undefined;
  }

  async logBatch(): Promise<LogBatch | undefined> {
    await this.#gate();
    return undefined;
  }

  async first({ partner, key, fingerprint }: CommandHeader): Promise<Command | "reused" | undefined> {
    await this.#gate();
    const { command } = this.#keyed.get(`${partner}\0${key}`) ?? {};
    return command === undefined || command.fingerprint === fingerprint ? command : "reused";
  }

  async confirm(): Promise<void> {
    await this.#gate();
  }

  async account(partner: string, id: string): Promise<AccountView | undefined> {
    await this.#gate();
    return this.#book.account(partner, id);
  }

  async accounts(partner: string, ids: readonly string[]): ReturnType<Ledger["accounts"]> {
    const accounts = ids.map((id) => this.#book.account(partner, id)).filter((found) => found !== undefined);
    return { accounts, read: ids.length };
  }

  async accountAt(partner: string, id: string, atMs: number): Promise<AccountView | undefined> {
    if (atMs > NOW_MS + AHEAD_MS_MAX) throw new InvalidTime("at", "must not be in the future");
    this.askedAtMs = atMs;
    const account = this.#book.account(partner, id);
    return account === undefined || account.createdAtMs > atMs ? undefined : account;
  }

  readonly claimant = async (): Promise<undefined> => undefined;
  async timeMs(): Promise<number> {
    return NOW_MS;
  }

  async consistentAccounts(partner: string, ids: readonly string[]): Promise<Cut | undefined> {
    const { accounts } = await this.accounts(partner, ids);
    return { accounts, inTransit: this.inTransit };
  }

  async listAccounts(
    partner: string,
    { prefix, limit, cursor = "" }: Parameters<Ledger["listAccounts"]>[1],
  ): ReturnType<Ledger["listAccounts"]> {
    const rest = this.#book.accounts(partner, prefix).filter(({ id }) => id > cursor);
    const data = rest.slice(0, limit);
    const cursors = data.map(({ id }) => id);
    return { data, cursors, nextCursor: rest.length > limit ? (cursors.at(-1) ?? null) : null };
  }

  async systemAccount(partner: string, name: string): ReturnType<Ledger["systemAccount"]> {
    const account = this.#book.account(partner, name);
    if (account === undefined) return undefined;
    return { id: name, balances: { [account.asset]: { posted: BigInt(account.posted), held: 0n } } };
  }

  async systemAccounts(): ReturnType<Ledger["systemAccounts"]> {
    await this.#gate();
    return { data: [], cursors: [], nextCursor: null };
  }

  async entries(partner: string, account: string): ReturnType<Ledger["entries"]> {
    if (this.#book.account(partner, account) === undefined) return undefined;
    const data = this.#book.entries(partner, account);
    return {
      data,
      cursors: data.map(({ seq }) => `after-${seq}`),
      nextCursor: "more",
      openingBalance: 0,
      closingBalance: 7,
    };
  }

  async reconciliation(partner: string, id: string): ReturnType<Ledger["reconciliation"]> {
    const account = this.#book.account(partner, id);
    if (account === undefined) return undefined;
    return { account, entriesSum: account.posted, entriesCount: account.seq };
  }

  async transfer(partner: string, id: string): Promise<TransferRow | undefined> {
    return this.#book.transfer(partner, id);
  }

  async transfers(
    partner: string,
    { cursor, account, status }: Parameters<Ledger["transfers"]>[1],
  ): ReturnType<Ledger["transfers"]> {
    if (cursor !== undefined) throw Object.assign(new Error("not one of ours"), { code: "bad_cursor" });
    const data = this.#book.transfers(partner).filter((row) => {
      const touches = row.postings.some(({ debit, credit }) => account === debit || account === credit);
      return (account === undefined || touches) && (status === undefined || row.status === status);
    });
    return { data, cursors: data.map(({ id }) => id), nextCursor: null };
  }

  ask(): Promise<never> {
    throw new Error("the fake ledger has no programmes");
  }

  askAll(): Promise<never> {
    return this.ask();
  }

  acts(): Promise<never> {
    return this.ask();
  }

  list(): Promise<never> {
    return this.ask();
  }

  async trialBalance(partner: string | undefined): ReturnType<Ledger["trialBalance"]> {
    const sum = 2n ** 60n + 1n;
    const accounts = partner === undefined ? 9 : 2;
    return { assets: { "PTS/0": { sum, inTransit: -sum, accounts } }, positions: ["0:1-1"] };
  }

  principalOf(keyHash: string): Principal | undefined {
    return this.#directory.principalOf(keyHash);
  }

  hasKey(partner: string, keyId: string): boolean {
    return this.#directory.hasKey(partner, keyId);
  }

  hasClearCustomers(): boolean {
    return this.#directory.hasClearCustomers();
  }

  partner(id: string): Partner | undefined {
    return this.#directory.partner(id);
  }

  partners(): readonly Partner[] {
    return this.#directory.partners();
  }

  keys(partner: string): ReturnType<Directory["keys"]> {
    return this.#directory.keys(partner);
  }

  unready(): readonly string[] {
    return this.faults.unready;
  }

  warnings(): readonly string[] {
    return ["The log is in memory."];
  }

  async shards(): ReturnType<Operations["shards"]> {
    return [
      {
        shard: 0,
        isolation: "threads",
        threadId: 3,
        pid: 4711,
        status: "ready",
        epoch: 1,
        position: "0:1-9",
        durablePosition: "0:1-9",
        accounts: 2,
        mailboxDepth: 0,
        restarts: 0,
        recovery: { snapshotPosition: "1-4", snapshotMs: 3, replayed: 9, replayMs: 1, totalMs: 5 },
        snapshot: { position: "0:1-8", records: 8, bytes: 700, ms: 12, atMs: Date.UTC(2026, 0, 2) },
      },
    ];
  }

  restart(shard: number): boolean {
    return shard === 0;
  }

  /** Whether snapshots can be taken; the in-memory log supports none. */
  snapshots: boolean[] = [];
  keepsSnapshots = true;

  takeSnapshots(): boolean {
    this.snapshots.push(this.keepsSnapshots);
    return this.keepsSnapshots;
  }

  readonly usage = async (): ReturnType<Ledger["usage"]> => USAGE;
  readonly metrics = async (): Promise<string> => "daybook_batches_total 9";
}
