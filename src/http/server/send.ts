/** Writes answers directly to Node's response: a `Response` object in between would cost some microseconds each. */
import type { ServerResponse } from "node:http";
import { pipeline, Readable } from "node:stream";
import type { HttpAnswer } from "../call.ts";
import { discardBody } from "./linger.ts";

/** @param failed called if a streamed body fails after its head was sent. */
export function send(
  outgoing: ServerResponse,
  { status, headers, body }: HttpAnswer,
  failed: (reason: unknown) => void,
): void {
  // The client has gone.
  if (outgoing.destroyed) return;
  const { req: incoming } = outgoing;
  if (!incoming.complete) outgoing.once("finish", () => discardBody(incoming));
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
