/** `daybook listen` and `daybook trigger` on real servers. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test } from "vitest";
import { type FeedEvent, readFeed } from "../../support/event-stream.ts";
import {
  Client,
  makePartner,
  OPERATOR_KEY,
  operator,
  type ServerProcess,
  testFolder,
  testServer,
} from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { CliProcess, daybook } from "../cli.ts";

type Received = Readonly<{ headers: IncomingHttpHeaders; body: string }>;

async function begun(settings: Readonly<Record<string, string>> = {}) {
  const server = await testServer({ DATA_DIR: testFolder(), SHARDS: "2", ...settings });
  const key = await makePartner(operator(server));
  const client = new Client(server.url, key);
  onTestFinished(() => client.close());
  return { server, key, client };
}

async function makeAccount(client: Client, id: string): Promise<void> {
  await client.ask("POST", "/v1/accounts", { id, asset: "USD/2" });
}

/** A listener that has received one event, so that it follows the stream. */
async function listening(
  server: ServerProcess,
  key: string,
  ...args: readonly string[]
): Promise<CliProcess> {
  const listener = new CliProcess(["listen", "--url", server.url, ...args], { PARTNER_KEY: key });
  const client = new Client(server.url, key);
  let made = 0;
  await until("it shows an event", async () => {
    await makeAccount(client, `first-${made++}`);
    return listener.stdout.includes("first-");
  });
  client.close();
  return listener;
}

function eventsIn({ stdout }: CliProcess): readonly FeedEvent[] {
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as FeedEvent);
}

/** A receiver on this machine that answers with these statuses in turn, and then with 204. */
async function receiver(statuses: readonly number[] = []) {
  const received: Received[] = [];
  const http = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      received.push({ headers: request.headers, body });
      response.writeHead(statuses[received.length - 1] ?? 204, { Location: "http://127.0.0.1:1/" }).end();
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void http.close());
  return { received, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/hook` };
}

async function freePort(): Promise<number> {
  const tcp = createTcpServer();
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const { port } = tcp.address() as AddressInfo;
  await new Promise<void>((resolve) => tcp.close(() => resolve()));
  return port;
}

test("listen shows events as a table, and not the key", async () => {
  const { server, key, client } = await begun();
  const listener = await listening(server, key);
  const move = { debit_account: "@in", credit_account: "first-0", amount: 30 };
  await client.ask("POST", "/v1/transfers", move);
  await until("the transfer is shown", () => listener.stdout.includes("transfer.posted"));
  const [header, ...lines] = listener.stdout.split("\n");
  expect(header).toMatch(/^time +type +subject +data$/);
  const shown = lines.find((line) => line.includes("transfer.posted"));
  expect(shown).toMatch(
    /^\d{4}-\S+Z {2}transfer\.posted +first-0 +@in → first-0 30, status posted, posted_amount 30, id tr_/,
  );
  listener.child.kill("SIGINT");
  expect((await listener.ended()).code).toBe(0);
  expect(listener.stdout + listener.stderr).not.toContain(key);
});

test("listen shows only the wanted types, from the event on that it is told", async () => {
  const { server, key, client } = await begun();
  for (const id of ["a", "b"]) await makeAccount(client, id);
  await client.ask("POST", "/v1/transfers", { debit_account: "@in", credit_account: "a", amount: 1 });
  const [first] = await readFeed(client, "/v1/events?limit=500");
  const args = ["--after", first?.id ?? "", "--types", "account.created"];
  const listener = new CliProcess(["listen", "--json", "--url", server.url, ...args], { PARTNER_KEY: key });
  await until("it shows b", () => listener.stdout.includes('"b"'));
  expect(eventsIn(listener).map(({ subject }) => subject)).toEqual(["b"]);
});

test("listen continues after the last event when the server is killed and started again", async () => {
  const settings = { DATA_DIR: testFolder(), PORT: String(await freePort()) };
  const { server, key, client } = await begun(settings);
  const listener = await listening(server, key, "--json");
  await server.kill();
  await until("it says so", () => listener.stderr.includes("trying again"));
  await testServer({ SHARDS: "2", ...settings });
  for (let i = 0; i < 5; i++) await makeAccount(client, `later-${i}`);
  await until("the later ones are shown", () => listener.stdout.includes("later-4"));
  expect(listener.stderr).toContain("the server answers again");
  const listed = await readFeed(client, "/v1/events?limit=500");
  expect(eventsIn(listener)).toEqual(listed.slice(-eventsIn(listener).length));
  expect(eventsIn(listener).length).toBeGreaterThan(5);
});

test.each([
  ["an unknown key", [], "a key that nobody has", "401 unauthenticated"],
  ["a wrong type", ["--types", "transfer.lost"], undefined, "transfer.lost is not a type of event"],
] as const)("listen ends with one line for %s", async (_, args, wrong, says) => {
  const { server, key } = await begun();
  const env = { PARTNER_KEY: wrong ?? key };
  const { code, stderr } = await daybook(["listen", "--url", server.url, ...args], env);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(says) });
  expect(stderr).not.toContain(env.PARTNER_KEY);
});

test("listen forwards events in order, signed as Standard Webhooks, and prints the receiver's status", async () => {
  const { server, key, client } = await begun();
  const { received, url } = await receiver([200, 500, 302]);
  const listener = await listening(server, key, "--forward-to", url);
  for (let i = 0; i < 5; i++) await makeAccount(client, `sent-${i}`);
  await until("all are forwarded", () => received.some(({ body }) => body.includes("sent-4")));
  const secret = /signed with (whsec_\S+)/.exec(listener.stderr)?.[1] ?? "";
  const webhook = new Webhook(secret);
  const ids = received.map(({ headers, body }) => {
    const signed = headers as Record<string, string>;
    expect(webhook.verify(body, signed)).toMatchObject({ id: signed["webhook-id"] });
    return signed["webhook-id"];
  });
  const listed = (await readFeed(client, "/v1/events?limit=500")).map(({ id }) => id);
  expect(ids).toEqual(listed.slice(-ids.length));
  await until("the statuses are shown", () => listener.stdout.includes("→ 302 in"));
  expect(listener.stdout).toMatch(/→ 200 in \d+ ms\n.*\n {2}→ 500 in/);
});

test("listen takes its secret, and goes on while nobody receives", async () => {
  const { server, key, client } = await begun();
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const nobody = `http://127.0.0.1:${await freePort()}/`;
  const listener = await listening(server, key, "--json", "--secret", secret, "--forward-to", nobody);
  await makeAccount(client, "further");
  await until("the next one is shown", () => listener.stdout.includes("further"));
  expect(listener.stderr).toMatch(/ev_\S+ → no answer: .*ECONNREFUSED/);
  expect(listener.stderr).not.toContain(secret);
});

test("trigger makes a sample of every type, prints its id, and leaves no key behind", async () => {
  const server = await testServer({ DATA_DIR: testFolder(), SHARDS: "2", TOPUP_OPERATOR: "simulated:" });
  const { lines: types } = await daybook(["trigger", "--list"]);
  expect(types.length).toBeGreaterThan(25);
  const ids = new Map<string, string>();
  for (const type of types) {
    const { code, lines, stderr } = await daybook(["trigger", type, "--url", server.url], { OPERATOR_KEY });
    expect({ type, code, stderr }).toEqual({ type, code: 0, stderr: "" });
    ids.set(type, lines[0] ?? "");
  }
  const admin = operator(server);
  const shown = new Map<string, string>();
  for (const partner of ["scratch", "house"]) {
    const path = `/v1/partners/${partner}/keys`;
    const keys = await admin.all<{ role: string }>(path);
    expect(keys.filter(({ role }) => role !== "seller")).toEqual([]);
    const { api_key } = await admin.ask<{ api_key: string }>("POST", path, { role: "read", name: "x" });
    const client = new Client(server.url, api_key);
    for (const { id, type } of await readFeed(client, "/v1/events?limit=500")) shown.set(id, type);
    client.close();
  }
  for (const [type, id] of ids) expect([type, shown.get(id)]).toEqual([type, type]);
  admin.close();
});
