/** Requests about one wallet that race: each has one outcome, and no cent is lost or made. */
import { beforeAll, describe, expect, test } from "vitest";
import { OPERATOR_KEY } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { type Caller, startTestServer } from "./test-server.ts";
import { balanceOf, type Person, Wallets } from "./wallets.ts";

const transfers = "/v1/wallet/transfers";
const holds = "/v1/wallet/holds";
const requests = "/v1/wallet/payment-requests";

const sorted = (statuses: readonly number[]): number[] => statuses.toSorted((a, b) => a - b);

/** The status of a POST. */
const send = async ({ client }: Caller, path: string, body?: unknown): Promise<number> =>
  (await client.send("POST", path, body)).status;

/** `share`: of the rounds on threads. */
const CARRIERS = [
  ["threads", 1],
  ["processes", 0.3],
] as const;

describe.each(CARRIERS)("on %s, races of a business", (ISOLATION, share) => {
  const house = startTestServer({ ISOLATION });
  const wallets = new Wallets(house);
  let bank: Caller;
  let operator: Caller;

  beforeAll(async () => {
    bank = await wallets.bank("north");
    operator = house.caller(OPERATOR_KEY);
  });

  const booksBalance = async (): Promise<void> => {
    expect(await operator.get("/v1/trial-balance")).toMatchObject({ balanced: true });
  };

  test("W18 capture, void and expiry of a merchant hold: what is captured arrives, the rest is released", async () => {
    const shop = await wallets.person();
    let total = 0;
    const seen = new Set<unknown>();
    const payers = await Promise.all([0, 1, 2].map(() => wallets.person(1_000)));
    for (let round = 0; round < 30 * share; round++) {
      const ann = payers[round % payers.length] as Person;
      const before = await balanceOf(ann);
      const isShort = round % 3 === 0;
      const terms = { amount: 10, to_wallet_id: shop.wallet, ...(isShort && { timeout_s: 1 }) };
      const { id, expires_at } = await ann.caller.post(holds, 201, terms);
      const path = `${holds}/${String(id)}`;
      const endMs = Date.parse(String(expires_at)) - 6 + (round % 12);
      if (isShort) await until("its end is near", () => Date.now() >= endMs);
      const part = { amount: 3, final: false };
      const acts = [
        () => send(shop.caller, `${path}/capture`, part),
        () => send(shop.caller, `${path}/void`),
        () => send(shop.caller, `${path}/capture`, part),
        () => send(ann.caller, `${path}/void`),
      ];
      const from = round % 3;
      const order = [...acts.slice(from), ...acts.slice(0, from)];
      const statuses = await Promise.all(order.map((act) => act()));
      const of = (act: number) => statuses[(act - from + acts.length) % acts.length];
      const captured = [of(0), of(2)].filter((status) => status === 200).length;
      expect([409, 410]).toContain(of(3));
      for (const status of statuses) expect([200, 409, 410]).toContain(status);
      if (isShort)
        await until("it has ended", async () => (await ann.caller.get("/v1/wallet"))["held"] === 0);
      total += 3 * captured;
      expect(await ann.caller.get("/v1/wallet")).toMatchObject({ balance: before - 3 * captured, held: 0 });
      expect(await balanceOf(shop)).toBe(total);
      const [hold] = (await shop.caller.get(`${holds}?role=payee&limit=1`))["data"] as Record<
        string,
        unknown
      >[];
      expect(hold).toMatchObject({ id, captured: 3 * captured });
      seen.add(`${String(hold?.["status"])} ${captured}`);
    }
    expect(seen.size).toBeGreaterThan(1);
    await booksBalance();
  });

  test("W15 a reset token that is used several times at once works once", async () => {
    for (let round = 0; round < 2; round++) {
      const ann = await wallets.person();
      const issued = await operator.post(`/v1/wallet-users/${ann.user}/password-reset`, 201);
      const token = String(issued["token"]);
      const tries = ["the first password", "the second password", "the third password"];
      const statuses = await Promise.all(
        tries.map((password) => send(ann.caller, "/v1/wallet/password/reset", { token, password })),
      );
      expect(sorted(statuses)).toEqual([200, 401, 401]);
      const logins = await Promise.all(
        tries.map((password) => send(ann.caller, "/v1/wallet/login", { email: ann.email, password })),
      );
      expect(logins).toEqual(statuses);
    }
  });

  test("closing against an arriving deposit, transfer, hold and payment request: nothing is lost", async () => {
    const bo = await wallets.person(10_000);
    const closes = new Map<number, number>();
    for (let round = 0; round < 20 * share; round++) {
      const ann = await wallets.person();
      const before = await balanceOf(bo);
      const close = () => send(operator, `/v1/wallet-users/${ann.user}/close`);
      const acts = [
        () => send(bo.caller, transfers, { to_wallet_id: ann.wallet, amount: 3 }),
        () => send(bank, "/v1/deposits", { wallet_id: ann.wallet, amount: 5, details: "x" }),
        () =>
          send(bank, "/v1/deposits", {
            wallet_id: ann.wallet,
            amount: 7,
            details: "x",
            bank_ref: `c${round}`,
          }),
        () => send(bo.caller, requests, { payer_wallet_id: ann.wallet, amount: 1 }),
      ];
      const at = round % 5;
      const statuses = await Promise.all(
        [...acts.slice(0, at), close, ...acts.slice(at)].map((act) => act()),
      );
      const [closed] = statuses.splice(at, 1);
      closes.set(closed ?? 0, (closes.get(closed ?? 0) ?? 0) + 1);
      const [sent, brought, referenced, asked] = statuses;
      const arrived = (sent === 201 ? 3 : 0) + (brought === 201 ? 5 : 0) + (referenced === 201 ? 7 : 0);
      for (const status of [sent, brought, referenced, asked]) expect([201, 404]).toContain(status);
      const profile = await operator.get(`/v1/wallet-users/${ann.user}`);
      expect(profile).toMatchObject({ balance: arrived, status: closed === 200 ? "closed" : "open" });
      if (closed === 200) expect(arrived).toBe(0);
      else expect(closed).toBe(422);
      expect(await balanceOf(bo)).toBe(before - (sent === 201 ? 3 : 0));
      if (asked === 201) {
        const [shown] = (await bo.caller.get(`${requests}?role=requester&limit=1`))["data"] as unknown[];
        expect(shown).toMatchObject({ status: closed === 200 ? "declined" : "pending" });
      }
    }
    expect(closes.size).toBeGreaterThan(0);
    await booksBalance();
  });

  test("the return of a deposit against spending it: one of them has the money", async () => {
    const outcomes = new Set<string>();
    const bo = await wallets.person();
    let received = 0;
    for (let round = 0; round < 24 * share; round++) {
      const ann = await wallets.person();
      const body = {
        wallet_id: ann.wallet,
        amount: 10,
        details: "x",
        ...(round % 2 && { bank_ref: `r${round}` }),
      };
      const { id } = await bank.post("/v1/deposits", 201, body);
      const back = () => send(bank, `/v1/deposits/${String(id)}/return`, { reason: "recalled" });
      const spend = () => send(ann.caller, transfers, { to_wallet_id: bo.wallet, amount: 1 });
      const order = round % 4 < 2 ? [back, spend, back] : [spend, back, back];
      const statuses = await Promise.all(order.map((act) => act()));
      const [spent] = statuses.splice(order.indexOf(spend), 1);
      const returned = statuses.filter((status) => status === 201).length;
      expect(returned).toBe(spent === 201 ? 0 : 1);
      for (const status of statuses) expect([201, 409, 422]).toContain(status);
      expect(await balanceOf(ann)).toBe(spent === 201 ? 9 : 0);
      if (spent === 201) received += 1;
      expect(await balanceOf(bo)).toBe(received);
      outcomes.add(spent === 201 ? "spent" : "returned");
    }
    expect(outcomes.size).toBeGreaterThan(0);
    await booksBalance();
  });

  test("a correction that is sent twice, beside a return, happens once", async () => {
    for (let round = 0; round < 12 * share; round++) {
      const [ann, bo] = [await wallets.person(), await wallets.person()];
      const { id: deposit } = await wallets.deposit(ann.wallet, 50);
      const { id } = await ann.caller.post(transfers, 201, { to_wallet_id: bo.wallet, amount: 20 });
      const correct = (of: unknown, amount: number) => () =>
        send(operator, `/v1/wallet-transfers/${String(of)}/correct`, { reason: "twice", amount });
      const statuses = await Promise.all([correct(id, 20)(), correct(id, 20)(), correct(id, 5)()]);
      expect(sorted(statuses)).toEqual([201, 409, 409]);
      const moved = statuses[2] === 201 ? 5 : 20;
      expect([await balanceOf(ann), await balanceOf(bo)]).toEqual([30 + moved, 20 - moved]);
      const both = await Promise.all([
        correct(deposit, 10)(),
        send(bank, `/v1/deposits/${String(deposit)}/return`, { reason: "recalled" }),
        correct(deposit, 10)(),
      ]);
      const [first, returned, second] = both;
      const taken =
        [first, second].filter((status) => status === 201).length * 10 + (returned === 201 ? 50 : 0);
      expect([10, 50]).toContain(taken);
      expect(await balanceOf(ann)).toBe(30 + moved - taken);
    }
    await booksBalance();
  });
});
