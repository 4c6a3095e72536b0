/** Which acts a partner may still do when its quotas are used up. */
import { expect, test } from "vitest";
import type { MemoryGrowth } from "../../../src/actors/programmes/programme.ts";
import { growthOfAct } from "../../../src/actors/programmes/programmes.ts";

/** Acts that keep something in memory for long: refused when the partner's memory is full. */
const MORE = {
  loyalty: ["create_member", "update_member", "accrual"],
  vouchers: ["create_customer", "put_offer", "issue", "create_batch"],
  topup: ["create_seller", "request_credit", "sale"],
  segments: ["create_segment", "raise_percent", "count_user", "create_user", "change_user", "add_users"],
  wallet: ["sign_up", "open_session", "request_payment"],
  monitors: ["create_monitor"],
  webhooks: ["create_webhook"],
} as const;
/** Acts that leave no more than their idempotency key: refused when the partner's keys are used up. */
const KEY = {
  loyalty: ["redemption", "take_back", "change_settings"],
  vouchers: ["redeem", "rollback"],
  topup: ["update_seller", "change_settings", "resume_seller", "approve", "take_back"],
  segments: ["request_report", "record_answer"],
  wallet: [
    "touch_session",
    "refresh_session",
    "unfreeze_wallet",
    "limit_wallet",
    "issue_reset",
    "deposit",
    "send",
    "accept_request",
    "take_back",
  ],
  webhooks: ["update_webhook", "rotate_secret", "replay", "send"],
} as const;
/** Acts with a pending transfer: refused when the partner has too many of them. */
const HOLD = { topup: ["start_sale"], wallet: ["hold", "withdraw"] } as const;
/** Acts that end or decide something, or make a person safer: never refused. */
const NEVER = {
  loyalty: ["delete_member", "activation", "cancel_accrual", "expiry", "report_total"],
  vouchers: ["erase_customer", "cancel", "expire", "forget", "issue_portion"],
  topup: [
    "suspend_seller",
    "reject",
    "withdraw_request",
    "complete_sale",
    "fail_sale",
    "report_unknown",
    "report_late",
  ],
  segments: [
    "lower_percent",
    "delete_segment",
    "remove_users",
    "expire",
    "trim",
    "fill",
    "sweep",
    "rotate_report_secret",
  ],
  wallet: [
    "end_session",
    "change_password",
    "freeze_wallet",
    "close_wallet",
    "reset_password",
    "capture",
    "void_hold",
    "decline_request",
    "cancel_request",
    "expire_request",
    "confirm_withdrawal",
    "fail_withdrawal",
  ],
  monitors: ["delete_monitor"],
  quotas: ["set_quotas"],
  webhooks: ["delete_webhook", "sent", "progress"],
} as const;

const EXPECTED: readonly (readonly [MemoryGrowth, Readonly<Record<string, readonly string[]>>])[] = [
  ["more", MORE],
  ["key", KEY],
  ["hold", HOLD],
  ["never", NEVER],
];

test.each(EXPECTED)("the growth of these acts is %s", (growth, acts) => {
  for (const [programme, names] of Object.entries(acts))
    for (const act of names)
      expect(growthOfAct({ programme, act, subject: "s" }), `${programme} ${act}`).toBe(growth);
});

test("an act of a newer version counts as one that keeps something", () => {
  expect(growthOfAct({ programme: "loyalty", act: "unknown", subject: "s" })).toBe("more");
  expect(growthOfAct({ programme: "unknown", act: "sale", subject: "s" })).toBe("more");
});
