/** Sends one event to an endpoint, signed as Standard Webhooks says, and reads the beginning of the answer. */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { Webhook } from "standardwebhooks";
import { lookupPublic } from "./public-address.ts";

/** Time for one try, from the name lookup to the end of the answer. */
const TRY_MS_MAX = 10_000;
/** Bytes of an answer that are kept for the list of deliveries. */
const ANSWER_BYTES_MAX = 512;
/** More of an answer is not read; the connection is closed. */
const READ_BYTES_MAX = 64 * 1024;

export type Target = Readonly<{
  url: string;
  /** As `whsec_…`. During a rotation two secrets sign. */
  secrets: readonly string[];
}>;

/** `status`: `null` if there was no answer; `answer` is then the reason. Only a status of 2xx is a success. */
export type TryResult = Readonly<{ status: number | null; answer: string }>;

export type PostOptions = Readonly<{ allowPrivate: boolean; nowMs: number }>;

export function isDelivered({ status }: TryResult): boolean {
  return status !== null && status >= 200 && status < 300;
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
export function postEvent(
  { url, secrets }: Target,
  id: string,
  body: string,
  { allowPrivate, nowMs }: PostOptions,
): Promise<TryResult> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(TRY_MS_MAX);
    const failed = (error: Error): void => {
      const reason = signal.aborted ? `no answer within ${TRY_MS_MAX / 1000} s` : error.message;
      resolve({ status: null, answer: reason });
    };
    const post = new URL(url).protocol === "https:" ? requestHttps : requestHttp;
    const sent = post(url, {
      method: "POST",
      signal,
      headers: {
        "content-type": "application/json",
        "content-length": String(Buffer.byteLength(body)),
        "user-agent": "Daybook",
        ...signedHeaders(id, body, secrets, nowMs),
      },
      ...(!allowPrivate && { lookup: lookupPublic }),
    });
    sent.on("error", failed);
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
        if (bytes > READ_BYTES_MAX) {
          done();
          incoming.destroy();
        }
      });
      incoming.on("end", done).on("error", failed);
    });
    sent.end(body);
  });
}
