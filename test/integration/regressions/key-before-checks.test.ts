/** A known idempotency key gets its first answer before time, state or limits are checked. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeScratchFolder } from "../../support/scratch-folder.ts";
import { codeOf } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { type Caller, startTestServer } from "../programmes/test-server.ts";
import type { Person } from "../programmes/wallets.ts";
import { fresh, inSeconds, type Sent, type World, worldOf } from "./world.ts";

const scratch = makeScratchFolder("daybook-shift");
/** The file with the error of the server's wall clock in ms; log time does not follow a jump. */
const shift = join(scratch, "ms");
writeFileSync(shift, "0");
const preload = pathToFileURL(join(import.meta.dirname, "../../support/shifted-clock.ts")).href;
const house = startTestServer({
  ISOLATION: "threads",
  NODE_OPTIONS: `--import ${preload}`,
  SHIFTED_CLOCK: shift,
});
let world: World;

beforeAll(async () => {
  world = await worldOf(house);
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function send({ client }: Caller, { method, path, body }: Sent, key: string) {
  return client.send(method, path, body, { "Idempotency-Key": key });
}

async function hold({ caller }: Person): Promise<string> {
  const { id } = await caller.post("/v1/wallet/holds", 201, { amount: 1 });
  return `/v1/wallet/holds/${String(id)}`;
}

async function withdrawal({ caller }: Person): Promise<string> {
  const { id } = await caller.post("/v1/wallet/withdrawals", 201, { amount: 1, details: "x" });
  return `/v1/withdrawals/${String(id)}`;
}

function uuid7(atMs: number): string {
  const hex = Math.floor(atMs).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-0123456789ab`;
}

/** Sends a request, changes something, and sends it again: both answers must be equal. */
async function expectReplay(caller: Caller, sent: Sent, change: () => Promise<unknown>): Promise<void> {
  const key = fresh("key-");
  const first = await send(caller, sent, key);
  expect(first.status, first.text).toBeLessThan(300);
  await change();
  const again = await send(caller, sent, key);
  expect([again.status, again.text]).toEqual([first.status, first.text]);
  expect(again.headers["idempotency-replayed"]).toBe("true");
}

/** Requests that create something with an expiry, and the path of the expiry in the body. */
const EXPIRING = {
  "a voucher": async (expires_at: string) => {
    const [email, offer_name] = await newVoucherTerms();
    return {
      sent: { method: "POST", path: "/v1/vouchers", body: { email, offer_name, expires_at } },
      at: "expires_at",
    };
  },
  "a batch of vouchers": async (expires_at: string) => {
    const [email, offer_name] = await newVoucherTerms();
    const body = { emails: [email], offer_name, expires_at };
    return { sent: { method: "POST", path: "/v1/voucher-batches", body }, at: "expires_at" };
  },
  "an accrual": async (expires_at: string) => {
    const id = fresh("member");
    await world.acme.post("/v1/loyalty/members", 201, { id });
    const path = `/v1/loyalty/members/${id}/accruals`;
    return {
      sent: { method: "POST", path, body: { points: 5, description: "x", expires_at } },
      at: "expires_at",
    };
  },
  "a membership": async (expires_at: string) => {
    const slug = fresh("SEGMENT_");
    await world.acme.post("/v1/segments", 201, { slug });
    const path = `/v1/users/${fresh("user")}/segments`;
    return { sent: { method: "PATCH", path, body: { add: [{ slug, expires_at }] } }, at: "add.0.expires_at" };
  },
} as const;

async function newVoucherTerms(): Promise<readonly [email: string, offer: string]> {
  const [email, offer] = [`${fresh("customer")}@example.com`, fresh("offer")];
  await world.acme.post("/v1/customers", 201, { email });
  await world.acme.ask("PUT", `/v1/offers/${offer}`, 200, { discount: 10 });
  return [email, offer];
}

describe.each(Object.entries(EXPIRING))("%s", (_, make) => {
  test("gets its first answer again after its expiry", async () => {
    const end = inSeconds(1.5);
    const { sent } = await make(end);
    const hasExpired = () => Date.now() > Date.parse(end) + 100;
    await expectReplay(world.acme, sent, () => until("it has expired", hasExpired));
  });

  test("with an expiry in the past gets 400 and does not use the key", async () => {
    const { sent, at } = await make("2020-01-01T00:00:00Z");
    const key = fresh("key-");
    const refused = await send(world.acme, sent, key);
    const errors = [{ path: at, message: "must be in the future" }];
    expect(JSON.parse(refused.text)).toMatchObject({ status: 400, code: "validation_failed", errors });
    const text = JSON.stringify(sent.body).replace("2020", "2090");
    const done = await send(world.acme, { ...sent, body: JSON.parse(text) }, key);
    expect(done.status, done.text).toBeLessThan(300);
    expect(done.headers["idempotency-replayed"]).toBeUndefined();
  });
});

describe("a finished order that 500 newer ones have displaced from memory", () => {
  const REQUESTS = "/v1/wallet/payment-requests";
  const AT_ONCE = 25;

  async function times(count: number, once: () => Promise<unknown>): Promise<void> {
    for (let done = 0; done < count; done += AT_ONCE)
      await Promise.all(Array.from({ length: AT_ONCE }, () => once()));
  }

  async function request({ caller }: Person, { wallet }: Person): Promise<string> {
    const { id } = await caller.post(REQUESTS, 201, { payer_wallet_id: wallet, amount: 1 });
    return `${REQUESTS}/${String(id)}`;
  }

  test.each(["capture", "void"])("a hold: a retry of its %s gets the first answer", async (action) => {
    const [payer, payee] = [await world.wallets.person(1000), await world.wallets.person()];
    const body = action === "capture" ? { to_wallet_id: payee.wallet } : undefined;
    await expectReplay(payer.caller, { method: "POST", path: `${await hold(payer)}/${action}`, body }, () =>
      times(500, async () => payer.caller.post(`${await hold(payer)}/void`, 200)),
    );
  });

  test.each(["accept", "decline", "cancel"])(
    "a payment request: a retry of its %s gets the first answer",
    async (action) => {
      const [payer, requester] = [await world.wallets.person(1000), await world.wallets.person()];
      const { caller } = action === "cancel" ? requester : payer;
      const path = `${await request(requester, payer)}/${action}`;
      await expectReplay(caller, { method: "POST", path }, () =>
        times(500, async () => payer.caller.post(`${await request(requester, payer)}/decline`, 200)),
      );
      const unknown = await caller.client.send("POST", path);
      expect([unknown.status, codeOf(unknown)]).toEqual([404, "payment_request_not_found"]);
    },
  );

  test.each(["confirm", "fail"])("a withdrawal: a retry of its %s gets the first answer", async (action) => {
    const person = await world.wallets.person(1000);
    const bank = await world.wallets.bank("north");
    const path = `${await withdrawal(person)}/${action}`;
    await expectReplay(bank, { method: "POST", path }, () =>
      times(500, async () => bank.post(`${await withdrawal(person)}/fail`, 200)),
    );
  });
});

test("a retry of a redemption gets the first answer beyond the limit on unknown codes", async () => {
  const [email, offer_name] = await newVoucherTerms();
  const guesser = house.caller(await house.newPartner(fresh("guesser")));
  await guesser.post("/v1/customers", 201, { email });
  await guesser.ask("PUT", `/v1/offers/${offer_name}`, 200, { discount: 10 });
  const issue = { email, offer_name, expires_at: inSeconds(3600) };
  const { code } = await guesser.post("/v1/vouchers", 201, issue);
  const sent = { method: "POST", path: `/v1/vouchers/${String(code)}/redeem`, body: { email } };
  const guess = { ...sent, path: "/v1/vouchers/AAAAAAAAAAAAAA/redeem" };
  await expectReplay(guesser, sent, async () => {
    for (let i = 0; i < 50; i++) await send(guesser, guess, fresh("key-"));
    expect((await send(guesser, guess, fresh("key-"))).status).toBe(429);
  });
});

test.each(["post", "void", "revert"])(
  "%s of an unknown transfer gets 404 and does not use the key",
  async (action) => {
    const owner = fresh("owner");
    const { acme } = world;
    await acme.post("/v1/accounts", 201, { id: owner, asset: "PTS/0" });
    const move = { debit_account: "@issuance", credit_account: owner, amount: 5 };
    const { id } = await acme.post("/v1/transfers", 201, move);
    const key = fresh("key-");
    const unknown = String(id).replace(/.{3}$/, "zzz");
    const refused = await send(acme, { method: "POST", path: `/v1/transfers/${unknown}/${action}` }, key);
    expect([refused.status, codeOf(refused)]).toEqual([404, "transfer_not_found"]);
    const done = await send(acme, { method: "POST", path: "/v1/transfers", body: move }, key);
    expect([done.status, done.headers["idempotency-replayed"]]).toEqual([201, undefined]);
  },
);

describe("while the wall clock is wrong, log time decides", () => {
  const MINUTE_MS = 60_000;
  const AHEAD_MS = 10 * MINUTE_MS;

  beforeAll(async () => {
    writeFileSync(shift, `${AHEAD_MS}`);
    const { client } = world.operator;
    await until("the jump is detected", async () =>
      (await client.send("GET", "/readyz")).text.includes("clock"),
    );
  });
  afterAll(() => writeFileSync(shift, "0"));

  const MOVE = { debit_account: "@a", credit_account: "nobody", amount: 1 };

  test("whether a UUIDv7 key is too far ahead", async () => {
    const sent = { method: "POST", path: "/v1/transfers", body: MOVE };
    const ahead = await send(world.acme, sent, uuid7(Date.now() + 7 * MINUTE_MS));
    const errors = [{ path: "Idempotency-Key", message: "is a UUIDv7 more than 5 minutes ahead" }];
    expect(JSON.parse(ahead.text)).toMatchObject({ status: 400, code: "validation_failed", errors });
    expect((await send(world.acme, sent, uuid7(Date.now() + 3 * MINUTE_MS))).status).toBe(404);
    const items = [7, 3].map((minutes) => {
      return { ...MOVE, idempotency_key: uuid7(Date.now() + minutes * MINUTE_MS) };
    });
    const batch = await world.acme.post("/v1/transfers/batch", 200, { transfers: items });
    expect(batch["results"]).toEqual([
      { status: 400, code: "validation_failed" },
      { status: 404, code: "account_not_found" },
    ]);
  });

  test.each(Object.entries(EXPIRING))("whether the expiry of %s is in the future", async (_, make) => {
    const { sent } = await make(new Date(Date.now() + 5 * MINUTE_MS).toISOString());
    const made = await send(world.acme, sent, fresh("key-"));
    expect(made.status, made.text).toBeLessThan(300);
  });
});
