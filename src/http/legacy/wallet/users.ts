/** Users of the old wallet: sign-up, login and sessions, of people and of banks. */
import type { Directory } from "../../../gateway/ports.ts";
import type { Call } from "../../call.ts";
import type { Random } from "../../idempotency.ts";
import { invalid, Problem } from "../../problem.ts";
import { findSession, type WalletDeps } from "../../programmes/wallet/session.ts";
import type { HttpRequest } from "../../request.ts";
import { bodyOf, type Json, type LocalAnswer, type LocalApi } from "../local-api.ts";
import type { Numbers } from "../serials.ts";
import type { Bank, BankSessions } from "./bank-sessions.ts";

export type OldWalletDeps = WalletDeps &
  Readonly<{ api: LocalApi; directory: Directory; random: Random; assets: Readonly<{ wallet: string }> }>;

export type Accounts = Readonly<{ deps: OldWalletDeps; banks: BankSessions; numbers: Numbers }>;
/** A wallet's user, or a bank, as the old answers name it. */
export type LoggedIn = Readonly<{ name: string; email: string; bank?: Bank }>;
export type Asked = readonly [request: HttpRequest, call: Call];

/** Who is logged in; a bank counts before a user. */
export async function loggedIn(
  { banks, deps }: Accounts,
  request: HttpRequest,
): Promise<LoggedIn | undefined> {
  const bank = banks.find(request);
  if (bank !== undefined) return { name: bank.principal.name, email: bank.email, bank };
  const session = await findSession(request, deps);
  return session === null ? undefined : { name: session.name, email: session.email };
}

/** @throws Problem 400: a field is missing, or the e-mail is taken */
export async function signUp(
  { deps, numbers }: Accounts,
  asked: Asked,
  { name, email, password }: Json,
): Promise<Readonly<{ made: LocalAnswer; shown: Json }>> {
  for (const [field, value] of Object.entries({ name, email, password }))
    if (typeof value !== "string") throw invalid("", `${field} is missing`);
  const made = await deps.api.send(...asked, "POST /v1/wallet/signup", { body: { name, email, password } });
  const body = bodyOf(made);
  const number = await numbers.numberOf(asked, String(body["wallet_id"]));
  const ids = { user_id: number, wallet_id: number };
  return { made, shown: { name: body["name"], email: body["email"], ...ids } };
}

/** @returns the headers that set the session's cookie. @throws Problem 401, 429 */
export async function openSession(
  { deps, banks }: Accounts,
  asked: Asked,
  { email, password }: Json,
): Promise<Readonly<{ user: LoggedIn; headers: Record<string, string> }>> {
  if (typeof email !== "string" || typeof password !== "string") throw new Problem("bad_credentials");
  const opened = banks.open(email, password);
  if (opened !== undefined) {
    const { cookie, bank } = opened;
    return { user: { name: bank.principal.name, email, bank }, headers: { "Set-Cookie": cookie } };
  }
  const answer = await deps.api.send(...asked, "POST /v1/wallet/login", { body: { email, password } });
  if (answer.code === "validation_failed") throw new Problem("bad_credentials");
  const body = bodyOf(answer);
  return { user: { name: String(body["name"]), email: String(body["email"]) }, headers: cookiesOf(answer) };
}

export function cookiesOf({ headers }: LocalAnswer): Record<string, string> {
  const cookie = headers["Set-Cookie"];
  return cookie === undefined ? {} : { "Set-Cookie": cookie };
}
