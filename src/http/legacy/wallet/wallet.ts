/** The wallet: `/api/signup`, `/api/login`, `/api/wallet` and the two movements. Amounts are decimals, refusals 403. */
import type { Call, HttpAnswer } from "../../call.ts";
import { decimalTextOf, minorUnitsOf, scaleOf } from "../../input/decimal.ts";
import { PROBLEMS, Problem } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import { bodyOf, type Json } from "../local-api.ts";
import { type OldBody, readOldBody, wholeNumberOf } from "../old-body.ts";
import { type OldHandler, type OldSystem, oldJson, redirect } from "../old-routes.ts";
import { Numbers } from "../serials.ts";
import { BankSessions } from "./bank-sessions.ts";
import { operationIdOf, operationJson } from "./operations.ts";
import { addPages } from "./pages.ts";
import {
  type Accounts,
  type Asked,
  cookiesOf,
  type LoggedIn,
  loggedIn,
  type OldWalletDeps,
  openSession,
  signUp,
} from "./users.ts";

/** Details of a deposit; the old column had 100 characters. */
const NO_DETAILS = "deposit";

export function walletSystem(deps: OldWalletDeps): OldSystem {
  const accounts: Accounts = {
    deps,
    banks: new BankSessions(deps.directory, deps.random),
    numbers: new Numbers(deps.api, "wallet"),
  };
  return {
    refuse,
    add(add) {
      add("POST", "/api/signup", async (request, call) => {
        const { members } = await readOldBody(request);
        const { made, shown } = await signUp(accounts, [request, call], members);
        return oldJson(call, 200, shown, cookiesOf(made));
      });
      add("POST", "/api/login", (request, call) => logIn(accounts, request, call));
      add("GET", "/api/wallet", onlyLoggedIn(accounts, readWallet));
      add("POST", "/api/external_to_wallet", onlyLoggedIn(accounts, deposit));
      add("POST", "/api/wallet_to_wallet", onlyLoggedIn(accounts, transfer));
      addPages(add, accounts);
    },
  };
}

type OwnHandler = (accounts: Accounts, asked: Asked, user: LoggedIn) => Promise<HttpAnswer>;

/** Sends everybody else to the login page, also a POST, as the old system did. */
function onlyLoggedIn(accounts: Accounts, handler: OwnHandler): OldHandler {
  return async (request, call) => {
    const user = await loggedIn(accounts, request);
    return user === undefined ? redirect(call, "/login") : handler(accounts, [request, call], user);
  };
}

async function logIn(accounts: Accounts, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const known = await loggedIn(accounts, request);
  if (known !== undefined) return oldJson(call, 200, { name: known.name, email: known.email });
  const { members } = await readOldBody(request);
  const { user, headers } = await openSession(accounts, [request, call], members);
  return oldJson(call, 200, { name: user.name, email: user.email }, headers);
}

async function readWallet(
  { deps, numbers }: Accounts,
  asked: Asked,
  { bank }: LoggedIn,
): Promise<HttpAnswer> {
  const [, call] = asked;
  if (bank !== undefined) throw new Problem("forbidden", "wallet not exists for account");
  const body = bodyOf(await deps.api.send(...asked, "GET /v1/wallet"));
  const scale = scaleOf(String(body["asset"]));
  const number = await numbers.numberOf(asked, String(body["wallet_id"]));
  const entries = await deps.api.all(...asked, "GET /v1/wallet/entries");
  const operations: string[] = [];
  // The old list was in the order in which the rows were written.
  for (const entry of entries.toReversed()) {
    const other = String(entry["counterparty"]);
    // 0 stands for money from outside.
    const contragent = other.startsWith("@") ? 0 : await numbers.numberOf(asked, other);
    operations.push(operationJson(entry, { wallet: String(body["wallet_id"]), number, contragent, scale }));
  }
  const balance = decimalTextOf(Number(body["balance"]), scale);
  const text = `{"wallet_id":${number},"user_id":${number},"balance":${balance},"operations":[${operations.join()}]}`;
  return jsonText(call, text);
}

async function deposit({ deps, numbers }: Accounts, asked: Asked, { bank }: LoggedIn): Promise<HttpAnswer> {
  const [request, call] = asked;
  if (bank === undefined) throw new Problem("forbidden", "access denied, only bank account");
  const body = await readOldBody(request);
  const scale = scaleOf(deps.assets.wallet);
  const amount = amountIn(body, scale);
  const wallet = await walletIn(numbers, asked, body, "wallet not exists");
  const { details } = body.members;
  if (details !== undefined && typeof details !== "string")
    throw new Problem("forbidden", "details not text");
  const made = await deps.api.send(...asked, "POST /v1/deposits", {
    body: { wallet_id: wallet.id, amount, details: details || NO_DETAILS },
    principal: bank.principal,
  });
  if (made.code === "wallet_not_found") throw new Problem("forbidden", "wallet not exists");
  return movedAnswer(call, bodyOf(made), wallet.number, scale);
}

async function transfer({ deps, numbers }: Accounts, asked: Asked, { bank }: LoggedIn): Promise<HttpAnswer> {
  const [request, call] = asked;
  const body = await readOldBody(request);
  const scale = scaleOf(deps.assets.wallet);
  const amount = amountIn(body, scale);
  const receiver = await walletIn(numbers, asked, body, "receiver wallet not exists");
  if (bank !== undefined) throw new Problem("forbidden", "wallet not exists for account");
  const made = await deps.api.send(...asked, "POST /v1/wallet/transfers", {
    body: { to_wallet_id: receiver.id, amount },
  });
  const texts = {
    wallet_not_found: "receiver wallet not exists",
    same_account: "sender wallet is receiver wallet",
    insufficient_funds: "amount > balance on wallet",
  } as const;
  if (made.code !== undefined && made.code in texts)
    throw new Problem("forbidden", texts[made.code as keyof typeof texts]);
  const moved = bodyOf(made);
  return movedAnswer(call, moved, await numbers.numberOf(asked, String(moved["wallet_id"])), scale);
}

/** @throws Problem 403 */
function amountIn({ members, numberText }: OldBody, scale: number): number {
  const source = numberText("amount");
  if (members["amount"] === undefined || members["amount"] === null)
    throw new Problem("forbidden", "amount not exists");
  if (source === undefined) throw new Problem("forbidden", "amount not Float");
  const minor = minorUnitsOf(source, scale);
  if (source.startsWith("-") || minor === 0) throw new Problem("forbidden", "amount not positive");
  if (minor === "too_precise") throw new Problem("forbidden", `amount has more than ${scale} decimals`);
  if (minor === "too_large") throw new Problem("forbidden", "amount too large");
  return minor;
}

/** @throws Problem 403 */
async function walletIn(
  numbers: Numbers,
  asked: Asked,
  { members }: OldBody,
  missing: string,
): Promise<Readonly<{ id: string; number: number }>> {
  const number = wholeNumberOf(members["wallet_id"]);
  const id = number === undefined || number < 1 ? undefined : await numbers.idOf(asked, number);
  if (number === undefined || id === undefined) throw new Problem("forbidden", missing);
  return { id, number };
}

function movedAnswer(call: Call, moved: Json, wallet: number, scale: number): HttpAnswer {
  const operation = operationIdOf(String(moved["id"]), String(moved["wallet_id"]));
  const balance = decimalTextOf(Number(moved["balance"]), scale);
  return jsonText(
    call,
    `{"status":"OK","operation_id":${operation},"wallet_id":${wallet},"balance":${balance}}`,
  );
}

/** The text is built by hand: in JSON of JavaScript `10.0` would be `10`, which Python reads as another type. */
function jsonText(call: Call, text: string): HttpAnswer {
  return { ...oldJson(call, 200, null), body: text };
}

/** 400, 401, 429 and 500 stay; everything else was 403 there. */
function refuse(call: Call, { code, message, headers }: Problem): HttpAnswer {
  const { status } = PROBLEMS[code];
  if (code === "email_taken") return oldJson(call, 400, { error: message });
  const isKept = [400, 401, 404, 405, 413, 429, 500].includes(status) && code !== "account_not_found";
  return oldJson(call, isKept ? status : 403, { error: message }, { ...headers });
}
