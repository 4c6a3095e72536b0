import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { openLog } from "../../../src/http/log/request-log.ts";
import { type RunningServer, startServer } from "../../../src/http/server/server.ts";
import { createTestApp, type TestApp } from "../test-app.ts";

const TRANSFER = JSON.stringify({ debit_account: "@issuance", credit_account: "@reserve", amount: 5 });
const HEAD =
  "POST /v1/transfers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer acme-key\r\nContent-Type: application/json\r\n";
const running: RunningServer[] = [];
const silent = (): void => undefined;
const log = { info: silent, warn: silent, error: silent };

async function start(): Promise<TestApp & { server: RunningServer }> {
  const test = createTestApp();
  const server = await startServer(test.app, { host: "127.0.0.1", port: 0, log });
  running.push(server);
  return { ...test, server };
}

afterEach(async () => {
  for (const server of running.splice(0)) await server.close(0);
});

function open({ port }: RunningServer): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}

/** All text received, until `isEnough` or the end. */
function receive(socket: Socket, isEnough: (text: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
      if (isEnough(text)) resolve(text);
    });
    socket.on("close", () => resolve(text));
    socket.on("error", () => resolve(text));
  });
}

function whole(body: string): string {
  return `${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`;
}

const countOf = (text: string, part: string): number => text.split(part).length - 1;

/** Resolves once the app has `count` requests in flight. */
async function inFlight({ app }: TestApp, count: number): Promise<void> {
  while (app.inFlight() !== count) await new Promise((done) => setImmediate(done));
}

test("it answers over a socket as without one, and pipelined requests in order", async () => {
  const { server } = await start();
  const socket = await open(server);
  const answers = receive(socket, (text) => countOf(text, '"balances"') === 2);
  socket.write(`${whole(TRANSFER)}GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n${whole(TRANSFER)}`);
  const text = await answers;
  expect(text.match(/HTTP\/1.1 (\d+)/g)).toEqual(["HTTP/1.1 201", "HTTP/1.1 200", "HTTP/1.1 201"]);
  expect(countOf(text, "Daybook-Position: 0:1-")).toBe(2);
  socket.destroy();
});

test("an announced body of 10 MiB is refused unread, and one in chunks once it exceeds the limit", async () => {
  const { server, app } = await start();
  const announced = await open(server);
  const refused = receive(announced, (text) => text.includes("retryable"));
  announced.write(`${HEAD}Content-Length: ${10 * 1024 * 1024}\r\n\r\n{`);
  expect(await refused).toContain('"code":"body_too_large"');
  announced.destroy();

  const chunked = await open(server);
  const answer = receive(chunked, (text) => text.includes("retryable"));
  chunked.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
  const chunk = `10000\r\n${" ".repeat(65536)}\r\n`;
  for (let i = 0; i < 17; i++) chunked.write(chunk); // 17 of 160: the rest is never sent
  expect(await answer).toContain("HTTP/1.1 413");
  chunked.destroy();
  expect(app.inFlight()).toBe(0);
});

test("after the rest of a refused body the connection is used again; if the rest does not come, it ends", async () => {
  const { server } = await start();
  const body = " ".repeat(2 * 1024 * 1024);
  const [sent, kept] = await Promise.all([open(server), open(server)]);
  const both = receive(sent, (text) => text.includes('"id":"tr_'));
  const refused = receive(sent, (text) => text.includes("retryable"));
  sent.write(`${HEAD}Content-Length: ${body.length}\r\n\r\n{`);
  await refused;
  sent.write(body.slice(1) + whole(TRANSFER));
  expect(await both).toMatch(/HTTP\/1\.1 413[^]*HTTP\/1\.1 201/);
  sent.destroy();

  const never = receive(kept, () => false);
  kept.write(`${HEAD}Content-Length: ${body.length}\r\n\r\n{`);
  expect(await never).toMatch(/^HTTP\/1\.1 413/);
});

test("data that is not HTTP gets a problem, and the server keeps serving", async () => {
  const { server } = await start();
  for (const garbage of ["hello\r\n\r\n", `GET / HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`]) {
    const socket = await open(server);
    const answer = receive(socket, () => false);
    socket.write(garbage);
    expect(await answer).toMatch(/^HTTP\/1\.1 4(00|31) [^]*application\/problem\+json/);
  }
  const socket = await open(server);
  const answer = receive(socket, (text) => text.includes("}"));
  socket.write("GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n");
  expect(await answer).toMatch(/^HTTP\/1\.1 400 [^]*validation_failed/);
  socket.destroy();
});

test("clients that disconnect in their body or before the answer leave no state behind", async () => {
  const test = await start();
  const inBody = await open(test.server);
  inBody.write(`${HEAD}Content-Length: 100\r\n\r\n{`);
  await inFlight(test, 1);
  inBody.destroy();
  await inFlight(test, 0);
  expect(test.ledger.commands).toEqual([]);

  const { promise, resolve } = Promise.withResolvers<void>();
  test.ledger.faults.held = promise;
  const waiting = await open(test.server);
  waiting.write(whole(TRANSFER));
  await inFlight(test, 1);
  waiting.destroy();
  resolve();
  await inFlight(test, 0);
  expect(test.ledger.commands).toHaveLength(1);
  expect((await test.request("GET", "/healthz")).status).toBe(200);
});

test("the server's timer answers a request that takes too long", async () => {
  const test = await start();
  const { promise, resolve } = Promise.withResolvers<void>();
  test.ledger.faults.held = promise;
  const socket = await open(test.server);
  const answer = receive(socket, (text) => text.includes("retryable"));
  socket.write(whole(TRANSFER));
  await inFlight(test, 1);
  test.elapse(10_000);
  const text = await answer;
  expect(text).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n[^]*outcome_unknown/);
  resolve();
  socket.destroy();
});

test("close lets requests in flight finish, closes idle connections and accepts no new ones", async () => {
  const test = await start();
  const idle = await open(test.server);
  const idleText = receive(idle, () => false);
  const first = receive(idle, (text) => text.includes("alive"));
  idle.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  await first;
  const { promise, resolve } = Promise.withResolvers<void>();
  test.ledger.faults.held = promise;
  const agent = new Agent({ keepAlive: true });
  const answer = new Promise<IncomingMessage>((got, failed) => {
    const headers = { authorization: "Bearer acme-key", "content-type": "application/json" };
    const options = {
      port: test.server.port,
      host: "127.0.0.1",
      path: "/v1/transfers",
      method: "POST",
      headers,
      agent,
    };
    httpRequest(options, got).on("error", failed).end(TRANSFER);
  });
  await inFlight(test, 1);
  const closed = test.server.close(5_000);
  await idleText; // ended by the server
  await expect(open(test.server)).rejects.toThrow("ECONNREFUSED");
  resolve();
  const response = await answer;
  expect(response.statusCode).toBe(201);
  response.resume();
  expect(await closed).toBe(0);
  agent.destroy();
});

test("close cuts off requests at the deadline, and returns their number", async () => {
  const test = await start();
  const { promise, resolve } = Promise.withResolvers<void>();
  test.ledger.faults.held = promise;
  const socket = await open(test.server);
  const end = receive(socket, () => false);
  socket.write(whole(TRANSFER));
  await inFlight(test, 1);
  expect(await test.server.close(50)).toBe(1);
  expect(await end).toBe("");
  resolve();
});

test("a stream of events ends whole when the server drains", async () => {
  const test = await start();
  const socket = await open(test.server);
  const opened = receive(socket, (text) => text.includes(": events follow"));
  const end = receive(socket, () => false);
  socket.write(
    "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer acme-key\r\nAccept: text/event-stream\r\n\r\n",
  );
  expect(await opened).toContain("Content-Type: text/event-stream");
  expect(await test.server.close(60_000)).toBe(0);
  // The last chunk: the answer was not cut off.
  expect(await end).toMatch(/\r\n0\r\n\r\n$/);
});

test("a port in use is an error at start", async () => {
  const { server } = await start();
  const { app, ledger } = createTestApp();
  expect(ledger.commands).toEqual([]);
  await expect(startServer(app, { host: "127.0.0.1", port: server.port, log })).rejects.toThrow("EADDRINUSE");
});

test("closing the log writes what is buffered, in order", async () => {
  const folder = await mkdtemp(join(tmpdir(), "daybook-log-"));
  const destination = join(folder, "log");
  const { log: logger, lines, close } = openLog({ level: "info", destination });
  logger.info("first");
  lines?.write('{"msg":"second"}\n');
  logger.info("third");
  close();
  const messages = readFileSync(destination, "utf8").trim().split("\n");
  expect(messages.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    "first",
    "second",
    "third",
  ]);
  const quiet = openLog({ level: "warn", destination });
  expect(quiet.lines).toBeUndefined();
  quiet.close();
  await rm(folder, { recursive: true });
});
