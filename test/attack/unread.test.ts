/** Clients that do not read their answers are bounded in bytes, in time and in pipelined requests. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Connections, STALL_MS_MAX, UNBOUNDED, UNREAD_BYTES_MAX } from "../../src/http/server/connections.ts";
import { until } from "../support/until.ts";
import { MIB, RawSocket } from "./raw.ts";

/** More than the kernel buffers of one unread answer. */
const ANSWER_BYTES = 16 * MIB;
const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

type Answering = Readonly<{ url: string; connections: Connections; server: Server }>;

async function answering(answer: (outgoing: ServerResponse) => void): Promise<Answering> {
  const server = createServer((_incoming, outgoing) => {
    const before = newest.get(outgoing.req.socket);
    newest.set(outgoing.req.socket, outgoing);
    if (before === undefined || before.writableFinished) answer(outgoing);
    else connections.pipeline(before, outgoing, () => answer(outgoing));
  });
  const newest = new WeakMap<object, ServerResponse>();
  const connections = new Connections(server, { bounds: UNBOUNDED, refusal: () => "", report: () => {} });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connections, server };
}

test("a client that reads nothing is eventually cut off, and one that reads slowly is not", async () => {
  let answered = 0;
  const body = Buffer.alloc(ANSWER_BYTES, "x");
  const { url, connections } = await answering((outgoing) => {
    answered += 1;
    outgoing.end(body);
  });
  const deaf = new RawSocket(url).write(GET);
  const slow = new RawSocket(url).write(GET);
  await until("both are answered", () => answered === 2);
  for (let nowMs = 0; nowMs < STALL_MS_MAX; nowMs += 1_000) {
    const before = slow.socket.bytesRead;
    slow.socket.resume();
    await until(
      "some of it is read",
      () => slow.socket.bytesRead > before + 64 * 1024 || slow.socket.bytesRead >= ANSWER_BYTES,
    );
    slow.socket.pause();
    connections.sweep(nowMs);
  }
  expect(connections.size).toBe(2);
  connections.sweep(STALL_MS_MAX);
  await until("one is left", () => connections.size === 1);
  deaf.socket.resume();
  await deaf.closed;
  slow.socket.resume();
  await until("the slow one has all of it", () => slow.socket.bytesRead > ANSWER_BYTES);
});

test("if many clients read nothing, they are cut off until the unread total is bounded", async () => {
  let answered = 0;
  const body = Buffer.alloc(ANSWER_BYTES, "x");
  const { url, connections } = await answering((outgoing) => {
    answered += 1;
    outgoing.end(body);
  });
  const clients = 12;
  for (let i = 0; i < clients; i++) new RawSocket(url).write(GET);
  await until("all are answered", () => answered === clients);
  connections.sweep(0);
  connections.sweep(500);
  expect(connections.size).toBe(clients);
  connections.sweep(1_000);
  await until("some are gone", () => connections.size * ANSWER_BYTES < UNREAD_BYTES_MAX + 4 * ANSWER_BYTES);
  expect(connections.size).toBeGreaterThan(0);
});

test("of a thousand pipelined requests sixteen are processed at once, and all answers come in order", async () => {
  const inFlight: ServerResponse[] = [];
  let started = 0;
  const { url } = await answering((outgoing) => {
    started += 1;
    inFlight.push(outgoing);
  });
  const client = new RawSocket(url).read();
  client.write(GET.repeat(1_000));
  await until("some are in flight", () => started >= 16);
  expect(started).toBe(16);
  let no = 0;
  while (no < 1_000) {
    await until("another is in flight", () => inFlight.length > 0);
    inFlight.shift()?.end(`<${no++}>`);
  }
  await until("all are answered", () => client.text.includes("<999>"));
  const order = [...client.text.matchAll(/<(\d+)>/g)].map(([, each]) => Number(each));
  expect(order).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
});

test("pipelined requests of a client that has gone are not started", async () => {
  const inFlight: ServerResponse[] = [];
  let started = 0;
  const { url, connections } = await answering((outgoing) => {
    started += 1;
    inFlight.push(outgoing);
  });
  const client = new RawSocket(url).write(GET.repeat(100));
  await until("some are in flight", () => started >= 16);
  client.socket.resetAndDestroy();
  await until("it is gone", () => connections.size === 0);
  for (const outgoing of inFlight) outgoing.end("x");
  await new Promise((resolve) => setImmediate(resolve));
  expect(started).toBe(16);
});
