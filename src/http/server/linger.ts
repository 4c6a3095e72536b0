/**
 * Discards what a client still sends after its answer: closing with unread input makes the system send a reset, and
 * the client may lose the end of the answer. Bounded in time only, since discarded input takes no memory.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

const LINGER_MS_MAX = 1_000;

/** Sends the last bytes of a connection, then discards input until the client closes its side or the time is over. */
export function endConnection(socket: Duplex, text = ""): void {
  socket.resume();
  socket.end(text, () => {
    const timer = setTimeout(() => socket.destroy(), LINGER_MS_MAX);
    socket.once("close", () => clearTimeout(timer));
  });
}

/**
 * Discards the rest of a request's body, so that the connection can be used again. If that takes too long, ends it:
 * `destroySoon` of an accepted connection is `endConnection`.
 */
export function discardBody(incoming: IncomingMessage): void {
  if (incoming.complete || incoming.destroyed) return;
  const timer = setTimeout(() => incoming.socket.destroySoon(), LINGER_MS_MAX);
  incoming.once("close", () => clearTimeout(timer)).resume();
}
