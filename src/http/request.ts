/** The request as route handlers see it: Node's parsed request, and the response to write to. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { invalid } from "./problem.ts";

/** Request targets that a URL parser would not change and that need no decoding. */
const PLAIN_TARGET = /^\/[!$&-;=?-Z[\]_a-z~]*$/;
const DOT_SEGMENT = /\/\.\.?(?:[/?]|$)/;
const PLAIN_HOST = /^[a-z0-9._-]+(?::[1-9]\d{0,4})?$/;
/** HTTP/1.0 requires no Host header, and health checks of load balancers send none. */
const DEFAULT_HOST = "localhost";

type Target = Readonly<{ path: string; query: string }>;

export class HttpRequest {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** Decoded, except escapes whose decoding would change the path's meaning. */
  readonly path: string;
  /** The raw text after the `?`. */
  readonly query: string;
  #parameterIndexes: Readonly<Record<string, number>> = {};
  #values: readonly string[] = [];

  private constructor(incoming: IncomingMessage, outgoing: ServerResponse, path: string, query: string) {
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.path = path;
    this.query = query;
  }

  /** `undefined` if the target or the Host header is not valid. */
  static of(incoming: IncomingMessage, outgoing: ServerResponse): HttpRequest | undefined {
    const { url = "" } = incoming;
    if (!isHost(incoming.headers.host ?? DEFAULT_HOST)) return undefined;
    if (PLAIN_TARGET.test(url) && !DOT_SEGMENT.test(url)) {
      const queryAt = url.indexOf("?");
      return queryAt < 0
        ? new HttpRequest(incoming, outgoing, url, "")
        : new HttpRequest(incoming, outgoing, url.slice(0, queryAt), url.slice(queryAt + 1));
    }
    const target = targetOf(url);
    return target && new HttpRequest(incoming, outgoing, target.path, target.query);
  }

  get method(): string {
    return this.incoming.method as string;
  }

  /** Sets what the router found: the values of the path's parameters, and the index of each by its name. */
  setParameters(parameterIndexes: Readonly<Record<string, number>>, values: readonly string[]): void {
    this.#parameterIndexes = parameterIndexes;
    this.#values = values;
  }

  /** A decoded path parameter; empty if the route has none of this name. */
  param(name: string): string {
    const value = this.#values[this.#parameterIndexes[name] as number] ?? "";
    return value.includes("%") ? decoded(value, decodeURIComponent) : value;
  }

  /** @param name in lower case. */
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

/** Parses an absolute target, or one that needs decoding. */
function targetOf(target: string): Target | undefined {
  const isAbsolute = /^https?:\/\//.test(target);
  if (!isAbsolute && !target.startsWith("/")) return undefined;
  if (target.split("?", 1)[0]?.includes("\\")) return undefined;
  const url = URL.parse(isAbsolute ? target : `http://${DEFAULT_HOST}${target}`);
  if (url === null) return undefined;
  // Keeps `%25` escaped, so that the path cannot decode twice into another one.
  const path = decoded(url.pathname.replaceAll("%25", "%2525"), decodeURI);
  return { path, query: url.search.slice(1) };
}

/** Text that cannot be decoded is returned unchanged. */
function decoded(text: string, decode: (text: string) => string): string {
  try {
    return decode(text);
  } catch {
    return text;
  }
}

/** Headers that must not repeat, each with a bit. Node uses the first one; a proxy may have used another. */
const UNIQUE_HEADERS = new Map(
  ["authorization", "content-length", "content-type", "host"].map((name, i) => [name, 1 << i]),
);
const UNIQUE_HEADER_LENGTHS = new Set([...UNIQUE_HEADERS.keys()].map((name) => name.length));

/** @throws Problem 400: a header that identifies the caller or the body is repeated */
export function refuseRepeated({ incoming }: HttpRequest): void {
  const raw = incoming.rawHeaders;
  let seen = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const bit = UNIQUE_HEADER_LENGTHS.has(name.length) ? (UNIQUE_HEADERS.get(name.toLowerCase()) ?? 0) : 0;
    if ((seen & bit) !== 0) throw invalid(name, "must be given only once");
    seen |= bit;
  }
}
