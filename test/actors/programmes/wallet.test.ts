/** Wallets on one ledger: expiry and limits of sessions, ids, and the shards of queries. */
import { describe, expect, test } from "vitest";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { VNODES, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import type { ListRequest } from "../../../src/actors/programmes/paged-index.ts";
import {
  bankAccount,
  bankOwner,
  bankSubject,
  emailSubject,
  PLATFORM_TENANT,
  sessionSubject,
  type UserActs,
  type UserView,
  type WalletAct,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import { drawId, drawIdAt, drawRoutedId, vnodeOfId } from "../../../src/actors/programmes/wallet/ids.ts";
import {
  askAllWithdrawals,
  askCredential,
  askHolds,
  askOrder,
  askPaymentRequests,
  askSession,
  askWithdrawals,
} from "../../../src/actors/programmes/wallet/questions.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const ALL: ListRequest = [999, null];
const header = { partner: PLATFORM_TENANT, key: null, fingerprint: 0 } as const;
const named = { programme: "wallet", subject: emailSubject("ann@x") } as const;
const zeros = (bytes: number) => new Uint8Array(bytes);

/** A ledger with one wallet user. */
class WalletFixture {
  readonly run = new LedgerRun(() => {}, zeros);
  readonly view: UserView;
  readonly #vnode = vnodeOfAccount(PLATFORM_TENANT, named.subject);

  constructor() {
    const person = { email: "ann@x", name: "Ann", password: "hash 1", asset: "USD/2" };
    this.view = this.submit({ ...named, act: "sign_up", ...person, session: "first" }) as UserView;
  }

  do(act: WalletAct) {
    return this.run.do({ op: "act", ...header, act }).outcome;
  }

  submit(act: WalletAct<keyof UserActs>): unknown {
    const outcome = this.do(act);
    if (!outcome.ok) return outcome.code;
    return "effect" in outcome ? outcome.effect : undefined;
  }

  open(session: string, credential = 1): unknown {
    return this.submit({ ...named, act: "open_session", email: "ann@x", credential, session });
  }

  touch(session: string): unknown {
    return this.submit({ ...this.#of(session), act: "touch_session" });
  }

  refresh(session: string, next: string): unknown {
    return this.submit({ ...this.#of(session), act: "refresh_session", next });
  }

  end(session: string): unknown {
    return this.submit({ ...this.#of(session), act: "end_session" });
  }

  changePassword(credential: number, password: string): unknown {
    const wallet = this.view.walletId;
    const act = { programme: "wallet", act: "change_password", subject: walletAccount(wallet) } as const;
    return this.submit({ ...act, wallet, credential, password });
  }

  /** Time since the session was last used, in ms; `undefined` if it does not exist. */
  unused(session: string): number | undefined {
    return this.run.ask(PLATFORM_TENANT, askSession(session, 0))?.unusedMs;
  }

  #of(session: string) {
    const subject = sessionSubject(session);
    return { programme: "wallet", subject, vnode: this.#vnode, session } as const;
  }
}

describe("a session", () => {
  test("expires after exactly 24 hours without use", () => {
    const fixture = new WalletFixture();
    fixture.run.nowMs += DAY_MS - 1;
    expect(fixture.unused("first")).toBe(DAY_MS - 1);
    expect(fixture.touch("first")).toEqual(fixture.view);
    fixture.run.nowMs += DAY_MS - 1;
    expect(fixture.unused("first")).toBe(DAY_MS - 1);
    fixture.run.nowMs += 1;
    expect(fixture.unused("first")).toBeUndefined();
    expect(fixture.touch("first")).toBe("bad_credentials");
  });

  test("expires 30 days after it was opened, however often it is used or refreshed", () => {
    const fixture = new WalletFixture();
    for (let half = 1; half < 60; half++) {
      fixture.run.nowMs += 12 * HOUR_MS;
      expect(
        half === 30 ? fixture.refresh("first", "next") : fixture.touch(half < 30 ? "first" : "next"),
      ).toEqual(fixture.view);
    }
    fixture.run.nowMs += 12 * HOUR_MS - 1;
    expect(fixture.unused("next")).toBe(12 * HOUR_MS - 1);
    fixture.run.nowMs += 1;
    expect(fixture.unused("next")).toBeUndefined();
  });

  test("is valid only under its new token after a refresh", () => {
    const fixture = new WalletFixture();
    fixture.refresh("first", "next");
    expect([fixture.unused("first"), fixture.unused("next")]).toEqual([undefined, 0]);
    expect(fixture.touch("first")).toBe("bad_credentials");
  });

  test("shows its user and the asset of the wallet", () => {
    const fixture = new WalletFixture();
    fixture.run.nowMs += 5;
    expect(fixture.run.ask(PLATFORM_TENANT, askSession("first", 0))).toEqual({
      ...fixture.view,
      session: "first",
      unusedMs: 5,
      asset: "USD/2",
    });
    expect(fixture.view).toMatchObject({ name: "Ann", email: "ann@x" });
    expect(fixture.open("no", 2)).toBe("bad_credentials");
    expect(fixture.open("second")).toEqual(fixture.view);
  });

  test("is one of at most 50 per user: one more ends the oldest", () => {
    const fixture = new WalletFixture();
    for (let i = 2; i <= 50; i++) fixture.open(`s${i}`);
    expect(fixture.unused("first")).toBe(0);
    fixture.open("s51");
    expect(fixture.unused("first")).toBeUndefined();
    for (let i = 2; i <= 51; i++) expect(fixture.unused(`s${i}`), `s${i}`).toBe(0);
  });

  test("ends when the password changes; the old password opens no session", () => {
    const fixture = new WalletFixture();
    for (const session of ["ended", "second", "third"]) fixture.open(session);
    fixture.end("ended");
    expect(fixture.run.ask(PLATFORM_TENANT, askCredential("ann@x"))).toEqual({
      password: "hash 1",
      credential: 1,
    });
    expect(fixture.changePassword(2, "hash")).toBe("bad_credentials");
    expect(fixture.changePassword(1, "hash 2")).toEqual(fixture.view);
    for (const session of ["first", "ended", "second", "third"])
      expect(fixture.unused(session), session).toBeUndefined();
    expect(fixture.run.ask(PLATFORM_TENANT, askCredential("ann@x"))).toEqual({
      password: "hash 2",
      credential: 2,
    });
    expect(fixture.run.ask(PLATFORM_TENANT, askCredential("bo@x"))).toBeNull();
    expect(fixture.open("last", 1)).toBe("bad_credentials");
    expect(fixture.open("last", 2)).toEqual(fixture.view);
  });

  test("is ended by its shard before a request about it is answered", () => {
    const fixture = new WalletFixture();
    const { scheduler } = fixture.run.ledger.state.programmes;
    const endsAtMs = fixture.run.nowMs + DAY_MS;
    expect(scheduler.nextDueOf(PLATFORM_TENANT, "session:first", endsAtMs - 1)).toBeUndefined();
    const over = scheduler.nextDueOf(PLATFORM_TENANT, "session:first", endsAtMs);
    const vnode = vnodeOfAccount(PLATFORM_TENANT, named.subject);
    const end = {
      programme: "wallet",
      act: "end_session",
      subject: "session:first",
      vnode,
      session: "first",
    };
    expect(over?.command()).toEqual({ op: "act", ...header, act: end });
  });
});

test("a bank uses a reference once, also one in a snapshot of an older version", () => {
  const fixture = new WalletFixture();
  const { programmes } = fixture.run.ledger.state;
  programmes.restore("wallet", ["reference", "mill", "r1"]);
  const deposit = (bank: string, ref: string | null) => {
    const wallet = fixture.view.walletId;
    const act: WalletAct<"deposit"> = {
      programme: "wallet",
      act: "deposit",
      subject: bankSubject(bank),
      wallet,
      bank,
      ref,
    };
    const sides = { debit: bankAccount(bank), credit: walletAccount(wallet), amount: 1, vnode: 0 };
    const rest = { memo: null, metadata: null, occurredAtMs: null };
    return fixture.run.do({ op: "transfer", ...header, ...sides, ...rest, act }).outcome;
  };
  expect(deposit("mill", "r1")).toEqual({ ok: false, code: "duplicate_reference", subject: "r1" });
  for (const [bank, ref] of [
    ["mill", null],
    ["mill", null],
    ["mill", "r2"],
    ["barn", "r1"],
  ] as const)
    expect(deposit(bank, ref)).toMatchObject({ ok: true });
  expect(deposit("mill", "r2")).toMatchObject({ code: "duplicate_reference" });
});

function bytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => 23 * i);
}

describe("ids", () => {
  test("contain 96 random bits, and optionally a vnode", () => {
    expect(drawId("usr", bytes)).toBe("usr_00172e455c738aa1b8cfe6fd");
    expect(drawRoutedId("pr", 37, bytes)).toBe("pr_1100172e455c738aa1b8cfe6fd");
    for (const vnode of [0, 35, 36, VNODES - 1])
      expect(vnodeOfId("pr", drawRoutedId("pr", vnode, bytes))).toBe(vnode);
    const beyond = drawRoutedId("pr", VNODES, bytes);
    for (const text of [beyond, "pr_", "pr_0", "pr_-1", "pr_1.", "px_11", "xpr_11", "pr11"])
      expect(vnodeOfId("pr", text), text).toBeUndefined();
  });

  test("are drawn until one falls on the wanted vnode", () => {
    for (const vnode of [0, 500, 1023]) {
      const id = drawIdAt(vnode, PLATFORM_TENANT, walletAccount, "wal", zeros);
      expect(id).toMatch(/^wal_0{24}[0-9a-z]+$/);
      expect(vnodeOfAccount(PLATFORM_TENANT, walletAccount(id))).toBe(vnode);
      const draws = Number.parseInt(id.slice(28), 36);
      for (let draw = 0; draw < draws; draw++)
        expect(
          vnodeOfAccount(PLATFORM_TENANT, walletAccount(`${id.slice(0, 28)}${draw.toString(36)}`)),
        ).not.toBe(vnode);
    }
    expect(() => drawIdAt(VNODES, PLATFORM_TENANT, walletAccount, "wal", zeros)).toThrow(
      "no account id found for vnode",
    );
  });

  test("of users and wallets begin with a prefix of their kind", () => {
    const { userId, walletId } = new WalletFixture().view;
    expect(userId).toBe(`usr_${"0".repeat(24)}`);
    expect(walletId).toMatch(/^wal_0{24}/);
  });
});

test("queries go to the shard of the user, wallet, session or order, other lists to all shards", () => {
  expect(emailSubject("a/b@x")).toBe("email:a%2Fb%40x");
  expect(askCredential("a/b@x")).toEqual({
    programme: "wallet",
    subject: "email:a%2Fb%40x",
    ask: ["credential", "a/b@x"],
  });
  expect(askSession("s", 9)).toEqual({
    programme: "wallet",
    subject: "session:s",
    vnode: 9,
    ask: ["session", "s"],
  });
  const request = drawRoutedId("pr", 9, zeros);
  expect(askOrder(request)).toEqual({ programme: "wallet", subject: "", vnode: 9, ask: ["order", request] });
  expect(askOrder("tr_0911001")).toMatchObject({ vnode: 9 });
  expect(askOrder("other")).toBeNull();
  for (const ask of [askHolds("wal_a"), askPaymentRequests("payer", "wal_a"), askWithdrawals("wal_a")])
    expect(ask(ALL)).toMatchObject({ programme: "wallet", subject: walletAccount("wal_a") });
  expect(askPaymentRequests("requester", "wal_a")(ALL)).toMatchObject({ programme: "wallet", subject: null });
  expect(askAllWithdrawals(null)(ALL)).toMatchObject({ programme: "wallet", subject: null });
  expect([bankSubject("b"), bankAccount("b"), bankOwner("b", "w")]).toEqual([
    "bank:b",
    "@bank:b",
    "bank:b:w",
  ]);
});

test("the wallet programme sends no notices and accepts none", () => {
  const { programmes } = new Ledger(0, 1, zeros).state;
  expect(() => programmes.receiveBroadcast("wallet", null, PLATFORM_TENANT, 0)).toThrow("has no notices");
  expect(() => programmes.answer("wallet", PLATFORM_TENANT, ["nothing"], 0)).toThrow("unknown query nothing");
});
