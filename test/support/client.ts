/** The HTTP client of all tests and measurements: keep-alive connections of one caller. */
import { Agent, request } from "node:http";

export type Answer = Readonly<{
  status: number;
  text: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}>;

type Page<T> = Readonly<{ data: readonly T[]; next_cursor: string | null }>;

/** How many pieces of work run at once. */
const LANES = 24;
/** Far above the time that a server takes for any request. */
const SILENCE_MS_MAX = 120_000;
const CATCH_UP_MS_MAX = 120_000;

export class Client {
  readonly #agent: Agent;
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string, connections = 32) {
    this.#url = url;
    this.#key = key;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Rejects if the connection breaks: then the outcome is unknown. */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const raw = body === undefined || typeof body === "string" || body instanceof Uint8Array;
    const bytes = raw ? body : JSON.stringify(body);
    const type = bytes === undefined ? {} : { "Content-Type": "application/json" };
    const length = bytes === undefined ? {} : { "Content-Length": Buffer.byteLength(bytes) };
    return new Promise((resolve, reject) => {
      const outgoing = request(`${this.#url}${path}`, {
        method,
        agent: this.#agent,
        headers: { Authorization: `Bearer ${this.#key}`, ...type, ...length, ...headers },
      });
      outgoing.setTimeout(SILENCE_MS_MAX, () => outgoing.destroy(new Error("no answer came in time")));
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => {
        let text = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (chunk: string) => {
          text += chunk;
        });
        incoming.on("error", reject);
        incoming.on("end", () =>
          resolve({ status: incoming.statusCode ?? 0, text, headers: incoming.headers }),
        );
      });
      outgoing.end(bytes);
    });
  }

  /** The JSON body of the answer. @throws Error for any status but 2xx. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, text } = await this.send(method, path, body);
    if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** A GET that must succeed. */
  get<T>(path: string): Promise<T> {
    return this.ask<T>("GET", path);
  }

  /** A list, page by page. */
  async *pages<T>(path: string): AsyncGenerator<readonly T[]> {
    const next = `${path}${path.includes("?") ? "&" : "?"}cursor=`;
    for (let cursor: string | null = null; ; ) {
      const page: Page<T> = await this.get(cursor === null ? path : `${next}${encodeURIComponent(cursor)}`);
      yield page.data;
      cursor = page.next_cursor;
      if (cursor === null) return;
    }
  }

  /** All items of a list. */
  async all<T>(path: string): Promise<readonly T[]> {
    const all: T[] = [];
    for await (const page of this.pages<T>(path)) all.push(...page);
    return all;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Does the work for all items, several at once, each in one of the lanes. */
export async function inParallel<T>(
  items: Iterable<T>,
  work: (item: T, lane: number) => Promise<unknown>,
  lanes = LANES,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const lane = async (no: number) => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value, no);
  };
  await Promise.all(Array.from({ length: lanes }, (_, no) => lane(no)));
}

/** The items in portions of this size. */
export function portionsOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, portion) => items.slice(portion * size, (portion + 1) * size));
}

/** Time in ms until the archive has indexed everything that was answered so far: a list waits for that. */
export async function catchUpMs(partner: Client): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    const { status } = await partner.send("GET", "/v1/transfers?limit=1");
    const waitedMs = performance.now() - startedMs;
    if (status === 200) return waitedMs;
    if (status !== 503 || waitedMs > CATCH_UP_MS_MAX)
      throw new Error(`the archive does not catch up: ${status} after ${Math.round(waitedMs)} ms`);
  }
}
