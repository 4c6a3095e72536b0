/** I11: many concurrent requests with one key, while servers crash: it is executed once. */
import { expect, onTestFinished, test } from "vitest";
import { RedisProxy } from "../support/redis-proxy.ts";
import {
  type Answer,
  Client,
  codeOf,
  makePartner,
  operator,
  testFolder,
  testRedis,
  testServer,
  within,
} from "../support/server.ts";

const AT_ONCE = 20;
const AMOUNT = 50;
const KEY = "the-one-key";
const TRANSFER = { debit_account: "@issuance", credit_account: "alice/a", amount: AMOUNT };

function ask(client: Client, body: object = TRANSFER): Promise<Answer> {
  return client.send("POST", "/v1/transfers", body, { "Idempotency-Key": KEY });
}

const isReplayed = ({ headers }: Answer): boolean => headers["idempotency-replayed"] === "true";

test.each([
  ["has reached Redis", true],
  ["never reaches Redis", false],
])(
  "twenty concurrent requests with one key, whose append %s before the server is killed, are one transfer when retried",
  async (_, arrives) => {
    const redis = await testRedis();
    const proxy = await RedisProxy.start(redis);
    onTestFinished(() => proxy.close());
    const settings = { DATA_DIR: testFolder(), SHARDS: "2", WAL_URL: proxy.url };
    const server = await testServer(settings);
    const partnerKey = await makePartner(operator(server));
    const client = new Client(server.url, partnerKey);
    const opened = await client.send("POST", "/v1/accounts", { id: "alice/a", asset: "PTS/0" });
    expect(opened.status).toBe(201);
    const caught = proxy.trapNextAppend(arrives ? "swallow_replies" : "swallow_requests");
    const unheard = Array.from({ length: AT_ONCE }, () => ask(client).catch(() => undefined));
    await within(10_000, "the append is on its way", caught);
    // A request on its own connection, answered after all that were sent before it arrived.
    await client.send("GET", "/healthz");
    await server.kill();
    expect((await Promise.all(unheard)).filter((answer) => answer !== undefined)).toEqual([]);

    const again = new Client((await testServer(settings)).url, partnerKey);
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => ask(again)));
    expect(answers.map(({ status }) => status)).toEqual(new Array(AT_ONCE).fill(201));
    expect(new Set(answers.map(({ text }) => text)).size, "bodies").toBe(1);
    expect(answers.filter((answer) => !isReplayed(answer))).toHaveLength(arrives ? 0 : 1);
    const other = await ask(again, { ...TRANSFER, amount: AMOUNT + 1 });
    expect([other.status, codeOf(other)]).toEqual([422, "idempotency_key_reused"]);
    expect(await again.get("/v1/accounts/alice%2Fa")).toMatchObject({ posted: AMOUNT, seq: 1 });
  },
);

test("one key with two concurrent bodies, across a crash: the first is done, the second refused, permanently", async () => {
  const settings = { DATA_DIR: testFolder(), SHARDS: "2" };
  const server = await testServer(settings);
  const partnerKey = await makePartner(operator(server));
  const client = new Client(server.url, partnerKey);
  await client.send("POST", "/v1/accounts", { id: "alice/a", asset: "PTS/0" });
  const bodies = Array.from({ length: AT_ONCE }, (_, no) => ({ ...TRANSFER, amount: 1 + (no % 2) }));
  const answers = await Promise.all(bodies.map((body) => ask(client, body)));
  const winner = answers.find(({ status }) => status === 201);
  const { postings } = JSON.parse(winner?.text ?? "") as { postings: { amount: number }[] };
  const amount = postings[0]?.amount ?? 0;
  const expected = bodies.map((body) => (body.amount === amount ? 201 : 422));
  expect(answers.map(({ status }) => status)).toEqual(expected);
  await server.kill();
  const again = new Client((await testServer(settings)).url, partnerKey);
  const repeats = await Promise.all(bodies.map((body) => ask(again, body)));
  expect(repeats.map(({ status }) => status)).toEqual(expected);
  expect(new Set(repeats.filter(({ status }) => status === 201).map(({ text }) => text))).toEqual(
    new Set([winner?.text]),
  );
  expect(await again.get("/v1/accounts/alice%2Fa")).toMatchObject({ posted: amount, seq: 1 });
});
