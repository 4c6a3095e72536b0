/** The ports in memory, just enough of a ledger to answer like one: no rules but those that a test asks for. */
import type {
  AccountView,
  Command,
  Outcome,
  Partner,
  PartnerKey,
  Transfer,
  TransferPosted,
} from "../../src/actors/command.ts";
import type { Refusal, Rejection } from "../../src/actors/rejection.ts";
import { isSystemAccount, vnodeOfAccount } from "../../src/actors/routing.ts";
import { transferId } from "../../src/actors/transfer-id.ts";
import type { ArchivedRecord, Entry } from "../../src/archive/query.ts";
import { hashOfKey } from "../../src/http/auth.ts";
import type { Answer, Directory, Ledger, Operations, Principal } from "../../src/http/ports.ts";
import { OperatingError, type OperatingErrorCode } from "../../src/operating-error.ts";

export const NOW_MS = Date.parse("2026-11-20T10:00:00.000Z");
export const OPERATOR = "dk_operator_test";

type KeyOfPartner = PartnerKey & { lastUsedAtMs: number | null };
type Keyed = { fingerprint: number; answer: Answer };

/** What a test turns to see how the HTTP side takes it. */
export type Faults = {
  rejection: Rejection | undefined;
  subject: string | null;
  refusal: Refusal | undefined;
  operating: OperatingErrorCode | undefined;
  unready: string[];
  /** Answers are held back until it resolves. */
  held: Promise<void> | undefined;
  bug: boolean;
};

export class FakeLedger implements Ledger, Directory, Operations {
  readonly faults: Faults = {
    rejection: undefined,
    subject: null,
    refusal: undefined,
    operating: undefined,
    unready: [],
    held: undefined,
    bug: false,
  };
  /** What was asked, in order. */
  readonly commands: Command[] = [];
  readonly #accounts = new Map<string, AccountView>();
  readonly #partners = new Map<string, Partner>();
  readonly #keys = new Map<string, KeyOfPartner>();
  readonly #records: ArchivedRecord[] = [];
  readonly #keyed = new Map<string, Keyed>();
  #operatorHash = hashOfKey(OPERATOR);
  #seq = 0;

  addPartner(id: string, keys: Readonly<Record<string, PartnerKey["role"]>>): void {
    this.#partners.set(id, { id, name: id, status: "active", createdAtMs: NOW_MS });
    for (const [secret, role] of Object.entries(keys)) {
      const key = { id: `key_${secret}`, role, name: secret, prefix: "dk_", hash: hashOfKey(secret) };
      this.#keys.set(key.id, { ...key, partner: id, createdAtMs: NOW_MS, lastUsedAtMs: null });
    }
  }

  forgetKeys(): void {
    this.#keys.clear();
  }

  setOperatorKey(key: string): void {
    this.#operatorHash = hashOfKey(key);
  }

  suspend(id: string): void {
    const partner = this.#partners.get(id);
    if (partner !== undefined) this.#partners.set(id, { ...partner, status: "suspended" });
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
      if (known.fingerprint !== command.fingerprint) return { refused: "idempotency_key_reused" };
      return { ...known.answer, replayed: true } as Answer<C>;
    }
    const outcome: Outcome =
      this.faults.rejection === undefined
        ? this.#decide(command)
        : { ok: false, code: this.faults.rejection, subject: this.faults.subject };
    this.#seq += 1;
    const answer: Answer = { outcome, timeMs: NOW_MS, position: `0:1-${this.#seq}`, replayed: false };
    if (command.key !== null) {
      this.#keyed.set(`${command.partner}\0${command.key}`, { fingerprint: command.fingerprint, answer });
    }
    this.#records.push({
      at: { shard: 0, epoch: 1, seq: this.#seq, index: 0 },
      timeMs: NOW_MS,
      record: { command, outcome },
    });
    return answer as Answer<C>;
  }

  #decide(command: Command): Outcome {
    switch (command.op) {
      case "transfer":
        return this.#move(command);
      case "create_account":
        return this.#open(command);
      case "update_account":
      case "set_account_status":
        return this.#change(command);
      case "create_partner":
        return this.#createPartner(command);
      case "update_partner": {
        const before = this.#partners.get(command.partner);
        if (before === undefined) return { ok: false, code: "partner_not_found", subject: command.partner };
        const { name = before.name, status = before.status } = command;
        const partner = { ...before, name, status };
        this.#partners.set(partner.id, partner);
        return { ok: true, partner };
      }
      case "create_key": {
        const key = { ...command.newKey, partner: command.partner, createdAtMs: NOW_MS };
        this.#keys.set(key.id, { ...key, lastUsedAtMs: null });
        return { ok: true, key };
      }
      case "revoke_key":
        if (!this.#keys.delete(command.keyId))
          return { ok: false, code: "key_not_found", subject: command.keyId };
        return { ok: true };
      case "set_operator_key":
        this.#operatorHash = command.keyHash;
        return { ok: true };
      default:
        throw new Error(`no gateway sends ${command.op}`);
    }
  }

  #createPartner(command: Extract<Command, { op: "create_partner" }>): Outcome {
    if (this.#partners.has(command.partner))
      return { ok: false, code: "partner_exists", subject: command.partner };
    const partner: Partner = {
      id: command.partner,
      name: command.name,
      status: "active",
      createdAtMs: NOW_MS,
    };
    this.#partners.set(partner.id, partner);
    if (command.firstKey !== undefined) {
      const { firstKey } = command;
      this.#keys.set(firstKey.id, {
        ...firstKey,
        partner: partner.id,
        createdAtMs: NOW_MS,
        lastUsedAtMs: null,
      });
    }
    return { ok: true, partner };
  }

  #open(command: Extract<Command, { op: "create_account" }>): Outcome {
    const at = `${command.partner}\0${command.id}`;
    if (this.#accounts.has(at)) return { ok: false, code: "account_exists", subject: command.id };
    const { id, asset, floor, ceiling, metadata } = command;
    const account: AccountView = {
      id,
      asset,
      status: "open",
      floor,
      ceiling,
      posted: 0,
      held: 0,
      seq: 0,
      metadata,
      createdAtMs: NOW_MS,
    };
    this.#accounts.set(at, account);
    return { ok: true, account };
  }

  #change(command: Extract<Command, { op: "update_account" | "set_account_status" }>): Outcome {
    const at = `${command.partner}\0${command.id}`;
    const before = this.#accounts.get(at);
    if (before === undefined) return { ok: false, code: "account_not_found", subject: command.id };
    const statuses = { freeze: "frozen", unfreeze: "open", close: "closed" } as const;
    const account: AccountView =
      command.op === "set_account_status"
        ? { ...before, status: statuses[command.action] }
        : {
            ...before,
            floor: command.floor === undefined ? before.floor : command.floor,
            ceiling: command.ceiling === undefined ? before.ceiling : command.ceiling,
          };
    this.#accounts.set(at, account);
    return { ok: true, account };
  }

  #credit(partner: string, id: string, amount: number): AccountView {
    const at = `${partner}\0${id}`;
    const before = this.#accounts.get(at) ?? {
      id,
      asset: "PTS/0",
      status: "open" as const,
      floor: null,
      ceiling: null,
      posted: 0,
      held: 0,
      seq: 0,
      metadata: null,
      createdAtMs: NOW_MS,
    };
    const account = { ...before, posted: before.posted + amount, seq: before.seq + 1 };
    this.#accounts.set(at, account);
    return account;
  }

  #move(command: Transfer): Outcome<Transfer> {
    const { partner, debit, credit, amount } = command;
    if (debit === credit) return { ok: false, code: "same_account", subject: null };
    for (const id of [debit, credit]) {
      if (!isSystemAccount(id) && !this.#accounts.has(`${partner}\0${id}`)) {
        return { ok: false, code: "account_not_found", subject: id };
      }
    }
    const payer = this.#credit(partner, debit, -amount);
    const payee = this.#credit(partner, credit, amount);
    const posted: TransferPosted = {
      ok: true,
      id: transferId(vnodeOfAccount(partner, debit), 1, this.#seq + 1),
      debitPosted: payer.posted,
      debitHeld: payer.held,
      debitSeq: payer.seq,
      creditPosted: payee.posted,
      creditHeld: payee.held,
      creditSeq: payee.seq,
    };
    return posted;
  }

  async submitTransfers(transfers: readonly Transfer[]): ReturnType<Ledger["submitTransfers"]> {
    const items = [];
    for (const transfer of transfers) {
      const answer = await this.submit(transfer);
      if ("refused" in answer) items.push({ code: answer.refused });
      else items.push(answer.outcome.ok ? { id: answer.outcome.id } : { code: answer.outcome.code });
    }
    return { items, positions: [`0:1-${this.#seq}`, "1:1-4"] };
  }

  async confirm(): Promise<void> {
    await this.#gate();
  }

  async account(partner: string, id: string): Promise<AccountView | undefined> {
    await this.#gate();
    return this.#accounts.get(`${partner}\0${id}`);
  }

  async accounts(partner: string, ids: readonly string[]): Promise<readonly AccountView[]> {
    return ids
      .map((id) => this.#accounts.get(`${partner}\0${id}`))
      .filter((account) => account !== undefined);
  }

  async listAccounts(
    partner: string,
    { prefix, limit, cursor = "" }: Parameters<Ledger["listAccounts"]>[1],
  ): ReturnType<Ledger["listAccounts"]> {
    const own = [...this.#accounts]
      .filter(([at]) => at.startsWith(`${partner}\0${prefix}`))
      .map(([, view]) => view);
    const rest = own
      .filter(({ id }) => !isSystemAccount(id) && id > cursor)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const data = rest.slice(0, limit);
    return { data, nextCursor: rest.length > limit ? (data.at(-1)?.id ?? null) : null };
  }

  async systemAccount(partner: string, name: string): ReturnType<Ledger["systemAccount"]> {
    const account = this.#accounts.get(`${partner}\0${name}`);
    if (account === undefined) return undefined;
    return { id: name, balances: { [account.asset]: { posted: account.posted, held: 0 } } };
  }

  async entries(partner: string, account: string): ReturnType<Ledger["entries"]> {
    if (!this.#accounts.has(`${partner}\0${account}`)) return undefined;
    const data: Entry[] = [];
    for (const { at, timeMs, record } of this.#records) {
      const { command, outcome } = record;
      if (command.op !== "transfer" || command.partner !== partner || !("creditSeq" in outcome)) continue;
      if (command.debit !== account && command.credit !== account) continue;
      const isDebit = command.debit === account;
      data.unshift({
        at,
        timeMs,
        seq: isDebit ? outcome.debitSeq : outcome.creditSeq,
        transferId: outcome.id,
        amount: isDebit ? -command.amount : command.amount,
        balanceAfter: isDebit ? outcome.debitPosted : outcome.creditPosted,
        counterparty: isDebit ? command.credit : command.debit,
        memo: command.memo,
        metadata: command.metadata,
      });
    }
    return { data, nextCursor: "more", openingBalance: 0, closingBalance: 7 };
  }

  async reconciliation(partner: string, id: string): ReturnType<Ledger["reconciliation"]> {
    const account = this.#accounts.get(`${partner}\0${id}`);
    if (account === undefined) return undefined;
    return { account, entriesSum: account.posted, entriesCount: account.seq };
  }

  async transfer(partner: string, id: string): Promise<ArchivedRecord | undefined> {
    return this.#records.find(({ record }) => {
      const { command, outcome } = record;
      return command.partner === partner && "debitSeq" in outcome && outcome.id === id;
    });
  }

  async transfers(
    partner: string,
    { cursor }: Parameters<Ledger["transfers"]>[1],
  ): ReturnType<Ledger["transfers"]> {
    if (cursor !== undefined) throw Object.assign(new Error("not one of ours"), { code: "bad_cursor" });
    const data = this.#records.filter(
      ({ record }) => record.command.partner === partner && "debitSeq" in record.outcome,
    );
    return { data: data.toReversed(), nextCursor: null };
  }

  async trialBalance(partner: string | undefined): ReturnType<Ledger["trialBalance"]> {
    const sum = 2n ** 60n + 1n;
    const accounts = partner === undefined ? 9 : 2;
    return { assets: { "PTS/0": { sum, inTransit: -sum, accounts } }, positions: ["0:1-1"] };
  }

  principalOf(keyHash: string): Principal | undefined {
    if (keyHash === this.#operatorHash) return { role: "operator" };
    for (const { hash, role, partner, id } of this.#keys.values()) {
      if (hash !== keyHash) continue;
      return { role, partner, keyId: id, suspended: this.#partners.get(partner)?.status === "suspended" };
    }
    return undefined;
  }

  partner(id: string): Partner | undefined {
    return this.#partners.get(id);
  }

  partners(): readonly Partner[] {
    return [...this.#partners.values()];
  }

  keys(partner: string): readonly KeyOfPartner[] {
    return [...this.#keys.values()].filter((key) => key.partner === partner);
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
        recovery: { snapshotMs: 0, replayed: 9, replayMs: 1 },
      },
    ];
  }

  restart(shard: number): boolean {
    return shard === 0;
  }

  readonly metrics = async (): Promise<string> => "daybook_batches_total 9";
}
