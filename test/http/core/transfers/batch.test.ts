import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import type { Transfer } from "../../../../src/actors/records/command.ts";
import { NOW_MS } from "../../fake-book.ts";
import { createTestApp, problemOf, type TestApp } from "../../test-app.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });
const PATH = "/v1/transfers/batch";
const GOOD = { debit_account: "@issuance", credit_account: "alice", amount: 5 };

type Results = { results: Record<string, unknown>[] };

async function openAlice({ request }: TestApp): Promise<void> {
  await request("POST", "/v1/accounts", { json: { id: "alice", asset: "PTS/0" } });
}

const encodings: Record<
  string,
  (items: readonly unknown[]) => { type: string; body: string | Uint8Array<ArrayBuffer> }
> = {
  json: (items) => ({ type: "application/json", body: JSON.stringify({ transfers: items }) }),
  ndjson: (items) => ({
    type: "application/x-ndjson; charset=utf-8",
    body: `${items.map((item) => JSON.stringify(item)).join("\n")}\n`,
  }),
  msgpack: (items) => ({ type: "application/msgpack", body: new Uint8Array(packr.pack(items)) }),
};

async function send(
  { request }: TestApp,
  encoding: string,
  items: readonly unknown[],
  headers: Record<string, string> = {},
): Promise<Response> {
  const { type, body } = encodings[encoding]?.(items) ?? { type: "", body: "" };
  return request("POST", PATH, { body, headers: { ...headers, "content-type": type } });
}

async function resultsOf(response: Response): Promise<Results> {
  const isPacked = response.headers.get("content-type") === "application/msgpack";
  if (isPacked) return packr.unpack(new Uint8Array(await response.arrayBuffer()));
  return (await response.json()) as Results;
}

const REUSED = { ...GOOD, idempotency_key: "own", amount: 6 };

/** Valid and invalid items, each with its expected status. */
const MIXED: [unknown, number][] = [
  [GOOD, 201],
  [{ ...GOOD, amount: 0 }, 400],
  [{ ...GOOD, amount: 1.5 }, 400],
  [{ ...GOOD, amount: 2 ** 53 }, 400],
  [{ ...GOOD, hello: 1 }, 400],
  [null, 400],
  ["text", 400],
  [[], 400],
  [
    { ...GOOD, memo: "Füße 🦶, and a text that is longer than a short one", metadata: { b: "2", a: "1" } },
    201,
  ],
  [{ ...GOOD, credit_account: "nobody" }, 404],
  [{ ...GOOD, credit_account: "@issuance" }, 422],
  [{ ...GOOD, pending: true, timeout_s: 60 }, 201],
  [{ postings: [GOOD] }, 201],
  [{ postings: [GOOD, { ...GOOD, amount: 6 }] }, 201],
  [{ ...GOOD, timeout_s: 60 }, 400],
  [{ ...GOOD, amount: "available" }, 400],
  [{ debit_account: "alice", credit_account: "@issuance", amount: "available", max_amount: 7 }, 201],
  [{ ...GOOD, idempotency_key: "" }, 400],
  [{ ...GOOD, idempotency_key: "own key" }, 400],
  [{ ...GOOD, idempotency_key: "own" }, 201],
  [REUSED, 422],
  [{ ...GOOD, occurred_at: "2026-11-20T11:00:00.5+01:00", amount: 2 ** 40 }, 201],
  [{ ...GOOD, amount: Number.MAX_SAFE_INTEGER }, 201],
];

test("the three encodings give the same results and the same commands", async () => {
  const seen = [];
  for (const encoding of Object.keys(encodings)) {
    const test = createTestApp();
    await openAlice(test);
    const response = await send(
      test,
      encoding,
      MIXED.map(([item]) => item),
    );
    expect(response.status).toBe(200);
    expect(response.headers.get("daybook-position")).toMatch(/^0:1-\d+,1:1-4$/);
    const { results } = await resultsOf(response);
    expect(results.map(({ status }) => status)).toEqual(MIXED.map(([, status]) => status));
    seen.push({ results, commands: test.ledger.commands });
  }
  expect(seen[1]).toEqual(seen[0]);
  expect(seen[2]).toEqual(seen[0]);
  expect(seen[0]?.results[1]).toEqual({ status: 400, code: "validation_failed" });
  const reused = MIXED.findIndex(([item]) => item === REUSED);
  expect(seen[0]?.results[reused]).toEqual({ status: 422, code: "idempotency_key_reused" });
  const compound = seen[0]?.commands.filter(({ op }) => op === "compound_transfer");
  expect(compound).toMatchObject([
    { pending: true, timeoutMs: 60_000, postings: [{ amount: 5 }] },
    { pending: false, timeoutMs: null, postings: [{ amount: 5 }, { amount: 6 }] },
    { available: true, postings: [{ debit: "alice", amount: 7 }] },
  ]);
  const withTime = seen[0]?.commands
    .filter((command): command is Transfer => "occurredAtMs" in command)
    .at(-2);
  expect(withTime?.occurredAtMs).toBe(NOW_MS + 500);
});

test("a key in the header gives item i the key `<key>#i`; an item's own key takes precedence", async () => {
  const test = createTestApp();
  await openAlice(test);
  const items = [GOOD, { ...GOOD, amount: 0 }, { ...GOOD, idempotency_key: "own" }, GOOD];
  const first = await resultsOf(await send(test, "json", items, { "idempotency-key": "k" }));
  expect(test.ledger.commands.slice(1).map(({ key }) => key)).toEqual(["k#0", "own", "k#3"]);
  const again = await resultsOf(await send(test, "msgpack", items, { "idempotency-key": "k" }));
  expect(again).toEqual(first);
});

test("the ledger gets only the valid items", async () => {
  const test = createTestApp();
  await openAlice(test);
  const items = [GOOD, { bad: 1 }];
  await send(test, "json", items);
  expect(test.ledger.commands).toHaveLength(2);
});

const usual = (amount: string) =>
  `{"debit_account": "@issuance", "credit_account": "alice", "amount": ${amount}}`;

describe("among items in the usual form, an item is refused if parsing would change what its text says", () => {
  test.each([
    ["a fraction of zero", usual("10.0")],
    ["an exponent", usual("1e1")],
    ["a fraction that would be rounded away", usual("4503599627370497.5")],
    ["two amounts", usual('10, "amount": 5')],
    ["two debit accounts", usual('5, "debit_account": "@issuance"')],
    ["two names that an escape makes one", usual('10, "\\u0061mount": 5')],
  ])("%s", async (_, odd) => {
    const app = createTestApp();
    await openAlice(app);
    const body = `{"transfers": [${[usual("5"), odd, usual("5")].join(", ")}]}`;
    const headers = { "content-type": "application/json" };
    const { results } = await resultsOf(await app.request("POST", PATH, { body, headers }));
    expect(results.map(({ status }) => status)).toEqual([201, 400, 201]);
  });
});

test.each(Object.keys(encodings))("10,000 items are accepted as %s, 10,001 are 413", async (encoding) => {
  const test = createTestApp();
  await openAlice(test);
  const most = Array.from({ length: 10_000 }, () => GOOD);
  const { results } = await resultsOf(await send(test, encoding, most));
  expect(results).toHaveLength(10_000);
  const problem = await problemOf(await send(test, encoding, [...most, GOOD]));
  expect(problem).toMatchObject({ status: 413, code: "batch_too_large" });
});

test("an empty list is an empty batch; an empty body is 400", async () => {
  const test = createTestApp();
  for (const encoding of ["json", "msgpack"]) {
    const response = await send(test, encoding, []);
    expect(await resultsOf(response)).toEqual({ results: [] });
  }
  for (const type of ["application/json", "application/x-ndjson", "application/msgpack"]) {
    const response = await test.request("POST", PATH, { body: "", headers: { "content-type": type } });
    expect((await problemOf(response)).status).toBe(400);
  }
});

test("NDJSON: blank lines are skipped, and a line that is not JSON fails alone", async () => {
  const test = createTestApp();
  await openAlice(test);
  const good = JSON.stringify(GOOD);
  const body = `${good}\r\n\n{"debit_account":\n${good},${good}\n${good}`;
  const response = await test.request("POST", PATH, {
    body,
    headers: { "content-type": "application/x-ndjson" },
  });
  const { results } = await resultsOf(response);
  expect(results.map(({ status }) => status)).toEqual([201, 400, 400, 201]);
});

test.each(["[]", "{}", '{"transfers":{}}', '{"transfers":[],"more":1}', '{"transfers":[', "null"])(
  "a JSON batch of %s is 400",
  async (body) => {
    const { request } = createTestApp();
    const response = await request("POST", PATH, { body, headers: { "content-type": "application/json" } });
    expect((await problemOf(response)).code).toBe("validation_failed");
  },
);

async function sendBytes(
  test: TestApp,
  ...bytes: readonly (number | readonly number[])[]
): Promise<Response> {
  const body = new Uint8Array(bytes.flat());
  return test.request("POST", PATH, { body, headers: { "content-type": "application/msgpack" } });
}
const text = (value: string): number[] => [0xa0 + value.length, ...Buffer.from(value)];

describe("invalid MessagePack", () => {
  test.each<[string, number[]]>([
    ["not an array", [0x80]],
    ["an array that claims 10,000 items", [0xdc, 0x27, 0x10]],
    ["a text that claims 4 GiB", [0x91, 0xdb, 0xff, 0xff, 0xff, 0xff]],
    ["an inner array that claims 4 Gi", [0x91, 0xdd, 0xff, 0xff, 0xff, 0xff]],
    ["a map that claims 4 Gi", [0x91, 0xdf, 0xff, 0xff, 0xff, 0xff]],
    ["arrays nested too deeply", [...Array.from({ length: 1000 }, () => 0x91), 0xc0]],
    ["bytes after the end", [0x90, 0xc0]],
    ["a byte that is never used", [0x91, 0xc1]],
    ["an end in the middle", [0x91, 0x81, 0xa6, 0x61]],
  ])("%s is 400", async (_, bytes) => {
    const problem = await problemOf(await sendBytes(createTestApp(), bytes));
    expect(problem).toMatchObject({ status: 400, code: "validation_failed" });
  });

  test("an array that claims 4 Gi items is 413", async () => {
    const problem = await problemOf(await sendBytes(createTestApp(), [0xdd, 0xff, 0xff, 0xff, 0xff]));
    expect(problem.code).toBe("batch_too_large");
  });

  test("a value that is not plain data fails only its item", async () => {
    const app = createTestApp();
    await openAlice(app);
    const head = [
      ...text("debit_account"),
      ...text("@issuance"),
      ...text("credit_account"),
      ...text("alice"),
    ];
    const amount = [...text("amount"), 5];
    const response = await sendBytes(
      app,
      [0x99],
      [0x83, ...head, ...amount],
      [0xd4, 0x72, 0x40], // an extension, as msgpackr's own record definitions
      [0xc7, 0x03, 0x78, 1, 2, 3],
      [0xc4, 0x01, 0xff],
      [0x84, ...head, ...amount, ...text("__proto__"), 0x80],
      [0x84, ...head, ...amount, ...text("metadata"), 0x81, ...text("__proto__"), ...text("x")],
      [0x84, ...head, ...amount, ...text("memo"), 0xa1, 0xff], // not UTF-8
      [0x83, ...head, ...text("amount"), 0xcf, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01], // 2^53 + 1
      [0x83, ...head, ...text("amount"), 0xcf, 0x00, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // 2^53 − 1
    );
    const { results } = await resultsOf(response);
    expect(results.map(({ status }) => status)).toEqual([201, 400, 400, 400, 400, 400, 400, 400, 201]);
    expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  });
});
