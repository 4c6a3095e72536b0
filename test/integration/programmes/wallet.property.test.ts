/**
 * Compares the wallet programme, without a server, with a plain model, and with its replay and its restored items.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Claims } from "../../../src/actors/ledger/limits/claims.ts";
import { vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import type { AcceptedAct } from "../../../src/actors/programmes/programme.ts";
import { claimOfAct } from "../../../src/actors/programmes/programmes.ts";
import { Scheduler } from "../../../src/actors/programmes/scheduler.ts";
import {
  bankSubject,
  emailSubject,
  PLATFORM_TENANT,
  sessionSubject,
  type UserView,
  vnodeOfWallet,
  type WalletAct,
  type WalletEffect,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import { Wallet } from "../../../src/actors/programmes/wallet/wallet.ts";
import type { JsonValue } from "../../../src/actors/records/act.ts";
import type { ActAlone } from "../../../src/actors/records/command.ts";
import { runs } from "../../actors/ledger/property-runs.ts";

const HOUR_MS = 60 * 60 * 1000;
const IDLE_MS = 24 * HOUR_MS;
const AGE_MS = 30 * 24 * HOUR_MS;
const EMAILS = ["ann@example.com", "bo@example.com", "cy@example.com"];

class Shard {
  readonly scheduler = new Scheduler();
  readonly wallet: Wallet;
  #drawn = 0;

  constructor() {
    const random = (bytes: number) => {
      this.#drawn += 1;
      return new Uint8Array(bytes).fill(this.#drawn % 256).fill(this.#drawn >> 8, 1);
    };
    this.wallet = new Wallet({
      shard: 0,
      shards: 1,
      account: () => undefined,
      random,
      scheduler: this.scheduler,
    });
  }

  get items(): readonly (readonly JsonValue[])[] {
    return structuredClone([...this.wallet.items()]);
  }
}

type Session = { email: string; openedAtMs: number; touchedAtMs: number; replacedUntilMs?: number };
type Request = { payer: string; requester: string; status: string; expiresAtMs: number };

/** A plain model of users, sessions and payment requests. */
class Model {
  readonly users = new Map<string, { wallet: string; credential: number }>();
  readonly sessions = new Map<string, Session>();
  readonly requests = new Map<string, Request>();
  readonly references = new Set<string>();

  end(nowMs: number): void {
    for (const [id, { openedAtMs, touchedAtMs, replacedUntilMs = Infinity }] of this.sessions)
      if (nowMs >= Math.min(touchedAtMs + IDLE_MS, openedAtMs + AGE_MS, replacedUntilMs))
        this.sessions.delete(id);
    for (const request of this.requests.values())
      if (request.status === "pending" && nowMs >= request.expiresAtMs) request.status = "expired";
  }
}

type Step = Readonly<{ kind: string; a: number; b: number; waitMs: number }>;

const KINDS = [
  "sign_up",
  "sign_up",
  "open_session",
  "open_session",
  "touch_session",
  "refresh_session",
  "end_session",
  "change_password",
  "deposit",
  "request_payment",
  "request_payment",
  "accept_request",
  "decline_request",
  "cancel_request",
] as const;

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    a: fc.nat(7),
    b: fc.nat(7),
    waitMs: fc.oneof(fc.constant(0), fc.nat(HOUR_MS), fc.nat(30 * HOUR_MS)),
  }),
  { minLength: 1, maxLength: 80, size: "max" },
);

/** Runs one history on a shard, on its replay and in the model. */
class History {
  readonly live = new Shard();
  readonly replayed = new Shard();
  readonly model = new Model();
  nowMs = 1_000_000;
  /** Claimed names, which the ledger keeps for its programmes. */
  readonly #claims = new Claims();
  #made = 0;

  take(step: Step): void {
    this.nowMs += step.waitMs;
    for (let due = this.live.scheduler.nextDue(this.nowMs); due !== undefined; ) {
      const { act } = due.command() as ActAlone;
      this.#apply(act as WalletAct, this.#decided(act as WalletAct));
      expect(due.place).toBe(-1);
      due = this.live.scheduler.nextDue(this.nowMs);
    }
    this.model.end(this.nowMs);
    this.#made += 1;
    const [act, expected, onDone] = this.#expectation(step);
    const name = claimOfAct(PLATFORM_TENANT, act);
    const isTaken = name !== undefined && this.#claims.takenBy(name) !== undefined;
    const decided = this.live.wallet.decide(act, {
      partner: PLATFORM_TENANT,
      nowMs: this.nowMs,
      amount: 1,
      isTaken,
      ...this.#creditOf(act),
    });
    expect(decided.ok ? "ok" : decided.code, JSON.stringify(act)).toBe(expected);
    if (!decided.ok) return;
    if (name !== undefined) this.#claims.take(name, `tr_${this.#made}`, { epoch: 1, seq: this.#made });
    this.#apply(act, decided);
    onDone(decided.effect);
  }

  /** The account that the transfer of an accepted payment request credits. */
  #creditOf(act: WalletAct): Readonly<{ credit?: string }> {
    const request = act.act === "accept_request" ? this.model.requests.get(act.request) : undefined;
    return request === undefined ? {} : { credit: walletAccount(request.requester) };
  }

  #decided(act: WalletAct): AcceptedAct<WalletEffect> {
    const decided = this.live.wallet.decide(act, { partner: PLATFORM_TENANT, nowMs: this.nowMs, amount: 0 });
    if (!decided.ok) throw new Error(`what is due was refused: ${decided.code}`);
    return decided;
  }

  #apply(act: WalletAct, { effect }: AcceptedAct<WalletEffect>): void {
    const done = { partner: PLATFORM_TENANT, timeMs: this.nowMs, transfer: `tr_${this.#made}`, amount: 1 };
    for (const { wallet } of [this.live, this.replayed]) wallet.apply(act, effect, done);
  }

  /** The act of a step, the expected outcome, and its change of the model. */
  #expectation(step: Step): readonly [WalletAct, string, (effect: WalletEffect) => void] {
    if (step.kind.endsWith("_request") || step.kind === "request_payment")
      return this.#expectationOfRequest(step);
    if (step.kind.endsWith("_session") && step.kind !== "open_session")
      return this.#expectationOfSession(step);
    const { kind, a, b } = step;
    const { users, sessions, references } = this.model;
    const email = EMAILS[a % EMAILS.length] as string;
    const user = users.get(email);
    const subject = emailSubject(email);
    const session = `s${this.#made}`;
    const opened = { email, openedAtMs: this.nowMs, touchedAtMs: this.nowMs };
    switch (kind) {
      case "sign_up": {
        const person = { name: "x", password: "hash", asset: "USD/2" };
        const act = { programme: "wallet", act: "sign_up", subject, email, session, ...person } as const;
        return [
          act,
          user === undefined ? "ok" : "email_taken",
          (effect) => {
            const { walletId } = effect as UserView;
            expect(vnodeOfWallet(walletId)).toBe(vnodeOfAccount(PLATFORM_TENANT, subject));
            users.set(email, { wallet: walletId, credential: 1 });
            sessions.set(session, opened);
          },
        ];
      }
      case "open_session": {
        const credential = Math.max(1, (user?.credential ?? 1) - (b % 2));
        const act = {
          programme: "wallet",
          act: "open_session",
          subject,
          email,
          session,
          credential,
        } as const;
        const isRight = user?.credential === credential;
        return [act, isRight ? "ok" : "bad_credentials", () => void sessions.set(session, opened)];
      }
      case "change_password": {
        const { wallet = "wal_none", credential = 1 } = user ?? {};
        const names = {
          programme: "wallet",
          act: "change_password",
          subject: walletAccount(wallet),
        } as const;
        return [
          { ...names, wallet, credential, password: `hash${this.#made}` },
          user === undefined ? "bad_credentials" : "ok",
          () => {
            if (user !== undefined) user.credential += 1;
            for (const [id, of] of sessions) if (of.email === email) sessions.delete(id);
          },
        ];
      }
      default: {
        const bank = `b${a % 2}`;
        const ref = b === 0 ? null : `r${b}`;
        const names = { programme: "wallet", act: "deposit", subject: bankSubject(bank) } as const;
        const isUsed = references.has(`${bank} ${ref}`);
        return [
          { ...names, wallet: "wal_x", bank, ref },
          ref !== null && isUsed ? "duplicate_reference" : "ok",
          () => void references.add(`${bank} ${ref}`),
        ];
      }
    }
  }

  #expectationOfSession({ kind, a, b }: Step): readonly [WalletAct, string, (effect: WalletEffect) => void] {
    const { sessions } = this.model;
    const session = [...sessions.keys()][a] ?? "gone";
    const known = sessions.get(session);
    const subject = sessionSubject(session);
    const names = { programme: "wallet", subject, vnode: 0, session } as const;
    const expected = known === undefined ? "bad_credentials" : "ok";
    const touched = { ...(known as Session), touchedAtMs: this.nowMs };
    switch (kind) {
      case "touch_session":
        return [{ ...names, act: "touch_session" }, expected, () => void sessions.set(session, touched)];
      case "refresh_session": {
        const next = `n${this.#made}`;
        // Older records have no grace period.
        const graceMs = b % 3 === 0 ? undefined : b * HOUR_MS;
        return [
          { ...names, act: "refresh_session", next, ...(graceMs !== undefined && { graceMs }) },
          expected,
          () => {
            if (graceMs === undefined) sessions.delete(session);
            else (known as Session).replacedUntilMs ??= this.nowMs + graceMs;
            const { replacedUntilMs: _, ...fresh } = touched;
            sessions.set(next, fresh);
          },
        ];
      }
      default:
        return [{ ...names, act: "end_session" }, expected, () => void sessions.delete(session)];
    }
  }

  #expectationOfRequest({ kind, a, b }: Step): readonly [WalletAct, string, (effect: WalletEffect) => void] {
    const { requests, users } = this.model;
    const wallets = [...[...users.values()].map((user) => user.wallet), "wal_none"];
    const wallet = wallets[a % wallets.length] as string;
    const named = { programme: "wallet", subject: walletAccount(wallet), wallet } as const;
    if (kind === "request_payment") {
      const payer = wallets[b % wallets.length] as string;
      const timeoutMs = (a + 1) * 5 * HOUR_MS;
      const act = {
        ...named,
        act: "request_payment",
        vnode: vnodeOfWallet(payer),
        payer,
        amount: 1,
        memo: null,
        timeoutMs,
      } as const;
      const isUnknown = payer === "wal_none";
      const expected = payer === wallet ? "same_account" : isUnknown ? "wallet_not_found" : "ok";
      return [
        act,
        expected,
        (effect) => {
          const { id, expiresAtMs } = effect as WalletEffect<"request_payment">;
          expect(expiresAtMs).toBe(this.nowMs + timeoutMs);
          requests.set(id, { payer, requester: wallet, status: "pending", expiresAtMs });
        },
      ];
    }
    const [id = "pr_none", request] = [...requests][b] ?? [];
    const role = kind === "cancel_request" ? request?.requester : request?.payer;
    const isOpen = request?.status === "pending";
    const expected = role !== wallet ? "payment_request_not_found" : isOpen ? "ok" : "already_decided";
    const ending = kind as "accept_request" | "decline_request" | "cancel_request";
    const ends = { accept_request: "accepted", decline_request: "declined", cancel_request: "cancelled" };
    return [
      { ...named, act: ending, vnode: 0, request: id },
      expected,
      () => {
        if (request !== undefined) request.status = ends[ending];
      },
    ];
  }
}

function sessionOf({ wallet }: Shard, id: string): JsonValue {
  return wallet.answer(PLATFORM_TENANT, ["session", id], 0);
}

test("random acts on users, sessions and payment requests give what a plain model gives; replay and a restored snapshot give the same state", () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const history = new History();
      for (const step of taken) history.take(step);
      const { live, replayed, model, nowMs } = history;
      for (const [id, { email }] of model.sessions) expect(sessionOf(live, id)).toMatchObject({ email });
      const { items } = live;
      const sessions = items.filter(([kind]) => kind === "user").flatMap((item) => item.at(-1));
      expect(sessions).toHaveLength(model.sessions.size);
      for (const [id, { status }] of model.requests)
        expect(live.wallet.answer(PLATFORM_TENANT, ["order", id], nowMs)).toMatchObject({ status });
      const restored = new Shard();
      for (const item of items) restored.wallet.restore(structuredClone(item));
      for (const other of [replayed, restored]) {
        expect(other.items).toEqual(items);
        expect(other.scheduler.nextDueMs).toBe(live.scheduler.nextDueMs);
      }
    }),
    { numRuns: runs(300) },
  );
});
