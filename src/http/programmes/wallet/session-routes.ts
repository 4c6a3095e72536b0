/** Routes of an existing session: refresh and logout. */
import { sessionSubject, type WalletAct, walletAct } from "../../../actors/programmes/wallet/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { Answer } from "../../../gateway/ports.ts";
import type { Routes } from "../../routes.ts";
import { readNothing } from "../../server/body.ts";
import { decidedAnswer, effectOf } from "../../write-answers.ts";
import {
  KEYLESS,
  newToken,
  notLoggedIn,
  readSession,
  sessionRoute,
  type Token,
  type WalletDeps,
} from "./session.ts";
import { loggedIn, theUser, userJson } from "./user-view.ts";

export function addSessions(routes: Routes, deps: WalletDeps): void {
  addRefresh(routes, deps);
  addLogout(routes, deps);
}

/** How long the old token stays valid, for a client that has lost the answer with the new one. */
const GRACE_S = 60;

function addRefresh(routes: Routes, deps: WalletDeps): void {
  const { ledger, cookie, random } = deps;
  routes.add(
    {
      method: "post",
      operationId: "refreshSession",
      path: "/v1/wallet/refresh",
      ...sessionRoute,
      summary: "Replace the token of the session",
      description:
        `The old token stays valid for ${GRACE_S} s. The session still expires 30 days after the login. The idempotency ` +
        "key is ignored: a retry gets another token.",
      answer: { status: 200, ...loggedIn },
    },
    async (request, call) => {
      const { id: session, vnode } = (await readSession(request, call, deps)).token;
      await readNothing(request);
      const next = newToken(vnode, random);
      const fields = { vnode, session, next: next.id, graceMs: GRACE_S * 1000 };
      const act = walletAct("refresh_session", sessionSubject(session), fields);
      const answer = stillLoggedIn(await ledger.submit(actAlone(KEYLESS, act)));
      const response = decidedAnswer(call, answer, 200, (done) => userJson(effectOf(act, done), next.text));
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
      ...sessionRoute,
      summary: "Log out: end the session",
      description: "The idempotency key is ignored, because a retry has no session.",
      answer: theUser,
    },
    async (request, call) => {
      const { token } = await readSession(request, call, deps);
      await readNothing(request);
      const act = endOf(token);
      const answer = stillLoggedIn(await ledger.submit(actAlone(KEYLESS, act)));
      const response = decidedAnswer(call, answer, 200, (done) => userJson(effectOf(act, done)));
      return cookie.clear(request, response);
    },
  );
}

/** The act that ends the session of a token. */
export function endOf({ id: session, vnode }: Token): WalletAct<"end_session"> {
  return walletAct("end_session", sessionSubject(session), { vnode, session });
}

/** @throws Problem 401 if the session has ended since it was read */
function stillLoggedIn<A extends Answer>(answer: A): A {
  if ("outcome" in answer && !answer.outcome.ok) throw notLoggedIn();
  return answer;
}
