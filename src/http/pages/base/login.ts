/** Login and logout of an area whose users have API keys: a key begins a session of the pages. */
import { z } from "@hono/zod-openapi";
import { type Access, admit, hashOfKey } from "../../auth.ts";
import { RateLimit } from "../../limits/rate-limit.ts";
import type { WindowCounters } from "../../limits/window-counters.ts";
import type { HttpRequest } from "../../request.ts";
import type { Routes } from "../../routes.ts";
import { note } from "./blocks.ts";
import { field, hidden, readForm } from "./forms.ts";
import { html } from "./html.ts";
import { type Area, type Page, pageAnswer, redirect } from "./layout.ts";
import { PAGE_CONTENT, PAGE_ROUTE, type PageDeps, principalIn, refuseOtherSites } from "./page-routes.ts";

/** Failures of one address. */
const FAILURES_MAX = 10;
const FAILURES_WINDOW_MS = 10 * 60 * 1000;
const KEY_LENGTH_MAX = 512;
const NEXT_LENGTH_MAX = 2_000;

const LoginQuery = z.strictObject({ next: z.string().max(NEXT_LENGTH_MAX).optional() });
const LoginForm = z.strictObject({
  key: z.string().min(1).max(KEY_LENGTH_MAX),
  next: z.string().max(NEXT_LENGTH_MAX).optional(),
});

export type LoginDeps = PageDeps &
  Readonly<{
    counters: WindowCounters;
    /** The client's IP address. */
    clientAddress: (request: HttpRequest) => string;
  }>;

/** @param access who may see the area. */
export function addLogin(routes: Routes, area: Area, access: Access, deps: LoginDeps): void {
  routes.add(
    {
      ...PAGE_ROUTE,
      method: "get",
      path: area.login,
      query: LoginQuery,
      summary: "Log in",
      answer: PAGE_CONTENT,
    },
    (request, call, { next = "" }) => {
      const principal = principalIn(request, deps);
      if (principal === undefined) return pageAnswer(call, loginPage(area, { next }));
      admit(principal, access, "GET");
      return redirect(call, localPath(next, area) ?? area.home);
    },
  );
  addEnter(routes, area, access, deps);
  routes.add(
    { ...PAGE_ROUTE, method: "post", path: area.logout, summary: "Log out", answer: PAGE_CONTENT },
    (request, call) => {
      refuseOtherSites(request);
      deps.sessions.end(deps.pageCookie.read(request));
      return deps.pageCookie.clear(request, redirect(call, area.login));
    },
  );
}

function addEnter(routes: Routes, area: Area, access: Access, deps: LoginDeps): void {
  const { counters, clientAddress, sessions, pageCookie, principalOf } = deps;
  const failures = new RateLimit({
    name: "page login",
    limit: FAILURES_MAX,
    windowMs: FAILURES_WINDOW_MS,
    counters,
  });
  routes.add(
    { ...PAGE_ROUTE, method: "post", path: area.login, summary: "Log in", answer: PAGE_CONTENT },
    async (request, call) => {
      refuseOtherSites(request);
      const { key, next = "" } = await readForm(request, LoginForm);
      const giveBack = failures.tryTake(clientAddress(request));
      if (giveBack === undefined)
        return pageAnswer(
          call,
          loginPage(area, { next, status: 429, error: "Too many failures. Try again in ten minutes." }),
        );
      const keyHash = hashOfKey(key);
      const principal = principalOf(keyHash);
      if (principal === undefined)
        return pageAnswer(call, loginPage(area, { next, status: 401, error: "This key is not known here." }));
      giveBack();
      admit(principal, access, "GET");
      // A new token for each login: a token that somebody planted before is never a session.
      const token = sessions.begin(keyHash, principal);
      return pageCookie.set(request, redirect(call, localPath(next, area) ?? area.home), token);
    },
  );
}

/** A path of this server. Anything else could lead to another site. */
export function localPath(next: string, { login }: Area): string | undefined {
  return /^\/(?![/\\])[^\s\\]*$/.test(next) && !next.startsWith(login) ? next : undefined;
}

function loginPage(
  area: Area,
  { next, error, status = 200 }: Readonly<{ next: string; error?: string; status?: number }>,
): Page {
  return {
    title: "Log in",
    status,
    body: html`${error !== undefined && note("bad", error)}
<form method="post" action="${area.login}" class="stack">
${field({ name: "key", label: "API key", type: "password", autocomplete: "current-password", hint: "The server printed the operator key at its first start." })}
${next !== "" && hidden({ next })}
<button>Log in</button>
</form>`,
  };
}
