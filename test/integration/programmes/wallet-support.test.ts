/** What support does with users and their wallets, over HTTP: reset tokens, profiles, freezing, limits and closing. */
import { beforeAll, describe, expect, test } from "vitest";
import { OPERATOR_KEY } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";
import { eventsOf, twice, userPath, Wallets } from "./wallets.ts";

const transfers = "/v1/wallet/transfers";
const holds = "/v1/wallet/holds";
const requests = "/v1/wallet/payment-requests";
const withdrawals = "/v1/wallet/withdrawals";
const login = "/v1/wallet/login";
const resetPath = "/v1/wallet/password/reset";

const wrongReset = (i: number): Json => ({
  token: `wr_00${`${i}`.padStart(32, "x")}`,
  password: "long enough",
});

describe("support of wallets", () => {
  const house = startTestServer({});
  const wallets = new Wallets(house);
  let bank: Caller;
  let operator: Caller;
  let support: Caller;
  let stranger: Caller;

  beforeAll(async () => {
    bank = await wallets.bank("north");
    operator = house.caller(OPERATOR_KEY);
    const made = await operator.post("/v1/partners/house/keys", 201, { role: "partner", name: "support" });
    support = house.caller(String(made["api_key"]));
    stranger = house.caller("nobody");
  });

  const booksBalance = async (): Promise<void> => {
    expect(await operator.get("/v1/trial-balance")).toMatchObject({ balanced: true });
  };

  test("W15 a token resets a password once, and ends all sessions; a new token replaces the old one", async () => {
    const ann = await wallets.person(5);
    const path = userPath(ann, "/password-reset");
    const old = String((await support.post(path, 201))["token"]);
    const headers = { "Idempotency-Key": "reset" };
    const issued = await operator.ask("POST", path, 201, undefined, headers);
    expect(issued).toMatchObject({ user_id: ann.user, token: expect.stringMatching(/^wr_/) });
    expect(await operator.ask("POST", path, 201, undefined, headers)).toEqual({
      ...issued,
      token: null,
      secret_shown: true,
    });
    const [token, password] = [String(issued["token"]), "a new password"];
    await stranger.refused("POST", resetPath, 401, "bad_reset_token", { token: old, password });
    await stranger.refused("POST", resetPath, 400, "validation_failed", { token, password: "short" });
    expect(await stranger.post(resetPath, 200, { token, password })).toMatchObject({ user_id: ann.user });
    await stranger.refused("POST", resetPath, 401, "bad_reset_token", { token, password });
    await ann.caller.refused("GET", "/v1/wallet", 401, "unauthenticated");
    const { email } = ann;
    await stranger.refused("POST", login, 401, "bad_credentials", { email, password: ann.password });
    const again = await stranger.post(login, 200, { email: ann.email, password });
    const session = house.caller(String(again["token"]));
    // A change of the password voids a token.
    const third = String((await support.post(path, 201))["token"]);
    await session.post("/v1/wallet/password", 200, { password, new_password: "the next password" });
    await stranger.refused("POST", resetPath, 401, "bad_reset_token", { token: third, password });
  });

  test("support finds a user by e-mail and by id; only keys of the platform and the operator may", async () => {
    const ann = await wallets.person(7);
    const profile = {
      user_id: ann.user,
      wallet_id: ann.wallet,
      name: ann.name,
      email: ann.email,
      status: "open",
      asset: "USD/2",
      balance: 7,
      held: 0,
      available: 7,
      limits: [],
      created_at: expect.any(String),
    };
    for (const caller of [support, operator]) {
      expect(await caller.get(userPath(ann))).toEqual(profile);
      const found = await caller.get(`/v1/wallet-users?email=${ann.email}`);
      expect(found).toEqual({ data: [profile], next_cursor: null });
    }
    expect(await support.all("/v1/wallet-users?email=nobody@example.com")).toEqual([]);
    await support.refused("GET", "/v1/wallet-users", 400, "validation_failed");
    for (const id of ["usr_x", `usr_${"0".repeat(24)}`, ann.wallet])
      await support.refused("GET", `/v1/wallet-users/${id}`, 404, "wallet_user_not_found");
    const acme = await house.partner("acme");
    const paths: readonly (readonly [string, string, Json?])[] = [
      ["GET", `/v1/wallet-users?email=${ann.email}`],
      ["GET", userPath(ann)],
      ["POST", userPath(ann, "/freeze")],
      ["POST", userPath(ann, "/unfreeze")],
      ["POST", userPath(ann, "/close")],
      ["POST", userPath(ann, "/password-reset")],
      ["PUT", userPath(ann, "/limits"), { limits: [] }],
      ["POST", "/v1/wallet-transfers/tr_0a11001/correct", { reason: "x" }],
    ];
    for (const [method, path, body] of paths) {
      for (const caller of [acme, bank]) await caller.refused(method, path, 403, "forbidden", body);
      await ann.caller.refused(method, path, 403, "forbidden", body);
      await stranger.refused(method, path, 401, "unauthenticated", body);
    }
  });

  test("a frozen wallet pays nobody; credits arrive, older holds end, and its user still reads it", async () => {
    const [ann, bo] = [await wallets.person(100), await wallets.person(100)];
    const { id } = await ann.caller.post(holds, 201, { amount: 20, to_wallet_id: bo.wallet });
    const asked = await bo.caller.post(requests, 201, { payer_wallet_id: ann.wallet, amount: 5 });
    const frozen = await twice(support, "POST", userPath(ann, "/freeze"), 200);
    expect(frozen).toMatchObject({ status: "frozen", balance: 100, held: 20 });
    const send = { to_wallet_id: bo.wallet, amount: 1 };
    await ann.caller.refused("POST", transfers, 422, "account_frozen", send);
    await ann.caller.refused("POST", holds, 422, "account_frozen", { amount: 1 });
    await ann.caller.refused("POST", withdrawals, 422, "account_frozen", { amount: 1, details: "x" });
    const accept = `${requests}/${String(asked["id"])}/accept`;
    await ann.caller.refused("POST", accept, 422, "account_frozen");
    await bo.caller.post(transfers, 201, { to_wallet_id: ann.wallet, amount: 3 });
    await wallets.deposit(ann.wallet, 4);
    await bo.caller.post(`${holds}/${String(id)}/capture`, 200, { amount: 15 });
    expect(await ann.caller.get("/v1/wallet")).toMatchObject({ balance: 92, held: 0 });
    expect(await support.post(userPath(ann, "/unfreeze"), 200)).toMatchObject({
      status: "open",
      balance: 92,
    });
    await ann.caller.post(accept, 200);
    await ann.caller.post(transfers, 201, send);
    const changes = "account.created,account.frozen,account.updated";
    const seen: unknown[] = [];
    let after = "";
    await until("the events are listed", async () => {
      // A page of a filtered list may be empty although more follow.
      const path = `/v1/events?subject=wallet:${ann.wallet}&types=${changes}${after}`;
      const { data, next_cursor: next } = await support.get(path);
      seen.push(...(data as readonly Json[]).map(({ type }) => type));
      if (typeof next === "string") after = `&after=${next}`;
      return seen.length >= 3;
    });
    expect(seen.join()).toBe(changes);
  });

  test("limits of a wallet bound the amount and number of debits a day", async () => {
    const [ann, bo] = [await wallets.person(100), await wallets.person()];
    const limits = [
      { window_s: 86_400, direction: "debit", max_amount: 30, max_count: 3 },
      { window_s: 3_600, direction: "credit", max_amount: 50 },
    ];
    const path = userPath(ann, "/limits");
    expect(await twice(support, "PUT", path, 200, { limits })).toMatchObject({ status: "open", limits });
    const send = (amount: number) => ({ to_wallet_id: bo.wallet, amount });
    await ann.caller.post(transfers, 201, send(10));
    await ann.caller.refused("POST", transfers, 422, "limit_exceeded", send(21));
    const { id } = await ann.caller.post(holds, 201, { amount: 20 });
    await ann.caller.refused("POST", transfers, 422, "limit_exceeded", send(1));
    await ann.caller.post(`${holds}/${String(id)}/void`, 200);
    await ann.caller.post(transfers, 201, send(1));
    const deposit = { wallet_id: ann.wallet, amount: 51, details: "x" };
    await bank.refused("POST", "/v1/deposits", 422, "limit_exceeded", deposit);
    await support.ask("PUT", path, 200, { limits: [] });
    await ann.caller.post(transfers, 201, send(40));
    await support.refused("PUT", path, 400, "validation_failed", { limits: [{ window_s: 1 }] });
  });

  test("a wallet is closed when it is empty: logins, credits and requests to it end", async () => {
    const [ann, bo, shop] = [await wallets.person(10), await wallets.person(50), await wallets.person()];
    const path = userPath(ann, "/close");
    await support.refused("POST", path, 422, "account_not_empty");
    const { id } = await ann.caller.post(holds, 201, { amount: 10 });
    await support.refused("POST", path, 422, "account_not_empty");
    await ann.caller.post(`${holds}/${String(id)}/capture`, 200, { to_wallet_id: bo.wallet });
    const own = await ann.caller.post(requests, 201, { payer_wallet_id: bo.wallet, amount: 5 });
    await support.refused("POST", path, 422, "account_not_empty");
    await ann.caller.post(`${requests}/${String(own["id"])}/cancel`, 200);
    const promised = await bo.caller.post(holds, 201, { amount: 5, to_wallet_id: ann.wallet });
    await support.refused("POST", path, 422, "account_not_empty");
    await ann.caller.post(`${holds}/${String(promised["id"])}/void`, 200);
    const asked = await shop.caller.post(requests, 201, { payer_wallet_id: ann.wallet, amount: 5 });
    const token = String((await support.post(userPath(ann, "/password-reset"), 201))["token"]);
    expect(await twice(support, "POST", path, 200)).toMatchObject({ status: "closed", balance: 0 });
    expect(await support.get(userPath(ann))).toMatchObject({ status: "closed", email: ann.email });
    expect(await shop.caller.all(`${requests}?role=requester`)).toMatchObject([
      { id: asked["id"], status: "declined" },
    ]);
    expect(await eventsOf(shop, "payment_request.decided")).toMatchObject([{ status: "declined" }]);
    await ann.caller.refused("GET", "/v1/wallet", 401, "unauthenticated");
    const wrong = await stranger.ask("POST", login, 401, { email: "x@example.com", password: "x" });
    const { email, password } = ann;
    expect(await stranger.ask("POST", login, 401, { email, password })).toEqual(wrong);
    await stranger.refused("POST", resetPath, 401, "bad_reset_token", { token, password: "long enough" });
    await stranger.refused("POST", "/v1/wallet/signup", 409, "email_taken", { name: "A", email, password });
    const to = { to_wallet_id: ann.wallet, amount: 1 };
    await bo.caller.refused("POST", transfers, 404, "wallet_not_found", to);
    await bo.caller.refused("POST", holds, 404, "wallet_not_found", to);
    await bo.caller.refused("POST", requests, 404, "wallet_not_found", {
      payer_wallet_id: ann.wallet,
      amount: 1,
    });
    const deposit = { wallet_id: ann.wallet, amount: 1, details: "x" };
    await bank.refused("POST", "/v1/deposits", 404, "wallet_not_found", deposit);
    for (const verb of ["freeze", "unfreeze", "password-reset"])
      await support.refused("POST", userPath(ann, `/${verb}`), 422, "account_closed");
    await booksBalance();
  });

  test("frozen, limited and closed wallets, reset tokens and merchant holds survive a kill", async () => {
    let [ann, bo, cy] = [await wallets.person(100), await wallets.person(), await wallets.person()];
    const { id } = await ann.caller.post(holds, 201, { amount: 20, to_wallet_id: bo.wallet });
    const token = String((await support.post(userPath(ann, "/password-reset"), 201))["token"]);
    const limits = [{ window_s: 86_400, direction: "debit", max_amount: 30 }];
    await support.ask("PUT", userPath(ann, "/limits"), 200, { limits });
    await support.post(userPath(ann, "/freeze"), 200);
    await support.post(userPath(cy, "/close"), 200);
    const made = await operator.post("/v1/partners/house/keys", 201, { role: "partner", name: "next" });
    for (const isFromSnapshot of [false, true]) {
      if (isFromSnapshot) await house.takeSnapshots();
      await house.restart();
      support = house.caller(String(made["api_key"]));
      [ann, bo, cy] = [wallets.again(ann), wallets.again(bo), wallets.again(cy)];
      expect(await support.get(userPath(ann))).toMatchObject({ status: "frozen", held: 20, limits });
      expect(await support.get(userPath(cy))).toMatchObject({ status: "closed" });
      expect(await bo.caller.all(`${holds}?role=payee`)).toMatchObject([{ id, status: "pending" }]);
    }
    stranger = house.caller("nobody");
    operator = house.caller(OPERATOR_KEY);
    await ann.caller.refused("POST", `${holds}/${String(id)}/void`, 409, "hold_of_payee");
    await bo.caller.post(`${holds}/${String(id)}/capture`, 200);
    await stranger.refused("POST", login, 401, "bad_credentials", { email: cy.email, password: cy.password });
    await stranger.post(resetPath, 200, { token, password: "after the kill" });
    await stranger.post(login, 200, { email: ann.email, password: "after the kill" });
    await booksBalance();
  });

  test("wrong reset tokens are rate limited by address", async () => {
    const statuses = await stranger.race(16, (client, i) => client.send("POST", resetPath, wrongReset(i)));
    expect([...statuses.keys()].toSorted((a, b) => a - b)).toEqual([401, 429]);
    expect(statuses.get(401)).toBeLessThanOrEqual(10);
    await stranger.refused("POST", resetPath, 429, "rate_limited", wrongReset(0));
  });
});
