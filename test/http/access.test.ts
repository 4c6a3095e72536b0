import { describe, expect, test } from "vitest";
import { hashOfKey } from "../../src/http/auth.ts";
import { OPERATOR } from "./fake-directory.ts";
import { createTestApp, problemOf } from "./test-app.ts";

type Operation = { security: unknown[]; requestBody?: unknown };
type Document = { paths: Record<string, Record<string, Operation>> };

/** Every route of the OpenAPI document, with its parameters filled in. */
async function routes(): Promise<{ method: string; path: string; isOpen: boolean }[]> {
  const { request } = createTestApp();
  const document = (await (await request("GET", "/openapi.json", { key: "" })).json()) as Document;
  const found = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { security }] of Object.entries(methods)) {
      const filled = path
        .replace("{code}", "forbidden")
        .replace("{report}", "forbidden")
        .replace("{file}", "setup.js")
        .replace("{n}", "0")
        .replace("{key_id}", "key_x")
        .replace("partners/{id}", "partners/acme")
        .replace("{id}", "alice")
        .replace(/^\/v1\/wallet-users$/, "/v1/wallet-users?email=ann@example.com");
      found.push({ method: method.toUpperCase(), path: filled, isOpen: security.length === 0 });
    }
  }
  return found;
}

const OPEN = [
  "/",
  "/healthz",
  "/readyz",
  "/metrics",
  "/openapi.json",
  "/docs",
  "/docs/setup.js",
  "/problems/forbidden",
  // Signed addresses carry their own authorization.
  "/segment-reports/forbidden",
  "/v1/wallet/login",
  "/v1/wallet/password/reset",
  "/v1/wallet/signup",
];
const all = await routes();

test("only probes, the start page, documentation, signed reports, and sign-up, login and resets of wallets are open", () => {
  expect(
    all
      .filter(({ isOpen }) => isOpen)
      .map(({ path }) => path)
      .toSorted(),
  ).toEqual(OPEN.toSorted());
  expect(all.length).toBeGreaterThan(30);
});

const closed = all.filter(({ isOpen }) => !isOpen);
/** Routes of the operator and of the partner in the path. */
const isMembers = (path: string): boolean =>
  path.includes("/keys") || path.includes("/report-secret/") || path.endsWith("/usage");
const isOperators = (path: string): boolean =>
  path.startsWith("/v1/admin/") ||
  path === "/v1/statistics/wallets" ||
  (path.startsWith("/v1/partners") && !isMembers(path));

/** Routes of the operator and of the platform tenant, which acme is not. */
const isPlatforms = (path: string): boolean => path.startsWith("/v1/wallet-");

describe.each(closed)("$method $path", ({ method, path }) => {
  test("is 401 without a key, with an unknown one, and with another scheme", async () => {
    const { request, ledger } = createTestApp();
    for (const key of ["", "dk_partner_unknown"]) {
      const response = await request(method, path, { key });
      expect(await problemOf(response)).toMatchObject({ status: 401, code: "unauthenticated" });
      expect(response.headers.get("www-authenticate")).toContain("Bearer");
    }
    const basic = await request(method, path, { key: "", headers: { authorization: "Basic acme-key" } });
    expect(basic.status).toBe(401);
    expect(ledger.commands).toEqual([]);
  });

  test("is 403 for the wrong role, for a bank key, and for a suspended partner", async () => {
    const { request, ledger } = createTestApp();
    const forbidden = async (key: string): Promise<void> => {
      const problem = await problemOf(await request(method, path, { key }));
      expect(problem).toMatchObject({ status: 403, code: "forbidden" });
    };
    if (isOperators(path) || isPlatforms(path)) await forbidden("acme-key");
    else if (path !== "/v1/trial-balance" && !isMembers(path)) await forbidden(OPERATOR);
    if (method !== "GET") await forbidden("acme-read");
    await forbidden("acme-bank");
    ledger.suspend("acme");
    await forbidden("acme-key");
    await forbidden("acme-read");
    expect(ledger.commands).toEqual([]);
  });
});

test("a read key may read", async () => {
  const { request } = createTestApp();
  await request("POST", "/v1/accounts", { json: { id: "alice", asset: "PTS/0" } });
  for (const path of ["/v1/accounts/alice", "/v1/accounts", "/v1/transfers", "/v1/trial-balance"]) {
    expect((await request("GET", path, { key: "acme-read" })).status).toBe(200);
  }
});

test("data of another partner is 404, with the same text as if it did not exist", async () => {
  const { request } = createTestApp();
  await request("POST", "/v1/accounts", { json: { id: "alice", asset: "PTS/0" } });
  const transfer = { debit_account: "@issuance", credit_account: "alice", amount: 5 };
  const { id } = (await (await request("POST", "/v1/transfers", { json: transfer })).json()) as {
    id: string;
  };
  for (const path of [
    "/v1/accounts/alice",
    "/v1/accounts/alice/entries",
    "/v1/accounts/alice/reconciliation",
  ]) {
    const others = await problemOf(await request("GET", path, { key: "other-key" }));
    const nobodys = await problemOf(await request("GET", path.replace("alice", "nobody")));
    expect(others).toMatchObject({ status: 404, code: "account_not_found" });
    expect(others.detail.replace("alice", "nobody")).toBe(nobodys.detail);
  }
  const theirs = await problemOf(await request("GET", `/v1/transfers/${id}`, { key: "other-key" }));
  expect(theirs).toEqual(await problemOf(await request("GET", "/v1/transfers/tr_zzzzz")));
  const list = await request("GET", "/v1/transfers", { key: "other-key" });
  expect(await list.json()).toEqual({ data: [], next_cursor: null });
  const keys = await problemOf(await request("GET", "/v1/partners/acme/keys", { key: "other-key" }));
  const unknown = await problemOf(await request("GET", "/v1/partners/nobody/keys", { key: "other-key" }));
  expect(keys.detail.replace("acme", "nobody")).toBe(unknown.detail);
  const from = { debit_account: "alice", credit_account: "@issuance", amount: 5 };
  const taken = await problemOf(await request("POST", "/v1/transfers", { key: "other-key", json: from }));
  expect(taken).toMatchObject({ status: 404, code: "account_not_found" });
  expect(taken.detail).toContain("alice");
});

test("an operator key from the configuration replaces the stored one", async () => {
  const { request } = createTestApp({ operatorKeyHash: hashOfKey("from-environment") });
  expect((await request("GET", "/v1/partners", { key: "from-environment" })).status).toBe(200);
  expect((await request("GET", "/v1/partners", { key: OPERATOR })).status).toBe(401);
  expect((await request("GET", "/v1/accounts", { key: "acme-key" })).status).toBe(200);
});

test("request lines contain the route, but no path, query, key or body", async () => {
  const { request, lines } = createTestApp();
  await request("POST", "/v1/transfers?dry_run=true&secret=1", {
    json: { memo: "in the body" },
    headers: { "idempotency-key": "in-the-header" },
  });
  await request("GET", '/v1/accounts/a%22%0a"b');
  expect(lines.join("")).not.toMatch(/secret|in the body|in-the-header|acme-key|%22/);
  for (const line of lines) {
    expect(line.endsWith("\n")).toBe(true);
    expect(JSON.parse(line)).toMatchObject({ msg: "request", partner: "acme", status: 400 });
  }
  const routes = () => lines.map((line) => (JSON.parse(line) as { route: string }).route);
  expect(routes()).toEqual(["/v1/transfers", "/v1/accounts/{id}"]);
  await request("GET", "/v1/no-such-thing/ann@example.com");
  await request("PUT", "/v1/accounts/ann@example.com");
  expect(routes().slice(2)).toEqual(["unknown", "unknown"]);
});
