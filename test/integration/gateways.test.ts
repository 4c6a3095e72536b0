/** Several gateways on one port: every connection sees the same ledger, whichever gateway accepted it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { checkBooks } from "../fault/books.ts";
import { checkDrainUnderLoad } from "../support/drain.ts";
import { callerPerGateway } from "../support/gateway-callers.ts";
import { Load } from "../support/load.ts";
import {
  Client,
  codeOf,
  makePartner,
  OPERATOR_KEY,
  operator,
  refusedStart,
  ServerProcess,
  type Settings,
  shardsOf,
  testFolder,
  testServer,
  waitUntilReady,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { startTestServer } from "./programmes/test-server.ts";

const GATEWAYS = 3;
const ISSUE = { debit_account: "@issuance", credit_account: "alice/a", amount: 5 };
const MAIN = join(import.meta.dirname, "../../src/main.ts");
const MORTAL = join(import.meta.dirname, "../support/failing-gateways.ts");

/** Shared by the tests that leave the server running. */
const house = startTestServer({ SHARDS: "2", GATEWAYS: String(GATEWAYS) });

function settings(more: Settings = {}): Settings {
  return { DATA_DIR: testFolder(), SHARDS: "2", GATEWAYS: String(GATEWAYS), ...more };
}

async function openAccount(client: Client, id: string): Promise<void> {
  expect((await client.send("POST", "/v1/accounts", { id, asset: "PTS/0" })).status).toBe(201);
}

/** The number of answered `partners` requests, as this caller's gateway reports it. */
async function answeredCountAt(client: Client): Promise<number> {
  const { text } = await client.send("GET", "/metrics");
  const found = /seconds_count\{group="partners",status="200"\} (\d+)/.exec(text);
  expect(text).toContain('daybook_gateway_serving{gateway="2"} 1');
  expect(text).toContain('daybook_batches_total{shard="1"}');
  return Number(found?.[1] ?? 0);
}

test("connections are spread over all gateways, and each gateway reports on the whole server", async () => {
  const admins = await callerPerGateway(house.server.url, OPERATOR_KEY, GATEWAYS);
  const all = async () => [...new Set(await Promise.all(admins.map(answeredCountAt)))];
  expect(await all()).toEqual([0]);
  for (const admin of admins) await admin.get("/v1/partners");
  expect(await all()).toEqual([GATEWAYS]);
  for (const [shard, admin] of admins.slice(0, 2).entries()) {
    const before = (await shardsOf(admin))[shard]?.restarts ?? 0;
    expect((await admin.send("POST", `/v1/admin/shards/${shard}/restart`)).status).toBe(202);
    for (const other of admins) {
      await until("it was restarted", async () => (await shardsOf(other))[shard]?.restarts === before + 1);
      await waitUntilReady(other);
    }
  }
  const unknown = await Promise.all(admins.map((admin) => admin.send("POST", "/v1/admin/shards/9/restart")));
  expect(unknown.map(codeOf)).toEqual(admins.map(() => "shard_not_found"));
});

test("a write answered at one gateway is in every later read at the others", async () => {
  const callers = await callerPerGateway(
    house.server.url,
    await makePartner(operator(house.server), "reader"),
    GATEWAYS,
  );
  await openAccount(callers[0] as Client, "alice/a");
  for (let count = 1; count <= 60; count++) {
    const writer = callers[count % GATEWAYS] as Client;
    const { status, text } = await writer.send("POST", "/v1/transfers", ISSUE);
    expect(status, text).toBe(201);
    const { id } = JSON.parse(text) as { id: string };
    await Promise.all(
      callers.map(async (reader) => {
        const [account, entries, transfer] = await Promise.all([
          reader.get("/v1/accounts/alice%2Fa"),
          reader.get<{ data: { transfer_id: string }[] }>("/v1/accounts/alice%2Fa/entries?limit=1"),
          reader.get(`/v1/transfers/${id}`),
        ]);
        expect(account).toMatchObject({ posted: count * ISSUE.amount, seq: count });
        expect(entries.data[0]?.transfer_id).toBe(id);
        expect(transfer).toMatchObject({ id });
      }),
    );
  }
});

test("a new API key is valid at all gateways at once, and a revoked one at none", async () => {
  const admins = await callerPerGateway(house.server.url, OPERATOR_KEY, GATEWAYS);
  await makePartner(admins[0] as Client);
  const doors = (await callerPerGateway(house.server.url, "", GATEWAYS)).map(
    (client) => async (key: string) =>
      (await client.send("GET", "/v1/accounts", undefined, { Authorization: `Bearer ${key}` })).status,
  );
  const statusesOf = (key: string) => Promise.all(doors.map((door) => door(key)));
  for (let round = 0; round < 50; round++) {
    const admin = admins[round % GATEWAYS] as Client;
    const made = await admin.send("POST", "/v1/partners/acme/keys", { role: "partner", name: `${round}` });
    const { id, api_key } = JSON.parse(made.text) as { id: string; api_key: string };
    expect(await statusesOf(api_key), `made, round ${round}`).toEqual([200, 200, 200]);
    if (round === 0) {
      for (const other of admins) {
        await until("its last use is visible at all gateways", async () => {
          const path = "/v1/partners/acme/keys";
          const { data } = await other.get<{ data: { id: string; last_used_at: string | null }[] }>(path);
          return data.find((key) => key.id === id)?.last_used_at != null;
        });
      }
    }
    const revoker = admins[(round + 1) % GATEWAYS] as Client;
    expect((await revoker.send("DELETE", `/v1/partners/acme/keys/${id}`)).status).toBe(204);
    expect(await statusesOf(api_key), `revoked, round ${round}`).toEqual([401, 401, 401]);
  }
});

test("one idempotency key used at all gateways at once is one transfer", async () => {
  const callers = await callerPerGateway(
    house.server.url,
    await makePartner(operator(house.server), "repeater"),
    GATEWAYS,
  );
  await openAccount(callers[0] as Client, "alice/a");
  const ROUNDS = 30;
  for (let round = 1; round <= ROUNDS; round++) {
    const answers = await Promise.all(
      callers.map((caller) =>
        caller.send("POST", "/v1/transfers", ISSUE, { "Idempotency-Key": `round-${round}` }),
      ),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    const first = answers.filter(({ headers }) => headers["idempotency-replayed"] !== "true");
    expect(first.length).toBe(1);
  }
  expect(await callers[1]?.get("/v1/accounts/alice%2Fa")).toMatchObject({
    posted: ROUNDS * ISSUE.amount,
    seq: ROUNDS,
  });
});

test("a second server on the same port exits with one line, with one gateway or several", async () => {
  const { port } = new URL(house.server.url);
  const refused = await Promise.all(
    ["1", "2"].map((gateways) => refusedStart(settings({ PORT: port, GATEWAYS: gateways }))),
  );
  const line = `daybook: PORT: 127.0.0.1:${port} is in use (EADDRINUSE): stop the program that has it, or take another port; 0 takes any free one`;
  expect(refused.map(({ code, lines }) => ({ code, lines }))).toEqual(
    refused.map(() => ({ code: 1, lines: [line] })),
  );
  const alone = await testServer({ DATA_DIR: testFolder(), SHARDS: "1" });
  const shared = await refusedStart(settings({ PORT: new URL(alone.url).port }));
  expect(shared).toMatchObject({ code: 1, lines: [expect.stringContaining("EADDRINUSE")] });
});

test("of servers that start on one port at the same time, at most one serves", async () => {
  const free = await testServer({ DATA_DIR: testFolder(), SHARDS: "1" });
  const { port } = new URL(free.url);
  await free.kill();
  const rivals = Array.from({ length: 3 }, () => ServerProcess.launch(settings({ PORT: port, SHARDS: "1" })));
  onTestFinished(async () => void (await Promise.all(rivals.map((rival) => rival.kill()))));
  const outcomes = await Promise.all(
    rivals.map((rival) =>
      rival.serving().then(
        () => "serves",
        () => rival.errorLines.join("\n"),
      ),
    ),
  );
  const refusals = outcomes.filter((outcome) => outcome !== "serves");
  // All may collide before any has the port; then none serves. Two never serve.
  expect(refusals.length).toBeGreaterThanOrEqual(rivals.length - 1);
  for (const refusal of refusals) expect(refusal).toContain(`127.0.0.1:${port} is in use (EADDRINUSE)`);
});

test("SIGTERM under load drains all gateways: every executed request is answered", async () => {
  const draining = await testServer(settings());
  await checkDrainUnderLoad(draining, () => draining.signal("SIGTERM"));
});

test.each(["threads", "processes"])(
  "a gateway that dies under load restarts, the others keep serving, and the books balance (shards in %s)",
  async (isolation) => {
    const folder = testFolder();
    const server = ServerProcess.launch(settings({ MORTAL_GATEWAYS: folder, ISOLATION: isolation }), [
      process.execPath,
      "--import",
      MORTAL,
      MAIN,
    ]);
    onTestFinished(async () => void (await server.kill()));
    await server.serving();
    const admin = operator(server);
    const load = new Load({ partnerKey: await makePartner(admin) });
    await load.open(server.url);
    load.begin(server.url, 16);
    const isBack = (gateway: number, restarts: number) =>
      until(`gateway ${gateway} is back`, async () => {
        // Another connection each time, since this gateway may have had the last one.
        const poller = new Client(server.url, OPERATOR_KEY, 1);
        const { text } = await poller.send("GET", "/metrics").finally(() => poller.close());
        return (
          text.includes(`daybook_gateway_restarts_total{gateway="${gateway}"} ${restarts}\n`) &&
          text.includes(`daybook_gateway_serving{gateway="${gateway}"} 1\n`)
        );
      });
    for (const [gateway, restarts] of [
      [1, 1],
      [2, 1],
      [1, 2],
    ] as const) {
      await load.moreAcknowledged(100);
      writeFileSync(join(folder, `kill-gateway-${gateway}`), "");
      await isBack(gateway, restarts);
      // A broadcast waits for the restarted gateway, and not for the dead one.
      await makePartner(operator(server), `partner-${gateway}-${restarts}`);
    }
    await callerPerGateway(server.url, load.partnerKey, GATEWAYS);
    await load.moreAcknowledged(100);
    await load.stop();
    expect(server.stdout.match(/"gateway ended"/g)?.length).toBe(3);
    await checkBooks(server.url, load);
  },
);
