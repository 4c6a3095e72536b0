/** A part that hangs, in an endless loop or with its process stopped, is detected, killed and restarted. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { shardOfVnode, vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import {
  type Answer,
  Client,
  codeOf,
  isAlive,
  makePartner,
  operator,
  readiness,
  type ServerProcess,
  type Settings,
  shardsOf,
  testFolder,
  testServer,
  waitUntilReady,
  within,
} from "../support/server.ts";
import { until } from "../support/until.ts";

const SHARDS = 2;
const HUNG = 1;
const MORTAL_GATEWAYS = join(import.meta.dirname, "../support/failing-gateways.ts");

function idOn(shard: number, name: string): string {
  for (let i = 0; ; i++) {
    const id = `${name}${i}`;
    if (shardOfVnode(vnodeOfAccount("acme", id), SHARDS) === shard) return id;
  }
}

async function serverWith(settings: Settings) {
  const server = await testServer({ DATA_DIR: testFolder(), SHARDS: String(SHARDS), ...settings });
  const admin = operator(server);
  return { server, admin, acme: new Client(server.url, await makePartner(admin)) };
}

async function open(client: Client, id: string): Promise<void> {
  const { status, text } = await client.send("POST", "/v1/accounts", { id, asset: "USD/2" });
  expect(status, text).toBe(201);
}

async function isHung(admin: Client): Promise<void> {
  await until("/readyz names it", async () => {
    const { status, text } = await readiness(admin);
    return status === 503 && text.includes(`shard ${HUNG} is hung: it has not answered for`);
  });
}

/** Requests that need the shard are refused at once, all others are served. */
async function expectFastRefusal(acme: Client): Promise<void> {
  const answers = Array.from({ length: 3 }, () => acme.send("GET", `/v1/accounts/${idOn(HUNG, "b")}`));
  for (const answer of await within(2_000, "it is refused, not kept waiting", Promise.all(answers))) {
    expect(answer.status).toBe(503);
    expect(codeOf(answer)).toBe("log_unavailable");
  }
  expect((await acme.send("GET", `/v1/accounts/${idOn(0, "a")}`)).status).toBe(200);
}

async function expectRestart(admin: Client, acme: Client): Promise<void> {
  await until("it is started anew", async () => (await shardsOf(admin))[HUNG]?.restarts === 1, 40_000);
  await waitUntilReady(admin, 40_000);
  expect((await acme.send("GET", `/v1/accounts/${idOn(HUNG, "b")}`)).status).toBe(200);
  const metrics = (await admin.send("GET", "/metrics")).text;
  expect(metrics).toContain(`daybook_shard_hangs_total{shard="${HUNG}"} 1`);
  expect(metrics).toContain(`daybook_shard_hung{shard="${HUNG}"} 0`);
}

async function pidOf(admin: Client): Promise<number> {
  return (await shardsOf(admin))[HUNG]?.pid as number;
}

/** From the shard that hangs to the other one. */
const TRANSFER = { debit_account: idOn(HUNG, "b"), credit_account: idOn(0, "a"), amount: 1 };

async function expectUnknownThenServed(acme: Client, admin: Client, lost: Promise<Answer>): Promise<void> {
  await isHung(admin);
  await expectFastRefusal(acme);
  expect(codeOf(await within(40_000, "it is answered", lost))).toBe("outcome_unknown");
  await expectRestart(admin, acme);
  expect(codeOf(await acme.send("POST", "/v1/transfers", TRANSFER))).toBe("insufficient_funds");
}

test("a shard in an endless loop is not ready, its requests are refused at once, and it is restarted", async () => {
  // The failpoint: the first transfer to another shard loops forever.
  const { admin, acme } = await serverWith({ FAILPOINTS: `${HUNG}:before_ask@1!` });
  await open(acme, idOn(0, "a"));
  await open(acme, idOn(HUNG, "b"));
  await expectUnknownThenServed(acme, admin, acme.send("POST", "/v1/transfers", TRANSFER));
});

test("a shard whose process is stopped is killed and restarted, and leaves no process behind", async () => {
  const { admin, acme } = await serverWith({ ISOLATION: "processes" });
  await open(acme, idOn(0, "a"));
  await open(acme, idOn(HUNG, "b"));
  const pid = await pidOf(admin);
  process.kill(pid, "SIGSTOP");
  await expectUnknownThenServed(acme, admin, acme.send("POST", "/v1/transfers", TRANSFER));
  expect(isAlive(pid)).toBe(false);
});

test("a restart by the operator kills a hung shard at once, and a server that stops leaves none behind", async () => {
  const { server, admin, acme } = await serverWith({ ISOLATION: "processes" });
  await open(acme, idOn(HUNG, "b"));
  const halted = await pidOf(admin);
  process.kill(halted, "SIGSTOP");
  await isHung(admin);
  expect((await admin.send("POST", `/v1/admin/shards/${HUNG}/restart`)).status).toBe(202);
  await until("it is gone", () => !isAlive(halted));
  await expectRestart(admin, acme);

  const again = await pidOf(admin);
  process.kill(again, "SIGSTOP");
  server.signal("SIGTERM");
  await within(30_000, "the server ends", server.exited);
  expect(isAlive(again)).toBe(false);
});

test("a hung shard that continues in time has lost nothing, and a main thread that was stopped kills no shard", async () => {
  const { server, admin, acme } = await serverWith({ ISOLATION: "processes" });
  await open(acme, idOn(HUNG, "b"));
  const pid = await pidOf(admin);
  process.kill(pid, "SIGSTOP");
  await isHung(admin);
  process.kill(pid, "SIGCONT");
  await waitUntilReady(admin);
  await halt(server, 12_000);
  await waitUntilReady(admin);
  expect((await shardsOf(admin)).map(({ restarts }) => restarts)).toEqual([0, 0]);
  expect(await pidOf(admin)).toBe(pid);
});

/** Longer than a shard may be silent. */
async function halt(server: ServerProcess, ms: number): Promise<void> {
  server.signal("SIGSTOP");
  const beforeMs = performance.now();
  await until("it was halted for long", () => performance.now() - beforeMs > ms);
  server.signal("SIGCONT");
}

async function withSigns() {
  const signs = testFolder();
  const preloaded = { MORTAL_GATEWAYS: signs, NODE_OPTIONS: `--import=${MORTAL_GATEWAYS}` };
  const made = await serverWith({ GATEWAYS: "2", ...preloaded });
  return { ...made, hang: (thread: string) => writeFileSync(join(signs, `hang-${thread}`), "") };
}

test("a gateway thread that hangs is named by /readyz, and restarted", async () => {
  const { server, hang } = await withSigns();
  hang("gateway-1");
  // Each on its own connection: the system assigns some of them to the hung gateway.
  const ask = <T>(answer: (admin: Client) => Promise<T>) =>
    within(3_000, "an answer", Promise.any(Array.from({ length: 10 }, () => answer(operator(server)))));
  await until("/readyz names it", async () =>
    (await ask(readiness)).text.includes("gateway 1 is hung: it has not answered for"),
  );
  await until(
    "it is started anew",
    async () =>
      (await ask((admin) => admin.send("GET", "/metrics"))).text.includes(
        'daybook_gateway_restarts_total{gateway="1"} 1',
      ),
    40_000,
  );
  await until("the server is ready", async () => (await ask(readiness)).status === 200, 40_000);
});

test("an archive whose thread hangs is named by /readyz, and requests that need it are refused", async () => {
  const { admin, acme, hang } = await withSigns();
  const id = idOn(0, "a");
  await open(acme, id);
  hang("archive");
  await until(
    "/readyz names it",
    async () => (await readiness(admin)).text.includes("the archive is hung: it has not answered for"),
    40_000,
  );
  const statement = await within(15_000, "an answer", acme.send("GET", `/v1/accounts/${id}/entries`));
  expect([statement.status, codeOf(statement)]).toEqual([503, "log_unavailable"]);
  expect((await acme.send("GET", `/v1/accounts/${id}`)).status).toBe(200);
});
