/**
 * The old addresses: what clients of the five systems that Daybook replaces call, on a port of its own, for one partner.
 * Adapters translate; the handlers of `/v1` decide. docs/OLD_ADDRESSES.md lists every address.
 */
import { RegExpRouter } from "hono/router/reg-exp-router";
import type { App, AppDeps } from "../app.ts";
import { addAccountReads } from "../core/accounts/account-reads.ts";
import { addAccounts } from "../core/accounts/accounts.ts";
import { createBatches } from "../core/transfers/batch.ts";
import { addTransferActions } from "../core/transfers/transfer-actions.ts";
import { addTransfers } from "../core/transfers/transfers.ts";
import { createEndpoints, type Endpoint } from "../endpoint.ts";
import { EventStreams } from "../events/event-streams.ts";
import { Problem } from "../problem.ts";
import { PROGRAMMES, type ProgrammeDeps } from "../programmes/programmes.ts";
import { createSessionCookie } from "../programmes/wallet/session-cookie.ts";
import { HttpRequest } from "../request.ts";
import { createClientAddress } from "../server/client-address.ts";
import { send } from "../server/send.ts";
import type { Refuse } from "../server/unreadable.ts";
import { LocalApi } from "./local-api.ts";
import { refusalOfForeign } from "./local-only.ts";
import { loyaltySystem } from "./loyalty/loyalty.ts";
import { type OldHandler, type OldSystem, refusing } from "./old-routes.ts";
import { segmentsSystem } from "./segments/segments.ts";
import { topupSystem } from "./topup/topup.ts";
import { vouchersSystem } from "./vouchers/vouchers.ts";
import { walletSystem } from "./wallet/wallet.ts";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** @param partner the setting LEGACY_PARTNER, whose rights every caller has. */
export function createLegacyApp(deps: AppDeps, partner: string): App {
  // The port is loopback, whatever PUBLIC_URL says, and no proxy forwards to it.
  const cookie = createSessionCookie(undefined);
  const ofPort = { cookie, publicUrl: () => "", clientAddress: createClientAddress([]) };
  const own = { streams: new EventStreams(), batches: createBatches(deps) };
  const programmeDeps: AppDeps & ProgrammeDeps = { ...deps, ...ofPort, ...own };
  const api = new LocalApi(partner, deps.directory, (routes) => {
    addTransfers(routes, programmeDeps);
    addTransferActions(routes, programmeDeps);
    addAccountReads(routes, programmeDeps);
    addAccounts(routes, programmeDeps);
    for (const programme of PROGRAMMES) programme.addRoutes(routes, programmeDeps);
  });
  const endpoints = createEndpoints({
    origins: new Set(),
    userKind: () => Promise.resolve(undefined),
    authenticate: () => undefined,
    unready: () => deps.operations.unready(),
    clock: deps.clock,
    log: deps.log,
    lines: deps.requestLines,
    metrics: deps.metrics,
    idPrefix: Buffer.from(deps.random(6)).toString("hex"),
    tracing: undefined,
  });
  const wrap: Wrap = (path, handler) =>
    endpoints.wrap({ access: "open", path, group: "legacy", readQuery: () => undefined }, handler);
  const systemDeps = { ...programmeDeps, api };
  const all = [vouchersSystem, segmentsSystem, walletSystem, loyaltySystem, topupSystem];
  // Nothing is begun for a partner that does not exist, or is suspended.
  const router = tableOf(
    all.map((system) => system(systemDeps)),
    wrap,
    () => void api.principal(),
  );
  const { refuse, sweep, inFlight } = endpoints;
  return { handle: handlerOf(router, wrap, refuse), refuse, sweep, inFlight, endStreams: () => {} };
}

type Wrap = (path: string, handler: OldHandler) => Endpoint;
type Table = RegExpRouter<Endpoint>;

/** A path that one method has answers 405 for the others. */
function tableOf(systems: readonly OldSystem[], wrap: Wrap, first: () => void): Table {
  const router: Table = new RegExpRouter();
  const methods = new Map<string, { allowed: string[]; refuse: OldSystem["refuse"] }>();
  for (const { add, refuse } of systems) {
    add((method, path, handler) => {
      const checked: OldHandler = (request, call) => {
        first();
        return handler(request, call);
      };
      router.add(method, path, wrap(path, refusing(checked, refuse)));
      const known = methods.get(path) ?? { allowed: [], refuse };
      known.allowed.push(method);
      methods.set(path, known);
    });
  }
  for (const [path, { allowed, refuse }] of methods) {
    const allow = allowed.join(", ");
    const refused = wrap(
      path,
      refusing(() => {
        throw new Problem("method_not_allowed", `Use one of: ${allow}.`, { headers: { Allow: allow } });
      }, refuse),
    );
    for (const method of METHODS) if (!allowed.includes(method)) router.add(method, path, refused);
  }
  return router;
}

/** Finds the address of a request, once it is certain that it comes from a program on this machine. */
function handlerOf(router: Table, wrap: Wrap, refuse: Refuse): App["handle"] {
  const unknown = wrap("unknown", () => {
    throw new Problem("not_found");
  });
  const foreign = wrap("refused", (request) => {
    throw new Problem("forbidden", refusalOfForeign(request));
  });
  return (incoming, outgoing) => {
    const request = HttpRequest.of(incoming, outgoing);
    if (request === undefined) {
      const detail = "The request target or the Host header is not valid.";
      send(outgoing, refuse("validation_failed", detail), () => {});
      return;
    }
    if (refusalOfForeign(request) !== undefined) {
      foreign(request);
      return;
    }
    const [found, values] = router.match(request.method === "HEAD" ? "GET" : request.method, request.path);
    if (found[0] === undefined) unknown(request);
    else {
      const [endpoint, indexes] = found[0];
      request.setParameters(indexes as Readonly<Record<string, number>>, values as string[]);
      endpoint(request);
    }
  };
}
