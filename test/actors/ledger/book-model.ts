/**
 * The rules of the books once more, as plainly as possible and without a line of the ledger's: an oracle for tests. It
 * knows nothing of shards.
 */
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
   * `ok`, or the reason that takes precedence.
   *
   * @param id of the transfer that comes of it, if one does.
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
        const there = this.#openOf(command.partner, command.id);
        if (typeof there !== "string") this.#end(there, "voided");
        return typeof there === "string" ? there : "ok";
      }
      case "revert_transfer":
        return this.#revert(command.partner, command.id, id);
      default:
        throw new Error(`not in the model: ${command.op}`);
    }
  }

  /** What is pending until then or earlier ends. @returns its ids */
  passTime(nowMs: number): readonly string[] {
    this.#nowMs = nowMs;
    const over = [...this.#transfers].filter(
      ([, { status, endsAtMs }]) => status === "pending" && endsAtMs <= nowMs,
    );
    for (const [, transfer] of over) this.#end(transfer, "expired");
    return over.map(([id]) => id);
  }

  *transfers(): Generator<[id: string, transfer: Readonly<TransferRow>]> {
    yield* this.#transfers;
  }

  #transfer(
    partner: string,
    asked: readonly Posting[],
    mode: Mode,
    id: string,
    { timeoutMs }: Readonly<{ timeoutMs: number | null }>,
    isAvailable = false,
  ): string {
    const first = this.accounts.row(partner, asked[0]?.debit ?? "");
    const there = isAvailable
      ? Number(first === undefined ? 0n : first.posted - first.held)
      : Number.MAX_VALUE;
    const postings = asked.map(({ debit, credit, amount }) => {
      return { debit, credit, amount: Math.max(1, Math.min(amount, there)) };
    });
    const holds = new Map<Balance, bigint>();
    const refusal = this.accounts.move(partner, postings, mode, holds, there <= 0, this.#nowMs);
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
    const there = this.#openOf(partner, id);
    if (typeof there === "string") return there;
    const { postings, holds } = there;
    const left = postings.reduce((sum, posting) => sum + posting.amount, 0) - there.posted;
    const part = amount ?? left;
    if (part > left || (postings.length > 1 && part !== left)) return "amount_exceeds_pending";
    const before = new Map(holds);
    for (const [balance, held] of before) {
      const given = postings.length > 1 ? held : BigInt(part);
      balance.held -= given;
      holds.set(balance, held - given);
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
    there.posted += part;
    there.parts += 1;
    if (part === left || final) this.#end(there, "posted");
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

  #openOf(partner: string, id: string): TransferRow | string {
    const transfer = this.#transfers.get(id);
    if (transfer?.partner !== partner) return "transfer_not_found";
    if (transfer.status === "pending") return transfer;
    return transfer.status === "expired" ? "transfer_expired" : "transfer_not_pending";
  }

  /** Whatever is left of a pending transfer is free again. */
  #end(transfer: TransferRow, status: TransferStatus): void {
    for (const [balance, held] of transfer.holds) balance.held -= held;
    transfer.holds.clear();
    transfer.status = status;
    for (const { account, amount } of transfer.debits) {
      const left =
        transfer.debits.length === 1 ? amount - transfer.posted : transfer.parts === 0 ? amount : 0;
      for (const window of this.accounts.row(transfer.partner, account)?.windows ?? [])
        if (window.limit.direction === "debit")
          window.giveBack(BigInt(left), transfer.parts === 0 ? 1 : 0, transfer.createdAtMs);
    }
  }
}
