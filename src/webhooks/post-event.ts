/** Sends one event to an endpoint, signed as Standard Webhooks prescribes, and reads the beginning of the answer. */
import { type Agent, Agent as HttpAgent, type RequestOptions, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { Webhook } from "standardwebhooks";
import { AddressRefused, isPublicAddress, publicLookup, urlFault } from "./public-address.ts";

/** Time for one try, from the name lookup to the end of the answer. */
const TRY_MS_MAX = 10_000;
/** Bytes of an answer that are kept for the list of deliveries. */
const ANSWER_BYTES_MAX = 512;
/** More of an answer is not read; the connection is closed. */
const READ_BYTES_MAX = 64 * 1024;
/** Shorter than servers keep idle connections (Node: 5 s), so that events are rarely sent into a closed one. */
const IDLE_MS_MAX = 4_000;

export type Target = Readonly<{
  url: string;
  /** As `whsec_…`. During a rotation two secrets sign. */
  secrets: readonly string[];
  /** Keeps the endpoint's connections open between events. */
  agent: Agent;
}>;

/** `status`: `null` if there was no answer; `answer` is then the reason. Only a status of 2xx is a success. */
export type TryResult = Readonly<{ status: number | null; answer: string }>;

export type PostOptions = Readonly<{
  /** The setting WEBHOOKS_ALLOW_PRIVATE. */
  allowPrivate: boolean;
  nowMs: number;
  /** Resolves names. Absent: public addresses only. */
  lookup?: LookupFunction;
  tryMsMax?: number;
  /** Further headers, such as the context of a trace. */
  headers?: Readonly<Record<string, string>>;
}>;

export function isDelivered({ status }: TryResult): boolean {
  return status !== null && status >= 200 && status < 300;
}

/** For one endpoint: a connection is used again only for the URL whose address was checked. */
export function agentFor(url: string): Agent {
  const options = { keepAlive: true, timeout: IDLE_MS_MAX };
  return url.startsWith("https:") ? new HttpsAgent(options) : new HttpAgent(options);
}

/** The headers of Standard Webhooks. */
export function signedHeaders(
  id: string,
  body: string,
  secrets: readonly string[],
  nowMs: number,
): Readonly<Record<string, string>> {
  const at = new Date(nowMs);
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(nowMs / 1000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(" "),
  };
}

/** Never rejects. Redirects are not followed: the address of a target is checked, not where it points to. */
export async function postEvent(
  target: Target,
  id: string,
  body: string,
  options: PostOptions,
): Promise<TryResult> {
  const fault = urlFault(target.url, options.allowPrivate);
  if (fault !== undefined) return { status: null, answer: `the URL ${fault}` };
  const first = await post(target, id, body, options);
  // The receiver closed an idle connection at the moment at which it was used again.
  return first === "stale" ? fallback(await post(target, id, body, options)) : first;
}

function fallback(result: TryResult | "stale"): TryResult {
  return result === "stale" ? { status: null, answer: "the connection was closed" } : result;
}

function post(
  { url, secrets, agent }: Target,
  id: string,
  body: string,
  { allowPrivate, nowMs, lookup = publicLookup(), tryMsMax = TRY_MS_MAX, headers = {} }: PostOptions,
): Promise<TryResult | "stale"> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(tryMsMax);
    const options: RequestOptions = {
      method: "POST",
      agent,
      signal,
      headers: {
        ...headers,
        "content-type": "application/json",
        "content-length": String(Buffer.byteLength(body)),
        "user-agent": "Daybook",
        ...signedHeaders(id, body, secrets, nowMs),
      },
      ...(!allowPrivate && { lookup }),
    };
    const sent = url.startsWith("https:") ? requestHttps(url, options) : requestHttp(url, options);
    const failed = (error: NodeJS.ErrnoException): void => {
      if (sent.reusedSocket && error.code === "ECONNRESET") resolve("stale");
      else resolve({ status: null, answer: reasonOf(error, signal.aborted, tryMsMax) });
    };
    sent.on("error", failed);
    if (!allowPrivate) {
      // A second look, at the address itself, before the first byte: an address in the URL is never looked up.
      sent.once("socket", (socket) => {
        socket.once("connect", () => {
          if (!isPublicAddress(socket.remoteAddress ?? "")) socket.destroy(new AddressRefused(sent.host));
        });
      });
    }
    sent.on("response", (incoming) => {
      const status = incoming.statusCode ?? null;
      const pieces: Buffer[] = [];
      let bytes = 0;
      const done = (): void => {
        const answer = Buffer.concat(pieces).subarray(0, ANSWER_BYTES_MAX).toString("utf8");
        resolve({ status, answer });
      };
      incoming.on("data", (piece: Buffer) => {
        if (bytes < ANSWER_BYTES_MAX) pieces.push(piece);
        bytes += piece.length;
        if (bytes <= READ_BYTES_MAX) return;
        done();
        incoming.destroy();
      });
      incoming.on("end", done).on("error", failed);
    });
    sent.end(body);
  });
}

function reasonOf(error: Error, isLate: boolean, tryMsMax: number): string {
  if (isLate) return `no answer within ${tryMsMax / 1000} s`;
  return error.message.slice(0, ANSWER_BYTES_MAX);
}
