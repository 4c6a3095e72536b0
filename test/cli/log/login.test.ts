/** The rights that `daybook log repair` and `daybook log accept-loss` need, with the users of deploy/redis. */
import { expect, test } from "vitest";
import { shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import { urlOf } from "../../support/deployed-redis.ts";
import { daybook } from "../cli.ts";
import { SHARDS, testDeployedLog, writeSomething } from "../served-log.ts";
import { checkBooksOf, clientOf, transferInTurns } from "./books.ts";
import { stateOf } from "./log-state.ts";
import { archiveLoses, ended, loseTail } from "./lost-end.ts";

const ACCEPT = ["log", "accept-loss", "--yes"];

async function written() {
  const log = await testDeployedLog();
  await writeSomething(log.client);
  await transferInTurns(log.client);
  await ended(log);
  return log;
}

test("the server's user may repair a log, and accept a loss that only that log has", async () => {
  const log = await written();
  for (let shard = 0; shard < SHARDS; shard++) await loseTail(log, shard, 6);
  expect(await daybook(["log", "repair"], log.env)).toMatchObject({ code: 0, stderr: "" });
  // Nothing was received elsewhere from the newest batches of a shard: a rejection at the end.
  const server = await log.serveAgain();
  const client = clientOf(log, server);
  const body = { debit_account: "alice/points", credit_account: "bob/points", amount: 1_000_000 };
  expect((await client.send("POST", "/v1/transfers", body)).status).toBe(422);
  await ended({ ...log, server });
  const shard = shardOfVnode(vnodeOfAccount("acme", body.debit_account), SHARDS);
  archiveLoses(log, shard, 1);
  await loseTail(log, shard, 1);
  expect(await daybook(ACCEPT, log.env)).toMatchObject({ code: 0, stderr: "" });
  const next = await log.serveAgain();
  await checkBooksOf(next, clientOf(log, next));
});

test("a log that must be cut needs the operator's login: said in one line, before anything is changed", async () => {
  const log = await written();
  archiveLoses(log, 0, 8);
  await loseTail(log, 0, 8);
  const before = await stateOf(log);
  const refused = await daybook(ACCEPT, log.env);
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(
    /^daybook: daybook:\{g1s1\}:wal must be cut, which the Redis user "daybook" may not: run the command as a user that may XDEL, such as "operator": WAL_URL=\S+ \(Redis says "NOPERM [^\n]*\n$/,
  );
  expect(await stateOf(log)).toEqual(before);
  const operator = { ...log.env, WAL_URL: urlOf(log.redis, "operator") };
  expect(await daybook(ACCEPT, operator)).toMatchObject({ code: 0, stderr: "" });
  expect((await stateOf(log)).notes.map(({ shard }) => shard)).toEqual([0, 1]);
  const server = await log.serveAgain();
  await checkBooksOf(server, clientOf(log, server));
});
