/** A client of a running server's HTTP API, for commands that need one. */
import { OperatorError, UsageError } from "../errors.ts";

const REQUEST_MS_MAX = 10_000;

/** @throws UsageError if it is not set. */
export function readOperatorKey(): string {
  return readKey("OPERATOR_KEY", "the operator's key");
}

/** @throws UsageError if it is not set. */
export function readPartnerKey(): string {
  return readKey("PARTNER_KEY", "a partner's key");
}

/** From the environment: other users of the machine see the arguments of a command. */
function readKey(name: string, what: string): string {
  const key = process.env[name];
  if (key === undefined || key === "") throw new UsageError(`${what} is missing: set ${name}`);
  return key;
}

export function defaultUrl(): string {
  return `http://127.0.0.1:${process.env["PORT"] || "3000"}`;
}

export class ServerClient {
  readonly #url: string;
  readonly #key: string;

  /** @param key is sent as a bearer token. */
  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  /**
   * @returns the parsed body of a 2xx answer.
   * @throws OperatorError if no server answers. @throws ServerRefusal with the `code` of any other answer.
   */
  async ask<T>(method: string, path: string, body?: unknown, idempotencyKey?: string): Promise<T> {
    const response = await this.#fetch(method, path, body, idempotencyKey);
    if (response.status === 204) return undefined as T;
    const answer = (await response.json()) as { detail?: string; code?: string };
    if (!response.ok) {
      const reason = `${answer.code ?? "no code"}: ${answer.detail ?? "no reason"}`;
      throw new ServerRefusal(
        `${method} ${path}: the server answered ${response.status} ${reason}`,
        answer.code ?? "",
      );
    }
    return answer as T;
  }

  async #fetch(method: string, path: string, body: unknown, idempotencyKey?: string): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.#key}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (idempotencyKey !== undefined) headers["Idempotency-Key"] = idempotencyKey;
    const signal = AbortSignal.timeout(REQUEST_MS_MAX);
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    try {
      return await fetch(`${this.#url}${path}`, { method, headers, signal, ...text });
    } catch (error) {
      const cause =
        error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new OperatorError(`no server answers at ${this.#url}: ${cause}. Is it running?`, {
        cause: error,
      });
    }
  }
}

export class ServerRefusal extends OperatorError {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}
