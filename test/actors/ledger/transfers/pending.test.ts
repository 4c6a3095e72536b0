/** Open transfers of one home shard: what is counted for them, and in which order they expire. */
import { expect, test } from "vitest";
import { type OpenTransfer, PendingTransfers } from "../../../../src/actors/ledger/transfers/pending.ts";
import { openTransferBytes } from "../../../../src/actors/quotas/bytes.ts";
import { PartnerUsage } from "../../../../src/actors/quotas/usage.ts";
import type { TransferView } from "../../../../src/actors/records/compound-command.ts";

function opened(
  id: string,
  endsAtMs: number | null,
  accounts: readonly string[],
  partner = "acme",
): OpenTransfer {
  const view = {
    id,
    postings: [{}],
    memo: null,
    metadata: null,
    expiresAtMs: endsAtMs,
  } as unknown as TransferView;
  const holds = accounts.map((account) => ({ account, amount: 1 })) as unknown as OpenTransfer["holds"];
  const ends = endsAtMs ?? Number.POSITIVE_INFINITY;
  return {
    id,
    partner,
    view,
    remaining: 1,
    part: 0,
    holds,
    uses: [],
    reservedAt: [],
    endsAtMs: ends,
    place: -1,
  };
}

function pendingOf(max?: number) {
  const kept = { bytes: 0 };
  const usages = new Map<string, PartnerUsage>();
  const usageOf = (partner: string): PartnerUsage => {
    const usage = usages.get(partner) ?? new PartnerUsage(kept);
    usages.set(partner, usage);
    return usage;
  };
  return { pending: new PendingTransfers(usageOf, max), usageOf };
}

test("the first that expires is due at its very time, and not a millisecond before", () => {
  const { pending } = pendingOf();
  expect([pending.nextExpiryMs, pending.nextExpired(1e15)]).toEqual([Number.POSITIVE_INFINITY, undefined]);
  const [late, soon] = [opened("late", 200, ["a"]), opened("soon", 100, ["b"])];
  for (const transfer of [late, soon, opened("never", null, ["a"])]) pending.add(transfer);
  expect(pending.nextExpiryMs).toBe(100);
  expect([pending.nextExpired(99), pending.nextExpired(100)]).toEqual([undefined, soon]);
  pending.remove(soon);
  expect(pending.nextExpiryMs).toBe(200);
  expect([pending.nextExpired(199), pending.nextExpired(200)]).toEqual([undefined, late]);
});

test("of one account only the transfers that hold something on it are due, of its own partner", () => {
  const { pending } = pendingOf();
  const [both, other, foreign] = [
    opened("both", 200, ["a", "b", "a"]),
    opened("other", 100, ["b"]),
    opened("foreign", 50, ["a"], "globex"),
  ];
  for (const transfer of [both, other, foreign]) pending.add(transfer);
  expect(pending.nextExpiredOf("acme", "a", 199)).toBeUndefined();
  expect(pending.nextExpiredOf("acme", "a", 200)).toBe(both);
  expect(pending.nextExpiredOf("acme", "b", 200)).toBe(other);
  expect(pending.nextExpiredOf("globex", "a", 50)).toBe(foreign);
  expect(pending.nextExpiredOf("acme", "c", 1e15)).toBeUndefined();
  pending.remove(other);
  expect(pending.nextExpiredOf("acme", "b", 200)).toBe(both);
  pending.remove(both);
  for (const account of ["a", "b"]) expect(pending.nextExpiredOf("acme", account, 1e15)).toBeUndefined();
});

test("a transfer without an expiry is due on no account", () => {
  const { pending } = pendingOf();
  pending.add(opened("never", null, ["a"]));
  expect(pending.nextExpiredOf("acme", "a", Number.MAX_SAFE_INTEGER)).toBeUndefined();
});

test("its partner's usage counts a transfer and its bytes while it is open", () => {
  const { pending, usageOf } = pendingOf();
  const [one, two] = [opened("one", 100, ["a"]), opened("two", null, ["a"])];
  for (const transfer of [one, two]) pending.add(transfer);
  const usage = usageOf("acme");
  expect([usage.openTransfers, usage.bytes]).toEqual([
    2,
    openTransferBytes(one.view) + openTransferBytes(two.view),
  ]);
  for (const transfer of [two, one]) pending.remove(transfer);
  expect([usage.openTransfers, usage.bytes]).toEqual([0, 0]);
});

test("a transfer is added once and removed once, and the room is what is left of the bound", () => {
  const { pending } = pendingOf(2);
  const [one, two, three] = [opened("1", 1, ["a"]), opened("2", null, ["a"]), opened("3", 3, ["a"])];
  pending.add(one);
  expect([pending.size, pending.room, pending.get("1")]).toEqual([1, 1, one]);
  expect(() => pending.add(one)).toThrow("once");
  for (const transfer of [two, three]) pending.add(transfer);
  // A transfer that was reserved elsewhere is taken beyond the bound.
  expect([pending.size, pending.room]).toEqual([3, 0]);
  expect([...pending.all()]).toEqual([one, two, three]);
  pending.remove(one);
  expect(() => pending.remove(one)).toThrow("once");
  expect([pending.size, pending.get("1")]).toEqual([2, undefined]);
});
