/** Which commands quotas refuse, and which they never refuse, for every kind of command. */
import { describe, expect, test } from "vitest";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import type { LedgerSettings } from "../../../src/actors/ledger/ledger-state.ts";
import { vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import { LOYALTY_GROWTH } from "../../../src/actors/programmes/loyalty/acts.ts";
import { MONITORS_GROWTH } from "../../../src/actors/programmes/monitors/acts.ts";
import type { MemoryGrowth } from "../../../src/actors/programmes/programme.ts";
import { growthOfAct } from "../../../src/actors/programmes/programmes.ts";
import { QUOTAS_GROWTH, type QuotaChanges, setQuotas } from "../../../src/actors/programmes/quotas/acts.ts";
import { SEGMENTS_GROWTH } from "../../../src/actors/programmes/segments/acts.ts";
import { TOPUP_GROWTH } from "../../../src/actors/programmes/topup/acts.ts";
import { VOUCHERS_GROWTH } from "../../../src/actors/programmes/vouchers/acts.ts";
import { WALLET_GROWTH } from "../../../src/actors/programmes/wallet/acts.ts";
import { growthOf } from "../../../src/actors/quotas/growth.ts";
import type { Command } from "../../../src/actors/records/command.ts";
import type { CompoundTransfer } from "../../../src/actors/records/compound-command.ts";

const NOW_MS = 1_795_168_800_000;
const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

const header = { partner: "acme", key: "k", fingerprint: 5 } as const;
const moved = { debit: "a", credit: "b", amount: 1, memo: null, metadata: null, occurredAtMs: null } as const;
const posting = { debit: "a", credit: "b", amount: 1 } as const;
const view = {
  id: "tr_0011001",
  status: "pending",
  postings: [posting],
  postedAmount: 0,
  memo: null,
  metadata: null,
  occurredAtMs: null,
  createdAtMs: NOW_MS,
  expiresAtMs: null,
  reverts: null,
} as const;
const compound: CompoundTransfer = {
  op: "compound_transfer",
  ...header,
  postings: [posting],
  available: false,
  pending: false,
  timeoutMs: null,
  memo: null,
  metadata: null,
  occurredAtMs: null,
  vnode: 1,
};
const message = { from: 1, no: 1, sentAtMs: NOW_MS } as const;
const newKey = { id: "key_1", role: "read", name: "n", prefix: "dk", hash: "h" } as const;
const act = { programme: "loyalty", act: "create_member", subject: "points:m", name: null } as const;

/** An example of each op, with a key and its expected growth. The type requires an entry for every op. */
const EXAMPLES: { readonly [Op in Command["op"]]: readonly [Extract<Command, { op: Op }>, MemoryGrowth] } = {
  transfer: [{ op: "transfer", ...header, ...moved, vnode: 1 }, "key"],
  credit: [{ op: "credit", ...header, ...moved, id: view.id, createdAtMs: NOW_MS, from: 1, no: 1 }, "never"],
  delivered: [{ op: "delivered", ...header, to: 1, upTo: 1 }, "never"],
  act: [{ op: "act", ...header, act }, "more"],
  notice: [{ op: "notice", ...header, programme: "loyalty", notice: null, ...message }, "never"],
  compound_transfer: [compound, "key"],
  post_transfer: [
    { op: "post_transfer", ...header, id: view.id, amount: null, final: false, settled: null },
    "never",
  ],
  void_transfer: [{ op: "void_transfer", ...header, id: view.id, settled: null }, "never"],
  revert_transfer: [{ op: "revert_transfer", ...header, id: view.id, original: null, vnode: 1 }, "key"],
  expire_transfer: [{ op: "expire_transfer", ...header, id: view.id }, "never"],
  reserve: [{ op: "reserve", ...header, id: view.id, from: 1, purpose: "hold", legs: [] }, "never"],
  release: [{ op: "release", ...header, id: view.id }, "never"],
  portion: [
    { op: "portion", ...header, ...message, transfer: view, part: 0, purpose: "capture", legs: [] },
    "never",
  ],
  tick: [{ op: "tick", ...header, owner: "alice" }, "never"],
  create_account: [
    { op: "create_account", ...header, id: "a", asset: "PTS/0", floor: 0, ceiling: null, metadata: null },
    "more",
  ],
  update_account: [{ op: "update_account", ...header, id: "a" }, "more"],
  set_account_status: [{ op: "set_account_status", ...header, id: "a", action: "freeze" }, "never"],
  create_partner: [{ op: "create_partner", ...header, name: "Acme" }, "more"],
  update_partner: [{ op: "update_partner", ...header, status: "suspended" }, "never"],
  create_key: [{ op: "create_key", ...header, newKey }, "more"],
  revoke_key: [{ op: "revoke_key", ...header, keyId: "key_1" }, "never"],
  set_operator_key: [{ op: "set_operator_key", ...header, keyHash: "h" }, "never"],
};
const HOLD = { ...compound, pending: true };

const PLACE = { epoch: 1, seq: 1, index: 0, timeMs: NOW_MS };

function ledgerWith(quotas: QuotaChanges, settings: LedgerSettings = {}): Ledger {
  const ledger = new Ledger(0, 1, undefined, settings);
  setQuota(ledger, quotas);
  return ledger;
}

function setQuota(ledger: Ledger, quotas: QuotaChanges): void {
  const command = {
    op: "act",
    partner: "acme",
    key: null,
    fingerprint: 0,
    act: setQuotas("acme", quotas),
  } as const;
  const outcome = ledger.decide(command, NOW_MS, () => "");
  ledger.apply(command, outcome, PLACE, 0);
}

/** Uses keys by rejected transfers, which record their keys too. */
function useKeys(ledger: Ledger, keys: number, timeMs = NOW_MS, partner = "acme"): void {
  const [command] = EXAMPLES.transfer;
  for (let i = 0; i < keys; i++)
    ledger.apply(
      { ...command, partner, key: `${partner}-${timeMs}-${i}` },
      { ok: false, code: "account_not_found", subject: "a" },
      { ...PLACE, timeMs },
      0,
    );
}

function open(ledger: Ledger, transfers: number, partner = "acme"): void {
  const changed = {
    ok: true,
    part: 0,
    moves: [],
    sent: [],
    holds: [],
    reservedAt: [],
    elsewhere: [],
  } as const;
  for (let i = 0; i < transfers; i++) {
    const id = `tr_${partner}_${ledger.compound.pending.size}`;
    ledger.apply({ ...HOLD, partner, key: null }, { ...changed, id, transfer: { ...view, id } }, PLACE, 0);
  }
}

describe("for every kind of command", () => {
  const examples = [...Object.values(EXAMPLES), [HOLD, "hold"] as const];

  test.each(examples)("$op has the expected growth", (command, growth) => {
    expect(growthOf(command)).toBe(growth);
  });

  test.each(examples)(
    "$op of a partner with quotas of 0 is refused, unless its growth is never",
    (command, growth) => {
      const ledger = ledgerWith({ idempotency_keys: 0, open_transfers: 0 });
      useKeys(ledger, 3);
      open(ledger, 2);
      const refused = ledger.exceededBy(command, NOW_MS);
      if (growth === "never") expect(refused).toBeUndefined();
      else expect(refused).toEqual({ quota: "idempotency_keys", used: 5, allowed: 0 });
    },
  );
});

function never(table: Readonly<Record<string, MemoryGrowth>>): readonly string[] {
  return Object.keys(table).filter((name) => table[name] === "never");
}

test("acts that end something are never refused", () => {
  expect(never(LOYALTY_GROWTH)).toEqual([
    "delete_member",
    "activation",
    "cancel_accrual",
    "expiry",
    "report_total",
  ]);
  expect(never(VOUCHERS_GROWTH)).toEqual(["erase_customer", "cancel", "expire", "forget", "issue_portion"]);
  expect(never(TOPUP_GROWTH)).toEqual([
    "suspend_seller",
    "reject",
    "withdraw_request",
    "complete_sale",
    "fail_sale",
    "report_unknown",
    "report_late",
    "forget",
  ]);
  expect(never(SEGMENTS_GROWTH)).toEqual([
    "lower_percent",
    "delete_segment",
    "remove_users",
    "expire",
    "trim",
    "fill",
    "sweep",
    "rotate_report_secret",
  ]);
  expect(never(WALLET_GROWTH)).toEqual([
    "end_session",
    "change_password",
    "freeze_wallet",
    "close_wallet",
    "reset_password",
    "capture",
    "void_hold",
    "decline_request",
    "cancel_request",
    "expire_request",
    "confirm_withdrawal",
    "fail_withdrawal",
    "forget",
  ]);
  expect(never(MONITORS_GROWTH)).toEqual(["delete_monitor"]);
  expect(never(QUOTAS_GROWTH)).toEqual(["set_quotas"]);
  expect(growthOfAct({ programme: "loyalty", act: "not known", subject: "x" })).toBe("more");
});

describe("idempotency keys", () => {
  const [keyed] = EXAMPLES.transfer;
  const refusal = (ledger: Ledger, command: Command = keyed, nowMs = NOW_MS) =>
    ledger.exceededBy(command, nowMs);

  test("a partner can use keys up to its quota, which does not affect other partners", () => {
    const ledger = ledgerWith({ idempotency_keys: 3 });
    useKeys(ledger, 2);
    expect(refusal(ledger)).toBeUndefined();
    useKeys(ledger, 1, NOW_MS + 1);
    expect(refusal(ledger)).toEqual({ quota: "idempotency_keys", used: 3, allowed: 3 });
    expect(refusal(ledger, { ...keyed, partner: "other" })).toBeUndefined();
    expect(refusal(ledger, { ...keyed, key: null })).toBeUndefined();
    setQuota(ledger, { idempotency_keys: null });
    expect(refusal(ledger)).toBeUndefined();
  });

  test("a key counts while it is remembered, and for at most an hour longer", () => {
    const ledger = ledgerWith({ idempotency_keys: 2 });
    useKeys(ledger, 1, NOW_MS);
    useKeys(ledger, 1, NOW_MS + 2 * HOUR_MS);
    expect(refusal(ledger, keyed, NOW_MS + DAY_MS)).toMatchObject({ used: 2 });
    expect(refusal(ledger, keyed, NOW_MS + DAY_MS + HOUR_MS)).toBeUndefined();
    useKeys(ledger, 1, NOW_MS + DAY_MS + HOUR_MS);
    expect(refusal(ledger, keyed, NOW_MS + DAY_MS + HOUR_MS)).toMatchObject({ used: 2 });
  });

  test("each open transfer reserves a key for its post or void, which is therefore never refused", () => {
    const ledger = ledgerWith({ idempotency_keys: 4 });
    open(ledger, 2);
    useKeys(ledger, 1);
    expect(refusal(ledger, HOLD)).toEqual({ quota: "idempotency_keys", used: 3, allowed: 4 });
    expect(refusal(ledger, { ...HOLD, key: null })).toBeUndefined();
    useKeys(ledger, 1, NOW_MS + 1);
    expect(refusal(ledger)).toMatchObject({ used: 4 });
    expect(refusal(ledger, { ...HOLD, key: null })).toMatchObject({ used: 4 });
    expect(refusal(ledger, EXAMPLES.void_transfer[0])).toBeUndefined();
  });

  test("a partner never uses more keys than are still free, so that a new partner finds room", () => {
    const ledger = ledgerWith({}, { keysMax: 30 });
    useKeys(ledger, 14);
    expect(refusal(ledger)).toBeUndefined();
    useKeys(ledger, 1, NOW_MS + 1);
    expect(refusal(ledger)).toEqual({ quota: "idempotency_keys", used: 15, allowed: 15 });
    useKeys(ledger, 7, NOW_MS + 1, "b");
    expect(refusal(ledger, { ...keyed, partner: "b" })).toBeUndefined();
    useKeys(ledger, 1, NOW_MS + 2, "b");
    expect(refusal(ledger, { ...keyed, partner: "b" })).toMatchObject({ used: 8, allowed: 7 });
    expect(refusal(ledger, { ...keyed, partner: "c" })).toBeUndefined();
  });

  test("rejected posts and voids, which end nothing, cannot fill the table", () => {
    const ledger = ledgerWith({}, { keysMax: 40 });
    useKeys(ledger, 29);
    expect(refusal(ledger, EXAMPLES.post_transfer[0])).toBeUndefined();
    useKeys(ledger, 1, NOW_MS + 1);
    expect(refusal(ledger, EXAMPLES.post_transfer[0])).toEqual({
      quota: "idempotency_keys",
      used: 30,
      allowed: 30,
    });
    expect(refusal(ledger, { ...EXAMPLES.post_transfer[0], key: null })).toBeUndefined();
    expect(refusal(ledger, { ...keyed, partner: "b" })).toBeUndefined();
  });
});

test("open transfers have a quota, and a partner never has more of them than the shard has room for", () => {
  const ledger = ledgerWith({ open_transfers: 2 }, { pendingMax: 5 });
  const hold = { ...HOLD, key: null };
  open(ledger, 1);
  expect(ledger.exceededBy(hold, NOW_MS)).toBeUndefined();
  open(ledger, 1);
  expect(ledger.exceededBy(hold, NOW_MS)).toEqual({ quota: "open_transfers", used: 2, allowed: 2 });
  expect(ledger.exceededBy(compound, NOW_MS)).toBeUndefined();
  expect(ledger.exceededBy({ ...hold, partner: "b" }, NOW_MS)).toBeUndefined();
  open(ledger, 2, "b");
  expect(ledger.exceededBy({ ...hold, partner: "b" }, NOW_MS)).toMatchObject({ used: 2, allowed: 1 });
  expect(ledger.exceededBy({ ...hold, partner: "c" }, NOW_MS)).toBeUndefined();
});

describe("bytes", () => {
  const [create] = EXAMPLES.create_account;
  const LARGE = { ...create, key: null, metadata: JSON.stringify({ note: "x".repeat(1_000) }) };

  function openAccount(ledger: Ledger, id: string, partner = "acme"): void {
    const command = { ...LARGE, partner, id };
    ledger.apply(
      command,
      ledger.decide(command, NOW_MS, () => ""),
      PLACE,
      0,
    );
  }

  test("a partner keeps no more than its quota; commands that shrink or add nothing are still accepted", () => {
    const ledger = ledgerWith({ bytes: 3_000 });
    openAccount(ledger, "a");
    expect(ledger.exceededBy(LARGE, NOW_MS)).toBeUndefined();
    openAccount(ledger, "b");
    expect(ledger.exceededBy(LARGE, NOW_MS)).toMatchObject({ quota: "bytes", allowed: 3_000 });
    expect(ledger.exceededBy({ ...LARGE, partner: "other" }, NOW_MS)).toBeUndefined();
    const update = { ...EXAMPLES.update_account[0], key: null };
    const bigger = { ...update, metadata: JSON.stringify({ note: "y".repeat(1_000), other: null }) };
    expect(ledger.exceededBy(bigger, NOW_MS)).toMatchObject({ quota: "bytes" });
    expect(ledger.exceededBy({ ...update, metadata: '{"note":null}' }, NOW_MS)).toBeUndefined();
    expect(ledger.exceededBy({ ...update, floor: 5 }, NOW_MS)).toBeUndefined();
    expect(ledger.exceededBy({ ...compound, key: null }, NOW_MS)).toBeUndefined();
    for (const { op, ...command } of [EXAMPLES.void_transfer[0], EXAMPLES.set_account_status[0]])
      expect(ledger.exceededBy({ op, ...command } as Command, NOW_MS), op).toBeUndefined();
  });

  test("a shard short of memory refuses commands that add to it from every partner, and accepts all others", () => {
    const ledger = ledgerWith({});
    expect(ledger.exceededBy(LARGE, NOW_MS, 5_000)).toBeUndefined();
    expect(ledger.exceededBy(LARGE, NOW_MS, 500)).toBe("heap_full");
    expect(ledger.exceededBy(LARGE, NOW_MS, -7)).toBe("heap_full");
    for (const [command, growth] of Object.values(EXAMPLES))
      if (growth !== "more") expect(ledger.exceededBy(command, NOW_MS, -7), command.op).toBeUndefined();
    expect(ledger.exceededBy(HOLD, NOW_MS, -7)).toBe("heap_full");
  });

  test("a partner never uses more than three times the shard's free memory", () => {
    const ledger = ledgerWith({});
    for (let i = 0; i < 6; i++) openAccount(ledger, `a${i}`);
    expect(ledger.exceededBy(LARGE, NOW_MS, 4_000)).toBeUndefined();
    expect(ledger.exceededBy(LARGE, NOW_MS, 2_000)).toMatchObject({ quota: "bytes", allowed: 6_000 });
    expect(ledger.exceededBy({ ...LARGE, partner: "other" }, NOW_MS, 2_000)).toBeUndefined();
  });

  test("a transfer that is the first to use a system account's slice counts the slice's bytes", () => {
    const ledger = ledgerWith({ bytes: 1_400 });
    openAccount(ledger, "a");
    const postings = ["@x", "@y"].map((credit) => ({ ...posting, credit }));
    const several = { ...compound, key: null, postings };
    expect(ledger.exceededBy(several, NOW_MS)).toMatchObject({ quota: "bytes" });
    expect(
      ledger.exceededBy({ ...several, postings: [{ ...posting, credit: "elsewhere" }] }, NOW_MS),
    ).toBeUndefined();
    const vnode = vnodeOfAccount("acme", "a");
    for (const name of ["@x", "@y"]) ledger.state.book("acme").openSlice(name, "PTS/0", vnode);
    expect(ledger.exceededBy(several, NOW_MS)).toBeUndefined();
  });
});
