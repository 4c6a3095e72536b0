/** Acts that come with a transfer: what the programme is told of it, and what the record keeps of the act. */
import { describe, expect, test } from "vitest";
import { pointsAccount } from "../../../src/actors/programmes/loyalty/acts.ts";
import {
  emailSubject,
  HOLDS,
  PLATFORM_TENANT,
  type UserView,
  type WalletEffect,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import type { Act } from "../../../src/actors/records/act.ts";
import type { Command } from "../../../src/actors/records/command.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";

const header = { partner: PLATFORM_TENANT, key: null, fingerprint: 0 } as const;
const details = { memo: null, metadata: null, occurredAtMs: null } as const;
const ANN = pointsAccount("ann");
const kind = { available: false, pending: false, timeoutMs: null, vnode: 0 } as const;

/** A ledger with the programmes of the platform tenant. */
class Tenant {
  #drawn = 0;
  readonly run = new LedgerRun(
    () => {},
    (bytes) => new Uint8Array(bytes).fill(++this.#drawn),
  );

  /** The accepted outcome, or code and subject of the rejection. */
  do(command: Command): unknown {
    const { outcome } = this.run.do(command);
    return outcome.ok ? outcome : [outcome.code, outcome.subject];
  }

  account(id: string) {
    return this.run.ledger.account(PLATFORM_TENANT, id);
  }

  act(act: Act): unknown {
    return this.do({ op: "act", ...header, act });
  }

  /** Transfers an amount with an act. @returns the transfer's id */
  move(debit: string, credit: string, amount: number, act: Act): string {
    return idOf(this.do({ op: "transfer", ...header, ...details, debit, credit, amount, vnode: 0, act }));
  }

  /** A new wallet with 50. */
  signedUp(email: string): string {
    const named = { programme: "wallet", act: "sign_up", subject: emailSubject(email), email } as const;
    const made = this.act({ ...named, name: "A", password: "hash", session: email, asset: "USD/2" } as Act);
    const { walletId } = (made as Readonly<{ effect: UserView }>).effect;
    const bank = walletAct("deposit", walletId, { subject: "bank:b", bank: "b", ref: null });
    this.move("@bank:b", walletAccount(walletId), 50, bank);
    return walletId;
  }

  held(wallet: string, amount: number): string {
    const act = walletAct("hold", wallet, { amount, memo: "taxi", timeoutMs: 60 });
    const postings = [{ debit: walletAccount(wallet), credit: HOLDS, amount }];
    const pending = { ...kind, pending: true, timeoutMs: 60, postings, act };
    return idOf(this.do({ op: "compound_transfer", ...header, ...details, ...pending }));
  }

  capture(wallet: string, id: string, hold: string, amount: number | null): unknown {
    const act = walletAct("capture", wallet, { hold, final: false });
    return this.do({ op: "post_transfer", ...header, id, amount, final: false, settled: null, act });
  }

  order(id: string): unknown {
    const { ledger, nowMs } = this.run;
    return ledger.state.programmes.answer("wallet", PLATFORM_TENANT, ["order", id], nowMs);
  }

  /**
   * Creates a member with 20 points that never expire, and an accrual of 10 that do, of which some are spent before.
   *
   * @returns the id of that accrual
   */
  accrued(spent: number): string {
    this.act(points("create_member", { name: null }));
    this.move("@issuance", ANN, 20, points("accrual"));
    const id = this.move("@issuance", ANN, 10, points("accrual", { expiresAtMs: this.run.nowMs + 5 }));
    if (spent > 0) this.move(ANN, "@redemption", spent, points("redemption"));
    return id;
  }

  expire(): void {
    this.run.nowMs += 5;
    this.run.end();
  }

  revert(id: string): unknown {
    return this.do({ op: "revert_transfer", ...header, id, original: null, vnode: 0 });
  }
}

function idOf(outcome: unknown): string {
  return (outcome as Readonly<{ id: string }>).id;
}

function walletAct(act: string, wallet: string, more: object): Act {
  return { programme: "wallet", act, subject: walletAccount(wallet), wallet, ...more } as Act;
}

function points(act: string, more: object = {}): Act {
  return { programme: "loyalty", act, subject: ANN, ...more };
}

describe("a wallet", () => {
  test("knows of each capture how much it moved, until the whole hold is captured", () => {
    const tenant = new Tenant();
    const wallet = tenant.signedUp("a@x");
    const id = tenant.held(wallet, 9);
    const view = {
      id,
      wallet,
      amount: 9,
      memo: "taxi",
      createdAtMs: tenant.run.nowMs,
      expiresAtMs: tenant.run.nowMs + 60,
    };
    expect(tenant.order(id)).toMatchObject({ ...view, captured: 0, status: "pending" });
    for (const [amount, captured, status] of [
      [4, 4, "pending"],
      [2, 6, "pending"],
      [null, 9, "captured"],
    ] as const) {
      expect(tenant.capture(wallet, id, id, amount)).toMatchObject({ ok: true });
      expect(tenant.order(id)).toMatchObject({ captured, status });
    }
  });

  test("refuses to capture or void a hold that is not its own, and nothing moves", () => {
    const tenant = new Tenant();
    const wallet = tenant.signedUp("a@x");
    const id = tenant.held(wallet, 9);
    expect(tenant.capture(wallet, id, "tr_none", 4)).toEqual(["hold_not_found", "tr_none"]);
    const act = walletAct("void_hold", wallet, { hold: "tr_none" });
    const end = { op: "void_transfer", ...header, id, settled: null } as const;
    expect(tenant.do({ ...end, act })).toEqual(["hold_not_found", "tr_none"]);
    expect(tenant.account(walletAccount(wallet))).toMatchObject({ posted: 50, held: 9 });
    expect(tenant.order(id)).toMatchObject({ captured: 0, status: "pending" });
    const ended = tenant.do({ ...end, act: walletAct("void_hold", wallet, { hold: id }) });
    expect(ended).toMatchObject({ ok: true, transfer: { status: "voided" } });
    expect(ended).not.toHaveProperty("effect");
    expect(tenant.order(id)).toMatchObject({ status: "voided" });
  });

  test("pays a request in full to its requester, and the record keeps the request as it is then", () => {
    const tenant = new Tenant();
    const [payer, wallet] = [tenant.signedUp("a@x"), tenant.signedUp("b@x")];
    const made = walletAct("request_payment", wallet, {
      subject: walletAccount(payer),
      vnode: 0,
      payer,
      amount: 7,
      memo: null,
      timeoutMs: 60,
    });
    const asked = tenant.act(made) as Readonly<{ effect: WalletEffect<"request_payment"> }>;
    const { id: request } = asked.effect;
    const act = walletAct("accept_request", payer, { request });
    const pay = (credit: string, amount: number) => {
      const postings = [{ debit: walletAccount(payer), credit, amount }];
      return tenant.do({ op: "compound_transfer", ...header, ...details, ...kind, postings, act });
    };
    expect(() => pay(walletAccount(wallet), 6)).toThrow("paid in full");
    expect(() => pay(walletAccount(payer), 7)).toThrow("pays its requester");
    const outcome = pay(walletAccount(wallet), 7);
    const effect = { id: request, status: "accepted", amount: 7 };
    expect(outcome).toMatchObject({ effect, transfer: { act, effect, postedAmount: 7 } });
    expect(tenant.order(request)).toMatchObject({ status: "accepted", transfer: idOf(outcome) });
  });

  test("sends nothing without a transfer, and to any account with one", () => {
    const tenant = new Tenant();
    const [wallet, other] = [tenant.signedUp("a@x"), tenant.signedUp("b@x")];
    const act = walletAct("send", wallet, {});
    expect(() => tenant.act(act)).toThrow("between the act's accounts");
    const postings = [{ debit: walletAccount(wallet), credit: walletAccount(other), amount: 5 }];
    const outcome = tenant.do({ op: "compound_transfer", ...header, ...details, ...kind, postings, act });
    expect(outcome).toMatchObject({ ok: true, transfer: { act } });
    expect(outcome).not.toHaveProperty("effect");
    expect(outcome).not.toHaveProperty("transfer.effect");
  });
});

describe("the revert of an accrual", () => {
  test("moves what has not expired, and the record says from which points", () => {
    const tenant = new Tenant();
    const id = tenant.accrued(4);
    tenant.expire();
    expect(tenant.account(ANN)?.posted).toBe(20);
    const effect = { undone: id };
    expect(tenant.revert(id)).toMatchObject({
      effect,
      transfer: { postings: [{ debit: ANN, credit: "@issuance", amount: 4 }], postedAmount: 4, effect },
    });
    expect(tenant.account(ANN)?.posted).toBe(16);
  });

  test("takes the points from their own lot before they expire", () => {
    const tenant = new Tenant();
    const id = tenant.accrued(0);
    const effect = { lots: [[id, 10, tenant.run.nowMs + 5]] };
    expect(tenant.revert(id)).toMatchObject({ effect, transfer: { postedAmount: 10, effect } });
  });

  test("is refused when all of it has expired, although other points are there", () => {
    const tenant = new Tenant();
    const id = tenant.accrued(0);
    tenant.expire();
    expect(tenant.revert(id)).toEqual(["insufficient_funds", ANN]);
    expect(tenant.account(ANN)?.posted).toBe(20);
  });
});
