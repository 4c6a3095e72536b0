/** Users and sessions of wallets over HTTP: one scenario per requirement. */
import { beforeAll, describe, expect, test } from "vitest";
import { operator } from "../../support/server.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";
import { Wallets } from "./wallets.ts";

const signup = "/v1/wallet/signup";
const login = "/v1/wallet/login";

describe("users of wallets", () => {
  const house = startTestServer();
  const wallets = new Wallets(house);
  let stranger: Caller;

  beforeAll(async () => {
    stranger = house.caller("nobody");
  });

  const browse = (method: string, path: string, headers: Record<string, string>, body?: Json) =>
    fetch(`${house.server.url}${path}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  test("W9 a sign-up creates a user with a session and an empty wallet", async () => {
    const body = { name: "Ann", email: "  Ann@Example.com ", password: "correct horse" };
    const made = await stranger.post(signup, 201, body);
    expect(made).toEqual({
      user_id: expect.stringMatching(/^usr_/),
      wallet_id: expect.stringMatching(/^wal_/),
      name: "Ann",
      email: "ann@example.com",
      token: expect.stringMatching(/^ws_[\w-]{34}$/),
    });
    const ann = house.caller(String(made["token"]));
    expect(await ann.get("/v1/wallet")).toEqual({
      wallet_id: made["wallet_id"],
      user_id: made["user_id"],
      asset: "USD/2",
      balance: 0,
      held: 0,
      available: 0,
      entries: [],
    });
    await stranger.refused("POST", signup, 409, "email_taken", { ...body, email: "ANN@example.COM" });
  });

  test("W9 W15 the fields of a sign-up are validated, and the answer names the faults", async () => {
    const good = { name: "Bo", email: "bo@example.com", password: "longenough" };
    for (const bad of [
      { name: undefined },
      { name: "" },
      { email: undefined },
      { email: "no at example.com" },
      { email: `${"x".repeat(250)}@example.com` },
      { password: undefined },
      { password: "7 chars" },
      { password: "x".repeat(201) },
      { more: 1 },
    ])
      await stranger.refused("POST", signup, 400, "validation_failed", { ...good, ...bad });
    await stranger.post(signup, 201, { ...good, email: "o'b/c+d@exämple.com" });
  });

  test("W9 a retry of a sign-up shows no token; with another password it is another request", async () => {
    const headers = { "Idempotency-Key": "once" };
    const body = { name: "Cy", email: "cy@example.com", password: "correct horse" };
    const first = await stranger.ask("POST", signup, 201, body, headers);
    const again = await stranger.client.send("POST", signup, body, headers);
    expect([again.status, again.headers["idempotency-replayed"]]).toEqual([201, "true"]);
    expect(JSON.parse(again.text)).toEqual({ ...first, token: null, secret_shown: true });
    expect(again.headers["set-cookie"]).toBeUndefined();
    const others = [
      { ...body, password: "wrong horse" },
      { ...body, name: "Cyd" },
    ];
    for (const other of others)
      expect(await stranger.ask("POST", signup, 422, other, headers)).toMatchObject({
        code: "idempotency_key_reused",
      });
  });

  test("W10 a user logs in with the password, also while logged in; a wrong password answers 401", async () => {
    const { email, password, wallet, user, caller } = await wallets.person();
    const back = await stranger.post(login, 200, { email: email.toUpperCase(), password });
    expect(back).toMatchObject({ wallet_id: wallet, user_id: user, email });
    await caller.post(login, 200, { email, password });
    await stranger.refused("POST", login, 401, "bad_credentials", { email, password: `${password}.` });
    const unknown = { email: "nobody@example.com", password };
    await stranger.refused("POST", login, 401, "bad_credentials", unknown);
  });

  test("W7 a cookie carries the session, and another site cannot use it", async () => {
    const { email, password, wallet } = await wallets.person();
    const answer = await browse("POST", login, {}, { email, password });
    const [cookie = "", ...attributes] = (answer.headers.get("set-cookie") ?? "").split("; ");
    expect(attributes).toEqual(["Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Lax"]);
    const far = await stranger.client.send("POST", login, { email, password }, { Host: "pay.example.com" });
    expect(String(far.headers["set-cookie"])).toMatch(/; Secure$/);
    const seen = await browse("GET", "/v1/wallet", { Cookie: cookie });
    expect(await seen.json()).toMatchObject({ wallet_id: wallet });
    const origin = house.server.url;
    for (const headers of [
      { Origin: "https://evil.example" },
      { Origin: "null" },
      { "Sec-Fetch-Site": "cross-site", Origin: origin },
      { "Sec-Fetch-Site": "same-site" },
    ]) {
      const refused = await browse("POST", "/v1/wallet/logout", { Cookie: cookie, ...headers });
      expect(refused.status, JSON.stringify(headers)).toBe(403);
    }
    const out = await browse("POST", "/v1/wallet/logout", { Cookie: cookie, Origin: origin });
    expect(out.status).toBe(200);
    expect(out.headers.get("set-cookie")).toContain("Max-Age=0");
    expect((await browse("GET", "/v1/wallet", { Cookie: cookie })).status).toBe(401);
  });

  test("W7 P-W8 a logout ends one session, a change of the password ends all", async () => {
    const { email, password, caller } = await wallets.person();
    const body = { email, password };
    const second = house.caller(String((await stranger.post(login, 200, body))["token"]));
    await second.post("/v1/wallet/logout", 200);
    await second.refused("GET", "/v1/wallet", 401, "unauthenticated");
    await second.refused("POST", "/v1/wallet/logout", 401, "unauthenticated");
    const third = house.caller(String((await stranger.post(login, 200, body))["token"]));
    const path = "/v1/wallet/password";
    const wrong = { password: "wrong", new_password: "a new password" };
    await caller.refused("POST", path, 401, "bad_credentials", wrong);
    await caller.refused("POST", path, 400, "validation_failed", { password, new_password: "short" });
    await caller.post(path, 200, { password, new_password: "a new password" });
    for (const ended of [caller, third]) await ended.refused("GET", "/v1/wallet", 401, "unauthenticated");
    await stranger.refused("POST", login, 401, "bad_credentials", body);
    await stranger.post(login, 200, { email, password: "a new password" });
  });

  test("W16 a refreshed token stays valid for a grace period, in which a retry gets a third token", async () => {
    const { caller, wallet } = await wallets.person();
    const headers = { "Idempotency-Key": "swap" };
    const swapped = await caller.ask("POST", "/v1/wallet/refresh", 200, undefined, headers);
    expect(await caller.get("/v1/wallet")).toMatchObject({ wallet_id: wallet });
    const again = await caller.ask("POST", "/v1/wallet/refresh", 200, undefined, headers);
    expect(again).toEqual({ ...swapped, token: again["token"] });
    expect(again["token"]).not.toBe(swapped["token"]);
    for (const { token } of [swapped, again])
      expect(await house.caller(String(token)).get("/v1/wallet")).toMatchObject({ wallet_id: wallet });
    await caller.post("/v1/wallet/logout", 200);
    await caller.refused("POST", "/v1/wallet/refresh", 401, "unauthenticated");
  });

  test.each(["refresh", "logout"])("%s without a session writes nothing to the log", async (what) => {
    const { caller } = await wallets.person();
    await caller.post("/v1/wallet/logout", 200);
    const before = await house.positions();
    await caller.refused("POST", `/v1/wallet/${what}`, 401, "unauthenticated");
    expect(await house.positions()).toEqual(before);
  });

  test("P-W8 after ten failed logins in a minute the next is limited; successful logins do not count", async () => {
    const { email, password } = await wallets.person();
    for (let i = 0; i < 12; i++) await stranger.post(login, 200, { email, password });
    const wrong = { email, password: "wrong" };
    const statuses = await stranger.race(15, (client) => client.send("POST", login, wrong));
    expect(statuses).toEqual(
      new Map([
        [401, 10],
        [429, 5],
      ]),
    );
    const refused = await stranger.client.send("POST", login, { email, password });
    expect(refused.status).toBe(429);
    expect(refused.headers).toMatchObject({
      "ratelimit-limit": "10",
      "ratelimit-remaining": "0",
      "retry-after": expect.stringMatching(/^\d+$/),
    });
    await wallets.person();
  });

  test("more than 50 sessions of a user end the oldest", async () => {
    const { email, password, caller } = await wallets.person();
    const tokens: string[] = [];
    for (let i = 0; i < 50; i++)
      tokens.push(String((await stranger.post(login, 200, { email, password }))["token"]));
    await caller.refused("GET", "/v1/wallet", 401, "unauthenticated");
    for (const token of [tokens[0], tokens[49]]) await house.caller(String(token)).get("/v1/wallet");
  });

  test("W4 W14 API keys cannot use wallets, sessions cannot use partner routes, and a suspended platform tenant has no access", async () => {
    const { caller, email, password } = await wallets.person();
    const bank = await wallets.bank("north");
    await bank.refused("GET", "/v1/wallet", 403, "forbidden");
    await stranger.refused("GET", "/v1/wallet", 401, "unauthenticated");
    await caller.refused("GET", "/v1/accounts", 403, "forbidden");
    const admin = operator(house.server);
    await admin.send("PATCH", "/v1/partners/house", { status: "suspended" });
    await caller.refused("GET", "/v1/wallet", 403, "forbidden");
    await stranger.refused("POST", login, 403, "forbidden", { email, password });
    await admin.send("PATCH", "/v1/partners/house", { status: "active" });
    admin.close();
    await caller.get("/v1/wallet");
  });

  test("W9 two concurrent sign-ups with one e-mail: exactly one succeeds", async () => {
    for (let round = 0; round < 25; round++) {
      const body = { name: "Twin", email: `twin${round}@example.com`, password: "correct horse" };
      const statuses = await stranger.race(2, (client) => client.send("POST", signup, body));
      expect(statuses).toEqual(
        new Map([
          [201, 1],
          [409, 1],
        ]),
      );
    }
  });
});
