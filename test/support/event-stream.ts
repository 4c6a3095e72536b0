/** A client of `GET /v1/events`: pages of the list, and the stream of server-sent events. */
import { get } from "node:http";
import type { Client } from "./client.ts";

export type FeedEvent = Readonly<{
  id: string;
  type: string;
  at: string;
  subject: string;
  position: string;
  data: Readonly<Record<string, unknown>>;
}>;
type EventsPage = Readonly<{ data: readonly FeedEvent[]; next_cursor: string | null }>;

/** All events after `after`, page by page. @param path with a query, without `after` */
export async function readFeed(client: Client, path: string, after?: string): Promise<readonly FeedEvent[]> {
  const events: FeedEvent[] = [];
  for await (const page of pagesOfFeed(client, path, after)) events.push(...page);
  return events;
}

/** The pages of the list. @param path with a query, without `after` */
export async function* pagesOfFeed(
  client: Client,
  path: string,
  after?: string,
): AsyncGenerator<readonly FeedEvent[]> {
  for (let cursor: string | null | undefined = after; cursor !== null; ) {
    const from: string = cursor === undefined ? "" : `&after=${cursor}`;
    const page: EventsPage = await client.get(`${path}${from}`);
    yield page.data;
    cursor = page.next_cursor;
  }
}

type FollowOptions = Readonly<{
  /** With the path of the feed. */
  url: string;
  key: string;
  lastEventId?: string | undefined;
  receive: (event: FeedEvent) => void;
}>;

/** One connection to the stream. */
export class EventStream {
  /** That of the newest event or heartbeat: enough to continue. */
  lastId: string | undefined;
  /** 0 until the server has answered. */
  status = 0;
  /** Resolves when the connection has ended, however it did. */
  readonly ended: Promise<void>;
  /** Messages whose fields do not agree with each other. */
  readonly faults: string[] = [];
  readonly #receive: FollowOptions["receive"];
  readonly #end: () => void;
  #text = "";

  constructor({ url, key, lastEventId, receive }: FollowOptions) {
    this.lastId = lastEventId;
    this.#receive = receive;
    const headers = {
      authorization: `Bearer ${key}`,
      accept: "text/event-stream",
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    };
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    const request = get(url, { headers }, (response) => {
      this.status = response.statusCode ?? 0;
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => this.#read(chunk));
      response.on("error", () => {});
      response.on("close", resolve);
    });
    request.on("error", () => resolve());
    this.#end = () => void request.destroy();
  }

  end(): void {
    this.#end();
  }

  #read(chunk: string): void {
    const blocks = (this.#text + chunk).split("\n\n");
    this.#text = blocks.pop() ?? "";
    for (const block of blocks) this.#readMessage(block);
  }

  #readMessage(block: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
    this.lastId = field("id") ?? this.lastId;
    const data = field("data");
    if (data === undefined) return;
    const event = JSON.parse(data) as FeedEvent;
    if (field("id") !== event.id || field("event") !== event.type) this.faults.push(block);
    this.#receive(event);
  }
}
