/** Helpers for tests that move money between two accounts. */
import { createTestApp, type TestApp } from "../../test-app.ts";

export const GOOD = { debit_account: "alice", credit_account: "bob", amount: 5 };

/** Creates `alice` with 100 and `bob` with 0, and clears the recorded commands. */
export async function withAccounts(): Promise<TestApp> {
  const app = createTestApp();
  for (const id of ["alice", "bob"]) {
    await app.request("POST", "/v1/accounts", { json: { id, asset: "PTS/0" } });
  }
  const json = { debit_account: "@issuance", credit_account: "alice", amount: 100 };
  await app.request("POST", "/v1/transfers", { json });
  app.ledger.commands.length = 0;
  return app;
}

export type Body = { id: string; status: string; balances: Record<string, unknown>; [name: string]: unknown };

export async function transferOf(response: Response | Promise<Response>): Promise<Body> {
  return (await (await response).json()) as Body;
}

export function send({ request }: TestApp, json: unknown, key?: string): Promise<Response> {
  const headers: Record<string, string> = key === undefined ? {} : { "idempotency-key": key };
  return request("POST", "/v1/transfers", { json, headers });
}

export function balance(posted: number, held: number, seq: number): object {
  return { posted, held, available: posted - held, seq };
}

export async function pending(app: TestApp, more: object = {}): Promise<string> {
  const { id } = await transferOf(send(app, { ...GOOD, pending: true, ...more }));
  app.ledger.commands.length = 0;
  return id;
}
