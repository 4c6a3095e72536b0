/** Follows a feed of events, and continues after the last one when the connection is lost. */
import { backoffMs, pause } from "./backoff.ts";
import { Connection } from "./connection.ts";
import { DaybookError, errorOf, noAnswer } from "./daybook-error.ts";
import type { components } from "./openapi.ts";
import type { Fetch } from "./retrying-fetch.ts";
import { type Message, MessageReader } from "./server-sent-events.ts";

export type FeedEvent = components["schemas"]["Event"];

export type EventsOptions = Readonly<{
  /** The feed of a wallet's user is `/v1/wallet/events`. */
  path?: "/v1/events" | "/v1/wallet/events" | undefined;
  /** Only events of these types. */
  types?: readonly FeedEvent["type"][] | undefined;
  /** Only events about this account, member, voucher, … Not for a wallet's user. */
  subject?: string | undefined;
  /** The id of the event to continue after. Without it: the events from now on. */
  after?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Told why a connection was lost, before the next one is tried. */
  onReconnect?: ((reason: DaybookError) => void) | undefined;
  /** A connection that is silent for longer is given up. The server sends a heartbeat every 15 s. */
  silenceMs?: number | undefined;
}>;

const SILENCE_MS = 45_000;
const BACKOFF = { minMs: 250, maxMs: 15_000 } as const;

/** @throws DaybookError a refusal that asking again would not change */
export async function* followEvents(
  send: Fetch,
  baseUrl: string,
  options: EventsOptions,
): AsyncGenerator<FeedEvent, void, undefined> {
  const { signal, onReconnect } = options;
  const isAborted = () => signal?.aborted === true;
  let { after } = options;
  let failures = 0;
  while (!isAborted()) {
    const connection = new Connection(signal);
    let reason: DaybookError;
    try {
      let messages = 0;
      for await (const { id, data } of messagesOf(
        send,
        requestOf(baseUrl, options, after),
        connection,
        options,
      )) {
        // The first message comes with the connection; only what follows shows that it works.
        if (++messages > 1) failures = 0;
        if (data !== undefined) yield JSON.parse(data) as FeedEvent;
        after = id ?? after;
      }
      reason = noAnswer(new Error("the server ended the stream"));
    } catch (error) {
      if (isAborted()) return;
      if (error instanceof DaybookError && !error.retryable) throw error;
      reason = error instanceof DaybookError ? error : noAnswer(error);
    } finally {
      connection.end();
    }
    failures += 1;
    onReconnect?.(reason);
    await pause(Math.max(backoffMs(BACKOFF, failures), reason.retryAfterMs ?? 0), signal).catch(
      () => undefined,
    );
  }
}

function requestOf(
  baseUrl: string,
  { path = "/v1/events", types, subject }: EventsOptions,
  after?: string,
): Request {
  const query = new URLSearchParams();
  if (types !== undefined) query.set("types", types.join(","));
  if (subject !== undefined) query.set("subject", subject);
  const headers = new Headers({ Accept: "text/event-stream" });
  if (after !== undefined) headers.set("Last-Event-ID", after);
  return new Request(`${baseUrl}${path}${query.size === 0 ? "" : `?${query}`}`, { headers });
}

/** The messages of one connection, heartbeats included. */
async function* messagesOf(
  send: Fetch,
  request: Request,
  connection: Connection,
  { silenceMs = SILENCE_MS }: EventsOptions,
): AsyncGenerator<Message> {
  const { signal } = connection;
  const init: RequestInit = { signal, redirect: "error", cache: "no-store" };
  const response = await connection.within(silenceMs, send(new Request(request, init)));
  if (!response.ok) throw await connection.within(silenceMs, errorOf(response));
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  if (!isStream || response.body === null) throw noAnswer(new Error("the answer is no stream of events"));
  const decoder = new TextDecoder();
  const messages = new MessageReader();
  const body = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await connection.within(silenceMs, body.read());
      if (done) return;
      yield* messages.read(decoder.decode(value, { stream: true }));
    }
  } finally {
    body.cancel().catch(() => undefined);
  }
}
