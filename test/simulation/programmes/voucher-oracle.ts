/** Vouchers: a code is given out once, redeemed at most once between two rollbacks, and ends when its time is over. */
import type { Replayed } from "../log-oracles.ts";
import { actsOf, type Fail } from "./programme-records.ts";

type Status = "valid" | "redeemed" | "expired" | "cancelled";
type Known = { readonly email: string; readonly expiresAtMs: number; status: Status };
type Portion = Readonly<{ expiresAtMs: number; issued: readonly (readonly [email: string, code: string])[] }>;

export function checkVouchers(logs: readonly Replayed[], fail: Fail): void {
  const codes = new Map<string, Known>();
  const requested = new Map<string, number>();
  const issued = new Map<string, Set<string>>();
  for (const log of logs) {
    for (const { act, partner, timeMs, effect, refused } of actsOf(log, "vouchers")) {
      const add = (email: string, code: string, expiresAtMs: number) => {
        const name = `${partner} ${code}`;
        if (codes.has(name)) fail(`the code ${name} was given out twice`);
        codes.set(name, { email, expiresAtMs, status: "valid" });
      };
      const known = "code" in act ? codes.get(`${partner} ${act.code}`) : undefined;
      if (refused !== undefined) {
        const status = known?.status;
        if (refused === "voucher_already_redeemed" && status !== "redeemed")
          fail(`${JSON.stringify(act)} is refused as redeemed, and is ${status}`);
        if (refused === "not_redeemed" && status === "redeemed")
          fail(`${JSON.stringify(act)} is refused as not redeemed, and is`);
        continue;
      }
      switch (act.act) {
        case "issue":
          add(act.email, (effect as { code: string }).code, act.expiresAtMs);
          break;
        case "redeem":
        case "cancel":
          if (known?.status !== "valid" || known.expiresAtMs <= timeMs || known.email !== act.email)
            fail(`${act.act} of ${act.code} by ${act.email} at ${timeMs}, which is ${JSON.stringify(known)}`);
          else known.status = act.act === "redeem" ? "redeemed" : "cancelled";
          break;
        case "rollback":
          if (known?.status !== "redeemed")
            fail(`${act.code} is rolled back, and was ${JSON.stringify(known)}`);
          else known.status = "valid";
          break;
        case "expire":
          for (const [code] of (effect as { expired: readonly (readonly [string])[] }).expired) {
            const over = codes.get(`${partner} ${code}`);
            if (over?.status !== "valid" || over.expiresAtMs > timeMs)
              fail(`${code} expires at ${timeMs}, and was ${JSON.stringify(over)}`);
            else over.status = "expired";
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
            add(email, code, portion.expiresAtMs);
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
  for (const [name, { email, status, expiresAtMs }] of codes) {
    const [partner = "", code = ""] = name.split(" ");
    const shown = logs.flatMap(({ ledger, timeMs }) => {
      const found = ledger.state.programmes.answer("vouchers", partner, ["voucher", email, code], timeMs);
      return found === null ? [] : [{ view: found as { status: Status }, timeMs }];
    });
    const [only] = shown;
    const isOver = status === "valid" && expiresAtMs <= (only?.timeMs ?? 0);
    if (shown.length !== 1 || only?.view.status !== (isOver ? "expired" : status))
      fail(`${name} is ${status}, and shown as ${JSON.stringify(shown)}`);
  }
}
