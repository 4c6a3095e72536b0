/** `/v1/vouchers/{code}/…`: what is done with a code. Who only guesses codes is held up. */
import { z } from "@hono/zod-openapi";
import {
  askOwner,
  askVoucher,
  customerSubject,
  type Redeemed,
  type VoucherStatus,
  type VoucherTerms,
} from "../../../actors/programmes/vouchers/acts.ts";
import { codeOf } from "../../../actors/programmes/vouchers/codes.ts";
import type { ActAlone } from "../../../actors/records/command.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { keyIdOf } from "../../auth.ts";
import { type Call, jsonAnswer } from "../../call.ts";
import { actOf, readBareChange, readChange } from "../../change.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Email } from "../../input/email.ts";
import { timeTextOf } from "../../input/fields.ts";
import { withoutTypography } from "../../input/typed-text.ts";
import { check } from "../../input/validation.ts";
import { RateLimit } from "../../limits/rate-limit.ts";
import type { WindowCounters } from "../../limits/window-counters.ts";
import { Problem } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import type { RouteDescription, Routes } from "../../routes.ts";
import { readJson } from "../../server/body.ts";
import { type Done, decidedAnswer } from "../../writes.ts";
import { percentOf, type VoucherDeps } from "./fields.ts";

/** Unknown codes of one API key and one customer, by minute. */
const UNKNOWN_MAX = 50;
const UNKNOWN_WINDOW_MS = 60_000;

/** Why a voucher cannot be redeemed, or be cancelled. */
const NOT_VALID = ["voucher_already_redeemed", "voucher_expired", "voucher_cancelled"] as const;

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
const EndedSchema = z
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

const REASONS = {
  redeemed: "voucher_already_redeemed",
  expired: "voucher_expired",
  cancelled: "voucher_cancelled",
} as const satisfies Record<Exclude<VoucherStatus, "valid">, (typeof NOT_VALID)[number]>;

type CodeDeps = VoucherDeps & Readonly<{ guesses: Guesses }>;

export function addCodes(routes: Routes, deps: VoucherDeps): void {
  const own = { ...deps, guesses: new Guesses(deps.counters) };
  addValidate(routes, own);
  addRedeem(routes, own);
  addRollback(routes, own);
  addCancel(routes, own);
}

/**
 * How often who asks has named a code that is not there, by API key and customer. A code that is there is never refused, so
 * nobody's guesses keep anybody from a voucher; who has guessed too often is just not told any more that there is none.
 */
class Guesses {
  readonly #limit: RateLimit;

  constructor(counters: WindowCounters) {
    const window = { limit: UNKNOWN_MAX, windowMs: UNKNOWN_WINDOW_MS };
    this.#limit = new RateLimit({ name: "unknown voucher", ...window, counters });
  }

  /** The code that a request names, in its one form. @param email the customer's, where one is named. @throws Problem 404, 429 */
  codeOf(request: HttpRequest, call: Call, email = ""): string {
    return codeOf(withoutTypography(request.param("code"))) ?? this.unknown(call, email);
  }

  /** @throws Problem 404, 429 */
  unknown(call: Call, email = ""): never {
    this.#limit.take(`${keyIdOf(call)}\0${email}`);
    throw new Problem("voucher_not_found");
  }

  /**
   * Submits a command that names a code. It counts as a guess until it turns out to be none, so a thousand at once are no
   * way past the limit. Beyond the limit only codes that exist reach the log.
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
    const key = `${keyIdOf(call)}\0${email}`;
    const giveBack = this.#limit.tryTake(key);
    if (giveBack === undefined) {
      if ((await ledger.ask(call.partner, askVoucher(email, code))) === null) this.unknown(call, email);
      return ledger.submit(command);
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

/** A repeat tells nothing new, so it is no guess. */
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

function addValidate(routes: Routes, { ledger, guesses }: CodeDeps): void {
  routes.add(
    {
      ...COMMON,
      path: "/v1/vouchers/{code}/validate",
      summary: "Say whether a voucher could be redeemed now; changes nothing",
      body: { schema: Holder },
      answer: {
        status: 200,
        description: "It could be, or why not.",
        content: { "application/json": VerdictSchema },
      },
      problems: ["voucher_not_found", "rate_limited"],
    },
    async (request, call) => {
      const { email } = check(Holder, await readJson(request));
      const code = guesses.codeOf(request, call, email);
      const voucher = await ledger.ask(call.partner, askVoucher(email, code));
      if (voucher === null) return guesses.unknown(call, email);
      const { status, discount, offer, expiresAtMs } = voucher;
      const verdict =
        status === "valid"
          ? {
              valid: true,
              discount: percentOf(discount),
              offer_name: offer,
              expires_at: timeTextOf(expiresAtMs),
            }
          : { valid: false, reason: REASONS[status] };
      return jsonAnswer(call, 200, JSON.stringify(verdict));
    },
  );
}

/** What is done by who holds the voucher, and may be a guess. @throws Problem 400, 404, 413, 415, 429 */
async function submitByHolder(
  request: HttpRequest,
  call: Call,
  { ledger, guesses }: CodeDeps,
  name: "redeem" | "rollback",
) {
  const { value, asked } = await readChange(request, call, Holder);
  const { email } = value;
  const code = guesses.codeOf(request, call, email);
  const act = { programme: "vouchers", act: name, subject: customerSubject(email), email, code } as const;
  const answer = await guesses.submit(call, email, ledger, actOf(asked, act), code);
  return { code, email, answer };
}

function addRedeem(routes: Routes, deps: CodeDeps): void {
  routes.add(
    {
      ...COMMON,
      path: "/v1/vouchers/{code}/redeem",
      summary: "Use a voucher, once",
      body: { schema: Holder },
      answer: {
        status: 200,
        description: "It is used, and this is what it gives.",
        content: { "application/json": RedeemedSchema },
      },
      problems: ["voucher_not_found", ...NOT_VALID, "rate_limited", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { code, answer } = await submitByHolder(request, call, deps, "redeem");
      return decidedAnswer(call, answer, 200, ({ effect }, { timeMs }) => {
        const { discount, offer } = effect as Redeemed;
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

const ended = { status: 200, content: { "application/json": EndedSchema } } as const;

function addRollback(routes: Routes, deps: CodeDeps): void {
  routes.add(
    {
      ...COMMON,
      path: "/v1/vouchers/{code}/rollback",
      summary: "Take back a redemption",
      description: "Once for each. The voucher is valid again; or expired, when its time is over by now.",
      body: { schema: Holder },
      answer: { ...ended, description: "The voucher, unused." },
      problems: ["voucher_not_found", "not_redeemed", "rate_limited", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { code, email, answer } = await submitByHolder(request, call, deps, "rollback");
      return decidedAnswer(call, answer, 200, ({ effect }, { timeMs }: Done) => {
        const told = effect as VoucherTerms;
        return endedJson(code, email, told, told.expiresAtMs <= timeMs ? "expired" : "valid");
      });
    },
  );
}

function addCancel(routes: Routes, { ledger, guesses }: CodeDeps): void {
  routes.add(
    {
      ...COMMON,
      path: "/v1/vouchers/{code}/cancel",
      summary: "End a valid voucher for good",
      answer: { ...ended, description: "The voucher, cancelled." },
      problems: ["voucher_not_found", ...NOT_VALID, "rate_limited", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const asked = await readBareChange(request, call);
      const code = guesses.codeOf(request, call);
      // Whose it is never changes.
      const email = await ledger.ask(call.partner, askOwner(code));
      if (email === null) return guesses.unknown(call);
      const subject = customerSubject(email);
      const act = { programme: "vouchers", act: "cancel", subject, email, code } as const;
      return decidedAnswer(call, await ledger.submit(actOf(asked, act)), 200, ({ effect }) =>
        endedJson(code, email, effect as VoucherTerms, "cancelled"),
      );
    },
  );
}

function endedJson(
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
