/** The JSON of events. Transfers and accounts look as in answers of their own routes. */
import type { EventData, EventOf, EventType } from "../../actors/records/event.ts";
import type { FeedEvent } from "../../gateway/ports.ts";
import { accountJson } from "../core/accounts/account-fields.ts";
import { expiredJson, postingsJson, transferJson } from "../core/transfers/transfer-view.ts";
import { timeTextOf, timeTextOrNull } from "../input/fields.ts";
import { percentOf } from "../programmes/vouchers/fields.ts";

type Renderers = { readonly [T in EventType]: (data: EventData[T]) => string };

const transfer = (view: EventData["transfer.posted"]) => transferJson({ ...view, revertedBy: null });

const memberCrossing = ({ member, balance, transfer: id }: EventData["loyalty.member.depleted"]) =>
  JSON.stringify({ member, balance, transfer_id: id });

/** A total is a number in JSON, also beyond 2^53. */
const totalCrossing = ({ number, total, threshold }: EventData["loyalty.total.above_threshold"]) =>
  `{"number":${number},"total":${total},"threshold":${threshold}}`;

const voucher = ({ code, email, offer, discount, expiresAtMs }: EventData["voucher.issued"]) =>
  JSON.stringify({
    code,
    email,
    offer_name: offer,
    discount: discount === null ? null : percentOf(discount),
    expires_at: timeTextOrNull(expiresAtMs),
  });

const creditRequest = ({ decidedBy, ...request }: EventData["credit_request.created"]) =>
  JSON.stringify({ ...request, decided_by: decidedBy });

const movement = ({ transfer: id, wallet, amount, balance }: EventData["wallet.sent"]) =>
  JSON.stringify({ id, wallet_id: wallet, amount, balance });

const paymentRequest = ({ payer, requester, ...request }: EventData["payment_request.created"]) =>
  JSON.stringify({ ...request, payer_wallet_id: payer, requester_wallet_id: requester });

const withdrawal = ({ wallet, ...order }: EventData["withdrawal.created"]) =>
  JSON.stringify({ ...order, wallet_id: wallet });

const RENDERERS: Renderers = {
  "transfer.posted": transfer,
  "transfer.pending": transfer,
  "transfer.voided": transfer,
  "transfer.expired": expiredJson,
  "transfer.reverted": ({ transfer: id, revertedBy }) => JSON.stringify({ id, reverted_by: revertedBy }),
  "transfer.failed": ({ code, postings, memo, metadata }) =>
    `{"code":"${code}","postings":[${postingsJson(postings)}],"memo":${JSON.stringify(memo)},"metadata":${metadata ?? "{}"}}`,
  "transfer.received": ({ transfer: id, metadata, ...credit }) =>
    `{"id":"${id}",${JSON.stringify(credit).slice(1, -1)},"metadata":${metadata ?? "{}"}}`,
  "account.created": accountJson,
  "account.updated": accountJson,
  "account.frozen": accountJson,
  "account.closed": accountJson,
  "loyalty.member.above_threshold": memberCrossing,
  "loyalty.member.depleted": memberCrossing,
  "loyalty.total.above_threshold": totalCrossing,
  "voucher.issued": voucher,
  "voucher.redeemed": voucher,
  "voucher.rolled_back": voucher,
  "voucher.cancelled": voucher,
  "voucher.expired": voucher,
  "segment.member_added": JSON.stringify,
  "segment.member_removed": JSON.stringify,
  "credit_request.created": creditRequest,
  "credit_request.decided": creditRequest,
  "topup.completed": JSON.stringify,
  "seller.low_credit": ({ transfer: id, ...low }) => JSON.stringify({ ...low, transfer_id: id }),
  "wallet.deposited": movement,
  "wallet.sent": movement,
  "wallet.received": movement,
  "payment_request.created": paymentRequest,
  "payment_request.decided": paymentRequest,
  "withdrawal.created": withdrawal,
  "withdrawal.decided": withdrawal,
  "monitor.crossed": ({ transfer: id, ...crossing }) => JSON.stringify({ ...crossing, transfer_id: id }),
};

export const EVENT_TYPES = Object.keys(RENDERERS) as readonly EventType[];

export function eventJson({ id, timeMs, position, event }: FeedEvent): string {
  return (
    `{"id":"${id}","type":"${event.type}","at":"${timeTextOf(timeMs)}","subject":${JSON.stringify(event.subject)},` +
    `"position":"${position}","data":${dataJson(event)}}`
  );
}

function dataJson<T extends EventType>({ type, data }: EventOf<T>): string {
  return RENDERERS[type](data);
}
