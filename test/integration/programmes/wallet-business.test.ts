/** Wallets as a business needs them, over HTTP: merchant holds, recipients by e-mail, returns and corrections. */
import { beforeAll, describe, expect, test } from "vitest";
import { OPERATOR_KEY } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";
import { balanceOf, entriesOf, eventsOf, twice, userPath, Wallets } from "./wallets.ts";

const transfers = "/v1/wallet/transfers";
const holds = "/v1/wallet/holds";
const requests = "/v1/wallet/payment-requests";
const withdrawals = "/v1/wallet/withdrawals";
const login = "/v1/wallet/login";

const pathOfCorrection = (id: unknown): string => `/v1/wallet-transfers/${String(id)}/correct`;

/** Calls as a script does that keeps cookies. */
const call = (url: string, method: string, path: string, cookie: string, body?: Json): Promise<Response> =>
  fetch(`${url}${path}`, {
    method,
    headers: { cookie, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });

describe("wallets of a business", () => {
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

  test("W18 W23 a hold that names a wallet: that wallet captures in parts, the payer cannot void it", async () => {
    const [ann, shop, eve] = [await wallets.person(100), await wallets.person(), await wallets.person()];
    const body = { amount: 60, memo: "hotel", to_wallet_id: shop.wallet };
    const hold = await twice(ann.caller, "POST", holds, 201, body);
    expect(hold).toMatchObject({
      wallet_id: ann.wallet,
      to_wallet_id: shop.wallet,
      amount: 60,
      status: "pending",
    });
    const path = `${holds}/${String(hold["id"])}`;
    expect(await shop.caller.all(`${holds}?role=payee`)).toEqual([hold]);
    expect(await ann.caller.all(`${holds}?role=payer`)).toEqual([hold]);
    expect(await shop.caller.all(holds)).toEqual([]);
    await ann.caller.refused("POST", `${path}/void`, 409, "hold_of_payee");
    await ann.caller.refused("POST", `${path}/capture`, 409, "hold_of_payee", { to_wallet_id: shop.wallet });
    await shop.caller.refused("POST", `${path}/capture`, 409, "hold_of_payee", { to_wallet_id: eve.wallet });
    for (const action of ["capture", "void"])
      await eve.caller.refused("POST", `${path}/${action}`, 404, "hold_not_found");
    const part = { amount: 10, final: false };
    const captured = await twice(shop.caller, "POST", `${path}/capture`, 200, part);
    expect(captured).toMatchObject({ captured: 10, status: "pending", to_wallet_id: shop.wallet });
    expect(await shop.caller.post(`${path}/capture`, 200, { amount: 20 })).toMatchObject({
      captured: 30,
      status: "captured",
    });
    expect(await ann.caller.get("/v1/wallet")).toMatchObject({ balance: 70, held: 0 });
    expect(await balanceOf(shop)).toBe(30);
    await shop.caller.refused("POST", `${path}/capture`, 409, "transfer_not_pending");
    expect(await eventsOf(shop, "wallet.received")).toMatchObject([{ amount: 10 }, { amount: 20 }]);
    await ann.caller.refused("POST", holds, 422, "same_account", { amount: 1, to_wallet_id: ann.wallet });
    await ann.caller.refused("POST", holds, 404, "wallet_not_found", { amount: 1, to_wallet_id: "wal_x" });
    await booksBalance();
  });

  test("W18 a hold that names a wallet: the payee releases it, or its expiry does", async () => {
    const [ann, shop] = [await wallets.person(100), await wallets.person()];
    const body = { amount: 60, to_email: shop.email };
    const { id } = await ann.caller.post(holds, 201, body);
    expect(await shop.caller.post(`${holds}/${String(id)}/void`, 200)).toMatchObject({ status: "voided" });
    const soon = await ann.caller.post(holds, 201, { ...body, timeout_s: 1 });
    const path = `${holds}/${String(soon["id"])}`;
    await ann.caller.refused("POST", `${path}/void`, 409, "hold_of_payee");
    await until("the hold expires", async () => (await ann.caller.get("/v1/wallet"))["held"] === 0);
    await ann.caller.refused("POST", `${path}/void`, 410, "transfer_expired");
    await shop.caller.refused("POST", `${path}/capture`, 410, "transfer_expired");
    const shown = (await shop.caller.all(`${holds}?role=payee`)).map(({ status }) => status);
    expect(shown).toEqual(["expired", "voided"]);
    expect(await balanceOf(ann)).toBe(100);
  });

  test("W5 W18 W19 recipients are named by e-mail, whatever its case", async () => {
    const [ann, bo] = [await wallets.person(100), await wallets.person(50)];
    const body = { to_email: ` ${bo.email.toUpperCase()} `, amount: 10 };
    const sent = await twice(ann.caller, "POST", transfers, 201, body);
    expect(sent).toMatchObject({ wallet_id: ann.wallet, amount: 10, balance: 90 });
    const { id } = await ann.caller.post(holds, 201, { amount: 20 });
    await twice(ann.caller, "POST", `${holds}/${String(id)}/capture`, 200, { to_email: bo.email });
    const asked = await twice(ann.caller, "POST", requests, 201, { payer_email: bo.email, amount: 5 });
    expect(asked).toMatchObject({ payer_wallet_id: bo.wallet });
    await bo.caller.post(`${requests}/${String(asked["id"])}/accept`, 200);
    expect([await balanceOf(ann), await balanceOf(bo)]).toEqual([75, 75]);
    await ann.caller.refused("POST", transfers, 422, "same_account", { to_email: ann.email, amount: 1 });
    for (const [path, both] of [
      [transfers, { to_email: bo.email, to_wallet_id: bo.wallet, amount: 1 }],
      [transfers, { amount: 1 }],
      [holds, { to_email: bo.email, to_wallet_id: bo.wallet, amount: 1 }],
      [requests, { payer_email: bo.email, payer_wallet_id: bo.wallet, amount: 1 }],
      [requests, { amount: 1 }],
    ] as const)
      await ann.caller.refused("POST", path, 400, "validation_failed", both);
  });

  test("an unknown e-mail, and that of a closed wallet, are wallet_not_found, and 50 a minute are the bound", async () => {
    const [ann, bo, cy] = [await wallets.person(100), await wallets.person(), await wallets.person()];
    await support.post(userPath(cy, "/close"), 200);
    const headers = { "Idempotency-Key": "before" };
    const known = { to_email: bo.email, amount: 1 };
    const first = await ann.caller.ask("POST", transfers, 201, known, headers);
    const unknown = { to_email: "nobody@example.com", amount: 1 };
    const text = async (body: Json) =>
      (await ann.caller.client.send("POST", transfers, body)).text.replaceAll(/"Request.*/g, "");
    expect(await text(unknown)).toBe(await text({ to_email: cy.email, amount: 1 }));
    const statuses = await ann.caller.race(60, (client, i) =>
      client.send("POST", [transfers, holds, requests][i % 3] as string, {
        ...(i % 3 === 2 ? { payer_email: `n${i}@example.com` } : { to_email: `n${i}@example.com` }),
        amount: 1,
      }),
    );
    expect(statuses).toEqual(
      new Map([
        [404, 48],
        [429, 12],
      ]),
    );
    await ann.caller.refused("POST", transfers, 429, "rate_limited", known);
    expect(await ann.caller.ask("POST", transfers, 201, known, headers)).toEqual(first);
    await ann.caller.post(transfers, 201, { to_wallet_id: bo.wallet, amount: 1 });
    await bo.caller.refused("POST", transfers, 404, "wallet_not_found", unknown);
  });

  test("W4 W21 a bank takes back its own deposit, once, and not what was spent", async () => {
    const [ann, bo] = [await wallets.person(), await wallets.person()];
    const south = await wallets.bank("south");
    for (const more of [{}, { bank_ref: "back-1" }]) {
      const body = { wallet_id: ann.wallet, amount: 50, details: "Top-up", ...more };
      const { id } = await bank.post("/v1/deposits", 201, body);
      const path = `/v1/deposits/${String(id)}/return`;
      const reason = { reason: "recalled" };
      await south.refused("POST", path, 404, "deposit_not_found", reason);
      await bank.refused("POST", path, 400, "validation_failed", {});
      await ann.caller.post(transfers, 201, { to_wallet_id: bo.wallet, amount: 1 });
      await bank.refused("POST", path, 422, "insufficient_funds", reason);
      await bo.caller.post(transfers, 201, { to_wallet_id: ann.wallet, amount: 1 });
      await support.post(userPath(ann, "/freeze"), 200);
      const back = await twice(bank, "POST", path, 201, reason);
      expect(back).toMatchObject({
        deposit_id: id,
        wallet_id: ann.wallet,
        amount: 50,
        balance: 0,
        ...reason,
      });
      await support.post(userPath(ann, "/unfreeze"), 200);
      await bank.refused("POST", path, 409, "already_reverted", reason);
      const [entry] = await entriesOf(ann);
      expect(entry).toMatchObject({
        transfer_id: back["id"],
        type: "return",
        amount: -50,
        balance_after: 0,
        counterparty: "@bank:north",
        memo: "recalled",
      });
      expect((await eventsOf(ann, "wallet.sent")).at(-1)).toEqual({
        id: back["id"],
        wallet_id: ann.wallet,
        amount: 50,
        balance: 0,
        reverts: id,
        reason: "recalled",
      });
    }
    await bank.refused("POST", "/v1/deposits/tr_0a11001/return", 404, "deposit_not_found", { reason: "x" });
    await booksBalance();
  });

  test("W20 a failed withdrawal says why", async () => {
    const ann = await wallets.person(30);
    const made = await ann.caller.post(withdrawals, 201, { amount: 20, details: "IBAN" });
    expect(made).toMatchObject({ status: "pending", reason: null });
    const path = `/v1/withdrawals/${String(made["id"])}/fail`;
    const failed = await twice(bank, "POST", path, 200, { reason: "unknown account" });
    expect(failed).toMatchObject({ status: "failed", reason: "unknown account" });
    expect(await ann.caller.all(withdrawals)).toEqual([failed]);
    expect(await bank.all("/v1/withdrawals?status=failed")).toEqual([failed]);
    expect(await eventsOf(ann, "withdrawal.decided")).toMatchObject([
      { status: "failed", reason: "unknown account" },
    ]);
    const other = await ann.caller.post(withdrawals, 201, { amount: 20, details: "IBAN" });
    const silent = await bank.post(`/v1/withdrawals/${String(other["id"])}/fail`, 200);
    expect(silent).toMatchObject({ status: "failed", reason: null });
    expect(await balanceOf(ann)).toBe(30);
  });

  test("W13 W14 the platform corrects a transfer with a reason, in part, once; both sides see it", async () => {
    for (let round = 0; round < 4; round++) {
      const [ann, bo] = [await wallets.person(100), await wallets.person()];
      const { id } = await ann.caller.post(transfers, 201, { to_wallet_id: bo.wallet, amount: 40 });
      const path = `/v1/wallet-transfers/${String(id)}/correct`;
      const body = { reason: "wrong wallet", amount: 30 };
      await support.refused("POST", path, 400, "validation_failed", { amount: 30 });
      await support.refused("POST", `/v1/transfers/${String(id)}/revert`, 422, "managed_account");
      await support.refused("POST", path, 422, "amount_exceeds_transfer", { ...body, amount: 41 });
      await bo.caller.post(transfers, 201, { to_wallet_id: ann.wallet, amount: 20 });
      await operator.refused("POST", path, 422, "insufficient_funds", body);
      await wallets.deposit(bo.wallet, 10);
      const done = await twice(operator, "POST", path, 201, body);
      expect(done).toMatchObject({
        corrects: id,
        from: bo.wallet,
        to: ann.wallet,
        amount: 30,
        reason: "wrong wallet",
        corrected_by: "operator",
      });
      expect([await balanceOf(ann), await balanceOf(bo)]).toEqual([110, 0]);
      await support.refused("POST", path, 409, "already_reverted", { reason: "again" });
      const again = `/v1/wallet-transfers/${String(done["id"])}/correct`;
      await support.refused("POST", again, 422, "not_correctable", { reason: "again" });
      const shown = { transfer_id: done["id"], type: "correction", memo: "wrong wallet" };
      expect((await entriesOf(ann))[0]).toMatchObject({ ...shown, amount: 30, counterparty: bo.wallet });
      expect((await entriesOf(bo))[0]).toMatchObject({ ...shown, amount: -30, counterparty: ann.wallet });
      const told = { id: done["id"], amount: 30, reverts: id, reason: "wrong wallet" };
      expect((await eventsOf(ann, "wallet.received")).at(-1)).toMatchObject({ ...told, balance: 110 });
      expect((await eventsOf(bo, "wallet.sent")).at(-1)).toMatchObject({ ...told, balance: 0 });
      const inBooks = await support.get(`/v1/accounts/wallet:${ann.wallet}/entries`);
      expect((inBooks["data"] as readonly Json[])[0]).toMatchObject({
        memo: "wrong wallet",
        metadata: { by: "operator", kind: "correction" },
      });
    }
    await booksBalance();
  });

  test("the platform corrects deposits, accepted requests and merchant holds, and nothing else", async () => {
    const [ann, bo] = [await wallets.person(100), await wallets.person()];
    const why = { reason: "mistake" };
    const { id: hold } = await ann.caller.post(holds, 201, { amount: 10, to_wallet_id: bo.wallet });
    await support.refused("POST", pathOfCorrection(hold), 409, "transfer_not_posted", why);
    await bo.caller.post(`${holds}/${String(hold)}/capture`, 200, { amount: 6 });
    expect(await support.post(pathOfCorrection(hold), 201, why)).toMatchObject({ amount: 6, to: ann.wallet });
    const asked = await bo.caller.post(requests, 201, { payer_wallet_id: ann.wallet, amount: 7 });
    const paid = await ann.caller.post(`${requests}/${String(asked["id"])}/accept`, 200);
    const undone = await support.post(pathOfCorrection(paid["transfer_id"]), 201, why);
    expect(undone).toMatchObject({
      amount: 7,
      from: bo.wallet,
      corrected_by: expect.stringMatching(/^key_/),
    });
    const { id: deposit } = await wallets.deposit(ann.wallet, 5);
    expect(await support.post(pathOfCorrection(deposit), 201, { ...why, amount: 2 })).toMatchObject({
      from: ann.wallet,
      to: "@bank:north",
    });
    await bank.refused("POST", `/v1/deposits/${String(deposit)}/return`, 409, "already_reverted", why);
    const { id: plain } = await ann.caller.post(holds, 201, { amount: 10 });
    await ann.caller.post(`${holds}/${String(plain)}/capture`, 200, { to_wallet_id: bo.wallet });
    await support.refused("POST", pathOfCorrection(plain), 422, "not_correctable", why);
    await support.refused("POST", pathOfCorrection("tr_0a11001"), 404, "transfer_not_found", why);
    expect([await balanceOf(ann), await balanceOf(bo)]).toEqual([93, 10]);
    await booksBalance();
  });

  test("W7 a script's cookie jar: login sets the cookie, calls go with it, logout clears it", async () => {
    const ann = await wallets.person(9);
    const { email, password } = ann;
    const { headers } = await stranger.client.send("POST", login, { email, password });
    const [set] = [headers["set-cookie"]].flat();
    const [pair = "", ...attributes] = String(set).split("; ");
    expect(attributes).toContain("HttpOnly");
    expect(await (await call(house.server.url, "GET", "/v1/wallet", pair)).json()).toMatchObject({
      balance: 9,
    });
    const bo = await wallets.person();
    const sent = await call(house.server.url, "POST", transfers, pair, {
      to_wallet_id: bo.wallet,
      amount: 4,
    });
    expect(sent.status).toBe(201);
    const out = await call(house.server.url, "POST", "/v1/wallet/logout", pair);
    expect(out.headers.get("set-cookie")).toMatch(/^daybook_session=; Path=\/; Max-Age=0/);
    expect((await call(house.server.url, "GET", "/v1/wallet", pair)).status).toBe(401);
  });
});
