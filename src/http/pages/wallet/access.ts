/** `/signup`, `/login`, `/reset-password` and `/logout` of wallet users. */
import { z } from "@hono/zod-openapi";
import { actAlone } from "../../../actors/records/command.ts";
import type { Call, HttpAnswer } from "../../call.ts";
import { check } from "../../input/validation.ts";
import { PROBLEMS, Problem } from "../../problem.ts";
import { NewPasswordByToken, resetPassword } from "../../programmes/wallet/password-reset.ts";
import { enterPlatformTenant, KEYLESS, readSession } from "../../programmes/wallet/session.ts";
import { endOf } from "../../programmes/wallet/session-routes.ts";
import { Login, NewUser, openSession, openWallet } from "../../programmes/wallet/users.ts";
import type { HttpRequest } from "../../request.ts";
import type { Routes } from "../../routes.ts";
import { acceptedOrThrow } from "../../write-answers.ts";
import { type Fields, FormKey, formHeader, newFormKey, problemNote, withNote } from "../base/form-attempt.ts";
import { errorOf, field, hidden, readFields } from "../base/forms.ts";
import { html } from "../base/html.ts";
import { type Page, pageAnswer, redirect } from "../base/layout.ts";
import { localPath } from "../base/login.ts";
import { PAGE_CONTENT, PAGE_ROUTE, refuseOtherSites } from "../base/page-routes.ts";
import { enterWallet, WALLET_AREA, type WalletPageDeps } from "./area.ts";

const NEXT_LENGTH_MAX = 2_000;
const Next = z.string().max(NEXT_LENGTH_MAX).optional();
const LOGIN_DONE = {
  password: "The password is changed, and all sessions have ended. Log in with the new one.",
  reset: "The password is set, and all sessions have ended. Log in with it.",
} as const;
const LoginQuery = z.strictObject({ next: Next, done: z.enum(["password", "reset"]).optional() });
const LoginForm = z.strictObject({ ...Login.shape, next: Next });
const SignUpForm = z.strictObject({ ...NewUser.shape, form: FormKey });

export function addAccess(routes: Routes, deps: WalletPageDeps): void {
  addLogin(routes, deps);
  addSignUp(routes, deps);
  addReset(routes, deps);
  addLogout(routes, deps);
}

function addLogin(routes: Routes, deps: WalletPageDeps): void {
  routes.add(
    {
      ...PAGE_ROUTE,
      method: "get",
      path: "/login",
      query: LoginQuery,
      summary: "Log in",
      answer: PAGE_CONTENT,
    },
    async (request, call, { next = "", done }) => {
      if ((await enterWallet(request, call, deps)) === undefined) {
        const page = loginPage({ next });
        return pageAnswer(call, done === undefined ? page : withNote(page, LOGIN_DONE[done]));
      }
      return redirect(call, localPath(next, WALLET_AREA) ?? WALLET_AREA.home);
    },
  );
  routes.add(
    { ...PAGE_ROUTE, method: "post", path: "/login", summary: "Log in", answer: PAGE_CONTENT },
    (request, call) =>
      entering(request, call, deps, loginPage, async (fields) => {
        const { email, password, next = "" } = check(LoginForm, fields);
        const opened = await openSession(deps, request, email, password);
        if (opened === "wrong") throw new Problem("bad_credentials");
        acceptedOrThrow(opened.answer);
        return { token: opened.token, path: localPath(next, WALLET_AREA) ?? WALLET_AREA.home };
      }),
  );
}

function addSignUp(routes: Routes, deps: WalletPageDeps): void {
  const page = (fields: Fields, problem?: Problem) => signUpPage(newFormKey(deps.random), fields, problem);
  routes.add(
    { ...PAGE_ROUTE, method: "get", path: "/signup", summary: "Open a wallet", answer: PAGE_CONTENT },
    (_, call) => pageAnswer(call, page({})),
  );
  routes.add(
    { ...PAGE_ROUTE, method: "post", path: "/signup", summary: "Open a wallet", answer: PAGE_CONTENT },
    (request, call) =>
      entering(request, call, deps, page, async (fields) => {
        const { form, ...user } = check(SignUpForm, fields);
        const header = formHeader(request, call.partner, form, [user.name, user.email]);
        const { answer, token } = await openWallet(deps, request, header, user);
        acceptedOrThrow(answer);
        return { token, path: WALLET_AREA.home };
      }),
  );
}

function addReset(routes: Routes, deps: WalletPageDeps): void {
  const route = {
    ...PAGE_ROUTE,
    path: "/reset-password",
    summary: "Set a new password",
    answer: PAGE_CONTENT,
  };
  routes.add({ ...route, method: "get" }, (_, call) => pageAnswer(call, resetPage({})));
  routes.add({ ...route, method: "post" }, (request, call) =>
    entering(request, call, deps, resetPage, async (fields) => {
      acceptedOrThrow((await resetPassword(deps, request, check(NewPasswordByToken, fields))).answer);
      return { token: null, path: `${WALLET_AREA.login}?done=reset` };
    }),
  );
}

type Entered = Readonly<{
  /** `null`: no session begins, or it has begun when the form was sent before. */
  token: string | null;
  /** The page to show. */
  path: string;
}>;

/** Reads a form of somebody who is not logged in. @param again the page that shows it once more, with the problem. */
async function entering(
  request: HttpRequest,
  call: Call,
  deps: WalletPageDeps,
  again: (fields: Fields, problem: Problem) => Page,
  act: (fields: Fields) => Promise<Entered>,
): Promise<HttpAnswer> {
  refuseOtherSites(request);
  enterPlatformTenant(call, deps.directory);
  const fields = await readFields(request);
  try {
    const { token, path } = await act(fields);
    const first = redirect(call, path);
    return token === null ? first : deps.cookie.set(request, first, token);
  } catch (failure) {
    if (!(failure instanceof Problem)) throw failure;
    return pageAnswer(call, { ...again(fields, failure), status: PROBLEMS[failure.code].status });
  }
}

function addLogout(routes: Routes, deps: WalletPageDeps): void {
  routes.add(
    { ...PAGE_ROUTE, method: "post", path: "/logout", summary: "Log out", answer: PAGE_CONTENT },
    async (request, call) => {
      refuseOtherSites(request);
      if ((await enterWallet(request, call, deps)) !== undefined) {
        const { token } = await readSession(request, call, deps);
        await deps.ledger.submit(actAlone(KEYLESS, endOf(token)));
      }
      return deps.cookie.clear(request, redirect(call, WALLET_AREA.login));
    },
  );
}

function loginPage(fields: Fields, problem?: Problem): Page {
  const { email, next = "" } = fields;
  return {
    title: "Log in to your wallet",
    body: html`${problemNote(problem)}
<form method="post" action="/login" class="stack">
${field({ name: "email", label: "E-mail", type: "email", value: email, autocomplete: "username", error: errorOf(problem, "email") })}
${field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", error: errorOf(problem, "password") })}
${next !== "" && hidden({ next })}
<button>Log in</button>
</form>
<p class="aside">No wallet yet? <a href="/signup">Open one</a>. <a href="/reset-password">Forgot your password?</a></p>`,
  };
}

function signUpPage(form: string, { name, email }: Fields, problem: Problem | undefined): Page {
  return {
    title: "Open a wallet",
    body: html`${problemNote(problem)}
<form method="post" action="/signup" class="stack">
${field({ name: "name", label: "Name", value: name, autocomplete: "name", error: errorOf(problem, "name") })}
${field({ name: "email", label: "E-mail", type: "email", value: email, autocomplete: "username", hint: "Others can send you money with it.", error: errorOf(problem, "email") })}
${field({ name: "password", label: "Password", type: "password", autocomplete: "new-password", hint: "At least 8 characters.", error: errorOf(problem, "password") })}
${hidden({ form })}
<button>Open wallet</button>
</form>
<p class="aside">You have a wallet? <a href="/login">Log in</a></p>`,
  };
}

function resetPage({ token }: Fields, problem?: Problem): Page {
  return {
    title: "Set a new password",
    body: html`${problemNote(problem)}
<p>Whoever runs this wallet gives you a code once they know that it is you. It works once, within an hour.</p>
<form method="post" action="/reset-password" class="stack">
${field({ name: "token", label: "Code", value: token, hint: "It begins with wr_.", error: errorOf(problem, "token") })}
${field({ name: "password", label: "New password", type: "password", autocomplete: "new-password", hint: "At least 8 characters.", error: errorOf(problem, "password") })}
<button>Set password</button>
</form>
<p class="aside">You know it? <a href="/login">Log in</a></p>`,
  };
}
