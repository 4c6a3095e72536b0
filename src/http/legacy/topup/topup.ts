/**
 * Phone top-up. There was no one old system: these are the addresses and shapes that its implementations had in common,
 * below `/api/`. A slash at the end of a path is ignored.
 */
import type { Call, HttpAnswer } from "../../call.ts";
import { invalid, PROBLEMS, Problem } from "../../problem.ts";
import { phoneOf } from "../../programmes/topup/phone.ts";
import type { HttpRequest } from "../../request.ts";
import { bodyOf, type Json, type LocalAnswer, type LocalApi } from "../local-api.ts";
import { readJsonOrForm, wholeNumberOf } from "../old-body.ts";
import { type OldSystem, oldJson, withSlash } from "../old-routes.ts";

/** A 400 with numbers. */
class Shortage extends Problem {
  readonly numbers: Json;

  constructor(available: number, required: number) {
    super("insufficient_funds", "Insufficient credit.");
    this.numbers = { available, required, shortage: Math.max(0, required - available) };
  }
}

export function topupSystem({ api }: Readonly<{ api: LocalApi }>): OldSystem {
  return {
    refuse,
    add(add) {
      const both = withSlash(add);
      both("POST", "/api/credit-requests", (request, call) => createRequest(api, request, call));
      both("GET", "/api/credit-requests", (request, call) => listRequests(api, request, call));
      both("POST", "/api/credit-requests/:id/process", (request, call) => decide(api, request, call));
      both("POST", "/api/charge-sales", (request, call) => sell(api, request, call));
      both("GET", "/api/sellers/:id/balance", (request, call) => readBalance(api, request, call));
      both("GET", "/api/sellers/:id/transactions", (request, call) => listTransactions(api, request, call));
      both("GET", "/api/sellers/:id/reconcile", (request, call) => reconcile(api, request, call));
      both("GET", "/api/phone-numbers", (request, call) => listPhones(api, request, call));
      both("GET", "/api/phone-numbers/:phone", (request, call) => readPhone(api, request, call));
    },
  };
}

async function createRequest(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const members = await readJsonOrForm(request);
  const seller = sellerIn(members);
  const amount = wholeNumberOf(members["amount"]);
  if (amount === undefined) throw invalid("amount", "must be a whole number");
  // As the seller itself: who requests credit cannot approve it.
  const principal = { ...api.principal(), role: "seller", keyId: "legacy-seller", scope: seller } as const;
  const made = await api.send(request, call, "POST /v1/credit-requests", { principal, body: { amount } });
  return oldJson(call, 201, requestJson(bodyOf(made)));
}

async function listRequests(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const asked = new URLSearchParams(request.query);
  const query = pick({ seller: asked.get("seller_id"), status: asked.get("status") });
  const rows = await api.all(request, call, "GET /v1/credit-requests", { query });
  return oldJson(call, 200, rows.map(requestJson));
}

/** The body says `{"action": "approve"}`, `{"status": "approved"}` or `{"approve": true}`, or the same with reject. */
async function decide(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const { action, status, approve, reject, reason } = await readJsonOrForm(request);
  const given = action ?? status;
  const word = typeof given === "string" ? given.toLowerCase() : "";
  const isYes = /^approved?$/.test(word) || approve === true || approve === "true";
  const isNo = /^reject(?:ed)?$/.test(word) || approve === false || approve === "false" || reject === true;
  if (isYes === isNo) throw invalid("action", "must be approve or reject");
  const path = { id: request.param("id") };
  const decided = isYes
    ? await api.send(request, call, "POST /v1/credit-requests/{id}/approve", { path })
    : await api.send(request, call, "POST /v1/credit-requests/{id}/reject", {
        path,
        body: typeof reason === "string" && reason !== "" ? { reason } : {},
      });
  return oldJson(call, 200, requestJson(bodyOf(decided)));
}

async function sell(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const members = await readJsonOrForm(request);
  const seller = sellerIn(members);
  const { phone_number } = members;
  const amount = wholeNumberOf(members["amount"]);
  if (amount === undefined || amount < 1) throw invalid("amount", "must be a whole number above 0");
  const phone = typeof phone_number === "number" ? String(phone_number) : phone_number;
  const sold = await api.send(request, call, "POST /v1/topups", { body: { seller, phone, amount } });
  if (sold.code === "insufficient_funds") {
    // A look after the decision: others may sell meanwhile.
    const { credit } = bodyOf(await sellerOf(api, request, call, seller));
    throw new Shortage(Number(credit), amount);
  }
  const { id, credit } = bodyOf(sold);
  return oldJson(call, 201, { transaction_id: id, new_balance: credit });
}

async function readBalance(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const { id, credit } = bodyOf(await sellerOf(api, request, call, request.param("id")));
  return oldJson(call, 200, { seller_id: id, balance: credit });
}

function sellerOf(api: LocalApi, request: HttpRequest, call: Call, id: string): Promise<LocalAnswer> {
  return api.send(request, call, "GET /v1/sellers/{id}", { path: { id } });
}

async function listTransactions(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const type = new URLSearchParams(request.query).get("type");
  const rows = await api.all(request, call, "GET /v1/sellers/{id}/entries", {
    path: { id: request.param("id") },
  });
  const shown = rows
    .filter((row) => type === null || row["type"] === type)
    .map((row) => ({
      transaction_id: row["transfer_id"],
      type: row["type"],
      amount: row["amount"],
      balance_before: row["balance_before"],
      balance_after: row["balance_after"],
      phone_number: row["phone"],
      credit_request_id: row["request"],
      created_at: row["at"],
    }));
  return oldJson(call, 200, shown);
}

async function reconcile(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const path = { id: request.param("id") };
  const books = bodyOf(await api.send(request, call, "GET /v1/sellers/{id}/reconciliation", { path }));
  const { credit: current, entries_sum: calculated, reconciled: is_reconciled, difference } = books;
  return oldJson(call, 200, { current, calculated, is_reconciled, difference });
}

async function listPhones(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const rows = await api.all(request, call, "GET /v1/phones");
  return oldJson(call, 200, rows.map(phoneJson));
}

async function readPhone(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const phone = phoneOf(request.param("phone"));
  if (phone === undefined) throw new Problem("phone_not_found");
  const totals = bodyOf(await api.send(request, call, "GET /v1/phones/{phone}", { path: { phone } }));
  const sales = await api.all(request, call, "GET /v1/topups", { query: { phone } });
  const history = sales.map(({ id, seller, amount, status, created_at }) => ({
    transaction_id: id,
    seller_id: seller,
    amount,
    status,
    created_at,
  }));
  return oldJson(call, 200, { ...phoneJson(totals), history });
}

function phoneJson({ phone, total_charged }: Json): Json {
  return { phone_number: phone, total_charged };
}

function requestJson({ id, seller, amount, status, created_at, decided_at, reason }: Json): Json {
  return { id, seller_id: seller, amount, status, created_at, processed_at: decided_at, reason };
}

/** A seller's id as text; old clients may have it as a number. @throws Problem 400 */
function sellerIn({ seller_id }: Json): string {
  const id = typeof seller_id === "number" ? String(seller_id) : seller_id;
  if (typeof id !== "string" || id === "") throw invalid("seller_id", "is required");
  return id;
}

function pick(values: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((pair): pair is [string, string] => pair[1] !== null),
  );
}

/** Refusals of a rule were 400 there. */
function refuse(call: Call, problem: Problem): HttpAnswer {
  const { code, message, headers } = problem;
  const { status } = PROBLEMS[code];
  const more = problem instanceof Shortage ? problem.numbers : {};
  const isKept = [403, 404, 405, 413, 429, 500].includes(status);
  return oldJson(call, isKept ? status : 400, { error: message, ...more }, { ...headers });
}
