/** The books of a partner whose log has lost its end. */
import { expect, onTestFinished } from "vitest";
import { Client, type ServerProcess } from "../../support/server.ts";
import type { ServedLog } from "../served-log.ts";

const NAMES = ["alice", "bob", "carol", "dave"];

type Account = Readonly<{ id: string; posted: number; available: number }>;

export async function balances(client: Client): Promise<readonly unknown[]> {
  return Promise.all(
    NAMES.map(async (name) => {
      const { posted, available } = await client.get<Account>(`/v1/accounts/${name}%2Fpoints`);
      return { name, posted, available };
    }),
  );
}

/** Sums of all shards, and each account's sum of archived entries. */
export async function checkBooksOf(server: ServerProcess, client: Client): Promise<void> {
  const trial = await client.get<{
    assets: Record<string, { sum: string | number; in_transit: string | number }>;
  }>("/v1/trial-balance");
  for (const { sum, in_transit } of Object.values(trial.assets))
    expect([sum, in_transit].map(Number)).toEqual([0, 0]);
  for (const name of NAMES) {
    const { status, text } = await client.send("GET", `/v1/accounts/${name}%2Fpoints/reconciliation`);
    if (status !== 404) expect(JSON.parse(text), server.url).toMatchObject({ reconciled: true });
  }
}

/** A client of a server that serves the log again. */
export function clientOf({ key }: ServedLog, server: ServerProcess): Client {
  const client = new Client(server.url, key);
  onTestFinished(() => client.close());
  return client;
}

/** Some go to another shard. One after the other, so that each is a batch of its own. */
export async function transferInTurns(client: Client, rounds = 10): Promise<void> {
  for (let no = 0; no < rounds; no++)
    for (const [debit, credit] of [
      ["alice", "bob"],
      ["dave", "carol"],
    ])
      await client.ask("POST", "/v1/transfers", {
        debit_account: `${debit}/points`,
        credit_account: `${credit}/points`,
        amount: 1,
      });
}
