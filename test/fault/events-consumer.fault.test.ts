/**
 * A consumer of the stream of events, which reconnects at random points while shards, Redis and the server are killed
 * under load: it sees every event once, in the order of the list.
 */
import { expect, onTestFinished, test } from "vitest";
import { EventStream, type FeedEvent, readFeed } from "../support/event-stream.ts";
import { Load } from "../support/load.ts";
import { Random } from "../support/random.ts";
import {
  Client,
  makePartner,
  operator,
  shardsOf,
  testFolder,
  testRedis,
  testServer,
  waitUntilReady,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const SHARDS = 2;
/** Events after which the consumer hangs up by itself, at most. */
const EVENTS_MAX = 80;
const RETRY_MS = 20;

/** Reads the stream; after each connection it continues with the last id that it has seen, of an event or a heartbeat. */
class Consumer {
  readonly events: FeedEvent[] = [];
  readonly faults: string[] = [];
  connections = 0;
  /** Of the server that runs now. */
  url: string;
  readonly #key: string;
  readonly #random = new Random(7);
  #stream: EventStream | undefined;
  #isStopping = false;

  constructor(url: string, key: string) {
    this.url = url;
    this.#key = key;
  }

  async run(after: string): Promise<void> {
    let lastEventId = after;
    while (!this.#isStopping) {
      let left = 1 + this.#random.below(EVENTS_MAX);
      const stream: EventStream = new EventStream({
        url: `${this.url}/v1/events`,
        key: this.#key,
        lastEventId,
        receive: (event) => {
          // What came in the same packet is read again: it was not consumed.
          if (left === 0) return;
          left -= 1;
          this.events.push(event);
          lastEventId = event.id;
          if (left === 0) stream.end();
        },
      });
      this.#stream = stream;
      await stream.ended;
      this.connections += 1;
      if (left > 0) lastEventId = stream.lastId ?? lastEventId;
      this.faults.push(...stream.faults);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  stop(): void {
    this.#isStopping = true;
    this.#stream?.end();
  }
}

/** What the events must say about the transfers of a load: by key, once for each that was decided. */
function impliedBy({ operations, accepted }: Load): Readonly<Record<string, readonly string[]>> {
  const rejected = operations.filter(({ verdict }) => verdict.is === "rejected");
  const received = accepted.filter(({ debit }) => !debit.startsWith("@"));
  return {
    "transfer.posted": accepted.map(({ key }) => key).toSorted(),
    "transfer.received": received.map(({ key }) => key).toSorted(),
    "transfer.failed": rejected.map(({ key }) => key).toSorted(),
  };
}

function keysIn(events: readonly FeedEvent[]): Readonly<Record<string, readonly string[]>> {
  const keysOf = (type: string) =>
    events.flatMap(({ type: each, data }) => (each === type ? [String(data["memo"])] : [])).toSorted();
  return Object.fromEntries(
    ["transfer.posted", "transfer.received", "transfer.failed"].map((type) => [type, keysOf(type)]),
  );
}

test.each(["threads", "processes"])(
  "a consumer sees every event once, in order, while shards, Redis and the server are killed (%s)",
  async (isolation) => {
    const redis = await testRedis();
    const settings = {
      DATA_DIR: testFolder(),
      WAL_URL: redis.url,
      SHARDS: String(SHARDS),
      ISOLATION: isolation,
    };
    let server = await testServer(settings);
    const key = await makePartner(operator(server));
    const load = new Load({ partnerKey: key, acrossShards: SHARDS });
    await load.open(server.url);
    const client = new Client(server.url, key);
    const [first] = await readFeed(client, "/v1/events?limit=1");
    client.close();
    const consumer = new Consumer(server.url, key);
    const running = consumer.run(first?.id ?? "");
    onTestFinished(() => consumer.stop());
    load.begin(server.url);
    await load.moreAcknowledged(150);

    const [, shard] = await shardsOf(operator(server));
    if (isolation === "processes") process.kill(shard?.pid ?? -1, "SIGKILL");
    else await operator(server).send("POST", "/v1/admin/shards/1/restart");
    await until(
      "the shard has restarted",
      async () => ((await shardsOf(operator(server)))[1]?.restarts ?? 0) > 0,
    );
    await waitUntilReady(operator(server));
    await load.moreAcknowledged(100);

    await redis.kill();
    await redis.restart();
    await waitUntilReady(operator(server));
    await load.moreAcknowledged(100);

    await server.kill();
    await load.stop();
    server = await testServer(settings);
    consumer.url = server.url;
    load.begin(server.url);
    await load.moreAcknowledged(100);
    await load.stop();
    await load.settle(server.url);

    const reader = new Client(server.url, key);
    const [oldest, ...listed] = await readFeed(reader, "/v1/events?limit=500");
    reader.close();
    expect(oldest).toEqual(first);
    await until("the consumer has the last event", () => consumer.events.at(-1)?.id === listed.at(-1)?.id);
    consumer.stop();
    await running;
    expect(consumer.events).toEqual(listed);
    expect(new Set(listed.map(({ id }) => id)).size).toBe(listed.length);
    expect(keysIn(listed)).toEqual(impliedBy(load));
    expect(consumer.faults).toEqual([]);
    expect(consumer.connections).toBeGreaterThan(5);
    await checkBooks(server.url, load);
  },
);
