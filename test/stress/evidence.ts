/** The data for the verdict: all requests and answers, and what the server shows afterwards. */
import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import { type Client, catchUpMs, inParallel, portionsOf } from "../support/client.ts";
import type { Operation } from "./operation.ts";

const IDS_PER_CALL = 100;

export type AccountView = Readonly<{ id: string; posted: number; held: number; seq: number }>;
export type Reconciliation = Readonly<{
  balance: number;
  entries_sum: number;
  entries_count: number;
  reconciled: boolean;
}>;
export type Entry = Readonly<{ seq: number; transfer_id: string; amount: number; balance_after: number }>;
export type ListedTransfer = Readonly<{
  id: string;
  status: string;
  postings: readonly Readonly<{ debit_account: string; credit_account: string; amount: number }>[];
  memo: string | null;
}>;
export type TrialBalance = Readonly<{
  balanced: boolean;
  assets: Readonly<Record<string, Readonly<{ sum: number; in_transit: number }>>>;
}>;

export type Evidence = Readonly<{
  asset: string;
  operations: readonly Operation[];
  accounts: ReadonlyMap<string, AccountView>;
  /** Posted balances by account. */
  systemAccounts: ReadonlyMap<string, number>;
  reconciliations: ReadonlyMap<string, Reconciliation>;
  /** All entries of a sample of accounts, oldest first. */
  statements: ReadonlyMap<string, readonly Entry[]>;
  /** All transfers of the partner. */
  transfers: readonly ListedTransfer[];
  trialBalance: TrialBalance;
  /** Final balances that are known in advance. */
  finals: ReadonlyMap<string, number>;
}>;

export type Question = Readonly<{
  /** The partner. */
  client: Client;
  asset: string;
  operations: readonly Operation[];
  accounts: readonly string[];
  /** Accounts whose entries are read. */
  sample: readonly string[];
  finals: ReadonlyMap<string, number>;
}>;

/** Reads them over HTTP. */
export async function gatherEvidence(question: Question): Promise<Evidence> {
  const { client, asset, operations, accounts, sample, finals } = question;
  // Lists wait for the archive; here that may take longer than the timeout of one request.
  await catchUpMs(client);
  const systemNames = new Set(
    operations.flatMap(({ debit, credit }) => [debit, credit]).filter((id) => isSystemAccount(id)),
  );
  return {
    asset,
    operations,
    finals,
    accounts: await accountsOf(client, accounts),
    systemAccounts: await eachOf([...systemNames], async (name) => {
      const { balances } = await client.get<{ balances: Record<string, { posted: number }> }>(pathOf(name));
      return balances[asset]?.posted ?? 0;
    }),
    reconciliations: await eachOf(accounts, (id) =>
      client.get<Reconciliation>(`${pathOf(id)}/reconciliation`),
    ),
    statements: await eachOf(sample, async (id) => {
      const newestFirst = await client.all<Entry>(`${pathOf(id)}/entries?limit=500`);
      return newestFirst.toReversed();
    }),
    transfers: await client.all<ListedTransfer>("/v1/transfers?limit=500"),
    trialBalance: await client.get<TrialBalance>("/v1/trial-balance"),
  };
}

function pathOf(account: string): string {
  return `/v1/accounts/${encodeURIComponent(account)}`;
}

async function accountsOf(client: Client, ids: readonly string[]) {
  const found = new Map<string, AccountView>();
  await inParallel(portionsOf(ids, IDS_PER_CALL), async (some) => {
    const list = some.map((id) => encodeURIComponent(id)).join(",");
    const { data } = await client.get<{ data: AccountView[] }>(`/v1/accounts?ids=${list}`);
    for (const account of data) found.set(account.id, account);
  });
  return found;
}

async function eachOf<T>(
  names: readonly string[],
  ask: (name: string) => Promise<T>,
): Promise<ReadonlyMap<string, T>> {
  const found = new Map<string, T>();
  await inParallel(names, async (name) => found.set(name, await ask(name)));
  return found;
}
