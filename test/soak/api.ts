/** The checker's client of the API. It retries, since the archive may be behind for a while. */
import { type Address, Connection, type Reply } from "../stress/connection.ts";

const PAUSE_MS = 50;
const ANSWERED_MS_MAX = 120_000;
const LANES = 16;

export class Api {
  readonly #address: Address;
  readonly #idle: Connection[] = [];

  constructor(address: Address) {
    this.#address = address;
  }

  /** @throws Error for any status but 2xx, or if only 503 comes for long. */
  async get<T>(path: string): Promise<T> {
    return this.ask<T>("GET", path);
  }

  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const endMs = performance.now() + ANSWERED_MS_MAX;
    for (;;) {
      const reply = await this.tryOnce(method, path, body);
      if (reply !== undefined && reply.status >= 200 && reply.status < 300)
        return JSON.parse(reply.body) as T;
      const isOver = performance.now() > endMs;
      if (isOver || (reply !== undefined && reply.status !== 503))
        throw new Error(
          `${method} ${path}: ${reply === undefined ? "no answer" : `${reply.status} ${reply.body}`}`,
        );
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** @returns `undefined` if the connection broke. */
  async tryOnce(method: string, path: string, body?: object): Promise<Reply | undefined> {
    const connection = this.#idle.pop() ?? new Connection(this.#address);
    try {
      return await connection.send(method, path, body === undefined ? undefined : JSON.stringify(body));
    } catch {
      return undefined;
    } finally {
      this.#idle.push(connection);
    }
  }

  /** All items of a list, page by page. */
  async *pages<T>(path: string): AsyncGenerator<readonly T[]> {
    const sign = path.includes("?") ? "&" : "?";
    let cursor: string | null = null;
    do {
      const more: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: { data: T[]; next_cursor: string | null } = await this.get(
        `${path}${sign}limit=500${more}`,
      );
      yield page.data;
      cursor = page.next_cursor;
    } while (cursor !== null);
  }

  /** Processes all items, several at once. */
  async each<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
    const rest = items[Symbol.iterator]();
    const lane = async () => {
      for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close();
  }
}
