/** Commands are refused before Redis is out of memory, so that snapshots and trimming still have space. */
import { expect, test } from "vitest";
import { Load } from "../support/load.ts";
import {
  Client,
  codeOf,
  makePartner,
  operator,
  testFolder,
  testRedis,
  testServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";

test("with Redis nearly full the server refuses commands with the reason, and accepts them again once there is memory", async () => {
  const redis = await testRedis();
  const server = await testServer({ WAL_URL: redis.url, DATA_DIR: testFolder(), SHARDS: "2" });
  const admin = operator(server);
  const partnerKey = await makePartner(admin);
  const load = new Load({ partnerKey, owners: 4 });
  await load.open(server.url);
  load.begin(server.url, 4);
  await load.moreAcknowledged(40);
  await load.stop();
  const tamper = redis.client();
  // Far from full in bytes, so that Redis itself refuses nothing. Its memory for connections varies.
  const fill = async () => {
    const used = Number(/used_memory:(\d+)/.exec(await tamper.info("memory"))?.[1]);
    await tamper.config("SET", "maxmemory", String(Math.round(used / 0.95)));
  };
  const client = new Client(server.url, partnerKey);
  const transfer = { debit_account: "@issuance", credit_account: load.accounts[0], amount: 1 };
  let detail = "";
  await until("commands are refused", async () => {
    await fill();
    const answer = await client.send("POST", "/v1/transfers", transfer, { "Idempotency-Key": "full" });
    detail = answer.text;
    return answer.status === 503 && codeOf(answer) === "overloaded";
  });
  expect(detail).toMatch(/Redis uses \d+ of \d+ MB \(maxmemory\)/);
  expect(
    (await client.send("GET", `/v1/accounts/${encodeURIComponent(load.accounts[0] ?? "")}`)).status,
  ).toBe(200);
  await tamper.config("SET", "maxmemory", "0");
  await until("commands are taken", async () => {
    const answer = await client.send("POST", "/v1/accounts", { id: "later", asset: "PTS/0" });
    return answer.status === 201 || answer.status === 409;
  });
  load.begin(server.url, 4);
  await load.moreAcknowledged(40);
  await load.stop();
  expect(load.broken).toBe(0);
  client.close();
});
