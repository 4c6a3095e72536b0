/** A session that is there: kept up under another token, or ended. */
import {
  type EndSession,
  type RefreshSession,
  sessionSubject,
  type UserView,
} from "../../../actors/programmes/wallet/acts.ts";
import type { Answer } from "../../../gateway/ports.ts";
import { actOf } from "../../change.ts";
import type { Routes } from "../../routes.ts";
import { readNothing } from "../../server/body.ts";
import { decidedAnswer } from "../../writes.ts";
import { KEYLESS, newToken, notLoggedIn, ofSession, readSession, type WalletDeps } from "./session.ts";
import { loggedIn, theUser, userJson } from "./user-view.ts";

export function addSessions(routes: Routes, deps: WalletDeps): void {
  addRefresh(routes, deps);
  addLogout(routes, deps);
}

/** So long the old token lives on, for a client that has missed the new one and asks again. */
const GRACE_S = 60;

function addRefresh(routes: Routes, deps: WalletDeps): void {
  const { ledger, cookie, random } = deps;
  routes.add(
    {
      method: "post",
      operationId: "refreshSession",
      path: "/v1/wallet/refresh",
      ...ofSession,
      summary: "Swap the token of a session for another",
      description:
        `The old one lives for another ${GRACE_S} s. The session still ends 30 days after the login. An idempotency key ` +
        "means nothing here: a repeat gets another token.",
      answer: { status: 200, ...loggedIn },
    },
    async (request, call) => {
      const { id: session, vnode } = (await readSession(request, call, deps)).token;
      await readNothing(request);
      const next = newToken(vnode, random);
      const subject = sessionSubject(session);
      const names = { programme: "wallet", act: "refresh_session", subject, vnode } as const;
      const act: RefreshSession = { ...names, session, next: next.id, graceMs: GRACE_S * 1000 };
      const answer = stillLoggedIn(await ledger.submit(actOf(KEYLESS, act)));
      const response = decidedAnswer(call, answer, 200, ({ effect }) =>
        userJson(effect as UserView, next.text),
      );
      return cookie.set(request, response, next.text);
    },
  );
}

function addLogout(routes: Routes, deps: WalletDeps): void {
  const { ledger, cookie } = deps;
  routes.add(
    {
      method: "post",
      operationId: "logOut",
      path: "/v1/wallet/logout",
      ...ofSession,
      summary: "End the session",
      description: "An idempotency key means nothing here: a repeat has no session any more.",
      answer: theUser,
    },
    async (request, call) => {
      const { id: session, vnode } = (await readSession(request, call, deps)).token;
      await readNothing(request);
      const subject = sessionSubject(session);
      const act: EndSession = { programme: "wallet", act: "end_session", subject, vnode, session };
      const answer = stillLoggedIn(await ledger.submit(actOf(KEYLESS, act)));
      const response = decidedAnswer(call, answer, 200, ({ effect }) => userJson(effect as UserView));
      return cookie.clear(request, response);
    },
  );
}

/** @throws Problem 401 */
function stillLoggedIn<A extends Answer>(answered: A): A {
  if ("outcome" in answered && !answered.outcome.ok) throw notLoggedIn();
  return answered;
}
