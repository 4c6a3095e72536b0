/** What a password is shown for: sign-up, login, and another password. */
import { z } from "@hono/zod-openapi";
import { vnodeOfAccount } from "../../../actors/ledger/routing.ts";
import {
  askCredential,
  type ChangePassword,
  emailSubject,
  type OpenSession,
  PLATFORM_TENANT,
  type SignUp,
  type UserView,
  walletAccount,
} from "../../../actors/programmes/wallet/acts.ts";
import type { ActAlone } from "../../../actors/records/command.ts";
import type { Answer } from "../../../gateway/ports.ts";
import type { Call } from "../../call.ts";
import { actOf, readChange } from "../../change.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Email } from "../../input/email.ts";
import { Name } from "../../input/fields.ts";
import { check } from "../../input/validation.ts";
import { attempt, type Limited, RateLimit } from "../../limits/rate-limit.ts";
import type { WindowCounters } from "../../limits/window-counters.ts";
import { Problem } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import type { Routes } from "../../routes.ts";
import { LOGIN_BYTES_MAX, readJson } from "../../server/body.ts";
import { decidedAnswer, isDone } from "../../writes.ts";
import { NewPassword, Passwords, TypedPassword } from "./passwords.ts";
import {
  enterPlatformTenant,
  KEYLESS,
  newToken,
  ofSession,
  sentSession,
  type WalletDeps,
  withSession,
} from "./session.ts";
import { loggedIn, signedUp, theUser, userJson } from "./user-view.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Failures of one e-mail from one address; and of one user's own devices. */
const FAILURES_MAX = 10;
/** Of one e-mail from all addresses, and from one address with all e-mails: many people may share one. */
const FAILURES_OF_MANY_MAX = 100;
const SIGN_UPS_MAX = 500;

/** Whose password is tried, and by whom. */
export type Try = Readonly<{
  email: string;
  address: string;
  /** It comes with a session of that user: nobody else's failures keep it out, nor do its failures keep out others. */
  isKnown: boolean;
}>;

export class LoginLimits {
  readonly #ofBoth: RateLimit;
  readonly #ofEmail: RateLimit;
  readonly #ofAddress: RateLimit;
  readonly #ofKnown: RateLimit;
  readonly #signUps: RateLimit;

  constructor(counters: WindowCounters) {
    const rate = (name: string, limit: number, windowMs = MINUTE_MS) =>
      new RateLimit({ name, limit, windowMs, counters });
    this.#ofBoth = rate("login", FAILURES_MAX);
    this.#ofEmail = rate("login of e-mail", FAILURES_OF_MANY_MAX);
    this.#ofAddress = rate("login from address", FAILURES_OF_MANY_MAX);
    this.#ofKnown = rate("login of known device", FAILURES_MAX);
    this.#signUps = rate("sign-up", SIGN_UPS_MAX, HOUR_MS);
  }

  /** Counts the try if it fails. @throws Problem 429 */
  attempt<T>(tried: Try, make: () => Promise<T>, hasFailed: (result: T) => boolean): Promise<T> {
    return attempt(this.#limitsOf(tried), make, hasFailed);
  }

  /** @throws Problem 429 */
  signUp(address: string): void {
    this.#signUps.take(address);
  }

  #limitsOf({ email, address, isKnown }: Try): readonly Limited[] {
    if (isKnown) return [{ rate: this.#ofKnown, key: email }];
    return [
      { rate: this.#ofBoth, key: `${email}\0${address}` },
      { rate: this.#ofEmail, key: email },
      { rate: this.#ofAddress, key: address },
    ];
  }
}

const LOGIN = { bytesMax: LOGIN_BYTES_MAX };

const NewUser = z.strictObject({ name: Name, email: Email, password: NewPassword }).openapi("NewWalletUser", {
  example: { name: "Ann", email: "ann@example.com", password: "correct horse battery" },
});
const Login = z.strictObject({ email: Email, password: TypedPassword }).openapi("WalletLogin");
const PasswordChange = z
  .strictObject({ password: TypedPassword, new_password: NewPassword })
  .openapi("WalletPasswordChange");

/** What sign-up, login and the change of a password share: their limits, and the slots for slow hashes. */
type Desk = WalletDeps & Readonly<{ passwords: Passwords; limits: LoginLimits }>;

export function addUsers(routes: Routes, deps: WalletDeps): void {
  const { random, counters } = deps;
  const desk: Desk = { ...deps, passwords: new Passwords(random), limits: new LoginLimits(counters) };
  addSignUp(routes, desk);
  addLogin(routes, desk);
  addPassword(routes, desk);
}

function addSignUp(routes: Routes, desk: Desk): void {
  const { ledger, directory, random, assets, passwords, limits, clientAddress } = desk;
  routes.add(
    {
      method: "post",
      operationId: "signUp",
      path: "/v1/wallet/signup",
      access: "open",
      group: "wallet",
      summary: "Open a wallet, and log in",
      description:
        "A replay begins no session and shows no token: log in. With another password it is another request. After " +
        "500 in an hour from one address the next ones are `rate_limited`.",
      body: { schema: NewUser },
      answer: { status: 201, ...signedUp },
      problems: ["email_taken", "forbidden", "rate_limited", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      enterPlatformTenant(call, directory);
      const { value, asked } = await readChange(request, call, NewUser, {
        shown: ({ name, email }) => [name, email],
        ...LOGIN,
      });
      const { name, email, password } = value;
      const subject = emailSubject(email);
      const token = newToken(vnodeOfAccount(PLATFORM_TENANT, subject), random);
      const address = clientAddress(request);
      limits.signUp(address);
      const hashed = await passwords.hash(password, address);
      const person = { email, name, password: hashed, session: token.id, asset: assets.wallet };
      const act: SignUp = { programme: "wallet", act: "sign_up", subject, ...person };
      const answer = await ledger.submit(actOf(asked, act));
      if (!isDone(answer)) return decidedAnswer(call, answer, 201, () => null);
      const isReplay = answer.replayed;
      // The stored fingerprint says nothing of the password, so that nobody can guess it from the log.
      const tried = { email, address, isKnown: false };
      if (isReplay && (await credentialFor(desk, tried, password)) === undefined)
        throw new Problem("idempotency_key_reused");
      const response = decidedAnswer<ActAlone>(call, answer, 201, ({ effect }) =>
        userJson(effect as UserView, isReplay ? null : token.text),
      );
      return isReplay ? response : desk.cookie.set(request, response, token.text);
    },
  );
}

function addLogin(routes: Routes, desk: Desk): void {
  routes.add(
    {
      method: "post",
      operationId: "logIn",
      path: "/v1/wallet/login",
      access: "open",
      group: "wallet",
      summary: "Log in",
      description:
        "Each login begins a session; of more than 50 the oldest ends. After 10 failures in a minute, for one " +
        "e-mail from one address, the next ones are `rate_limited`; and after 100 for one e-mail, or from one " +
        "address. What comes with a session of that user is counted for itself. An idempotency key means nothing here.",
      body: { schema: Login },
      answer: { status: 200, ...loggedIn },
      problems: ["bad_credentials", "forbidden", "rate_limited"],
    },
    async (request, call) => {
      enterPlatformTenant(call, desk.directory);
      const { email, password } = check(Login, await readJson(request, LOGIN));
      const opened = await openSession(desk, request, email, password);
      if (opened === "wrong") throw new Problem("bad_credentials");
      const { answer: opening, token } = opened;
      const response = decidedAnswer(call, opening, 200, ({ effect }) => userJson(effect as UserView, token));
      return desk.cookie.set(request, response, token);
    },
  );
}

type Opened = Readonly<{ answer: Answer<ReturnType<typeof actOf>>; token: string }>;

/** A new session for whoever knows the password. @throws Problem 429 */
async function openSession(
  desk: Desk,
  request: HttpRequest,
  email: string,
  password: string,
): Promise<Opened | "wrong"> {
  const { ledger, random, clientAddress } = desk;
  const isKnown = (await sentSession(request, desk))?.email === email;
  const credential = await credentialFor(desk, { email, address: clientAddress(request), isKnown }, password);
  if (credential === undefined) return "wrong";
  const subject = emailSubject(email);
  const token = newToken(vnodeOfAccount(PLATFORM_TENANT, subject), random);
  const act: OpenSession = {
    programme: "wallet",
    act: "open_session",
    subject,
    email,
    credential,
    session: token.id,
  };
  const opened = await ledger.submit(actOf(KEYLESS, act));
  const isChanged = "outcome" in opened && !opened.outcome.ok;
  return isChanged ? "wrong" : { answer: opened, token: token.text };
}

/** The number of the password, if this is it. @throws Problem 429 */
async function credentialFor(
  { ledger, passwords, limits }: Desk,
  tried: Try,
  password: string,
): Promise<number | undefined> {
  const { email, address, isKnown } = tried;
  const owner = isKnown ? `user ${email}` : address;
  const compare = async () => {
    const known = await ledger.ask(PLATFORM_TENANT, askCredential(email));
    return (await passwords.isRight(password, known?.password, owner)) ? known?.credential : undefined;
  };
  return limits.attempt(tried, compare, (credential) => credential === undefined);
}

function addPassword(routes: Routes, desk: Desk): void {
  const { ledger, cookie, passwords, clientAddress } = desk;
  routes.add(
    {
      method: "post",
      operationId: "changePassword",
      path: "/v1/wallet/password",
      ...ofSession,
      summary: "Change the password, which ends all sessions",
      description: "An idempotency key means nothing here: a repeat has no session any more.",
      body: { schema: PasswordChange },
      answer: theUser,
      problems: ["bad_credentials", "rate_limited"],
    },
    withSession(desk, async (request: HttpRequest, call: Call, { walletId, email }) => {
      const value = check(PasswordChange, await readJson(request, LOGIN));
      const tried = { email, address: clientAddress(request), isKnown: true };
      const credential = await credentialFor(desk, tried, value.password);
      if (credential === undefined) throw new Problem("bad_credentials");
      const password = await passwords.hash(value.new_password, `user ${email}`);
      const subject = walletAccount(walletId);
      const names = { programme: "wallet", act: "change_password", subject } as const;
      const act: ChangePassword = { ...names, wallet: walletId, credential, password };
      const changed = await ledger.submit(actOf(KEYLESS, act));
      const response = decidedAnswer(call, changed, 200, ({ effect }) => userJson(effect as UserView));
      return cookie.clear(request, response);
    }),
  );
}
