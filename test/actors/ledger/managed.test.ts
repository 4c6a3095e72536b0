/** What a programme has is moved, changed and ended by the programme alone. */
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

const asked = { partner: PLATFORM_TENANT, key: null, fingerprint: 0 } as const;
const noted = { memo: null, metadata: null, occurredAtMs: null } as const;
const named = { programme: "wallet", act: "sign_up", subject: emailSubject("a@x"), email: "a@x" } as const;
const signUp = { ...named, name: "A", password: "hash", session: "s", asset: "USD/2" } as const;

function opened() {
  const run = new LedgerRun(
    () => {},
    (bytes) => new Uint8Array(bytes),
  );
  const { outcome } = run.do({ op: "act", ...asked, act: signUp });
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
  run.do({ op: "transfer", ...asked, ...noted, ...deposit });
  const answer = (command: Command) => {
    const { outcome: got } = run.do(command);
    return got.ok ? "ok" : [got.code, got.subject];
  };
  return { run, wallet, account, answer };
}

test("nobody else changes its account, moves it or holds anything on it, on either side", () => {
  const { account, answer } = opened();
  const refused = ["managed_account", account];
  expect(answer({ op: "update_account", ...asked, id: account, floor: null })).toEqual(refused);
  for (const action of ["freeze", "unfreeze", "close"] as const)
    expect(answer({ op: "set_account_status", ...asked, id: account, action })).toEqual(refused);
  for (const [debit, credit] of [
    ["@x", account],
    [account, "@x"],
  ] as const) {
    const sides = { debit, credit, amount: 1 };
    expect(answer({ op: "transfer", ...asked, ...noted, ...sides, vnode: 0 })).toEqual(refused);
    for (const pending of [true, false]) {
      const kind = { available: false, pending, timeoutMs: null, vnode: 0, postings: [sides] };
      expect(answer({ op: "compound_transfer", ...asked, ...noted, ...kind })).toEqual(refused);
    }
  }
});

test("nobody else posts, voids or takes back its transfer; its time ends it all the same", () => {
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
  const { outcome } = run.do({ op: "compound_transfer", ...asked, ...noted, ...kind });
  const id = outcome.ok && "id" in outcome ? outcome.id : "none";
  const refused = ["managed_account", id];
  const rest = { ...asked, id, settled: null };
  expect(answer({ op: "post_transfer", ...rest, amount: null, final: true })).toEqual(refused);
  expect(answer({ op: "void_transfer", ...rest })).toEqual(refused);
  expect(run.ledger.account(PLATFORM_TENANT, account)?.held).toBe(9);
  run.nowMs += 5;
  expect(answer({ op: "void_transfer", ...rest })).toEqual(["transfer_expired", id]);
  expect(run.ledger.account(PLATFORM_TENANT, account)?.held).toBe(0);
});
