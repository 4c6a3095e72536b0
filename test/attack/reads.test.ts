/** Reads that cause records in the log. */
import { beforeAll, expect, test } from "vitest";
import { startTestServer } from "../integration/programmes/test-server.ts";
import { type Client, operator, shardsOf } from "../support/server.ts";

const house = startTestServer({ SHARDS: "1" });
let reader: Client;

beforeAll(async () => {
  const acme = await house.partner("acme");
  await acme.post("/v1/accounts", 201, { id: "a", asset: "PTS/0" });
  const { api_key: key } = await acme.post("/v1/partners/acme/keys", 201, { role: "read" });
  reader = house.caller(String(key)).client;
});

/** Number of batches that the shard has logged. */
async function batches(): Promise<number> {
  const admin = operator(house.server);
  const [shard] = await shardsOf(admin);
  admin.close();
  return Number(/-(\d+)$/.exec(shard?.position ?? "")?.[1]);
}

test("200 reads of the present moment with a read key share their records", async () => {
  await reader.send("GET", "/v1/accounts/a");
  const before = await batches();
  const startedMs = performance.now();
  for (let round = 0; round < 10; round++) {
    const at = new Date().toISOString();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => reader.send("GET", `/v1/accounts/a?at=${at}`)),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  }
  const slots = (performance.now() - startedMs) / 100;
  expect((await batches()) - before).toBeLessThanOrEqual(slots + 1);
});
