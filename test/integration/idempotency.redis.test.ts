/** I11: one idempotency key, one outcome: for concurrent requests, later retries and after a restart. */
import { expect, test } from "vitest";
import {
  type Answer,
  Client,
  codeOf,
  makePartner,
  operator,
  type Settings,
  testFolder,
  testRedis,
  testServer,
} from "../support/server.ts";

const AT_ONCE = 20;

type Body = Readonly<{ debit_account: string; credit_account: string; amount: number }>;

function move(debit_account: string, credit_account: string, amount: number): Body {
  return { debit_account, credit_account, amount };
}

const FUND_ALICE = move("@issuance", "alice/a", 50);
const TOO_MUCH = move("alice/a", "alice/b", 80);

async function withKey(client: Client, key: string, body: Body): Promise<Answer> {
  return client.send("POST", "/v1/transfers", body, { "Idempotency-Key": key });
}

function isReplayed({ headers }: Answer): boolean {
  return headers["idempotency-replayed"] === "true";
}

async function openBooks(settings: Settings) {
  const server = await testServer(settings);
  const key = await makePartner(operator(server));
  const client = new Client(server.url, key);
  for (const id of ["alice/a", "alice/b"]) {
    expect((await client.send("POST", "/v1/accounts", { id, asset: "PTS/0" })).status).toBe(201);
  }
  return { server, key, client };
}

async function balances(client: Client): Promise<readonly number[]> {
  const { data } = await client.get<{ data: { posted: number }[] }>("/v1/accounts?ids=alice/a,alice/b");
  return data.map(({ posted }) => posted);
}

test.each(["sqlite", "Redis"])(
  "20 concurrent requests with one key are one transfer and 20 equal answers (%s)",
  async (log) => {
    const wal = log === "Redis" ? { WAL_URL: (await testRedis()).url } : {};
    const settings = { DATA_DIR: testFolder(), SHARDS: "2", ...wal };
    const { server, key, client } = await openBooks(settings);
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, () => withKey(client, "k1", FUND_ALICE)),
    );
    expect(answers.map(({ status }) => status)).toEqual(new Array(AT_ONCE).fill(201));
    expect(new Set(answers.map(({ text }) => text)).size, "bodies").toBe(1);
    expect(answers.filter(isReplayed).length).toBe(AT_ONCE - 1);
    expect(await balances(client)).toEqual([50, 0]);

    const refused = await Promise.all(Array.from({ length: AT_ONCE }, () => withKey(client, "k2", TOO_MUCH)));
    expect(new Set(refused.map(({ text }) => text)).size, "bodies").toBe(1);
    expect(refused.filter(isReplayed).length).toBe(AT_ONCE - 1);
    expect([refused[0]?.status, codeOf(refused[0] as Answer)]).toEqual([422, "insufficient_funds"]);
    const reused = await withKey(client, "k1", { ...FUND_ALICE, amount: 51 });
    expect([reused.status, codeOf(reused)]).toEqual([422, "idempotency_key_reused"]);

    // With enough money the rejected key keeps its rejection, and a new key succeeds.
    expect((await withKey(client, "k3", FUND_ALICE)).status).toBe(201);
    expect((await withKey(client, "k2", TOO_MUCH)).text).toBe(refused[0]?.text);
    const newKey = await withKey(client, "k4", TOO_MUCH);
    expect(newKey.status).toBe(201);
    expect(await balances(client)).toEqual([20, 80]);

    await server.kill();
    const again = new Client((await testServer(settings)).url, key);
    for (const [idempotencyKey, body, first] of [
      ["k1", FUND_ALICE, answers[0]],
      ["k2", TOO_MUCH, refused[0]],
      ["k4", TOO_MUCH, newKey],
    ] as const) {
      const repeat = await withKey(again, idempotencyKey, body);
      expect([repeat.status, repeat.text, isReplayed(repeat)]).toEqual([first?.status, first?.text, true]);
    }
    const reusedAgain = await withKey(again, "k2", FUND_ALICE);
    expect([reusedAgain.status, codeOf(reusedAgain)]).toEqual([422, "idempotency_key_reused"]);
    expect(await balances(again)).toEqual([20, 80]);
  },
);

test("a batch that is sent again moves nothing again, and each owner has its own keys", async () => {
  const { client } = await openBooks({ DATA_DIR: testFolder(), SHARDS: "2" });
  const batch = {
    transfers: [FUND_ALICE, TOO_MUCH, move("@issuance", "alice/b", 5), { ...FUND_ALICE, amount: 0 }],
  };
  const send = () => client.send("POST", "/v1/transfers/batch", batch, { "Idempotency-Key": "b1" });
  const answers = await Promise.all([send(), send(), send()]);
  const results = answers.map(({ text }) => (JSON.parse(text) as { results: object[] }).results);
  expect(results[0]?.map((result) => ("code" in result ? result.code : "moved"))).toEqual([
    "moved",
    "insufficient_funds",
    "moved",
    "validation_failed",
  ]);
  expect([results[1], results[2], JSON.parse((await send()).text).results]).toEqual([
    results[0],
    results[0],
    results[0],
  ]);
  expect(await balances(client)).toEqual([50, 5]);
  // Two owners may use the same key.
  expect((await client.send("POST", "/v1/accounts", { id: "bob", asset: "PTS/0" })).status).toBe(201);
  expect((await withKey(client, "k", move("@issuance", "alice/a", 1))).status).toBe(201);
  expect((await withKey(client, "k", move("@issuance", "bob", 2))).status).toBe(201);
});
