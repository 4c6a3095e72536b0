/** Validation errors use the words of the API, not of the validation library. */
import { beforeAll, expect, test } from "vitest";
import { refusedStart } from "../../support/server.ts";
import { type Caller, type Json, startTestServer } from "../programmes/test-server.ts";

const house = startTestServer({});
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
});

type FieldError = Readonly<{ path: string; message: string }>;

async function errorsOf(method: string, path: string, body?: unknown): Promise<readonly FieldError[]> {
  const problem = await acme.ask(method, path, 400, body);
  expect(JSON.stringify(problem)).not.toMatch(/Invalid|expected|received|undefined|regex|pattern/i);
  return problem["errors"] as FieldError[];
}

const ID = "must be an id: A-Z a-z 0-9 _ . : @ + -, with one optional /, 1 to 128 characters";

test.each<[path: string, body: Json | string, errors: Readonly<Record<string, string>>]>([
  ["/v1/accounts", { id: "a" }, { asset: "is required" }],
  ["/v1/accounts", { id: 7, asset: 7 }, { id: ID, asset: "must be a string" }],
  ["/v1/accounts", { asset: "USD/2", floor: 5 }, { floor: "must be at most 0" }],
  [
    "/v1/accounts",
    { asset: "USD/2", floor: 1.5 },
    { floor: "has an exponent, or more decimals than allowed" },
  ],
  ["/v1/accounts", { asset: "USD/2", ceiling: "x" }, { ceiling: "must be a number" }],
  ["/v1/accounts", { asset: "USD/2", more: 1 }, { more: "is not a known field" }],
  ["/v1/accounts", "[]", { "": "must be an object" }],
  ["/v1/accounts", "7", { "": "must be an object" }],
  [
    "/v1/transfers",
    {},
    { debit_account: "is required", credit_account: "is required", amount: "is required" },
  ],
  ["/v1/transfers", { postings: [] }, { postings: "must have at least 1 item" }],
  ["/v1/transfers", { postings: "x" }, { postings: "must be an array" }],
  [
    "/v1/transfers",
    { postings: [{ amount: 1 }] },
    { "postings.0.debit_account": "is required", "postings.0.credit_account": "is required" },
  ],
  ["/v1/segments", { slug: "ABC", user_percent: 101 }, { user_percent: "must be at most 100" }],
  ["/v1/segments", { slug: "ABC", user_percent: 0 }, { user_percent: "must be at least 1" }],
  ["/v1/segments", {}, { slug: "is required" }],
  ["/v1/segments/ABC/users", { ids: "x" }, { ids: "must be an array" }],
  [
    "/v1/partners/acme/keys",
    { role: "king" },
    { role: expect.stringMatching(/^must be one of partner, /) as string },
  ],
  ["/v1/customers", { email: 5 }, { email: "must be a string" }],
  [
    "/v1/voucher-batches",
    { offer_name: "x", expires_at: "2099-01-01T00:00:00Z", emails: "some" },
    { emails: 'must be "all" or an array' },
  ],
  [
    "/v1/voucher-batches",
    { offer_name: "x", expires_at: "2099-01-01T00:00:00Z", emails: ["x"] },
    { "emails.0": "must be an e-mail address of at most 254 characters" },
  ],
  ["/v1/voucher-batches", { offer_name: "x", expires_at: "2099-01-01T00:00:00Z" }, { emails: "is required" }],
  [
    "/v1/segment-reports",
    { year: 2026, month: 13, separator: "|" },
    { month: "must be at most 12", separator: "must be one of ,, ;" },
  ],
])("POST %s %j", async (path, body, errors) => {
  const found = await errorsOf("POST", path, body);
  expect(Object.fromEntries(found.map((each) => [each.path, each.message]))).toEqual(errors);
});

test("an error in a union of shapes refers to the closest shape", async () => {
  const path = "/v1/users/ann/segments";
  expect(await errorsOf("PATCH", path, { add: [{ ttl_s: 0 }] })).toEqual([
    { path: "add.0.slug", message: "is required" },
    { path: "add.0.ttl_s", message: "must be at least 1" },
  ]);
  expect(await errorsOf("PATCH", path, { add: ["x"] })).toEqual([
    { path: "add.0", message: "must be 3 to 64 characters of A-Z 0-9 _" },
  ]);
  expect(await errorsOf("PATCH", path, { add: [7] })).toEqual([
    { path: "add.0", message: "must be a string or an object" },
  ]);
  expect(await errorsOf("PATCH", path, { add: [{ slug: "ABC", till: 1 }] })).toEqual([
    { path: "add.0.till", message: "is not a known field" },
  ]);
});

test("queries and server settings get the same kind of messages", async () => {
  expect(await errorsOf("GET", "/v1/vouchers")).toEqual([{ path: "email", message: "is required" }]);
  expect(await errorsOf("GET", "/v1/transfers?status=lost")).toEqual([
    { path: "status", message: "must be one of posted, pending, voided, expired" },
  ]);
  expect(await errorsOf("GET", "/v1/sellers/kiosk/settlement")).toEqual([
    { path: "date", message: "is required" },
  ]);
  const { lines } = await refusedStart({ WAL_URL: "memory:", SHARDS: "many", ISOLATION: "fibers" });
  expect(lines).toEqual([
    'daybook: bad configuration: SHARDS: must be a whole number from 1 to 64, not "many"; ISOLATION: must be one of threads, processes, not "fibers"',
  ]);
});
