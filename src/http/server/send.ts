/** Writes answers, on Node's own response: a `Response` in between would cost each of them some microseconds. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline, Readable } from "node:stream";
import type { HttpAnswer } from "../call.ts";

/** So long, and so much, of a body that nobody reads any more may still come before the connection ends. */
const DRAIN_MS_MAX = 500;
const DRAIN_BYTES_MAX = 64 * 1024 * 1024;

/** @param failed called when the body of an answer cannot be made to its end, after its head has gone out. */
export function send(
  outgoing: ServerResponse,
  { status, headers, body }: HttpAnswer,
  failed: (reason: unknown) => void,
): void {
  // Its client is gone.
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

/** What is not read when a connection closes would cost the client the answer. */
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
  const count = (piece: Buffer): void => {
    bytes += piece.length;
    if (bytes > DRAIN_BYTES_MAX) cut();
  };
  const timer = setTimeout(cut, DRAIN_MS_MAX);
  incoming.on("data", count).on("end", end).on("error", end);
  incoming.resume();
}
