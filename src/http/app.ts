/** The whole HTTP side over what `main.ts` (or a test) hands in. No socket, no clock of its own. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { OpenAPIHono } from "@hono/zod-openapi";
import type { ParamIndexMap } from "hono/router";
import { RegExpRouter } from "hono/router/reg-exp-router";
import type { Directory, Ledger, Operations } from "../gateway/ports.ts";
import type { OpenSecret } from "../sealed-secrets.ts";
import type { TrustedProxies } from "../trusted-proxies.ts";
import { createAuthenticate } from "./auth.ts";
import { answer } from "./call.ts";
import type { Clock } from "./clock.ts";
import { addAccountReads } from "./core/accounts/account-reads.ts";
import { addAccounts } from "./core/accounts/accounts.ts";
import { addEntries } from "./core/accounts/entries.ts";
import { addTrialBalance } from "./core/accounts/trial-balance.ts";
import { addOperations } from "./core/operations.ts";
import { addPartners } from "./core/partners.ts";
import { addBatch, type ReadLarge } from "./core/transfers/batch.ts";
import { addTransferActions } from "./core/transfers/transfer-actions.ts";
import { addTransfers } from "./core/transfers/transfers.ts";
import { createEndpoints, type Handler } from "./endpoint.ts";
import type { Random } from "./idempotency.ts";
import type { WindowCounters } from "./limits/window-counters.ts";
import type { LineSink, Log } from "./log/request-log.ts";
import type { RequestMetrics } from "./log/request-metrics.ts";
import { addDocs } from "./pages/docs.ts";
import { addHome } from "./pages/home.ts";
import { Problem } from "./problem.ts";
import { addLoyalty } from "./programmes/loyalty/routes.ts";
import { addUserSegments } from "./programmes/segments/routes.ts";
import { addTopup } from "./programmes/topup/routes.ts";
import { addVoucherPool } from "./programmes/vouchers/routes.ts";
import { addWallets } from "./programmes/wallet/routes.ts";
import { isLoggedIn } from "./programmes/wallet/session.ts";
import type { SessionCookie } from "./programmes/wallet/session-cookie.ts";
import { HttpRequest } from "./request.ts";
import { createRoutes, type Router, type Routes } from "./routes.ts";
import { createClientAddress } from "./server/client-address.ts";
import { type Origins, preflightHeaders } from "./server/cors.ts";
import { send } from "./server/send.ts";
import type { Refuse } from "./server/unreadable.ts";

export type AppDeps = Readonly<{
  ledger: Ledger;
  /** Reads large batches. */
  readLarge: ReadLarge;
  directory: Directory;
  operations: Operations;
  log: Log;
  /** Where request lines go; without it none are made. */
  requestLines?: LineSink | undefined;
  /** Counts the requests; `/metrics` itself is the operations' business. */
  metrics: RequestMetrics;
  clock: Clock;
  /** Opens the signing secrets that the ledger holds. */
  openSecret: OpenSecret;
  /** Of limits, shared with all gateways. */
  counters: WindowCounters;
  /** Who may say for whom a request comes; absent: nobody. */
  trustedProxies?: TrustedProxies;
  /** Cryptographically random bytes. */
  random: Random;
  /** What new wallets, and new sellers' credit, are in. */
  assets: Readonly<{ wallet: string; topup: string }>;
  /** SHA-256 (hex) of the operator's key, when the configuration names one: it wins over a stored one. */
  operatorKeyHash?: string | undefined;
  /** Where clients reach this server, without a `/` at the end: what addresses in answers begin with. */
  publicUrl?: () => string;
  /** What keeps the session of a wallet user in a browser. */
  cookie: SessionCookie;
  /** Origins of pages that may call. */
  corsOrigins?: readonly string[];
}>;

export type App = Readonly<{
  /** Answers a request whose head Node has read. */
  handle: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
  /** What answers those whose request could not be read; it has a line in the log like any other. */
  refuse: Refuse;
  /** Answers 503 `outcome_unknown` to requests that have run for 10 s; the server calls it a few times a second. */
  sweep(): void;
  inFlight(): number;
}>;

export function createApp(deps: AppDeps): App {
  const hono = new OpenAPIHono();
  const origins = new Set(deps.corsOrigins);
  const endpoints = createEndpoints({
    origins,
    isWalletUser: (request) => isLoggedIn(request, deps),
    authenticate: createAuthenticate(deps.directory, deps.operatorKeyHash),
    unready: () => deps.operations.unready(),
    clock: deps.clock,
    log: deps.log,
    lines: deps.requestLines,
    metrics: deps.metrics,
    idPrefix: Buffer.from(deps.random(6)).toString("hex"),
  });
  registerSecurity(hono, deps.cookie);
  const router: Router = new RegExpRouter();
  const routes = createRoutes(hono, router, endpoints);
  addTransfers(routes, deps);
  addTransferActions(routes, deps);
  addBatch(routes, deps);
  addAccountReads(routes, deps);
  addAccounts(routes, deps);
  addEntries(routes, deps);
  addPartners(routes, deps);
  addTrialBalance(routes, deps);
  addLoyalty(routes, deps);
  addVoucherPool(routes, deps);
  addTopup(routes, deps);
  addUserSegments(routes, deps);
  addWallets(routes, { ...deps, clientAddress: createClientAddress(deps.trustedProxies ?? []) });
  addOperations(routes, deps.operations);
  addHome(routes);
  addDocs(routes, hono);

  const unknown = unknownRoute(routes, origins);
  const ofUnknown = { path: "unknown", group: "unknown", readQuery: () => undefined } as const;
  const unknownOpen = endpoints.wrap({ ...ofUnknown, access: "open" }, unknown);
  const unknownClosed = endpoints.wrap({ ...ofUnknown, access: "anybody" }, unknown);
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const request = HttpRequest.of(incoming, outgoing);
    if (request === undefined) {
      const refusal = endpoints.refuse("validation_failed", "The address or the Host header is not valid.");
      send(outgoing, refusal, () => {});
      return;
    }
    const { path, method } = request;
    const [found, values] = router.match(method === "HEAD" ? "GET" : method, path);
    if (found[0] !== undefined) {
      const [endpoint, places] = found[0];
      request.setParameters(places as ParamIndexMap, values as string[]);
      endpoint(request);
    } else if (path.startsWith("/v1") && method !== "OPTIONS") {
      // Without a key nobody learns which addresses exist; but a browser asks with OPTIONS before it sends one.
      unknownClosed(request);
    } else unknownOpen(request);
  };
  return { handle, refuse: endpoints.refuse, sweep: endpoints.sweep, inFlight: endpoints.inFlight };
}

function registerSecurity(hono: OpenAPIHono, cookie: SessionCookie): void {
  hono.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description:
      "An API key: of the operator, or of a partner (role partner, read for GET alone, or seller for what is one seller's).",
  });
  const ofSession = "A wallet user's session: the token of a login.";
  hono.openAPIRegistry.registerComponent("securitySchemes", "session", {
    type: "http",
    scheme: "bearer",
    description: ofSession,
  });
  hono.openAPIRegistry.registerComponent("securitySchemes", "session_cookie", {
    type: "apiKey",
    in: "cookie",
    name: cookie.name,
    description: `${ofSession} What changes something must come from the same origin.`,
  });
}

function unknownRoute(routes: Routes, origins: Origins): Handler {
  return (request, call) => {
    const methods = routes.methodsOf(request.path);
    const preflight = preflightHeaders(request, methods, origins);
    if (preflight !== undefined) return answer(call, 204, null, preflight);
    if (methods.length === 0) throw new Problem("not_found");
    const allow = methods.join(", ");
    throw new Problem("method_not_allowed", `This address takes ${allow}.`, { headers: { Allow: allow } });
  };
}
