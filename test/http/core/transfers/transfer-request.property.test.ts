import fc from "fast-check";
import { Packr } from "msgpackr";
import { expect, test } from "vitest";
import type { Transfer } from "../../../../src/actors/records/command.ts";
import {
  plainTransfer,
  transferBySchema,
  transferOf,
} from "../../../../src/http/core/transfers/transfer-request.ts";
import { createTestApp } from "../../test-app.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });
const asker = { partner: "acme", method: "POST", path: "/v1/transfers/batch" };

const id = fc.stringMatching(/^[A-Za-z0-9_.:@+-]{1,12}(\/[A-Za-z0-9_.:@+-]{1,12})?$/);
const text = fc.string({ unit: "binary", maxLength: 40 }).filter((value) => value.isWellFormed());
const metadata = fc.dictionary(
  text.filter((name) => name !== "" && name !== "__proto__"),
  text,
  { maxKeys: 6, noNullPrototype: true },
);
const amount = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const remarks = {
  memo: text,
  metadata,
  occurred_at: fc
    .date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true })
    .map((date) => date.toISOString()),
  idempotency_key: fc.stringMatching(/^[!-~]{1,40}$/),
};
const valid = fc.record(
  { debit_account: id, credit_account: id, amount, ...remarks },
  { requiredKeys: ["debit_account", "credit_account", "amount"] },
);
const ownId = id.filter((value) => !value.startsWith("@"));
const whatThereIs = fc.record(
  {
    debit_account: ownId,
    credit_account: id,
    amount: fc.constant("available" as const),
    max_amount: amount,
    ...remarks,
  },
  { requiredKeys: ["debit_account", "credit_account", "amount"] },
);
const postingsMax = 64;
const posting = fc.record({
  debit_account: id,
  credit_account: id,
  amount: fc.integer({ min: 1, max: Math.floor(Number.MAX_SAFE_INTEGER / postingsMax) }),
});
const several = fc.record(
  { postings: fc.array(posting, { minLength: 1, maxLength: postingsMax }), ...remarks },
  { requiredKeys: ["postings"] },
);
const patience = fc.oneof(
  fc.constant({}),
  fc.constant({ pending: false }),
  fc.record(
    { pending: fc.constant(true), timeout_s: fc.integer({ min: 1, max: 31_622_400 }) },
    { requiredKeys: ["pending"] },
  ),
);
/** All valid shapes of a transfer. */
const anyValid = fc
  .tuple(fc.oneof(valid, whatThereIs, several), patience)
  .map(([transfer, more]) => ({ ...transfer, ...more }));
/** Arbitrary values in place of a transfer. */
const odd = fc.oneof(
  valid,
  anyValid,
  fc.record(
    {
      debit_account: fc.oneof(id, fc.anything()),
      credit_account: fc.oneof(id, fc.string()),
      amount: fc.oneof(fc.integer(), fc.double(), fc.string()),
      memo: fc.oneof(fc.string({ maxLength: 600 }), fc.anything()),
      metadata: fc.oneof(metadata, fc.anything()),
      idempotency_key: fc.oneof(fc.string({ maxLength: 300 }), fc.anything()),
      pending: fc.anything(),
      extra: fc.anything(),
    },
    { requiredKeys: [] },
  ),
  fc.anything(),
);

test("the fast path accepts only what the schema accepts, with the same result", () => {
  const property = fc.property(odd, fc.boolean(), fc.constantFrom(null, "header"), (value, isItem, key) => {
    const plain = plainTransfer(asker, value, key, isItem);
    if (plain !== undefined) expect(plain).toEqual(transferBySchema(asker, value, key, isItem));
  });
  fc.assert(property, { numRuns: 3000 });
});

test("the fast path accepts the common shape", () => {
  fc.assert(
    fc.property(valid, ({ occurred_at: _time, ...common }) => {
      expect(plainTransfer(asker, common, null, true)).toBeDefined();
    }),
  );
});

/** The command that a request must have by the API contract. */
function expectedOf(value: Record<string, unknown>): object {
  const asked = (value["postings"] ?? [value]) as Record<string, unknown>[];
  const postings = asked.map(({ debit_account, credit_account, ...one }) => ({
    debit: debit_account,
    credit: credit_account,
    amount: one["amount"] === "available" ? (one["max_amount"] ?? Number.MAX_SAFE_INTEGER) : one["amount"],
  }));
  const { memo = null, occurred_at, idempotency_key = null, pending = false, timeout_s } = value;
  const common = {
    partner: "acme",
    key: idempotency_key,
    memo,
    occurredAtMs: occurred_at === undefined ? null : Date.parse(occurred_at as string),
  };
  const available = value["amount"] === "available";
  if (!available && pending === false && postings.length === 1) {
    return { op: "transfer", ...common, ...postings[0] };
  }
  const timeoutMs = timeout_s === undefined ? null : (timeout_s as number) * 1000;
  return { op: "compound_transfer", ...common, postings, available, pending, timeoutMs };
}

test("every valid shape becomes the command of the contract, and a plain transfer only if that can express it", () => {
  fc.assert(
    fc.property(anyValid, (value) => {
      const made = transferOf(asker, value, null, true);
      expect(made).toMatchObject(expectedOf(value));
      expect(made.fingerprint === 0).toBe(made.key === null);
      const own: unknown = JSON.parse(made.metadata ?? "{}");
      expect(own).toEqual({ ...value.metadata });
    }),
    { numRuns: 500 },
  );
});

test("two valid amounts must not sum to more than the maximum amount", () => {
  fc.assert(
    fc.property(amount, amount, id, id, (one, other, debit_account, credit_account) => {
      const postings = [one, other].map((part) => ({ debit_account, credit_account, amount: part }));
      const isTooMuch = BigInt(one) + BigInt(other) > BigInt(Number.MAX_SAFE_INTEGER);
      const make = (): unknown => transferOf(asker, { postings }, null, true);
      if (isTooMuch) expect(make).toThrow(/^postings: /);
      else expect(make()).toMatchObject({ op: "compound_transfer" });
    }),
    { numRuns: 500 },
  );
});

/** The same value with its members in another order. */
function shuffled<T extends object>(value: T, order: readonly number[]): T {
  const entries = Object.entries(value).map((entry, i) => ({ entry, rank: order[i % order.length] ?? 0 }));
  const sorted = entries.toSorted((a, b) => a.rank - b.rank).map(({ entry }) => entry);
  return Object.fromEntries(sorted) as T;
}

test("equal commands have the same fingerprint in every encoding and member order; different commands do not", async () => {
  const test = createTestApp();
  test.ledger.faults.rejection = "same_account";
  const sendAll = async (
    one: Record<string, unknown>,
    other: Record<string, unknown>,
  ): Promise<Transfer[]> => {
    const start = test.ledger.commands.length;
    const path = "/v1/transfers/batch";
    const sends: [string, string | Uint8Array<ArrayBuffer>][] = [
      ["application/json", JSON.stringify({ transfers: [one] }, null, 2)],
      ["application/x-ndjson", JSON.stringify(other)],
      ["application/msgpack", new Uint8Array(packr.pack([other]))],
    ];
    for (const [type, body] of sends)
      await test.request("POST", path, { body, headers: { "content-type": type } });
    return test.ledger.commands.slice(start) as Transfer[];
  };
  const order = fc.array(fc.nat(), { minLength: 3, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(anyValid, order, fc.uuid({ version: 4 }), async (transfer, ranks, key) => {
      test.ledger.commands.length = 0;
      const one = { ...transfer, idempotency_key: key };
      const other = shuffled(one, ranks);
      if (one.metadata !== undefined) other.metadata = shuffled(one.metadata, ranks);
      const [first, second, third] = await sendAll(one, other);
      expect(first?.fingerprint).toBeGreaterThan(0);
      expect(Number.isSafeInteger(first?.fingerprint)).toBe(true);
      expect([second, third]).toEqual([first, first]);
      const [changed] = await sendAll({ ...one, memo: `${one.memo?.slice(1) ?? ""}!` }, other);
      expect(changed?.fingerprint === first?.fingerprint).toBe(changed?.memo === first?.memo);
    }),
    { numRuns: 100 },
  );
});

test("without a key there is no fingerprint", async () => {
  const test = createTestApp();
  const json = { debit_account: "@a", credit_account: "@b", amount: 1 };
  await test.request("POST", "/v1/transfers", { json });
  expect(test.ledger.commands[0]?.fingerprint).toBe(0);
});
