/** Accounts and transfers in memory. It executes what it is asked to, with only the rules that tests need. */

import { isSystemAccount, vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import { countedTransferId } from "../../src/actors/ledger/transfer-id.ts";
import { DEFAULT_QUOTAS } from "../../src/actors/quotas/default-quotas.ts";
import type {
  AccountView,
  Command,
  Outcome,
  Transfer,
  TransferPosted,
} from "../../src/actors/records/command.ts";
import type {
  CompoundTransfer,
  Move,
  Posting,
  PostTransfer,
  RevertTransfer,
  TransferChanged,
  TransferView,
  VoidTransfer,
} from "../../src/actors/records/compound-command.ts";
import type { Rejection } from "../../src/actors/records/rejection.ts";
import type { Entry } from "../../src/archive/queries/query.ts";
import type { FeedPage, TransferRow } from "../../src/gateway/ports.ts";

export const USAGE = {
  quotas: DEFAULT_QUOTAS,
  shards: [{ idempotency_keys: 3, open_transfers: 1, bytes: 300 }],
  requestsInFlight: 2,
};
export const NOW_MS = Date.parse("2026-11-20T10:00:00.000Z");

type AccountCommand = Extract<Command, { op: "create_account" | "update_account" | "set_account_status" }>;
type TransferCommand = CompoundTransfer | PostTransfer | VoidTransfer | RevertTransfer;

function rejected(
  code: Rejection,
  subject: string | null,
): { ok: false; code: Rejection; subject: string | null } {
  return { ok: false, code, subject };
}

function sumOf(postings: readonly Posting[]): number {
  return postings.reduce((sum, { amount }) => sum + amount, 0);
}

/** A partial post changes the amount of its one posting. */
function ofAmount(view: TransferView, amount: number): TransferView {
  const [posting, ...others] = view.postings;
  if (posting === undefined || others.length > 0) return view;
  return { ...view, postings: [{ ...posting, amount }] };
}

export class FakeBook {
  readonly #accounts = new Map<string, AccountView>();
  readonly #transfers = new Map<string, TransferRow & { partner: string }>();
  readonly #entries: { partner: string; account: string; entry: Entry }[] = [];
  #made = 0;

  account(partner: string, id: string): AccountView | undefined {
    return this.#accounts.get(`${partner}\0${id}`);
  }

  /** Sorted by id, without system accounts. */
  accounts(partner: string, prefix: string): AccountView[] {
    return [...this.#accounts]
      .filter(([at, { id }]) => at.startsWith(`${partner}\0${prefix}`) && !isSystemAccount(id))
      .map(([, account]) => account)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  transfer(partner: string, id: string): TransferRow | undefined {
    const found = this.#transfers.get(id);
    return found?.partner === partner ? found : undefined;
  }

  /** Newest first. */
  transfers(partner: string): TransferRow[] {
    return [...this.#transfers.values()].filter((row) => row.partner === partner).toReversed();
  }

  /** Newest first. */
  entries(partner: string, account: string): Entry[] {
    return this.#entries
      .filter((one) => one.partner === partner && one.account === account)
      .map(({ entry }) => entry)
      .toReversed();
  }

  decideAccount(command: AccountCommand): Outcome<AccountCommand> {
    const before = this.account(command.partner, command.id);
    if (command.op === "create_account") {
      if (before !== undefined) return rejected("account_exists", command.id);
      const { id, asset, floor, ceiling, metadata, limits = [] } = command;
      return this.#put(command.partner, { ...blank(id), asset, floor, ceiling, metadata, limits });
    }
    if (before === undefined) return rejected("account_not_found", command.id);
    if (command.op === "set_account_status") {
      const statuses = { freeze: "frozen", unfreeze: "open", close: "closed" } as const;
      return this.#put(command.partner, { ...before, status: statuses[command.action] });
    }
    const { floor = before.floor, ceiling = before.ceiling, limits = before.limits ?? [] } = command;
    return this.#put(command.partner, { ...before, floor, ceiling, limits });
  }

  #put(partner: string, account: AccountView): { ok: true; account: AccountView } {
    this.#accounts.set(`${partner}\0${account.id}`, account);
    return { ok: true, account };
  }

  decidePlain(command: Transfer): Outcome<Transfer> {
    const { partner, debit, credit, amount, memo, metadata, occurredAtMs } = command;
    const postings = [{ debit, credit, amount }];
    const refusal = this.#refusal(partner, postings);
    if (refusal !== undefined) return refusal;
    const view = { ...this.#newView(partner, postings), memo, metadata, occurredAtMs };
    const [ofDebit, ofCredit] = this.#moves(partner, view, "posted");
    if (ofDebit === undefined || ofCredit === undefined) throw new Error("a posting has two sides");
    this.#transfers.set(view.id, { ...view, partner, revertedBy: null });
    return {
      ok: true,
      id: view.id,
      debitPosted: ofDebit.posted,
      debitHeld: ofDebit.held,
      debitSeq: ofDebit.seq,
      creditPosted: ofCredit.posted,
      creditHeld: ofCredit.held,
      creditSeq: ofCredit.seq,
    } satisfies TransferPosted;
  }

  /** A dry run changes nothing and has no id. */
  dryRun(command: CompoundTransfer): Outcome<CompoundTransfer> {
    const trial = new FakeBook();
    for (const [at, account] of this.#accounts) trial.#accounts.set(at, account);
    const outcome = trial.decideTransfer(command);
    return outcome.ok ? { ...outcome, id: "", transfer: { ...outcome.transfer, id: "" } } : outcome;
  }

  decideTransfer(command: TransferCommand): Outcome<TransferCommand> {
    switch (command.op) {
      case "compound_transfer":
        return this.#begin(command);
      case "revert_transfer":
        return this.#revert(command);
      case "post_transfer":
      case "void_transfer":
        return this.#settle(command);
    }
  }

  #begin(command: CompoundTransfer): Outcome<CompoundTransfer> {
    const { partner, pending, timeoutMs, memo, metadata, occurredAtMs } = command;
    const refusal = this.#refusal(partner, command.postings);
    if (refusal !== undefined) return refusal;
    const postings = command.available ? this.#whatThereIs(partner, command.postings) : command.postings;
    const view: TransferView = {
      ...this.#newView(partner, postings),
      ...(pending ? { status: "pending", postedAmount: 0 } : {}),
      memo,
      metadata,
      occurredAtMs,
      expiresAtMs: timeoutMs === null ? null : NOW_MS + timeoutMs,
    };
    return this.#changed(partner, view, this.#moves(partner, view, pending ? "held" : "posted"));
  }

  #whatThereIs(partner: string, postings: readonly Posting[]): Posting[] {
    return postings.map((posting) => {
      const payer = this.account(partner, posting.debit) ?? blank(posting.debit);
      return { ...posting, amount: Math.min(posting.amount, payer.posted - payer.held) };
    });
  }

  #settle(command: PostTransfer | VoidTransfer): Outcome<PostTransfer> {
    const before = this.transfer(command.partner, command.id);
    if (before === undefined) return rejected("transfer_not_found", null);
    if (before.status !== "pending") return rejected("transfer_not_pending", null);
    const { revertedBy: _, ...view } = before;
    const remaining = sumOf(view.postings) - view.postedAmount;
    if (command.op === "void_transfer") {
      const moves = this.#moves(command.partner, ofAmount(view, remaining), "released");
      return this.#changed(command.partner, { ...view, status: "voided" }, moves);
    }
    const amount = command.amount ?? remaining;
    if (amount > remaining) return rejected("amount_exceeds_pending", null);
    const moves = this.#moves(command.partner, ofAmount(view, amount), "posted");
    const isFinal = command.final || amount === remaining;
    if (isFinal && amount < remaining) {
      moves.push(...this.#moves(command.partner, ofAmount(view, remaining - amount), "released"));
    }
    const status = isFinal ? "posted" : "pending";
    const after: TransferView = { ...view, postedAmount: view.postedAmount + amount, status };
    return this.#changed(command.partner, after, moves);
  }

  #revert({ partner, id }: RevertTransfer): Outcome<RevertTransfer> {
    const original = this.transfer(partner, id);
    if (original === undefined) return rejected("transfer_not_found", null);
    if (original.status !== "posted") return rejected("transfer_not_posted", null);
    if (original.revertedBy !== null) return rejected("already_reverted", null);
    const swapped = original.postings.map(({ debit, credit, amount }) => ({
      debit: credit,
      credit: debit,
      amount,
    }));
    const view = { ...this.#newView(partner, swapped.toReversed()), reverts: id };
    this.#transfers.set(id, { ...original, partner, revertedBy: view.id });
    return this.#changed(partner, view, this.#moves(partner, view, "posted"));
  }

  #changed(partner: string, transfer: TransferView, moves: readonly Move[]): TransferChanged {
    const revertedBy = this.#transfers.get(transfer.id)?.revertedBy ?? null;
    this.#transfers.set(transfer.id, { ...transfer, partner, revertedBy });
    return {
      ok: true,
      id: transfer.id,
      transfer,
      moves,
      holds: [],
      sent: [],
      part: 0,
      reservedAt: [],
      elsewhere: [],
    };
  }

  #refusal(partner: string, postings: readonly Posting[]): ReturnType<typeof rejected> | undefined {
    for (const { debit, credit } of postings) {
      if (debit === credit) return rejected("same_account", null);
      for (const id of [debit, credit]) {
        if (!isSystemAccount(id) && this.account(partner, id) === undefined)
          return rejected("account_not_found", id);
      }
    }
    return undefined;
  }

  #newView(partner: string, postings: readonly Posting[]): TransferView {
    this.#made += 1;
    return {
      id: countedTransferId(vnodeOfAccount(partner, postings[0]?.debit ?? ""), 1, this.#made),
      status: "posted",
      postings,
      postedAmount: sumOf(postings),
      memo: null,
      metadata: null,
      occurredAtMs: null,
      createdAtMs: NOW_MS,
      expiresAtMs: null,
      reverts: null,
    };
  }

  #moves(partner: string, view: TransferView, what: "posted" | "held" | "released"): Move[] {
    return view.postings.flatMap(({ debit, credit, amount }, posting) => {
      if (what !== "posted") return [this.#hold(partner, posting, debit, what === "held" ? amount : -amount)];
      if (view.status === "pending") this.#hold(partner, posting, debit, -amount);
      return [
        this.#move(partner, view, posting, debit, credit, -amount),
        this.#move(partner, view, posting, credit, debit, amount),
      ];
    });
  }

  #hold(partner: string, posting: number, id: string, amount: number): Move {
    const before = this.account(partner, id) ?? blank(id);
    const { account } = this.#put(partner, { ...before, held: before.held + amount });
    return moveOf(partner, posting, account, 0);
  }

  #move(
    partner: string,
    { id: transfer, memo, metadata, occurredAtMs }: TransferView,
    posting: number,
    id: string,
    counterparty: string,
    amount: number,
  ): Move {
    const before = this.account(partner, id) ?? blank(id);
    const { account } = this.#put(partner, {
      ...before,
      posted: before.posted + amount,
      seq: before.seq + 1,
    });
    const entry: Entry = {
      at: { shard: 0, epoch: 1, seq: this.#made, index: 0 },
      timeMs: NOW_MS,
      seq: account.seq,
      transferId: transfer,
      amount,
      balanceAfter: account.posted,
      counterparty,
      memo,
      metadata,
      occurredAtMs,
    };
    this.#entries.push({ partner, account: id, entry });
    return moveOf(partner, posting, account, amount);
  }
}

function moveOf(
  partner: string,
  posting: number,
  { id, asset, posted, held, seq }: AccountView,
  amount: number,
): Move {
  return { posting, account: id, asset, vnode: vnodeOfAccount(partner, id), amount, posted, held, seq };
}

function blank(id: string): AccountView {
  return {
    id,
    asset: "PTS/0",
    status: "open",
    floor: null,
    ceiling: null,
    posted: 0,
    held: 0,
    seq: 0,
    metadata: null,
    createdAtMs: NOW_MS,
  };
}

/** A feed without events. */
export class EmptyFeed {
  async events(): Promise<FeedPage> {
    return { events: [], next: undefined, isLast: true, isHeld: false, indexed: 0 };
  }

  /** Never ends: nothing happens. */
  awaitEvents(): Promise<void> {
    return new Promise(() => {});
  }

  async newestEvent(): Promise<undefined> {
    return undefined;
  }

  async deliveries(): Promise<[]> {
    return [];
  }
}
