/** The data for the verdict: all requests and answers, and what the server shows afterwards. */
import { createDaybook, type Daybook } from "../../clients/typescript/src/index.ts";
import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import { inParallel, portionsOf } from "../support/client.ts";
import type { Operation } from "./operation.ts";

const IDS_PER_CALL = 100;
/** Lists wait for the archive; here that may take longer than the timeout of one request, which is then repeated. */
const RETRY = { triesMax: Number.POSITIVE_INFINITY, totalMs: 120_000 } as const;

export type AccountView = Readonly<{ id: string; posted: number; held: number; seq: number }>;
export type Reconciliation = Readonly<{
  balance: number;
  entries_sum: number;
  entries_count: number;
  reconciled: boolean;
}>;
export type Entry = Readonly<{
  seq: number;
  transfer_id: string;
  amount: number;
  /** Absent in entries of system accounts. */
  balance_after?: number;
}>;
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
  url: string;
  /** The partner's. */
  key: string;
  asset: string;
  operations: readonly Operation[];
  accounts: readonly string[];
  /** Accounts whose entries are read. */
  sample: readonly string[];
  finals: ReadonlyMap<string, number>;
}>;

/** Reads them over HTTP. */
export async function gatherEvidence(question: Question): Promise<Evidence> {
  const { url, key, asset, operations, accounts, sample, finals } = question;
  const client = createDaybook({ url, key, retry: RETRY });
  await client.get("/v1/transfers", { query: { limit: 1 } });
  const systemNames = new Set(
    operations.flatMap(({ debit, credit }) => [debit, credit]).filter((id) => isSystemAccount(id)),
  );
  return {
    asset,
    operations,
    finals,
    accounts: await accountsOf(client, accounts),
    systemAccounts: await eachOf([...systemNames], async (id) => {
      const account = await client.get("/v1/accounts/{id}", { path: { id } });
      return "balances" in account ? (account.balances[asset]?.posted ?? 0) : account.posted;
    }),
    reconciliations: await eachOf(accounts, (id) =>
      client.get("/v1/accounts/{id}/reconciliation", { path: { id } }),
    ),
    statements: await eachOf(sample, async (id) => {
      const query = { limit: 500 };
      const newestFirst = await allOf(client.items("/v1/accounts/{id}/entries", { path: { id }, query }));
      return newestFirst.toReversed();
    }),
    transfers: await allOf(client.items("/v1/transfers", { query: { limit: 500 } })),
    trialBalance: await client.get("/v1/trial-balance"),
  };
}

async function accountsOf(client: Daybook, ids: readonly string[]) {
  const found = new Map<string, AccountView>();
  await inParallel(portionsOf(ids, IDS_PER_CALL), async (some) => {
    const { data } = await client.get("/v1/accounts", { query: { ids: some.join(",") } });
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

async function allOf<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
