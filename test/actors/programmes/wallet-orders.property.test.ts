/** Compares holds, payment requests, withdrawals and their money on a ledger with a plain model. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { imageOf } from "../../../src/actors/ledger/image.ts";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import {
  bankAccount,
  bankSubject,
  emailSubject,
  HOLDS,
  PLATFORM_TENANT,
  resetSubject,
  supportSubject,
  type UserView,
  vnodeOfWallet,
  type WalletAct,
  type WalletEffect,
  type WalletOrder,
  WITHDRAWALS,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import { askOpenFor, askOrder, askReset } from "../../../src/actors/programmes/wallet/questions.ts";
import type { Command, Recorded } from "../../../src/actors/records/command.ts";
import { copiesOf, PackedLog, restored } from "../ledger/copies.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";
import { runs } from "../ledger/property-runs.ts";
import { checkOrders } from "./wallet-orders-check.ts";
import { type Answer, PapersModel } from "./wallet-orders-model.ts";
import { type Of, type Step, step } from "./wallet-orders-steps.ts";

const header = { partner: PLATFORM_TENANT, key: null, fingerprint: 0 } as const;
const noted = { memo: null, metadata: null, occurredAtMs: null } as const;
/** An id that no order has. */
const NO_ID = "tr_0019001";

class World {
  #drawn = 0;
  readonly #random = (bytes: number) => new Uint8Array(bytes).fill(++this.#drawn);
  readonly #log = new PackedLog();
  readonly #run = new LedgerRun((record) => this.#log.add(record), this.#random);
  readonly #model = new PapersModel();
  /** Two wallets that exist and one that does not. */
  readonly wallets: readonly string[] = [this.#signUp("ann@x"), this.#signUp("bo@x"), "wal_none"];
  /** By wallet: its newest token, used or not; and until when one resets its password. */
  readonly #tokens = new Map<string, string>();
  readonly #resets = new Map<string, { token: string; expiresAtMs: number }>();

  take(what: Step): void {
    this.#run.end();
    switch (what.do) {
      case "deposit": {
        const wallet = this.#wallet(what.who);
        const act = actOf("deposit", bankSubject("mill"), { wallet, bank: "mill", ref: null });
        const money = this.#model.money.get(wallet) ?? { posted: 0, held: 0 };
        return this.#move(act, bankAccount("mill"), walletAccount(wallet), what.amount, (): Answer => {
          if (this.#model.closed.has(wallet))
            return { code: "account_closed", subject: walletAccount(wallet) };
          money.posted += what.amount;
          return {};
        });
      }
      case "send": {
        const [from, to] = [this.#wallet(what.who), this.#wallet(1 - what.who)];
        const act = actOf("send", walletAccount(from), { wallet: from });
        return this.#move(act, walletAccount(from), walletAccount(to), what.amount, (id) => {
          const sent = this.#model.send(from, to, what.amount);
          if (!("code" in sent)) this.#model.sent.set(id, { from, to, amount: what.amount, isBack: false });
          return sent;
        });
      }
      case "freeze":
      case "unfreeze":
        return this.#freeze(what);
      case "close":
        return this.#close(what);
      case "correct":
        return this.#correct(what);
      case "issue":
      case "reset":
        return this.#reset(what);
      case "hold":
        return this.#hold(what);
      case "capture":
        return this.#capture(what);
      case "void": {
        const [id, by] = this.#held(what);
        const act = actOf("void_hold", walletAccount(by), { wallet: by, hold: id });
        const command = { op: "void_transfer", ...header, id, settled: null, act } as const;
        return this.#do(command, () => this.#model.void(id, by));
      }
      case "withdraw": {
        const wallet = this.#wallet(what.who);
        const own = { wallet, amount: what.amount, details: "IBAN" };
        const act = actOf("withdraw", walletAccount(wallet), own);
        return this.#pend(act, wallet, WITHDRAWALS, what.amount, null, (id) =>
          this.#model.withdraw({
            kind: "withdrawal",
            id,
            ...own,
            status: "pending",
            bank: null,
            createdAtMs: this.#run.nowMs,
          }),
        );
      }
      case "confirm":
      case "fail":
        return this.#end(what);
      case "request":
        return this.#request(what);
      case "accept":
      case "decline":
      case "cancel":
        return this.#decide(what);
      case "wait":
        this.#run.nowMs += what.ms;
        return this.#model.passTime(this.#run.nowMs);
      case "restart":
        this.#run.ledger = restored([...imageOf(this.#run.ledger.state)], this.#random);
    }
  }

  /** Compares all that can be read with the model. */
  check(): void {
    this.#run.end();
    checkOrders(this.#run, this.#model, this.wallets);
    for (const wallet of this.wallets) {
      const isValid = (this.#resets.get(wallet)?.expiresAtMs ?? 0) > this.#run.nowMs;
      expect(this.#run.ask(PLATFORM_TENANT, askReset(this.#tokens.get(wallet) ?? "none", 0))).toBe(isValid);
    }
  }

  checkCopies(): void {
    for (const copy of copiesOf(this.#run.ledger, this.#log)) {
      this.#run.ledger = copy;
      this.check();
    }
  }

  #signUp(email: string): string {
    const person = { email, name: "X", password: "hash", session: email, asset: "USD/2" };
    const act = actOf("sign_up", emailSubject(email), person);
    const { outcome } = this.#run.do({ op: "act", ...header, act });
    const { walletId } = effectOf(outcome) as UserView;
    this.#model.money.set(walletId, { posted: 0, held: 0 });
    return walletId;
  }

  #hold({ who: by, amount: of, memo: why, timeoutMs: ms, to: named }: Of<"hold">): void {
    const wallet = this.#wallet(by);
    const payee = named === "nobody" ? {} : { to: named === "self" ? wallet : this.#wallet(1 - by) };
    const act = actOf("hold", walletAccount(wallet), {
      wallet,
      amount: of,
      memo: why,
      timeoutMs: ms,
      ...payee,
    });
    const createdAtMs = this.#run.nowMs;
    const made = {
      wallet,
      amount: of,
      captured: 0,
      memo: why,
      status: "pending",
      createdAtMs,
      ...payee,
    } as const;
    const credit = payee.to === undefined ? HOLDS : walletAccount(payee.to);
    this.#pend(act, wallet, credit, of, ms, (id) =>
      this.#model.hold({ kind: "hold", id, ...made, expiresAtMs: createdAtMs + ms }),
    );
  }

  #freeze({ do: verb, who: at }: Of<"freeze" | "unfreeze">): void {
    const wallet = this.#wallet(at);
    const act = actOf(`${verb}_wallet`, supportSubject(wallet), { vnode: vnodeOfWallet(wallet), wallet });
    this.#do(
      { op: "act", ...header, act },
      (effect) => this.#model.freeze(wallet, verb === "freeze") ?? { effect },
    );
  }

  #close({ who: at }: Of<"close">): void {
    const wallet = this.#wallet(at);
    const openElsewhere = this.#run.ask(PLATFORM_TENANT, askOpenFor(wallet));
    const names = { vnode: vnodeOfWallet(wallet), wallet, openElsewhere };
    const act = actOf("close_wallet", supportSubject(wallet), names);
    this.#do({ op: "act", ...header, act }, (effect) => {
      // Closing a closed wallet changes nothing.
      const ended = this.#model.close(wallet);
      if ("code" in ended) return ended;
      this.#resets.delete(wallet);
      expect((effect as WalletEffect<"close_wallet">).ended).toEqual(ended);
      return { effect };
    });
  }

  /** Takes back one of the newest transfers between wallets. */
  #correct({ which: at, part: of }: Of<"correct">): void {
    const [id, sent] = [...this.#model.sent].at(-1 - at) ?? [];
    if (id === undefined || sent === undefined) return;
    const { from, to, amount: all } = sent;
    const original = { postings: [{ debit: walletAccount(from), credit: walletAccount(to), amount: all }] };
    const terms = { kind: "correction", reason: "mistake", by: "key", amount: of } as const;
    const act = actOf("take_back", walletAccount(from), terms);
    const command = {
      op: "revert_transfer",
      ...header,
      id,
      original,
      vnode: vnodeOfWallet(from),
      act,
    } as const;
    this.#do({ ...command, memo: terms.reason }, () => this.#model.takeBack(id, of));
  }

  #reset({ do: verb, who: at }: Of<"issue" | "reset">): void {
    const wallet = this.#wallet(at);
    const vnode = vnodeOfWallet(wallet);
    const reset = this.#resets.get(wallet);
    if (verb === "issue") {
      const token = `token ${++this.#drawn}`;
      const act = actOf("issue_reset", supportSubject(wallet), { vnode, wallet, token });
      return this.#do({ op: "act", ...header, act }, (effect) => {
        if (this.#model.closed.has(wallet)) return { code: "account_closed", subject: walletAccount(wallet) };
        this.#tokens.set(wallet, token);
        this.#resets.set(wallet, { token, expiresAtMs: this.#run.nowMs + 60 * 60 * 1000 });
        return { effect };
      });
    }
    const token = this.#tokens.get(wallet) ?? "none";
    const act = actOf("reset_password", resetSubject(token), { vnode, token, password: "hash" });
    return this.#do({ op: "act", ...header, act }, (effect) => {
      if (reset === undefined || reset.expiresAtMs <= this.#run.nowMs)
        return { code: "bad_reset_token", subject: null };
      this.#resets.delete(wallet);
      return { effect };
    });
  }

  /** A hold, and who acts on it: its payer, its payee, or sometimes another wallet. */
  #held({
    byPayee,
    ...what
  }: Readonly<{ which: number; isOther: boolean; byPayee: boolean }>): readonly [string, string] {
    const [id, by] = this.#order("hold", what);
    const payee = this.#model.find("hold", id)?.to;
    return [id, byPayee && payee !== undefined ? payee : by];
  }

  #capture(what: Of<"capture">): void {
    const { part, isFinal: final } = what;
    const [hold, by] = this.#held(what);
    const payee = this.#model.find("hold", hold)?.to;
    const to = what.toSelf ? by : (this.wallets.find((each) => each !== by) ?? "");
    const act = actOf("capture", walletAccount(by), { wallet: by, hold, final });
    const command = { op: "post_transfer", ...header, id: hold, amount: part, final, settled: null } as const;
    // The payee need not name itself.
    const isSilent = payee === by && !what.toSelf;
    const credit = isSilent ? {} : { credit: walletAccount(to) };
    this.#do({ ...command, ...credit, act }, () =>
      this.#model.capture(hold, by, isSilent ? by : to, part, final),
    );
  }

  #end(what: Of<"confirm" | "fail">): void {
    const [id] = this.#order("withdrawal", { ...what, isOther: false });
    const { nowMs } = this.#run;
    const named = { withdrawal: id, bank: "mill" };
    if (what.do === "fail") {
      const said = what.which % 2 === 0 ? {} : { reason: "unknown account" };
      const act = actOf("fail_withdrawal", `withdrawal:${id}`, { ...named, ...said });
      const command = { op: "void_transfer", ...header, id, settled: null, act } as const;
      return this.#do(command, () => this.#model.end(id, "mill", "failed", nowMs, said.reason));
    }
    const act = actOf("confirm_withdrawal", `withdrawal:${id}`, named);
    const all = { amount: null, final: true, settled: null, credit: bankAccount("mill") } as const;
    const command = { op: "post_transfer", ...header, id, ...all, act } as const;
    return this.#do(command, () => this.#model.end(id, "mill", "confirmed", nowMs));
  }

  #request({ who: by, payer: of, amount: asking, memo: why, timeoutMs: ms }: Of<"request">): void {
    const [requester, payer] = [this.#wallet(by), this.#wallet(of)];
    const own = { wallet: requester, payer, amount: asking, memo: why, timeoutMs: ms };
    const act = actOf("request_payment", walletAccount(requester), { ...own, vnode: vnodeOfWallet(payer) });
    const createdAtMs = this.#run.nowMs;
    this.#do({ op: "act", ...header, act }, (effect) => {
      const { id } = (effect ?? { id: "" }) as { id: string };
      if (id !== "") expect(askOrder(id)).toMatchObject({ vnode: vnodeOfWallet(payer) });
      const made = { wallet: payer, requester, amount: asking, memo: why, transfer: null, createdAtMs };
      return this.#model.request({
        kind: "request",
        id,
        ...made,
        status: "pending",
        expiresAtMs: createdAtMs + ms,
      });
    });
  }

  #decide(what: Of<"accept" | "decline" | "cancel">): void {
    const [request, payer, requester] = this.#order("request", what);
    const by = what.do === "cancel" ? requester : payer;
    const named = { wallet: by, request, vnode: 0 };
    if (what.do === "accept") {
      const order = this.#model.find("request", request);
      const to = order?.requester ?? requester;
      const act = actOf("accept_request", walletAccount(by), named);
      return this.#move(act, walletAccount(by), walletAccount(to), order?.amount ?? 1, (id) =>
        this.#model.decide(request, by, "accepted", id),
      );
    }
    const [act, status] =
      what.do === "decline"
        ? ([actOf("decline_request", walletAccount(by), named), "declined"] as const)
        : ([actOf("cancel_request", walletAccount(by), named), "cancelled"] as const);
    return this.#do({ op: "act", ...header, act }, () => this.#model.decide(request, by, status, null));
  }

  #wallet(at: number): string {
    return this.wallets[at] ?? "wal_none";
  }

  /** One of the newest orders with its wallet, or sometimes with another wallet. */
  #order(
    kind: WalletOrder["kind"],
    { which: at, isOther: isNot }: Readonly<{ which: number; isOther: boolean }>,
  ): readonly [id: string, wallet: string, requester: string] {
    const order = this.#model.orders.filter((each) => each.kind === kind).at(-1 - at);
    const wallet = order?.wallet ?? this.#wallet(0);
    const other = this.wallets.find((each) => each !== wallet) ?? "";
    return isNot ? [order?.id ?? NO_ID, other, wallet] : [order?.id ?? NO_ID, wallet, other];
  }

  #pend(
    act: WalletAct,
    wallet: string,
    credit: string,
    of: number,
    ms: number | null,
    expected: (id: string) => Answer,
  ): void {
    const debit = walletAccount(wallet);
    const kind = { available: false, pending: true, timeoutMs: ms, vnode: vnodeOfWallet(wallet) } as const;
    const postings = [{ debit, credit, amount: of }];
    const command = { op: "compound_transfer", ...header, ...noted, ...kind, postings, act } as const;
    this.#do(command, (_, id) => expected(id));
  }

  #move(act: WalletAct, debit: string, credit: string, of: number, expected: (id: string) => Answer): void {
    const vnode = homeVnodeOf(PLATFORM_TENANT, debit, credit, null);
    const command = { op: "transfer", ...header, ...noted, debit, credit, amount: of, vnode, act } as const;
    this.#do(command, (_, id) => expected(id));
  }

  #do(command: Command, expected: (effect: unknown, id: string) => Answer): void {
    const { outcome } = this.#run.do(command);
    const id = outcome.ok && "id" in outcome ? outcome.id : "";
    const answer = expected(outcome.ok ? effectOf(outcome) : undefined, id);
    if ("code" in answer) expect(outcome, JSON.stringify(command)).toEqual({ ok: false, ...answer });
    else expect(effectOf(outcome), JSON.stringify(command)).toEqual(answer.effect);
  }
}

function actOf<A extends WalletAct["act"]>(
  act: A,
  subject: string,
  more: Omit<Extract<WalletAct, Readonly<{ act: A }>>, "programme" | "act" | "subject">,
): WalletAct {
  return { programme: "wallet", act, subject, ...more } as unknown as WalletAct;
}

function effectOf(outcome: Recorded): unknown {
  if (!outcome.ok) return outcome;
  return ("effect" in outcome ? outcome.effect : undefined) ?? undefined;
}

test("random commands give the orders and balances of a plain model; replay and a restored snapshot give the same state", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 50 }), (steps) => {
      const world = new World();
      world.take({ do: "deposit", who: 0, amount: 60 });
      for (const each of steps) {
        world.take(each);
        world.check();
      }
      world.checkCopies();
    }),
    { numRuns: runs(200) },
  );
});
