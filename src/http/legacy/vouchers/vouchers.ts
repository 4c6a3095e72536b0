/**
 * The voucher pool: `/vouchers/generate`, `/vouchers/validate` and `/vouchers`. Statuses are those of the old system, where
 * reads and redemptions were 201, and an unknown customer and an expired voucher were 500. Errors are lines of text.
 */
import { answer, type Call, type HttpAnswer } from "../../call.ts";
import { emailOf } from "../../input/email.ts";
import { invalid, PROBLEMS, Problem, type ProblemCode } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import { bodyOf, type Json, type LocalApi } from "../local-api.ts";
import { readOldBody } from "../old-body.ts";
import type { OldSystem } from "../old-routes.ts";

const NO_EMAIL = "mail: missing '@' or angle-addr";
const BAD_DISCOUNT = "discount shall bigger than 0 or less than 100.00";
const PAST_EXPIRY = "expiry date shall be in the future";
/** The old system had no better word for any of these. */
const NOT_FOUND_STATUS = 500;
const TEXTS: Readonly<Partial<Record<ProblemCode, readonly [status: number, text: string]>>> = {
  customer_not_found: [NOT_FOUND_STATUS, "customerID shall not be 0"],
  voucher_not_found: [NOT_FOUND_STATUS, "voucher expired"],
  voucher_expired: [NOT_FOUND_STATUS, "voucher expired"],
  voucher_cancelled: [NOT_FOUND_STATUS, "voucher expired"],
  voucher_already_redeemed: [400, "this voucher has been redeemed"],
};

export function vouchersSystem({ api }: Readonly<{ api: LocalApi }>): OldSystem {
  return {
    refuse,
    add(add) {
      add("POST", "/vouchers/generate", (request, call) => generate(api, request, call));
      add("POST", "/vouchers/validate", (request, call) => validate(api, request, call));
      add("GET", "/vouchers", (request, call) => list(api, request, call));
    },
  };
}

async function generate(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const { members } = await readOldBody(request);
  const email = emailIn(members);
  const { offer_name, discount, expiry } = members;
  if (typeof discount !== "number" || !(discount > 0 && discount <= 100)) throw invalid("", BAD_DISCOUNT);
  const body = { email, offer_name, discount, expires_at: expiry };
  const made = await api.send(request, call, "POST /v1/vouchers", { body });
  if (made.detail === "expires_at: must be in the future" || expiry === undefined)
    throw invalid("", PAST_EXPIRY);
  return created(call, { code: bodyOf(made)["code"] });
}

async function validate(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const { members } = await readOldBody(request);
  const email = emailIn(members);
  const code = typeof members["code"] === "string" ? members["code"] : "";
  if (code === "") throw new Problem("voucher_not_found");
  const redeemed = await api.send(request, call, "POST /v1/vouchers/{code}/redeem", {
    path: { code },
    body: { email },
  });
  return created(call, { discount: bodyOf(redeemed)["discount"] });
}

async function list(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const { members } = await readOldBody(request);
  const rows = await api.all(request, call, "GET /v1/vouchers", { query: { email: emailIn(members) } });
  const vouchers = rows.map(({ code, offer_name }) => ({ code, offer_name }));
  // An empty list of Go.
  return created(call, vouchers.length === 0 ? null : vouchers);
}

/** @throws Problem 400 */
function emailIn(members: Json): string {
  const { email } = members;
  if (typeof email !== "string" || emailOf(email) === undefined) throw invalid("", NO_EMAIL);
  return email;
}

/** Every success of the old system was 201; its encoder ended the body with a line feed. */
function created(call: Call, body: unknown): HttpAnswer {
  return answer(call, 201, `${JSON.stringify(body)}\n`, { "Content-Type": "application/json" });
}

function refuse(call: Call, { code, message, headers }: Problem): HttpAnswer {
  const [status, text] = TEXTS[code] ?? [
    PROBLEMS[code].status,
    message === "The body is empty." ? "EOF" : message,
  ];
  return answer(call, status, `${text}\n`, { "Content-Type": "text/plain; charset=utf-8", ...headers });
}
