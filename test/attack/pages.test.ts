/**
 * Pages of the largest possible rows: each page ends at 1 MiB, the next continues exactly there, and pages for
 * clients that have gone are not made.
 */
import { beforeAll, expect, test } from "vitest";
import { startTestServer } from "../integration/programmes/test-server.ts";
import { Client, makePartner, operator, sendUntilDone } from "../support/server.ts";
import { until } from "../support/until.ts";
import { Bystander, expectServed, MIB, memoryOf, RawSocket, wire } from "./raw.ts";

const ACCOUNTS = 150;
const TRANSFERS = 150;
/** 50 members of 500 characters that take six bytes each: more than the total size of metadata allows. */
const TOO_LARGE = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`key${i}`, "\u0001".repeat(500)]));
/** Nearly the largest metadata. */
const LARGE = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`key${i}`, "\u0001".repeat(500)]));
const ROW_BYTES = Buffer.byteLength(JSON.stringify(LARGE));
const MEMORY_GROWTH_MAX = 400 * MIB;

const house = startTestServer({ SHARDS: "2" });
let key: string;
let acme: Client;
let other: string;

beforeAll(async () => {
  const admin = operator(house.server);
  key = await makePartner(admin, "acme");
  other = await makePartner(admin, "other");
  acme = new Client(house.server.url, key);
  const ids = Array.from({ length: ACCOUNTS }, (_, i) => `account${1000 + i}`);
  await Promise.all(
    ids.map(async (id) => {
      const made = await sendUntilDone(acme, "/v1/accounts", { id, asset: "PTS/0", metadata: LARGE });
      expect(made.status, made.text.slice(0, 200)).toBe(201);
    }),
  );
  for (let i = 0; i < TRANSFERS; i++) {
    const credit = ids[i % 2];
    const paid = await sendUntilDone(acme, "/v1/transfers", {
      debit_account: "@issuance",
      credit_account: credit,
      amount: i + 1,
      metadata: LARGE,
    });
    expect(paid.status, paid.text.slice(0, 200)).toBe(201);
  }
});

type Page = Readonly<{ data: readonly Record<string, unknown>[]; next_cursor: string | null }>;

/** All rows of a list, and the sizes of its pages. */
async function walk(
  path: string,
): Promise<Readonly<{ rows: readonly Record<string, unknown>[]; bytes: readonly number[] }>> {
  const rows: Record<string, unknown>[] = [];
  const bytes: number[] = [];
  let cursor: string | null = null;
  do {
    const at = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const { status, text } = await acme.send("GET", `${path}${path.includes("?") ? "&" : "?"}limit=500${at}`);
    expect(status).toBe(200);
    const page = JSON.parse(text) as Page;
    expect(page.data.length).toBeGreaterThan(0);
    rows.push(...page.data);
    bytes.push(Buffer.byteLength(text));
    cursor = page.next_cursor;
  } while (cursor !== null);
  return { rows, bytes };
}

const named = (rows: readonly Record<string, unknown>[], field: string) => rows.map((row) => row[field]);

test.each([
  ["accounts, merged from both shards", "/v1/accounts", "id", ACCOUNTS],
  ["transfers", "/v1/transfers", "id", TRANSFERS],
  ["transfers of an account", "/v1/transfers?account=account1000", "id", TRANSFERS / 2],
  ["entries", "/v1/accounts/account1001/entries", "seq", TRANSFERS / 2],
  [
    "entries of a system account, merged from both shards",
    "/v1/accounts/@issuance/entries",
    "transfer_id",
    TRANSFERS,
  ],
])("%s: no page exceeds 1 MiB, and every row appears once", async (_, path, field, count) => {
  const { rows, bytes } = await walk(path);
  expect(new Set(named(rows, field)).size).toBe(count);
  expect(rows.length).toBe(count);
  expect(Math.max(...bytes)).toBeLessThan(1.01 * MIB);
  // Pages are not smaller than necessary.
  expect(bytes.length).toBeLessThanOrEqual(Math.ceil((count * (ROW_BYTES + 1_000)) / MIB) + 1);
});

test("CSV: no page exceeds 1 MiB, Link has the next one, and every row appears once", async () => {
  const rows: string[] = [];
  let next: string | undefined = "/v1/accounts/account1000/entries?limit=500";
  while (next !== undefined) {
    const { status, text, headers } = await acme.send("GET", next, undefined, { Accept: "text/csv" });
    expect(status).toBe(200);
    expect(Buffer.byteLength(text)).toBeLessThan(1.01 * MIB);
    rows.push(...text.trimEnd().split("\r\n").slice(1));
    next = /^<([^>]+)>/.exec(String(headers["link"] ?? ""))?.[1];
  }
  expect(new Set(rows.map((row) => row.split(",")[0])).size).toBe(TRANSFERS / 2);
});

test("accounts by id: no answer exceeds 1 MiB, and the rest follows; a larger consistent cut is refused", async () => {
  const ids = Array.from({ length: 100 }, (_, i) => (i % 10 === 9 ? `nobody${i}` : `account${1000 + i}`));
  const found: string[] = [];
  const missing: string[] = [];
  let cursor: string | null = null;
  do {
    const at: string = cursor === null ? "" : `&cursor=${cursor}`;
    const { status, text } = await acme.send("GET", `/v1/accounts?ids=${ids.join(",")}${at}`);
    expect(status).toBe(200);
    expect(Buffer.byteLength(text)).toBeLessThan(1.01 * MIB);
    const page = JSON.parse(text) as Page & Readonly<{ missing: string[] }>;
    found.push(...page.data.map(({ id }) => String(id)));
    missing.push(...page.missing);
    cursor = page.next_cursor;
  } while (cursor !== null);
  expect(found).toEqual(ids.filter((id) => id.startsWith("account")));
  expect(missing).toEqual(ids.filter((id) => id.startsWith("nobody")));
  const cut = await acme.send("GET", `/v1/accounts?consistent=true&ids=${ids.join(",")}`);
  expect([cut.status, cut.text.includes("1 MiB")]).toEqual([400, true]);
  const small = await acme.send("GET", `/v1/accounts?consistent=true&ids=${ids.slice(0, 20).join(",")}`);
  expect(small.status).toBe(200);
});

test("the total size of metadata is bounded, when it is set and when it is merged", async () => {
  const refused = await acme.send("POST", "/v1/accounts", { id: "fat", asset: "PTS/0", metadata: TOO_LARGE });
  expect([refused.status, refused.text.includes("32768 bytes")]).toEqual([400, true]);
  const transfer = {
    debit_account: "@issuance",
    credit_account: "account1000",
    amount: 1,
    metadata: TOO_LARGE,
  };
  expect((await acme.send("POST", "/v1/transfers", transfer)).status).toBe(400);
  const batch = await acme.send("POST", "/v1/transfers/batch", { transfers: [transfer] });
  expect(JSON.parse(batch.text)).toEqual({ results: [{ status: 400, code: "validation_failed" }] });
  const more = Object.fromEntries(Object.entries(LARGE).map(([name, value]) => [`more-${name}`, value]));
  const merged = await acme.send("PATCH", "/v1/accounts/account1002", { metadata: more });
  expect([merged.status, merged.text.includes("metadata_too_large")]).toEqual([422, true]);
});

test("300 pages for clients that have gone: other clients are answered, and almost none of the pages are made", async () => {
  const bystander = await new Bystander(house.server.url, other).open();
  await until("it works", () => bystander.answered > 50);
  bystander.seen();
  const memoryBefore = memoryOf(house.server.pid);
  const page = wire("GET", "/v1/accounts?limit=500", key) + wire("GET", "/v1/transfers?limit=500", key);
  for (let i = 0; i < 30; i++) {
    const attack = Array.from({ length: 10 }, () => new RawSocket(house.server.url).write(page));
    await Promise.all(attack.map((socket) => socket.opened()));
    await new Promise((resolve) => setImmediate(resolve));
    for (const { socket } of attack) socket.resetAndDestroy();
  }
  await until("it goes on", () => bystander.answered > 100);
  const during = bystander.seen();
  expectServed(during);
  expect(during.maxMs).toBeLessThan(5_000);
  expect(memoryOf(house.server.pid) - memoryBefore).toBeLessThan(MEMORY_GROWTH_MAX);
  await bystander.stop();
  const startedMs = performance.now();
  await acme.get("/v1/accounts?limit=1");
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});

test("24 clients that read the largest page again and again: other clients are answered", async () => {
  const bystander = await new Bystander(house.server.url, other).open();
  const greedy = new Client(house.server.url, key, 24);
  let pages = 0;
  const stopped = new AbortController();
  const want = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const { status } = await greedy.send("GET", "/v1/accounts?limit=500");
      // On a slow machine it may be refused.
      expect([200, 503]).toContain(status);
      pages += 1;
    }
  };
  const wanting = Array.from({ length: 24 }, want);
  await until("many pages were answered", () => pages > 72 && bystander.answered > 50, 50_000);
  stopped.abort();
  await Promise.all(wanting);
  greedy.close();
  const during = bystander.seen();
  expectServed(during);
  await bystander.stop();
});
