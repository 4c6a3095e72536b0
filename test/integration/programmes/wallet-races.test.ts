/** Concurrent requests for one wallet, and a server that is killed. */
import { beforeAll, describe, expect, test } from "vitest";
import { OPERATOR_KEY, sendUntilDone } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";
import { balanceOf, type Person, Wallets } from "./wallets.ts";

const transfers = "/v1/wallet/transfers";
const holds = "/v1/wallet/holds";
const requests = "/v1/wallet/payment-requests";
const withdrawals = "/v1/wallet/withdrawals";

/** Long enough for repeated restarts on a busy machine. */
const RESTARTS_MS_MAX = 180_000;

/** The status that each action gives a payment request. */
const ENDS = { accept: "accepted", decline: "declined", cancel: "cancelled" } as const;
type Action = keyof typeof ENDS;

/** Sends all decisions concurrently and returns their HTTP statuses. */
const decide = (path: string, by: readonly (readonly [Action, Person])[]): Promise<number[]> =>
  Promise.all(
    by.map(async ([action, { caller }]) => (await caller.client.send("POST", `${path}/${action}`)).status),
  );

describe("concurrent requests for one wallet", () => {
  const house = startTestServer({ SNAPSHOT_RECORDS: "200" });
  const wallets = new Wallets(house);
  let bank: Caller;

  beforeAll(async () => {
    bank = await wallets.bank("north");
  });

  const booksBalance = async (): Promise<void> => {
    const books = await house.caller(OPERATOR_KEY).get("/v1/trial-balance");
    expect(books).toMatchObject({ balanced: true });
  };

  test("W8 P-W1 concurrent deposits and transfers of one wallet give the right balance", async () => {
    const ann = await wallets.person(1000);
    const others = await Promise.all([1, 2, 3, 4].map(() => wallets.person(1000)));
    const made = Array.from({ length: 40 }, (_, i) => {
      const other = others[i % others.length] as Person;
      return [
        bank.client.send("POST", "/v1/deposits", { wallet_id: ann.wallet, amount: 7, details: `d${i}` }),
        bank.client.send("POST", "/v1/deposits", {
          wallet_id: ann.wallet,
          amount: 5,
          details: "x",
          bank_ref: `par-${i}`,
        }),
        ann.caller.client.send("POST", transfers, { to_wallet_id: other.wallet, amount: 3 }),
        other.caller.client.send("POST", transfers, { to_wallet_id: ann.wallet, amount: 2 }),
      ];
    });
    const answers = await Promise.all(made.flat());
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(await balanceOf(ann)).toBe(1000 + 40 * (7 + 5 - 3 + 2));
    for (const other of others) expect(await balanceOf(other)).toBe(1000 + 10 * (3 - 2));
    const entries = await ann.caller.all("/v1/wallet/entries");
    expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 161 }, (_, i) => 161 - i));
    await booksBalance();
  });

  test("W8 50 concurrent transfers of 10 from a wallet of 100: exactly 10 succeed", async () => {
    for (let round = 0; round < 6; round++) {
      const [ann, bo] = [await wallets.person(100), await wallets.person()];
      const body = { to_wallet_id: bo.wallet, amount: 10 };
      const statuses = await ann.caller.race(50, (client) => client.send("POST", transfers, body));
      expect(statuses).toEqual(
        new Map([
          [201, 10],
          [422, 40],
        ]),
      );
      expect([await balanceOf(ann), await balanceOf(bo)]).toEqual([0, 100]);
    }
  });

  test("W19 concurrent accept, decline and cancel: one succeeds, and only accept moves money", async () => {
    const [bo, ...askers] = await Promise.all([10_000, 0, 0, 0].map((money) => wallets.person(money)));
    if (bo === undefined) throw new Error("somebody pays");
    const ends = new Map<unknown, number>();
    for (let round = 0; round < 40; round++) {
      const ann = askers[round % askers.length] as Person;
      const before = [await balanceOf(ann), await balanceOf(bo)] as const;
      const body = { payer_wallet_id: bo.wallet, amount: 10 };
      const { id } = await ann.caller.post(requests, 201, body);
      const by = [
        ["cancel", ann],
        ["accept", bo],
        ["decline", bo],
        ["accept", bo],
        ["cancel", ann],
      ] as const;
      const from = round % by.length;
      const order = [...by.slice(from), ...by.slice(0, from)];
      const statuses = await decide(`${requests}/${String(id)}`, order);
      expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 409, 409, 409, 409]);
      const won = ENDS[(order[statuses.indexOf(200)] as (typeof by)[number])[0]];
      expect((await bo.caller.get(`${requests}?limit=1`))["data"]).toMatchObject([{ id, status: won }]);
      const moved = won === "accepted" ? 10 : 0;
      expect([await balanceOf(ann), await balanceOf(bo)]).toEqual([before[0] + moved, before[1] - moved]);
      ends.set(won, (ends.get(won) ?? 0) + 1);
    }
    expect(ends.size).toBeGreaterThan(1);
    await booksBalance();
  });

  test("W19 accept and cancel race with the expiry of a payment request: one wins, and the money agrees with it", async () => {
    const [bo, ann] = [await wallets.person(10_000), await wallets.person()];
    const made = await Promise.all(
      Array.from({ length: 60 }, () =>
        ann.caller.post(requests, 201, { payer_wallet_id: bo.wallet, amount: 1, expires_in_s: 1 }),
      ),
    );
    const answers = await Promise.all(
      made.map(async ({ id, expires_at }, i) => {
        const endMs = Date.parse(String(expires_at)) - 10 + (i % 20);
        await until("its end is near", () => Date.now() >= endMs);
        return decide(`${requests}/${String(id)}`, [
          ["accept", bo],
          ["cancel", ann],
        ]);
      }),
    );
    const shown = new Map((await bo.caller.all(requests)).map(({ id, status }) => [id, status]));
    let accepted = 0;
    for (const [i, { id }] of made.entries()) {
      const [accept, cancel] = answers[i] as number[];
      const status = shown.get(id);
      expect([accept, cancel].every((code) => code === 200 || code === 409)).toBe(true);
      expect(accept === 200).toBe(status === "accepted");
      expect(cancel === 200).toBe(status === "cancelled");
      expect(["accepted", "cancelled", "expired"]).toContain(status);
      if (status === "accepted") accepted += 1;
    }
    expect([await balanceOf(ann), await balanceOf(bo)]).toEqual([accepted, 10_000 - accepted]);
  });

  test("P-W2 concurrent captures and a void of one hold never move more than was held", async () => {
    for (let round = 0; round < 10; round++) {
      const [ann, shop] = [await wallets.person(100), await wallets.person()];
      const { id } = await ann.caller.post(holds, 201, { amount: 100 });
      const body = { to_wallet_id: shop.wallet, amount: 40, final: false };
      const answers = await Promise.all([
        ...[1, 2, 3].map(() => ann.caller.client.send("POST", `${holds}/${String(id)}/capture`, body)),
        ann.caller.client.send("POST", `${holds}/${String(id)}/void`),
      ]);
      const captured = answers.slice(0, 3).filter(({ status }) => status === 200).length;
      expect(captured).toBeLessThan(3);
      expect(answers[3]?.status).toBe(200);
      expect(await ann.caller.get("/v1/wallet")).toMatchObject({ balance: 100 - 40 * captured, held: 0 });
      expect(await balanceOf(shop)).toBe(40 * captured);
      expect(await ann.caller.all(holds)).toMatchObject([{ status: "voided", captured: 40 * captured }]);
    }
  });

  test("W20 two banks confirm and fail one withdrawal at the same time: one succeeds", async () => {
    const south = await wallets.bank("south");
    for (let round = 0; round < 15; round++) {
      const ann = await wallets.person(10);
      const { id } = await ann.caller.post(withdrawals, 201, { amount: 10, details: "x" });
      const path = `/v1/withdrawals/${String(id)}`;
      const sent = [
        bank.client.send("POST", `${path}/confirm`),
        south.client.send("POST", `${path}/fail`),
        south.client.send("POST", `${path}/confirm`),
      ];
      const statuses = (await Promise.all(sent)).map(({ status }) => status);
      expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 409, 409]);
      expect(await balanceOf(ann)).toBe(statuses[1] === 200 ? 10 : 0);
      const [shown] = await ann.caller.all(withdrawals);
      expect(shown?.["status"]).toBe(statuses[1] === 200 ? "failed" : "confirmed");
    }
  });

  test(
    "W24 a kill in the middle of deposits: resent with their references, each is booked once",
    async () => {
      let people = await Promise.all([1, 2, 3].map(() => wallets.person()));
      for (let round = 1; round <= 2; round++) {
        const bodies = Array.from({ length: 60 }, (_, i) => {
          const to = people[i % people.length] as Person;
          return { wallet_id: to.wallet, amount: 1, details: "x", bank_ref: `kill${round}-${i}` };
        });
        let answered = 0;
        const sent = bodies.map((body) =>
          bank.client.send("POST", "/v1/deposits", body).then(
            () => (answered += 1),
            () => answered,
          ),
        );
        await until("some are answered", () => answered >= 5);
        await house.restart();
        await Promise.all(sent);
        bank = await wallets.bank("north");
        people = people.map((person) => wallets.again(person));
        for (const body of bodies)
          expect([201, 409]).toContain((await sendUntilDone(bank.client, "/v1/deposits", body)).status);
        for (const person of people) expect(await balanceOf(person)).toBe(20 * round);
      }
      await booksBalance();
    },
    RESTARTS_MS_MAX,
  );

  test(
    "W7 sessions, money, references and pending orders survive a kill",
    async () => {
      let [ann, bo] = [await wallets.person(500), await wallets.person(100)];
      const deposit = { wallet_id: ann.wallet, amount: 5, details: "x", bank_ref: "kept" };
      await bank.post("/v1/deposits", 201, deposit);
      const hold = await ann.caller.post(holds, 201, { amount: 50, memo: "kept" });
      const asked = await bo.caller.post(requests, 201, { payer_wallet_id: ann.wallet, amount: 60 });
      const out = await ann.caller.post(withdrawals, 201, { amount: 70, details: "kept" });
      const seen = async (): Promise<Json[]> => [
        await ann.caller.get("/v1/wallet"),
        await ann.caller.get("/v1/wallet/entries"),
        await ann.caller.get(holds),
        await ann.caller.get(requests),
        await ann.caller.get(withdrawals),
        await bo.caller.get(`${requests}?role=requester`),
        { deposits: (await bank.all("/v1/deposits")).length },
      ];
      for (let i = 0; i < 2; i++) {
        const before = await seen();
        await house.restart();
        bank = await wallets.bank("north");
        [ann, bo] = [wallets.again(ann), wallets.again(bo)];
        expect(await seen()).toEqual(before);
      }
      await bank.refused("POST", "/v1/deposits", 409, "duplicate_reference", deposit);
      const { email, password } = ann;
      await bo.caller.refused("POST", "/v1/wallet/signup", 409, "email_taken", {
        name: "A",
        email,
        password,
      });
      await bo.caller.post("/v1/wallet/login", 200, { email, password });
      await ann.caller.post(`${holds}/${String(hold["id"])}/capture`, 200, { to_wallet_id: bo.wallet });
      await ann.caller.post(`${requests}/${String(asked["id"])}/accept`, 200);
      await bank.post(`/v1/withdrawals/${String(out["id"])}/confirm`, 200);
      expect([await balanceOf(ann), await balanceOf(bo)]).toEqual([505 - 50 - 60 - 70, 100 + 50 + 60]);
      await booksBalance();
    },
    RESTARTS_MS_MAX,
  );
});
