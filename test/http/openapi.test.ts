import { expect, test } from "vitest";
import { EVENT_TYPES } from "../../src/http/events/event-json.ts";
import { PROBLEMS, type ProblemCode } from "../../src/http/problem.ts";
import { createTestApp } from "./test-app.ts";

type Json = { [name: string]: Json } | Json[] | string | number | boolean | null;

const { request } = createTestApp();
const document = (await (await request("GET", "/openapi.json", { key: "" })).json()) as {
  [name: string]: Json;
};

function at(value: Json | undefined, ...path: string[]): Json | undefined {
  let found = value;
  for (const name of path) {
    if (typeof found !== "object" || found === null || Array.isArray(found)) return undefined;
    found = found[name];
  }
  return found;
}

function members(value: Json | undefined): [string, Json][] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

function operations(): { name: string; path: string; method: string; operation: Json }[] {
  return members(document["paths"]).flatMap(([path, methods]) =>
    members(methods).map(([method, operation]) => ({ name: `${method} ${path}`, path, method, operation })),
  );
}

/** Wallet users authenticate with sessions, all others with keys. */
function securityOf(path: string): object[] {
  if (!/^\/v1\/wallet(?:\/|$)/.test(path)) return [{ bearer: [] }];
  const isDoor = /^\/v1\/wallet\/(?:signup|login|password\/reset)$/.test(path);
  return isDoor ? [] : [{ session: [] }, { session_cookie: [] }];
}

test("the document is OpenAPI 3.1 and all its references resolve", () => {
  expect(document["openapi"]).toBe("3.1.0");
  expect(at(document, "info", "title")).toBe("Daybook");
  expect(at(document, "components", "securitySchemes", "bearer", "scheme")).toBe("bearer");
  const references = JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g);
  let count = 0;
  for (const [, path = ""] of references) {
    count += 1;
    expect(at(document, ...path.split("/")), path).toBeDefined();
  }
  expect(count).toBeGreaterThan(50);
  expect(JSON.stringify(document)).not.toContain('"nullable"');
});

test("every type of event is a webhook of the document, with an example of that type", () => {
  const webhooks = members(document["webhooks"]);
  expect(webhooks.map(([type]) => type)).toEqual(EVENT_TYPES);
  for (const [type, webhook] of webhooks) {
    const content = at(webhook, "post", "requestBody", "content", "application/json");
    expect(at(content, "schema", "$ref"), type).toBe("#/components/schemas/Event");
    expect(at(content, "example", "type")).toBe(type);
    expect(members(at(content, "example", "data")).length, type).toBeGreaterThan(1);
    expect(at(webhook, "post", "summary"), type).toMatch(/\.$/);
    const headers = at(webhook, "post", "parameters");
    expect(Array.isArray(headers) ? headers.map((header) => at(header, "name")) : []).toEqual([
      "webhook-id",
      "webhook-timestamp",
      "webhook-signature",
    ]);
  }
});

test("every operation has a unique id, a tag, a summary, its parameters, and answers for success and failure", () => {
  const ids = new Set<Json | undefined>();
  for (const { name, path, operation } of operations()) {
    ids.add(at(operation, "operationId"));
    expect(at(operation, "summary"), name).toMatch(/./);
    expect(at(operation, "tags"), name).toHaveLength(1);
    const parameters = at(operation, "parameters");
    const declared = (Array.isArray(parameters) ? parameters : []).filter((one) => at(one, "in") === "path");
    const inPath = [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, parameter]) => parameter);
    expect(new Set(declared.map((one) => at(one, "name"))), name).toEqual(new Set(inPath));
    for (const one of declared) expect(at(one, "required"), name).toBe(true);
    const statuses = members(at(operation, "responses")).map(([status]) => Number(status));
    expect(
      statuses.some((status) => status < 300),
      name,
    ).toBe(true);
    if (path.startsWith("/v1/")) {
      expect(statuses, name).toEqual(expect.arrayContaining([403, 503]));
      expect(at(operation, "security"), name).toEqual(securityOf(path));
      expect(statuses.includes(401), name).toBe(path !== "/v1/wallet/signup");
    }
    for (const [status, response] of members(at(operation, "responses"))) {
      expect(at(response, "description"), `${name} ${status}`).toMatch(/./);
      const isProblem = at(response, "content", "application/problem+json") !== undefined;
      expect(isProblem, `${name} ${status}`).toBe(Number(status) >= 400);
    }
  }
  expect(ids.size).toBe(operations().length);
});

test("writes document the idempotency key, the body, and the rejections of a transfer", () => {
  const create = at(document, "paths", "/v1/transfers", "post");
  const parameters = at(create, "parameters");
  expect(JSON.stringify(parameters)).toContain("Idempotency-Key");
  expect(at(create, "requestBody", "required")).toBe(true);
  const refusals = at(create, "responses", "422", "description");
  for (const code of ["insufficient_funds", "same_account", "idempotency_key_reused"]) {
    expect(refusals).toContain(code);
  }
  const batch = at(document, "paths", "/v1/transfers/batch", "post", "requestBody", "content");
  expect(members(batch).map(([type]) => type)).toEqual([
    "application/json",
    "application/x-ndjson",
    "application/msgpack",
  ]);
  const codes = at(document, "components", "schemas", "Problem", "properties", "code", "enum");
  expect(codes).toEqual(Object.keys(PROBLEMS) satisfies string[] as ProblemCode[]);
});

test("the schemas include the rules: integer amounts, ids, no unknown fields", () => {
  const posting = at(document, "components", "schemas", "Posting");
  expect(at(posting, "additionalProperties")).toBe(false);
  expect(at(posting, "properties", "amount")).toMatchObject({
    type: "integer",
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
  });
  expect(at(posting, "properties", "debit_account", "pattern")).toMatch(/A-Za-z0-9/);
  for (const name of ["NewAccount", "AccountPatch", "NewPartner", "NewKey"]) {
    expect(at(document, "components", "schemas", name, "additionalProperties"), name).toBe(false);
  }
});

test("the rejections of a transfer are listed in order of precedence, and all of them exist", () => {
  const orders: [path: string, codes: readonly string[]][] = [
    ["/v1/transfers", ["same_account", "account_not_found", "insufficient_funds", "balance_out_of_range"]],
    ["/v1/transfers/{id}/post", ["transfer_not_found", "transfer_expired", "amount_exceeds_pending"]],
    ["/v1/transfers/{id}/void", ["transfer_not_found", "transfer_not_pending", "transfer_expired"]],
    ["/v1/transfers/{id}/revert", ["transfer_not_found", "transfer_not_posted", "already_reverted"]],
  ];
  for (const [path, codes] of orders) {
    const operation = at(document, "paths", path, "post");
    const description = JSON.stringify(at(operation, "description"));
    const places = codes.map((code) => description.indexOf(`\`${code}\``));
    expect(Math.min(...places), path).toBeGreaterThanOrEqual(0);
    expect(places, path).toEqual(places.toSorted((a, b) => a - b));
    for (const code of codes) {
      const { status } = PROBLEMS[code as ProblemCode];
      expect(at(operation, "responses", String(status), "description"), `${path} ${code}`).toContain(code);
    }
  }
  const missing = operations().filter(({ operation }) => at(operation, "responses", "501") !== undefined);
  expect(missing.map(({ name }) => name)).toEqual(["post /v1/admin/snapshots"]);
});

test("the answer of a transfer has an id or is a dry run; the body of a post is optional; limits document their bounds", () => {
  const create = at(document, "paths", "/v1/transfers", "post");
  const schema = at(create, "responses", "201", "content", "application/json", "schema", "anyOf");
  expect(schema).toEqual([
    { $ref: "#/components/schemas/TransferWithBalances" },
    { $ref: "#/components/schemas/DryRun" },
  ]);
  const schemas = at(document, "components", "schemas");
  expect(at(schemas, "TransferWithBalances", "required")).toContain("id");
  expect(at(schemas, "DryRun", "properties")).not.toHaveProperty("id");
  expect(at(schemas, "Transfer", "properties")).toHaveProperty("reverted_by");
  expect(at(document, "paths", "/v1/transfers/{id}/post", "post", "requestBody", "required")).toBe(false);
  expect(at(document, "paths", "/v1/transfers/{id}/void", "post")).not.toHaveProperty("requestBody");
  expect(at(schemas, "Limit", "properties", "window_s")).toMatchObject({ minimum: 1, maximum: 31_622_400 });
  expect(at(schemas, "NewAccount", "properties", "limits")).toMatchObject({ type: "array", maxItems: 16 });
});

test("the pages load nothing from other hosts", async () => {
  for (const path of ["/docs", "/docs/setup.js", "/problems/forbidden"]) {
    const response = await request("GET", path, { key: "" });
    expect(response.status).toBe(200);
    expect(await response.text()).not.toMatch(/(https?:)?\/\/[a-z]/i);
  }
  const page = await request("GET", "/docs", { key: "" });
  expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
  for (const [, path = ""] of (await page.text()).matchAll(/(?:href|src)="(\/[^"]+)"/g)) {
    const asset = await request("GET", path, { key: "" });
    expect(asset.status, path).toBe(200);
    expect((await asset.arrayBuffer()).byteLength).toBeGreaterThan(50);
  }
  const styles = await (await request("GET", "/docs/swagger-ui.css", { key: "" })).text();
  expect(styles).not.toMatch(/url\(["']?https?:/);
  expect((await request("GET", "/docs/package.json", { key: "" })).status).toBe(404);
});

test("operation ids make good names in a generated client", () => {
  const names = new Map(operations().map(({ name, operation }) => [name, at(operation, "operationId")]));
  for (const [name, id] of names) expect(id, name).toMatch(/^[a-z]+([A-Z][a-z]+)*$/);
  const expected = {
    "get /": "getHome",
    "get /metrics": "getMetrics",
    "post /v1/accounts": "createAccount",
    "get /v1/accounts": "listAccounts",
    "get /v1/accounts/{id}": "getAccount",
    "patch /v1/accounts/{id}": "updateAccount",
    "post /v1/accounts/{id}/freeze": "freezeAccount",
    "get /v1/accounts/{id}/entries": "listAccountEntries",
    "get /v1/accounts/{id}/reconciliation": "getAccountReconciliation",
    "post /v1/transfers": "createTransfer",
    "post /v1/transfers/batch": "createTransferBatch",
    "post /v1/transfers/{id}/revert": "revertTransfer",
    "delete /v1/partners/{id}/keys/{key_id}": "deletePartnerKey",
    "get /v1/trial-balance": "getTrialBalance",
    "patch /v1/users/{id}/segments": "updateUserSegments",
    "post /v1/segments/{slug}/users": "addSegmentUsers",
    "post /v1/voucher-batches": "createVoucherBatch",
    "post /v1/wallet/payment-requests/{id}/accept": "acceptWalletPaymentRequest",
    "post /v1/admin/shards/{n}/restart": "restartShard",
  };
  expect(Object.fromEntries([...names].filter(([name]) => name in expected))).toEqual(expected);
});

test("every documented error has an example", () => {
  const examples = at(document, "components", "examples");
  for (const { name, operation } of operations()) {
    for (const [status, response] of members(at(operation, "responses"))) {
      if (Number(status) < 400) continue;
      const described = [...(at(response, "description") as string).matchAll(/`(\w+)`: /g)].map(
        ([, code]) => code,
      );
      const shown = members(at(response, "content", "application/problem+json", "examples"));
      expect(
        shown.map(([code]) => code),
        `${name} ${status}`,
      ).toEqual(described);
      for (const [code] of shown)
        expect(at(examples, code, "value"), code).toMatchObject({ code, status: Number(status) });
    }
  }
});

test("the examples can be sent as they are: no reused key, no empty range", () => {
  for (const { name, operation } of operations()) {
    const parameters = at(operation, "parameters");
    const shown = new Map(
      (Array.isArray(parameters) ? parameters : []).map((each) => [
        at(each, "name"),
        at(each, "example") ?? at(each, "schema", "example"),
      ]),
    );
    expect(shown.get("Idempotency-Key"), name).toBeUndefined();
    if (shown.has("from") && shown.has("to"))
      expect((shown.get("from") as string) < (shown.get("to") as string), name).toBe(true);
  }
});

test("no example of a transfer has the same debit and credit account", () => {
  const schemas = members(at(document, "components", "schemas"));
  const pairs = schemas.flatMap(([name, schema]) => {
    const { debit_account: debit, credit_account: credit } = Object.fromEntries(
      members(at(schema, "example") ?? at(schema, "properties")),
    );
    return debit === undefined || credit === undefined ? [] : [{ name, debit, credit }];
  });
  expect(pairs.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["Posting", "TransferRequest", "TransferItem"]),
  );
  for (const { name, debit, credit } of pairs) expect(debit, name).not.toEqual(credit);
});

test("the document names its server, and describes each group of operations", () => {
  expect(at(document, "servers")).toMatchObject([{ url: "/" }]);
  const tags = at(document, "tags");
  const described = (Array.isArray(tags) ? tags : []).map((tag) => at(tag, "name"));
  const used = operations().flatMap(({ operation }) => at(operation, "tags") as string[]);
  expect(new Set(described)).toEqual(new Set(used));
  for (const tag of Array.isArray(tags) ? tags : []) expect(at(tag, "description")).toMatch(/./);
});
