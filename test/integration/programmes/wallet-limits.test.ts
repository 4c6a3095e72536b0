/** The limits of wallets and sessions, and when the use of a session is recorded. */
import { expect, test } from "vitest";
import { Scheduler } from "../../../src/actors/programmes/scheduler.ts";
import {
  emailSubject,
  PLATFORM_TENANT,
  type SessionView,
  type UserView,
  vnodeOfWallet,
  type WalletAct,
  type WalletEffect,
  type WalletOrder,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import { Wallet } from "../../../src/actors/programmes/wallet/wallet.ts";
import { ORDERS_MAX } from "../../../src/actors/programmes/wallet/wallet-orders.ts";
import type { Command } from "../../../src/actors/records/command.ts";
import { answer, type Call } from "../../../src/http/call.ts";
import { Passwords } from "../../../src/http/programmes/wallet/passwords.ts";
import { newToken, type WalletDeps, withSession } from "../../../src/http/programmes/wallet/session.ts";
import type { HttpRequest } from "../../../src/http/request.ts";
import { randomBytes } from "../../../src/random.ts";

function wallets(): {
  wallet: Wallet;
  scheduler: Scheduler;
  submit: (act: WalletAct, transfer?: string) => WalletEffect | string;
  pass: (ms: number) => void;
} {
  const scheduler = new Scheduler();
  const place = { shard: 0, shards: 1, account: () => undefined, random: randomBytes, scheduler };
  const wallet = new Wallet(place);
  let timeMs = 0;
  const submit = (act: WalletAct, transfer = ""): WalletEffect | string => {
    timeMs += 1;
    const decided = wallet.decide(act, { partner: PLATFORM_TENANT, nowMs: timeMs, amount: 1 });
    if (!decided.ok) return decided.code;
    const { effect } = decided;
    wallet.apply(act, effect, { partner: PLATFORM_TENANT, timeMs, transfer, amount: 1 });
    return effect;
  };
  return { wallet, scheduler, submit, pass: (ms) => (timeMs += ms) };
}

function signUp(email: string): WalletAct {
  const person = { email, name: "x", password: "hash", session: `s ${email}`, asset: "USD/2" };
  return { programme: "wallet", act: "sign_up", subject: emailSubject(email), ...person };
}

const of = (session: string) => ({ programme: "wallet", subject: "", vnode: 0, session }) as const;

const orderOf = (wallet: Wallet, id: string) =>
  wallet.answer(PLATFORM_TENANT, ["order", id], 0) as WalletOrder | null;

test("a wallet has a limited number of payment requests, and decided ones make room for new ones", () => {
  const { wallet, scheduler, submit } = wallets();
  const { walletId: payer } = submit(signUp("a@example.com")) as UserView;
  const { walletId } = submit(signUp("b@example.com")) as UserView;
  const subject = walletAccount(walletId);
  const vnode = vnodeOfWallet(payer);
  const ask = () =>
    submit({
      programme: "wallet",
      act: "request_payment",
      subject,
      vnode,
      wallet: walletId,
      payer,
      amount: 1,
      memo: null,
      timeoutMs: 1000 * ORDERS_MAX,
    });
  const ids = Array.from({ length: ORDERS_MAX }, () => (ask() as WalletEffect<"request_payment">).id);
  expect(ask()).toBe("too_many_pending");
  const request = ids[7] as string;
  const names = { programme: "wallet", subject, vnode, wallet: walletId } as const;
  expect(submit({ ...names, act: "cancel_request", request })).toMatchObject({ status: "cancelled" });
  expect(orderOf(wallet, request)).toMatchObject({ status: "cancelled" });
  const { id } = ask() as WalletEffect<"request_payment">;
  expect(orderOf(wallet, request)).toBeNull();
  expect(orderOf(wallet, id)).toMatchObject({ status: "pending" });
  expect(ask()).toBe("too_many_pending");
  const orders = [...wallet.items()].filter(([kind]) => kind === "paper");
  expect(orders).toHaveLength(ORDERS_MAX);
  expect(scheduler.nextDueMs).toBeLessThan(Number.POSITIVE_INFINITY);
});

test("expired holds make room, although the programme is not notified of their expiry", () => {
  const { wallet, submit } = wallets();
  const { walletId } = submit(signUp("a@example.com")) as UserView;
  const subject = walletAccount(walletId);
  let made = 0;
  const hold = (timeoutMs: number) => {
    made += 1;
    const names = { programme: "wallet", act: "hold", subject, wallet: walletId } as const;
    return submit({ ...names, amount: 5, memo: null, timeoutMs }, `tr_${made}`);
  };
  expect(hold(1)).toBeNull();
  for (let i = 1; i < ORDERS_MAX; i++) expect(hold(1_000_000)).toBeNull();
  expect(hold(1_000_000)).toBeNull();
  expect(orderOf(wallet, "tr_1")).toBeNull();
  expect(hold(1_000_000)).toBe("too_many_pending");
});

test("a hold is captured and voided only by its owner", () => {
  const { submit } = wallets();
  const { walletId: wallet } = submit(signUp("a@example.com")) as UserView;
  const { walletId: other } = submit(signUp("b@example.com")) as UserView;
  const named = { programme: "wallet", subject: "", hold: "tr_1" } as const;
  submit({ ...named, act: "hold", wallet, amount: 1, memo: null, timeoutMs: 1000 }, "tr_1");
  expect(submit({ ...named, act: "capture", wallet: other, final: true })).toBe("hold_not_found");
  expect(submit({ ...named, act: "void_hold", wallet: other })).toBe("hold_not_found");
  expect(submit({ ...named, act: "void_hold", wallet })).toBeNull();
});

test("a session expires 24 hours after its last use and 30 days after the login, whatever its token is", () => {
  const { scheduler, submit, pass } = wallets();
  submit(signUp("a@example.com"));
  const hour = 60 * 60 * 1000;
  expect(scheduler.nextDueMs).toBe(1 + 24 * hour);
  let session = "s a@example.com";
  for (let hours = 20; hours < 30 * 24; hours += 20) {
    pass(20 * hour);
    const named = { programme: "wallet", subject: "", vnode: 0, session } as const;
    const next = `s${hours}`;
    const isSwapped = hours % 40 === 0;
    submit(isSwapped ? { ...named, act: "refresh_session", next } : { ...named, act: "touch_session" });
    if (isSwapped) session = next;
  }
  expect(scheduler.nextDueMs).toBe(1 + 30 * 24 * hour);
});

test("a replaced session ends a minute later, however it is used, and is the first to end when there are too many", () => {
  const { scheduler, submit, pass } = wallets();
  submit(signUp("a@example.com"));
  const minute = 60_000;
  const replace = (session: string, next: string) =>
    submit({ ...of(session), act: "refresh_session", next, graceMs: minute });
  replace("s a@example.com", "s1");
  expect(scheduler.nextDueMs).toBe(2 + minute);
  pass(minute / 2);
  submit({ ...of("s a@example.com"), act: "touch_session" });
  replace("s a@example.com", "s2");
  expect(scheduler.nextDueMs).toBe(2 + minute);
  // Each session replaces the one before within its minute of grace.
  for (let i = 2; i < 100; i++) replace(`s${i}`, `s${i + 1}`);
  for (const session of ["s1", "s100"])
    expect(submit({ ...of(session), act: "touch_session" })).toMatchObject({ email: "a@example.com" });
  expect(submit({ ...of("s2"), act: "touch_session" })).toBe("bad_credentials");
});

test("a wallet id is drawn until it falls on the vnode of the e-mail", () => {
  const { submit } = wallets();
  const ids = Array.from(
    { length: 50 },
    (_, i) => (submit(signUp(`u${i}@example.com`)) as UserView).walletId,
  );
  expect(new Set(ids).size).toBe(50);
  for (const id of ids) expect(id).toMatch(/^wal_[0-9a-z]{25,40}$/);
});

test.each([
  [14 * 60_000, 0],
  [15 * 60_000, 1],
])("a session last used %i ms ago is touched %i times", async (agoMs, times) => {
  const token = newToken(5, randomBytes);
  const commands: Command[] = [];
  const session = { walletId: "wal_x", unusedMs: agoMs } as SessionView;
  const ledger = {
    ask: () => Promise.resolve(session),
    submit: (command: Command) => {
      commands.push(command);
      return Promise.resolve({ refused: "idempotency_key_reused" });
    },
  };
  const directory = { partner: () => undefined, principalOf: () => undefined };
  const deps = { ledger, directory } as unknown as WalletDeps;
  const handle = withSession(deps, (_, call, { walletId }) =>
    answer(call, 200, `${walletId} of ${call.partner}, ${call.owner}`, {}),
  );
  const request = { header: () => `Bearer ${token.text}` } as unknown as HttpRequest;
  expect((await handle(request, {} as Call, {})).body).toBe("wal_x of house, wal_x");
  expect(commands).toHaveLength(times);
  if (times > 0)
    expect(commands[0]).toMatchObject({ act: { act: "touch_session", session: token.id, vnode: 5 } });
});

test("a password is verified against a slow salted hash that does not reveal it", async () => {
  const passwords = new Passwords(randomBytes);
  const stored = await passwords.hash("correct horse", "here");
  expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  expect(await passwords.hash("correct horse", "here")).not.toBe(stored);
  expect(await passwords.isRight("correct horse", stored, "here")).toBe(true);
  expect(await passwords.isRight("Correct horse", stored, "here")).toBe(false);
  expect(await passwords.isRight("correct horse", undefined, "here")).toBe(false);
});

test("too many concurrent password checks are refused per address, and none waits for ever", async () => {
  const passwords = new Passwords(randomBytes);
  const crowd = Promise.allSettled(Array.from({ length: 80 }, () => passwords.hash("x", "crowd")));
  const others = await Promise.all(["a", "b", "c"].map((address) => passwords.hash("x", address)));
  expect(others).toHaveLength(3);
  const refused = (await crowd).filter(({ status }) => status === "rejected");
  expect(refused.length).toBeGreaterThanOrEqual(14);
  expect(refused[0]).toMatchObject({ reason: { code: "overloaded" } });
  expect(await passwords.isRight("x", await passwords.hash("x", "crowd"), "crowd")).toBe(true);
});
