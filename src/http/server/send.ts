/** Writes answers directly to Node's response: a `Response` object in between would cost some microseconds each. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline, Readable } from "node:stream";
import type { HttpAnswer } from "../call.ts";

/** How long, and how much of, an unread body is discarded before the connection closes. */
const DRAIN_MS_MAX = 500;
const DRAIN_BYTES_MAX = 64 * 1024 * 1024;

/** @param failed called if a streamed body fails after its head was sent. */
export function send(
  outgoing: ServerResponse,
  { status, headers, body }: HttpAnswer,
  failed: (reason: unknown) => void,
): void {
  // The client has gone.
  if (outgoing.destroyed) return;
  const { req: incoming } = outgoing;
  if (!incoming.complete) outgoing.once("finish", () => drain(incoming));
  if (isStream(body)) {
    outgoing.writeHead(status, headers);
    if (incoming.method === "HEAD") outgoing.end();
    else pipeline(Readable.from(body), outgoing, (reason) => reason && !outgoing.closed && failed(reason));
    return;
  }
  if (status !== 204 && status !== 304) {
    const length = typeof body === "string" ? Buffer.byteLength(body) : (body?.length ?? 0);
    headers["Content-Length"] = String(length);
  }
  outgoing.writeHead(status, headers);
  outgoing.end(body);
}

function isStream(body: HttpAnswer["body"]): body is AsyncIterable<string> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

/** Discards the rest of the request body: closing a connection with unread data would reset it and lose the answer. */
function drain(incoming: IncomingMessage): void {
  if (incoming.complete || incoming.destroyed) return;
  let bytes = 0;
  const end = (): void => {
    clearTimeout(timer);
    incoming.off("data", count).off("end", end).off("error", end);
  };
  const cut = (): void => {
    end();
    incoming.socket.destroySoon();
  };
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > DRAIN_BYTES_MAX) cut();
  };
  const timer = setTimeout(cut, DRAIN_MS_MAX);
  incoming.on("data", count).on("end", end).on("error", end);
  incoming.resume();
}
