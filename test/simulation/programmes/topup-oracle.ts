/** Top-up: a request is decided once, a reference is used once, and a seller's credit is what was granted and not sold. */
import { phoneAccount, type TopupAct, type TopupEffect } from "../../../src/actors/programmes/topup/acts.ts";
import type { Replayed } from "../log-oracles.ts";
import { actsOf, type Fail, heldOf, postedOf, systemPostedOf } from "./programme-records.ts";

type Seller = { granted: number; sold: number; isSuspended: boolean; readonly references: Set<string> };
/** A sale that an operator decides. */
type Sale = { readonly seller: string; readonly amount: number; status: string; isAnswered: boolean };

export function checkTopup(logs: readonly Replayed[], fail: Fail): void {
  const sellers = new Map<string, Seller>();
  const requests = new Map<string, { readonly amount: number; isDecided: boolean }>();
  const phones = new Map<string, number>();
  const sales = new Map<string, Sale>();
  for (const log of logs)
    for (const { act, partner, effect, refused, amount, transfer } of actsOf(log, "topup")) {
      const name = `${partner} ${act.subject}`;
      const seller = sellers.get(name);
      const request = "request" in act ? requests.get(`${partner} ${act.request}`) : undefined;
      const sell = (phone: string, sum: number) => {
        const key = `${partner} ${phoneAccount(phone)}`;
        phones.set(key, (phones.get(key) ?? 0) + sum);
        if (seller !== undefined) seller.sold += sum;
      };
      if (refused !== undefined) {
        if (refused === "already_decided" && "request" in act && request?.isDecided !== true)
          fail(`${JSON.stringify(act)} is refused, and nobody has decided it`);
        if (
          refused === "duplicate_reference" &&
          (act.act === "sale" || act.act === "start_sale") &&
          !seller?.references.has(`${act.reference}`)
        )
          fail(`${JSON.stringify(act)} is refused, and nobody has used its reference`);
        continue;
      }
      switch (act.act) {
        case "create_seller":
          if (seller !== undefined) fail(`${name} is made twice`);
          sellers.set(name, { granted: 0, sold: 0, isSuspended: false, references: new Set() });
          break;
        case "suspend_seller":
        case "resume_seller":
          if (seller !== undefined) seller.isSuspended = act.act === "suspend_seller";
          break;
        case "request_credit": {
          const id = `${partner} ${(effect as { request: string }).request}`;
          if (requests.has(id)) fail(`${id} is made twice`);
          requests.set(id, { amount: act.amount, isDecided: false });
          break;
        }
        case "approve":
        case "reject":
        case "withdraw_request":
          if (request === undefined || request.isDecided) fail(`${act.request} of ${name} is decided twice`);
          else request.isDecided = true;
          if (act.act !== "approve" || seller === undefined) break;
          if (Math.abs(act.amount) !== amount || request?.amount !== act.amount)
            fail(`${act.request} is about ${request?.amount}, and ${amount} was moved`);
          seller.granted += act.amount;
          break;
        case "complete_sale":
        case "fail_sale":
        case "report_unknown":
        case "report_late":
          checkSale(sales, act, amount, fail);
          if (act.act === "complete_sale") sell((effect as { sale: { phone: string } }).sale.phone, amount);
          break;
        case "start_sale":
        case "sale":
          if (act.act === "start_sale")
            sales.set(`${transfer}`, { seller: name, amount, status: "pending", isAnswered: false });
          if (seller === undefined || seller.isSuspended) fail(`${name} sells, and may not`);
          if (act.reference !== null) {
            if (seller?.references.has(act.reference)) fail(`${name} uses ${act.reference} twice`);
            seller?.references.add(act.reference);
          }
          if (act.act === "sale") sell(act.phone, amount);
          break;
        case "forget":
          for (const [id, , sum, , status] of (effect as TopupEffect<"forget">).forgotten) {
            const over = requests.get(`${partner} ${id}`);
            if (over?.isDecided !== true || over.amount !== sum)
              fail(`${id} is forgotten as ${status}, and was ${JSON.stringify(over)}`);
            requests.delete(`${partner} ${id}`);
          }
          break;
        case "take_back":
          if (act.phone !== undefined) sell(act.phone, -amount);
          else if (seller !== undefined) seller.granted += act.wasDecrease ? amount : -amount;
          break;
        default:
      }
    }
  for (const [name, { granted, sold }] of sellers) {
    const [partner = "", account = ""] = name.split(" ");
    const credit = postedOf(logs, partner, account);
    if (credit !== granted - sold || credit < 0)
      fail(`${name} has ${credit}, was granted ${granted} and has sold ${sold}`);
    const open = [...sales.values()].filter(({ seller, status }) => seller === name && isUndecided(status));
    const sum = open.reduce((total, { amount }) => total + amount, 0);
    const held = heldOf(logs, partner, account);
    if (held !== sum) fail(`${name} holds ${held}, and ${sum} is pending or unknown`);
  }
  for (const [name, sum] of phones) {
    const [partner = "", account = ""] = name.split(" ");
    const posted = systemPostedOf(logs, partner, account);
    if (posted !== sum) fail(`${name} was charged with ${sum}, and has ${posted}`);
  }
}

function isUndecided(status: string): boolean {
  return status === "pending" || status === "unknown";
}

/** A sale is decided once, as a whole, and the operator's late answer is recorded once. */
function checkSale(
  sales: ReadonlyMap<string, Sale>,
  act: TopupAct<"complete_sale" | "fail_sale" | "report_unknown" | "report_late">,
  amount: number,
  fail: Fail,
): void {
  const sale = sales.get(act.sale);
  const what = JSON.stringify(act);
  if (sale === undefined) {
    fail(`${what} is of no sale`);
    return;
  }
  if (act.act === "report_late") {
    if (isUndecided(sale.status) || sale.isAnswered) fail(`${what} is not the late answer to ${sale.status}`);
    sale.isAnswered = true;
    return;
  }
  if (act.act === "report_unknown") {
    if (sale.status !== "pending") fail(`${what} is reported of a sale that is ${sale.status}`);
    sale.status = "unknown";
    return;
  }
  if (!isUndecided(sale.status)) fail(`${what} decides a sale that is ${sale.status}`);
  if (act.act === "complete_sale" && amount !== sale.amount)
    fail(`${what} moves ${amount}, and the sale is of ${sale.amount}`);
  sale.status = act.act === "complete_sale" ? "completed" : "failed";
  sale.isAnswered = act.by === null;
}
