import type { IncomingMessage } from "node:http";
import type { Context } from "hono";

/** Node's request behind a call; `undefined` in tests that have no socket. */
export function incomingOf(c: Context): IncomingMessage | undefined {
  return c.env?.incoming;
}

/** A header by its name in small letters. From Node's own table where there is one: every hot request asks for four. */
export function headerOf(c: Context, name: string): string | undefined {
  const incoming = incomingOf(c);
  if (incoming === undefined) return c.req.header(name);
  const value = incoming.headers[name];
  return typeof value === "object" ? value.join(", ") : value;
}
