import type { IncomingMessage } from "node:http";
import type { Context } from "hono";
import { invalid } from "./problem.ts";

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

/** Node takes the first of several and drops the others, where a proxy in front may have taken another. Each is a bit. */
const ONLY_ONCE = new Map(
  ["authorization", "content-length", "content-type", "host"].map((name, i) => [name, 1 << i]),
);
const LENGTHS = new Set([...ONLY_ONCE.keys()].map((name) => name.length));

/** @throws Problem 400: a header comes twice that says who asks, or what */
export function refuseRepeated(c: Context): void {
  const raw = incomingOf(c)?.rawHeaders;
  if (raw === undefined) return;
  let seen = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const bit = LENGTHS.has(name.length) ? (ONLY_ONCE.get(name.toLowerCase()) ?? 0) : 0;
    if ((seen & bit) !== 0) throw invalid(name, "is given twice");
    seen |= bit;
  }
}
