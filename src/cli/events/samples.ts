/** How to make one event of each type. */
import type { EventType } from "../../actors/records/event.ts";
import { ServerRefusal } from "../server/server-client.ts";
import { formatTime } from "../terminal.ts";
import type { Scratch, WalletUser } from "./scratch.ts";

/** Makes an event, at once or within a few seconds. @returns its subject */
type Sample = (scratch: Scratch) => Promise<string>;

const ASSET = "USD/2";
const FUNDS = "@scratch";
const AMOUNT = 100;
/** Above the threshold of a new partner. */
const POINTS = 1001;
/** What is to expire lives this long. */
const SHORT_MS = 1_500;

export const SAMPLES: Readonly<Record<EventType, Sample>> = {
  "transfer.posted": funded,
  "transfer.pending": async (scratch) => (await hold(scratch)).account,
  "transfer.voided": async (scratch) => {
    const { account, id } = await hold(scratch);
    await ask(scratch, `/v1/transfers/${id}/void`);
    return account;
  },
  "transfer.expired": async (scratch) => (await hold(scratch, 1)).account,
  "transfer.reverted": async (scratch) => {
    const account = await funded(scratch);
    const { id } = await transfer(scratch, account, FUNDS);
    await ask(scratch, `/v1/transfers/${id}/revert`);
    return account;
  },
  "transfer.failed": async (scratch) => {
    const account = await newAccount(scratch);
    await refused("insufficient_funds", transfer(scratch, account, FUNDS));
    return account;
  },
  "transfer.received": async (scratch) => {
    const [from, to] = [await funded(scratch), await newAccount(scratch)];
    await transfer(scratch, from, to);
    return to;
  },
  "account.created": newAccount,
  "account.updated": async (scratch) => {
    const account = await newAccount(scratch);
    await (await scratch.partner).ask("PATCH", `/v1/accounts/${account}`, { floor: -AMOUNT });
    return account;
  },
  "account.frozen": (scratch) => changedAccount(scratch, "freeze"),
  "account.closed": (scratch) => changedAccount(scratch, "close"),
  "loyalty.member.above_threshold": (scratch) => memberWith(scratch, POINTS),
  "loyalty.member.depleted": async (scratch) => {
    const member = await memberWith(scratch, AMOUNT);
    await ask(scratch, `/v1/loyalty/members/${member}/redemptions`, {
      points: AMOUNT,
      description: "scratch",
    });
    return member;
  },
  "loyalty.total.above_threshold": async (scratch) => {
    const partner = await scratch.partner;
    const { outstanding } = await partner.ask<Readonly<{ outstanding: number }>>(
      "GET",
      "/v1/loyalty/summary",
    );
    const thresholds = { member_threshold: POINTS - 1, total_threshold: outstanding + AMOUNT - 1 };
    await partner.ask("PUT", "/v1/loyalty/settings", thresholds);
    await memberWith(scratch, AMOUNT);
    return "loyalty";
  },
  "voucher.issued": async (scratch) => (await voucher(scratch)).code,
  "voucher.redeemed": (scratch) => changedVoucher(scratch, "redeem"),
  "voucher.rolled_back": (scratch) => changedVoucher(scratch, "redeem", "rollback"),
  "voucher.cancelled": (scratch) => changedVoucher(scratch, "cancel"),
  "voucher.expired": async (scratch) => (await voucher(scratch, SHORT_MS)).code,
  "segment.member_added": async (scratch) => (await segmentMember(scratch)).user,
  "segment.member_removed": async (scratch) => {
    const { user, slug } = await segmentMember(scratch);
    await (await scratch.partner).ask("PATCH", `/v1/users/${user}/segments`, { remove: [slug] });
    return user;
  },
  "credit_request.created": async (scratch) => (await creditRequest(scratch)).seller,
  "credit_request.decided": creditedSeller,
  "seller.low_credit": async (scratch) => {
    const seller = await creditedSeller(scratch);
    await (await scratch.partner).ask("PATCH", `/v1/sellers/${seller}`, { low_credit_threshold: AMOUNT });
    await ask(scratch, "/v1/topups", { seller, phone: "09120000000", amount: 1 });
    return seller;
  },
  "monitor.crossed": async (scratch) => {
    const account = await newAccount(scratch);
    const rule = { account, field: "posted", when: "above", value: 0 };
    const { id } = await ask<Readonly<{ id: string }>>(scratch, "/v1/monitors", rule);
    await transfer(scratch, FUNDS, account);
    await (await scratch.partner).ask("DELETE", `/v1/monitors/${id}`);
    return account;
  },
  "topup.completed": async (scratch) => {
    const seller = await creditedSeller(scratch);
    await ask(scratch, "/v1/topups", { seller, phone: "09120000000", amount: AMOUNT });
    return seller;
  },
  "wallet.deposited": async (scratch) => (await scratch.user(AMOUNT)).wallet,
  "wallet.sent": async (scratch) => (await payment(scratch)).from.wallet,
  "wallet.received": async (scratch) => (await payment(scratch)).to.wallet,
  "payment_request.created": async (scratch) => (await paymentRequest(scratch)).payer.wallet,
  "payment_request.decided": async (scratch) => {
    const { payer, id } = await paymentRequest(scratch);
    await payer.client.ask("POST", `/v1/wallet/payment-requests/${id}/decline`);
    return payer.wallet;
  },
  "withdrawal.created": async (scratch) => (await withdrawal(scratch)).wallet,
  "withdrawal.decided": async (scratch) => {
    const { wallet, id } = await withdrawal(scratch);
    await (await scratch.bank).ask("POST", `/v1/withdrawals/${id}/confirm`);
    return wallet;
  },
};

/** Whether events of this type are in the feed of the partner that hosts the wallets. */
export function isOfWallets(type: EventType): boolean {
  return /^(wallet|payment_request|withdrawal)\./.test(type);
}

async function ask<T = unknown>(scratch: Scratch, path: string, body?: unknown): Promise<T> {
  return (await scratch.partner).ask<T>("POST", path, body);
}

async function newAccount(scratch: Scratch): Promise<string> {
  const id = scratch.newName();
  await ask(scratch, "/v1/accounts", { id, asset: ASSET });
  return id;
}

async function funded(scratch: Scratch): Promise<string> {
  const account = await newAccount(scratch);
  await transfer(scratch, FUNDS, account);
  return account;
}

async function changedAccount(scratch: Scratch, verb: string): Promise<string> {
  const account = await newAccount(scratch);
  await ask(scratch, `/v1/accounts/${account}/${verb}`);
  return account;
}

function transfer(scratch: Scratch, debit: string, credit: string, more: object = {}) {
  const move = { debit_account: debit, credit_account: credit, amount: AMOUNT, ...more };
  return ask<Readonly<{ id: string }>>(scratch, "/v1/transfers", move);
}

async function hold(scratch: Scratch, timeoutS?: number) {
  const account = await funded(scratch);
  const terms = { pending: true, ...(timeoutS !== undefined && { timeout_s: timeoutS }) };
  const { id } = await transfer(scratch, account, FUNDS, terms);
  return { account, id };
}

async function refused(code: string, request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof ServerRefusal && error.code === code)) throw error;
  }
}

async function memberWith(scratch: Scratch, points: number): Promise<string> {
  const id = scratch.newName();
  await ask(scratch, "/v1/loyalty/members", { id });
  await ask(scratch, `/v1/loyalty/members/${id}/accruals`, { points, description: "scratch" });
  return id;
}

async function voucher(scratch: Scratch, livesMs = 24 * 60 * 60 * 1000) {
  const email = `${scratch.newName()}@example.com`;
  await ask(scratch, "/v1/customers", { email });
  const terms = { email, offer_name: "scratch", discount: 10, expires_at: formatTime(Date.now() + livesMs) };
  const { code } = await ask<Readonly<{ code: string }>>(scratch, "/v1/vouchers", terms);
  return { code, email };
}

async function changedVoucher(scratch: Scratch, ...verbs: readonly string[]): Promise<string> {
  const { code, email } = await voucher(scratch);
  for (const verb of verbs)
    await ask(scratch, `/v1/vouchers/${code}/${verb}`, verb === "cancel" ? undefined : { email });
  return code;
}

async function segmentMember(scratch: Scratch) {
  const slug = "SCRATCH";
  await refused("segment_exists", ask(scratch, "/v1/segments", { slug }));
  const user = scratch.newName();
  await (await scratch.partner).ask("PATCH", `/v1/users/${user}/segments`, { add: [slug] });
  return { user, slug };
}

async function creditRequest(scratch: Scratch) {
  const seller = scratch.newName();
  await ask(scratch, "/v1/sellers", { id: seller, name: "Scratch" });
  const terms = { seller, amount: AMOUNT };
  const { id } = await ask<Readonly<{ id: string }>>(scratch, "/v1/credit-requests", terms);
  return { seller, id };
}

async function creditedSeller(scratch: Scratch): Promise<string> {
  const { seller, id } = await creditRequest(scratch);
  await ask(scratch, `/v1/credit-requests/${id}/approve`);
  return seller;
}

async function payment(scratch: Scratch): Promise<Readonly<{ from: WalletUser; to: WalletUser }>> {
  const [from, to] = [await scratch.user(AMOUNT), await scratch.user(0)];
  await from.client.ask("POST", "/v1/wallet/transfers", { to_wallet_id: to.wallet, amount: AMOUNT });
  return { from, to };
}

async function paymentRequest(scratch: Scratch) {
  const [payer, requester] = [await scratch.user(0), await scratch.user(0)];
  const terms = { payer_wallet_id: payer.wallet, amount: AMOUNT };
  const path = "/v1/wallet/payment-requests";
  const { id } = await requester.client.ask<Readonly<{ id: string }>>("POST", path, terms);
  return { payer, id };
}

async function withdrawal(scratch: Scratch) {
  const { wallet, client } = await scratch.user(AMOUNT);
  const terms = { amount: AMOUNT, details: "scratch" };
  const { id } = await client.ask<Readonly<{ id: string }>>("POST", "/v1/wallet/withdrawals", terms);
  return { wallet, id };
}
