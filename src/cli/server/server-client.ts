/** Clients of a running server's HTTP API, for commands that need one. */
import { createDaybook, type Daybook } from "../../../clients/typescript/src/index.ts";
import { messageOf } from "../../errors/error-message.ts";
import { OperatorError, UsageError } from "../errors.ts";

/** Somebody waits at a terminal. */
const RETRY = { triesMax: 3, tryMs: 10_000 } as const;

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

/** @param key is sent as a bearer token; `undefined` for routes that need none. */
export function connect(url: string, key?: string): Daybook {
  return createDaybook({ url, key, retry: RETRY, fetch: (request) => send(url, request) });
}

async function send(url: string, request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    // `fetch` has the reason in its cause.
    const reason = error instanceof TypeError ? (error.cause ?? error) : error;
    throw new Error(`no server answers at ${url}: ${messageOf(reason)}. Is it running?`, { cause: error });
  }
}

/** @throws OperatorError if the answer repeats a lost one, which has shown the key. */
export function shown(key: string | null): string {
  if (key === null) throw new OperatorError("the answer that showed a new key was lost: repeat the command");
  return key;
}
