/**
 * Vouchers: a code is given out once, has as many redemptions as uses at most, each is rolled back at most once, and it
 * ends when its time is over.
 */
import { keyOfPerson, type VoucherEffect } from "../../../src/actors/programmes/vouchers/acts.ts";
import type { Replayed } from "../log-oracles.ts";
import { actsOf, type Fail } from "./programme-records.ts";

type Status = "valid" | "redeemed" | "expired" | "cancelled";
type Known = {
  readonly email: string;
  readonly expiresAtMs: number;
  readonly usesMax: number;
  status: Status;
  /** The numbers of the redemptions that were not rolled back, oldest first. */
  redemptions: readonly number[];
  latest: number;
};
type Portion = Readonly<{
  expiresAtMs: number;
  issued: readonly (readonly [email: string, code: string])[];
  usesMax?: number;
}>;
type Forgotten = VoucherEffect<"forget">;
type Use = Readonly<{ redemption: number; usesLeft: number }>;

export function checkVouchers(logs: readonly Replayed[], fail: Fail): void {
  const codes = new Map<string, Known>();
  const requested = new Map<string, number>();
  const issued = new Map<string, Set<string>>();
  /** The keys of personal data that were used by customers, and those that are erased. */
  const keys = new Map<string, string>();
  const erased = new Set<string>();
  for (const log of logs) {
    for (const { act, partner, timeMs, effect, refused } of actsOf(log, "vouchers")) {
      const add = (email: string, code: string, expiresAtMs: number, usesMax = 1) => {
        const name = `${partner} ${code}`;
        if (codes.has(name)) fail(`the code ${name} was given out twice`);
        codes.set(name, { email, expiresAtMs, usesMax, status: "valid", redemptions: [], latest: 0 });
      };
      const known = "code" in act ? codes.get(`${partner} ${act.code}`) : undefined;
      if (refused !== undefined) {
        const status = known?.status;
        if (refused === "voucher_already_redeemed" && status !== "redeemed")
          fail(`${JSON.stringify(act)} is refused as redeemed, and is ${status}`);
        const { redemptions = [] } = known ?? {};
        const named = "redemption" in act ? act.redemption : undefined;
        const isThere = named === undefined ? redemptions.length > 0 : redemptions.includes(named);
        if (refused === "not_redeemed" && isThere)
          fail(`${JSON.stringify(act)} is refused as not redeemed, and is`);
        continue;
      }
      switch (act.act) {
        case "create_customer":
          if (act.person === undefined) break;
          if (erased.has(`${partner} ${keyOfPerson(act.person)}`))
            fail(`${act.email} is encrypted with an erased key`);
          keys.set(`${partner} ${act.email}`, keyOfPerson(act.person));
          break;
        case "erase_customer": {
          const { key } = effect as { key: string };
          if (keys.get(`${partner} ${act.email}`) !== key)
            fail(`the erasure of ${act.email} destroys ${key}`);
          erased.add(`${partner} ${key}`);
          keys.delete(`${partner} ${act.email}`);
          for (const [name, { email }] of codes)
            if (name.startsWith(`${partner} `) && email === act.email) codes.delete(name);
          break;
        }
        case "issue":
          add(act.email, (effect as { code: string }).code, act.expiresAtMs, act.usesMax);
          break;
        case "redeem":
        case "cancel":
          if (known?.status !== "valid" || known.expiresAtMs <= timeMs || known.email !== act.email)
            fail(`${act.act} of ${act.code} by ${act.email} at ${timeMs}, which is ${JSON.stringify(known)}`);
          else if (act.act === "cancel") known.status = "cancelled";
          else redeem(known, effect as Use, act.code, fail);
          break;
        case "rollback":
          rollBack(known, act.redemption, effect as Use, act.code, fail);
          break;
        case "expire":
          for (const [code] of (effect as { expired: readonly (readonly [string])[] }).expired) {
            const over = codes.get(`${partner} ${code}`);
            if (over?.status !== "valid" || over.expiresAtMs > timeMs)
              fail(`${code} expires at ${timeMs}, and was ${JSON.stringify(over)}`);
            else over.status = "expired";
          }
          break;
        case "forget":
          for (const [email, code, , , status] of (effect as Forgotten).forgotten) {
            const over = codes.get(`${partner} ${code}`);
            if (over?.email !== email || over.status !== status)
              fail(`${code} of ${email} is forgotten as ${status}, and was ${JSON.stringify(over)}`);
            codes.delete(`${partner} ${code}`);
          }
          break;
        case "create_batch": {
          const made = effect as { id: string; requested: number };
          requested.set(`${partner} ${made.id}`, made.requested);
          break;
        }
        case "issue_portion": {
          const batch = `${partner} ${act.batch}`;
          const had = issued.get(batch) ?? new Set();
          issued.set(batch, had);
          const portion = effect as Portion;
          for (const [email, code] of portion.issued) {
            if (had.has(email)) fail(`${email} gets two vouchers of batch ${batch}`);
            had.add(email);
            add(email, code, portion.expiresAtMs, portion.usesMax);
          }
          break;
        }
        default:
      }
    }
  }
  for (const [batch, emails] of issued)
    if (emails.size > (requested.get(batch) ?? 0))
      fail(`batch ${batch} has ${emails.size} vouchers, of ${requested.get(batch)}`);
  for (const [name, { email, status, expiresAtMs, usesMax, redemptions }] of codes) {
    const [partner = "", code = ""] = name.split(" ");
    const shown = logs.flatMap(({ ledger, timeMs }) => {
      const found = ledger.state.programmes.answer("vouchers", partner, ["voucher", email, code], timeMs);
      return found === null ? [] : [{ view: found as { status: Status; usesLeft: number }, timeMs }];
    });
    const [only] = shown;
    const isOver = status === "valid" && expiresAtMs <= (only?.timeMs ?? 0);
    const isShown = only?.view.status === (isOver ? "expired" : status);
    if (shown.length !== 1 || !isShown || only.view.usesLeft !== usesMax - redemptions.length)
      fail(`${name} is ${status} with ${redemptions.length} uses taken, shown as ${JSON.stringify(shown)}`);
  }
}

/** Takes a use of a valid voucher. */
function redeem(known: Known, { redemption, usesLeft }: Use, code: string, fail: Fail): void {
  known.latest += 1;
  known.redemptions = [...known.redemptions, redemption];
  const left = known.usesMax - known.redemptions.length;
  if (redemption !== known.latest || usesLeft !== left)
    fail(`redemption ${redemption} of ${code} leaves ${usesLeft} uses, after it is ${JSON.stringify(known)}`);
  if (left === 0) known.status = "redeemed";
}

/** Gives back the named use, or the latest. */
function rollBack(
  known: Known | undefined,
  named: number | undefined,
  { redemption, usesLeft }: Use,
  code: string,
  fail: Fail,
): void {
  const wanted = named ?? known?.redemptions.at(-1);
  if (known === undefined || wanted !== redemption || !known.redemptions.includes(redemption))
    return fail(`redemption ${redemption} of ${code} is rolled back, and was ${JSON.stringify(known)}`);
  known.redemptions = known.redemptions.filter((each) => each !== redemption);
  if (usesLeft !== known.usesMax - known.redemptions.length)
    fail(`the rollback of ${redemption} leaves ${usesLeft} uses of ${code}: ${JSON.stringify(known)}`);
  if (known.status === "redeemed") known.status = "valid";
  return undefined;
}
