/** Top-up: a request is decided once, a reference is used once, and a seller's credit is what was granted and not sold. */
import { phoneAccount } from "../../../src/actors/programmes/topup/acts.ts";
import type { Replayed } from "../log-oracles.ts";
import { actsOf, type Fail, postedOf, systemPostedOf } from "./programme-records.ts";

type Seller = { granted: number; sold: number; isSuspended: boolean; readonly references: Set<string> };

export function checkTopup(logs: readonly Replayed[], fail: Fail): void {
  const sellers = new Map<string, Seller>();
  const requests = new Map<string, { readonly amount: number; isDecided: boolean }>();
  const phones = new Map<string, number>();
  for (const log of logs)
    for (const { act, partner, effect, refused, amount } of actsOf(log, "topup")) {
      const name = `${partner} ${act.subject}`;
      const seller = sellers.get(name);
      const request = "request" in act ? requests.get(`${partner} ${act.request}`) : undefined;
      const sell = (phone: string, sum: number) => {
        const key = `${partner} ${phoneAccount(phone)}`;
        phones.set(key, (phones.get(key) ?? 0) + sum);
        if (seller !== undefined) seller.sold += sum;
      };
      if (refused !== undefined) {
        if (refused === "already_decided" && request?.isDecided !== true)
          fail(`${JSON.stringify(act)} is refused, and nobody has decided it`);
        if (
          refused === "duplicate_reference" &&
          act.act === "sale" &&
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
          if (request === undefined || request.isDecided) fail(`${act.request} of ${name} is decided twice`);
          else request.isDecided = true;
          if (act.act === "reject" || seller === undefined) break;
          if (Math.abs(act.amount) !== amount || request?.amount !== act.amount)
            fail(`${act.request} is about ${request?.amount}, and ${amount} was moved`);
          seller.granted += act.amount;
          break;
        case "sale":
          if (seller === undefined || seller.isSuspended) fail(`${name} sells, and may not`);
          if (act.reference !== null) {
            if (seller?.references.has(act.reference)) fail(`${name} uses ${act.reference} twice`);
            seller?.references.add(act.reference);
          }
          sell(act.phone, amount);
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
  }
  for (const [name, sum] of phones) {
    const [partner = "", account = ""] = name.split(" ");
    const posted = systemPostedOf(logs, partner, account);
    if (posted !== sum) fail(`${name} was charged with ${sum}, and has ${posted}`);
  }
}
