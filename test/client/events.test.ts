/** The client's stream of events: over restarts of a real server, and with servers and networks that fail. */
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  createDaybook,
  type DaybookError,
  type EventsOptions,
  type FeedEvent,
} from "../../clients/typescript/src/index.ts";
import { type Message, MessageReader } from "../../clients/typescript/src/server-sent-events.ts";
import { OPERATOR_KEY, testFolder, testServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { cut, fakeServer, freePort, json, makeKey, problem, type Reply } from "./daybooks.ts";

/** Follows in the background, until the test ends or `stop` is called. */
function follow(url: string, key: string, options: EventsOptions = {}) {
  const stop = new AbortController();
  const events: FeedEvent[] = [];
  const reasons: DaybookError[] = [];
  const onReconnect = (reason: DaybookError) => void reasons.push(reason);
  const daybook = createDaybook({ url, key });
  const ended = (async () => {
    for await (const event of daybook.events({ ...options, signal: stop.signal, onReconnect }))
      events.push(event);
  })();
  const outcome = ended.then(
    () => "ended" as const,
    (error: unknown) => error,
  );
  onTestFinished(() => stop.abort());
  return { events, reasons, outcome, stop: () => stop.abort() };
}

test("a stream continues after the last event when the server is killed and started again", async () => {
  const settings = { DATA_DIR: testFolder(), SHARDS: "1", PORT: String(await freePort()) };
  let server = await testServer(settings);
  const key = await makeKey(createDaybook({ url: server.url, key: OPERATOR_KEY }), "acme");
  const partner = createDaybook({ url: server.url, key });
  const open = (id: string) => partner.post("/v1/accounts", { body: { id, asset: "PTS/0" } });
  await open("before");
  const all = follow(server.url, key);
  const some = follow(server.url, key, { types: ["account.frozen"] });
  let made = 0;
  await until("the stream has begun", async () => {
    await open(`first-${made++}`);
    return all.events.length > 2;
  });
  const seen = all.events[0]?.subject ?? "";
  for (let round = 0; round < 2; round++) {
    await server.kill();
    await until("the stream has noticed it", () => all.reasons.length > round && some.reasons.length > round);
    server = await testServer(settings);
    for (let i = 0; i < 5; i++) await open(`round-${round}-${i}`);
  }
  await partner.post("/v1/accounts/{id}/freeze", { path: { id: "before" } });
  await until("all have come", () => all.events.at(-1)?.type === "account.frozen" && some.events.length > 0);
  const listed: string[] = [];
  for await (const { id } of partner.items("/v1/events")) listed.push(id);
  const from = all.events[0]?.id ?? "";
  expect(seen).toMatch(/^first-/);
  expect(all.events.map(({ id }) => id)).toEqual(listed.slice(listed.indexOf(from)));
  expect(some.events.map(({ subject }) => subject)).toEqual(["before"]);
  all.stop();
  some.stop();
  expect(await Promise.all([all.outcome, some.outcome])).toEqual(["ended", "ended"]);
  const resumed = follow(server.url, key, { after: from });
  await until("it has resumed", () => resumed.events.length === all.events.length - 1);
});

const message = (id: string) => `id: ${id}\nevent: transfer.posted\ndata: {"id":"${id}"}\n\n`;
/** Answers with this text, and leaves the connection open. */
const stream =
  (text: string): Reply =>
  (response) =>
    void response.writeHead(200, { "Content-Type": "text/event-stream" }).write(text);
const ended =
  (text: string): Reply =>
  (response) =>
    void response.writeHead(200, { "Content-Type": "text/event-stream" }).end(text);
const cutAfter =
  (text: string): Reply =>
  (response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(text, () => response.destroy());
  };

/** A server of streams that keeps the ids which clients want to go on from. */
async function streams(...replies: readonly Reply[]) {
  const lastIds: (string | undefined)[] = [];
  const server = await fakeServer(
    ...replies.map(
      (reply): Reply =>
        (response, request) => {
          lastIds.push(request.headers["last-event-id"]?.toString());
          reply(response, request);
        },
    ),
  );
  return { ...server, lastIds };
}

test("it continues after the id of a heartbeat, of an event, and not of a message that is not whole", async () => {
  const server = await streams(
    ended(`: events follow\nid: e0\n\n${message("e1")}`),
    cutAfter(`: heartbeat\nid: e2\n\nid: e3\ndata: {"id"`),
    stream(message("e3")),
  );
  const { events } = follow(server.url, "k", {
    path: "/v1/wallet/events",
    types: ["wallet.received"],
    subject: "a/b",
  });
  await until("all have come", () => events.length === 2);
  expect(events.map(({ id }) => id)).toEqual(["e1", "e3"]);
  expect(server.lastIds).toEqual([undefined, "e1", "e2"]);
  expect(new Set(server.seen.map(({ url }) => url))).toEqual(
    new Set(["/v1/wallet/events?types=wallet.received&subject=a%2Fb"]),
  );
});

test("a silent connection is given up, and not one that is only slowly read", async () => {
  const server = await streams(stream(message("e1") + message("e2")), stream(message("e3")));
  const { events, reasons } = follow(server.url, "k", { silenceMs: 200 });
  await until("it has come back", () => events.length === 3);
  expect(reasons).toMatchObject([{ code: "no_answer", detail: "the server has sent nothing for 0.2 s" }]);

  const quick = await streams(stream(message("e1") + message("e2")));
  const slow = createDaybook({ url: quick.url }).events({ silenceMs: 50 });
  await slow.next();
  const beside = follow(quick.url, "k", { silenceMs: 50 });
  await until("one that is read has been given up meanwhile", () => beside.reasons.length > 0);
  const connections = quick.seen.length;
  expect((await slow.next()).value).toEqual({ id: "e2" });
  await slow.return();
  expect(connections).toBeLessThanOrEqual(2);
});

describe("what may pass is tried again:", () => {
  test.each([
    ["a cut connection", cut, "no_answer"],
    ["503", problem(503, "log_unavailable", true, { "Retry-After": "1" }), "log_unavailable"],
    ["a proxy's 502", json(502, {}), "unreadable_answer"],
    ["an answer that is no stream", json(200, { data: [] }), "no_answer"],
  ])("%s", async (_, reply, code) => {
    const server = await streams(reply, stream(message("e1")));
    const { events, reasons } = follow(server.url, "k", { after: "e0" });
    await until("it has come", () => events.length === 1);
    expect(reasons).toMatchObject([{ code }]);
    expect(server.lastIds).toEqual(["e0", "e0"]);
  });
});

test.each([
  ["unauthenticated", 401],
  ["events_expired", 410],
])("%s is thrown", async (code, status) => {
  const { url, seen } = await streams(problem(status, code, false));
  expect(await follow(url, "k").outcome).toMatchObject({ name: "DaybookError", code, status });
  expect(seen.length).toBe(1);
});

test("a connection that the caller leaves is closed", async () => {
  let isClosed = false;
  const { url } = await streams((response, request) => {
    response.on("close", () => {
      isClosed = true;
    });
    stream(message("e1"))(response, request);
  });
  for await (const { id } of createDaybook({ url }).events()) if (id === "e1") break;
  await until("it is closed", () => isClosed);
});

test("a signal and a silence end a stream and a call even if `fetch` takes no notice of them", async () => {
  let cancelled = 0;
  const body = () => new ReadableStream({ cancel: () => void cancelled++ });
  const headers = { "Content-Type": "text/event-stream" };
  const deaf = createDaybook({ url: "http://x", fetch: async () => new Response(body(), { headers }) });
  const stop = new AbortController();
  const onReconnect = () => stop.abort();
  for await (const _ of deaf.events({ signal: stop.signal, silenceMs: 20, onReconnect })) expect.fail();
  expect(cancelled).toBe(1);
  const other = new AbortController();
  const next = deaf.events({ signal: other.signal }).next();
  setImmediate(() => other.abort());
  expect(await next).toMatchObject({ done: true });
  const retry = { tryMs: 20, triesMax: 1 };
  const mute = createDaybook({ url: "http://x", retry, fetch: () => new Promise(() => {}) });
  await expect(mute.get("/v1/accounts")).rejects.toMatchObject({ code: "no_answer" });
});

test("messages are the same however their bytes are cut into pieces, and whichever line ends they have", async () => {
  const text = [
    ": events follow",
    "id: e1",
    "",
    "id: e2",
    "event: x",
    'data: {"a":"ü"}',
    "data:  b",
    "",
    ": only",
    "",
    "",
  ];
  const wanted: Message[] = [
    { id: "e1", data: undefined },
    { id: "e2", data: '{"a":"ü"}\n b' },
    { id: undefined, data: undefined },
  ];
  fc.assert(
    fc.property(fc.constantFrom("\n", "\r\n", "\r"), fc.array(fc.nat(100)), (end, cuts) => {
      const whole = text.join(end);
      const reader = new MessageReader();
      const places = [
        0,
        ...cuts.filter((place) => place < whole.length).toSorted((a, b) => a - b),
        whole.length,
      ];
      const read = places.slice(1).flatMap((end, index) => reader.read(whole.slice(places[index], end)));
      // A CR at the very end waits for its LF.
      expect([...read, ...reader.read("x")]).toEqual(wanted);
    }),
  );
});

test("a message without an end is given up", () => {
  const reader = new MessageReader();
  const megabyte = `data: ${"x".repeat(1_048_576)}\n`;
  expect(() => {
    for (let i = 0; i < 20; i++) reader.read(megabyte);
  }).toThrow("the server sent a message without an end");
});
