/** What the list of the programmes says about an act, and what a shard hands to each programme. */
import { describe, expect, test } from "vitest";
import { imageOf } from "../../../src/actors/ledger/image.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { claimOf } from "../../../src/actors/ledger/limits/claim-names.ts";
import {
  claimOfAct,
  growthOfAct,
  historiesOf,
  historyName,
  revertActOf,
  timeFaultOf,
} from "../../../src/actors/programmes/programmes.ts";
import type { Act, JsonValue } from "../../../src/actors/records/act.ts";
import { restored } from "../ledger/copies.ts";

const act = (programme: string, name: string, subject: string, more: object = {}): Act => {
  return { programme, act: name, subject, ...more };
};
const points = (name: string, more: object = {}) => act("loyalty", name, "points:ann", more);
const sale = (reference: string | null) => act("topup", "sale", "credit:shop", { phone: "+1", reference });
const deposit = (ref: string | null) => act("wallet", "deposit", "bank:b", { bank: "b", ref });
const unknown = act("none", "x", "y");
const done = (transfer: string | null, amount: number) => {
  return { partner: "acme", timeMs: 1, transfer, amount };
};
const joining = (...times: readonly number[]) =>
  act("segments", "change_user", "user:u", { add: times.map((atMs) => ["s", ["at", atMs]]), remove: [] });
const fault = (path: string) => ({ path, message: "must be in the future" });
const header = { partner: "acme", key: null, fingerprint: 0 } as const;

describe("the memory that an act leaves occupied", () => {
  test.each([
    ["loyalty", "create_member", "more"],
    ["loyalty", "delete_member", "never"],
    ["vouchers", "redeem", "key"],
    ["topup", "reject", "never"],
    ["segments", "change_user", "more"],
    ["wallet", "hold", "hold"],
    ["quotas", "set_quotas", "never"],
    ["quotas", "another", "more"],
    ["none", "x", "more"],
  ])("of %s %s is %s", (programme, name, growth) => {
    expect(growthOfAct(act(programme, name, "s"))).toBe(growth);
  });
});

describe("the act that must come with a revert", () => {
  test.each<readonly [Act, JsonValue | undefined, object | undefined]>([
    [act("loyalty", "redemption", "points:ann"), undefined, { act: "take_back", of: "redemption", seq: 3 }],
    [act("loyalty", "accrual", "points:ann"), { lots: [] }, { act: "take_back", of: "accrual", seq: 4 }],
    [act("loyalty", "expiry", "points:ann", { lot: "tr" }), undefined, undefined],
    [
      act("topup", "sale", "credit:shop", { phone: "+431", reference: null }),
      undefined,
      { act: "take_back", phone: "+431", wasDecrease: false },
    ],
    [act("topup", "approve", "credit:shop", { amount: -1 }), undefined, { wasDecrease: true }],
    [act("wallet", "send", "wallet:w"), undefined, undefined],
    [unknown, undefined, undefined],
  ])("of the transfer of %o with effect %o is %o", (of, effect, expected) => {
    const transfer = { id: "tr_1", seqs: [3, 4] as const, ...(effect !== undefined && { effect }) };
    const back = revertActOf(of, transfer);
    if (expected === undefined) expect(back).toBeUndefined();
    else expect(back).toMatchObject({ programme: of.programme, subject: of.subject, ...expected });
  });
});

describe("the name that an act claims", () => {
  test("is the reference of a sale or a deposit, and no other act claims one", () => {
    const names = [sale("r"), deposit("r")].map((each) => claimOfAct("acme", each));
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/r$/);
    for (const each of [sale(null), deposit(null), act("loyalty", "accrual", "points:ann"), unknown])
      expect(claimOfAct("acme", each)).toBeUndefined();
  });

  test("of a sale is the partner's and the seller's own", () => {
    const other = { ...sale("r"), subject: "credit:other" };
    const names = [claimOfAct("acme", sale("r")), claimOfAct("globex", sale("r")), claimOfAct("acme", other)];
    expect(new Set(names).size).toBe(3);
  });

  test.each<readonly [string, readonly JsonValue[], Act]>([
    ["topup", ["references", "acme", "shop", ["r"]], sale("r")],
    ["wallet", ["reference", "b", "r"], deposit("r")],
  ])("is restored from the items of %s in an image of an older version", (programme, item, of) => {
    const ledger = new Ledger(0);
    ledger.state.programmes.restore(programme, item);
    const name = claimOf({ op: "act", ...header, act: of });
    expect([...ledger.state.claims.all()].map(([key, { by }]) => [key, by])).toEqual([[name, ""]]);
    expect([...ledger.state.programmes.items()]).toEqual([]);
  });
});

test("an act's times must be later than log time; the first that is not is named", () => {
  const issue = act("vouchers", "issue", "customer:a", { expiresAtMs: 9 });
  for (const each of [issue, points("accrual", { expiresAtMs: 9 })])
    expect([timeFaultOf(each, 8), timeFaultOf(each, 9)]).toEqual([undefined, fault("expires_at")]);
  expect(timeFaultOf(joining(20, 9, 8), 9)).toEqual(fault("add.1.expires_at"));
  for (const each of [joining(), act("quotas", "set_quotas", "#quotas"), unknown])
    expect(timeFaultOf(each, 1e15)).toBeUndefined();
});

test("an act is in the history of its programme, and of each user that it adds to a segment or removes", () => {
  expect([historyName("segments"), historyName("segments", "u")]).toEqual(["segments", "segments\0u"]);
  const change = act("segments", "change_user", "user:u", { user: "u", add: [], remove: ["s"] });
  const effect = { created: null, over: [], added: [], removed: ["s"] };
  expect(historiesOf(change, effect)).toEqual(["segments", "segments\0u"]);
  expect(historiesOf(act("loyalty", "accrual", "points:ann"), null)).toEqual(["loyalty"]);
  expect(historiesOf(unknown, null)).toEqual(["none"]);
});

describe("a shard", () => {
  const quotas = { programme: "quotas", act: "set_quotas", subject: "#quotas", vnode: 0 } as const;

  test("hands acts, broadcasts, queries and items to their programme", () => {
    const { programmes } = new Ledger(0).state;
    const context = { partner: "acme", nowMs: 5, amount: 0 };
    const decided = programmes.decide({ ...quotas, quotas: { bytes: 7 } } as Act, context);
    expect(decided).toEqual({ ok: true, effect: { bytes: 7 }, notice: { bytes: 7 } });
    programmes.apply(quotas, { bytes: 7 }, done(null, 0));
    programmes.receiveBroadcast("quotas", { bytes: 8 }, "globex", 5);
    expect(["acme", "globex"].map((partner) => programmes.quotas.of(partner).bytes)).toEqual([7, 8]);
    expect(programmes.answer("loyalty", "globex", ["member", "ann"], 5)).toBeNull();
    expect([...programmes.items()]).toEqual([
      ["quotas", ["quotas", "acme", { bytes: 7 }]],
      ["quotas", ["quotas", "globex", { bytes: 8 }]],
    ]);
  });

  test("refuses acts, broadcasts, queries and items of a programme of a newer version", () => {
    const { programmes } = new Ledger(0).state;
    const context = { partner: "acme", nowMs: 5, amount: 0 };
    for (const fails of [
      () => programmes.decide(unknown, context),
      () => programmes.apply(unknown, null, done(null, 0)),
      () => programmes.takeable(unknown, "acme", 1),
      () => programmes.receiveBroadcast("none", null, "acme", 5),
      () => programmes.answer("none", "acme", [], 5),
      () => programmes.restore("none", []),
    ])
      expect(fails).toThrow("unknown programme none");
  });

  test("lets a revert take back the whole amount, unless a part of it has expired", () => {
    const ledger = new Ledger(0);
    const { programmes } = ledger.state;
    programmes.apply(points("create_member", { name: null }), null, done(null, 0));
    programmes.apply(points("accrual", { expiresAtMs: 9 }), null, done("tr_1", 10));
    const expiry = points("expiry", { lot: "tr_1" });
    programmes.apply(expiry, { lots: [["tr_1", 4, 9]], ended: "tr_1" }, done("tr_2", 4));
    const back = points("take_back", { of: "accrual", lots: [], lot: "tr_1" });
    expect(programmes.takeable(back, "acme", 10)).toBe(6);
    const refund = act("topup", "take_back", "credit:shop", { phone: "+1", wasDecrease: false });
    expect(programmes.takeable(refund, "acme", 10)).toBe(10);
  });

  test("counts what programmes keep in memory for a partner, also after a restore", () => {
    const ledger = new Ledger(0);
    const { programmes } = ledger.state;
    programmes.apply(points("create_member", { name: null }), null, done(null, 0));
    const { bytes } = ledger.state.usageOf("acme");
    expect(bytes).toBeGreaterThan(0);
    programmes.apply(points("accrual", { expiresAtMs: 9 }), null, done("tr_1", 10));
    expect(ledger.state.usageOf("acme").bytes).toBeGreaterThan(bytes);
    expect(programmes.scheduler.nextDueMs).toBe(9);
    const copy = restored([...imageOf(ledger.state)]);
    expect(copy.state.usageOf("acme").bytes).toBe(ledger.state.usageOf("acme").bytes);
    expect(copy.nextExpiryMs).toBe(9);
  });
});
