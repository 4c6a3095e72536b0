/**
 * Requests in flight are answered before unparsable data behind them, and nothing gets into the middle of an answer.
 */

import { connect } from "node:net";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { startTestServer } from "../integration/programmes/test-server.ts";
import { Client, makePartner, operator, sendUntilDone, shardsOf, within } from "../support/server.ts";
import { until } from "../support/until.ts";
import { RawSocket, wire } from "./raw.ts";

const house = startTestServer({ SHARDS: "2" });
let key: string;
let acme: Client;

beforeAll(async () => {
  key = await makePartner(operator(house.server));
  acme = new Client(house.server.url, key);
  await sendUntilDone(acme, "/v1/accounts", { id: "alice", asset: "PTS/0" });
});

const PAY = { debit_account: "@issuance", credit_account: "alice", amount: 1 };
const GARBAGE = "\x00\x01 not a request\r\n\r\n";
const pay = () => wire("POST", "/v1/transfers", key, PAY);

async function balance(): Promise<number> {
  return (await acme.get<{ posted: number }>("/v1/accounts/alice")).posted;
}

async function positions(): Promise<readonly string[]> {
  return (await shardsOf(operator(house.server))).map(({ position }) => position);
}

/** All answers on a connection to these pieces, until the server closes it. */
async function exchangeRaw(...pieces: readonly string[]): Promise<RawSocket> {
  const socket = await new RawSocket(house.server.url).read().opened();
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await socket.closed;
  return socket;
}

test.each([
  ["in one piece", (text: string) => [text]],
  ["byte by byte", (text: string) => text.split("")],
])("one POST and garbage, %s: 201, then 400", async (_, cut) => {
  const before = await balance();
  const { statuses, text } = await exchangeRaw(...cut(pay() + GARBAGE));
  expect(statuses).toEqual(["201", "400"]);
  expect(text.indexOf('"validation_failed"')).toBeGreaterThan(text.indexOf('"balances"'));
  expect(await balance()).toBe(before + 1);
});

test("two pipelined POSTs, garbage, and a third POST: 201, 201, 400, and no more", async () => {
  const before = await balance();
  const { statuses } = await exchangeRaw(pay() + pay() + GARBAGE + pay());
  expect(statuses).toEqual(["201", "201", "400"]);
  expect(await balance()).toBe(before + 2);
});

test("forty pipelined POSTs, more than are processed at once, and garbage: forty answers, then 400", async () => {
  const before = await balance();
  const { statuses } = await exchangeRaw(pay().repeat(40) + GARBAGE);
  expect(statuses).toEqual([...Array.from({ length: 40 }, () => "201"), "400"]);
  expect(await balance()).toBe(before + 40);
});

test.each([
  ["a header that is too long", `GET / HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "431"],
  [
    "a length and chunks",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "400",
  ],
  ["garbage twice", GARBAGE + GARBAGE, "400"],
  ["a CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n", "405"],
  ["an expectation", "GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", "417"],
  ["a missing Host header", "GET / HTTP/1.1\r\n\r\n", "400"],
])("a POST and %s: its own answer comes first", async (_, behind, status) => {
  const { statuses } = await exchangeRaw(pay() + behind);
  expect(statuses).toEqual(["201", status]);
});

test("a CONNECT behind a POST, from clients that disconnect before an answer, stops nothing", async () => {
  const tunnel = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n";
  for (let round = 0; round < 50; round++) {
    const socket = await new RawSocket(house.server.url).opened();
    socket.write(pay() + tunnel);
    setImmediate(() => socket.socket.resetAndDestroy());
    await within(5_000, "the client is gone", socket.closed);
  }
  expect((await exchangeRaw(pay() + GARBAGE)).statuses).toEqual(["201", "400"]);
  expect(house.server.errorLines).toEqual([]);
});

test.each([
  ["CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n", "405"],
  ["garbage", GARBAGE, "400"],
])("a client that does not close its side after %s is cut off", async (_, text, status) => {
  const { hostname, port } = new URL(house.server.url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  let received = "";
  socket.setEncoding("latin1").on("data", (piece: string) => {
    received += piece;
  });
  const isReset = new Promise<boolean>((resolve) => {
    socket.on("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code === "ECONNRESET" || code === "EPIPE"),
    );
  });
  socket.write(text);
  await until("the last answer is here", () => socket.readableEnded);
  expect(received).toContain(`HTTP/1.1 ${status}`);
  const writes = setInterval(() => socket.write("x"), 50);
  expect(await within(10_000, "the server gives the connection up", isReset)).toBe(true);
  clearInterval(writes);
});

test.each([
  ["a missing Host header", "GET /healthz HTTP/1.1\r\n\r\n", "400"],
  ["an expectation", "GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", "417"],
])(
  "POSTs behind a request with %s, which ends the connection, are not executed",
  async (_, first, status) => {
    const before = await positions();
    const { statuses } = await exchangeRaw(first + pay() + pay());
    expect(statuses).toEqual([status]);
    expect(await positions()).toEqual(before);
  },
);

test("a POST whose chunks end in garbage is refused and not executed", async () => {
  const before = await positions();
  const head = wire("POST", "/v1/transfers", key).replace("\r\n\r\n", "\r\n");
  const chunked = `${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"deb\r\nzz\r\n`;
  const { statuses } = await exchangeRaw(chunked);
  expect(statuses).toEqual(["400"]);
  expect(await positions()).toEqual(before);
});

test("the answer to garbage behind a streamed report does not get between its rows", async () => {
  expect((await acme.send("POST", "/v1/segments", { slug: "VIP" })).status).toBe(201);
  const users = Array.from({ length: 300 }, (_, i) => `user-${i}`);
  await Promise.all(
    users.map(async (id) => {
      expect((await sendUntilDone(acme, "/v1/users", { id })).status).toBe(201);
      const { status, text } = await acme.send("PATCH", `/v1/users/${id}/segments`, { add: ["VIP"] });
      expect(status, text).toBe(200);
    }),
  );
  const now = new Date();
  const asked = { year: now.getUTCFullYear(), month: now.getUTCMonth() + 1 };
  const made = await acme.send("POST", "/v1/segment-reports", asked);
  expect(made.status, made.text).toBe(201);
  const path = new URL((JSON.parse(made.text) as { url: string }).url).pathname;
  const { statuses, text } = await exchangeRaw(wire("GET", path, "") + GARBAGE);
  expect(statuses).toEqual(["200", "400"]);
  const [, chunks = "", rest = ""] = /\r\n\r\n([^]*\r\n0\r\n\r\n)(HTTP\/1\.1 400 [^]*)$/.exec(text) ?? [];
  expect(chunks.match(/user-\d+/g)).toHaveLength(users.length);
  expect(rest).toContain('"validation_failed"');
});

test("a request behind a streamed report is answered after it", async () => {
  onTestFinished(() => acme.close());
  const socket = await new RawSocket(house.server.url).read().opened();
  socket.write(wire("GET", "/docs/swagger-ui-bundle.js", "") + pay());
  await until("both are answered", () => socket.statuses.length === 2 && socket.text.includes('"balances"'));
  expect(socket.statuses).toEqual(["200", "201"]);
});

test("a client that reads slowly gets all of a large answer, also when the request behind it ends the connection", async () => {
  const large = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
  const noHost = "POST /v1/transfers HTTP/1.1\r\nContent-Length: 1000\r\n\r\n";
  for (let round = 0; round < 5; round++) {
    const socket = await new RawSocket(house.server.url).opened();
    socket.write(large.repeat(4) + noHost);
    // The rest of the body comes while the server holds answers that its client has not read.
    for (let piece = 0; piece < 10; piece++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.write("x".repeat(100));
    }
    socket.read();
    await within(20_000, "the server closes", socket.closed);
    expect(socket.statuses).toEqual(["200", "200", "200", "200", "400"]);
  }
});

const openApi = (headers: string) => `GET /openapi.json HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;

test("100 Continue does not get into the middle of an answer", async () => {
  const { text } = await exchangeRaw(
    openApi("") + openApi("Expect: 100-continue\r\n") + openApi("Connection: close\r\n"),
  );
  const answers = text.split(/(?=HTTP\/1\.1 \d)/).filter((part) => !part.startsWith("HTTP/1.1 100"));
  expect(answers.length).toBeGreaterThan(1);
  for (const answer of answers) {
    const [head = "", ...body] = answer.split("\r\n\r\n");
    expect(head).toContain(`\r\nContent-Length: ${body.join("\r\n\r\n").length}\r\n`);
  }
});

test("a pipelined request with Expect: 100-continue gets 100 Continue", async () => {
  const before = await balance();
  const head = wire("POST", "/v1/transfers", key, PAY).replace(
    "\r\n\r\n",
    "\r\nExpect: 100-continue\r\n\r\n",
  );
  const bodyStart = head.indexOf("\r\n\r\n") + 4;
  const socket = await new RawSocket(house.server.url).read().opened();
  socket.write(pay() + head.slice(0, bodyStart));
  await until("the body is asked for", () => socket.statuses.at(-1) === "100");
  socket.write(head.slice(bodyStart) + GARBAGE);
  await socket.closed;
  expect(socket.statuses).toEqual(["201", "100", "201", "400"]);
  expect(await balance()).toBe(before + 2);
});
