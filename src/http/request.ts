/** A request as the routes see it: what Node has read of it, and where its answer goes. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { invalid } from "./problem.ts";

/** Targets that a URL parser would leave as they are, and that need no decoding. */
const PLAIN_TARGET = /^\/[!$&-;=?-Z[\]_a-z~]*$/;
const DOT_SEGMENT = /\/\.\.?(?:[/?]|$)/;
const PLAIN_HOST = /^[a-z0-9._-]+(?::[1-9]\d{0,4})?$/;
/** HTTP/1.0 does not ask for a Host header, and the checks of load balancers send none. */
const HOST_OF_NONE = "localhost";

type Target = Readonly<{ path: string; query: string }>;

export class HttpRequest {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** Decoded, but for what would then look like another path. */
  readonly path: string;
  /** What follows the `?`, as it was sent. */
  readonly query: string;
  #places: Readonly<Record<string, number>> = {};
  #values: readonly string[] = [];

  private constructor(incoming: IncomingMessage, outgoing: ServerResponse, path: string, query: string) {
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.path = path;
    this.query = query;
  }

  /** `undefined` where the target or the Host header is none. */
  static of(incoming: IncomingMessage, outgoing: ServerResponse): HttpRequest | undefined {
    const { url = "" } = incoming;
    if (!isHost(incoming.headers.host ?? HOST_OF_NONE)) return undefined;
    if (PLAIN_TARGET.test(url) && !DOT_SEGMENT.test(url)) {
      const at = url.indexOf("?");
      return at < 0
        ? new HttpRequest(incoming, outgoing, url, "")
        : new HttpRequest(incoming, outgoing, url.slice(0, at), url.slice(at + 1));
    }
    const target = targetOf(url);
    return target && new HttpRequest(incoming, outgoing, target.path, target.query);
  }

  get method(): string {
    return this.incoming.method as string;
  }

  /** What the router has found: the values of the path's parameters, and the place of each by its name. */
  setParameters(places: Readonly<Record<string, number>>, values: readonly string[]): void {
    this.#places = places;
    this.#values = values;
  }

  /** A parameter of the route's path, decoded; empty where the route has none of that name. */
  param(name: string): string {
    const value = this.#values[this.#places[name] as number] ?? "";
    return value.includes("%") ? decoded(value, decodeURIComponent) : value;
  }

  /** A header by its name in small letters. */
  header(name: string): string | undefined {
    const value = this.incoming.headers[name];
    return typeof value === "object" ? value.join(", ") : value;
  }
}

function isHost(host: string): boolean {
  return (
    PLAIN_HOST.test(host) ||
    URL.parse(`http://${host}/`)?.hostname === host.replace(/:\d+$/, "").toLowerCase()
  );
}

/** Of a target that is not plain, or absolute: as a URL parser reads it. */
function targetOf(target: string): Target | undefined {
  const isAbsolute = /^https?:\/\//.test(target);
  if (!isAbsolute && !target.startsWith("/")) return undefined;
  if (target.split("?", 1)[0]?.includes("\\")) return undefined;
  const url = URL.parse(isAbsolute ? target : `http://${HOST_OF_NONE}${target}`);
  if (url === null) return undefined;
  // A `%` that was written as `%25` stays written so: the path must not mean another one.
  const path = decoded(url.pathname.replaceAll("%25", "%2525"), decodeURI);
  return { path, query: url.search.slice(1) };
}

/** What cannot be decoded stays as it is. */
function decoded(text: string, decode: (text: string) => string): string {
  try {
    return decode(text);
  } catch {
    return text;
  }
}

/** Node takes the first of several and drops the others, where a proxy in front may have taken another. Each is a bit. */
const ONLY_ONCE = new Map(
  ["authorization", "content-length", "content-type", "host"].map((name, i) => [name, 1 << i]),
);
const LENGTHS = new Set([...ONLY_ONCE.keys()].map((name) => name.length));

/** @throws Problem 400: a header comes twice that says who asks, or what */
export function refuseRepeated({ incoming }: HttpRequest): void {
  const raw = incoming.rawHeaders;
  let seen = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const bit = LENGTHS.has(name.length) ? (ONLY_ONCE.get(name.toLowerCase()) ?? 0) : 0;
    if ((seen & bit) !== 0) throw invalid(name, "is given twice");
    seen |= bit;
  }
}
