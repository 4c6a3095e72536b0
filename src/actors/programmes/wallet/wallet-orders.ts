/**
 * Holds, payment requests and withdrawals: what begins pending and is over once. They lie where the wallet is that pays,
 * so that what is decided of one and the money it moves are one record.
 */
import { assert, unreachable } from "../../../errors/assert.ts";
import { textBytes } from "../../quotas/bytes.ts";
import { type Command, type Rejected, reject } from "../../records/command.ts";
import { type ListAsk, type ListPart, PagedIndex } from "../paged-index.ts";
import type { DecisionContext, Done, Effect, ProgrammeContext, ScheduledCommand } from "../programme.ts";
import {
  type ExpireRequest,
  type HoldView,
  type PaperAct,
  type PaperList,
  PLATFORM_TENANT,
  type RequestMade,
  type RequestPayment,
  type RequestView,
  vnodeOfWallet,
  type WalletEffect,
  type WalletOrder,
  type WithdrawalView,
  walletAccount,
} from "./acts.ts";
import { drawRoutedId } from "./ids.ts";

/** So many of a kind a wallet has: for one more, the oldest that is over leaves. The entries stay in the archive. */
export const PAPERS_MAX = 500;

type Kept<P extends WalletOrder> = { -readonly [K in keyof P]: P[K] };
type KeptPaper = Kept<HoldView> | Kept<RequestView> | Kept<WithdrawalView>;

export type PaperItem = readonly ["paper", paper: WalletOrder];

/** In memory, about. */
const PAPER_BYTES = 600;

function paperBytes(paper: KeptPaper): number {
  return PAPER_BYTES + textBytes(paper.kind === "withdrawal" ? paper.details : paper.memo);
}

export class WalletOrders {
  readonly #surroundings: ProgrammeContext;
  readonly #hasWallet: (wallet: string) => boolean;
  /** In the order in which they were made. */
  readonly #byId = new Map<string, KeptPaper>();
  /** Of the requests that are pending, by id. */
  readonly #dues = new Map<string, ScheduledCommand>();
  /** By list, and the wallet whose list it is. */
  readonly #registers = new Map<string, PagedIndex<KeptPaper>>();

  constructor(surroundings: ProgrammeContext, hasWallet: (wallet: string) => boolean) {
    this.#surroundings = surroundings;
    this.#hasWallet = hasWallet;
  }

  decide(act: PaperAct, context: DecisionContext): Effect<WalletEffect> | Rejected {
    switch (act.act) {
      case "hold":
        return this.#roomFor("holds", act.wallet, context.nowMs) ?? ACCEPTED;
      case "withdraw":
        return this.#roomFor("withdrawals", act.wallet, context.nowMs) ?? ACCEPTED;
      case "request_payment":
        return this.#decideRequest(act, context);
      case "capture":
      case "void_hold": {
        const hold = this.#byId.get(act.hold);
        const isOwn = hold?.kind === "hold" && hold.wallet === act.wallet;
        return isOwn ? ACCEPTED : reject("hold_not_found", act.hold);
      }
      case "accept_request":
      case "decline_request": {
        const request = this.#byId.get(act.request);
        const isPayer = request?.kind === "request" && request.wallet === act.wallet;
        if (!isPayer) return reject("payment_request_not_found", act.request);
        assert(act.act === "decline_request" || context.amount === request.amount, "all of it is paid");
        return decideRequest(request, act.act === "accept_request" ? "accepted" : "declined");
      }
      case "cancel_request": {
        const request = this.#byId.get(act.request);
        const isRequester = request?.kind === "request" && request.requester === act.wallet;
        if (!isRequester) return reject("payment_request_not_found", act.request);
        return decideRequest(request, "cancelled");
      }
      case "expire_request":
        return ACCEPTED;
      case "confirm_withdrawal":
      case "fail_withdrawal": {
        const withdrawal = this.#byId.get(act.withdrawal);
        if (withdrawal?.kind !== "withdrawal") return reject("withdrawal_not_found", act.withdrawal);
        return withdrawal.status === "pending" ? ACCEPTED : reject("already_decided", act.withdrawal);
      }
      default:
        return unreachable(act);
    }
  }

  apply(act: PaperAct, effect: WalletEffect, { timeMs, transfer, amount: moved }: Done): void {
    switch (act.act) {
      case "hold": {
        const { wallet, amount, memo, timeoutMs } = act;
        const times = { createdAtMs: timeMs, expiresAtMs: timeMs + timeoutMs };
        const id = transferOf(transfer);
        this.#add(
          { kind: "hold", id, wallet, amount, captured: 0, memo, status: "pending", ...times },
          timeMs,
        );
        return;
      }
      case "withdraw": {
        const { wallet, amount, details } = act;
        const made = { id: transferOf(transfer), wallet, amount, details, createdAtMs: timeMs };
        this.#add({ kind: "withdrawal", ...made, status: "pending", bank: null }, timeMs);
        return;
      }
      case "request_payment": {
        const { payer, wallet: requester, amount, memo } = act;
        const { id, expiresAtMs } = effect as RequestMade;
        const made = { id, wallet: payer, requester, amount, memo, createdAtMs: timeMs, expiresAtMs };
        this.#add({ kind: "request", ...made, status: "pending", transfer: null }, timeMs);
        return;
      }
      case "capture": {
        const hold = this.#hold(act.hold);
        hold.captured += moved;
        if (act.final || hold.captured === hold.amount) hold.status = "captured";
        return;
      }
      case "void_hold":
        this.#hold(act.hold).status = "voided";
        return;
      case "accept_request":
        this.#endRequest(act.request, "accepted", transfer);
        return;
      case "decline_request":
        this.#endRequest(act.request, "declined");
        return;
      case "cancel_request":
        this.#endRequest(act.request, "cancelled");
        return;
      case "expire_request":
        this.#endRequest(act.request, "expired");
        return;
      case "confirm_withdrawal":
      case "fail_withdrawal": {
        const withdrawal = this.#byId.get(act.withdrawal);
        assert(withdrawal?.kind === "withdrawal", "what is told of a withdrawal concerns one");
        withdrawal.status = act.act === "confirm_withdrawal" ? "confirmed" : "failed";
        withdrawal.bank = act.bank;
        return;
      }
      default:
        unreachable(act);
    }
  }

  paper(id: string, nowMs: number): WalletOrder | null {
    const paper = this.#byId.get(id);
    return paper === undefined ? null : viewOf(paper, nowMs);
  }

  list(
    list: PaperList,
    wallet: string,
    page: ListAsk,
    nowMs: number,
    status?: string,
  ): ListPart<WalletOrder> {
    const register =
      this.#registers.get(keyOf(list, wallet)) ?? new PagedIndex<KeptPaper>(this.#surroundings.shard);
    return register.list(page, (paper) => {
      const view = viewOf(paper, nowMs);
      return status === undefined || view.status === status ? view : undefined;
    });
  }

  *items(): Generator<PaperItem> {
    for (const paper of this.#byId.values()) yield ["paper", { ...paper }];
  }

  restore([, paper]: PaperItem): void {
    this.#put({ ...paper });
  }

  #decideRequest(act: RequestPayment, { nowMs }: DecisionContext): Effect<RequestMade> | Rejected {
    const { payer, wallet, vnode, timeoutMs } = act;
    if (payer === wallet) return reject("same_account", wallet);
    if (!this.#hasWallet(payer)) return reject("wallet_not_found", payer);
    const full = this.#roomFor("payer", payer, nowMs);
    if (full !== undefined) return full;
    const id = drawRoutedId("pr", vnode, this.#surroundings.random);
    return { ok: true, effect: { id, expiresAtMs: nowMs + timeoutMs } };
  }

  /** `undefined` where there is room for one more. */
  #roomFor(list: PaperList, wallet: string, nowMs: number): Rejected | undefined {
    const register = this.#registers.get(keyOf(list, wallet));
    if (register === undefined || register.size < PAPERS_MAX) return undefined;
    for (const paper of register.all()) if (viewOf(paper, nowMs).status !== "pending") return undefined;
    return reject("too_many_pending", wallet);
  }

  #add(paper: KeptPaper, nowMs: number): void {
    const register = this.#registers.get(keyOf(homeListOf(paper), paper.wallet));
    if (register !== undefined && register.size >= PAPERS_MAX) {
      for (const old of register.all()) {
        if (viewOf(old, nowMs).status === "pending") continue;
        this.#remove(old);
        break;
      }
    }
    this.#put(paper);
  }

  #put(paper: KeptPaper): void {
    assert(!this.#byId.has(paper.id), "a paper is made once");
    this.#byId.set(paper.id, paper);
    this.#surroundings.kept?.(PLATFORM_TENANT, paperBytes(paper));
    for (const key of listsOf(paper)) {
      let register = this.#registers.get(key);
      if (register === undefined) {
        register = new PagedIndex<KeptPaper>(this.#surroundings.shard);
        this.#registers.set(key, register);
      }
      register.add(paper, paper.createdAtMs);
    }
    if (paper.kind !== "request" || paper.status !== "pending") return;
    const due = dueOf(paper);
    this.#dues.set(paper.id, due);
    this.#surroundings.due.add(due);
  }

  #remove(paper: KeptPaper): void {
    this.#byId.delete(paper.id);
    this.#surroundings.kept?.(PLATFORM_TENANT, -paperBytes(paper));
    for (const key of listsOf(paper)) {
      const register = this.#registers.get(key);
      register?.remove(paper);
      if (register?.size === 0) this.#registers.delete(key);
    }
  }

  #hold(id: string): Kept<HoldView> {
    const hold = this.#byId.get(id);
    assert(hold?.kind === "hold", "what is done to a hold concerns one");
    return hold;
  }

  #endRequest(id: string, status: RequestView["status"], transfer: string | null = null): void {
    const request = this.#byId.get(id);
    const due = this.#dues.get(id);
    assert(request?.kind === "request" && due !== undefined, "a request is decided once");
    request.status = status;
    request.transfer = transfer;
    this.#surroundings.due.remove(due);
    this.#dues.delete(id);
  }
}

const ACCEPTED: Effect<null> = { ok: true, effect: null };

/** The effect is the request after the decision, without the transfer, whose id is not known yet. */
function decideRequest(request: RequestView, status: RequestView["status"]): Effect<RequestView> | Rejected {
  if (request.status !== "pending") return reject("already_decided", request.id);
  return { ok: true, effect: { ...request, status } };
}

/** A copy as of now. The ledger ends a hold by itself when its time is over: nobody is told of it. */
function viewOf(paper: KeptPaper, nowMs: number): WalletOrder {
  const isOver = paper.kind === "hold" && paper.status === "pending" && paper.expiresAtMs <= nowMs;
  return isOver ? { ...paper, status: "expired" } : { ...paper };
}

function homeListOf({ kind }: KeptPaper): PaperList {
  return kind === "hold" ? "holds" : kind === "request" ? "payer" : "withdrawals";
}

function listsOf(paper: KeptPaper): readonly string[] {
  const own = keyOf(homeListOf(paper), paper.wallet);
  if (paper.kind === "hold") return [own];
  return [own, paper.kind === "request" ? keyOf("requester", paper.requester) : keyOf("all_withdrawals", "")];
}

function keyOf(list: PaperList, wallet: string): string {
  return `${list}\0${wallet}`;
}

function transferOf(transfer: string | null): string {
  assert(transfer !== null, "it came with a transfer");
  return transfer;
}

/** Both who pays and who asked see that its time is over. */
function dueOf({ id, wallet, requester, expiresAtMs }: RequestView): ScheduledCommand {
  const subjects = [walletAccount(wallet), walletAccount(requester)];
  return {
    partner: PLATFORM_TENANT,
    endsAtMs: expiresAtMs,
    id,
    place: -1,
    subjects,
    command: () => expiryOf(id, wallet),
  };
}

function expiryOf(request: string, wallet: string): Command {
  const subject = walletAccount(wallet);
  const vnode = vnodeOfWallet(wallet);
  const act: ExpireRequest = {
    programme: "wallet",
    act: "expire_request",
    subject,
    vnode,
    wallet,
    request,
  };
  return { op: "act", partner: PLATFORM_TENANT, key: null, fingerprint: 0, act };
}
