/** Finished items stay in memory up to a bound; beyond it the oldest is evicted. Open items are never evicted. */
import { expect, test } from "vitest";
import { Scheduler } from "../../../src/actors/programmes/scheduler.ts";
import { SETTLED_KEPT_MS } from "../../../src/actors/programmes/settled-items.ts";
import {
  type CreditRequest,
  DECIDED_MAX,
  TopupState,
} from "../../../src/actors/programmes/topup/topup-state.ts";
import { type Batch, Batches, FINISHED_MAX } from "../../../src/actors/programmes/vouchers/batches.ts";

const DECISION = { isApproved: true, by: "key", atMs: 1, reason: null };

test("a seller's oldest decided credit requests are evicted beyond the bound; undecided ones stay", () => {
  const state = new TopupState("acme", { shard: 0, scheduler: new Scheduler() });
  const seller = state.addSeller("sam", "Sam", 0);
  const made = Array.from({ length: DECIDED_MAX + 3 }, (_, i): CreditRequest => {
    const request = { id: `r${i}`, seller, amount: 1, note: null, createdAtMs: i, decision: undefined };
    state.addRequest(request);
    return request;
  });
  const [waiting, ...others] = made;
  for (const request of others) state.settle(request, DECISION);
  const gone = new Set(["r1", "r2"]);
  const kept = made.filter(({ id }) => !gone.has(id)).map(({ id }) => id);
  expect([...state.requests.keys()]).toEqual(kept);
  expect([...seller.requests.all()].map(({ id }) => id)).toEqual(kept);
  expect([...state.requestList.all()].map(({ id }) => id)).toEqual(kept);
  expect([...state.pendingList.all()]).toEqual([waiting]);
  // What was evicted is not forgotten later; the first 256 by id would have both.
  const next = state.nextForgotten(SETTLED_KEPT_MS + 1).map(([id]) => id);
  expect(next.slice(0, 2)).toEqual(["r10", "r100"]);

  const copy = new TopupState("acme", { shard: 0, scheduler: new Scheduler() });
  for (const item of state.items("acme")) copy.restore(item);
  expect([...copy.items("acme")]).toEqual([...state.items("acme")]);
  copy.settle(copy.requests.get("r0") as CreditRequest, DECISION);
  expect([...copy.requests.keys()]).toEqual(kept.slice(1));
});

test("a partner's oldest finished voucher batches are evicted beyond the bound; unfinished ones stay", () => {
  const batches = new Batches({ add: () => {}, remove: () => {} });
  const order = { offer: "o", expiresAtMs: 1, runAtMs: 0 };
  const add = (id: string) =>
    batches.add({
      partner: "acme",
      id,
      order,
      recipients: 1,
      issued: 0,
      skipped: 0,
      isDone: false,
      endsAtMs: 0,
    });
  const finish = (id: string) => batches.issued(batches.get("acme", id) as Batch, 1, 1, 1);
  add("waits");
  for (let i = 0; i < FINISHED_MAX + 2; i++) {
    add(`b${i}`);
    finish(`b${i}`);
  }
  const ids = [...batches.all()].map(({ id }) => id);
  expect(ids).toHaveLength(FINISHED_MAX + 1);
  expect(ids.slice(0, 2)).toEqual(["waits", "b2"]);
  finish("waits");
  expect([...batches.all()].map(({ id }) => id).slice(0, 2)).toEqual(["b2", "b3"]);
});
