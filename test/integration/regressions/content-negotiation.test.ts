/** Content negotiation: `Accept` with quality values, content types and codings, and the headers of every answer. */
import { beforeAll, expect, test } from "vitest";
import { openShop } from "../programmes/shop.ts";
import { type Caller, startTestServer } from "../programmes/test-server.ts";
import { type Person, Wallets } from "../programmes/wallets.ts";

const house = startTestServer({});
let acme: Caller;
let person: Person;
/** Every list of entries, with a caller who may read it. */
let books: readonly (readonly [caller: Caller, path: string])[];

beforeAll(async () => {
  acme = await house.partner("acme");
  await acme.post("/v1/accounts", 201, { id: "alice", asset: "PTS/0" });
  await acme.post("/v1/transfers", 201, { debit_account: "@issuance", credit_account: "alice", amount: 5 });
  await acme.post("/v1/loyalty/members", 201, { id: "ann" });
  const shop = await openShop(house, acme, "kiosk", 100);
  person = await new Wallets(house).person(100);
  books = [
    [acme, "/v1/accounts/alice/entries"],
    [acme, "/v1/accounts/@issuance/entries"],
    [acme, "/v1/loyalty/members/ann/entries"],
    [shop.caller, `${shop.path}/entries`],
    [person.caller, "/v1/wallet/entries"],
  ];
});

const CSV = [
  "text/csv",
  "TEXT/CSV",
  "Text/Csv; charset=utf-8",
  "text/*",
  "text/csv, application/json",
  "text/csv;q=0.9, application/json;q=0.5",
  "application/json ; q=0.1 , text/csv",
  "text/csv, */*",
  "application/json;q=0, */*;q=0.2, text/csv;q=0.1",
];
const JSONS = [
  "",
  "*/*",
  "application/json",
  "text/csv;q=0",
  "text/csv;q=0, */*",
  "text/csv;q=0.000, text/*",
  "text/csv;q=0.5, application/json",
  "text/csv;Q=0.2, */*;q=0.8",
  "application/json, text/csv",
  "text/csvx",
  "application/text/csv",
  "text/html, application/xhtml+xml, */*;q=0.8",
];

test("every list of entries chooses CSV or JSON by quality values, and answers with Vary: Accept", async () => {
  for (const [caller, path] of books) {
    for (const [accepts, type] of [
      [CSV, "text/csv"],
      [JSONS, "application/json"],
    ] as const) {
      for (const accept of accepts) {
        const { status, headers } = await caller.client.send("GET", path, undefined, { Accept: accept });
        expect([status, headers["content-type"]], `${path} ${accept}`).toEqual([
          200,
          expect.stringContaining(type),
        ]);
        expect(headers["vary"], `${path} ${accept}`).toMatch(/(^|, )Accept($|,)/);
      }
    }
  }
});

test("Link leads to the next page of a CSV, whose rows equal those of the JSON", async () => {
  await acme.post("/v1/loyalty/members/ann/accruals", 201, { points: 1, description: "one" });
  await acme.post("/v1/loyalty/members/ann/accruals", 201, { points: 2, description: "two" });
  const path = "/v1/loyalty/members/ann/entries?limit=1";
  const first = await acme.client.send("GET", path, undefined, { Accept: "text/csv" });
  const next = /^<(.+)>; rel="next"$/.exec(String(first.headers["link"]))?.[1] ?? "";
  const second = await acme.client.send("GET", next, undefined, { Accept: "text/csv" });
  expect(second.headers["link"]).toBeUndefined();
  const { data } = await acme.get("/v1/loyalty/members/ann/entries");
  const rows = [first, second].map(({ text }) => text.split("\r\n")[1]?.split(",").slice(0, 2));
  expect(rows).toEqual(
    (data as { seq: number; transfer_id: string }[]).map((row) => [`${row.seq}`, row.transfer_id]),
  );
});

const ACCOUNT = '{"id":"ID","asset":"PTS/0"}';

test("content types ignore case, a byte order mark is skipped, and compressed bodies are refused", async () => {
  const types = ["APPLICATION/JSON", "application/json;charset=UTF-8", 'Application/Json ; Charset="utf-8"'];
  for (const [i, type] of types.entries()) {
    const body = ACCOUNT.replace("ID", `typed${i}`);
    await acme.ask("POST", "/v1/accounts", 201, body, { "Content-Type": type });
  }
  await acme.ask("POST", "/v1/accounts", 201, `\ufeff${ACCOUNT.replace("ID", "marked")}`);
  const item = '\ufeff{"debit_account":"@issuance","credit_account":"alice","amount":1}\n';
  const lines = { "Content-Type": "application/X-NDJSON; charset=utf-8" };
  const batch = await acme.ask("POST", "/v1/transfers/batch", 200, item, lines);
  expect(batch["results"]).toMatchObject([{ status: 201 }]);
  for (const coding of ["gzip", "GZIP", "br", "identity, gzip"])
    for (const path of ["/v1/accounts", "/v1/transfers/batch", "/v1/accounts/alice/freeze"]) {
      const headers = { "Content-Encoding": coding };
      const refused = await acme.ask("POST", path, 415, ACCOUNT, headers);
      expect(refused, `${path} ${coding}`).toMatchObject({ code: "unsupported_media_type" });
    }
  const plain = { "Content-Encoding": "identity" };
  await acme.ask("POST", "/v1/accounts", 201, ACCOUNT.replace("ID", "plain"), plain);
});

test("private answers are not cached, and no answer allows content sniffing", async () => {
  const answers = await Promise.all([
    ...books.map(([caller, path]) => caller.client.send("GET", path)),
    acme.client.send("GET", "/v1/accounts/nobody"),
    acme.client.send("POST", "/v1/transfers", {}),
    person.caller.client.send("GET", "/v1/wallet"),
    house.caller("no-key").client.send("GET", "/v1/accounts"),
  ]);
  for (const { headers, status } of answers)
    expect(headers, String(status)).toMatchObject({
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
  for (const path of [
    "/healthz",
    "/docs",
    "/docs/setup.js",
    "/openapi.json",
    "/problems/forbidden",
    "/nothing",
  ]) {
    const { headers } = await acme.client.send("GET", path);
    expect(headers["x-content-type-options"], path).toBe("nosniff");
  }
});
