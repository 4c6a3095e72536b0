/** Money in wallets over HTTP: one scenario per requirement. */
import { beforeAll, describe, expect, test } from "vitest";
import { OPERATOR_KEY, operator } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";
import { balanceOf, type Person, Wallets } from "./wallets.ts";

const transfers = "/v1/wallet/transfers";
const holds = "/v1/wallet/holds";
const requests = "/v1/wallet/payment-requests";
const withdrawals = "/v1/wallet/withdrawals";

const statusesOf = async (caller: Caller, path: string): Promise<unknown[]> =>
  (await caller.all(path)).map(({ status }) => status);

const request = async (requester: Person, payer: Person, amount: number, more: Json = {}) => {
  const body = { payer_wallet_id: payer.wallet, amount, ...more };
  const made = await requester.caller.post(requests, 201, body);
  return `${requests}/${String(made["id"])}`;
};

/** Sends a request twice with one idempotency key: the second is a retry. */
const twice = async (caller: Caller, path: string, status: number, body?: Json): Promise<Json> => {
  const headers = { "Idempotency-Key": `${path}-once` };
  const first = await caller.ask("POST", path, status, body, headers);
  const again = await caller.client.send("POST", path, body, headers);
  expect([again.status, again.headers["idempotency-replayed"], JSON.parse(again.text)]).toEqual([
    status,
    "true",
    first,
  ]);
  return first;
};

describe("money in wallets", () => {
  const house = startTestServer({ WALLET_ASSET: "EUR/2" });
  const wallets = new Wallets(house);
  let bank: Caller;

  beforeAll(async () => {
    bank = await wallets.bank("north");
  });

  test("W3 W12 W21 W22 a bank deposits money into a wallet from its own account", async () => {
    const ann = await wallets.person();
    const body = { wallet_id: ann.wallet, amount: 500, details: "Top-up" };
    const made = await bank.post("/v1/deposits", 201, body);
    expect(made).toEqual({ id: expect.any(String), wallet_id: ann.wallet, amount: 500, balance: 500 });
    const south = await wallets.bank("south");
    await south.post("/v1/deposits", 201, { ...body, amount: 70, bank_ref: "s1" });
    expect(await south.all("/v1/deposits")).toEqual([
      {
        id: expect.any(String),
        wallet_id: ann.wallet,
        amount: 70,
        details: "Top-up",
        bank_ref: "s1",
        created_at: expect.any(String),
      },
    ]);
    expect(await ann.caller.get("/v1/wallet")).toMatchObject({
      asset: "EUR/2",
      balance: 570,
      entries: [
        { type: "deposit", amount: 70, balance_after: 570, counterparty: "@bank:south", memo: "Top-up" },
        { type: "deposit", amount: 500, balance_after: 500, counterparty: "@bank:north", seq: 1 },
      ],
    });
    const nobodys = { ...body, wallet_id: "wal_nobody" };
    await bank.refused("POST", "/v1/deposits", 404, "wallet_not_found", nobodys);
    const withRef = { ...nobodys, bank_ref: "lost" };
    await bank.refused("POST", "/v1/deposits", 404, "wallet_not_found", withRef);
    // A refused deposit does not use up its reference.
    await bank.post("/v1/deposits", 201, { ...body, bank_ref: "lost" });
  });

  test("W4 W14 W24 only a bank of the platform tenant can deposit; bad amounts are refused", async () => {
    const ann = await wallets.person();
    const body = { wallet_id: ann.wallet, amount: 5, details: "x" };
    await ann.caller.refused("POST", "/v1/deposits", 403, "forbidden", body);
    const acme = await house.partner("acme");
    await acme.refused("POST", "/v1/deposits", 403, "forbidden", body);
    const key = await acme.post("/v1/partners/acme/keys", 201, { role: "bank", name: "acme" });
    await house.caller(String(key["api_key"])).refused("POST", "/v1/deposits", 403, "forbidden", body);
    const own = await house.caller(OPERATOR_KEY).post("/v1/partners/house/keys", 201, {
      role: "partner",
      name: "north",
    });
    await house.caller(String(own["api_key"])).refused("POST", "/v1/deposits", 403, "forbidden", body);
    const odd = { role: "bank", name: "no / account" };
    await acme.refused("POST", "/v1/partners/acme/keys", 400, "validation_failed", odd);
    for (const amount of [undefined, null, "5", 0, -1, 1.5, 2 ** 53])
      await bank.refused("POST", "/v1/deposits", 400, "validation_failed", { ...body, amount });
    for (const bank_ref of ["", "x".repeat(129), 5])
      await bank.refused("POST", "/v1/deposits", 400, "validation_failed", { ...body, bank_ref });
    expect(await balanceOf(ann)).toBe(0);
  });

  test("a bank uses a reference once across all wallets; references of other banks are independent", async () => {
    const [ann, bo] = [await wallets.person(), await wallets.person()];
    const body = { amount: 5, details: "x", bank_ref: "r1" };
    await bank.post("/v1/deposits", 201, { ...body, wallet_id: ann.wallet });
    const again = { ...body, wallet_id: bo.wallet };
    await bank.refused("POST", "/v1/deposits", 409, "duplicate_reference", again);
    await (await wallets.bank("west")).post("/v1/deposits", 201, again);
    for (let round = 0; round < 10; round++) {
      const to = await wallets.person();
      const statuses = await bank.race(8, (client, i) => {
        const wallet_id = i % 2 === 0 ? ann.wallet : to.wallet;
        return client.send("POST", "/v1/deposits", { ...body, wallet_id, bank_ref: `race${round}` });
      });
      expect(statuses).toEqual(
        new Map([
          [201, 1],
          [409, 7],
        ]),
      );
    }
  });

  test("W21 a bank sees its own deposits to the wallets of all shards", async () => {
    const east = await wallets.bank("east");
    const refs = Array.from({ length: 9 }, (_, i) => (i % 3 === 0 ? null : `e${i}`));
    for (const [i, ref] of refs.entries()) {
      const { wallet } = await wallets.person();
      const body = { wallet_id: wallet, amount: i + 1, details: "x" };
      const made = await east.post("/v1/deposits", 201, ref === null ? body : { ...body, bank_ref: ref });
      expect(made["balance"]).toBe(i + 1);
    }
    const rows = await east.all("/v1/deposits?limit=4");
    expect(rows.map(({ bank_ref }) => bank_ref)).toEqual(refs.toReversed());
    expect(rows.map(({ amount }) => amount)).toEqual(refs.map((_, i) => refs.length - i));
  });

  test("the same idempotency key means two deposits for two banks, and one for one bank", async () => {
    const ann = await wallets.person();
    const south = await wallets.bank("south");
    const headers = { "Idempotency-Key": "same" };
    for (const more of [{}, { bank_ref: "keyed" }]) {
      const body = { wallet_id: ann.wallet, amount: 10, details: "x", ...more };
      const key = { "Idempotency-Key": `${headers["Idempotency-Key"]}${Object.keys(more).length}` };
      const first = await bank.ask("POST", "/v1/deposits", 201, body, key);
      expect(await bank.ask("POST", "/v1/deposits", 201, body, key)).toEqual(first);
      await south.ask("POST", "/v1/deposits", 201, body, key);
    }
    expect(await balanceOf(ann)).toBe(40);
  });

  test("W5 W13 a user sends money to another wallet, and both wallets have an entry", async () => {
    const ann = await wallets.person(1000);
    for (let i = 0; i < 6; i++) {
      // With enough wallets, some are on another shard.
      const bo = await wallets.person();
      const body = { to_wallet_id: bo.wallet, amount: 100, memo: "lunch" };
      const sent = await ann.caller.post(transfers, 201, body);
      expect(sent).toMatchObject({ wallet_id: ann.wallet, amount: 100, balance: 900 - 100 * i });
      const named = { type: "transfer", memo: "lunch", transfer_id: sent["id"] };
      const [out] = await ann.caller.all("/v1/wallet/entries");
      expect(out).toMatchObject({ ...named, amount: -100, counterparty: bo.wallet });
      const [into] = await bo.caller.all("/v1/wallet/entries");
      expect(into).toMatchObject({ ...named, amount: 100, balance_after: 100, counterparty: ann.wallet });
    }
  });

  test("W14 an unknown wallet, the own wallet and too large an amount have different rejections", async () => {
    const [ann, bo] = [await wallets.person(100), await wallets.person()];
    const send = (body: Json, status: number, code: string) =>
      ann.caller.refused("POST", transfers, status, code, { amount: 1, ...body });
    await send({ to_wallet_id: "wal_nobody" }, 404, "wallet_not_found");
    await send({ to_wallet_id: ann.wallet }, 422, "same_account");
    await send({ to_wallet_id: bo.wallet, amount: 101 }, 422, "insufficient_funds");
    await send({ to_wallet_id: "../x" }, 400, "validation_failed");
    await send({ to_wallet_id: bo.wallet, amount: 0 }, 400, "validation_failed");
    await send({ to_wallet_id: bo.wallet, from: ann.wallet }, 400, "validation_failed");
    expect(await balanceOf(ann)).toBe(100);
  });

  test("W6 W11 P-W5 a user lists the wallet's entries in pages, with the balances before and after", async () => {
    const ann = await wallets.person();
    for (let i = 1; i <= 23; i++) await wallets.deposit(ann.wallet, i);
    expect((await ann.caller.get("/v1/wallet"))["entries"]).toHaveLength(20);
    const all = await ann.caller.all("/v1/wallet/entries?limit=7");
    expect(all.map(({ amount }) => amount)).toEqual(Array.from({ length: 23 }, (_, i) => 23 - i));
    const page = await ann.caller.get("/v1/wallet/entries?from=2020-01-01T00:00:00Z");
    expect(page).toMatchObject({ opening_balance: 0, closing_balance: 276 });
  });

  test("only the wallet programme moves the account of a wallet", async () => {
    const ann = await wallets.person(100);
    const admin = operator(house.server);
    const made = await admin.send("POST", "/v1/partners/house/keys", { role: "partner" });
    admin.close();
    const owner = house.caller(String((JSON.parse(made.text) as Json)["api_key"]));
    const id = `wallet:${ann.wallet}`;
    expect(await owner.get(`/v1/accounts/${id}`)).toMatchObject({ posted: 100, asset: "EUR/2" });
    const take = { debit_account: id, credit_account: "@x", amount: 1 };
    await owner.refused("POST", "/v1/transfers", 422, "managed_account", take);
    const [entry] = await owner.all(`/v1/accounts/${id}/entries`);
    const path = `/v1/transfers/${String(entry?.["transfer_id"])}/revert`;
    await owner.refused("POST", path, 422, "managed_account");
    const hold = await ann.caller.post(holds, 201, { amount: 10 });
    for (const action of ["post", "void"]) {
      const ending = `/v1/transfers/${String(hold["id"])}/${action}`;
      await owner.refused("POST", ending, 422, "managed_account");
    }
    expect(await owner.get(`/v1/accounts/${id}/reconciliation`)).toMatchObject({ reconciled: true });
  });

  test("W18 P-W2 a hold reduces the available balance, and is captured in full, in parts, or voided", async () => {
    for (let i = 0; i < 4; i++) {
      const [ann, shop] = [await wallets.person(1000), await wallets.person()];
      const wallet = () => ann.caller.get("/v1/wallet");
      const hold = async (amount: number) =>
        `${holds}/${String((await ann.caller.post(holds, 201, { amount, memo: "taxi" }))["id"])}`;
      const first = await hold(600);
      expect(await wallet()).toMatchObject({ balance: 1000, held: 600, available: 400, entries: [{}] });
      const tooMuch = { to_wallet_id: shop.wallet, amount: 401 };
      await ann.caller.refused("POST", transfers, 422, "insufficient_funds", tooMuch);
      await ann.caller.refused("POST", holds, 422, "insufficient_funds", { amount: 401 });
      const to_wallet_id = shop.wallet;
      const part = await ann.caller.post(`${first}/capture`, 200, {
        to_wallet_id,
        amount: 100,
        final: false,
      });
      expect(part).toMatchObject({ status: "pending", amount: 600, captured: 100, memo: "taxi" });
      expect(await wallet()).toMatchObject({ balance: 900, held: 500, available: 400 });
      const over = { to_wallet_id, amount: 501 };
      await ann.caller.refused("POST", `${first}/capture`, 422, "amount_exceeds_pending", over);
      const last = await ann.caller.post(`${first}/capture`, 200, { to_wallet_id, amount: 200 });
      expect(last).toMatchObject({ status: "captured", captured: 300 });
      expect(await wallet()).toMatchObject({ balance: 700, held: 0, available: 700 });
      await ann.caller.refused("POST", `${first}/void`, 409, "transfer_not_pending");
      const second = await hold(50);
      await ann.caller.post(`${second}/capture`, 200, { to_wallet_id });
      const third = await hold(700 - 50);
      expect(await ann.caller.post(`${third}/void`, 200)).toMatchObject({ status: "voided", captured: 0 });
      await ann.caller.refused("POST", `${third}/capture`, 409, "transfer_not_pending", { to_wallet_id });
      expect(await wallet()).toMatchObject({ balance: 650, held: 0 });
      expect(await balanceOf(shop)).toBe(350);
      expect(await statusesOf(ann.caller, holds)).toEqual(["voided", "captured", "captured"]);
      const entries = await ann.caller.all("/v1/wallet/entries");
      expect(entries.slice(0, 3)).toMatchObject(
        [-50, -200, -100].map((amount) => ({ type: "transfer", amount, counterparty: shop.wallet })),
      );
    }
  });

  test("P-W2 only its owner can use a hold, and the capture needs an existing wallet", async () => {
    const [ann, eve] = [await wallets.person(100), await wallets.person()];
    const { id } = await ann.caller.post(holds, 201, { amount: 60 });
    const path = `${holds}/${String(id)}`;
    const body = { to_wallet_id: eve.wallet };
    await eve.caller.refused("POST", `${path}/capture`, 404, "hold_not_found", body);
    await eve.caller.refused("POST", `${path}/void`, 404, "hold_not_found");
    expect(await eve.caller.all(holds)).toEqual([]);
    const nobody = { to_wallet_id: "wal_nobody" };
    await ann.caller.refused("POST", `${path}/capture`, 404, "wallet_not_found", nobody);
    const self = { to_wallet_id: ann.wallet };
    await ann.caller.refused("POST", `${path}/capture`, 422, "same_account", self);
    await ann.caller.refused("POST", `${holds}/tr_zzzzzzzzz/void`, 404, "hold_not_found");
    await ann.caller.refused("POST", `${holds}/nonsense/void`, 404, "hold_not_found");
    await ann.caller.post(`${path}/void`, 200);
    await eve.caller.refused("POST", `${path}/void`, 404, "hold_not_found");
    expect(await balanceOf(eve)).toBe(0);
  });

  test("P-W2 a hold expires and releases its amount", async () => {
    const ann = await wallets.person(100);
    const made = await ann.caller.post(holds, 201, { amount: 60, timeout_s: 1 });
    expect(await ann.caller.get("/v1/wallet")).toMatchObject({ held: 60 });
    await until("it is released", async () => (await ann.caller.get("/v1/wallet"))["held"] === 0);
    expect(await statusesOf(ann.caller, holds)).toEqual(["expired"]);
    const path = `${holds}/${String(made["id"])}`;
    await ann.caller.refused("POST", `${path}/void`, 410, "transfer_expired");
  });

  test("W19 P-W3 a payment request is accepted, declined or cancelled, once", async () => {
    for (let i = 0; i < 4; i++) {
      const [ann, bo, eve] = [await wallets.person(), await wallets.person(100), await wallets.person(100)];
      const first = await request(ann, bo, 60, { memo: "half of it" });
      expect((await bo.caller.all(requests))[0]).toMatchObject({
        id: first.slice(requests.length + 1),
        status: "pending",
        payer_wallet_id: bo.wallet,
        requester_wallet_id: ann.wallet,
        amount: 60,
        memo: "half of it",
        transfer_id: null,
      });
      for (const action of ["accept", "decline", "cancel"])
        await eve.caller.refused("POST", `${first}/${action}`, 404, "payment_request_not_found");
      await ann.caller.refused("POST", `${first}/accept`, 404, "payment_request_not_found");
      await bo.caller.refused("POST", `${first}/cancel`, 404, "payment_request_not_found");
      const accepted = await bo.caller.post(`${first}/accept`, 200);
      expect(accepted).toMatchObject({ status: "accepted", transfer_id: expect.any(String) });
      for (const [caller, action] of [
        [bo, "accept"],
        [bo, "decline"],
        [ann, "cancel"],
      ] as const)
        await caller.caller.refused("POST", `${first}/${action}`, 409, "already_decided");
      const second = await request(ann, bo, 41);
      await bo.caller.refused("POST", `${second}/accept`, 422, "insufficient_funds");
      expect(await statusesOf(bo.caller, requests)).toEqual(["pending", "accepted"]);
      await wallets.deposit(bo.wallet, 1);
      await bo.caller.post(`${second}/accept`, 200);
      const third = await request(ann, bo, 1);
      expect(await bo.caller.post(`${third}/decline`, 200)).toMatchObject({ status: "declined" });
      const fourth = await request(ann, bo, 1);
      expect(await ann.caller.post(`${fourth}/cancel`, 200)).toMatchObject({ status: "cancelled" });
      await bo.caller.refused("POST", `${fourth}/accept`, 409, "already_decided");
      const all = ["cancelled", "declined", "accepted", "accepted"];
      expect(await statusesOf(bo.caller, requests)).toEqual(all);
      expect(await statusesOf(ann.caller, `${requests}?role=requester`)).toEqual(all);
      expect(await statusesOf(ann.caller, requests)).toEqual([]);
      expect([await balanceOf(ann), await balanceOf(bo)]).toEqual([101, 0]);
    }
  });

  test("W19 an undecided payment request expires; one to oneself or to an unknown wallet is refused", async () => {
    const [ann, bo] = [await wallets.person(), await wallets.person(100)];
    const path = await request(ann, bo, 60, { expires_in_s: 1 });
    const isOver = async () => (await statusesOf(ann.caller, `${requests}?role=requester`))[0] === "expired";
    await until("it has ended", isOver);
    await bo.caller.refused("POST", `${path}/accept`, 409, "already_decided");
    await ann.caller.refused("POST", `${path}/cancel`, 409, "already_decided");
    const refused = (payer_wallet_id: string, status: number, code: string) =>
      ann.caller.refused("POST", requests, status, code, { payer_wallet_id, amount: 5 });
    await refused(ann.wallet, 422, "same_account");
    await refused("wal_nobody", 404, "wallet_not_found");
    expect(await balanceOf(bo)).toBe(100);
  });

  test("W20 P-W4 a withdrawal holds its amount, and a bank confirms or fails it, once", async () => {
    const ann = await wallets.person(100);
    const ask = async (amount: number) => {
      const made = await ann.caller.post(withdrawals, 201, { amount, details: "DE02 1203" });
      expect(made).toMatchObject({ status: "pending", amount, details: "DE02 1203", bank: null });
      return `/v1/withdrawals/${String(made["id"])}`;
    };
    const first = await ask(70);
    expect(await ann.caller.get("/v1/wallet")).toMatchObject({ balance: 100, held: 70, available: 30 });
    const more = { amount: 31, details: "x" };
    await ann.caller.refused("POST", withdrawals, 422, "insufficient_funds", more);
    const isFirst = ({ id }: Json) => first.endsWith(String(id));
    expect((await bank.all("/v1/withdrawals?status=pending")).filter(isFirst)).toHaveLength(1);
    await ann.caller.refused("POST", `${first}/confirm`, 403, "forbidden");
    const south = await wallets.bank("south");
    expect(await south.post(`${first}/confirm`, 200)).toMatchObject({ status: "confirmed", bank: "south" });
    for (const action of ["confirm", "fail"])
      await bank.refused("POST", `${first}/${action}`, 409, "already_decided");
    expect(await ann.caller.get("/v1/wallet")).toMatchObject({
      balance: 30,
      held: 0,
      entries: [{ type: "withdrawal", amount: -70, counterparty: "@bank:south", memo: "DE02 1203" }, {}],
    });
    const second = await ask(30);
    expect(await bank.post(`${second}/fail`, 200)).toMatchObject({ status: "failed", bank: "north" });
    await bank.refused("POST", `${second}/confirm`, 409, "already_decided");
    expect(await ann.caller.get("/v1/wallet")).toMatchObject({ balance: 30, held: 0 });
    expect(await statusesOf(ann.caller, withdrawals)).toEqual(["failed", "confirmed"]);
    expect((await bank.all("/v1/withdrawals?status=confirmed")).filter(isFirst)).toHaveLength(1);
    const hold = await ann.caller.post(holds, 201, { amount: 5 });
    const path = `/v1/withdrawals/${String(hold["id"])}/confirm`;
    await bank.refused("POST", path, 404, "withdrawal_not_found");
  });

  test("P-W1 a retry of any request that moves money gets the first answer", async () => {
    const [ann, bo] = [await wallets.person(1000), await wallets.person(1000)];
    await twice(ann.caller, transfers, 201, { to_wallet_id: bo.wallet, amount: 10 });
    const hold = await twice(ann.caller, holds, 201, { amount: 20 });
    const part = { to_wallet_id: bo.wallet, amount: 5 };
    await twice(ann.caller, `${holds}/${String(hold["id"])}/capture`, 200, part);
    const other = await twice(bo.caller, holds, 201, { amount: 20 });
    await twice(bo.caller, `${holds}/${String(other["id"])}/void`, 200);
    const asked = { payer_wallet_id: ann.wallet, amount: 7 };
    const path = `${requests}/${String((await twice(bo.caller, requests, 201, asked))["id"])}`;
    await twice(ann.caller, `${path}/accept`, 200);
    const out = await twice(ann.caller, withdrawals, 201, { amount: 100, details: "x" });
    await twice(bank, `/v1/withdrawals/${String(out["id"])}/confirm`, 200);
    const back = await twice(bo.caller, withdrawals, 201, { amount: 100, details: "x" });
    await twice(bank, `/v1/withdrawals/${String(back["id"])}/fail`, 200);
    expect([await balanceOf(ann), await balanceOf(bo)]).toEqual([1000 - 10 - 5 - 7 - 100, 1000 + 10 + 5 + 7]);
    const transfer = { "Idempotency-Key": `${transfers}-once` };
    const more = { to_wallet_id: bo.wallet, amount: 11 };
    expect(await ann.caller.ask("POST", transfers, 422, more, transfer)).toMatchObject({
      code: "idempotency_key_reused",
    });
  });
});
