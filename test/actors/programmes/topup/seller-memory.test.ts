/** What sellers, their requests and phones take in memory, and reads of a partner that has none of them. */
import { expect, test } from "vitest";
import { countedTransferId } from "../../../../src/actors/ledger/transfer-id.ts";
import { Scheduler } from "../../../../src/actors/programmes/scheduler.ts";
import { SETTLED_BYTES } from "../../../../src/actors/programmes/settled-items.ts";
import {
  askConflicts,
  askPhone,
  askPhones,
  askRequest,
  askRequests,
  askSale,
  askSaleList,
  askSeller,
  askSellers,
  askTopupSettings,
} from "../../../../src/actors/programmes/topup/acts.ts";
import {
  type CreditRequest,
  DECIDED_MAX,
  TopupState,
} from "../../../../src/actors/programmes/topup/topup-state.ts";
import { PARTNER, PHONE, TopupFixture } from "./topup-fixture.ts";

test("a partner without sellers has nothing to show, and no limits", () => {
  const fixture = new TopupFixture();
  const none = { rows: [], upTo: null };
  expect([
    fixture.ask(askSeller("sam")),
    fixture.ask(askRequest("cr_x", 0)),
    fixture.ask(askPhone(PHONE)),
  ]).toEqual([null, null, null]);
  expect(fixture.ask(askSellers([9, null]))).toEqual(none);
  for (const status of [null, "pending"] as const)
    for (const seller of [null, "sam"])
      expect(fixture.ask(askRequests({ seller, status })([9, null]))).toEqual(none);
  expect(fixture.ask(askSaleList({ list: "pending", seller: null, phone: null })([9, null]))).toEqual(none);
  expect(fixture.ask(askPhones(9, null))).toEqual([]);
  expect(fixture.ask(askTopupSettings())).toEqual({ phoneLimits: null });
  expect(fixture.ask(askConflicts())).toBe(0);
});

test("a sale is asked for on the shard of its transfer", () => {
  const fixture = new TopupFixture();
  fixture.seller("sam", 100);
  const sale = fixture.started("sam", 5);
  expect(fixture.ask(askSale(sale))).toMatchObject([{ id: sale, status: "pending" }]);
  const id = countedTransferId(5, 1, 1);
  expect(askSale(id)).toMatchObject({ vnode: 5, subject: id });
  expect(askSale("no id")).toMatchObject({ vnode: 0 });
});

test("a request takes memory with its texts, also for the reason that decides it, and a seller with its name", () => {
  let bytes = 0;
  const state = new TopupState(PARTNER, {
    shard: 0,
    scheduler: new Scheduler(),
    countBytes: (_, more) => {
      bytes += more;
    },
  });
  const taken = (act: () => void) => {
    const before = bytes;
    act();
    return bytes - before;
  };
  const short = taken(() => state.addSeller("a", "Sam", 0));
  expect(short).toBeGreaterThan(300);
  expect(taken(() => state.addSeller("b", "Samuel", 0))).toBe(short + 3);
  const seller = state.addSeller("c", "Sam", 0);
  const request = (id: string, note: string | null): CreditRequest => {
    return { id, seller, amount: 1, note, createdAtMs: 0, decision: undefined };
  };
  const [plain, noted] = [request("r1", null), request("r2", "0123456789")];
  const one = taken(() => state.addRequest(plain));
  const two = taken(() => state.addRequest(noted));
  expect(one).toBeGreaterThan(300);
  const text = two - one;
  expect(text).toBeGreaterThanOrEqual(10);
  const decision = { isApproved: false, by: "boss", atMs: 1, reason: "0123456789" };
  expect(taken(() => state.settle(plain, decision))).toBe(SETTLED_BYTES + text);
  expect(taken(() => state.settle(noted, { ...decision, reason: null }))).toBe(SETTLED_BYTES);
});

test("a decided request that leaves gives its memory back, one for each that comes", () => {
  let bytes = 0;
  const state = new TopupState(PARTNER, {
    shard: 0,
    scheduler: new Scheduler(),
    countBytes: (_, more) => {
      bytes += more;
    },
  });
  const seller = state.addSeller("a", "Sam", 0);
  const decision = { isApproved: true, by: "boss", atMs: 1, reason: null };
  const add = (i: number) => {
    const request: CreditRequest = {
      id: `r${i}`,
      seller,
      amount: 1,
      note: null,
      createdAtMs: i,
      decision: undefined,
    };
    state.addRequest(request);
    state.settle(request, decision);
  };
  for (let i = 0; i < DECIDED_MAX; i++) add(i);
  const full = bytes;
  for (let i = 0; i < 3; i++) {
    add(DECIDED_MAX + i);
    expect([bytes, state.requests.size]).toEqual([full, DECIDED_MAX]);
  }
});

test("what a partner's sellers take in memory is the same after a restart", () => {
  const fixture = new TopupFixture();
  const bytes = () => fixture.run.ledger.state.book(PARTNER).usage.bytes;
  const empty = bytes();
  fixture.seller("sam", 1_000, 5);
  fixture.limitPhones({ dailyCount: 9 });
  fixture.started("sam", 5);
  for (let i = 0; i < 600; i++) fixture.sell("sam", 1, null, `+${1_000 + i}`);
  const before = bytes();
  expect(before - empty).toBeGreaterThan(600 * 100);
  const views = () => [fixture.ask(askSeller("sam")), fixture.ask(askPhones(999, null))];
  const shown = views();
  fixture.restart();
  expect(bytes()).toBe(before);
  expect(views()).toEqual(shown);
});
