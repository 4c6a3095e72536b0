/** How to make one event of each type. */
import { DaybookError } from "../../../clients/typescript/src/index.ts";
import type { EventType } from "../../actors/records/event.ts";
import { OperatorError } from "../errors.ts";
import { formatTime } from "../terminal.ts";
import { poll } from "./poll.ts";
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
/** Phones of which the simulated operator fails the top-up, never says what became of it, and says so late. */
const FAILING_PHONE = "09120000001";
const UNKNOWN_PHONE = "09120000002";
const LATE_PHONE = "09120000003";
/** The operator is asked within milliseconds; a busy machine takes longer. */
const ORDER_WAIT_MS = 10_000;

export const SAMPLES: Readonly<Record<EventType, Sample>> = {
  "transfer.posted": funded,
  "transfer.pending": async (scratch) => (await hold(scratch)).account,
  "transfer.voided": async (scratch) => {
    const { account, id } = await hold(scratch);
    await (await scratch.partner).post("/v1/transfers/{id}/void", { path: { id } });
    return account;
  },
  "transfer.expired": async (scratch) => (await hold(scratch, 1)).account,
  "transfer.reverted": async (scratch) => {
    const account = await funded(scratch);
    const { id } = await transfer(scratch, account, FUNDS);
    await (await scratch.partner).post("/v1/transfers/{id}/revert", { path: { id } });
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
    await (await scratch.partner).patch("/v1/accounts/{id}", {
      path: { id: account },
      body: { floor: -AMOUNT },
    });
    return account;
  },
  "account.frozen": (scratch) => changedAccount(scratch, "freeze"),
  "account.closed": (scratch) => changedAccount(scratch, "close"),
  "loyalty.member.above_threshold": (scratch) => memberWith(scratch, POINTS),
  "loyalty.member.depleted": async (scratch) => {
    const member = await memberWith(scratch, AMOUNT);
    await (await scratch.partner).post("/v1/loyalty/members/{id}/redemptions", {
      path: { id: member },
      body: { points: AMOUNT, description: "scratch" },
    });
    return member;
  },
  "loyalty.total.above_threshold": async (scratch) => {
    const partner = await scratch.partner;
    const { outstanding } = await partner.get("/v1/loyalty/summary");
    const body = { member_threshold: POINTS - 1, total_threshold: outstanding + AMOUNT - 1 };
    await partner.put("/v1/loyalty/settings", { body });
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
    await (await scratch.partner).patch("/v1/users/{id}/segments", {
      path: { id: user },
      body: { remove: [slug] },
    });
    return user;
  },
  "credit_request.created": async (scratch) => (await creditRequest(scratch)).seller,
  "credit_request.decided": creditedSeller,
  "seller.low_credit": async (scratch) => {
    const seller = await creditedSeller(scratch);
    await (await scratch.partner).patch("/v1/sellers/{id}", {
      path: { id: seller },
      body: { low_credit_threshold: AMOUNT },
    });
    await (await scratch.partner).post("/v1/topups", { body: { seller, phone: "09120000000", amount: 1 } });
    return seller;
  },
  "monitor.crossed": async (scratch) => {
    const account = await newAccount(scratch);
    const partner = await scratch.partner;
    const { id } = await partner.post("/v1/monitors", {
      body: { account, field: "posted", when: "above", value: 0 },
    });
    await transfer(scratch, FUNDS, account);
    await partner.delete("/v1/monitors/{id}", { path: { id } });
    return account;
  },
  "topup.completed": async (scratch) => {
    const seller = await creditedSeller(scratch);
    await (await scratch.partner).post("/v1/topups", {
      body: { seller, phone: "09120000000", amount: AMOUNT },
    });
    return seller;
  },
  "topup.failed": async (scratch) => (await simulatedTopup(scratch, FAILING_PHONE)).seller,
  "topup.unknown": async (scratch) => (await simulatedTopup(scratch, UNKNOWN_PHONE)).seller,
  "topup.conflict": async (scratch) => {
    const { seller, id } = await simulatedTopup(scratch, LATE_PHONE);
    await orderTaken(scratch, id);
    await (await scratch.partner).post("/v1/topups/{id}/fail", { path: { id } });
    return seller;
  },
  "wallet.deposited": async (scratch) => (await scratch.user(AMOUNT)).wallet,
  "wallet.sent": async (scratch) => (await payment(scratch)).from.wallet,
  "wallet.received": async (scratch) => (await payment(scratch)).to.wallet,
  "payment_request.created": async (scratch) => (await paymentRequest(scratch)).payer.wallet,
  "payment_request.decided": async (scratch) => {
    const { payer, id } = await paymentRequest(scratch);
    await payer.client.post("/v1/wallet/payment-requests/{id}/decline", { path: { id } });
    return payer.wallet;
  },
  "withdrawal.created": async (scratch) => (await withdrawal(scratch)).wallet,
  "withdrawal.decided": async (scratch) => {
    const { wallet, id } = await withdrawal(scratch);
    await (await scratch.bank).post("/v1/withdrawals/{id}/confirm", { path: { id } });
    return wallet;
  },
};

/** Whether events of this type are in the feed of the partner that hosts the wallets. */
export function isOfWallets(type: EventType): boolean {
  return /^(wallet|payment_request|withdrawal)\./.test(type);
}

async function newAccount(scratch: Scratch): Promise<string> {
  const id = scratch.newName();
  await (await scratch.partner).post("/v1/accounts", { body: { id, asset: ASSET } });
  return id;
}

async function funded(scratch: Scratch): Promise<string> {
  const account = await newAccount(scratch);
  await transfer(scratch, FUNDS, account);
  return account;
}

async function changedAccount(scratch: Scratch, verb: "freeze" | "close"): Promise<string> {
  const account = await newAccount(scratch);
  await (await scratch.partner).post(`/v1/accounts/{id}/${verb}`, { path: { id: account } });
  return account;
}

type Terms = Readonly<{ pending?: true; timeout_s?: number }>;

async function transfer(scratch: Scratch, debit: string, credit: string, terms: Terms = {}) {
  const body = { debit_account: debit, credit_account: credit, amount: AMOUNT, ...terms };
  return (await scratch.partner).post("/v1/transfers", { body });
}

async function hold(scratch: Scratch, timeoutS?: number) {
  const account = await funded(scratch);
  const terms: Terms = { pending: true, ...(timeoutS !== undefined && { timeout_s: timeoutS }) };
  const { id } = await transfer(scratch, account, FUNDS, terms);
  return { account, id };
}

async function refused(code: string, request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof DaybookError && error.code === code)) throw error;
  }
}

async function memberWith(scratch: Scratch, points: number): Promise<string> {
  const id = scratch.newName();
  const partner = await scratch.partner;
  await partner.post("/v1/loyalty/members", { body: { id } });
  await partner.post("/v1/loyalty/members/{id}/accruals", {
    path: { id },
    body: { points, description: "scratch" },
  });
  return id;
}

async function voucher(scratch: Scratch, livesMs = 24 * 60 * 60 * 1000) {
  const email = `${scratch.newName()}@example.com`;
  const partner = await scratch.partner;
  await partner.post("/v1/customers", { body: { email } });
  const body = { email, offer_name: "scratch", discount: 10, expires_at: formatTime(Date.now() + livesMs) };
  const { code } = await partner.post("/v1/vouchers", { body });
  return { code, email };
}

async function changedVoucher(
  scratch: Scratch,
  ...verbs: readonly ("redeem" | "rollback" | "cancel")[]
): Promise<string> {
  const { code, email } = await voucher(scratch);
  const partner = await scratch.partner;
  const path = { code };
  for (const verb of verbs)
    if (verb === "cancel") await partner.post("/v1/vouchers/{code}/cancel", { path });
    else await partner.post(`/v1/vouchers/{code}/${verb}`, { path, body: { email } });
  return code;
}

async function segmentMember(scratch: Scratch) {
  const slug = "SCRATCH";
  const partner = await scratch.partner;
  await refused("segment_exists", partner.post("/v1/segments", { body: { slug } }));
  const user = scratch.newName();
  await partner.patch("/v1/users/{id}/segments", { path: { id: user }, body: { add: [slug] } });
  return { user, slug };
}

async function creditRequest(scratch: Scratch) {
  const seller = scratch.newName();
  const partner = await scratch.partner;
  await partner.post("/v1/sellers", { body: { id: seller, name: "Scratch" } });
  const { id } = await partner.post("/v1/credit-requests", { body: { seller, amount: AMOUNT } });
  return { seller, id };
}

async function creditedSeller(scratch: Scratch): Promise<string> {
  const { seller, id } = await creditRequest(scratch);
  await (await scratch.approver).post("/v1/credit-requests/{id}/approve", { path: { id } });
  return seller;
}

/** A top-up that only the simulated operator leaves pending (`TOPUP_OPERATOR=simulated:`). */
async function simulatedTopup(scratch: Scratch, phone: string) {
  const seller = await creditedSeller(scratch);
  const topup = await (await scratch.partner).post("/v1/topups", { body: { seller, phone, amount: AMOUNT } });
  if (topup.status !== "pending")
    throw new OperatorError("the server must run with TOPUP_OPERATOR=simulated: to make this event");
  return { seller, id: topup.id };
}

async function payment(scratch: Scratch): Promise<Readonly<{ from: WalletUser; to: WalletUser }>> {
  const [from, to] = [await scratch.user(AMOUNT), await scratch.user(0)];
  await from.client.post("/v1/wallet/transfers", { body: { to_wallet_id: to.wallet, amount: AMOUNT } });
  return { from, to };
}

async function paymentRequest(scratch: Scratch) {
  const [payer, requester] = [await scratch.user(0), await scratch.user(0)];
  const body = { payer_wallet_id: payer.wallet, amount: AMOUNT };
  const { id } = await requester.client.post("/v1/wallet/payment-requests", { body });
  return { payer, id };
}

async function withdrawal(scratch: Scratch) {
  const { wallet, client } = await scratch.user(AMOUNT);
  const body = { amount: AMOUNT, details: "scratch" };
  const { id } = await client.post("/v1/wallet/withdrawals", { body });
  return { wallet, id };
}

/** Resolves once the operator has the order of a top-up: from then on the operator can contradict the partner. */
async function orderTaken(scratch: Scratch, id: string): Promise<void> {
  const partner = await scratch.partner;
  const taken = await poll(ORDER_WAIT_MS, async () => {
    const { status } = await partner.get("/v1/topups/{id}", { path: { id } });
    return status === "unknown" ? true : undefined;
  });
  if (taken === undefined)
    throw new OperatorError(
      `the simulated operator did not take the top-up ${id} within ${ORDER_WAIT_MS} ms`,
    );
}
