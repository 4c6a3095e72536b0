/** The quotas that the operator sets for partners. */
import { expect, test } from "vitest";
import { VNODES, vnodeOf } from "../../../../src/actors/ledger/routing.ts";
import { type QuotaChanges, setQuotas } from "../../../../src/actors/programmes/quotas/acts.ts";
import { PartnerQuotas } from "../../../../src/actors/programmes/quotas/partner-quotas.ts";
import { DEFAULT_QUOTAS, QUOTA_NAMES } from "../../../../src/actors/quotas/default-quotas.ts";

const [FIRST, SECOND] = QUOTA_NAMES;
const done = { timeMs: 1, transfer: null, amount: 0 } as const;

class QuotasFixture {
  readonly quotas = new PartnerQuotas();

  set(quotas: QuotaChanges, partner = "acme"): unknown {
    const act = setQuotas(partner, quotas);
    const decided = this.quotas.decide(act, { partner, nowMs: 1, amount: 0 });
    if (!decided.ok) throw new Error(decided.code);
    // All other shards are told the same.
    expect(decided.notice).toEqual(decided.effect);
    this.quotas.apply(act, decided.effect, { ...done, partner });
    return decided.effect;
  }
}

test("a quota that is set replaces the default, and the others stay", () => {
  const fixture = new QuotasFixture();
  expect(fixture.quotas.of("acme")).toBe(DEFAULT_QUOTAS);
  expect(fixture.set({ [FIRST]: 7 })).toEqual({ [FIRST]: 7 });
  expect(fixture.set({ [SECOND]: 0 })).toEqual({ [FIRST]: 7, [SECOND]: 0 });
  expect(fixture.quotas.of("acme")).toEqual({ ...DEFAULT_QUOTAS, [FIRST]: 7, [SECOND]: 0 });
  expect(fixture.quotas.of("other")).toBe(DEFAULT_QUOTAS);
});

test("null sets a quota back, and nothing is kept of a partner that has no quota of its own", () => {
  const fixture = new QuotasFixture();
  fixture.set({ [FIRST]: 7, [SECOND]: 8 });
  expect(fixture.set({ [FIRST]: null })).toEqual({ [SECOND]: 8 });
  expect([...fixture.quotas.items()]).toEqual([["quotas", "acme", { [SECOND]: 8 }]]);
  expect(fixture.set({ [SECOND]: null })).toEqual({});
  expect([...fixture.quotas.items()]).toEqual([]);
  expect(fixture.quotas.of("acme")).toBe(DEFAULT_QUOTAS);
});

test("another shard and a restored state have the same quotas", () => {
  const own = { [FIRST]: 7 };
  const [told, restored] = [new PartnerQuotas(), new PartnerQuotas()];
  told.receiveBroadcast(own, "acme", 1, null);
  for (const item of told.items()) restored.restore(item);
  for (const quotas of [told, restored]) expect(quotas.of("acme")).toEqual({ ...DEFAULT_QUOTAS, ...own });
});

test("a change is decided on the partner's home shard, under keys of its own", () => {
  const act = setQuotas("acme", {});
  expect(act).toEqual({
    programme: "quotas",
    act: "set_quotas",
    subject: "#quotas",
    vnode: vnodeOf("acme", ""),
    quotas: {},
  });
  expect(act.vnode).toBeLessThan(VNODES);
});
