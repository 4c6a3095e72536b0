/** A capacity is divided so that some is always left for the next partner. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Command } from "../../../src/actors/records/command.ts";
import { Flows } from "../../../src/gateway/shard-link/flows.ts";
import { flowOwnerOf, flowOwnerOfSubject, ownerOfTransfer } from "../../../src/gateway/shard-link/owners.ts";

/** Takes one unit at a time until it is refused. @returns the number taken. */
function fill(flows: Flows, partner: string, owner = ""): number {
  for (let taken = 0; ; taken++) if (!flows.take(flows.find(partner, owner), 1)) return taken;
}

test("a single partner gets half; each further one may take as much as then stays free, and one that has more gets nothing", () => {
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

test("no sequence of takes and gives exceeds the capacity, and a newcomer then gets half", () => {
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

test("idle flows are removed, flows in use are not", () => {
  const flows = new Flows(1_000);
  const held = flows.find("a", "");
  flows.take(held, 1);
  for (let i = 0; i < 5_000; i++) flows.find(`partner${i}`, "");
  expect(flows.find("a", "")).toBe(held);
  expect(flows.known).toBeLessThan(1_100);
});

test("wallet users and sellers are owners; other accounts belong to the partner as a whole", () => {
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
