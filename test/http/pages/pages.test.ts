/** The pages without a browser: headers, cookies, forms from other sites, and text of users. */
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { hashOfKey } from "../../../src/http/auth.ts";
import { createPageCookie } from "../../../src/http/pages/base/page-cookie.ts";
import { OPERATOR } from "../fake-directory.ts";
import { createTestApp, type TestApp } from "../test-app.ts";

const SAME_ORIGIN = { "sec-fetch-site": "same-origin" };
const FORM = { "content-type": "application/x-www-form-urlencoded" };

function send(
  { request }: TestApp,
  path: string,
  fields: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = SAME_ORIGIN,
): Promise<Response> {
  const body = new URLSearchParams(fields).toString();
  return request("POST", path, { key: "", headers: { ...FORM, ...headers }, body });
}

/** Logs in. @returns the cookie to send */
async function logIn(app: TestApp, key = OPERATOR): Promise<string> {
  const response = await send(app, "/console/login", { key });
  expect(response.status).toBe(303);
  return (response.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
}

function open({ request }: TestApp, path: string, cookie: string): Promise<Response> {
  return request("GET", path, { key: "", headers: { cookie } });
}

const PATHS = [
  "/console",
  "/console/search",
  "/console/accounts",
  "/console/transfers",
  "/console/partners",
  "/console/partners/acme",
  "/console/shards",
  "/console/balance",
  "/console/log",
];
const APP_PATHS = [
  "/app",
  "/app/members",
  "/app/customers",
  "/app/customers/ann@example.com",
  "/app/vouchers",
  "/app/vouchers/7QK3MWPA2XHT9C",
  "/app/voucher-batches",
  "/app/voucher-batches.csv?id=vb_x",
  "/app/offers",
  "/app/segments",
  "/app/sellers",
  "/app/webhooks",
  "/app/statistics",
  "/app/statistics.csv",
];

describe("a page", () => {
  test.each(PATHS)("%s needs a session, and leads back after the login", async (path) => {
    const app = createTestApp();
    const response = await open(app, path, "");
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe(`/console/login?next=${encodeURIComponent(path)}`);
  });

  test.each(APP_PATHS)(
    "%s is for a partner's key, also one that only reads, and not for the operator",
    async (path) => {
      const app = createTestApp();
      expect((await open(app, path, "")).headers.get("location")).toBe(
        `/app/login?next=${encodeURIComponent(path)}`,
      );
      expect((await open(app, path, await logIn(app))).status).toBe(403);
      expect((await send(app, "/app/login", { key: OPERATOR })).status).toBe(403);
      const cookie = (await send(app, "/app/login", { key: "acme-read" })).headers.get("set-cookie") ?? "";
      expect((await open(app, path, cookie.split(";", 1)[0] ?? "")).status).not.toBe(403);
    },
  );

  test.each(PATHS)("%s allows nothing inline and nothing from other hosts", async (path) => {
    const app = createTestApp();
    const response = await open(app, path, await logIn(app));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-security-policy")).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    expect(response.headers.get("cache-control")).toBe("no-store");
    const text = await response.text();
    expect(text).not.toMatch(/<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|hx-on|https?:\/\//);
  });

  test("shows a problem as a page, with its status", async () => {
    const app = createTestApp();
    const cookie = await logIn(app);
    const missing = await open(app, "/console/partners/nobody", cookie);
    expect([missing.status, missing.headers.get("content-type")]).toEqual([404, "text/html; charset=utf-8"]);
    expect(await missing.text()).toContain("There is no partner nobody.");
    app.ledger.faults.operating = "log_unavailable";
    const failed = await open(app, "/console/partners", cookie);
    expect([failed.status, failed.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await failed.text()).toContain("The same may succeed later.");
  });

  test("refuses query parameters that it does not know", async () => {
    const app = createTestApp();
    expect((await open(app, "/console/transfers?stauts=posted", await logIn(app))).status).toBe(400);
  });

  test("is not part of the API's document", async () => {
    const document = await (await createTestApp().request("GET", "/openapi.json", { key: "" })).text();
    expect(document).not.toMatch(/"\/(app|console|login|signup|reset-password|wallet|assets)/);
  });
});

describe("a session of the pages", () => {
  test("has a cookie that scripts cannot read and other sites cannot send", async () => {
    const response = await send(createTestApp(), "/console/login", { key: OPERATOR });
    expect(response.headers.get("set-cookie")).toMatch(
      /^daybook_page=ps_[\w-]{45}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure$/,
    );
  });

  test("has a cookie of this host alone when the server is reached over TLS", () => {
    expect(createPageCookie("https://ledger.example").name).toBe("__Host-daybook_page");
    expect(createPageCookie("http://localhost:3000").name).toBe("daybook_page");
  });

  test("ends with the logout, for whoever has its token", async () => {
    const app = createTestApp();
    const cookie = await logIn(app);
    const out = await send(app, "/console/logout", {}, { ...SAME_ORIGIN, cookie });
    expect(out.headers.get("set-cookie")).toMatch(/^daybook_page=; .*Max-Age=0/);
    expect((await open(app, "/console", cookie)).status).toBe(303);
  });

  test("ends when its key is replaced", async () => {
    const app = createTestApp();
    const cookie = await logIn(app);
    app.ledger.setOperatorKey("another operator key");
    expect((await open(app, "/console", cookie)).status).toBe(303);
  });

  test("begins with the operator key of the configuration", async () => {
    const app = createTestApp({ operatorKeyHash: hashOfKey("configured") });
    expect((await open(app, "/console", await logIn(app, "configured"))).status).toBe(200);
    expect((await send(app, "/console/login", { key: OPERATOR })).status).toBe(401);
  });

  test("does not begin with a key that is unknown, or that has no pages", async () => {
    const app = createTestApp();
    const unknown = await send(app, "/console/login", { key: "nonsense" });
    expect([unknown.status, unknown.headers.get("set-cookie")]).toEqual([401, null]);
    const read = await send(app, "/console/login", { key: "acme-read" });
    expect([read.status, read.headers.get("set-cookie")]).toEqual([403, null]);
  });

  test("needs a cookie that is sent once", async () => {
    const app = createTestApp();
    const cookie = await logIn(app);
    expect((await open(app, "/console", `${cookie}; ${cookie}`)).status).toBe(303);
  });

  test("does not open the API", async () => {
    const app = createTestApp();
    expect((await open(app, "/v1/partners", await logIn(app))).status).toBe(401);
  });
});

describe("the login", () => {
  test("is limited after ten failures, and successes do not count", async () => {
    const app = createTestApp();
    for (let i = 0; i < 20; i++)
      expect((await send(app, "/console/login", { key: OPERATOR })).status).toBe(303);
    for (let i = 0; i < 10; i++)
      expect((await send(app, "/console/login", { key: "wrong" })).status).toBe(401);
    expect((await send(app, "/console/login", { key: OPERATOR })).status).toBe(429);
    app.elapse(10 * 60 * 1000 + 100);
    expect((await send(app, "/console/login", { key: OPERATOR })).status).toBe(303);
  });

  test.each([
    "//evil.example",
    "https://evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "/console/login?next=/console/login",
  ])("never leads to %s", async (next) => {
    const response = await send(createTestApp(), "/console/login", { key: OPERATOR, next });
    expect(response.headers.get("location")).toBe("/console");
  });

  test("leads back to a page of this server", async () => {
    const next = "/console/accounts?partner=acme";
    const response = await send(createTestApp(), "/console/login", { key: OPERATOR, next });
    expect(response.headers.get("location")).toBe(next);
  });
});

describe("a form", () => {
  const CHANGES = [
    "/console/login",
    "/console/logout",
    "/console/partners",
    "/console/partners/acme/status",
    "/console/partners/acme/keys",
    "/console/partners/acme/revoke",
    "/console/partners/acme/quotas",
    "/console/shards/0/restart",
    "/console/snapshots",
    "/app/login",
    "/app/logout",
    "/app/members",
    "/app/members/ann",
    "/app/customers",
    "/app/customers/erase",
    "/app/vouchers",
    "/app/vouchers/7QK3MWPA2XHT9C/cancel",
    "/app/voucher-batches",
    "/app/segments",
    "/app/sellers",
    "/app/webhooks",
    "/app/offers",
    "/app/credit-requests/cr_x/approve",
    "/app/credit-requests/cr_x/reject",
    "/app/webhooks/wh_x/deliveries/ev_x",
    "/signup",
    "/login",
    "/reset-password",
    "/logout",
    "/wallet/password",
    "/wallet/send",
    "/wallet/requests",
    "/wallet/withdrawals",
    "/wallet/holds/x/void",
  ];
  const ELSEWHERE = [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "https://evil.example" },
    { origin: "null" },
    {},
  ];

  test.each(CHANGES)("for %s is refused unless a page of this server sends it", async (path) => {
    const app = createTestApp();
    const cookie = await logIn(app);
    for (const headers of ELSEWHERE) {
      const response = await send(app, path, { key: OPERATOR }, { ...headers, cookie });
      expect([path, headers, response.status]).toEqual([path, headers, 403]);
    }
    expect([app.ledger.commands, app.ledger.snapshots]).toEqual([[], []]);
  });

  test("that is sent twice acts once", async () => {
    const app = createTestApp();
    const cookie = await logIn(app);
    const form = "0".repeat(24);
    const create = () =>
      send(
        app,
        "/console/partners/acme/keys",
        { name: "till", role: "read", form },
        { ...SAME_ORIGIN, cookie },
      );
    expect(await (await create()).text()).toContain("dk_read_");
    const again = await (await create()).text();
    expect(again).toContain("This form was sent before.");
    expect(again).not.toContain("dk_read_");
  });

  test("that a shard could not act on can be sent again as it is", async () => {
    const app = createTestApp();
    const login = await send(app, "/app/login", { key: "acme-key" });
    const cookie = (login.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
    app.ledger.faults.operating = "log_unavailable";
    const fields = { id: "ann", member_name: `Ann "Lee"`, form: "5".repeat(24) };
    const failed = await send(app, "/app/members", fields, { ...SAME_ORIGIN, cookie });
    expect([failed.status, failed.headers.get("retry-after")]).toEqual([503, "1"]);
    const form = /<form method="post">(.*?)<\/form>/s.exec(await failed.text())?.[1] ?? "";
    const shown = [...form.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [
      name,
      value,
    ]);
    expect(shown).toEqual([
      ["id", "ann"],
      ["member_name", "Ann &quot;Lee&quot;"],
      ["form", "5".repeat(24)],
    ]);
  });

  test("is shown again with what was typed and what is wrong", async () => {
    const app = createTestApp();
    const cookie = await logIn(app);
    const form = "1".repeat(24);
    const sent = (id: string) =>
      send(app, "/console/partners", { id, name: "Kept", form }, { ...SAME_ORIGIN, cookie });
    const bad = await sent("not an id");
    expect(bad.status).toBe(400);
    const text = await bad.text();
    expect(text).toContain('value="Kept"');
    expect(text).toMatch(/aria-invalid="true" aria-describedby="[^"]*id-error"/);
    expect(await (await sent("acme")).text()).toContain("A partner with this id exists");
  });
});

describe("text of users", () => {
  const EVIL = `<script>alert("x")</script><img src=x onerror=alert(1)>`;

  test("is shown as text, wherever it was stored", async () => {
    const app = createTestApp();
    const cookie = await logIn(app);
    const headers = { ...SAME_ORIGIN, cookie };
    await send(app, "/console/partners", { id: "evil", name: EVIL, form: "2".repeat(24) }, headers);
    await send(
      app,
      "/console/partners/evil/keys",
      { name: EVIL, role: "read", form: "3".repeat(24) },
      headers,
    );
    await app.request("POST", "/v1/accounts", {
      json: { id: "ann", asset: "USD/2", metadata: { note: EVIL } },
    });
    const transfer = {
      debit_account: "@issuance",
      credit_account: "ann",
      amount: 5,
      memo: EVIL,
      metadata: { note: EVIL },
    };
    const made = await app.request("POST", "/v1/transfers", { json: transfer });
    const { id } = (await made.json()) as { id: string };
    const pages = [
      "/console/partners",
      "/console/partners/evil",
      "/console/accounts/acme/ann",
      `/console/transfers/acme/${id}`,
      `/console/search?q=${encodeURIComponent(EVIL)}`,
      `/console/log?position=${encodeURIComponent("<script>")}`,
    ];
    for (const path of pages) {
      const text = await (await open(app, path, cookie)).text();
      expect(text, path).toContain("&lt;script&gt;");
      expect(text, path).not.toMatch(/<script>|<img/);
    }
    const tried = await send(
      app,
      "/console/partners",
      { id: EVIL, name: EVIL, form: "4".repeat(24) },
      headers,
    );
    expect(await tried.text()).not.toMatch(/<script>|<img/);
    const next = await open(app, `/console/login?next=${encodeURIComponent(`/"><script>`)}`, "");
    expect(await next.text()).not.toContain("<script>");
  });
});

describe("the files of the pages", () => {
  test("are at most 60 kB together, tagged, and kept by browsers for good", async () => {
    const app = createTestApp();
    const page = await (await open(app, "/console", await logIn(app))).text();
    const paths = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path as string);
    expect(paths).toHaveLength(8);
    let zipped = 0;
    for (const path of paths) {
      const { request } = app;
      const response = await request("GET", path, { key: "", headers: { "accept-encoding": "gzip" } });
      expect([path, response.status]).toEqual([path, 200]);
      expect(response.headers.get("cache-control")).toBe("max-age=31536000, immutable");
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(gunzipSync(bytes).length).toBeGreaterThan(0);
      zipped += gzipSync(gunzipSync(bytes)).length;
      const tag = response.headers.get("etag") ?? "";
      const again = await request("GET", path, { key: "", headers: { "if-none-match": tag } });
      expect(again.status).toBe(304);
    }
    expect(zipped).toBeLessThan(60_000);
  });

  test("are not found under another version or name", async () => {
    const { request } = createTestApp();
    for (const path of ["/assets/000000000000/daybook.css", "/assets/x/nothing.js", "/assets/x/__proto__"])
      expect((await request("GET", path, { key: "" })).status).toBe(404);
  });
});
