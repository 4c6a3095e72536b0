/** Clients of the old addresses, as they were: any method with a body, their own headers, and a cookie jar. */
import { request } from "node:http";
import type { TestServer } from "../programmes/test-server.ts";
import { startTestServer } from "../programmes/test-server.ts";

export type OldAnswer = Readonly<{
  status: number;
  text: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}>;

type Headers = Readonly<Record<string, string>>;

/** What Python's `requests` sends with every request. */
export const PYTHON: Headers = {
  "User-Agent": "python-requests/2.24.0",
  "Accept-Encoding": "gzip, deflate",
  Accept: "*/*",
  Connection: "keep-alive",
};
/** What Go's client sends; it gives a body no type. */
export const GO: Headers = { "User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip" };
/** `curl -d`. */
export const CURL: Headers = {
  "User-Agent": "curl/7.68.0",
  Accept: "*/*",
  "Content-Type": "application/x-www-form-urlencoded",
};

/** How many answers have each status. */
export function countsOf(statuses: readonly number[]): Readonly<Record<number, number>> {
  const counts: Record<number, number> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** A server with old addresses for `acme`, which does not exist yet. */
export function startOldServer(settings: Readonly<Record<string, string>> = {}): TestServer {
  return startTestServer({ LEGACY_PARTNER: "acme", LEGACY_PORT: "0", ...settings });
}

/** Where a server serves the old addresses. */
export function oldUrlOf({ server }: TestServer): string {
  const url = /old addresses on (http:\/\/127\.0\.0\.1:\d+), for acme/.exec(server.stdout)?.[1];
  if (url === undefined) throw new Error(`no old addresses: ${server.stdout}`);
  return url;
}

export class OldClient {
  readonly #url: () => string;
  readonly #headers: Headers;
  readonly #jar = new Map<string, string>();

  constructor(url: () => string, headers: Headers = PYTHON) {
    this.#url = url;
    this.#headers = headers;
  }

  /** @param body text is sent as it is, anything else as JSON. */
  send(method: string, path: string, body?: unknown, headers: Headers = {}): Promise<OldAnswer> {
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const cookie = [...this.#jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const all = {
      ...this.#headers,
      ...(cookie !== "" && { Cookie: cookie }),
      ...(text !== undefined && { "Content-Length": String(Buffer.byteLength(text)) }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(`${this.#url()}${path}`, { method, headers: all }, (incoming) => {
        let received = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (piece: string) => {
          received += piece;
        });
        incoming.on("end", () => {
          this.#keep(incoming.headers["set-cookie"] ?? []);
          resolve({ status: incoming.statusCode ?? 0, text: received, headers: incoming.headers });
        });
        incoming.on("error", reject);
      });
      outgoing.on("error", reject);
      outgoing.end(text);
    });
  }

  /** `[status, body]`; the body as text if it is no JSON. */
  async ask(method: string, path: string, body?: unknown, headers?: Headers): Promise<[number, unknown]> {
    const { status, text } = await this.send(method, path, body, headers);
    try {
      return [status, JSON.parse(text)];
    } catch {
      return [status, text];
    }
  }

  async statusOf(method: string, path: string, body?: unknown, headers?: Headers): Promise<number> {
    return (await this.send(method, path, body, headers)).status;
  }

  /** An answer whose body is an object. */
  async json(method: string, path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>> {
    return (await this.ask(method, path, body))[1] as Readonly<Record<string, unknown>>;
  }

  #keep(cookies: readonly string[]): void {
    for (const cookie of cookies) {
      const [pair = "", ...attributes] = cookie.split("; ");
      const equals = pair.indexOf("=");
      const name = pair.slice(0, equals);
      // A jar drops what it may not send back over http.
      if (attributes.includes("Secure")) continue;
      if (attributes.includes("Max-Age=0")) this.#jar.delete(name);
      else this.#jar.set(name, pair.slice(equals + 1));
    }
  }
}
