/** Verifies webhooks by the rules of Standard Webhooks (https://www.standardwebhooks.com). */
import type { components } from "./openapi.ts";

type FeedEvent = components["schemas"]["Event"];

/** An event of the feed, or what `POST /v1/webhooks/{id}/test` sends. */
export type WebhookEvent =
  | FeedEvent
  | Readonly<{ id: string; type: "webhook.test"; at: string; subject: string; position: null; data: object }>;

export type WebhookRequest = Readonly<{
  headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it was received: the signature is over these exact bytes. */
  body: string | Uint8Array;
  /** `whsec_…`. While a secret is exchanged: the old one and the new one. */
  secrets: readonly string[];
  /** How far the sender's clock and this one may be apart, the way included. */
  toleranceS?: number | undefined;
  /** The time now, in ms since 1970. */
  nowMs?: number | undefined;
}>;

export class WebhookError extends Error {
  override readonly name = "WebhookError";
  readonly code: "header_missing" | "too_old" | "too_new" | "wrong_signature" | "bad_body";

  constructor(code: WebhookError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

const TOLERANCE_S = 300;
/** A server signs with two secrets at most. */
const SIGNATURES_MAX = 16;

/**
 * @returns the event, which is authentic. It may come several times, with the same id.
 * @throws WebhookError the request is not, or no longer, to be believed. Answer it with 400.
 * @throws TypeError a secret is malformed, or there is none
 */
export async function verifyWebhook(request: WebhookRequest): Promise<WebhookEvent> {
  const { headers, body, secrets, toleranceS = TOLERANCE_S, nowMs = Date.now() } = request;
  const keys = await Promise.all(secrets.map(keyOf));
  if (keys.length === 0) throw new TypeError("a secret is needed");
  const id = headerOf(headers, "webhook-id");
  const timestamp = headerOf(headers, "webhook-timestamp");
  const given = signaturesOf(headerOf(headers, "webhook-signature"));
  checkTime(timestamp, nowMs / 1000, toleranceS);

  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const signed = concat(new TextEncoder().encode(`${id}.${timestamp}.`), bytes);
  const wanted = await Promise.all(keys.map((key) => crypto.subtle.sign("HMAC", key, signed)));
  // All are compared, whichever matches, so that the time shows nothing.
  const matches = wanted.flatMap((each) =>
    given.map((signature) => isEqual(new Uint8Array(each), signature)),
  );
  if (!matches.includes(true))
    throw new WebhookError("wrong_signature", "no signature is of one of the secrets");
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as WebhookEvent;
  } catch {
    throw new WebhookError("bad_body", "the body is no JSON");
  }
}

function headerOf(headers: WebhookRequest["headers"], name: string): string {
  const value = headers instanceof Headers ? headers.get(name) : headers[name];
  if (typeof value === "string" && value !== "") return value;
  throw new WebhookError("header_missing", `the header ${name} is missing, or comes twice`);
}

function checkTime(timestamp: string, nowS: number, toleranceS: number): void {
  const atS = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  if (Number.isNaN(atS))
    throw new WebhookError("header_missing", "webhook-timestamp is no number of seconds");
  if (nowS - atS > toleranceS) throw new WebhookError("too_old", "the webhook was sent too long ago");
  if (atS - nowS > toleranceS) throw new WebhookError("too_new", "the webhook is from the future");
}

/** The signatures of version 1; a malformed one matches nothing. */
function signaturesOf(header: string): readonly Uint8Array[] {
  const texts = header.split(" ", SIGNATURES_MAX).filter((text) => text.startsWith("v1,"));
  return texts.map((text) => bytesOf(text.slice(3)) ?? new Uint8Array());
}

async function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = bytesOf(secret.replace(/^whsec_/, ""));
  if (bytes === undefined || bytes.length === 0) throw new TypeError("a secret is whsec_ and base64");
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/** Takes the same time wherever they differ. */
function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (const [index, byte] of one.entries()) difference |= byte ^ (other[index] ?? 0);
  return difference === 0;
}
