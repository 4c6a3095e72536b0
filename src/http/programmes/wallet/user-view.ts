/** A wallet user as JSON, with and without a session token. */
import { z } from "@hono/zod-openapi";
import type { UserView } from "../../../actors/programmes/wallet/acts.ts";

const userFields = { user_id: z.string(), wallet_id: z.string(), name: z.string(), email: z.string() };
const userExample = { user_id: "usr_…", wallet_id: "wal_…", name: "Ann", email: "ann@example.com" };
const UserSchema = z.object(userFields).openapi("WalletUser", { example: userExample });
const Token = z.string().openapi({ description: "The session token, which is also set as a cookie." });
const LoggedIn = z
  .object({ ...userFields, token: Token })
  .openapi("LoggedInWalletUser", { example: { ...userExample, token: "ws_…" } });
const SignedUp = z
  .object({
    ...userFields,
    token: Token.nullable(),
    secret_shown: z
      .literal(true)
      .optional()
      .openapi({ description: "True in a retry: the first answer contained the token." }),
  })
  .openapi("SignedUpWalletUser", { example: { ...userExample, token: "ws_…" } });
export const loggedIn = { description: "Logged in.", content: { "application/json": LoggedIn } };
export const signedUp = { description: "Logged in.", content: { "application/json": SignedUp } };
export const theUser = { status: 200, description: "The user.", content: { "application/json": UserSchema } };

/** @param token of a new session; `null` if an earlier answer contained it; absent if no session starts. */
export function userJson({ userId, walletId, name, email }: UserView, token?: string | null): string {
  const shown = token === null ? { token, secret_shown: true } : { token };
  return JSON.stringify({ user_id: userId, wallet_id: walletId, name, email, ...shown });
}
