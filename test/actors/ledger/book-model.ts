/** A naive model of the ledger's rules, on one shard and without the ledger's code: the oracle of property tests. */
import type { Command } from "../../../src/actors/records/command.ts";
import type {
  Posting,
  PostTransfer,
  TransferStatus,
  Use,
} from "../../../src/actors/records/compound-command.ts";
import { AccountsModel, type Balance, type Mode } from "./accounts-model.ts";

type TransferRow = {
  readonly partner: string;
  readonly postings: readonly Posting[];
  readonly createdAtMs: number;
  readonly endsAtMs: number;
  readonly holds: Map<Balance, bigint>;
  readonly debits: readonly Use[];
  status: TransferStatus;
  posted: number;
  parts: number;
  isReverted: boolean;
};

export class BookModel {
  readonly accounts = new AccountsModel();
  readonly #transfers = new Map<string, TransferRow>();
  #nowMs = 0;

  /**
   * @param id the id for a transfer that the command creates.
   * @returns `ok`, or the rejection by order of precedence.
   */
  execute(command: Command, nowMs: number, id: string): string {
    this.passTime(nowMs);
    switch (command.op) {
      case "create_account":
        return this.accounts.create(command, nowMs);
      case "update_account":
        return this.accounts.update(command, nowMs);
      case "set_account_status":
        return this.accounts.setStatus(command);
      case "transfer":
        return this.#transfer(command.partner, [command], "plain", id, { timeoutMs: null });
      case "compound_transfer": {
        const { partner, postings, pending, available } = command;
        return this.#transfer(partner, postings, pending ? "hold" : "post", id, command, available);
      }
      case "post_transfer":
        return this.#post(command);
      case "void_transfer": {
        const open = this.#openTransfer(command.partner, command.id);
        if (typeof open !== "string") this.#release(open, "voided");
        return typeof open === "string" ? open : "ok";
      }
      case "revert_transfer":
        return this.#revert(command.partner, command.id, id);
      default:
        throw new Error(`not in the model: ${command.op}`);
    }
  }

  /** Expires pending transfers. @returns the ids of those that have expired */
  passTime(nowMs: number): readonly string[] {
    this.#nowMs = nowMs;
    const expired = [...this.#transfers].filter(
      ([, { status, endsAtMs }]) => status === "pending" && endsAtMs <= nowMs,
    );
    for (const [, transfer] of expired) this.#release(transfer, "expired");
    return expired.map(([id]) => id);
  }

  *transfers(): Generator<[id: string, transfer: Readonly<TransferRow>]> {
    yield* this.#transfers;
  }

  #transfer(
    partner: string,
    requested: readonly Posting[],
    mode: Mode,
    id: string,
    { timeoutMs }: Readonly<{ timeoutMs: number | null }>,
    isAvailable = false,
  ): string {
    const first = this.accounts.row(partner, requested[0]?.debit ?? "");
    const amountMax = isAvailable
      ? Number(first === undefined ? 0n : first.posted - first.held)
      : Number.MAX_VALUE;
    const postings = requested.map(({ debit, credit, amount }) => {
      return { debit, credit, amount: Math.max(1, Math.min(amount, amountMax)) };
    });
    const holds = new Map<Balance, bigint>();
    const refusal = this.accounts.move(partner, postings, mode, holds, amountMax <= 0, this.#nowMs);
    if (refusal !== undefined) return refusal;
    const total = postings.reduce((sum, { amount }) => sum + amount, 0);
    this.#transfers.set(id, {
      partner,
      postings,
      createdAtMs: this.#nowMs,
      endsAtMs: this.#nowMs + (timeoutMs ?? Number.POSITIVE_INFINITY),
      holds,
      debits: postings.map(({ debit, amount }) => ({ account: debit, amount, count: 1 })),
      status: mode === "hold" ? "pending" : "posted",
      posted: mode === "hold" ? 0 : total,
      parts: 0,
      isReverted: false,
    });
    return "ok";
  }

  #post({ partner, id, amount, final }: PostTransfer): string {
    const open = this.#openTransfer(partner, id);
    if (typeof open === "string") return open;
    const { postings, holds } = open;
    const remaining = postings.reduce((sum, posting) => sum + posting.amount, 0) - open.posted;
    const part = amount ?? remaining;
    if (part > remaining || (postings.length > 1 && part !== remaining)) return "amount_exceeds_pending";
    const before = new Map(holds);
    for (const [balance, held] of before) {
      const released = postings.length > 1 ? held : BigInt(part);
      balance.held -= released;
      holds.set(balance, held - released);
    }
    const moved = postings.length > 1 ? postings : postings.map((posting) => ({ ...posting, amount: part }));
    const refusal = this.accounts.move(partner, moved, "capture", new Map(), false, this.#nowMs);
    if (refusal !== undefined) {
      for (const [balance, held] of before) {
        balance.held += held - (holds.get(balance) ?? 0n);
        holds.set(balance, held);
      }
      return refusal;
    }
    open.posted += part;
    open.parts += 1;
    if (part === remaining || final) this.#release(open, "posted");
    return "ok";
  }

  #revert(partner: string, id: string, newId: string): string {
    const original = this.#transfers.get(id);
    if (original?.partner !== partner) return "transfer_not_found";
    if (original.status === "pending" || original.posted === 0) return "transfer_not_posted";
    if (original.isReverted) return "already_reverted";
    const isOne = original.postings.length === 1;
    const back = original.postings.toReversed().map(({ debit, credit, amount }) => {
      return { debit: credit, credit: debit, amount: isOne ? original.posted : amount };
    });
    const code = this.#transfer(partner, back, "revert", newId, { timeoutMs: null });
    if (code === "ok") original.isReverted = true;
    return code;
  }

  #openTransfer(partner: string, id: string): TransferRow | string {
    const transfer = this.#transfers.get(id);
    if (transfer?.partner !== partner) return "transfer_not_found";
    if (transfer.status === "pending") return transfer;
    return transfer.status === "expired" ? "transfer_expired" : "transfer_not_pending";
  }

  /** Releases what remains held for a pending transfer and uncounts it from limits. */
  #release(transfer: TransferRow, status: TransferStatus): void {
    for (const [balance, held] of transfer.holds) balance.held -= held;
    transfer.holds.clear();
    transfer.status = status;
    for (const { account, amount } of transfer.debits) {
      const unposted =
        transfer.debits.length === 1 ? amount - transfer.posted : transfer.parts === 0 ? amount : 0;
      for (const window of this.accounts.row(transfer.partner, account)?.windows ?? [])
        if (window.limit.direction === "debit")
          window.uncount(BigInt(unposted), transfer.parts === 0 ? 1 : 0, transfer.createdAtMs);
    }
  }
}
