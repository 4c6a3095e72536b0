/** A session that is there: kept up under another token, or ended. */
import {
  type EndSession,
  type RefreshSession,
  sessionSubject,
  type UserView,
} from "../../actors/programmes/wallet/acts.ts";
import { actOf, readBareChange } from "../change.ts";
import { IDEMPOTENCY_PROBLEMS } from "../idempotency.ts";
import type { Answer } from "../ports.ts";
import type { Routes } from "../routes.ts";
import { decidedAnswer } from "../writes.ts";
import {
  enterHouse,
  nextToken,
  notLoggedIn,
  ofSession,
  tokenFrom,
  type WalletDeps,
  withCookie,
  withoutCookie,
} from "./session.ts";
import { loggedIn, theUser, userJson } from "./user-view.ts";

export function addSessions(routes: Routes, deps: WalletDeps): void {
  addRefresh(routes, deps);
  addLogout(routes, deps);
}

/*
 * The old token is asked for by the act itself, not before it: so a retry of what has ended a session meets its answer.
 */

function addRefresh(routes: Routes, { ledger, directory, random }: WalletDeps): void {
  routes.add(
    {
      method: "post",
      operationId: "refreshSession",
      path: "/v1/wallet/refresh",
      ...ofSession,
      summary: "Swap the token of a session for another",
      description: "The old one ends at once. The session still ends 30 days after the login.",
      answer: { status: 200, ...loggedIn },
      problems: IDEMPOTENCY_PROBLEMS,
    },
    async (c, call) => {
      const token = tokenFrom(c, { directory });
      enterHouse(call, directory);
      const asked = await readBareChange(c, call);
      const { id: session, vnode } = token;
      const next = nextToken(token, asked.key, random);
      const subject = sessionSubject(session);
      const names = { programme: "wallet", act: "refresh_session", subject, vnode } as const;
      const act: RefreshSession = { ...names, session, next: next.id };
      const answer = stillLoggedIn(await ledger.submit(actOf(asked, act)));
      const response = decidedAnswer(call, answer, 200, ({ effect }) =>
        userJson(effect as UserView, next.text),
      );
      return withCookie(c, response, next.text);
    },
  );
}

function addLogout(routes: Routes, { ledger, directory }: WalletDeps): void {
  routes.add(
    {
      method: "post",
      operationId: "logOut",
      path: "/v1/wallet/logout",
      ...ofSession,
      summary: "End the session",
      answer: theUser,
      problems: IDEMPOTENCY_PROBLEMS,
    },
    async (c, call) => {
      const { id: session, vnode } = tokenFrom(c, { directory });
      enterHouse(call, directory);
      const asked = await readBareChange(c, call);
      const subject = sessionSubject(session);
      const act: EndSession = { programme: "wallet", act: "end_session", subject, vnode, session };
      const answer = stillLoggedIn(await ledger.submit(actOf(asked, act)));
      const response = decidedAnswer(call, answer, 200, ({ effect }) => userJson(effect as UserView));
      return withoutCookie(c, response);
    },
  );
}

/** @throws Problem 401 */
function stillLoggedIn<A extends Answer>(answered: A): A {
  if ("outcome" in answered && !answered.outcome.ok) throw notLoggedIn();
  return answered;
}
