/** Builds the HTTP application from the parts that the server or a test passes in. It has no socket and no clock. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ParamIndexMap } from "hono/router";
import { RegExpRouter } from "hono/router/reg-exp-router";
import type { Directory, Ledger, Operations } from "../gateway/ports.ts";
import type { Persons } from "../persons/person-keys.ts";
import type { OpenSecret } from "../sealed-secrets.ts";
import type { SeriesReader } from "../statistics/store.ts";
import type { Tracing } from "../tracing/tracing.ts";
import type { TrustedProxies } from "../trusted-proxies.ts";
import { createAuthenticate, createPrincipalOf } from "./auth.ts";
import { answer } from "./call.ts";
import type { Clock } from "./clock.ts";
import type { SessionCookie } from "./cookie.ts";
import { addAccountReads } from "./core/accounts/account-reads.ts";
import { addAccounts } from "./core/accounts/accounts.ts";
import { addEntries } from "./core/accounts/entries.ts";
import { addTrialBalance } from "./core/accounts/trial-balance.ts";
import { addOperations } from "./core/operations.ts";
import { addPartners } from "./core/partners.ts";
import { addStatistics } from "./core/statistics/statistics.ts";
import { addBatch, createBatches, type ReadLarge } from "./core/transfers/batch.ts";
import { addTransferActions } from "./core/transfers/transfer-actions.ts";
import { addTransfers } from "./core/transfers/transfers.ts";
import { createEndpoints, type Handler } from "./endpoint.ts";
import { EventStreams } from "./events/event-streams.ts";
import { addEvents } from "./events/events.ts";
import type { Random } from "./idempotency.ts";
import type { WindowCounters } from "./limits/window-counters.ts";
import type { LineSink, Log } from "./log/request-log.ts";
import type { RequestMetrics } from "./log/request-metrics.ts";
import type { PageSessions } from "./pages/base/page-sessions.ts";
import { problemPage } from "./pages/base/problem-page.ts";
import { addDocs } from "./pages/docs.ts";
import { addHome } from "./pages/home.ts";
import { addPages } from "./pages/pages.ts";
import { Problem } from "./problem.ts";
import { KEY_ROLES, PROGRAMMES, type ProgrammeDeps } from "./programmes/programmes.ts";
import { HttpRequest } from "./request.ts";
import { createRoutes, type Router, type Routes } from "./routes.ts";
import { createClientAddress } from "./server/client-address.ts";
import { type Origins, preflightHeaders } from "./server/cors.ts";
import { send } from "./server/send.ts";
import type { Refuse } from "./server/unreadable.ts";

export type AppDeps = Readonly<{
  ledger: Ledger;
  /** Reads large batch bodies on another thread. */
  readLarge: ReadLarge;
  directory: Directory;
  operations: Operations;
  statistics: Pick<SeriesReader, "read">;
  log: Log;
  /** Where request lines are logged. Absent: requests are not logged. */
  requestLines?: LineSink | undefined;
  /** Counts requests. `operations` serves `/metrics`. */
  metrics: RequestMetrics;
  clock: Clock;
  /** Decrypts signing secrets that are stored in the ledger. */
  openSecret: OpenSecret;
  /** Encrypts and decrypts personal data that is stored in the ledger. */
  persons: Persons;
  /** Rate limit counters, shared by all gateways. */
  counters: WindowCounters;
  /** Proxies whose `X-Forwarded-For` is trusted. Absent: none. */
  trustedProxies?: TrustedProxies;
  /** Cryptographically random bytes. */
  random: Random;
  /** Assets of new wallets and of new sellers' credit. */
  assets: Readonly<{ wallet: string; topup: string }>;
  /** Whether an operator completes top-ups. */
  asksOperator: boolean;
  /** SHA-256 (hex) of an operator key from the configuration. It takes precedence over a stored one. */
  operatorKeyHash?: string | undefined;
  /** Base URL at which clients reach this server, without a trailing `/`. URLs in answers start with it. */
  publicUrl?: () => string;
  /** The cookie that holds a wallet user's session in a browser. */
  cookie: SessionCookie;
  /** The cookie that holds a session of the pages. */
  pageCookie: SessionCookie;
  /** Sessions of the pages, shared by all gateways. */
  sessions: PageSessions;
  /** The setting WEBHOOKS_ALLOW_PRIVATE. */
  webhooksAllowPrivate?: boolean;
  /** Origins of web pages that may call the API. */
  corsOrigins?: readonly string[];
  /** Absent: requests are not traced. */
  tracing?: Tracing | undefined;
}>;

export type App = Readonly<{
  /** Answers a request; Node has read its head. */
  handle: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
  /** Builds the answer to a request that could not be parsed, and logs it like any other. */
  refuse: Refuse;
  /** Answers 503 `outcome_unknown` to requests that have run for 10 s. Call it a few times a second. */
  sweep(): void;
  inFlight(): number;
  /** Ends streams that would go on as long as their clients stay. */
  endStreams(): void;
}>;

export function createApp(deps: AppDeps): App {
  const origins = new Set(deps.corsOrigins);
  const streams = new EventStreams();
  const batches = createBatches(deps);
  const programmeDeps = {
    ...deps,
    batches,
    streams,
    clientAddress: createClientAddress(deps.trustedProxies ?? []),
  };
  const principalOf = createPrincipalOf(deps.directory, deps.operatorKeyHash);
  const endpoints = createEndpoints({
    origins,
    userKind: (request) => userKind(request, programmeDeps),
    authenticate: createAuthenticate(principalOf),
    problemPage,
    unready: () => deps.operations.unready(),
    clock: deps.clock,
    log: deps.log,
    lines: deps.requestLines,
    metrics: deps.metrics,
    tracing: deps.tracing,
    idPrefix: Buffer.from(deps.random(6)).toString("hex"),
  });
  const router: Router = new RegExpRouter();
  const routes = createRoutes(router, endpoints);
  addRoutes(routes, programmeDeps);
  addDocs(routes, deps.cookie);
  addPages(routes, { ...programmeDeps, principalOf, roles: KEY_ROLES });

  const unknown = unknownRoute(routes, origins);
  const unknownRouteInfo = { path: "unknown", group: "unknown", readQuery: () => undefined } as const;
  const unknownOpen = endpoints.wrap({ ...unknownRouteInfo, access: "open" }, unknown);
  const unknownClosed = endpoints.wrap({ ...unknownRouteInfo, access: "anybody" }, unknown);
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const request = HttpRequest.of(incoming, outgoing);
    if (request === undefined) {
      const refusal = endpoints.refuse(
        "validation_failed",
        "The request target or the Host header is not valid.",
      );
      send(outgoing, refusal, () => {});
      return;
    }
    const { path, method } = request;
    const [found, values] = router.match(method === "HEAD" ? "GET" : method, path);
    if (found[0] !== undefined) {
      const [endpoint, parameterIndexes] = found[0];
      request.setParameters(parameterIndexes as ParamIndexMap, values as string[]);
      endpoint(request);
    } else if (path.startsWith("/v1") && method !== "OPTIONS") {
      // Callers without a key must not learn which paths exist. OPTIONS is exempt: browsers send it without a key.
      unknownClosed(request);
    } else unknownOpen(request);
  };
  const { refuse, sweep, inFlight } = endpoints;
  return { handle, refuse, sweep, inFlight, endStreams: () => streams.end() };
}

/** The kind of user who is logged in. */
async function userKind(request: HttpRequest, deps: ProgrammeDeps): Promise<string | undefined> {
  for (const { users } of PROGRAMMES)
    if (users !== undefined && (await users.isLoggedIn(request, deps))) return users.kind;
  return undefined;
}

function addRoutes(routes: Routes, deps: AppDeps & ProgrammeDeps): void {
  addTransfers(routes, deps);
  addTransferActions(routes, deps);
  addBatch(routes, deps.batches);
  addAccountReads(routes, deps);
  addAccounts(routes, deps);
  addEntries(routes, deps);
  addPartners(routes, { ...deps, roles: KEY_ROLES });
  addTrialBalance(routes, deps);
  for (const programme of PROGRAMMES) programme.addRoutes(routes, deps);
  addEvents(routes, deps);
  addStatistics(routes, deps);
  addOperations(routes, deps.operations);
  addHome(routes, async (request) => {
    // A cookie that has expired costs a query; nothing is asked without one.
    const isUser = deps.cookie.read(request) !== "" && (await userKind(request, deps)) !== undefined;
    return isUser ? "/wallet" : undefined;
  });
}

function unknownRoute(routes: Routes, origins: Origins): Handler {
  return (request, call) => {
    const methods = routes.methodsOf(request.path);
    const preflight = preflightHeaders(request, methods, origins);
    if (preflight !== undefined) return answer(call, 204, null, preflight);
    if (methods.length === 0) throw new Problem("not_found");
    const allow = methods.join(", ");
    throw new Problem("method_not_allowed", `Use one of: ${allow}.`, { headers: { Allow: allow } });
  };
}
