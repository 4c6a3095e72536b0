/** The data for the verdict: all requests and answers, and what the server shows afterwards. */
import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import type { ApiClient } from "../bench/api-client.ts";
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
  api: ApiClient;
  token: string;
  asset: string;
  operations: readonly Operation[];
  accounts: readonly string[];
  /** Accounts whose entries are read. */
  sample: readonly string[];
  finals: ReadonlyMap<string, number>;
}>;

/** Reads them over HTTP, as the partner. */
export async function gatherEvidence(question: Question): Promise<Evidence> {
  const { api, token, asset, operations, accounts, sample, finals } = question;
  const get = <T>(path: string) => api.expect<T>(token, "GET", path);
  // Lists wait for the archive; here that may take longer than the timeout of one request.
  await api.catchUpMs(token);
  const systemNames = new Set(
    operations.flatMap(({ debit, credit }) => [debit, credit]).filter((id) => isSystemAccount(id)),
  );
  return {
    asset,
    operations,
    finals,
    accounts: await accountsOf(api, token, accounts),
    systemAccounts: await eachOf(api, [...systemNames], async (name) => {
      const { balances } = await get<{ balances: Record<string, { posted: number }> }>(pathOf(name));
      return balances[asset]?.posted ?? 0;
    }),
    reconciliations: await eachOf(api, accounts, (id) => get<Reconciliation>(`${pathOf(id)}/reconciliation`)),
    statements: await eachOf(api, sample, async (id) => {
      const newestFirst = await pages<Entry>(get, `${pathOf(id)}/entries`);
      return newestFirst.toReversed();
    }),
    transfers: await pages<ListedTransfer>(get, "/v1/transfers"),
    trialBalance: await get<TrialBalance>("/v1/trial-balance"),
  };
}

function pathOf(account: string): string {
  return `/v1/accounts/${encodeURIComponent(account)}`;
}

async function accountsOf(api: ApiClient, token: string, ids: readonly string[]) {
  const found = new Map<string, AccountView>();
  await api.each(Math.ceil(ids.length / IDS_PER_CALL), async (portion) => {
    const some = ids.slice(portion * IDS_PER_CALL, (portion + 1) * IDS_PER_CALL);
    const list = some.map((id) => encodeURIComponent(id)).join(",");
    const { data } = await api.expect<{ data: AccountView[] }>(token, "GET", `/v1/accounts?ids=${list}`);
    for (const account of data) found.set(account.id, account);
  });
  return found;
}

async function eachOf<T>(
  api: ApiClient,
  names: readonly string[],
  ask: (name: string) => Promise<T>,
): Promise<ReadonlyMap<string, T>> {
  const found = new Map<string, T>();
  await api.each(names.length, async (no) => {
    const name = names[no] as string;
    found.set(name, await ask(name));
  });
  return found;
}

/** All items of a list, page by page. */
async function pages<T>(get: <P>(path: string) => Promise<P>, path: string): Promise<readonly T[]> {
  const all: T[] = [];
  let cursor: string | null = null;
  do {
    const more: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { data: T[]; next_cursor: string | null } = await get(`${path}?limit=500${more}`);
    all.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return all;
}
