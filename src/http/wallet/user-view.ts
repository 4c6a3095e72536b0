/** A wallet user, as the user sees it. */
import { z } from "@hono/zod-openapi";
import type { UserView } from "../../actors/programmes/wallet/acts.ts";

const userFields = { user_id: z.string(), wallet_id: z.string(), name: z.string(), email: z.string() };
const userExample = { user_id: "usr_…", wallet_id: "wal_…", name: "Ann", email: "ann@example.com" };
const UserSchema = z.object(userFields).openapi("WalletUser", { example: userExample });
const LoggedIn = z
  .object({ ...userFields, token: z.string().openapi({ description: "Of the session; also its cookie." }) })
  .openapi("LoggedInWalletUser", { example: { ...userExample, token: "ws_…" } });
export const loggedIn = { description: "Logged in.", content: { "application/json": LoggedIn } };
export const theUser = { status: 200, description: "The user.", content: { "application/json": UserSchema } };

/** With the token, where a session begins. */
export function userJson({ userId, walletId, name, email }: UserView, token?: string): string {
  return JSON.stringify({ user_id: userId, wallet_id: walletId, name, email, token });
}
