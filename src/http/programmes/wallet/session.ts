/**
 * Sessions of wallet users: a token, sent as `Authorization: Bearer` or as a cookie. The user's home shard stores the
 * token's SHA-256. The token contains the vnode of that shard, so one query to one shard authenticates a request.
 */
import {
  PLATFORM_TENANT,
  type SessionView,
  sessionSubject,
  walletAct,
} from "../../../actors/programmes/wallet/acts.ts";
import { vnodeOfId, vnodeText } from "../../../actors/programmes/wallet/ids.ts";
import { askSession } from "../../../actors/programmes/wallet/questions.ts";
import { actAlone } from "../../../actors/records/command.ts";
import { keyless } from "../../../actors/records/command-header.ts";
import type { Directory, Ledger } from "../../../gateway/ports.ts";
import { bearerToken, hashOfKey } from "../../auth.ts";
import type { Call } from "../../call.ts";
import type { Clock } from "../../clock.ts";
import type { SessionCookie } from "../../cookie.ts";
import type { Random } from "../../idempotency.ts";
import type { WindowCounters } from "../../limits/window-counters.ts";
import { Problem } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import { siteOf } from "../../same-site.ts";

export type WalletDeps = Readonly<{
  ledger: Ledger;
  directory: Directory;
  clock: Clock;
  random: Random;
  assets: Readonly<{ wallet: string }>;
  counters: WindowCounters;
  cookie: SessionCookie;
  /** The client's IP address. */
  clientAddress: (request: HttpRequest) => string;
}>;

const TOKEN_BYTES = 24;
const TOKEN = /^ws_[0-9a-z]{2}[\w-]{32}$/;
/** A session's last use is recorded at most this often. */
const TOUCH_MS = 15 * 60 * 1000;

/** `id` is the token's SHA-256, which is what is stored. */
export type Token = Readonly<{ text: string; id: string; vnode: number }>;

/** The header of commands without an idempotency key. */
export const KEYLESS = keyless(PLATFORM_TENANT);

/** A token of 192 random bits. */
export function newToken(vnode: number, random: Random): Token {
  const text = `ws_${vnodeText(vnode)}${Buffer.from(random(TOKEN_BYTES)).toString("base64url")}`;
  return { text, id: hashOfKey(text), vnode };
}

/** Makes the platform tenant, which owns the wallets, the partner of the call. @throws Problem 403 if it is suspended */
export function enterPlatformTenant(call: Call, directory: Directory): void {
  call.partner = PLATFORM_TENANT;
  if (directory.partner(PLATFORM_TENANT)?.status === "suspended")
    throw new Problem("forbidden", `The partner ${PLATFORM_TENANT}, which owns the wallets, is suspended.`);
}

type TokenDeps = Pick<WalletDeps, "directory" | "cookie">;

/**
 * The session token of a request.
 *
 * @throws Problem 401 without a well-formed token; 403 for an API key, or for a cookie sent from another site.
 */
function tokenFrom(request: HttpRequest, { directory, cookie }: TokenDeps): Token {
  const authorization = request.header("authorization");
  const text = authorization === undefined ? cookieFrom(request, cookie) : bearerToken(authorization);
  const vnode = vnodeOfToken(text);
  if (vnode !== undefined) return { text, id: hashOfKey(text), vnode };
  if (text !== "" && directory.principalOf(hashOfKey(text)) !== undefined)
    throw new Problem("forbidden", "API keys cannot access wallets; log in as a wallet user.");
  throw notLoggedIn();
}

/** Whether a request carries a live session of a wallet user. */
export async function isLoggedIn(request: HttpRequest, deps: SessionDeps): Promise<boolean> {
  return (await findSession(request, deps)) !== null;
}

type SessionDeps = Pick<WalletDeps, "cookie"> & Readonly<{ ledger: Pick<Ledger, "ask"> }>;

/** The live session that a request carries. Does not authorize it: the origin of a cookie is not checked. */
export async function findSession(
  request: HttpRequest,
  { ledger, cookie }: SessionDeps,
): Promise<SessionView | null> {
  const authorization = request.header("authorization");
  const text = authorization === undefined ? cookie.read(request) : bearerToken(authorization);
  const vnode = vnodeOfToken(text);
  return vnode === undefined ? null : ledger.ask(PLATFORM_TENANT, askSession(hashOfKey(text), vnode));
}

/** The vnode in a token; `undefined` if the text is no token. */
function vnodeOfToken(text: string): number | undefined {
  return TOKEN.test(text) ? vnodeOfId("ws", text) : undefined;
}

export function notLoggedIn(): Problem {
  return new Problem(
    "unauthenticated",
    "Log in, and send the session token as Authorization: Bearer or as the cookie.",
  );
}

/** Shared by the descriptions of all routes that need a session. */
export const sessionRoute = { access: "open", session: true, group: "wallet" } as const;

/** The token and session of a request. Does not record the use. @throws Problem 401 without a live session; 403 */
export async function readSession(
  request: HttpRequest,
  call: Call,
  deps: WalletDeps,
): Promise<Readonly<{ token: Token; session: SessionView }>> {
  const token = tokenFrom(request, deps);
  enterPlatformTenant(call, deps.directory);
  const session = await deps.ledger.ask(PLATFORM_TENANT, askSession(token.id, token.vnode));
  if (session === null) throw notLoggedIn();
  call.owner = session.walletId;
  return { token, session };
}

/** Wraps a function that needs a session, and records the use of the session. */
export function withSession<Q, T>(
  deps: WalletDeps,
  handler: (request: HttpRequest, call: Call, session: SessionView, query: Q) => Promise<T> | T,
): (request: HttpRequest, call: Call, query: Q) => Promise<T> {
  return async (request, call, query) => {
    const { token, session } = await readSession(request, call, deps);
    if (session.unusedMs >= TOUCH_MS) await touch(deps.ledger, token);
    return handler(request, call, session, query);
  };
}

/** Ignores a rejection: a session that ends now was still live when the request was authenticated. */
async function touch(ledger: Ledger, { id, vnode }: Token): Promise<void> {
  const act = walletAct("touch_session", sessionSubject(id), { vnode, session: id });
  await ledger.submit(actAlone(KEYLESS, act));
}

/**
 * Prevents CSRF: a change may use the cookie only from Daybook's own pages. A client that sends neither header is no
 * browser. @throws Problem 403
 */
function cookieFrom(request: HttpRequest, cookie: SessionCookie): string {
  const token = cookie.read(request);
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (token !== "" && !isRead && siteOf(request) === "other")
    throw new Problem("forbidden", "The session cookie is not accepted for changes from another site.");
  return token;
}
