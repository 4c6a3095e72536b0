/** `/v1/vouchers/{code}/…`: validates, redeems, rolls back and cancels vouchers. */
import { z } from "@hono/zod-openapi";
import {
  askOwner,
  askVoucher,
  customerSubject,
  INVALID_REASONS,
  type VoucherAct,
  type VoucherStatus,
  type VoucherTerms,
  voucherAct,
} from "../../../actors/programmes/vouchers/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import { keyNameOf } from "../../auth.ts";
import { type Call, jsonAnswer } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Email } from "../../input/email.ts";
import { timeTextOf, timeTextOrNull } from "../../input/fields.ts";
import { check } from "../../input/validation.ts";
import { readBareChange } from "../../read-change.ts";
import type { HttpRequest } from "../../request.ts";
import { answerOf, type RouteDescription, type Routes } from "../../routes.ts";
import { readJson } from "../../server/body.ts";
import { decidedAnswer, effectOf } from "../../write-answers.ts";
import { discountAnswer, discountMembers, ERASED, type VoucherDeps } from "./fields.ts";
import { answerOfOld, GuessLimit } from "./guess-limit.ts";
import { customerNameOf, personIn, readCustomerChange } from "./pseudonyms.ts";

/** Why a voucher cannot be redeemed or cancelled. */
const NOT_VALID = Object.values(INVALID_REASONS);

/** The role of keys that validate and redeem vouchers, and do nothing else. */
export const REDEEMER = "redeemer";

const REDEEMER_ACCESS = { roles: ["partner", REDEEMER] } as const;

const Holder = z.strictObject({ email: Email }).openapi("VoucherHolder");
const Rollback = z
  .strictObject({
    email: Email,
    redemption: z.int().min(1).optional().openapi({
      description: "The redemption to roll back, as its answer names it; the latest one if absent.",
    }),
  })
  .openapi("VoucherRollback", { example: { email: "alice@example.com", redemption: 3 } });
const VerdictSchema = z
  .union([
    z.object({
      valid: z.literal(true),
      ...discountAnswer,
      offer_name: z.string(),
      expires_at: z.iso.datetime(),
      uses_left: z.int(),
    }),
    z.object({
      valid: z.literal(false),
      reason: z.enum(NOT_VALID),
    }),
  ])
  .openapi("VoucherVerdict");
const RedeemedSchema = z
  .object({
    code: z.string(),
    ...discountAnswer,
    offer_name: z.string(),
    used_at: z.iso.datetime(),
    redemption: z.int().nullable().openapi({
      description:
        "The number of this redemption of the voucher, for a rollback. Null in a retry of one that an older version made.",
    }),
    uses_left: z.int(),
  })
  .openapi("RedeemedVoucher", {
    example: {
      code: "7QK3MWPA2XHT9C",
      discount: 38.5,
      offer_name: "Autumn sale",
      used_at: "2026-11-21T10:00:00.000Z",
      redemption: 1,
      uses_left: 0,
    },
  });
const ChangedSchema = z
  .object({
    code: z.string(),
    email: z.string().nullable().openapi({ description: ERASED }),
    offer_name: z.string(),
    ...discountAnswer,
    status: z.enum(["valid", "expired", "cancelled"]),
    expires_at: z.iso.datetime(),
    created_at: z.iso.datetime(),
    used_at: z.iso.datetime().nullable().openapi({ description: "The last redemption that still counts." }),
    uses_max: z.int(),
    uses_left: z.int(),
  })
  .openapi("ChangedVoucher");
const RolledBackSchema = ChangedSchema.extend({
  redemption: z.int().nullable().openapi({ description: "The redemption that was rolled back." }),
}).openapi("RolledBackVoucher");

type CodeDeps = VoucherDeps & Readonly<{ guessLimit: GuessLimit }>;

export function addCodes(routes: Routes, deps: VoucherDeps): void {
  const codeDeps = { ...deps, guessLimit: new GuessLimit(deps.counters) };
  addValidate(routes, codeDeps);
  addRedeem(routes, codeDeps);
  addRollback(routes, codeDeps);
  addCancel(routes, codeDeps);
}

const COMMON = {
  method: "post",
  access: "partner",
  group: "vouchers",
  params: z.object({ code: z.string().openapi({ example: "7QK3MWPA2XHT9C" }) }),
} as const satisfies Partial<RouteDescription>;

function addValidate(routes: Routes, deps: CodeDeps): void {
  const { ledger, guessLimit } = deps;
  routes.add(
    {
      ...COMMON,
      access: REDEEMER_ACCESS,
      path: "/v1/vouchers/{code}/validate",
      summary: "Check whether a voucher can be redeemed now; changes nothing",
      body: { schema: Holder },
      answer: answerOf(
        200,
        "Whether it can be redeemed; if not, `reason` is the code that a redemption would get.",
        VerdictSchema,
      ),
      problems: ["voucher_not_found", "rate_limited"],
    },
    async (request, call) => {
      const { email } = check(Holder, await readJson(request));
      const customer = await customerNameOf(deps, call.partner, email);
      const code = guessLimit.codeOf(request, call, customer);
      const voucher = await ledger.ask(call.partner, askVoucher(customer, code));
      const known = voucher ?? (await guessLimit.old(call, customer, ledger, code));
      const { status, discount, offer, expiresAtMs, usesLeft } = known;
      const verdict =
        status === "valid"
          ? {
              valid: true,
              ...discountMembers(discount),
              offer_name: offer,
              expires_at: timeTextOf(expiresAtMs),
              uses_left: usesLeft,
            }
          : { valid: false, reason: INVALID_REASONS[status] };
      return jsonAnswer(call, 200, JSON.stringify(verdict));
    },
  );
}

/** Submits an act that names the customer and the code. @throws Problem 400, 404, 413, 415, 429 */
async function submitByHolder<T extends Readonly<{ email: string }>, A extends VoucherAct>(
  request: HttpRequest,
  call: Call,
  deps: CodeDeps,
  schema: z.ZodType<T>,
  actOf: (subject: string, holder: Readonly<{ email: string; code: string }>, value: T) => A,
) {
  const { ledger, guessLimit } = deps;
  const { value, header, customer } = await readCustomerChange(request, call, deps, schema);
  const code = guessLimit.codeOf(request, call, customer);
  const act = actOf(customerSubject(customer), { email: customer, code }, value);
  const answer = await guessLimit.submit(call, customer, ledger, actAlone(header, act), code);
  return { code, email: value.email, act, answer };
}

function addRedeem(routes: Routes, deps: CodeDeps): void {
  routes.add(
    {
      ...COMMON,
      access: REDEEMER_ACCESS,
      path: "/v1/vouchers/{code}/redeem",
      summary: "Redeem a voucher",
      description: "Takes one use. The name of the API key is kept with the redemption.",
      body: { schema: Holder },
      answer: answerOf(
        200,
        "A use of the voucher is redeemed; it grants this `discount`, or this `amount`.",
        RedeemedSchema,
      ),
      problems: ["voucher_not_found", ...NOT_VALID, "rate_limited", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const by = keyNameOf(call);
      const { code, act, answer } = await submitByHolder(request, call, deps, Holder, (subject, holder) =>
        voucherAct("redeem", subject, { ...holder, by }),
      );
      return decidedAnswer(call, answer, 200, (done, { timeMs }) => {
        const { discount, offer, redemption = null, usesLeft = 0 } = effectOf(act, done);
        return JSON.stringify({
          code,
          ...discountMembers(discount),
          offer_name: offer,
          used_at: timeTextOf(timeMs),
          redemption,
          uses_left: usesLeft,
        });
      });
    },
  );
}

function addRollback(routes: Routes, deps: CodeDeps): void {
  routes.add(
    {
      ...COMMON,
      path: "/v1/vouchers/{code}/rollback",
      summary: "Roll back a redemption",
      description:
        "Gives one use back: that of the redemption that `redemption` names, or else of the latest one. Each redemption " +
        "can be rolled back once, and only the latest 100 that were not. A voucher that was used up is valid again, or " +
        "expired if `expires_at` has passed; an expired or cancelled voucher stays so.",
      body: { schema: Rollback },
      answer: answerOf(200, "The voucher after the rollback.", RolledBackSchema),
      problems: [
        "voucher_not_found",
        "not_redeemed",
        "redemption_too_old",
        "rate_limited",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    async (request, call) => {
      const { code, email, act, answer } = await submitByHolder(
        request,
        call,
        deps,
        Rollback,
        (subject, holder, { redemption }) =>
          voucherAct("rollback", subject, { ...holder, ...(redemption !== undefined && { redemption }) }),
      );
      return decidedAnswer(call, answer, 200, (done, { timeMs }) => {
        const terms = effectOf(act, done);
        // Older records do not state it.
        const isOver = terms.expiresAtMs <= timeMs;
        const shown = personIn(deps.persons, { email, person: terms.person }).email;
        const status = terms.status ?? (isOver ? "expired" : "valid");
        const redemption = terms.redemption === 0 ? null : (terms.redemption ?? null);
        return JSON.stringify({ ...changedMembers(code, shown, terms, status), redemption });
      });
    },
  );
}

function addCancel(routes: Routes, deps: CodeDeps): void {
  routes.add(
    {
      ...COMMON,
      path: "/v1/vouchers/{code}/cancel",
      summary: "Cancel a valid voucher for good",
      answer: answerOf(200, "The cancelled voucher.", ChangedSchema),
      problems: ["voucher_not_found", ...NOT_VALID, "rate_limited", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const header = await readBareChange(request, call);
      const { code, act, owner, decided } = await cancelVoucher(deps, request, call, header);
      const shown = owner === null ? null : personIn(deps.persons, owner).email;
      return decidedAnswer(call, decided, 200, (done) =>
        JSON.stringify(changedMembers(code, shown, effectOf(act, done), "cancelled")),
      );
    },
  );
}

/** Cancels the voucher with the code of the path. `owner`: `null` if only the archive has it. @throws Problem 404, 429 */
export async function cancelVoucher(
  { ledger, guessLimit }: Pick<CodeDeps, "ledger" | "guessLimit">,
  request: HttpRequest,
  call: Call,
  header: CommandHeader,
) {
  const code = guessLimit.codeOf(request, call);
  // A voucher never changes its owner.
  const owner = await ledger.ask(call.partner, askOwner(code));
  // Submitted even so: if its key is known, the first answer counts.
  const { email } = owner ?? (await guessLimit.old(call, "", ledger, code));
  const act = voucherAct("cancel", customerSubject(email), { email, code });
  const command = actAlone(header, act);
  const answer = await ledger.submit(command);
  const old = owner === null ? await answerOfOld(ledger, command, answer) : undefined;
  return { code, act, owner, decided: old ?? answer };
}

function changedMembers(code: string, email: string | null, terms: VoucherTerms, status: VoucherStatus) {
  // Older records do not state the uses.
  const { usesMax = 1, usesLeft = usesMax, usedAtMs = null } = terms;
  return {
    code,
    email,
    offer_name: terms.offer,
    ...discountMembers(terms.discount),
    status,
    expires_at: timeTextOf(terms.expiresAtMs),
    created_at: timeTextOf(terms.createdAtMs),
    used_at: timeTextOrNull(usedAtMs),
    uses_max: usesMax,
    uses_left: usesLeft,
  };
}
