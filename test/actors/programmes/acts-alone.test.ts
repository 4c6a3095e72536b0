/** Acts without a transfer: the accounts that they open and close, and what they tell the other shards. */
import { describe, expect, test } from "vitest";
import type { Account } from "../../../src/actors/ledger/account.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { pointsAccount } from "../../../src/actors/programmes/loyalty/acts.ts";
import { setQuotas } from "../../../src/actors/programmes/quotas/acts.ts";
import { DEFAULT_QUOTAS } from "../../../src/actors/quotas/default-quotas.ts";
import type { Act } from "../../../src/actors/records/act.ts";
import type { AccountView, ActAlone, CreateAccount } from "../../../src/actors/records/command.ts";

const NOW_MS = 1_700_000_000_000;
const ID = pointsAccount("ann");
const header = { partner: "acme", key: null, fingerprint: 0 } as const;
const member = (act: string): Act => {
  return { programme: "loyalty", act, subject: ID, ...(act === "create_member" && { name: null }) };
};
const place = (index: number) => ({ epoch: 1, seq: 2, index, timeMs: NOW_MS });
const opened: AccountView = {
  id: ID,
  asset: "PTS/0",
  status: "open",
  floor: 0,
  ceiling: null,
  posted: 0,
  held: 0,
  seq: 0,
  metadata: null,
  createdAtMs: NOW_MS,
  limits: [],
  programme: "loyalty",
};

const at = (index: number) => ({ epoch: 1, seq: 2, index });
const told = (no: number) => [0, 2].map((to) => ({ to, no }));

function run(ledger: Ledger, act: Act, index = 0) {
  const command: ActAlone = { op: "act", ...header, act };
  const outcome = ledger.decide(command, NOW_MS, () => "tr");
  ledger.apply(command, outcome, place(index), 7);
  return outcome;
}

/** A ledger on which the member's account exists, in this state. */
function ledgerWith(fields: Partial<AccountView>): Ledger {
  const ledger = new Ledger(0);
  const { id, asset, floor, ceiling, metadata } = opened;
  const command: CreateAccount = { op: "create_account", ...header, id, asset, floor, ceiling, metadata };
  ledger.apply(command, { ok: true, account: { ...opened, ...fields } }, place(0), 0);
  return ledger;
}

describe("an act that opens an account", () => {
  test("opens an empty one, which only its programme may move", () => {
    const ledger = new Ledger(0);
    expect(run(ledger, member("create_member"))).toEqual({ ok: true, effect: null, account: opened });
    const { limits: _, ...balance } = opened;
    expect(ledger.account("acme", ID)).toMatchObject({ ...balance, velocities: null, batch: 7 });
    expect(ledger.accounts).toBe(1);
  });

  test("reopens the programme's own closed one, which keeps its history", () => {
    const past = { status: "closed", seq: 4, createdAtMs: 5 } as const;
    const ledger = ledgerWith(past);
    const account = { ...opened, ...past, status: "open" };
    expect(run(ledger, member("create_member"))).toEqual({ ok: true, effect: { since: 4 }, account });
    expect(ledger.account("acme", ID)).toMatchObject({ status: "open", seq: 4, createdAtMs: 5, batch: 7 });
    expect(ledger.accounts).toBe(1);
  });

  test.each<readonly [string, Partial<AccountView>]>([
    ["an open one of its own", {}],
    ["a closed one of another programme", { status: "closed", programme: "wallet" }],
    ["an open one of another programme", { programme: "wallet" }],
  ])("is refused if there is %s", (_, fields) => {
    const ledger = ledgerWith(fields);
    const lines = [...ledger.stateLines(0)];
    expect(run(ledger, member("create_member"))).toEqual({ ok: false, code: "account_exists", subject: ID });
    expect([...ledger.stateLines(0)]).toEqual(lines);
  });
});

describe("an act that closes an account", () => {
  test("closes an empty one", () => {
    const ledger = new Ledger(0);
    run(ledger, member("create_member"));
    const account = { ...opened, status: "closed" };
    expect(run(ledger, member("delete_member"), 1)).toEqual({ ok: true, effect: null, account });
    expect(ledger.account("acme", ID)?.status).toBe("closed");
  });

  test.each<Partial<Account>>([
    { posted: 1 },
    { posted: -1 },
    { held: 1 },
    { pinned: 1 },
    { reserved: 1 },
    { pinned: 1, reserved: 1 },
    { posted: 1, held: 1 },
  ])("is refused while the account has %o", (fields) => {
    const ledger = new Ledger(0);
    run(ledger, member("create_member"));
    Object.assign(ledger.account("acme", ID) ?? {}, fields);
    expect(run(ledger, member("delete_member"), 1)).toEqual({
      ok: false,
      code: "account_not_empty",
      subject: ID,
    });
    expect(ledger.account("acme", ID)?.status).toBe("open");
  });

  test("is accepted where there is no account", () => {
    const ledger = new Ledger(0);
    const command: ActAlone = { op: "act", ...header, act: member("create_member") };
    ledger.apply(command, { ok: true, effect: null }, place(0), 0);
    expect(run(ledger, member("delete_member"), 1)).toEqual({ ok: true, effect: null });
    expect(ledger.accounts).toBe(0);
  });
});

describe("an act that all shards must know", () => {
  test("is sent to each other shard with the next number, from the place of its record", () => {
    const ledger = new Ledger(1, 3);
    const first = run(ledger, setQuotas("acme", { bytes: 7 }));
    expect(first).toEqual({ ok: true, effect: { bytes: 7 }, notice: { bytes: 7 }, told: told(1) });
    ledger.apply({ op: "delivered", ...header, to: 2, upTo: 1 }, { ok: true }, place(1), 0);
    expect(run(ledger, setQuotas("acme", { bytes: 8 }), 2)).toMatchObject({ told: told(2) });
    const message = { op: "notice", ...header, programme: "quotas", from: 1, sentAtMs: NOW_MS } as const;
    const [one, two] = [7, 8].map((bytes, i) => ({ ...message, notice: { bytes }, no: i + 1 }));
    expect(ledger.exchange(0).kept).toEqual([
      { message: one, ...at(0) },
      { message: two, ...at(2) },
    ]);
    expect(ledger.exchange(2).kept).toEqual([{ message: two, ...at(2) }]);
    expect([...ledger.state.exchanges.keys()]).toEqual([0, 2]);
  });

  test("of two shards is sent to the only other one, and received there in order", () => {
    const [home, other] = [new Ledger(0, 2), new Ledger(1, 2)];
    expect(run(home, setQuotas("acme", { bytes: 7 }))).toMatchObject({ told: [{ to: 1, no: 1 }] });
    const message = home.exchange(1).message(1);
    other.apply(message, { ok: true }, place(0), 0);
    expect(other.state.programmes.quotas.of("acme")).toEqual({ ...DEFAULT_QUOTAS, bytes: 7 });
    expect(other.exchange(0).received).toBe(1);
  });

  test("needs no notice in its record where there is no other shard", () => {
    const ledger = new Ledger(0);
    expect(run(ledger, setQuotas("acme", { bytes: 7 }))).toStrictEqual({ ok: true, effect: { bytes: 7 } });
    expect(ledger.state.exchanges.size).toBe(0);
  });
});
