/** Only its programme can move or change a managed account, or resolve the programme's transfers. */
import { expect, test } from "vitest";
import {
  emailSubject,
  HOLDS,
  PLATFORM_TENANT,
  type UserView,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import type { Command } from "../../../src/actors/records/command.ts";
import { LedgerRun } from "./ledger-run.ts";

const header = { partner: PLATFORM_TENANT, key: null, fingerprint: 0 } as const;
const details = { memo: null, metadata: null, occurredAtMs: null } as const;
const named = { programme: "wallet", act: "sign_up", subject: emailSubject("a@x"), email: "a@x" } as const;
const signUp = { ...named, name: "A", password: "hash", session: "s", asset: "USD/2" } as const;

function opened() {
  const run = new LedgerRun(
    () => {},
    (bytes) => new Uint8Array(bytes),
  );
  const { outcome } = run.do({ op: "act", ...header, act: signUp });
  const { walletId: wallet } = (outcome as unknown as { effect: UserView }).effect;
  const account = walletAccount(wallet);
  const bank = {
    programme: "wallet",
    act: "deposit",
    subject: "bank:b",
    wallet,
    bank: "b",
    ref: null,
  } as const;
  const deposit = { debit: "@bank:b", credit: account, amount: 20, vnode: 0, act: bank };
  run.do({ op: "transfer", ...header, ...details, ...deposit });
  const answer = (command: Command) => {
    const { outcome: got } = run.do(command);
    return got.ok ? "ok" : [got.code, got.subject];
  };
  return { run, wallet, account, answer };
}

test("a managed account rejects updates, transfers and holds without its programme's act, on either side", () => {
  const { account, answer } = opened();
  const refused = ["managed_account", account];
  expect(answer({ op: "update_account", ...header, id: account, floor: null })).toEqual(refused);
  for (const action of ["freeze", "unfreeze", "close"] as const)
    expect(answer({ op: "set_account_status", ...header, id: account, action })).toEqual(refused);
  for (const [debit, credit] of [
    ["@x", account],
    [account, "@x"],
  ] as const) {
    const sides = { debit, credit, amount: 1 };
    expect(answer({ op: "transfer", ...header, ...details, ...sides, vnode: 0 })).toEqual(refused);
    for (const pending of [true, false]) {
      const kind = { available: false, pending, timeoutMs: null, vnode: 0, postings: [sides] };
      expect(answer({ op: "compound_transfer", ...header, ...details, ...kind })).toEqual(refused);
    }
  }
});

test("a programme's pending transfer rejects posts and voids without its act, and still expires", () => {
  const { run, wallet, account, answer } = opened();
  const act = {
    programme: "wallet",
    act: "hold",
    subject: account,
    wallet,
    amount: 9,
    memo: null,
    timeoutMs: 5,
  } as const;
  const postings = [{ debit: account, credit: HOLDS, amount: 9 }];
  const kind = { available: false, pending: true, timeoutMs: 5, vnode: 0, postings, act };
  const { outcome } = run.do({ op: "compound_transfer", ...header, ...details, ...kind });
  const id = outcome.ok && "id" in outcome ? outcome.id : "none";
  const refused = ["managed_account", id];
  const rest = { ...header, id, settled: null };
  expect(answer({ op: "post_transfer", ...rest, amount: null, final: true })).toEqual(refused);
  expect(answer({ op: "void_transfer", ...rest })).toEqual(refused);
  expect(run.ledger.account(PLATFORM_TENANT, account)?.held).toBe(9);
  run.nowMs += 5;
  expect(answer({ op: "void_transfer", ...rest })).toEqual(["transfer_expired", id]);
  expect(run.ledger.account(PLATFORM_TENANT, account)?.held).toBe(0);
});
