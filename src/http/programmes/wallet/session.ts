/**
 * Who uses a wallet: a token, as `Authorization: Bearer` or as a cookie. Its SHA-256 is known where its user is at home,
 * which the token says, so that one question to one shard lets somebody in.
 */
import {
  askSession,
  PLATFORM_TENANT,
  type SessionView,
  sessionSubject,
  type TouchSession,
} from "../../../actors/programmes/wallet/acts.ts";
import { vnodeOfId, vnodeText } from "../../../actors/programmes/wallet/ids.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Directory, Ledger } from "../../../gateway/ports.ts";
import { bearerToken, hashOfKey } from "../../auth.ts";
import type { Call, HttpAnswer } from "../../call.ts";
import { actOf } from "../../change.ts";
import type { Clock } from "../../clock.ts";
import type { Handler } from "../../endpoint.ts";
import type { Random } from "../../idempotency.ts";
import type { WindowCounters } from "../../limits/window-counters.ts";
import { Problem } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import type { SessionCookie } from "./session-cookie.ts";

export type WalletDeps = Readonly<{
  ledger: Ledger;
  directory: Directory;
  clock: Clock;
  random: Random;
  assets: Readonly<{ wallet: string }>;
  counters: WindowCounters;
  cookie: SessionCookie;
  /** Which address a request comes from. */
  clientAddress: (request: HttpRequest) => string;
}>;

const TOKEN_BYTES = 24;
const TOKEN = /^ws_[0-9a-z]{2}[\w-]{32}$/;
/** That it was used is noted so often, at most. */
const TOUCH_MS = 15 * 60 * 1000;

/** `id` is what is stored of the token. */
export type Token = Readonly<{ text: string; id: string; vnode: number }>;

/** Of commands that no idempotency key goes with. */
export const KEYLESS: CommandHeader = { partner: PLATFORM_TENANT, key: null, fingerprint: 0 };

export type SessionHandler<Q = unknown> = (
  request: HttpRequest,
  call: Call,
  session: SessionView,
  query: Q,
) => Promise<HttpAnswer> | HttpAnswer;

/** Of 192 random bits. */
export function newToken(vnode: number, random: Random): Token {
  const text = `ws_${vnodeText(vnode)}${Buffer.from(random(TOKEN_BYTES)).toString("base64url")}`;
  return { text, id: hashOfKey(text), vnode };
}

/** Wallets belong to the house, which the operator may suspend like any partner. @throws Problem 403 */
export function enterPlatformTenant(call: Call, directory: Directory): void {
  call.partner = PLATFORM_TENANT;
  if (directory.partner(PLATFORM_TENANT)?.status === "suspended")
    throw new Problem("forbidden", "The house is suspended.");
}

type TokenDeps = Pick<WalletDeps, "directory" | "cookie">;

/**
 * The token that came with a request.
 *
 * @throws Problem 401 where there is none that could be one; 403 for an API key, and where a cookie came from elsewhere.
 */
function tokenFrom(request: HttpRequest, { directory, cookie }: TokenDeps): Token {
  const authorization = request.header("authorization");
  const text = authorization === undefined ? cookieFrom(request, cookie) : bearerToken(authorization);
  const vnode = vnodeOfToken(text);
  if (vnode !== undefined) return { text, id: hashOfKey(text), vnode };
  if (text !== "" && directory.principalOf(hashOfKey(text)) !== undefined)
    throw new Problem("forbidden", "An API key opens no wallet; log in as a user.");
  throw notLoggedIn();
}

/** Whether a request comes with the session of a wallet user. */
export async function isLoggedIn(request: HttpRequest, deps: SessionDeps): Promise<boolean> {
  return (await sentSession(request, deps)) !== null;
}

type SessionDeps = Pick<WalletDeps, "cookie"> & Readonly<{ ledger: Pick<Ledger, "ask"> }>;

/** The session that a request comes with, as long as it lasts; nothing may be done by it alone. */
export async function sentSession(
  request: HttpRequest,
  { ledger, cookie }: SessionDeps,
): Promise<SessionView | null> {
  const authorization = request.header("authorization");
  const text = authorization === undefined ? cookie.read(request) : bearerToken(authorization);
  const vnode = vnodeOfToken(text);
  return vnode === undefined ? null : ledger.ask(PLATFORM_TENANT, askSession(hashOfKey(text), vnode));
}

/** `undefined` for what is no token. */
function vnodeOfToken(text: string): number | undefined {
  return TOKEN.test(text) ? vnodeOfId("ws", text) : undefined;
}

export function notLoggedIn(): Problem {
  return new Problem("unauthenticated", "Log in, and send the token of your session.");
}

/** What the descriptions of routes with a session have in common. */
export const ofSession = { access: "open", session: true, group: "wallet" } as const;

/** The token of a request and its session, neither of them noted as used. @throws Problem 401 where there is no session. */
export async function readSession(
  request: HttpRequest,
  call: Call,
  deps: WalletDeps,
): Promise<Readonly<{ token: Token; session: SessionView }>> {
  const token = tokenFrom(request, deps);
  enterPlatformTenant(call, deps.directory);
  const session = await deps.ledger.ask(PLATFORM_TENANT, askSession(token.id, token.vnode));
  if (session === null) throw notLoggedIn();
  return { token, session };
}

/** Lets in whoever has a session. */
export function withSession<Q>(deps: WalletDeps, handler: SessionHandler<Q>): Handler<Q> {
  return async (request, call, query) => {
    const { token, session } = await readSession(request, call, deps);
    if (session.unusedMs >= TOUCH_MS) await touch(deps.ledger, token);
    return handler(request, call, session, query);
  };
}

/** That it has ended meanwhile is of no concern to what it was used for. */
async function touch(ledger: Ledger, { id, vnode }: Token): Promise<void> {
  const subject = sessionSubject(id);
  const act: TouchSession = { programme: "wallet", act: "touch_session", subject, vnode, session: id };
  await ledger.submit(actOf(KEYLESS, act));
}

/** A browser sends a cookie whoever has made it do so: what changes something must come from our own pages. */
function cookieFrom(request: HttpRequest, cookie: SessionCookie): string {
  const token = cookie.read(request);
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (token !== "" && !isRead && isFromAnotherSite(request))
    throw new Problem("forbidden", "A cookie alone changes nothing from another site.");
  return token;
}

/** Browsers say where a request comes from: in one of these headers at least. Who says nothing is no browser. */
function isFromAnotherSite(request: HttpRequest): boolean {
  const site = request.header("sec-fetch-site");
  // `none`: by the user's own hand.
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const origin = request.header("origin");
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== request.header("host");
}
