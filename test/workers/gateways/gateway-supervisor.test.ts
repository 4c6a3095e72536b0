import { EventEmitter, once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import type { KeyUse } from "../../../src/gateway/directory.ts";
import type { Operations } from "../../../src/gateway/ports.ts";
import type { ShardClient } from "../../../src/workers/carriers/channel-broker.ts";
import type {
  FromGatewayThread,
  GatewayInit,
  ToGatewayThread,
} from "../../../src/workers/gateways/gateway-messages.ts";
import { GatewaySupervisor } from "../../../src/workers/gateways/gateway-supervisor.ts";
import { within } from "../../support/server.ts";

const COUNTS = {
  durations: [{ group: "books", status: 200, counts: [2, 1], sumMs: 5 }],
  routes: [{ method: "GET", route: "/v1/books", status: 200, requests: 3 }],
  refusals: [{ reason: "overloaded", count: 1 }],
};

/** A simulated thread. */
class FakeThread {
  readonly gateway: number;
  readonly posted: ToGatewayThread[] = [];
  readonly #exited = Promise.withResolvers<string>();
  readonly #onMessage: (message: FromGatewayThread) => void;

  constructor(gateway: number, onMessage: (message: FromGatewayThread) => void) {
    this.gateway = gateway;
    this.#onMessage = onMessage;
  }

  get running() {
    return {
      post: (message: ToGatewayThread) => {
        this.posted.push(message);
        if (message.kind === "count")
          this.say({ kind: "counts", requestId: message.requestId, counts: COUNTS });
      },
      exited: this.#exited.promise,
      end: () => this.die("ended"),
    };
  }

  say(message: FromGatewayThread): void {
    this.#onMessage(message);
  }

  serve(): void {
    this.say({ kind: "started" });
    this.say({ kind: "serving" });
  }

  die(reason: string): void {
    this.#exited.resolve(reason);
  }
}

function supervise(gateways: number) {
  const threads: FakeThread[] = [];
  const started = new EventEmitter();
  const connected: ShardClient["party"][] = [];
  const logged: object[] = [];
  const log = (fields: object) => void logged.push(fields);
  const supervisor = new GatewaySupervisor({
    gateways,
    start: (gateway, _, onMessage) => {
      const thread = new FakeThread(gateway, onMessage);
      threads.push(thread);
      started.emit("thread", thread);
      return thread.running;
    },
    init: () => ({ archive: new MessageChannel().port1 }) as unknown as GatewayInit,
    shards: {
      connect: ({ party }) => void connected.push(party),
      disconnect: (party) => void connected.splice(connected.indexOf(party), 1),
    },
    operations: { shards: async () => [], restart: (shard: number) => shard === 0 } as unknown as Operations,
    directory: { usesSince: () => [], noteUses: (uses: readonly KeyUse[]) => uses },
    log: { info: log, warn: log, error: log },
  });
  onTestFinished(() => {
    const drained = supervisor.drain(0);
    for (const thread of threads) thread.die("the test is over");
    return drained;
  });
  const next = async () =>
    (await within(5_000, "a thread is started", once(started, "thread")))[0] as FakeThread;
  return { supervisor, threads, connected, logged, next };
}

test("a restarted gateway is a new party; the request counts of its predecessor are kept", async () => {
  const { supervisor, threads, connected, logged, next } = supervise(2);
  const ready = supervisor.start();
  for (const thread of threads) thread.serve();
  await ready;
  expect(connected).toEqual([
    { kind: "gateway", number: 1 },
    { kind: "gateway", number: 2 },
  ]);
  expect(await supervisor.requestCounts()).toMatchObject({
    durations: [{ counts: [4, 2], sumMs: 10 }],
    routes: [{ requests: 6 }],
    refusals: [{ count: 2 }],
  });

  threads[0]?.die("a bug");
  const again = await next();
  expect(logged).toContainEqual({ gateway: 1, reason: "a bug" });
  expect(connected).toEqual([{ kind: "gateway", number: 2 }]);
  expect(supervisor.statuses[0]).toEqual({ gateway: 1, serves: false, isSilent: false, restarts: 1 });
  expect(again.gateway).toBe(1);
  again.serve();
  expect(connected).toContainEqual({ kind: "gateway", number: 3 });
  expect(supervisor.statuses[0]).toEqual({ gateway: 1, serves: true, isSilent: false, restarts: 1 });
  expect(await supervisor.requestCounts()).toMatchObject({ durations: [{ counts: [6, 3], sumMs: 15 }] });
});

test("if a gateway cannot start, the server does not start, and reports the reason", async () => {
  const { supervisor, threads } = supervise(2);
  const ready = supervisor.start();
  threads[0]?.serve();
  threads[1]?.say({ kind: "failed", message: "no such port" });
  await expect(ready).rejects.toThrow("gateway 2 cannot begin: no such port");
});

test("a gateway alone gets the answer to its request, and its key uses are passed to the others", async () => {
  const { supervisor, threads } = supervise(2);
  const ready = supervisor.start();
  for (const thread of threads) thread.serve();
  await ready;
  const [one, two] = threads as [FakeThread, FakeThread];
  one.say({ kind: "ask", requestId: 5, question: { restart: 0 } });
  one.say({ kind: "uses", uses: [{ keyId: "k", atMs: 3 }] });
  await Promise.resolve();
  expect(one.posted.slice(1)).toEqual([{ kind: "answer", requestId: 5, answer: true }]);
  expect(two.posted.slice(1)).toEqual([{ kind: "uses", uses: [{ keyId: "k", atMs: 3 }] }]);
});

test("draining waits for all gateways but those that die, and restarts none", async () => {
  const { supervisor, threads } = supervise(3);
  const ready = supervisor.start();
  for (const thread of threads) thread.serve();
  await ready;
  const drained = supervisor.drain(60_000);
  const [one, two, three] = threads as [FakeThread, FakeThread, FakeThread];
  expect(one.posted).toContainEqual({ kind: "drain", msMax: 60_000 });
  one.say({ kind: "drained" });
  two.die("a bug");
  three.say({ kind: "drained" });
  await within(1_000, "all are drained", drained);
  expect(threads.length).toBe(3);
});
