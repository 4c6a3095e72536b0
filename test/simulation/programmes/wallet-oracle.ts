/**
 * Wallets: what banks have brought and not taken is there; references are used once; whatever is pending ends once, by
 * whom it may; a frozen wallet pays nobody, a closed one is empty, and a token resets a password once.
 */
import { bankAccount, PLATFORM_TENANT, walletAccount } from "../../../src/actors/programmes/wallet/acts.ts";
import type { Replayed } from "../log-oracles.ts";
import { actsOf, type Fail, systemPostedOf } from "./programme-records.ts";
import { WalletRules } from "./wallet-rules.ts";

type Hold = {
  left: number;
  isOver: boolean;
  readonly wallet: string;
  /** Who captures and voids it. */
  readonly by: string;
  readonly endsAtMs: number;
};
type Request = { status: string; readonly amount: number; readonly expiresAtMs: number };
type Withdrawal = { status: string; readonly amount: number; readonly wallet: string };

export function checkWallets(logs: readonly Replayed[], fail: Fail): void {
  const wallets = new Set<string>();
  const references = new Set<string>();
  const banks = new Map<string, number>();
  const holds = new Map<string, Hold>();
  const requests = new Map<string, Request>();
  const withdrawals = new Map<string, Withdrawal>();
  const emails = new Set<string>();
  const rules = new WalletRules(fail);
  const count = (bank: string, amount: number) => void banks.set(bank, (banks.get(bank) ?? 0) + amount);
  for (const log of logs) {
    const captured = new Map<string, number>();
    for (const acted of actsOf(log, "wallet")) {
      const { act, timeMs, transfer, amount, effect, refused } = acted;
      const request = "request" in act ? requests.get(act.request) : undefined;
      if (refused !== undefined) {
        if (refused === "already_decided" && request?.status === "pending")
          fail(`${JSON.stringify(act)} is refused, and nobody has decided it`);
        continue;
      }
      rules.take(acted);
      const end = (status: string) => {
        if (request?.status !== "pending")
          fail(`the payment request of ${JSON.stringify(act)} is ${status}, and was ${request?.status}`);
        else request.status = status;
        const isOver = request !== undefined && request.expiresAtMs <= timeMs;
        if (isOver !== (status === "expired"))
          fail(`a request that ends at ${request?.expiresAtMs} is ${status} at ${timeMs}`);
      };
      switch (act.act) {
        case "sign_up":
          if (emails.has(act.email)) fail(`${act.email} signs up twice`);
          emails.add(act.email);
          wallets.add((effect as { walletId: string }).walletId);
          break;
        case "deposit": {
          const reference = `${act.bank} ${act.ref}`;
          if (act.ref !== null && references.has(reference)) fail(`the reference ${reference} is used twice`);
          references.add(reference);
          count(act.bank, -amount);
          break;
        }
        case "hold":
          holds.set(`${transfer}`, {
            left: amount,
            isOver: false,
            wallet: act.wallet,
            by: act.to ?? act.wallet,
            endsAtMs: timeMs + act.timeoutMs,
          });
          break;
        case "capture":
        case "void_hold": {
          const hold = holds.get(act.hold);
          if (hold === undefined || hold.isOver || hold.by !== act.wallet || hold.endsAtMs <= timeMs) {
            fail(`${act.act} of ${act.hold} at ${timeMs}, which is ${JSON.stringify(hold)}`);
            break;
          }
          if (act.act === "capture") {
            // The view of a capture has all that was posted so far.
            const moved = amount - (captured.get(act.hold) ?? 0);
            captured.set(act.hold, amount);
            hold.left -= moved;
            if (moved <= 0 || hold.left < 0)
              fail(`${moved} are captured of ${act.hold}, of which ${hold.left} are left`);
          }
          hold.isOver = act.act === "void_hold" || act.final || hold.left === 0;
          break;
        }
        case "request_payment": {
          const { id, expiresAtMs } = effect as { id: string; expiresAtMs: number };
          if (requests.has(id)) fail(`${id} is made twice`);
          requests.set(id, { status: "pending", amount: act.amount, expiresAtMs });
          break;
        }
        case "accept_request":
          if (request?.amount !== amount)
            fail(`${act.request} is about ${request?.amount}, paid are ${amount}`);
          end("accepted");
          break;
        case "decline_request":
          end("declined");
          break;
        case "cancel_request":
          end("cancelled");
          break;
        case "expire_request":
          end("expired");
          break;
        case "withdraw":
          withdrawals.set(`${transfer}`, { status: "pending", amount, wallet: act.wallet });
          break;
        case "confirm_withdrawal":
        case "fail_withdrawal": {
          const withdrawal = withdrawals.get(act.withdrawal);
          if (withdrawal?.status !== "pending") {
            fail(`${act.act} of ${act.withdrawal}, which is ${JSON.stringify(withdrawal)}`);
            break;
          }
          withdrawal.status = act.act;
          if (act.act === "confirm_withdrawal") count(act.bank, withdrawal.amount);
          break;
        }
        case "close_wallet":
          for (const { id } of (effect as { ended: readonly { id: string }[] }).ended) {
            const declined = requests.get(id);
            if (declined?.status !== "pending")
              fail(`${id} ends with its payer, and was ${declined?.status}`);
            else declined.status = "declined";
          }
          break;
        default:
      }
    }
  }
  for (const [bank, amount] of rules.takenBack()) count(bank, amount);
  for (const [bank, sum] of banks) {
    const posted = systemPostedOf(logs, PLATFORM_TENANT, bankAccount(bank));
    if (posted !== sum) fail(`${bank} should stand at ${sum}, and stands at ${posted}`);
  }
  const brought = -[...banks.values()].reduce((total, each) => total + each, 0);
  let there = 0;
  for (const { ledger, timeMs } of logs)
    for (const wallet of wallets) {
      const account = ledger.account(PLATFORM_TENANT, walletAccount(wallet));
      if (account === undefined) continue;
      there += account.posted;
      if (rules.closed.has(wallet) && (account.posted !== 0 || account.held !== 0))
        fail(`${wallet} is closed with ${account.posted}, of which ${account.held} are held`);
      if (account.posted < 0) fail(`${wallet} has ${account.posted}`);
      const pending = [...withdrawals.values()].filter(
        (each) => each.wallet === wallet && each.status === "pending",
      );
      let held = pending.reduce((total, { amount }) => total + amount, 0);
      let overdue = 0;
      for (const hold of holds.values()) {
        if (hold.wallet !== wallet || hold.isOver) continue;
        if (hold.endsAtMs <= timeMs) overdue += hold.left;
        else held += hold.left;
      }
      // What is over may be given back a little later.
      if (account.held < held || account.held > held + overdue)
        fail(`${account.held} are held on ${wallet}; ${held} should be, and ${overdue} are over`);
    }
  if (there !== brought) fail(`banks have brought ${brought}, and wallets have ${there}`);
}
