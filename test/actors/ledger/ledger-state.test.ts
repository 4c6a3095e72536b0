/** The settings of a shard's state, and what it counts for each partner. */
import { describe, expect, test } from "vitest";
import type { ScopeHash } from "../../../src/actors/idempotency/scope-hash.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import type { LedgerSettings } from "../../../src/actors/ledger/ledger-state.ts";
import { accountBytes } from "../../../src/actors/quotas/bytes.ts";
import type { CreateAccount, Limit } from "../../../src/actors/records/command.ts";

const place = { epoch: 1, seq: 1, index: 0, timeMs: 1_700_000_000_000 };
const zeros = (bytes: number) => new Uint8Array(bytes);

function create(id: string, partner = "p", key: string | null = null): CreateAccount {
  const rules = { asset: "PTS/0", floor: 0, ceiling: null, metadata: null } as const;
  return { op: "create_account", partner, key, fingerprint: 0, id, ...rules };
}

function ledgerWith(settings: LedgerSettings, commands: readonly CreateAccount[] = []): Ledger {
  const ledger = new Ledger(0, 1, zeros, settings);
  for (const command of commands)
    ledger.apply(
      command,
      ledger.decide(command, place.timeMs, () => ""),
      place,
      0,
    );
  return ledger;
}

/** A hash that takes all scopes for the same. */
const weak: ScopeHash = { a: 1, b: 2, c: 3, d: 4, run: () => {} };

describe("the settings of a shard", () => {
  test("bound how many keys it remembers", () => {
    const [one, two] = [create("a", "p", "1"), create("b", "p", "2")];
    const isKnown = (ledger: Ledger) =>
      [one, two].map((command) => ledger.lookUpKey(command, place.timeMs) !== undefined);
    expect(ledgerWith({}, [one, two]).keys.room).toBeGreaterThan(1_000);
    const bounded = ledgerWith({ keysMax: 2 }, [one, two]);
    expect([bounded.keys.size, bounded.keys.room, isKnown(bounded)]).toEqual([2, 0, [true, true]]);
  });

  test("may replace the hash of its keys", () => {
    const [one, two] = [create("a", "p", "1"), create("b", "p", "2")];
    const found = (ledger: Ledger) => ledger.lookUpKey(two, place.timeMs) !== undefined;
    expect([found(ledgerWith({}, [one])), found(ledgerWith({ keyHash: weak }, [one]))]).toEqual([
      false,
      true,
    ]);
  });

  test("bound its pending transfers and its claims", () => {
    const { compound, state } = ledgerWith({ pendingMax: 3, claimsMax: 1 });
    expect(compound.pending.room).toBe(3);
    state.claims.take("a", "", { epoch: 1, seq: 1 });
    state.claims.take("b", "", { epoch: 1, seq: 2 });
    expect([state.claims.size, state.claims.forgotten]).toEqual([1, { epoch: 1, seq: 1 }]);
    expect([compound.claims, ledgerWith({}).compound.pending.room > 3]).toEqual([state.claims, true]);
  });
});

test("the hash of the keys is seeded with exactly the 16 bytes that were drawn", () => {
  const pool = Uint8Array.from({ length: 64 }, (_, i) => i);
  const ledger = new Ledger(0, 1, (bytes) => pool.subarray(3, 3 + bytes));
  expect(ledger.keys.seed).toEqual([0x06050403, 0x0a090807, 0x0e0d0c0b, 0x1211100f]);
});

test("a shard without randomness decides no act that needs some", () => {
  const act = { programme: "vouchers", act: "issue", subject: "customer:a", email: "a", offer: "o" } as const;
  const names = { op: "act", partner: "p", key: null, fingerprint: 0 } as const;
  const decide = (ledger: Ledger) => {
    const customer = { ...act, act: "create_customer", email: "a", name: null };
    ledger.apply({ ...names, act: customer }, { ok: true, effect: null }, place, 0);
    const issue = { ...act, discount: 5, expiresAtMs: place.timeMs + 9 };
    return ledger.decide({ ...names, act: issue }, place.timeMs, () => "");
  };
  expect(decide(new Ledger(0, 1, zeros))).toMatchObject({ ok: true });
  expect(() => decide(new Ledger(0))).toThrow("without a source of randomness");
});

test("partners in turn keep their own books, and the same accounts", () => {
  const ledger = ledgerWith({}, [create("a", "p"), create("a", "q"), create("b", "p"), create("b", "q")]);
  expect([...ledger.state.books].map(([partner, { accounts }]) => [partner, [...accounts.keys()]])).toEqual([
    ["p", ["a", "b"]],
    ["q", ["a", "b"]],
  ]);
});

test("a changed account counts the bytes that it takes afterwards", () => {
  const limit: Limit = { windowS: 60, direction: "debit", maxAmount: 5, maxCount: null };
  const ledger = ledgerWith({}, [create("a")]);
  for (const more of [
    { limits: [limit] },
    { metadata: '{"a":"1"}' },
    { limits: [] },
    { metadata: '{"a":null}' },
  ]) {
    const command = {
      op: "update_account",
      partner: "p",
      key: null,
      fingerprint: 0,
      id: "a",
      ...more,
    } as const;
    ledger.apply(
      command,
      ledger.decide(command, place.timeMs, () => ""),
      place,
      0,
    );
    const account = ledger.account("p", "a");
    if (account === undefined) throw new Error("the account exists");
    expect([ledger.state.usageOf("p").bytes, ledger.state.kept.bytes]).toEqual([
      accountBytes(account),
      accountBytes(account),
    ]);
  }
});
