/**
 * Wallet users, their passwords and their sessions. Everything of a user, including the wallet's account, is on the
 * home shard of the e-mail. That shard keeps e-mails unique; a session token contains the vnode, so it routes without
 * a lookup.
 */

import { assert } from "../../../errors/assert.ts";
import { type Account, viewOf as accountViewOf } from "../../ledger/account.ts";
import { vnodeOfAccount } from "../../ledger/routing.ts";
import { textBytes } from "../../quotas/bytes.ts";
import { actAlone, type Command, reject } from "../../records/command.ts";
import { keyless } from "../../records/command-header.ts";
import type { Changes, Decision, Decisions, ProgrammeContext, ScheduledCommand } from "../programme.ts";
import {
  type CredentialView,
  emailSubject,
  PLATFORM_TENANT,
  SESSION_MS_MAX,
  type SessionView,
  type SupportedUser,
  sessionSubject,
  type UserActs,
  type UserProfile,
  type UserView,
  type WalletAct,
  walletAccount,
  walletAct,
} from "./acts.ts";
import { drawId, drawIdAt } from "./ids.ts";

const HOUR_MS = 60 * 60 * 1000;
/** A session expires when it was not used for `IDLE_MS`, and at the latest `SESSION_MS_MAX` after it was opened. */
const IDLE_MS = 24 * HOUR_MS;
/** Per user. One more ends the oldest replaced session, or else the oldest session. */
const SESSIONS_MAX = 50;

interface User extends UserView {
  readonly asset: string;
  readonly createdAtMs: number;
  password: string;
  /** The token by which the password can be reset; the newest one only. */
  reset: Reset | null;
  /** Number of the password: 1, 2, 3, … */
  credential: number;
  /** By the time of opening. */
  readonly sessions: Session[];
}

/** `token`: SHA-256 of the token, in hex. */
type Reset = Readonly<{ token: string; expiresAtMs: number }>;

interface Session {
  readonly id: string;
  readonly user: User;
  readonly openedAtMs: number;
  touchedAtMs: number;
  /** Latest end of a session that a refresh has replaced, in ms; `null` if it was not replaced. */
  replacedUntilMs: number | null;
  expiryCommand: ScheduledCommand;
}

/** `replacedUntilMs`: one value, or none if the session was not replaced. */
type StoredSession = readonly [
  id: string,
  openedAtMs: number,
  touchedAtMs: number,
  ...replacedUntilMs: number[],
];
export type UserItem = readonly [
  "user",
  view: UserView,
  asset: string,
  createdAtMs: number,
  password: string,
  credential: number,
  sessions: readonly StoredSession[],
  ...reset: readonly [] | readonly [token: string, expiresAtMs: number],
];

/** Approximate size in memory, including the password hash. */
const USER_BYTES = 1_000;

export class Users {
  readonly #context: ProgrammeContext;
  readonly #byEmail = new Map<string, User>();
  readonly #byWallet = new Map<string, User>();
  readonly #byId = new Map<string, User>();
  readonly #resets = new Map<string, User>();
  readonly #sessions = new Map<string, Session>();

  constructor(context: ProgrammeContext) {
    this.#context = context;
  }

  /** Whether there is an open wallet with this id. */
  has(wallet: string): boolean {
    return this.#isOpen(this.#byWallet.get(wallet));
  }

  /** The user of a wallet, open or closed. */
  user(wallet: string): SupportedUser | undefined {
    const user = this.#byWallet.get(wallet);
    return user && { ...viewOf(user), createdAtMs: user.createdAtMs };
  }

  readonly decisions: Decisions<UserActs> = {
    sign_up: (act) => this.#decideSignUp(act),
    // The password may have changed while the gateway verified it.
    open_session: ({ email, credential }) => {
      const user = this.#byEmail.get(email);
      return this.#isOpen(user) ? ofUser(user, credential) : reject("bad_credentials");
    },
    touch_session: ({ session }) => ofUser(this.#sessions.get(session)?.user),
    refresh_session: ({ session }) => ofUser(this.#sessions.get(session)?.user),
    end_session: ({ session }) => ofUser(this.#sessions.get(session)?.user),
    change_password: ({ wallet, credential }) => ofUser(this.#byWallet.get(wallet), credential),
    deposit: ({ ref }, { isTaken, takenBy }) =>
      isTaken ? reject("duplicate_reference", takenBy || ref) : { ok: true, effect: null },
    send: () => ({ ok: true, effect: null }),
  };

  readonly changes: Changes<UserActs> = {
    sign_up: ({ asset, password, session }, view, { timeMs }) => {
      const common = { ...view, asset, password, createdAtMs: timeMs };
      const user: User = { ...common, credential: 1, sessions: [], reset: null };
      this.#add(user);
      this.#open(user, session, timeMs, timeMs);
    },
    open_session: ({ email, session }, _, { timeMs }) => {
      const user = this.#byEmail.get(email);
      assert(user !== undefined, "the user of a new session exists");
      this.#open(user, session, timeMs, timeMs);
    },
    touch_session: ({ session: id }, _, { timeMs }) => {
      const session = this.#sessionOf(id);
      session.touchedAtMs = timeMs;
      this.#reschedule(session);
    },
    refresh_session: ({ session: id, next, graceMs }, _, { timeMs }) => {
      const session = this.#sessionOf(id);
      const { user, openedAtMs } = session;
      if (graceMs === undefined) this.#end(id);
      else {
        session.replacedUntilMs ??= timeMs + graceMs;
        this.#reschedule(session);
      }
      this.#open(user, next, openedAtMs, timeMs);
    },
    end_session: ({ session }) => this.#end(session),
    change_password: ({ wallet, password }) => this.#setPassword(this.#byWallet.get(wallet), password),
    deposit: () => {},
    send: () => {},
  };

  /** `null` also for a closed wallet, so that a login is answered as for an unknown e-mail. */
  credentialOf(email: string): CredentialView | null {
    const user = this.#byEmail.get(email);
    if (!this.#isOpen(user)) return null;
    return { password: user.password, credential: user.credential };
  }

  walletOf(email: string): string | null {
    const user = this.#byEmail.get(email);
    return this.#isOpen(user) ? user.walletId : null;
  }

  profile(id: string): UserProfile | null {
    return this.#profileOf(this.#byId.get(id));
  }

  profileOf(email: string): UserProfile | null {
    return this.#profileOf(this.#byEmail.get(email));
  }

  canReset(token: string, nowMs: number): boolean {
    return this.#userOfReset(token, nowMs) !== undefined;
  }

  decideReset(token: string, nowMs: number): Decision<UserView, never> {
    const user = this.#userOfReset(token, nowMs);
    return user === undefined ? reject("bad_reset_token") : { ok: true, effect: viewOf(user) };
  }

  resetPassword(token: string, password: string): void {
    this.#setPassword(this.#resets.get(token), password);
  }

  /** A new token replaces the one before. */
  issueReset(wallet: string, reset: Reset): void {
    const user = this.#byWallet.get(wallet);
    assert(user !== undefined, "the user of a reset exists");
    this.#setReset(user, reset);
  }

  /** Ends all sessions of a wallet that is closed. */
  close(wallet: string): void {
    const user = this.#byWallet.get(wallet);
    assert(user !== undefined, "the user of a closed wallet exists");
    this.#setReset(user, null);
    this.#endSessions(user);
  }

  session(id: string, nowMs: number): SessionView | null {
    const session = this.#sessions.get(id);
    if (session === undefined) return null;
    const { user, touchedAtMs } = session;
    return { ...viewOf(user), session: id, unusedMs: nowMs - touchedAtMs, asset: user.asset };
  }

  *items(): Generator<UserItem> {
    for (const user of this.#byEmail.values()) {
      const sessions = user.sessions.map(storedSession);
      const { asset, createdAtMs, password, credential, reset } = user;
      const stored = reset === null ? ([] as const) : ([reset.token, reset.expiresAtMs] as const);
      yield ["user", viewOf(user), asset, createdAtMs, password, credential, sessions, ...stored];
    }
  }

  restore(item: UserItem): void {
    const [, view, asset, createdAtMs, password, credential, sessions, token, expiresAtMs = 0] = item;
    const user: User = { ...view, asset, createdAtMs, password, credential, sessions: [], reset: null };
    this.#add(user);
    if (token !== undefined) this.#setReset(user, { token, expiresAtMs });
    for (const [id, openedAtMs, touchedAtMs, replacedUntilMs = null] of sessions)
      this.#open(user, id, openedAtMs, touchedAtMs, replacedUntilMs);
  }

  /** The wallet id is drawn so that its account is on this shard: only this shard knows whether the e-mail is taken. */
  #decideSignUp({ email, name, subject, asset }: WalletAct<"sign_up">): Decision<UserView, never> {
    if (this.#byEmail.has(email)) return reject("email_taken", email);
    const { random } = this.#context;
    const vnode = vnodeOfAccount(PLATFORM_TENANT, subject);
    const userId = drawId("usr", random);
    const walletId = drawIdAt(vnode, PLATFORM_TENANT, walletAccount, "wal", random);
    const effect = { userId, walletId, name, email };
    return { ok: true, effect, opens: { id: walletAccount(walletId), asset } };
  }

  #add(user: User): void {
    this.#byEmail.set(user.email, user);
    this.#byWallet.set(user.walletId, user);
    this.#byId.set(user.userId, user);
    this.#context.countBytes?.(PLATFORM_TENANT, USER_BYTES + textBytes(user.email) + textBytes(user.name));
  }

  #accountOf(user: User | undefined): Account | undefined {
    return user && this.#context.account(PLATFORM_TENANT, walletAccount(user.walletId));
  }

  #isOpen(user: User | undefined): user is User {
    return user !== undefined && this.#accountOf(user)?.status !== "closed";
  }

  #profileOf(user: User | undefined): UserProfile | null {
    const account = this.#accountOf(user);
    if (user === undefined || account === undefined) return null;
    const { asset, status, posted, held, limits = [] } = accountViewOf(account);
    return { ...viewOf(user), createdAtMs: user.createdAtMs, asset, status, posted, held, limits };
  }

  #userOfReset(token: string, nowMs: number): User | undefined {
    const user = this.#resets.get(token);
    return user?.reset && user.reset.expiresAtMs > nowMs ? user : undefined;
  }

  #setReset(user: User, reset: Reset | null): void {
    if (user.reset !== null) this.#resets.delete(user.reset.token);
    user.reset = reset;
    if (reset !== null) this.#resets.set(reset.token, user);
  }

  /** Whoever knows the old password, or holds a token for it, has nothing any more. */
  #setPassword(user: User | undefined, password: string): void {
    assert(user !== undefined, "the user of a changed password exists");
    user.password = password;
    user.credential += 1;
    this.#setReset(user, null);
    this.#endSessions(user);
  }

  #endSessions(user: User): void {
    for (const { id } of user.sessions.toReversed()) this.#end(id);
  }

  #open(
    user: User,
    id: string,
    openedAtMs: number,
    touchedAtMs: number,
    replacedUntilMs: number | null = null,
  ): void {
    if (user.sessions.length >= SESSIONS_MAX) {
      const replaced = user.sessions.find((session) => session.replacedUntilMs !== null);
      const ended = replaced ?? user.sessions[0];
      if (ended !== undefined) this.#end(ended.id);
    }
    const opened = { id, user, openedAtMs, touchedAtMs, replacedUntilMs };
    const session: Session = { ...opened, expiryCommand: expiryCommandOf(opened) };
    user.sessions.push(session);
    this.#sessions.set(id, session);
    this.#context.scheduler.add(session.expiryCommand);
  }

  #reschedule(session: Session): void {
    this.#context.scheduler.remove(session.expiryCommand);
    session.expiryCommand = expiryCommandOf(session);
    this.#context.scheduler.add(session.expiryCommand);
  }

  #end(id: string): void {
    const session = this.#sessionOf(id);
    this.#context.scheduler.remove(session.expiryCommand);
    this.#sessions.delete(id);
    session.user.sessions.splice(session.user.sessions.indexOf(session), 1);
  }

  #sessionOf(id: string): Session {
    const session = this.#sessions.get(id);
    assert(session !== undefined, "the session of an act exists");
    return session;
  }
}

/** The claimed name of a deposit: a bank uses each reference once. */
export function referenceClaim(bank: string, reference: string): string {
  return `deposit\0${bank}\0${reference}`;
}

/** @param credential the number of the user's password that was verified, if the act depends on it. */
function ofUser(user: User | undefined, credential = user?.credential): Decision<UserView, never> {
  const isRight = user !== undefined && user.credential === credential;
  return isRight ? { ok: true, effect: viewOf(user) } : reject("bad_credentials");
}

function viewOf({ userId, walletId, name, email }: User): UserView {
  return { userId, walletId, name, email };
}

function storedSession({ id, openedAtMs, touchedAtMs, replacedUntilMs }: Session): StoredSession {
  return replacedUntilMs === null
    ? [id, openedAtMs, touchedAtMs]
    : [id, openedAtMs, touchedAtMs, replacedUntilMs];
}

function expiryCommandOf(session: Omit<Session, "expiryCommand">): ScheduledCommand {
  const { id, user, openedAtMs, touchedAtMs, replacedUntilMs } = session;
  const subject = sessionSubject(id);
  return {
    partner: PLATFORM_TENANT,
    endsAtMs: Math.min(touchedAtMs + IDLE_MS, openedAtMs + SESSION_MS_MAX, replacedUntilMs ?? Infinity),
    id: subject,
    place: -1,
    subjects: [subject],
    command: () => sessionEndOf(user, id),
  };
}

function sessionEndOf({ email }: User, session: string): Command {
  const subject = sessionSubject(session);
  const vnode = vnodeOfAccount(PLATFORM_TENANT, emailSubject(email));
  return actAlone(keyless(PLATFORM_TENANT), walletAct("end_session", subject, { vnode, session }));
}
