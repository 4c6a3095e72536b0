/** Every route that takes an idempotency key, with a request to try and a change of state before its retry. */
import { LEDGER_ROUTES } from "./ledger-routes.ts";
import { PROGRAMME_ROUTES } from "./programme-routes.ts";
import { WALLET_ROUTES } from "./wallet-routes.ts";
import { WEBHOOK_ROUTES } from "./webhook-routes.ts";
import type { Routes } from "./world.ts";

export const KEYED: Routes = { ...LEDGER_ROUTES, ...PROGRAMME_ROUTES, ...WALLET_ROUTES, ...WEBHOOK_ROUTES };

/** Routes that take no key: logins and sessions have none, and repeating the others does no harm. */
export const WITHOUT_KEY: readonly string[] = [
  "POST /v1/vouchers/{code}/validate",
  "POST /v1/wallet/signup",
  "POST /v1/wallet/login",
  "POST /v1/wallet/logout",
  "POST /v1/wallet/refresh",
  "POST /v1/wallet/password",
  "POST /v1/wallet/password/reset",
  "POST /v1/admin/shards/{n}/restart",
  "POST /v1/admin/snapshots",
];
