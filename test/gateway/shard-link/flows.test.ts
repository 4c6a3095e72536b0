/** A capacity is divided so that there is always some left for who comes next. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Command } from "../../../src/actors/records/command.ts";
import { Flows } from "../../../src/gateway/shard-link/flows.ts";
import { flowOwnerOf, flowOwnerOfSubject, ownerOfTransfer } from "../../../src/gateway/shard-link/owners.ts";

/** Takes one by one until it is refused. @returns how many. */
function fill(flows: Flows, partner: string, owner = ""): number {
  for (let taken = 0; ; taken++) if (!flows.take(flows.find(partner, owner), 1)) return taken;
}

test("a partner alone gets half; each that comes gets as much as it leaves free, and who has more gets nothing", () => {
  const flows = new Flows(1_200);
  expect(fill(flows, "a")).toBe(600);
  expect(fill(flows, "b")).toBe(300);
  expect(fill(flows, "c")).toBe(150);
  expect(fill(flows, "a")).toBe(0);
  flows.give(flows.find("a", ""), 400);
  expect(fill(flows, "a")).toBe(175);
});

test("one owner gets half of its partner's half, and leaves the rest to the others", () => {
  const flows = new Flows(1_200);
  expect(fill(flows, "house", "wallet:ann")).toBe(300);
  expect(fill(flows, "house", "wallet:bob")).toBe(150);
  expect(fill(flows, "acme")).toBe(375);
});

test("whatever is taken and given back, no more is out than there is, and a newcomer gets some of it", () => {
  const flow = fc.constantFrom("a", "b", "c", "d");
  const amount = fc.integer({ min: 1, max: 400 });
  fc.assert(
    fc.property(fc.array(fc.tuple(flow, amount, fc.boolean()), { maxLength: 200 }), (steps) => {
      const flows = new Flows(1_000);
      const out: (readonly [partner: string, amount: number])[] = [];
      for (const [partner, amount, gives] of steps) {
        const [first] = out;
        if (gives && first !== undefined) {
          out.shift();
          flows.give(flows.find(first[0], ""), first[1]);
        } else if (flows.take(flows.find(partner, ""), amount)) out.push([partner, amount]);
        const total = out.reduce((sum, [, each]) => sum + each, 0);
        expect(total).toBeLessThanOrEqual(1_000);
      }
      for (const [partner, amount] of out) flows.give(flows.find(partner, ""), amount);
      expect(fill(flows, "newcomer")).toBe(500);
    }),
  );
});

test("who holds nothing is forgotten, who holds something is not", () => {
  const flows = new Flows(1_000);
  const held = flows.find("a", "");
  flows.take(held, 1);
  for (let i = 0; i < 5_000; i++) flows.find(`partner${i}`, "");
  expect(flows.find("a", "")).toBe(held);
  expect(flows.known).toBeLessThan(1_100);
});

test("wallet users and sellers are owners of their own; nobody else is", () => {
  const transfer = {
    op: "transfer",
    partner: "acme",
    key: null,
    fingerprint: 0,
    debit: "alice/points",
    credit: "bob",
    amount: 1,
    memo: null,
    metadata: null,
    occurredAtMs: null,
    vnode: 0,
  } as const satisfies Command;
  const act = { programme: "topup", act: "sale", subject: "credit:joe" } as const;
  expect(flowOwnerOf(transfer)).toBe("");
  expect(flowOwnerOf({ ...transfer, partner: "house" })).toBe("alice");
  expect(flowOwnerOf({ ...transfer, act })).toBe("credit:joe");
  expect(flowOwnerOfSubject("acme", "alice/points")).toBe("");
  expect(flowOwnerOfSubject("acme", "credit:joe")).toBe("credit:joe");
  expect(flowOwnerOfSubject("house", "wallet:ann/x")).toBe("wallet:ann");
  expect(ownerOfTransfer("acme", "tr_kb110em")).toBe("");
  expect(ownerOfTransfer("house", "tr_kb110em")).toMatch(/^#\d+$/);
});
