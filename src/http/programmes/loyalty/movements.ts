/** Accruals and redemptions in requests: their fields, their commands, and the items of batches. */
import { z } from "@hono/zod-openapi";
import {
  type LoyaltyAct,
  loyaltyAct,
  type MovementSource,
  pointsAccount,
} from "../../../actors/programmes/loyalty/acts.ts";
import type { Transfer } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { CompoundTransfer } from "../../../actors/records/compound-command.ts";
import type { BatchFormat } from "../../core/transfers/batch-items.ts";
import { isKey, KEY_RULE } from "../../idempotency.ts";
import {
  Amount,
  Description,
  Id,
  knownTimeMsOf,
  Metadata,
  Time,
  textField,
  timeMsOrNull,
} from "../../input/fields.ts";
import { canonicalJson, fingerprintOf } from "../../input/fingerprint.ts";
import { check } from "../../input/validation.ts";
import { invalid } from "../../problem.ts";
import { pendingWith, transferWith } from "../../read-change.ts";

const Reference = textField(128, {
  description: "Unique for the member's id, for ever; also after the member was deleted.",
  example: "receipt-1017",
});

const movement = {
  points: Amount,
  description: Description,
  reference: Reference.optional(),
  metadata: Metadata.optional(),
  occurred_at: Time.optional(),
};
const accrual = {
  ...movement,
  expires_at: Time.optional().openapi({ description: "When the points expire; absent if never." }),
  activates_at: Time.optional().openapi({
    description:
      "When the points begin; absent: at once. Until then they are `pending`: not in the balance, and not to be spent.",
  }),
};

export const NewAccrual = z
  .strictObject(accrual)
  .openapi("NewAccrual", { example: { points: 100, description: "Haircut" } });
export const NewRedemption = z
  .strictObject(movement)
  .openapi("NewRedemption", { example: { points: 80, description: "Free coffee" } });

export type AccrualFields = z.infer<typeof NewAccrual>;
export type RedemptionFields = z.infer<typeof NewRedemption>;

const ofItem = { member: Id, idempotency_key: z.string().optional() };
const AccrualItem = z.strictObject({ type: z.literal("accrual"), ...ofItem, ...accrual });
const RedemptionItem = z.strictObject({ type: z.literal("redemption"), ...ofItem, ...movement });

export const MovementItem = z
  .discriminatedUnion("type", [AccrualItem, RedemptionItem])
  .openapi("PointsMovementItem", {
    example: {
      member: "alice",
      type: "accrual",
      points: 100,
      description: "Haircut",
      reference: "receipt-1017",
    },
  });

/** A transfer; a pending one for points that begin later. */
type MovementCommand<K extends "accrual" | "redemption"> =
  | (Transfer & Readonly<{ act: LoyaltyAct<K> }>)
  | CompoundTransfer;

/** @throws Problem 400 for points that would expire before they begin */
export function accrualCommand(
  header: CommandHeader,
  member: string,
  fields: AccrualFields,
  till: string | undefined,
): MovementCommand<"accrual"> {
  const { expires_at, activates_at } = fields;
  const expiresAtMs = expires_at === undefined ? undefined : knownTimeMsOf(expires_at);
  const activatesAtMs = activates_at === undefined ? undefined : knownTimeMsOf(activates_at);
  if (expiresAtMs !== undefined && activatesAtMs !== undefined && expiresAtMs <= activatesAtMs)
    throw invalid("expires_at", "must be later than activates_at");
  const act = loyaltyAct("accrual", pointsAccount(member), {
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(activatesAtMs !== undefined && { activatesAtMs }),
    ...sourceOf(fields, till),
  });
  const move = moveOf(fields);
  return activatesAtMs === undefined ? transferWith(header, act, move) : pendingWith(header, act, move);
}

export function redemptionCommand(
  header: CommandHeader,
  member: string,
  fields: RedemptionFields,
  till: string | undefined,
): MovementCommand<"redemption"> {
  const act = loyaltyAct("redemption", pointsAccount(member), sourceOf(fields, till));
  return transferWith(header, act, moveOf(fields));
}

function sourceOf({ reference }: RedemptionFields, till: string | undefined): MovementSource {
  return { ...(reference !== undefined && { reference }), ...(till !== undefined && { till }) };
}

function moveOf({ points, description, metadata, occurred_at }: RedemptionFields) {
  return {
    amount: points,
    memo: description,
    metadata: metadata === undefined ? null : canonicalJson(metadata),
    occurredAtMs: timeMsOrNull(occurred_at),
  };
}

/** Items of `POST /v1/loyalty/movements/batch`. */
export const MOVEMENTS: BatchFormat = {
  list: "movements",
  path: "/v1/loyalty/movements/batch",
  commandOf({ partner, method, path }, value, headerKey, till) {
    const { member, idempotency_key: own, ...fields } = check(MovementItem, value);
    if (own !== undefined && !isKey(own)) throw invalid("idempotency_key", KEY_RULE);
    const key = own ?? headerKey;
    const fingerprint = key === null ? 0 : fingerprintOf(method, path, canonicalJson({ member, ...fields }));
    const header = { partner, key, fingerprint };
    return fields.type === "accrual"
      ? accrualCommand(header, member, fields, till)
      : redemptionCommand(header, member, fields, till);
  },
};
