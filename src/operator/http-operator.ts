/**
 * An operator behind HTTP (docs/OPERATIONS.md, "The operator of top-ups"). `POST <url>` with `{reference, phone, amount}`
 * sends an order; `GET <url>/<reference>` asks for it. Both answer 200 with `{status, reason?}`; `GET` answers 404 for an
 * order that the operator does not have. Any other answer leaves the outcome unknown.
 */
import { z } from "zod";
import { ASK_MS_MAX, type OperatorAnswer, type Order, type TopupOperator } from "./operator.ts";

const Reply = z.object({
  status: z.enum(["completed", "failed", "pending", "unknown"]),
  reason: z.string().max(500).nullable().optional(),
});
/** Longer answers are not read. */
const REPLY_BYTES_MAX = 16_384;

export class HttpOperator implements TopupOperator {
  readonly settleMs: number;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param url may have a user and a password, which are sent as basic authentication. */
  constructor(url: string, settleMs: number) {
    const parsed = new URL(url);
    const { username, password } = parsed;
    const secret = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    this.#headers =
      username === "" ? {} : { Authorization: `Basic ${Buffer.from(secret).toString("base64")}` };
    parsed.username = "";
    parsed.password = "";
    parsed.hash = "";
    this.#url = parsed.href.replace(/\/$/, "");
    this.settleMs = settleMs;
  }

  send({ reference, phone, amount }: Order): Promise<OperatorAnswer> {
    const headers = { ...this.#headers, "Content-Type": "application/json" };
    const body = JSON.stringify({ reference, phone, amount });
    return this.#ask(this.#url, { method: "POST", headers, body }, false);
  }

  status(reference: string): Promise<OperatorAnswer> {
    const url = `${this.#url}/${encodeURIComponent(reference)}`;
    return this.#ask(url, { headers: this.#headers }, true);
  }

  async #ask(url: string, request: RequestInit, mayBeAbsent: boolean): Promise<OperatorAnswer> {
    const signal = AbortSignal.timeout(ASK_MS_MAX);
    const response = await fetch(url, { ...request, redirect: "error", signal });
    const text = await textOf(response);
    if (mayBeAbsent && response.status === 404) return { result: "not_found" };
    if (response.status !== 200) return { result: "unknown" };
    const { status, reason = null } = Reply.parse(JSON.parse(text));
    return status === "failed" ? { result: "failed", reason } : { result: status };
  }
}

/** @throws Error (as a rejection) the answer is too long */
async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > REPLY_BYTES_MAX) throw new Error("the operator's answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
