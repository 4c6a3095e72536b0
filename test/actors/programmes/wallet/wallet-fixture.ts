/** Helpers that run wallets on one ledger, and collect their events. */
import { eventsOf } from "../../../../src/actors/events/events-of.ts";
import { imageOf } from "../../../../src/actors/ledger/image.ts";
import type { Question, RevertTerms } from "../../../../src/actors/programmes/programme.ts";
import {
  bankAccount,
  bankSubject,
  emailSubject,
  HOLDS,
  PLATFORM_TENANT,
  resetSubject,
  type SupportActs,
  supportSubject,
  type UserView,
  type WalletAct,
  type WalletActs,
  type WalletEffect,
  WITHDRAWALS,
  walletAccount,
  walletAct,
} from "../../../../src/actors/programmes/wallet/acts.ts";
import { askOrder, askProfileOf, askSession } from "../../../../src/actors/programmes/wallet/questions.ts";
import type { Command, Recorded } from "../../../../src/actors/records/command.ts";
import type { LedgerEvent } from "../../../../src/actors/records/event.ts";
import { restored } from "../../ledger/copies.ts";
import { LedgerRun } from "../../ledger/ledger-run.ts";

const header = { partner: PLATFORM_TENANT, key: null, fingerprint: 0 } as const;
const noted = { memo: null, metadata: null, occurredAtMs: null } as const;
const shape = { available: false, vnode: 0 } as const;
const OF_WALLETS = /^(wallet|withdrawal|payment_request)\./;

/** Ids of different users are different. */
function counted(): (bytes: number) => Uint8Array {
  let count = 0;
  return (bytes) => {
    count += 1;
    return Uint8Array.from({ length: bytes }, (_, i) => count >> (8 * (i % 2)));
  };
}

/** A ledger with wallets. Accepted commands give their effect, refused ones code and subject. */
export class WalletsFixture {
  readonly #random = counted();
  readonly #events: LedgerEvent[] = [];
  readonly run = new LedgerRun(
    (record) => void this.#events.push(...eventsOf(record, record.timeMs)),
    this.#random,
  );
  /** Id of the transfer that was made last. */
  last = "";

  /** The events of wallets since the last call. */
  events(): readonly LedgerEvent[] {
    return this.#events.splice(0).filter(({ type }) => OF_WALLETS.test(type));
  }

  ask<R>(question: Question<R>): R {
    return this.run.ask(PLATFORM_TENANT, question);
  }

  restart(): void {
    this.run.ledger = restored([...imageOf(this.run.ledger.state)], this.#random);
  }

  /** Signs a user up, whose session is named like the e-mail. @returns the id of the wallet, which gets the amount */
  wallet(email: string, amount = 0): string {
    const person = { email, name: email, password: "hash 1", session: email, asset: "USD/2" };
    const { walletId } = this.act("sign_up", emailSubject(email), person) as UserView;
    if (amount > 0) this.deposit(walletId, amount);
    this.events();
    return walletId;
  }

  profile(email: string) {
    return this.ask(askProfileOf(email));
  }

  isOpen(session: string): boolean {
    return this.ask(askSession(session, 0)) !== null;
  }

  order(id: string): unknown {
    const question = askOrder(id);
    return question && this.ask(question);
  }

  deposit(wallet: string, amount: number, ref: string | null = null, bank = "mill"): unknown {
    const act = walletAct("deposit", bankSubject(bank), { wallet, bank, ref });
    return this.#move(act, bankAccount(bank), walletAccount(wallet), amount);
  }

  send(from: string, to: string, amount: number): unknown {
    const act = walletAct("send", walletAccount(from), { wallet: from });
    return this.#move(act, walletAccount(from), walletAccount(to), amount);
  }

  hold(wallet: string, amount: number, to?: string, timeoutMs = 60): unknown {
    const fields = { wallet, amount, memo: "taxi", timeoutMs, ...(to !== undefined && { to }) };
    const act = walletAct("hold", walletAccount(wallet), fields);
    const postings = [
      { debit: walletAccount(wallet), credit: to === undefined ? HOLDS : walletAccount(to), amount },
    ];
    return this.do({
      op: "compound_transfer",
      ...header,
      ...noted,
      ...shape,
      pending: true,
      timeoutMs,
      postings,
      act,
    });
  }

  /** @param amount `null`: all that is left. @param credit the wallet that gets it, if it is not that of the hold. */
  capture(wallet: string, hold: string, amount: number | null, final = true, credit?: string): unknown {
    const act = walletAct("capture", walletAccount(wallet), { wallet, hold, final });
    const to = credit === undefined ? {} : { credit: walletAccount(credit) };
    return this.do({ op: "post_transfer", ...header, id: hold, amount, final, settled: null, act, ...to });
  }

  voidHold(wallet: string, hold: string): unknown {
    const act = walletAct("void_hold", walletAccount(wallet), { wallet, hold });
    return this.do({ op: "void_transfer", ...header, id: hold, settled: null, act });
  }

  request(wallet: string, payer: string, amount: number, timeoutMs = 60): unknown {
    const fields = { vnode: 0, wallet, payer, amount, memo: "rent", timeoutMs };
    return this.act("request_payment", walletAccount(payer), fields);
  }

  /** @returns the id of the request */
  requested(wallet: string, payer: string, amount: number): string {
    return (this.request(wallet, payer, amount) as WalletEffect<"request_payment">).id;
  }

  accept(wallet: string, request: string, requester: string, amount: number): unknown {
    const act = walletAct("accept_request", walletAccount(wallet), { vnode: 0, wallet, request });
    return this.#move(act, walletAccount(wallet), walletAccount(requester), amount);
  }

  decide(act: "decline_request" | "cancel_request", wallet: string, request: string): unknown {
    return this.act(act, walletAccount(wallet), { vnode: 0, wallet, request });
  }

  withdraw(wallet: string, amount: number): unknown {
    const act = walletAct("withdraw", walletAccount(wallet), { wallet, amount, details: "IBAN" });
    const postings = [{ debit: walletAccount(wallet), credit: WITHDRAWALS, amount }];
    const pending = { pending: true, timeoutMs: null } as const;
    return this.do({ op: "compound_transfer", ...header, ...noted, ...shape, ...pending, postings, act });
  }

  confirm(withdrawal: string, bank = "mill"): unknown {
    const act = walletAct("confirm_withdrawal", bankSubject(bank), { withdrawal, bank });
    const whole = { amount: null, final: true, settled: null } as const;
    return this.do({
      op: "post_transfer",
      ...header,
      id: withdrawal,
      ...whole,
      act,
      credit: bankAccount(bank),
    });
  }

  fail(withdrawal: string, reason?: string, bank = "mill"): unknown {
    const fields = { withdrawal, bank, ...(reason !== undefined && { reason }) };
    const act = walletAct("fail_withdrawal", bankSubject(bank), fields);
    return this.do({ op: "void_transfer", ...header, id: withdrawal, settled: null, act });
  }

  /** Takes back a transfer with an act of this subject, in full (`null`) or in part. */
  takeBack(
    id: string,
    subject: string,
    amount: number | null,
    kind: RevertTerms["kind"] = "return",
  ): unknown {
    const act = walletAct("take_back", subject, { kind, reason: "wrong", by: "ann", amount });
    return this.do({ op: "revert_transfer", ...header, id, original: null, vnode: 0, act });
  }

  support(act: Exclude<keyof SupportActs, "reset_password">, wallet: string, fields: object = {}): unknown {
    const built = walletAct(act, supportSubject(wallet), { vnode: 0, wallet, ...fields });
    return this.do({ op: "act", ...header, act: built });
  }

  reset(token: string, password: string): unknown {
    return this.act("reset_password", resetSubject(token), { vnode: 0, token, password });
  }

  act<A extends keyof WalletActs>(act: A, subject: string, fields: WalletActs[A]["fields"]): unknown {
    const built = walletAct(act, subject, fields as never) as unknown as WalletAct;
    return this.do({ op: "act", ...header, act: built });
  }

  do(command: Command): unknown {
    const { outcome } = this.run.do(command);
    if (outcome.ok && "id" in outcome) this.last = outcome.id;
    return answerOf(outcome);
  }

  #move(act: WalletAct, debit: string, credit: string, amount: number): unknown {
    return this.do({ op: "transfer", ...header, ...noted, debit, credit, amount, vnode: 0, act });
  }
}

function answerOf(outcome: Recorded): unknown {
  if (!outcome.ok) return [outcome.code, outcome.subject];
  return ("effect" in outcome ? outcome.effect : undefined) ?? undefined;
}
