/** Helpers for the scenarios of vouchers. */
import { expect } from "vitest";
import { sendUntilDone } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import type { Caller, Json } from "./test-server.ts";

export const LATER = "2040-01-01T00:00:00.000Z";
export const BATCHES = "/v1/voucher-batches";

let made = 0;

/** Creates a customer and returns the e-mail. */
export async function newCustomer(caller: Caller): Promise<string> {
  made += 1;
  const email = `c${made}@example.com`;
  await caller.post("/v1/customers", 201, { email });
  return email;
}

export async function issue(caller: Caller, email: string, more: Json = {}): Promise<Json> {
  const body = { email, offer_name: "Sale", discount: 10, expires_at: LATER, ...more };
  return caller.post("/v1/vouchers", 201, body);
}

export function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}

/** The path of a voucher. */
export function at(voucher: Json): string {
  return `/v1/vouchers/${String(voucher["code"])}`;
}

export function redeem(caller: Caller, voucher: Json, email: string): Promise<Json> {
  return caller.post(`${at(voucher)}/redeem`, 200, { email });
}

export function listed(caller: Caller, email: string, status = "valid"): Promise<readonly Json[]> {
  return caller.all(`/v1/vouchers?email=${encodeURIComponent(email)}&status=${status}`);
}

export async function codes(caller: Caller, email: string, status?: string): Promise<readonly unknown[]> {
  return (await listed(caller, email, status)).map(({ code }) => code);
}

export async function completed(caller: Caller, id: unknown): Promise<Json> {
  let batch: Json = {};
  await until("the batch is complete", async () => {
    batch = await caller.get(`${BATCHES}/${String(id)}`);
    return batch["status"] === "completed";
  });
  return batch;
}

/** Creates an offer, and enough customers for several portions of a batch on each shard. */
export async function crowd(caller: Caller): Promise<readonly string[]> {
  const emails = Array.from({ length: 1200 }, (_, i) => `m${i}@example.com`);
  const statuses = await caller.race(emails.length, (client, i) =>
    sendUntilDone(client, "/v1/customers", { email: emails[i] }),
  );
  expect(statuses).toEqual(new Map([[201, emails.length]]));
  await caller.ask("PUT", "/v1/offers/mass", 200, { discount: 5 });
  return emails;
}

/** Expects `count` vouchers for each customer, all with different codes. */
export async function expectEach(caller: Caller, emails: readonly string[], count: number): Promise<void> {
  const seen = new Set<unknown>();
  for (const held of await Promise.all(emails.map((email) => codes(caller, email)))) {
    expect(held).toHaveLength(count);
    for (const code of held) seen.add(code);
  }
  expect(seen.size).toBe(emails.length * count);
}
