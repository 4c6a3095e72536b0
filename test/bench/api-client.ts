/** A minimal client to fill and read a ledger, over keep-alive connections, many calls at once. */
import { Agent, request } from "node:http";

const CONNECTIONS = 64;
const CATCH_UP_MS_MAX = 120_000;

export type Answer = Readonly<{ status: number; body: unknown }>;

export class ApiClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  call(token: string, method: string, path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers: Record<string, string | number> = { Authorization: `Bearer ${token}` };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      headers["Content-Length"] = Buffer.byteLength(text);
    }
    return new Promise((resolve, reject) => {
      const asked = request(`${this.#url}${path}`, { agent: this.#agent, method, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const said = Buffer.concat(chunks).toString();
          const isJson = response.headers["content-type"]?.includes("json") === true;
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(said) : said });
        });
      });
      asked.on("error", reject);
      asked.end(text);
    });
  }

  /** @throws Error for any status but 2xx. */
  async expect<T>(token: string, method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.call(token, method, path, body);
    if (answer.status < 200 || answer.status > 299) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body as T;
  }

  /** Calls `work` with each number below `count`, as many at once as there are connections. */
  async each(count: number, work: (i: number) => Promise<unknown>): Promise<void> {
    let next = 0;
    const lane = async () => {
      while (next < count) await work(next++);
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  }

  /** Time in ms until the archive has indexed everything that was answered so far: a list waits for that. */
  async catchUpMs(token: string): Promise<number> {
    const startedMs = performance.now();
    for (;;) {
      const { status } = await this.call(token, "GET", "/v1/transfers?limit=1");
      const waitedMs = performance.now() - startedMs;
      if (status === 200) return waitedMs;
      if (status !== 503 || waitedMs > CATCH_UP_MS_MAX) {
        throw new Error(`the archive does not catch up: ${status} after ${Math.round(waitedMs)} ms`);
      }
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}
