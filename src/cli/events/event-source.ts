/** Follows a partner's events over the server's stream, and continues after the last one when the connection is lost. */
import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../errors/error-message.ts";
import { OperatorError } from "../errors.ts";

/** An event, and its JSON as the server sent it. */
export type ListenedEvent = Readonly<{
  id: string;
  type: string;
  at: string;
  subject: string;
  data: Readonly<Record<string, unknown>>;
  text: string;
}>;

export type FollowOptions = Readonly<{
  url: string;
  key: string;
  types?: string | undefined;
  /** Id of the event to continue after; without it, the events from now on. */
  after?: string | undefined;
  signal: AbortSignal;
  /** Called when the connection is lost, and when there is one again. */
  note: (text: string) => void;
}>;

/** The server sends a heartbeat every 15 s. */
const SILENCE_MS_MAX = 45_000;
const RETRY_MS = { min: 250, max: 15_000 } as const;
/** Far above one message of the server. */
const MESSAGE_CHARACTERS_MAX = 16 * 1024 * 1024;
/** The server is too busy, or away behind its proxy: asking again may help. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);
const EXPIRED = 410;

/**
 * Yields the events in order, each once, until `signal` ends it.
 *
 * @throws OperatorError the server refuses the key or the request, so that asking again would not help.
 */
export async function* followEvents(options: FollowOptions): AsyncGenerator<ListenedEvent> {
  const { signal, note } = options;
  let { after } = options;
  let failures = 0;
  let isAway = false;
  while (!signal.aborted) {
    const connection = new Connection(signal);
    try {
      for await (const message of messagesOf(await open(options, after, connection), connection)) {
        if (isAway) note("the server answers again");
        isAway = false;
        failures = 0;
        if (message.event !== undefined) yield message.event;
        after = message.id ?? after;
      }
    } catch (error) {
      if (error instanceof OperatorError) throw error;
      if (error instanceof Missed) {
        note(`events were missed, since they are not kept any more; goes on after ${error.oldest ?? "now"}`);
        after = error.oldest;
      }
      if (!isAway && !signal.aborted) note(`${reasonOf(error)}; trying again`);
      isAway = true;
    } finally {
      connection.end();
    }
    failures += 1;
    const waitMs = Math.min(RETRY_MS.max, RETRY_MS.min * 2 ** Math.min(failures, 10));
    await delay(randomInt(waitMs >> 1, waitMs), undefined, { signal }).catch(() => undefined);
  }
}

/** A connection to the server, which ends when the server is silent for too long. */
class Connection {
  readonly #abort = new AbortController();
  readonly signal: AbortSignal;

  constructor(stopped: AbortSignal) {
    this.signal = AbortSignal.any([stopped, this.#abort.signal]);
  }

  /** Waits for something from the server. */
  async within<T>(work: Promise<T>): Promise<T> {
    const silent = new Error(`the server has sent nothing for ${SILENCE_MS_MAX / 1000} s`);
    const timer = setTimeout(() => this.#abort.abort(silent), SILENCE_MS_MAX);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }

  end(): void {
    this.#abort.abort();
  }
}

/** The events after the last one are not kept any more. */
class Missed extends Error {
  readonly oldest: string | undefined;

  constructor(oldest: string | undefined) {
    super("the events are not kept any more");
    this.oldest = oldest;
  }
}

async function open(
  { url, key, types }: FollowOptions,
  after: string | undefined,
  connection: Connection,
): Promise<ReadableStream<Uint8Array>> {
  const query = types === undefined ? "" : `?types=${encodeURIComponent(types)}`;
  const headers = {
    Authorization: `Bearer ${key}`,
    Accept: "text/event-stream",
    ...(after !== undefined && { "Last-Event-ID": after }),
  };
  const { signal } = connection;
  const response = await connection.within(
    fetch(`${url}/v1/events${query}`, { headers, signal, redirect: "error" }),
  );
  if (response.status === 200 && response.body !== null) return response.body;
  const { status } = response;
  const problem = await problemOf(response);
  if (status === EXPIRED) throw new Missed(problem.oldest ?? undefined);
  const said = `the server answered ${status} ${problem.code ?? "no code"}: ${problem.detail ?? "no reason"}`;
  if (status < 500 && !PASSING.has(status)) throw new OperatorError(said);
  throw new Error(said);
}

type Problem = Readonly<{ code?: string; detail?: string; oldest?: string | null }>;

async function problemOf(response: Response): Promise<Problem> {
  try {
    // A proxy may answer with something else, of which no field is there.
    return (await response.json()) as Problem;
  } catch {
    return {};
  }
}

type Message = Readonly<{ id: string | undefined; event: ListenedEvent | undefined }>;

/** The messages of a stream of server-sent events, heartbeats included. */
async function* messagesOf(
  body: ReadableStream<Uint8Array>,
  connection: Connection,
): AsyncGenerator<Message> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = "";
  for (;;) {
    const { done, value } = await connection.within(reader.read());
    if (done) return;
    const blocks = (text + decoder.decode(value, { stream: true })).split("\n\n");
    text = blocks.pop() ?? "";
    if (text.length > MESSAGE_CHARACTERS_MAX) throw new Error("the server sent a message without an end");
    for (const block of blocks) yield messageIn(block);
  }
}

function messageIn(block: string): Message {
  const lines = block.split("\n");
  const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const text = field("data");
  // The server's own JSON.
  const event =
    text === undefined ? undefined : { ...(JSON.parse(text) as Omit<ListenedEvent, "text">), text };
  return { id: field("id"), event };
}

/** What `fetch` says in its cause. */
function reasonOf(error: unknown): string {
  const isFetch = error instanceof TypeError && error.cause instanceof Error;
  return messageOf(isFetch ? error.cause : error) || "the connection was lost";
}
