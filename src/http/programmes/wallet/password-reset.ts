/** Reset of a forgotten password: the platform issues a token, and whoever brings it sets a new password. */
import { z } from "@hono/zod-openapi";
import {
  PLATFORM_TENANT,
  resetSubject,
  vnodeOfWallet,
  type WalletAct,
  walletAct,
} from "../../../actors/programmes/wallet/acts.ts";
import { vnodeOfId, vnodeText } from "../../../actors/programmes/wallet/ids.ts";
import { askReset } from "../../../actors/programmes/wallet/questions.ts";
import { type ActAlone, actAlone } from "../../../actors/records/command.ts";
import type { Answer } from "../../../gateway/ports.ts";
import { hashOfKey } from "../../auth.ts";
import { IDEMPOTENCY_PROBLEMS, type Random } from "../../idempotency.ts";
import { textField, timeTextOf } from "../../input/fields.ts";
import { check } from "../../input/validation.ts";
import { Problem } from "../../problem.ts";
import { readBareChange } from "../../read-change.ts";
import type { HttpRequest } from "../../request.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { LOGIN_BYTES_MAX, readJson } from "../../server/body.ts";
import { decidedAnswer, effectOf } from "../../write-answers.ts";
import { orderIdOf, withWalletCodes } from "./fields.ts";
import { NewPassword } from "./passwords.ts";
import { enterPlatformTenant, KEYLESS, type WalletDeps } from "./session.ts";
import { enterAsSupport, profileOf, supportRoute, supportScope } from "./support.ts";
import { theUser, userJson } from "./user-view.ts";
import { type PasswordDeps, WRONG_RESETS_MAX } from "./users.ts";

const TOKEN_BYTES = 24;
const TOKEN = /^wr_[0-9a-z]{2}[\w-]{32}$/;

const ResetToken = z
  .object({
    user_id: z.string(),
    token: z.string().nullable().openapi({ description: "Null in a repeated answer." }),
    secret_shown: z
      .literal(true)
      .optional()
      .openapi({ description: "Only in a repeated answer: the first one has shown the token." }),
    expires_at: z.iso.datetime(),
  })
  .openapi("PasswordResetToken", {
    example: { user_id: "usr_…", token: "wr_…", expires_at: "2026-01-01T01:00:00.000Z" },
  });
export const NewPasswordByToken = z
  .strictObject({ token: textField(100, { example: "wr_…" }), password: NewPassword })
  .openapi("WalletPasswordReset");

export function addPasswordReset(routes: Routes, deps: PasswordDeps): void {
  addIssue(routes, deps);
  addReset(routes, deps);
}

/** The form of a session token, with another prefix. */
function newResetToken(vnode: number, random: Random): string {
  return `wr_${vnodeText(vnode)}${Buffer.from(random(TOKEN_BYTES)).toString("base64url")}`;
}

function addIssue(routes: Routes, { ledger, directory, random }: WalletDeps): void {
  routes.add(
    {
      method: "post",
      operationId: "issuePasswordReset",
      path: "/v1/wallet-users/{id}/password-reset",
      ...supportRoute,
      summary: "Issue a token that resets a user's password",
      description:
        "For `POST /v1/wallet/password/reset`, once, within an hour. A new token replaces the one before. Make sure who " +
        "asks before you hand it out.",
      answer: answerOf(201, "The token.", ResetToken),
      problems: ["wallet_user_not_found", "account_closed", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      enterAsSupport(call, directory);
      const header = await readBareChange(request, call);
      const { walletId: wallet } = await profileOf(ledger, orderIdOf(request));
      const { owner, vnode } = supportScope(wallet);
      const token = newResetToken(vnodeOfWallet(wallet), random);
      const act = walletAct("issue_reset", owner, { vnode, wallet, token: hashOfKey(token) });
      const answer = await ledger.submit(actAlone(header, act));
      const codes = { account_closed: "account_closed" } as const;
      return decidedAnswer(call, withWalletCodes(answer, codes), 201, (done, { replayed }) => {
        const { userId, expiresAtMs } = effectOf(act, done);
        const secret = replayed ? { token: null, secret_shown: true } : { token };
        return JSON.stringify({ user_id: userId, expires_at: timeTextOf(expiresAtMs), ...secret });
      });
    },
  );
}

function addReset(routes: Routes, deps: PasswordDeps): void {
  routes.add(
    {
      method: "post",
      operationId: "resetPassword",
      path: "/v1/wallet/password/reset",
      access: "open",
      group: "wallet",
      summary: "Set a new password with a token, and end all sessions",
      description:
        `More than ${WRONG_RESETS_MAX} wrong tokens a minute from one address are \`rate_limited\`. The idempotency key is ` +
        "ignored: a token works once.",
      body: { schema: NewPasswordByToken },
      answer: theUser,
      problems: ["bad_reset_token", "forbidden", "rate_limited"],
    },
    async (request, call) => {
      enterPlatformTenant(call, deps.directory);
      const value = check(NewPasswordByToken, await readJson(request, { bytesMax: LOGIN_BYTES_MAX }));
      const { act, answer } = await resetPassword(deps, request, value);
      const response = decidedAnswer(call, answer, 200, (accepted) => userJson(effectOf(act, accepted)));
      return deps.cookie.clear(request, response);
    },
  );
}

type Reset = Readonly<{ act: WalletAct<"reset_password">; answer: Answer<ActAlone> }>;

/** Sets a new password with a token and ends all sessions of its user. @throws Problem 401, 429 */
export async function resetPassword(
  { ledger, passwords, limits, clientAddress }: PasswordDeps,
  request: HttpRequest,
  { token, password }: z.infer<typeof NewPasswordByToken>,
): Promise<Reset> {
  const address = clientAddress(request);
  const reset = async (): Promise<Reset | undefined> => {
    // Before the look-up: the time of an answer does not depend on the token.
    const hash = await passwords.hash(password, address);
    const vnode = TOKEN.test(token) ? vnodeOfId("wr", token) : undefined;
    if (vnode === undefined) return undefined;
    const id = hashOfKey(token);
    // A wrong token is not logged.
    if (!(await ledger.ask(PLATFORM_TENANT, askReset(id, vnode)))) return undefined;
    const act = walletAct("reset_password", resetSubject(id), { vnode, token: id, password: hash });
    const answer = await ledger.submit(actAlone(KEYLESS, act));
    // Another request has used the token meanwhile.
    const isRejected = "outcome" in answer && !answer.outcome.ok;
    return isRejected ? undefined : { act, answer };
  };
  const done = await limits.reset(address, reset, (result) => result === undefined);
  if (done === undefined) throw new Problem("bad_reset_token");
  return done;
}
