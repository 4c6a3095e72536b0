/** Acts that come with a transfer: what the programme is told of it, and what the record keeps of the act. */
import { beforeEach, describe, expect, test } from "vitest";
import { pointsAccount } from "../../../src/actors/programmes/loyalty/acts.ts";
import {
  emailSubject,
  HOLDS,
  PLATFORM_TENANT,
  type RequestMade,
  type UserView,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import type { Act } from "../../../src/actors/records/act.ts";
import type { Command } from "../../../src/actors/records/command.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";

const header = { partner: PLATFORM_TENANT, key: null, fingerprint: 0 } as const;
const details = { memo: null, metadata: null, occurredAtMs: null } as const;
const kind = { available: false, pending: false, timeoutMs: null, vnode: 0 } as const;

let drawn = 0;
let run = new LedgerRun(() => {});

beforeEach(() => {
  run = new LedgerRun(
    () => {},
    (bytes) => new Uint8Array(bytes).fill(++drawn),
  );
});

/** The accepted outcome, or code and subject of the rejection. */
function done(command: Command): unknown {
  const { outcome } = run.do(command);
  return outcome.ok ? outcome : [outcome.code, outcome.subject];
}

function idOf(outcome: unknown): string {
  return (outcome as Readonly<{ id: string }>).id;
}

function signedUp(email: string): string {
  const named = { programme: "wallet", act: "sign_up", subject: emailSubject(email), email } as const;
  const act = { ...named, name: "A", password: "hash", session: email, asset: "USD/2" };
  const { walletId } = (done({ op: "act", ...header, act }) as Readonly<{ effect: UserView }>).effect;
  const bank = actOf("deposit", walletId, { subject: "bank:b", bank: "b", ref: null });
  const deposit = { debit: "@bank:b", credit: walletAccount(walletId), amount: 50, vnode: 0 };
  done({ op: "transfer", ...header, ...details, ...deposit, act: bank });
  return walletId;
}

function actOf(act: string, wallet: string, more: object): Act {
  return { programme: "wallet", act, subject: walletAccount(wallet), wallet, ...more } as Act;
}

function held(wallet: string, amount: number): string {
  const act = actOf("hold", wallet, { amount, memo: "taxi", timeoutMs: 60 });
  const postings = [{ debit: walletAccount(wallet), credit: HOLDS, amount }];
  const pending = { ...kind, pending: true, timeoutMs: 60, postings, act };
  return idOf(done({ op: "compound_transfer", ...header, ...details, ...pending }));
}

function capture(wallet: string, id: string, hold: string, amount: number | null): unknown {
  const act = actOf("capture", wallet, { hold, final: false });
  return done({ op: "post_transfer", ...header, id, amount, final: false, settled: null, act });
}

function order(id: string): unknown {
  run.end();
  return run.ledger.state.programmes.answer("wallet", PLATFORM_TENANT, ["paper", id], run.nowMs);
}

describe("a wallet", () => {
  test("knows of each capture how much it moved, until the whole hold is captured", () => {
    const wallet = signedUp("a@x");
    const id = held(wallet, 9);
    const view = { id, wallet, amount: 9, memo: "taxi", createdAtMs: run.nowMs, expiresAtMs: run.nowMs + 60 };
    expect(order(id)).toMatchObject({ ...view, captured: 0, status: "pending" });
    for (const [amount, captured, status] of [
      [4, 4, "pending"],
      [2, 6, "pending"],
      [null, 9, "captured"],
    ] as const) {
      expect(capture(wallet, id, id, amount)).toMatchObject({ ok: true });
      expect(order(id)).toMatchObject({ captured, status });
    }
  });

  test("refuses to capture or void a hold that is not its own, and nothing moves", () => {
    const wallet = signedUp("a@x");
    const id = held(wallet, 9);
    expect(capture(wallet, id, "tr_none", 4)).toEqual(["hold_not_found", "tr_none"]);
    const act = actOf("void_hold", wallet, { hold: "tr_none" });
    const end = { op: "void_transfer", ...header, id, settled: null } as const;
    expect(done({ ...end, act })).toEqual(["hold_not_found", "tr_none"]);
    expect(run.ledger.account(PLATFORM_TENANT, walletAccount(wallet))).toMatchObject({ posted: 50, held: 9 });
    expect(order(id)).toMatchObject({ captured: 0, status: "pending" });
    const ended = done({ ...end, act: actOf("void_hold", wallet, { hold: id }) });
    expect(ended).toMatchObject({ ok: true, transfer: { status: "voided" } });
    expect(ended).not.toHaveProperty("effect");
    expect(order(id)).toMatchObject({ status: "voided" });
  });

  test("pays a request in full to its requester, and the record keeps the request as it is then", () => {
    const [payer, wallet] = [signedUp("a@x"), signedUp("b@x")];
    const made = actOf("request_payment", wallet, {
      subject: walletAccount(payer),
      vnode: 0,
      payer,
      amount: 7,
      memo: null,
      timeoutMs: 60,
    });
    const asked = done({ op: "act", ...header, act: made }) as Readonly<{ effect: RequestMade }>;
    const { id: request } = asked.effect;
    const act = actOf("accept_request", payer, { request });
    const pay = (credit: string, amount: number) => {
      const postings = [{ debit: walletAccount(payer), credit, amount }];
      return done({ op: "compound_transfer", ...header, ...details, ...kind, postings, act });
    };
    expect(() => pay(walletAccount(wallet), 6)).toThrow("paid in full");
    expect(() => pay(walletAccount(payer), 7)).toThrow("pays its requester");
    const outcome = pay(walletAccount(wallet), 7);
    const effect = { id: request, status: "accepted", amount: 7 };
    expect(outcome).toMatchObject({ effect, transfer: { act, effect, postedAmount: 7 } });
    expect(order(request)).toMatchObject({ status: "accepted", transfer: idOf(outcome) });
  });

  test("sends nothing without a transfer, and to any account with one", () => {
    const [wallet, other] = [signedUp("a@x"), signedUp("b@x")];
    const act = actOf("send", wallet, {});
    expect(() => done({ op: "act", ...header, act })).toThrow("between the act's accounts");
    const postings = [{ debit: walletAccount(wallet), credit: walletAccount(other), amount: 5 }];
    const outcome = done({ op: "compound_transfer", ...header, ...details, ...kind, postings, act });
    expect(outcome).toMatchObject({ ok: true, transfer: { act } });
    expect(outcome).not.toHaveProperty("effect");
    expect(outcome).not.toHaveProperty("transfer.effect");
  });
});

const account = pointsAccount("ann");

function points(act: string, more: object = {}): Act {
  return { programme: "loyalty", act, subject: account, ...more };
}

function move(debit: string, credit: string, amount: number, act: Act): string {
  return idOf(done({ op: "transfer", ...header, ...details, debit, credit, amount, vnode: 0, act }));
}

/** A member with 20 points that never expire, and an accrual of 10 that do, of which 4 are spent before. */
function accrued(spent: number): string {
  done({ op: "act", ...header, act: points("create_member", { name: null }) });
  move("@issuance", account, 20, points("accrual"));
  const id = move("@issuance", account, 10, points("accrual", { expiresAtMs: run.nowMs + 5 }));
  if (spent > 0) move(account, "@redemption", spent, points("redemption"));
  return id;
}

function revert(id: string): unknown {
  return done({ op: "revert_transfer", ...header, id, original: null, vnode: 0 });
}

describe("the revert of an accrual", () => {
  test("moves what has not expired, and the record says from which points", () => {
    const id = accrued(4);
    run.nowMs += 5;
    run.end();
    expect(run.ledger.account(PLATFORM_TENANT, account)?.posted).toBe(20);
    const effect = { undone: id };
    expect(revert(id)).toMatchObject({
      effect,
      transfer: { postings: [{ debit: account, credit: "@issuance", amount: 4 }], postedAmount: 4, effect },
    });
    expect(run.ledger.account(PLATFORM_TENANT, account)?.posted).toBe(16);
  });

  test("takes the points from their own lot before they expire", () => {
    const id = accrued(0);
    const effect = { lots: [[id, 10, run.nowMs + 5]] };
    expect(revert(id)).toMatchObject({ effect, transfer: { postedAmount: 10, effect } });
  });

  test("is refused when all of it has expired, although other points are there", () => {
    const id = accrued(0);
    run.nowMs += 5;
    run.end();
    expect(revert(id)).toEqual(["insufficient_funds", account]);
    expect(run.ledger.account(PLATFORM_TENANT, account)?.posted).toBe(20);
  });
});
