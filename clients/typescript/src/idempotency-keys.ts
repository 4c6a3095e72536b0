/** Gives each write that takes an idempotency key one, unless its caller has. */
import type { Middleware } from "openapi-fetch";

export const KEY_HEADER = "Idempotency-Key";

/** Writes that take no key. */
export const WITHOUT_KEY: ReadonlySet<string> = new Set([
  "POST /v1/vouchers/{code}/validate",
  "POST /v1/wallet/signup",
  "POST /v1/wallet/login",
  "POST /v1/wallet/logout",
  "POST /v1/wallet/refresh",
  "POST /v1/wallet/password",
  "POST /v1/wallet/password/reset",
  "POST /v1/admin/shards/{n}/restart",
  "POST /v1/admin/snapshots",
]);

export const idempotencyKeys: Middleware = {
  onRequest({ request, schemaPath }) {
    const { method, headers } = request;
    if (method === "GET" || method === "HEAD") return;
    // Without a key, a failed request is not repeated.
    if (WITHOUT_KEY.has(`${method} ${schemaPath}`)) headers.delete(KEY_HEADER);
    else if (!headers.has(KEY_HEADER)) headers.set(KEY_HEADER, crypto.randomUUID());
  },
};
