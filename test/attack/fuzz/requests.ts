/**
 * A generator of HTTP requests for the routes of the OpenAPI document, most of them correct in all but one or two
 * places.
 */
import type { GeneratorValue } from "fast-check";
import {
  jsonOf,
  type Known,
  mutated,
  oneIn,
  oneOf,
  packedOf,
  type Schema,
  SchemaValues,
  spoilt,
  upTo,
} from "./schema-values.ts";

type Operation = Readonly<{
  parameters?: readonly Readonly<{ in: string; name: string; schema: Schema }>[];
  requestBody?: Readonly<{ content: Readonly<Record<string, { schema: Schema }>> }>;
}>;
export type OpenApi = Readonly<{
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components: Readonly<{ schemas: Readonly<Record<string, Schema>> }>;
}>;

/** A request as text on the wire. */
export type WireRequest = Readonly<{
  bytes: Buffer;
  method: string;
  /** Its end is unambiguous, so it must be answered while the connection stays open. */
  isExact: boolean;
}>;

type Route = Readonly<{ method: string; path: string; operation: Operation }>;
type Body = Readonly<{ type: string; bytes: Buffer }>;
type Framed = Readonly<{ headers: readonly string[]; bytes: Buffer; isExact: boolean }>;
type Generator = GeneratorValue;

/** Excluded, because they remove what the other requests need: sessions, shards, partners. */
const LEFT_OUT = new Set([
  "POST /v1/admin/shards/{n}/restart",
  "POST /v1/admin/snapshots",
  "POST /v1/wallet/logout",
  "POST /v1/wallet/password",
]);

const ODD_PATHS = [
  ["/v1/", "/v1//accounts", "/%", "/%zz", "/v1/accounts/%00", "/v1/%2e%2e/healthz", "/../../etc/passwd", "*"],
  ["/v1/accounts?%", "//evil.example/v1", "/v1/accounts/#x", "/\\", "/v1/accounts/{id}", "?", "healthz"],
  [`/v1/accounts/${"x".repeat(9000)}`],
].flat();
const ODD_VALUES = [
  ["%00", "%ff", "%F0%9F%98%80", "a%2Fb", "..", "%2e", "__proto__", "constructor", "@", "0", "-1", "nobody"],
  ["%20", "%", "%zz", "a;b", "a+b", "1e3", "NaN", "null", "%25", "'", "x".repeat(300), "", "1%0D%0AX:1"],
].flat();
const ODD_QUERIES = ["limit=1&limit=2", "x=1", "=", "&&", "limit", "__proto__=1", "limit[]=1", "a=%ff", "?"];
const VERSIONS = ["HTTP/1.0", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "http/1.1", "HTTP/1.1 ", ""];
const METHODS = [
  [
    "HEAD",
    "OPTIONS",
    "PUT",
    "PATCH",
    "DELETE",
    "POST",
    "GET",
    "TRACE",
    "CONNECT",
    "get",
    "FOO",
    "PRI",
    "QUERY",
  ],
  ["M-SEARCH", "", "G\u0000T"],
].flat();
const ODD_TYPES = [
  [
    "text/plain",
    "application/json; charset=utf-8",
    "application/json;charset=latin1",
    "APPLICATION/JSON",
    "",
  ],
  ["application/x-ndjson", "application/msgpack", "application/json, text/plain", ";", "multipart/form-data"],
  ["application/json;charset", "application/json;;;"],
].flat();
/** Additional headers, each of which is harmless or refused on any request. */
const ODD_HEADERS = [
  [
    "Accept: text/csv",
    "Accept: */*;q=0",
    "Accept: ;;q=x,,",
    "Accept: text/event-stream",
    "Accept-Encoding: gzip",
  ],
  ["Idempotency-Key: k1", "Idempotency-Key:", `Idempotency-Key: ${"k".repeat(300)}`, "idempotency-key: é"],
  [
    "Idempotency-Key: a\r\nIdempotency-Key: b",
    "Expect: 100-continue",
    "Expect: wonders",
    "expect: 100-Continue",
  ],
  [
    "Connection: close",
    "Connection: keep-alive, close",
    "Connection: Upgrade\r\nUpgrade: websocket",
    "TE: trailers",
  ],
  [
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c",
    "Content-Encoding: gzip",
    "Origin: null",
    "Range: bytes=0-1",
  ],
  ["Origin: https://evil.example\r\nAccess-Control-Request-Method: POST", "Cookie: a=b; daybook_session=x"],
  ["Host: other", "Host:", "Host: [::1", "Host: a b", "Authorization: Bearer x", "authorization:", "X-Y:"],
  ["If-None-Match: *", "X: \u0001", "X : y", "no colon", " folded", ":", "X: é", `X: ${"y".repeat(20_000)}`],
  ["X-Forwarded-For: ::1, x", "Content-Type: text/plain", "Last-Event-ID: x", "Upgrade-Insecure-Requests: 1"],
  ["X: y\r\n".repeat(150).trim(), "__proto__: x", "constructor: y", "Max-Forwards: 0", "Trailer: X"],
].flat();

export class Requests {
  readonly #values: SchemaValues;
  readonly #known: Known;
  readonly #routes: readonly Route[];
  readonly #keysFor: (route: string) => readonly string[];

  /** @param keysFor the credentials to try on a route: keys and session tokens. */
  constructor(document: OpenApi, known: Known, keysFor: (route: string) => readonly string[]) {
    this.#values = new SchemaValues(document.components.schemas, known);
    this.#known = known;
    this.#keysFor = keysFor;
    this.#routes = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations)
        .map(([verb, operation]) => ({ method: verb.toUpperCase(), path, operation }))
        .filter(({ method }) => !LEFT_OUT.has(`${method} ${path}`)),
    );
  }

  next(g: Generator): WireRequest {
    const route = oneOf(g, this.#routes);
    const isOdd = oneIn(g, 20);
    const method = isOdd ? oneOf(g, METHODS) : route.method;
    const version = oneIn(g, 30) ? oneOf(g, VERSIONS) : "HTTP/1.1";
    const body = this.#body(g, route);
    const framed = framedBody(g, body);
    const headers = [...this.#headers(g, route), ...framed.headers];
    if (oneIn(g, 6)) headers.splice(upTo(g, headers.length), 0, oneOf(g, ODD_HEADERS));
    const lines = headers.map((header) => (oneIn(g, 20) ? oddCase(header) : header));
    const head = `${[`${method} ${this.#target(g, route)} ${version}`.trimEnd(), ...lines].join("\r\n")}\r\n\r\n`;
    const bytes = Buffer.concat([Buffer.from(head, "utf8"), framed.bytes]);
    // Expectations, upgrades and old versions change whose turn it is to send, and a stream of events has no end.
    const isExact =
      framed.isExact &&
      version === "HTTP/1.1" &&
      !isOdd &&
      !/^(expect|connection|te|trailer|no | |:|accept: text\/event-stream)/im.test(lines.join("\n"));
    return { bytes, method, isExact };
  }

  #target(g: Generator, route: Route): string {
    if (oneIn(g, 30)) return oneOf(g, ODD_PATHS);
    const filled = route.path.replace(/([a-z-]+)\/\{([a-z_]+)\}/g, (_, noun: string, name: string) => {
      const known = this.#known[noun] ?? this.#known[name] ?? ["x"];
      return `${noun}/${oneIn(g, 10) ? oneOf(g, ODD_VALUES) : encodeURIComponent(oneOf(g, known))}`;
    });
    const target = `${filled}${this.#query(g, route)}`;
    return oneIn(g, 20)
      ? `${oneOf(g, ["http://x", "https://evil.example:1", "http://[::1]", "ftp://"])}${target}`
      : target;
  }

  #query(g: Generator, { operation }: Route): string {
    const parts: string[] = [];
    for (const { in: place, name, schema } of operation.parameters ?? []) {
      if (place !== "query" || !oneIn(g, 3)) continue;
      const value = oneIn(g, 5) ? oneOf(g, ODD_VALUES) : this.#values.valueOf(g, schema, name);
      parts.push(`${name}=${typeof value === "string" ? value.replaceAll(" ", "+") : String(value)}`);
    }
    if (oneIn(g, 25)) parts.push(oneOf(g, ODD_QUERIES));
    return parts.length === 0
      ? ""
      : `?${parts.join("&").replaceAll(/[^\u0021-\u007e]/g, encodeURIComponent.bind(null))}`;
  }

  #headers(g: Generator, { path }: Route): readonly string[] {
    const headers = oneIn(g, 40) ? [] : ["Host: x"];
    if (oneIn(g, 40)) return headers;
    const scheme = oneIn(g, 30) ? oneOf(g, ["bearer", "Basic", "Bearer ", "", "Bearer\t"]) : "Bearer";
    return [...headers, `Authorization: ${scheme} ${oneOf(g, this.#keysFor(path))}`];
  }

  #body(g: Generator, { operation }: Route): Body | undefined {
    const { content } = operation.requestBody ?? {};
    if (content === undefined)
      return oneIn(g, 10) ? { type: "application/json", bytes: Buffer.from("{}") } : undefined;
    const [type, { schema }] = oneOf(g, Object.entries(content));
    const isLines = type === "application/x-ndjson";
    const rows = Array.from({ length: isLines ? upTo(g, 4) : 1 }, () => {
      let value = this.#values.valueOf(g, schema);
      for (let i = Math.max(0, upTo(g, 4) - 2); i > 0; i--) value = mutated(g, value);
      return value;
    });
    const bytes = type.endsWith("msgpack")
      ? packedOf(rows[0])
      : Buffer.from(rows.map(jsonOf).join("\n"), "utf8");
    const said = oneIn(g, 12) ? oneOf(g, ODD_TYPES) : type;
    return { type: said, bytes: oneIn(g, 8) ? spoilt(g, bytes) : bytes };
  }
}

function oddCase(header: string): string {
  return header.replace(/^[^:]+/, (name) =>
    name.replace(/(.)(.?)/gs, (_, odd: string, even: string) => odd.toUpperCase() + even.toLowerCase()),
  );
}

/** The body and its length header, which is sometimes wrong. */
function framedBody(g: Generator, body: Body | undefined): Framed {
  if (body === undefined) return { headers: [], bytes: Buffer.alloc(0), isExact: true };
  const { type, bytes } = body;
  const headers = [`Content-Type: ${type}`];
  const length = `Content-Length: ${bytes.length}`;
  if (!oneIn(g, 8)) return { headers: [...headers, length], bytes, isExact: true };
  const lie = oneOf(g, [
    bytes.length + 1,
    bytes.length - 1,
    -1,
    99_999_999,
    "0x10",
    "1, 1",
    "",
    "9".repeat(30),
  ]);
  const chunked = pieces(g, bytes);
  const coding = "Transfer-Encoding: chunked";
  switch (upTo(g, 6)) {
    case 0:
      return { headers: [...headers, `Content-Length: ${lie}`], bytes, isExact: false };
    case 1:
      return { headers: [...headers, length, coding], bytes: chunked, isExact: false };
    case 2:
      return {
        headers: [
          ...headers,
          oneOf(g, [
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: chunked, gzip",
            "Transfer-Encoding:\u000bchunked",
          ]),
        ],
        bytes: chunked,
        isExact: false,
      };
    case 3:
      return { headers, bytes, isExact: false };
    case 4: {
      const broken = oneOf(g, [
        "zz\r\n",
        "-1\r\n\r\n",
        "5\r\nab\r\n",
        `1;${"x".repeat(20_000)}\r\na\r\n0\r\n\r\n`,
        "ffffffffffffffffff\r\n",
      ]);
      return { headers: [...headers, coding], bytes: Buffer.from(broken), isExact: false };
    }
    default:
      return { headers: [...headers, coding], bytes: chunked, isExact: true };
  }
}

/** Chunks of random sizes, sometimes with extensions and a trailer. */
function pieces(g: Generator, bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = Math.min(bytes.length - at, oneOf(g, [1, 2, 7, 16, 1000, 70_000]));
    const said = oneOf(g, [size.toString(16), size.toString(16).toUpperCase(), `00${size.toString(16)}`]);
    parts.push(
      Buffer.from(`${said}${oneIn(g, 20) ? ";a=b" : ""}\r\n`),
      bytes.subarray(at, at + size),
      Buffer.from("\r\n"),
    );
    at += size;
  }
  return Buffer.concat([...parts, Buffer.from(oneIn(g, 10) ? "0\r\nX-Trailer: y\r\n\r\n" : "0\r\n\r\n")]);
}
