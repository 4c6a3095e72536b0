/** What is over stays in memory up to a bound: for one more the oldest leaves, and nothing that is still open ever does. */
import { expect, test } from "vitest";
import {
  type CreditRequest,
  DECIDED_MAX,
  TopupState,
} from "../../../src/actors/programmes/topup/topup-state.ts";
import { type Batch, Batches, FINISHED_MAX } from "../../../src/actors/programmes/vouchers/batches.ts";

const DECISION = { isApproved: true, by: "key", atMs: 1, reason: null };

test("a seller's decided credit requests leave beyond the bound, oldest first; those that wait stay", () => {
  const trade = new TopupState(0);
  const seller = trade.addSeller("sam", "Sam", 0);
  const made = Array.from({ length: DECIDED_MAX + 3 }, (_, i): CreditRequest => {
    const request = { id: `r${i}`, seller, amount: 1, note: null, createdAtMs: i, decision: undefined };
    trade.addRequest(request);
    return request;
  });
  const [waiting, ...others] = made;
  for (const request of others) trade.settle(request, DECISION);
  const gone = new Set(["r1", "r2"]);
  const kept = made.filter(({ id }) => !gone.has(id)).map(({ id }) => id);
  expect([...trade.requests.keys()]).toEqual(kept);
  expect([...seller.requests.all()].map(({ id }) => id)).toEqual(kept);
  expect([...trade.requestList.all()].map(({ id }) => id)).toEqual(kept);
  expect([...trade.pendingList.all()]).toEqual([waiting]);

  const again = new TopupState(0);
  for (const item of trade.items("acme")) again.restore(item);
  expect([...again.items("acme")]).toEqual([...trade.items("acme")]);
  again.settle(again.requests.get("r0") as CreditRequest, DECISION);
  expect([...again.requests.keys()]).toEqual(kept.slice(1));
});

test("a partner's finished batches of vouchers leave beyond the bound, oldest first; one that is under way stays", () => {
  const batches = new Batches({ add: () => {}, remove: () => {} });
  const order = { offer: "o", expiresAtMs: 1, runAtMs: 0 };
  const add = (id: string) =>
    batches.add({ partner: "acme", id, order, recipients: 1, issued: 0, isDone: false, endsAtMs: 0 });
  const finish = (id: string) => batches.issued(batches.get("acme", id) as Batch, 1, 1);
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
