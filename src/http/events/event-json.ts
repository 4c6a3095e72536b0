/** The JSON of events. Transfers and accounts look as in answers of their own routes. */
import type { EventData, EventOf, EventType } from "../../actors/records/event.ts";
import type { FeedEvent } from "../../gateway/ports.ts";
import type { Persons } from "../../persons/person-keys.ts";
import { accountJson } from "../core/accounts/account-fields.ts";
import { expiredJson, postingsJson, transferJson } from "../core/transfers/transfer-view.ts";
import { timeTextOf, timeTextOrNull } from "../input/fields.ts";
import { discountMembers } from "../programmes/vouchers/fields.ts";

type OpenPerson = Persons["open"];
type Renderers = { readonly [T in EventType]: (data: EventData[T], openPerson: OpenPerson) => string };

const transfer = (view: EventData["transfer.posted"]) => transferJson({ ...view, revertedBy: null });

const memberCrossing = ({ member, balance, transfer: id }: EventData["loyalty.member.depleted"]) =>
  JSON.stringify({ member, balance, transfer_id: id });

/** A total is a number in JSON, also beyond 2^53. */
const totalCrossing = ({ number, total, threshold }: EventData["loyalty.total.above_threshold"]) =>
  `{"number":${number},"total":${total},"threshold":${threshold}}`;

const voucher = (
  { code, email, person, offer, discount, expiresAtMs }: EventData["voucher.expired"],
  openPerson: OpenPerson,
) => ({
  code,
  email: person === undefined ? email : (openPerson(person)?.email ?? null),
  offer_name: offer,
  ...(discount === null ? { discount } : discountMembers(discount)),
  expires_at: timeTextOrNull(expiresAtMs),
});

/** Redemptions that older versions logged have no number. */
const voucherUse = (
  { redemption, usesLeft, ...data }: EventData["voucher.rolled_back"],
  openPerson: OpenPerson,
) => ({
  ...voucher(data, openPerson),
  redemption: redemption === 0 ? null : redemption,
  uses_left: usesLeft,
});

const creditRequest = ({ decidedBy, ...request }: EventData["credit_request.created"]) =>
  JSON.stringify({ ...request, decided_by: decidedBy });

const movement = ({ transfer: id, wallet, amount, balance, reverts, reason }: EventData["wallet.sent"]) =>
  JSON.stringify({ id, wallet_id: wallet, amount, balance, reverts, reason });

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
  "voucher.issued": ({ usesMax, ...data }, openPerson) =>
    JSON.stringify({ ...voucher(data, openPerson), uses_max: usesMax }),
  "voucher.redeemed": ({ by, ...data }, openPerson) =>
    JSON.stringify({ ...voucherUse(data, openPerson), redeemed_by: by }),
  "voucher.rolled_back": (data, openPerson) => JSON.stringify(voucherUse(data, openPerson)),
  "voucher.cancelled": (data, openPerson) => JSON.stringify(voucher(data, openPerson)),
  "voucher.expired": (data, openPerson) => JSON.stringify(voucher(data, openPerson)),
  "segment.member_added": (data) => JSON.stringify(data),
  "segment.member_removed": (data) => JSON.stringify(data),
  "credit_request.created": creditRequest,
  "credit_request.decided": creditRequest,
  "topup.completed": (data) => JSON.stringify(data),
  "topup.failed": (data) => JSON.stringify(data),
  "topup.unknown": (data) => JSON.stringify(data),
  "topup.conflict": ({ decidedBy, operatorAnswer, ...conflict }) =>
    JSON.stringify({ ...conflict, decided_by: decidedBy, operator_answer: operatorAnswer }),
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

/** @param openPerson decrypts personal data; that of an erased person is `null` in the event */
export function eventJson({ id, timeMs, position, event }: FeedEvent, openPerson: OpenPerson): string {
  return (
    `{"id":"${id}","type":"${event.type}","at":"${timeTextOf(timeMs)}","subject":${JSON.stringify(event.subject)},` +
    `"position":"${position}","data":${dataJson(event, openPerson)}}`
  );
}

function dataJson<T extends EventType>({ type, data }: EventOf<T>, openPerson: OpenPerson): string {
  return RENDERERS[type](data, openPerson);
}
