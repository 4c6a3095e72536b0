/** `/v1/vouchers/{code}/…`: validates, redeems, rolls back and cancels vouchers, and limits the guessing of codes. */
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
import { codeOf } from "../../../actors/programmes/vouchers/codes.ts";
import type { ActAlone } from "../../../actors/records/command.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { keyIdOf } from "../../auth.ts";
import { type Call, jsonAnswer } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Email } from "../../input/email.ts";
import { timeTextOf } from "../../input/fields.ts";
import { withoutTypography } from "../../input/typed-text.ts";
import { check } from "../../input/validation.ts";
import { RateLimit } from "../../limits/rate-limit.ts";
import type { WindowCounters } from "../../limits/window-counters.ts";
import { Problem } from "../../problem.ts";
import { firstOrNew, readBareChange, readChange } from "../../read-change.ts";
import type { HttpRequest } from "../../request.ts";
import { answerOf, type RouteDescription, type Routes } from "../../routes.ts";
import { readJson } from "../../server/body.ts";
import { decidedAnswer, effectOf } from "../../write-answers.ts";
import { percentOf, type VoucherDeps } from "./fields.ts";

/** How many unknown codes one API key may send for one customer in a window. */
const UNKNOWN_MAX = 50;
const UNKNOWN_WINDOW_MS = 60_000;

/** Why a voucher cannot be redeemed or cancelled. */
const NOT_VALID = Object.values(INVALID_REASONS);

const Holder = z.strictObject({ email: Email }).openapi("VoucherHolder");
const VerdictSchema = z
  .union([
    z.object({
      valid: z.literal(true),
      discount: z.number(),
      offer_name: z.string(),
      expires_at: z.iso.datetime(),
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
    discount: z.number(),
    offer_name: z.string(),
    used_at: z.iso.datetime(),
  })
  .openapi("RedeemedVoucher", {
    example: {
      code: "7QK3MWPA2XHT9C",
      discount: 38.5,
      offer_name: "Autumn sale",
      used_at: "2026-11-21T10:00:00.000Z",
    },
  });
const UnusedSchema = z
  .object({
    code: z.string(),
    email: z.string(),
    offer_name: z.string(),
    discount: z.number(),
    status: z.enum(["valid", "expired", "cancelled"]),
    expires_at: z.iso.datetime(),
    created_at: z.iso.datetime(),
    used_at: z.null(),
  })
  .openapi("UnusedVoucher");

type CodeDeps = VoucherDeps & Readonly<{ guessLimit: GuessLimit }>;

export function addCodes(routes: Routes, deps: VoucherDeps): void {
  const codeDeps = { ...deps, guessLimit: new GuessLimit(deps.counters) };
  addValidate(routes, codeDeps);
  addRedeem(routes, codeDeps);
  addRollback(routes, codeDeps);
  addCancel(routes, codeDeps);
}

/**
 * Limits unknown codes by API key and customer. A code that exists is never refused, so guesses cannot block a real
 * voucher. Beyond the limit an unknown code gets 429 instead of 404.
 */
class GuessLimit {
  readonly #limit: RateLimit;

  constructor(counters: WindowCounters) {
    const window = { limit: UNKNOWN_MAX, windowMs: UNKNOWN_WINDOW_MS };
    this.#limit = new RateLimit({ name: "unknown voucher", ...window, counters });
  }

  /** The normalized code of the path. @param email of the customer; empty if not given. @throws Problem 404, 429 */
  codeOf(request: HttpRequest, call: Call, email = ""): string {
    return codeOf(withoutTypography(request.param("code"))) ?? this.unknown(call, email);
  }

  /** Counts an unknown code. @throws Problem 404, or 429 beyond the limit */
  unknown(call: Call, email = ""): never {
    this.#limit.take(limitKey(call, email));
    throw new Problem("voucher_not_found");
  }

  /**
   * Submits a command that names a code. It counts as a guess until its answer shows that the code exists, so concurrent
   * requests cannot pass the limit. Beyond the limit only commands with existing codes reach the log.
   *
   * @throws Problem 429
   */
  async submit(
    call: Call,
    email: string,
    ledger: Ledger,
    command: ActAlone,
    code: string,
  ): Promise<Answer<ActAlone>> {
    const giveBack = this.#limit.tryTake(limitKey(call, email));
    if (giveBack === undefined) {
      const known = await firstOrNew(ledger, command, { owner: command.act.subject }, async () => {
        if ((await ledger.ask(call.partner, askVoucher(email, code))) === null) this.unknown(call, email);
        return command;
      });
      return ledger.submit(known);
    }
    let isGuess = false;
    try {
      const answer = await ledger.submit(command);
      isGuess = isUnknownCode(answer);
      return answer;
    } finally {
      if (!isGuess) giveBack();
    }
  }
}

/** Guesses are counted by API key and customer. */
function limitKey(call: Call, email: string): string {
  return `${keyIdOf(call)}\0${email}`;
}

/** A replayed answer reveals nothing new, so it is no guess. */
function isUnknownCode(answer: Answer<ActAlone>): boolean {
  if (!("outcome" in answer) || answer.outcome.ok || answer.replayed) return false;
  return answer.outcome.code === "voucher_not_found";
}

const COMMON = {
  method: "post",
  access: "partner",
  group: "vouchers",
  params: z.object({ code: z.string().openapi({ example: "7QK3MWPA2XHT9C" }) }),
} as const satisfies Partial<RouteDescription>;

function addValidate(routes: Routes, { ledger, guessLimit }: CodeDeps): void {
  routes.add(
    {
      ...COMMON,
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
      const code = guessLimit.codeOf(request, call, email);
      const voucher = await ledger.ask(call.partner, askVoucher(email, code));
      if (voucher === null) return guessLimit.unknown(call, email);
      const { status, discount, offer, expiresAtMs } = voucher;
      const verdict =
        status === "valid"
          ? {
              valid: true,
              discount: percentOf(discount),
              offer_name: offer,
              expires_at: timeTextOf(expiresAtMs),
            }
          : { valid: false, reason: INVALID_REASONS[status] };
      return jsonAnswer(call, 200, JSON.stringify(verdict));
    },
  );
}

/** Submits an act that names the customer and the code. @throws Problem 400, 404, 413, 415, 429 */
async function submitByHolder<A extends VoucherAct>(
  request: HttpRequest,
  call: Call,
  { ledger, guessLimit }: CodeDeps,
  actOf: (subject: string, holder: Readonly<{ email: string; code: string }>) => A,
) {
  const { value, header } = await readChange(request, call, Holder);
  const { email } = value;
  const code = guessLimit.codeOf(request, call, email);
  const act = actOf(customerSubject(email), { email, code });
  const answer = await guessLimit.submit(call, email, ledger, actAlone(header, act), code);
  return { code, email, act, answer };
}

function addRedeem(routes: Routes, deps: CodeDeps): void {
  routes.add(
    {
      ...COMMON,
      path: "/v1/vouchers/{code}/redeem",
      summary: "Redeem a voucher",
      body: { schema: Holder },
      answer: answerOf(
        200,
        "The voucher is redeemed; `discount` is the percentage that it grants.",
        RedeemedSchema,
      ),
      problems: ["voucher_not_found", ...NOT_VALID, "rate_limited", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { code, act, answer } = await submitByHolder(request, call, deps, (subject, holder) =>
        voucherAct("redeem", subject, holder),
      );
      return decidedAnswer(call, answer, 200, (done, { timeMs }) => {
        const { discount, offer } = effectOf(act, done);
        return JSON.stringify({
          code,
          discount: percentOf(discount),
          offer_name: offer,
          used_at: timeTextOf(timeMs),
        });
      });
    },
  );
}

const unused = { status: 200, content: { "application/json": UnusedSchema } } as const;

function addRollback(routes: Routes, deps: CodeDeps): void {
  routes.add(
    {
      ...COMMON,
      path: "/v1/vouchers/{code}/rollback",
      summary: "Roll back a redemption",
      description:
        "Each redemption can be rolled back once. The voucher is valid again, or expired if `expires_at` has passed.",
      body: { schema: Holder },
      answer: { ...unused, description: "The unused voucher." },
      problems: ["voucher_not_found", "not_redeemed", "rate_limited", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { code, email, act, answer } = await submitByHolder(request, call, deps, (subject, holder) =>
        voucherAct("rollback", subject, holder),
      );
      return decidedAnswer(call, answer, 200, (done, { timeMs }) => {
        const terms = effectOf(act, done);
        return unusedJson(code, email, terms, terms.expiresAtMs <= timeMs ? "expired" : "valid");
      });
    },
  );
}

function addCancel(routes: Routes, { ledger, guessLimit }: CodeDeps): void {
  routes.add(
    {
      ...COMMON,
      path: "/v1/vouchers/{code}/cancel",
      summary: "Cancel a valid voucher for good",
      answer: { ...unused, description: "The cancelled voucher." },
      problems: ["voucher_not_found", ...NOT_VALID, "rate_limited", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const header = await readBareChange(request, call);
      const code = guessLimit.codeOf(request, call);
      // A voucher never changes its owner.
      const email = await ledger.ask(call.partner, askOwner(code));
      if (email === null) return guessLimit.unknown(call);
      const act = voucherAct("cancel", customerSubject(email), { email, code });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 200, (done) =>
        unusedJson(code, email, effectOf(act, done), "cancelled"),
      );
    },
  );
}

function unusedJson(
  code: string,
  email: string,
  { offer, discount, expiresAtMs, createdAtMs }: VoucherTerms,
  status: VoucherStatus,
): string {
  return JSON.stringify({
    code,
    email,
    offer_name: offer,
    discount: percentOf(discount),
    status,
    expires_at: timeTextOf(expiresAtMs),
    created_at: timeTextOf(createdAtMs),
    used_at: null,
  });
}
