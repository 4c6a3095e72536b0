/** Sends events to a receiver on this machine, as webhooks are sent: signed by the rules of Standard Webhooks. */
import { randomBytes } from "node:crypto";
import { isIPv4 } from "node:net";
import { messageOf } from "../../errors/error-message.ts";
import { signedHeaders } from "../../webhooks/post-event.ts";
import { SECRET_PREFIX, secretText } from "../../webhooks/secret-text.ts";
import { UsageError } from "../errors.ts";
import type { ListenedEvent } from "./event-source.ts";

/** As for webhooks. */
const ANSWER_MS_MAX = 10_000;
/** The lengths that Standard Webhooks allows. */
const SECRET_BYTES = { min: 24, max: 64 } as const;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export type Receiver = Readonly<{ url: string; secret: string }>;

export function newSecret(): string {
  return secretText(randomBytes(SECRET_BYTES.min));
}

/**
 * Only addresses of this machine: events hold a partner's data, and a typing error must not send it elsewhere. Other
 * receivers get events by webhooks.
 *
 * @throws UsageError
 */
export function receiverOf(address: string, secret: string): Receiver {
  const url = URL.parse(address);
  if (url === null || !["http:", "https:"].includes(url.protocol))
    throw new UsageError(`--forward-to: ${address} is no http address`);
  if (!isLoopback(url.hostname))
    throw new UsageError(
      `--forward-to: ${url.hostname} is not this machine; use 127.0.0.1, [::1] or localhost`,
    );
  const text = secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : "";
  const { length } = Buffer.from(text, "base64");
  if (!BASE64.test(text) || length < SECRET_BYTES.min || length > SECRET_BYTES.max)
    throw new UsageError("--secret: give whsec_ and 24 to 64 bytes in base64");
  return { url: url.href, secret };
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" || hostname === "[::1]" || (isIPv4(hostname) && hostname.startsWith("127."))
  );
}

/** Sends one event. @returns what the receiver answered, or why it did not; never throws */
export async function forward({ url, secret }: Receiver, { id, text }: ListenedEvent): Promise<string> {
  const headers = { "Content-Type": "application/json", ...signedHeaders(id, text, [secret], Date.now()) };
  const beganMs = performance.now();
  try {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const answer = await fetch(url, { method: "POST", headers, body: text, signal, redirect: "manual" });
    await answer.body?.cancel();
    return `${answer.status} in ${Math.round(performance.now() - beganMs)} ms`;
  } catch (error) {
    const cause = error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
    return `no answer: ${messageOf(cause)}`;
  }
}
