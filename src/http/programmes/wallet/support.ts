/** `/v1/wallet-users`: what the platform does for wallet users: look-up, freeze, limits, closing. */
import { z } from "@hono/zod-openapi";
import {
  PLATFORM_TENANT,
  type SupportedUser,
  supportSubject,
  type UserProfile,
  vnodeOfWallet,
  type WalletAct,
  walletAct,
} from "../../../actors/programmes/wallet/acts.ts";
import { askOpenFor, askProfile, askProfileOf } from "../../../actors/programmes/wallet/questions.ts";
import { type AccountView, type ActAlone, actAlone } from "../../../actors/records/command.ts";
import { assert } from "../../../errors/assert.ts";
import type { Directory, KeyScope, Ledger } from "../../../gateway/ports.ts";
import { keyIdOf } from "../../auth.ts";
import type { Call, HttpAnswer } from "../../call.ts";
import { Limits, limitsJson, limitsOf } from "../../core/accounts/account-limits.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Email } from "../../input/email.ts";
import { Balance, timeTextOf } from "../../input/fields.ts";
import { Problem } from "../../problem.ts";
import { firstOrNew, readBareChange, readChange } from "../../read-change.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import { answerOf, type RouteDescription, type Routes } from "../../routes.ts";
import { decidedAnswer, effectOf } from "../../write-answers.ts";
import { OrderParams, orderIdOf, withWalletCodes } from "./fields.ts";
import { enterPlatformTenant, type WalletDeps } from "./session.ts";

export const supportRoute = { access: "books", group: "wallet users", params: OrderParams } as const;

const PATH = "/v1/wallet-users";
const USER_ID = /^usr_[0-9a-f]{24}$/;

const LookUp = z.strictObject({ email: Email });
const LimitsBody = z.strictObject({ limits: Limits }).openapi("WalletLimits", {
  example: { limits: [{ window_s: 86_400, direction: "debit", max_amount: 100_000, max_count: 20 }] },
});
const ProfileSchema = z
  .object({
    user_id: z.string(),
    wallet_id: z.string(),
    name: z.string(),
    email: z.string(),
    status: z.enum(["open", "frozen", "closed"]),
    asset: z.string(),
    balance: Balance,
    held: Balance,
    available: Balance,
    limits: Limits,
    created_at: z.iso.datetime(),
  })
  .openapi("WalletProfile");
const theUser = answerOf(200, "The user, with the wallet.", ProfileSchema);

/**
 * Admits the operator and the platform tenant's keys to a route of the platform.
 *
 * @returns who calls: the id of the key, or `operator`. @throws Problem 403
 */
export function enterAsSupport(call: Call, directory: Directory): string {
  if (call.partner !== "" && call.partner !== PLATFORM_TENANT)
    throw new Problem("forbidden", `Only keys of the partner ${PLATFORM_TENANT} may do this.`);
  enterPlatformTenant(call, directory);
  return keyIdOf(call) || "operator";
}

export function addSupport(routes: Routes, deps: WalletDeps): void {
  addReads(routes, deps);
  addStatusChange(
    routes,
    deps,
    "freeze",
    "Freeze a wallet: no debits and no new holds",
    "Credits still arrive, and older holds and withdrawals can end. Sessions stay: the user may log in and read.",
  );
  addStatusChange(routes, deps, "unfreeze", "Unfreeze a wallet");
  addLimits(routes, deps);
  addClose(routes, deps);
}

function addReads(routes: Routes, { ledger, directory }: WalletDeps): void {
  const { params, ...shared } = supportRoute;
  addListRoute(
    routes,
    {
      path: PATH,
      ...shared,
      summary: "Find a wallet user by e-mail",
      description: "One user, or none.",
      query: LookUp,
      row: ProfileSchema,
    },
    async (_, call, { email }) => {
      enterAsSupport(call, directory);
      const profile = await ledger.ask(PLATFORM_TENANT, askProfileOf(email));
      return { data: profile === null ? [] : [profile], cursors: [""], nextCursor: null };
    },
    profileJson,
  );
  addReadRoute(
    routes,
    {
      path: `${PATH}/{id}`,
      ...shared,
      params,
      summary: "Get a wallet user",
      answer: theUser,
      problems: ["wallet_user_not_found"],
    },
    (request, call) => {
      enterAsSupport(call, directory);
      return profileOf(ledger, orderIdOf(request));
    },
    profileJson,
  );
}

/** @throws Problem 404 */
export async function profileOf(ledger: Ledger, id: string): Promise<UserProfile> {
  const found = USER_ID.test(id) ? await ledger.askAll(PLATFORM_TENANT, askProfile(id)) : [];
  const profile = found.find((each) => each !== null);
  if (profile) return profile;
  throw new Problem("wallet_user_not_found", `There is no wallet user ${id}.`);
}

/** Where acts of the platform about a wallet are decided, and whose their idempotency keys are. */
export function supportScope(wallet: string): KeyScope & Readonly<{ vnode: number }> {
  return { owner: supportSubject(wallet), vnode: vnodeOfWallet(wallet) };
}

function changeRoute(
  verb: string,
  summary: string,
  problems: NonNullable<RouteDescription["problems"]>,
): RouteDescription {
  return {
    method: "post",
    path: `${PATH}/{id}/${verb}`,
    ...supportRoute,
    summary,
    answer: theUser,
    problems: ["wallet_user_not_found", ...problems, ...IDEMPOTENCY_PROBLEMS],
  };
}

function addStatusChange(
  routes: Routes,
  { ledger, directory }: WalletDeps,
  verb: "freeze" | "unfreeze",
  summary: string,
  description = "",
): void {
  routes.add(
    { ...changeRoute(verb, summary, ["account_closed"]), ...(description !== "" && { description }) },
    async (request, call) => {
      enterAsSupport(call, directory);
      const header = await readBareChange(request, call);
      const { walletId: wallet } = await profileOf(ledger, orderIdOf(request));
      const { owner, vnode } = supportScope(wallet);
      const act = walletAct(`${verb}_wallet`, owner, { vnode, wallet });
      return submitChange(ledger, call, actAlone(header, act));
    },
  );
}

function addLimits(routes: Routes, { ledger, directory }: WalletDeps): void {
  routes.add(
    {
      ...changeRoute("limits", "Replace the limits of a wallet", ["account_closed"]),
      method: "put",
      body: { schema: LimitsBody },
    },
    async (request, call) => {
      enterAsSupport(call, directory);
      const { value, header } = await readChange(request, call, LimitsBody);
      const { walletId: wallet } = await profileOf(ledger, orderIdOf(request));
      const { owner, vnode } = supportScope(wallet);
      const act = walletAct("limit_wallet", owner, { vnode, wallet, limits: limitsOf(value.limits) });
      return submitChange(ledger, call, actAlone(header, act));
    },
  );
}

function addClose(routes: Routes, { ledger, directory }: WalletDeps): void {
  routes.add(
    {
      ...changeRoute("close", "Close a wallet for good", ["account_not_empty"]),
      description:
        "The balance and what is held must be 0, and no payment request of the wallet and no hold for it may be pending. " +
        "Payment requests to it are declined, its sessions end, and its logins are `bad_credentials`. The e-mail stays " +
        "bound: nobody can sign up with it.",
    },
    async (request, call) => {
      enterAsSupport(call, directory);
      const header = await readBareChange(request, call);
      const { walletId: wallet } = await profileOf(ledger, orderIdOf(request));
      const { owner, vnode } = supportScope(wallet);
      const command = await firstOrNew(ledger, header, { owner, vnode }, async () => {
        const open = await ledger.askAll(PLATFORM_TENANT, askOpenFor(wallet));
        const openElsewhere = open.reduce((sum, each) => sum + each, 0);
        return actAlone(header, walletAct("close_wallet", owner, { vnode, wallet, openElsewhere }));
      });
      return submitChange(ledger, call, command);
    },
  );
}

/** The answer shows the user and the account as the record of the act has them. */
async function submitChange(
  ledger: Ledger,
  call: Call,
  command: ActAlone<
    | WalletAct<"freeze_wallet">
    | WalletAct<"unfreeze_wallet">
    | WalletAct<"limit_wallet">
    | WalletAct<"close_wallet">
  >,
): Promise<HttpAnswer> {
  const answer = await ledger.submit(command);
  return decidedAnswer(call, withWalletCodes(answer, { account_closed: "account_closed" }), 200, (done) => {
    assert(done.account !== undefined, "the act changes the wallet's account");
    const user: SupportedUser = effectOf(command.act, done);
    return profileJson({ ...user, ...stateOf(done.account) });
  });
}

function stateOf({ asset, status, posted, held, limits = [] }: AccountView) {
  return { asset, status, posted, held, limits };
}

function profileJson(profile: UserProfile): string {
  const { userId, walletId, name, email, status, asset, posted, held, limits, createdAtMs } = profile;
  const user = JSON.stringify({ user_id: userId, wallet_id: walletId, name, email, status, asset });
  const balances = `"balance":${posted},"held":${held},"available":${posted - held}`;
  return `${user.slice(0, -1)},${balances},"limits":[${limitsJson(limits)}],"created_at":"${timeTextOf(createdAtMs)}"}`;
}
