/** A wallet user, as the user sees it. */
import { z } from "@hono/zod-openapi";
import type { UserView } from "../../../actors/programmes/wallet/acts.ts";

const userFields = { user_id: z.string(), wallet_id: z.string(), name: z.string(), email: z.string() };
const userExample = { user_id: "usr_…", wallet_id: "wal_…", name: "Ann", email: "ann@example.com" };
const UserSchema = z.object(userFields).openapi("WalletUser", { example: userExample });
const Token = z.string().openapi({ description: "Of the session; also its cookie." });
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
      .openapi({ description: "The first answer has shown the token." }),
  })
  .openapi("SignedUpWalletUser", { example: { ...userExample, token: "ws_…" } });
export const loggedIn = { description: "Logged in.", content: { "application/json": LoggedIn } };
export const signedUp = { description: "Logged in.", content: { "application/json": SignedUp } };
export const theUser = { status: 200, description: "The user.", content: { "application/json": UserSchema } };

/** With the token, where a session begins; with `null` for it, where an earlier answer has shown it. */
export function userJson({ userId, walletId, name, email }: UserView, token?: string | null): string {
  const shown = token === null ? { token, secret_shown: true } : { token };
  return JSON.stringify({ user_id: userId, wallet_id: walletId, name, email, ...shown });
}
