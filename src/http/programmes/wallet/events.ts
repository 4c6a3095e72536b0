/** `GET /v1/wallet/events`: the events of the user's own wallet, as a list or as a stream. */
import { PLATFORM_TENANT } from "../../../actors/programmes/wallet/acts.ts";
import { eventsOfWallet, USER_EVENT_TYPES } from "../../../actors/programmes/wallet/events.ts";
import type { FeedDeps } from "../../events/event-stream.ts";
import { FeedQuery, feedAnswer, feedRoute, typesOf } from "../../events/events.ts";
import type { Routes } from "../../routes.ts";
import { findSession, sessionRoute, type WalletDeps, withSession } from "./session.ts";

export function addWalletEvents(routes: Routes, deps: WalletDeps & FeedDeps): void {
  routes.add(
    {
      ...feedRoute,
      ...sessionRoute,
      path: "/v1/wallet/events",
      summary: "List the wallet's events, oldest first, or follow them as a stream",
      query: FeedQuery,
    },
    withSession(deps, (request, call, { walletId }, { types: names, ...asked }) => {
      const isAdmitted = async () =>
        deps.directory.partner(PLATFORM_TENANT)?.status === "active" &&
        (await findSession(request, deps)) !== null;
      const types = typesOf(names, USER_EVENT_TYPES) ?? USER_EVENT_TYPES;
      return feedAnswer({ ...deps, isAdmitted }, request, call, {
        ...asked,
        types,
        of: eventsOfWallet(walletId),
      });
    }),
  );
}
