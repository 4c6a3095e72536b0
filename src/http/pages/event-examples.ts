/** The `webhooks` of the OpenAPI document: one for each type of event, with an example that `eventJson` has rendered. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { z } from "@hono/zod-openapi";
import type { AccountView } from "../../actors/records/command.ts";
import type { TransferView } from "../../actors/records/compound-command.ts";
import type { EventData, EventType, LedgerEvent } from "../../actors/records/event.ts";
import { EVENT_TYPES, eventJson } from "../events/event-json.ts";
import { EventSchema } from "../events/events.ts";

const AT_MS = Date.UTC(2026, 10, 20, 10);

const transfer: TransferView = {
  id: "tr_0a11001",
  status: "posted",
  postings: [{ debit: "alice", credit: "shop", amount: 2500 }],
  postedAmount: 2500,
  createdAtMs: AT_MS,
  expiresAtMs: null,
  reverts: null,
  occurredAtMs: null,
  memo: "order 1042",
  metadata: '{"order":"1042"}',
};
const pending: TransferView = {
  ...transfer,
  status: "pending",
  postedAmount: 0,
  expiresAtMs: AT_MS + 900_000,
};
const account: AccountView = {
  id: "alice",
  asset: "USD/2",
  status: "open",
  posted: 10_000,
  held: 0,
  seq: 4,
  floor: 0,
  ceiling: null,
  metadata: null,
  createdAtMs: AT_MS,
};
const voucher = {
  code: "K7QX2M9P",
  email: "ann@example.com",
  offer: "Autumn sale",
  discount: 3850,
  expiresAtMs: AT_MS + 86_400_000,
};
const creditRequest = {
  id: "cr_5f0c1de2a3b4c5d6e7f80912",
  seller: "kiosk-7",
  amount: 500_000,
  note: "week 47",
  status: "pending",
  decidedBy: null,
  reason: null,
} as const;
const movement = { transfer: "tr_0a11002", wallet: "w_1042", amount: 2500, balance: 7500 };
const paymentRequest = {
  id: "pr_5f0c1de2a3b4c5d6e7f80912",
  payer: "w_1042",
  requester: "w_2077",
  amount: 2500,
  memo: "lunch",
  status: "pending",
} as const;
const withdrawal = {
  id: "wd_5f0c1de2a3b4c5d6e7f80912",
  wallet: "w_1042",
  amount: 5000,
  status: "pending",
  bank: null,
  reason: null,
} as const;

const topup = {
  id: "tr_0a11003",
  seller: "kiosk-7",
  phone: "+989121111222",
  amount: 50_000,
  reference: "pos-7-1042",
} as const;
const undecidedTopup = { ...topup, reason: null };

type Examples = {
  readonly [T in EventType]: readonly [meaning: string, subject: string, data: EventData[T]];
};

const EXAMPLES: Examples = {
  "transfer.posted": ["A transfer, or a part of a pending one, is posted.", "alice", transfer],
  "transfer.pending": ["A pending transfer holds an amount.", "alice", pending],
  "transfer.voided": ["A pending transfer is voided.", "alice", { ...pending, status: "voided" }],
  "transfer.expired": ["A pending transfer has expired.", "alice", { ...pending, status: "expired" }],
  "transfer.reverted": [
    "A transfer is reverted.",
    "alice",
    { transfer: transfer.id, revertedBy: "tr_0a11009", postings: transfer.postings },
  ],
  "transfer.failed": [
    "A transfer was refused by a rule of the ledger.",
    "alice",
    { code: "insufficient_funds", postings: transfer.postings, memo: "order 1042", metadata: null },
  ],
  "transfer.received": [
    "An account was credited.",
    "shop",
    {
      transfer: transfer.id,
      account: "shop",
      amount: 2500,
      balance: 40_000,
      counterparty: "alice",
      memo: "order 1042",
      metadata: null,
    },
  ],
  "account.created": ["An account is created.", "alice", { ...account, posted: 0, seq: 0 }],
  "account.updated": ["An account's rules or metadata are changed, or it is open again.", "alice", account],
  "account.frozen": ["An account is frozen.", "alice", { ...account, status: "frozen" }],
  "account.closed": ["An account is closed.", "alice", { ...account, status: "closed", posted: 0 }],
  "loyalty.member.above_threshold": [
    "A member's points have risen above the threshold.",
    "alice",
    { member: "alice", balance: 1001, transfer: "tr_0a11001" },
  ],
  "loyalty.member.depleted": [
    "A member has no points any more.",
    "alice",
    { member: "alice", balance: 0, transfer: "tr_0a11002" },
  ],
  "loyalty.total.above_threshold": [
    "The points of all members together have risen above the threshold.",
    "loyalty",
    { number: 1, total: "100040", threshold: 100_000 },
  ],
  "voucher.issued": ["A voucher is issued.", voucher.code, { ...voucher, usesMax: 3 }],
  "voucher.redeemed": [
    "A use of a voucher is redeemed.",
    voucher.code,
    { ...voucher, redemption: 1, usesLeft: 2, by: "Till 4" },
  ],
  "voucher.rolled_back": [
    "A redemption is rolled back: its use is left again.",
    voucher.code,
    { ...voucher, redemption: 1, usesLeft: 3 },
  ],
  "voucher.cancelled": ["A voucher is cancelled.", voucher.code, voucher],
  "voucher.expired": ["A voucher has expired.", voucher.code, voucher],
  "segment.member_added": [
    "A user has entered a segment.",
    "u1042",
    { user: "u1042", segment: "DISCOUNT_30" },
  ],
  "segment.member_removed": [
    "A user has left a segment.",
    "u1042",
    { user: "u1042", segment: "DISCOUNT_30" },
  ],
  "credit_request.created": ["A seller has requested credit.", "kiosk-7", creditRequest],
  "credit_request.decided": [
    "A request for credit is approved, rejected or withdrawn.",
    "kiosk-7",
    { ...creditRequest, status: "approved", decidedBy: "key_1" },
  ],
  "seller.low_credit": [
    "A seller's credit has fallen below its threshold.",
    "kiosk-7",
    { seller: "kiosk-7", credit: 4000, threshold: 5000, transfer: "tr_0a11003" },
  ],
  "monitor.crossed": [
    "The balance of an account has crossed the value of a monitor.",
    "alice",
    {
      monitor: "mon_0c1a2b3c4d5e6f7a8b9c0d1e",
      account: "alice",
      field: "posted",
      when: "above",
      value: 100_000,
      balance: 100_500,
      transfer: "tr_0a11001",
    },
  ],
  "topup.completed": ["A phone is topped up.", "kiosk-7", { ...topup, credit: 450_000 }],
  "topup.failed": [
    "The operator, or the partner, says that a phone is not topped up. The held amount is released.",
    "kiosk-7",
    { ...undecidedTopup, reason: "refused" },
  ],
  "topup.unknown": [
    "The operator does not say what became of a top-up. Its amount stays held.",
    "kiosk-7",
    undecidedTopup,
  ],
  "topup.conflict": [
    "The operator contradicts the partner's decision about a top-up. Nothing was moved because of it.",
    "kiosk-7",
    { ...topup, decision: "failed", decidedBy: "key_1", operatorAnswer: "completed" },
  ],
  "wallet.deposited": ["A bank has paid into a wallet.", "w_1042", { ...movement, counterparty: "@bank" }],
  "wallet.sent": ["A wallet has paid another one.", "w_1042", { ...movement, counterparty: "w_2077" }],
  "wallet.received": ["A wallet was paid by another one.", "w_2077", { ...movement, counterparty: "w_1042" }],
  "payment_request.created": ["A wallet asks another one for a payment.", "w_1042", paymentRequest],
  "payment_request.decided": [
    "A request for a payment is accepted, declined or cancelled, or has expired.",
    "w_1042",
    { ...paymentRequest, status: "accepted" },
  ],
  "withdrawal.created": ["A wallet pays out to a bank.", "w_1042", withdrawal],
  "withdrawal.decided": [
    "A bank has confirmed or refused a withdrawal.",
    "w_1042",
    { ...withdrawal, status: "failed", bank: "bank", reason: "The account is closed." },
  ],
};

/** What the event of this type looks like over HTTP. */
export function exampleOf(type: EventType): string {
  const [, subject, data] = EXAMPLES[type];
  // The table pairs each type with its own data.
  const event = { type, subject, data } as LedgerEvent;
  const example = { id: "ev_8Jr0cQvZ1mXJq3d5Yt2k7w", timeMs: AT_MS, position: "0:1-42", event };
  return eventJson(example, () => undefined);
}

const SignatureHeaders = z.object({
  "webhook-id": z.string().openapi({ description: "The event's id. The same each time it is sent." }),
  "webhook-timestamp": z.string().openapi({ description: "When it was sent, in seconds since 1970." }),
  "webhook-signature": z
    .string()
    .openapi({ description: "`v1,` and the signature; two, separated by a space, during a rotation." }),
});

export function registerEvents(registry: OpenAPIHono["openAPIRegistry"]): void {
  for (const type of EVENT_TYPES) {
    const example: unknown = JSON.parse(exampleOf(type));
    registry.registerWebhook({
      method: "post",
      // The name of the webhook in the document.
      path: type,
      tags: ["webhooks"],
      summary: EXAMPLES[type][0],
      request: {
        headers: SignatureHeaders,
        body: { content: { "application/json": { schema: EventSchema, example } } },
      },
      responses: {
        "2XX": { description: "The event is delivered. After any other answer it is sent again." },
      },
    });
  }
}
