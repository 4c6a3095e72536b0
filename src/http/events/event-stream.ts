/** Events as a stream of server-sent events (the HTML standard, 9.2). */
import type { FeedRequest, Ledger } from "../../gateway/ports.ts";
import { answer, type Call, callerOf, type HttpAnswer, isGone } from "../call.ts";
import { eventJson } from "./event-json.ts";

/** A heartbeat shows both sides that the connection is alive. */
const HEARTBEAT_MS = 15_000;
const EVENTS_MAX = 200;
/** How long a client that has gone may stay unnoticed. */
const WAIT_MS = 3_000;
/** Pause after a page, so that many small batches become one read. */
const PAUSE_MS = 50;

/** Starts after `after`, or with the events from now on. */
export async function eventStream(
  ledger: Ledger,
  call: Call,
  request: Omit<FeedRequest, "limit">,
): Promise<HttpAnswer> {
  const after = request.after ?? (await ledger.newestEvent(call.partner));
  return answer(call, 200, chunks(ledger, call, { ...request, after }), {
    "Content-Type": "text/event-stream",
    Vary: "Accept",
  });
}

async function* chunks(
  ledger: Ledger,
  call: Call,
  { after, ...filter }: Omit<FeedRequest, "limit">,
): AsyncGenerator<string> {
  yield ": events follow\n\n";
  let last = after;
  let sentMs = performance.now();
  while (!isGone(call)) {
    const page = await ledger.events(
      call.partner,
      { ...filter, after: last, limit: EVENTS_MAX },
      callerOf(call),
    );
    last = page.next;
    if (page.events.length > 0) {
      yield page.events
        .map((each) => `id: ${each.id}\nevent: ${each.event.type}\ndata: ${eventJson(each)}\n\n`)
        .join("");
      sentMs = performance.now();
    } else if (performance.now() - sentMs >= HEARTBEAT_MS) {
      yield last === undefined ? ": heartbeat\n\n" : `: heartbeat\nid: ${last}\n\n`;
      sentMs = performance.now();
    }
    if (!page.isLast) continue;
    await ledger.awaitEvents(call.partner, page.indexed, WAIT_MS);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
