/** Routes of pages: they need a session instead of an API key, and answer with HTML, problems included. */
import { z } from "@hono/zod-openapi";
import type { Principal } from "../../../gateway/ports.ts";
import { type Access, admit, type PrincipalOf } from "../../auth.ts";
import type { Call, HttpAnswer } from "../../call.ts";
import type { SessionCookie } from "../../cookie.ts";
import { Problem } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import type { Method, RouteDescription, Routes } from "../../routes.ts";
import { siteOf } from "../../same-site.ts";
import type { Unsent } from "./form-attempt.ts";
import type { Html } from "./html.ts";
import { type Area, fragmentAnswer, type Page, pageAnswer, redirect, type Viewer } from "./layout.ts";
import type { PageSessions } from "./page-sessions.ts";

export type PageDeps = Readonly<{
  sessions: PageSessions;
  pageCookie: SessionCookie;
  principalOf: PrincipalOf;
}>;

/** A request of somebody who is logged in and may see the area. `U`: who that is. */
export type Visit<Q = unknown, U = ByKey> = Readonly<{
  request: HttpRequest;
  call: Call;
  query: Q;
  viewer: Viewer;
}> &
  U;
/** Somebody who has logged in with an API key. */
type ByKey = Readonly<{ principal: Principal }>;
/** Finds out who is logged in, and gives the call its partner. `who`: their name on the page. `undefined`: nobody. */
export type Enter<U> = (
  request: HttpRequest,
  call: Call,
) => Promise<(U & Readonly<{ who: string }>) | undefined> | (U & Readonly<{ who: string }>) | undefined;

type PageRoute<Q extends z.ZodObject> = Readonly<{ path: string; query?: Q }>;

export type PageRoutes<U = ByKey> = Readonly<{
  /** A page. */
  page<Q extends z.ZodObject = z.ZodObject>(
    route: PageRoute<Q>,
    render: (visit: Visit<z.infer<Q>, U>) => Promise<Page> | Page,
  ): void;
  /** A part of a page, which is fetched again and again. */
  fragment<Q extends z.ZodObject = z.ZodObject>(
    route: PageRoute<Q>,
    render: (visit: Visit<z.infer<Q>, U>) => Promise<Html> | Html,
  ): void;
  /** A file to download. */
  file<Q extends z.ZodObject = z.ZodObject>(
    route: PageRoute<Q>,
    answer: (visit: Visit<z.infer<Q>, U>) => Promise<HttpAnswer> | HttpAnswer,
  ): void;
  /** What a form does. It returns the path of the page to show next, or a page, for example the form with its errors. */
  action(
    route: Readonly<{ path: string }>,
    act: (visit: Visit<unknown, U>) => Promise<string | Page | Unsent>,
  ): void;
}>;

/** Shared by all routes of pages. A page shows why the server is not ready. */
export const PAGE_ROUTE = { access: "open", group: "pages", isPage: true, servesUnready: true } as const;
export const PAGE_CONTENT: RouteDescription["answer"] = {
  status: 200,
  description: "A page.",
  content: { "text/html": z.string() },
};

/** @param access who may see the area. */
export function createPageRoutes(routes: Routes, area: Area, access: Access, deps: PageDeps): PageRoutes {
  return createRoutesOf(routes, area, (request, call) => {
    const principal = principalIn(request, deps);
    if (principal === undefined) return undefined;
    call.principal = principal;
    call.partner = admit(principal, access, call.method);
    return { principal, who: nameOf(principal) };
  });
}

export function createRoutesOf<U>(routes: Routes, area: Area, enter: Enter<U>): PageRoutes<U> {
  const add = <Q extends z.ZodObject>(
    method: Method,
    { path, query }: PageRoute<Q>,
    respond: (visit: Visit<z.infer<Q>, U>) => Promise<HttpAnswer> | HttpAnswer,
  ): void =>
    routes.add<Q>(
      { ...PAGE_ROUTE, method, path, ...(query && { query }), summary: area.name, answer: PAGE_CONTENT },
      async (request, call, values) => {
        if (method !== "get") refuseOtherSites(request);
        const user = await enter(request, call);
        if (user === undefined) return toLogin(request, call, area);
        const viewer = { area, path: request.path, who: user.who };
        return respond({ ...user, request, call, query: values, viewer });
      },
    );
  return {
    page: (route, render) =>
      add("get", route, async (visit) => pageAnswer(visit.call, await render(visit), visit.viewer)),
    fragment: (route, render) =>
      add("get", route, async (visit) => fragmentAnswer(visit.call, await render(visit))),
    file: (route, respond) => add("get", route, respond),
    action: (route, act) =>
      add("post", route, async (visit) => {
        const next = await act(visit);
        if (typeof next === "string") return redirect(visit.call, next);
        if (!("failure" in next)) return pageAnswer(visit.call, next, visit.viewer);
        visit.call.unsent = next.fields;
        throw next.failure;
      }),
  };
}

/** Who is logged in. */
export function principalIn(request: HttpRequest, deps: PageDeps): Principal | undefined {
  const keyHash = deps.sessions.find(deps.pageCookie.read(request));
  return keyHash === undefined ? undefined : deps.principalOf(keyHash);
}

/** Prevents CSRF: only Daybook's own pages may send forms. @throws Problem 403 */
export function refuseOtherSites(request: HttpRequest): void {
  if (siteOf(request) !== "same")
    throw new Problem("forbidden", "This form was not sent by a page of this server.");
}

/** The login page, which leads back. A part of a page makes its page go there. */
function toLogin(request: HttpRequest, call: Call, { login }: Area): HttpAnswer {
  if (request.header("hx-request") !== undefined) {
    const gone = fragmentAnswer(call, "" as unknown as Html);
    gone.headers["HX-Redirect"] = login;
    return gone;
  }
  const target = request.query === "" ? request.path : `${request.path}?${request.query}`;
  const isPage = call.method === "GET" || call.method === "HEAD";
  return redirect(call, isPage ? `${login}?next=${encodeURIComponent(target)}` : login);
}

export function nameOf(principal: Principal): string {
  if (principal.partner === undefined) return "Operator";
  return principal.name === "" ? principal.partner : `${principal.partner}, ${principal.name}`;
}
