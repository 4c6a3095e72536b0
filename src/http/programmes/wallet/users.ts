/** Routes that take a password: sign-up, login and password change, and their rate limits. */
import { z } from "@hono/zod-openapi";
import { vnodeOfAccount } from "../../../actors/ledger/routing.ts";
import {
  emailSubject,
  PLATFORM_TENANT,
  type SessionView,
  type WalletAct,
  walletAccount,
  walletAct,
} from "../../../actors/programmes/wallet/acts.ts";
import { askCredential } from "../../../actors/programmes/wallet/questions.ts";
import { type ActAlone, actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Answer } from "../../../gateway/ports.ts";
import type { Call } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Email } from "../../input/email.ts";
import { Name } from "../../input/fields.ts";
import { check } from "../../input/validation.ts";
import { type AppliedLimit, attempt, RateLimit } from "../../limits/rate-limit.ts";
import type { WindowCounters } from "../../limits/window-counters.ts";
import { Problem } from "../../problem.ts";
import { readChange } from "../../read-change.ts";
import type { HttpRequest } from "../../request.ts";
import type { Routes } from "../../routes.ts";
import { LOGIN_BYTES_MAX, readJson } from "../../server/body.ts";
import { decidedAnswer, effectOf, isDone } from "../../write-answers.ts";
import { NewPassword, type Passwords, TypedPassword } from "./passwords.ts";
import {
  enterPlatformTenant,
  findSession,
  KEYLESS,
  newToken,
  sessionRoute,
  type WalletDeps,
  withSession,
} from "./session.ts";
import { loggedIn, signedUp, theUser, userJson } from "./user-view.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Failures per minute of one e-mail from one address, or of one user's known devices. */
const FAILURES_MAX = 10;
/** Failures per minute of one e-mail from all addresses, or of one address, which many people may share. */
const FAILURES_OF_MANY_MAX = 100;
/** Wrong reset tokens per minute from one address. */
export const WRONG_RESETS_MAX = 10;
/** Sign-ups per hour from one address. */
const SIGN_UPS_MAX = 500;

export type LoginAttempt = Readonly<{
  email: string;
  address: string;
  /** The request carries a session of that user. Counted separately: neither kind of caller can lock out the other. */
  isKnown: boolean;
}>;

/** Rate limits of failed logins and resets, and of sign-ups. */
export class LoginLimits {
  readonly #byEmailAndAddress: RateLimit;
  readonly #byEmail: RateLimit;
  readonly #byAddress: RateLimit;
  readonly #ofKnownDevice: RateLimit;
  readonly #resets: RateLimit;
  readonly #signUps: RateLimit;

  constructor(counters: WindowCounters) {
    const rate = (name: string, limit: number, windowMs = MINUTE_MS) =>
      new RateLimit({ name, limit, windowMs, counters });
    this.#byEmailAndAddress = rate("login", FAILURES_MAX);
    this.#byEmail = rate("login of e-mail", FAILURES_OF_MANY_MAX);
    this.#byAddress = rate("login from address", FAILURES_OF_MANY_MAX);
    this.#ofKnownDevice = rate("login of known device", FAILURES_MAX);
    this.#resets = rate("password reset", WRONG_RESETS_MAX);
    this.#signUps = rate("sign-up", SIGN_UPS_MAX, HOUR_MS);
  }

  /** Counts the attempt if it fails. @throws Problem 429 */
  attempt<T>(login: LoginAttempt, make: () => Promise<T>, hasFailed: (result: T) => boolean): Promise<T> {
    return attempt(this.#limitsOf(login), make, hasFailed);
  }

  /** Counts the reset if it fails. @throws Problem 429 */
  reset<T>(address: string, make: () => Promise<T>, hasFailed: (result: T) => boolean): Promise<T> {
    return attempt([{ rate: this.#resets, key: address }], make, hasFailed);
  }

  /** @throws Problem 429 */
  signUp(address: string): void {
    this.#signUps.take(address);
  }

  #limitsOf({ email, address, isKnown }: LoginAttempt): readonly AppliedLimit[] {
    if (isKnown) return [{ rate: this.#ofKnownDevice, key: email }];
    return [
      { rate: this.#byEmailAndAddress, key: `${email}\0${address}` },
      { rate: this.#byEmail, key: email },
      { rate: this.#byAddress, key: address },
    ];
  }
}

const LOGIN = { bytesMax: LOGIN_BYTES_MAX };

export const NewUser = z
  .strictObject({ name: Name, email: Email, password: NewPassword })
  .openapi("NewWalletUser", {
    example: { name: "Ann", email: "ann@example.com", password: "correct horse battery" },
  });
export const Login = z.strictObject({ email: Email, password: TypedPassword }).openapi("WalletLogin");
export const PasswordChange = z
  .strictObject({ password: TypedPassword, new_password: NewPassword })
  .openapi("WalletPasswordChange");

/** Shared by all who take a password: their rate limits, and the slots for hashing. */
export type PasswordDeps = WalletDeps & Readonly<{ passwords: Passwords; limits: LoginLimits }>;

export function addUsers(routes: Routes, deps: PasswordDeps): void {
  addSignUp(routes, deps);
  addLogin(routes, deps);
  addPassword(routes, deps);
}

function addSignUp(routes: Routes, deps: PasswordDeps): void {
  const { directory } = deps;
  routes.add(
    {
      method: "post",
      operationId: "signUp",
      path: "/v1/wallet/signup",
      access: "open",
      group: "wallet",
      summary: "Open a wallet and log in",
      description:
        "A retry with the same idempotency key starts no session and shows no token: log in instead. A retry with " +
        "another password gets `idempotency_key_reused`. More than 500 sign-ups an hour from one address are " +
        "`rate_limited`.",
      body: { schema: NewUser },
      answer: { status: 201, ...signedUp },
      problems: ["email_taken", "forbidden", "rate_limited", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      enterPlatformTenant(call, directory);
      const { value, header } = await readChange(request, call, NewUser, {
        shown: ({ name, email }) => [name, email],
        ...LOGIN,
      });
      const { act, answer, token } = await openWallet(deps, request, header, value);
      if (!isDone(answer)) return decidedAnswer(call, answer, 201, () => null);
      const response = decidedAnswer<ActAlone>(call, answer, 201, (done) =>
        userJson(effectOf(act, done), token),
      );
      return token === null ? response : deps.cookie.set(request, response, token);
    },
  );
}

type OpenedWallet = Readonly<{
  act: WalletAct<"sign_up">;
  answer: Answer<ActAlone>;
  /** Of the new session; `null` in a retry, which starts none. */
  token: string | null;
}>;

/**
 * Opens a wallet and a session. The header's fingerprint must not contain the password, so that nobody can guess it from the
 * log; so a retry must prove it.
 *
 * @throws Problem 422, 429
 */
export async function openWallet(
  deps: PasswordDeps,
  request: HttpRequest,
  header: CommandHeader,
  { name, email, password }: z.infer<typeof NewUser>,
): Promise<OpenedWallet> {
  const { ledger, random, assets, passwords, limits, clientAddress } = deps;
  const subject = emailSubject(email);
  const token = newToken(vnodeOfAccount(PLATFORM_TENANT, subject), random);
  const address = clientAddress(request);
  limits.signUp(address);
  const passwordHash = await passwords.hash(password, address);
  const user = { email, name, password: passwordHash, session: token.id, asset: assets.wallet };
  const act = walletAct("sign_up", subject, user);
  const answer = await ledger.submit(actAlone(header, act));
  const isReplay = isDone(answer) && answer.replayed;
  const login = { email, address, isKnown: false };
  if (isReplay && (await credentialFor(deps, login, password)) === undefined)
    throw new Problem("idempotency_key_reused");
  return { act, answer, token: isReplay ? null : token.text };
}

function addLogin(routes: Routes, deps: PasswordDeps): void {
  routes.add(
    {
      method: "post",
      operationId: "logIn",
      path: "/v1/wallet/login",
      access: "open",
      group: "wallet",
      summary: "Log in",
      description:
        "Each login starts a session; a user's 51st ends the oldest. Logins are `rate_limited` after 10 failures a " +
        "minute for one e-mail from one address, or after 100 for one e-mail or from one address. Requests that carry " +
        "a session of the user are counted separately. The idempotency key is ignored.",
      body: { schema: Login },
      answer: { status: 200, ...loggedIn },
      problems: ["bad_credentials", "forbidden", "rate_limited"],
    },
    async (request, call) => {
      enterPlatformTenant(call, deps.directory);
      const { email, password } = check(Login, await readJson(request, LOGIN));
      const opened = await openSession(deps, request, email, password);
      if (opened === "wrong") throw new Problem("bad_credentials");
      const { act, answer, token } = opened;
      const response = decidedAnswer(call, answer, 200, (done) => userJson(effectOf(act, done), token));
      return deps.cookie.set(request, response, token);
    },
  );
}

type OpenedSession = Readonly<{
  act: WalletAct<"open_session">;
  answer: Answer<ActAlone>;
  token: string;
}>;

/** Opens a session if the password is right. @throws Problem 429 */
export async function openSession(
  deps: PasswordDeps,
  request: HttpRequest,
  email: string,
  password: string,
): Promise<OpenedSession | "wrong"> {
  const { ledger, random, clientAddress } = deps;
  const isKnown = (await findSession(request, deps))?.email === email;
  const credential = await credentialFor(deps, { email, address: clientAddress(request), isKnown }, password);
  if (credential === undefined) return "wrong";
  const subject = emailSubject(email);
  const token = newToken(vnodeOfAccount(PLATFORM_TENANT, subject), random);
  const act = walletAct("open_session", subject, { email, credential, session: token.id });
  const opened = await ledger.submit(actAlone(KEYLESS, act));
  // The ledger rejects it if the password was changed after the comparison.
  const isRejected = "outcome" in opened && !opened.outcome.ok;
  return isRejected ? "wrong" : { act, answer: opened, token: token.text };
}

/** The credential number of the password; `undefined` if the password is wrong. @throws Problem 429 */
async function credentialFor(
  { ledger, passwords, limits }: PasswordDeps,
  login: LoginAttempt,
  password: string,
): Promise<number | undefined> {
  const { email, address, isKnown } = login;
  const owner = isKnown ? `user ${email}` : address;
  const compare = async () => {
    const stored = await ledger.ask(PLATFORM_TENANT, askCredential(email));
    return (await passwords.isRight(password, stored?.password, owner)) ? stored?.credential : undefined;
  };
  return limits.attempt(login, compare, (credential) => credential === undefined);
}

function addPassword(routes: Routes, deps: PasswordDeps): void {
  routes.add(
    {
      method: "post",
      operationId: "changePassword",
      path: "/v1/wallet/password",
      ...sessionRoute,
      summary: "Change the password and end all sessions",
      description: "The idempotency key is ignored, because a retry has no session.",
      body: { schema: PasswordChange },
      answer: theUser,
      problems: ["bad_credentials", "rate_limited"],
    },
    withSession(deps, async (request: HttpRequest, call: Call, session) => {
      const value = check(PasswordChange, await readJson(request, LOGIN));
      const { act, answer } = await changePassword(deps, request, session, value);
      const response = decidedAnswer(call, answer, 200, (done) => userJson(effectOf(act, done)));
      return deps.cookie.clear(request, response);
    }),
  );
}

/** Changes the password of a session's user and ends all of the user's sessions. @throws Problem 401, 429 */
export async function changePassword(
  deps: PasswordDeps,
  request: HttpRequest,
  { walletId, email }: SessionView,
  { password, new_password }: z.infer<typeof PasswordChange>,
): Promise<Readonly<{ act: WalletAct<"change_password">; answer: Answer<ActAlone> }>> {
  const { ledger, passwords, clientAddress } = deps;
  const login = { email, address: clientAddress(request), isKnown: true };
  const credential = await credentialFor(deps, login, password);
  if (credential === undefined) throw new Problem("bad_credentials");
  const hash = await passwords.hash(new_password, `user ${email}`);
  const fields = { wallet: walletId, credential, password: hash };
  const act = walletAct("change_password", walletAccount(walletId), fields);
  return { act, answer: await ledger.submit(actAlone(KEYLESS, act)) };
}
