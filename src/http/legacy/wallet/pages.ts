/** The pages of the old wallet, reduced to their forms: `/`, `/signup`, `/login` and `/logout`. */
import { answer, type Call, type HttpAnswer } from "../../call.ts";
import { Problem } from "../../problem.ts";
import { readJsonOrForm } from "../old-body.ts";
import { type AddOld, redirect } from "../old-routes.ts";
import { type Accounts, cookiesOf, loggedIn, openSession, signUp } from "./users.ts";

const FIELDS = {
  name: '<label>Name <input name="name" required></label> ',
  email: '<label>E-mail <input name="email" type="email" required></label> ',
  password: '<label>Password <input name="password" type="password" minlength="8" required></label> ',
};
const SIGN_UP = form("Sign up", "/signup", `${FIELDS.name}${FIELDS.email}${FIELDS.password}`);
const LOG_IN = form("Log in", "/login", `${FIELDS.email}${FIELDS.password}`);
const HOME = document(
  "Wallet",
  '<p>You are logged in. <a href="/api/wallet">Wallet</a> <a href="/logout">Log out</a></p>',
);

export function addPages(add: AddOld, accounts: Accounts): void {
  add("GET", "/", async (request, call) =>
    (await loggedIn(accounts, request)) === undefined ? redirect(call, "/login") : page(call, HOME),
  );
  add("GET", "/signup", (_, call) => page(call, SIGN_UP));
  add("GET", "/login", async (request, call) =>
    (await loggedIn(accounts, request)) === undefined ? page(call, LOG_IN) : redirect(call, "/"),
  );
  add("POST", "/signup", async (request, call) => {
    const fields = await readJsonOrForm(request);
    try {
      const { made } = await signUp(accounts, [request, call], fields);
      return redirect(call, "/", 302, cookiesOf(made));
    } catch (failure) {
      // The old page was shown again, with status 200.
      if (failure instanceof Problem && failure.code !== "rate_limited") return page(call, SIGN_UP);
      throw failure;
    }
  });
  add("POST", "/login", async (request, call) => {
    if ((await loggedIn(accounts, request)) !== undefined) return redirect(call, "/");
    const fields = await readJsonOrForm(request);
    try {
      const { headers } = await openSession(accounts, [request, call], fields);
      return redirect(call, "/", 302, headers);
    } catch (failure) {
      if (failure instanceof Problem && failure.code === "bad_credentials") return redirect(call, "/login");
      throw failure;
    }
  });
  add("GET", "/logout", async (request, call) => {
    const user = await loggedIn(accounts, request);
    if (user === undefined) return redirect(call, "/login");
    if (user.bank !== undefined)
      return redirect(call, "/login", 302, { "Set-Cookie": accounts.banks.close(request) });
    const ended = await accounts.deps.api.send(request, call, "POST /v1/wallet/logout");
    return redirect(call, "/login", 302, cookiesOf(ended));
  });
}

function form(title: string, action: string, fields: string): string {
  return document(title, `<form method="post" action="${action}">${fields}<button>${title}</button></form>`);
}

function document(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}</html>\n`;
}

function page(call: Call, html: string): HttpAnswer {
  return answer(call, 200, html, {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
  });
}
