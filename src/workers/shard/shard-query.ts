/** Reads, answered from a shard's memory. */

import { keyScope } from "../../actors/idempotency/key-table.ts";
import { type Account, viewOf } from "../../actors/ledger/account.ts";
import { originOf } from "../../actors/ledger/command-home.ts";
import { copiesOf, type SliceCopy } from "../../actors/ledger/image.ts";
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { revertClaim } from "../../actors/ledger/limits/claim-names.ts";
import { vnodeOfAccount } from "../../actors/ledger/routing.ts";
import { decideRelease } from "../../actors/ledger/transfers/compound.ts";
import { usedOf } from "../../actors/quotas/quotas.ts";
import { keyless } from "../../actors/records/command-header.ts";
import type { CopiesOf, Query, QueryResults } from "./messages.ts";

/** Queries without side effects. */
export type PlainQuery = Exclude<Query, readonly ["transfer" | "tick" | "halt" | "capture", ...unknown[]]>;

/** @returns `batch`: the newest batch of this epoch that the result depends on; `undefined`: the newest of all. */
export function answerQuery(
  ledger: Ledger,
  partner: string,
  query: PlainQuery,
  nowMs: number,
): Readonly<{ result: QueryResults[keyof QueryResults]; batch: number | undefined }> {
  switch (query[0]) {
    case "account": {
      const account = ledger.account(partner, query[1]);
      // Accounts are never removed, so a missing one depends on no batch.
      return { result: account === undefined ? null : viewOf(account), batch: account?.batch ?? 0 };
    }
    case "accounts": {
      const { found, read } = accountsWithin(ledger, partner, query[1], query[2]);
      const batch = Math.max(0, ...found.map((account) => account.batch));
      return { result: { found: found.map(viewOf), read }, batch };
    }
    case "system_account":
      return { result: systemAccountOf(ledger, partner, query[1]), batch: undefined };
    case "system_accounts":
      return { result: systemAccountsOf(ledger, partner, query[1], query[2]), batch: undefined };
    case "sums":
      return { result: sumsOf(ledger, query[1] ? undefined : partner), batch: undefined };
    case "programme": {
      const [, name, , ask] = query;
      return { result: ledger.state.programmes.answer(name, partner, ask, nowMs), batch: undefined };
    }
    case "origin":
      return { result: originOfPending(ledger, partner, query[1], query[2]), batch: undefined };
    case "first": {
      const first = ledger.keys.find(keyScope(partner, query[1], query[2]), nowMs);
      const result = first && ([first.epoch, first.seq, first.index, first.fingerprint] as const);
      return { result: result ?? null, batch: undefined };
    }
    case "account_copies": {
      const [accounts, slices] = query[1];
      return { result: copiesFor(ledger, partner, accounts, slices), batch: undefined };
    }
    case "release_moves": {
      const command = { op: "release", ...keyless(partner), id: query[1] } as const;
      return { result: decideRelease(ledger.compound, command).moves, batch: undefined };
    }
    case "reverts": {
      const { claims } = ledger.compound;
      const by = query[1].map((id) => claims.takenBy(revertClaim(id)) ?? null);
      const forgotten = claims.forgotten.epoch === 0 ? null : claims.forgotten;
      return { result: { by, forgotten }, batch: undefined };
    }
    case "usage": {
      const used = usedOf(ledger.state, partner, nowMs);
      return { result: { used, quotas: ledger.state.programmes.quotas.of(partner) }, batch: undefined };
    }
    case "time":
      return { result: nowMs, batch: undefined };
    case "position":
      return { result: null, batch: undefined };
  }
}

function systemAccountOf(ledger: Ledger, partner: string, name: string): QueryResults["system_account"] {
  const balances = ledger.systemAccount(partner, name);
  if (balances === undefined) return null;
  return [...balances].map(([asset, { posted, held }]) => [asset, `${posted}`, `${held}`] as const);
}

function systemAccountsOf(
  ledger: Ledger,
  partner: string,
  after: string,
  limit: number,
): QueryResults["system_accounts"] {
  const names = ledger.state.books.get(partner)?.systemAccountsAfter(after, limit) ?? [];
  return names.map((name) => [name, systemAccountOf(ledger, partner, name) ?? []] as const);
}

/** @param owner `null`: whoever owns it. */
function originOfPending(
  ledger: Ledger,
  partner: string,
  id: string,
  owner: string | null,
): QueryResults["origin"] {
  const open = ledger.compound.pending.get(id);
  const origin = open?.partner === partner ? originOf(open.view) : null;
  return owner === null || origin?.owner === owner ? origin : null;
}

function sumsOf(ledger: Ledger, partner: string | undefined): QueryResults["sums"] {
  return Array.from(
    ledger.sums(partner),
    ([asset, { sum, accounts, sent, received }]) =>
      [asset, `${sum}`, accounts, `${sent}`, `${received}`] as const,
  );
}

/** Counts only metadata, the one part of an account that can be large. `read`: how many ids were looked up. */
export function accountsWithin(
  ledger: Ledger,
  partner: string,
  ids: readonly string[],
  bytesMax: number,
): Readonly<{ found: readonly Account[]; read: number }> {
  const found: Account[] = [];
  let bytes = 0;
  for (const [read, id] of ids.entries()) {
    const account = ledger.account(partner, id);
    if (account === undefined) continue;
    bytes += account.metadata?.length ?? 0;
    if (bytes > bytesMax && found.length > 0) return { found, read };
    found.push(account);
  }
  return { found, read: ids.length };
}

function copiesFor(
  ledger: Ledger,
  partner: string,
  accounts: CopiesOf[0],
  slices: CopiesOf[1],
): Uint8Array<ArrayBuffer> {
  const book = ledger.state.books.get(partner);
  if (book === undefined) return copiesOf([], []);
  const known = accounts.map((id) => book.accounts.get(id)).filter((account) => account !== undefined);
  const copies = slices.flatMap(([name, counterparty]): readonly SliceCopy[] => {
    const asset = book.accounts.get(counterparty)?.asset;
    const vnode = vnodeOfAccount(partner, counterparty);
    const slice = asset === undefined ? undefined : book.sliceOf(name, asset, vnode);
    return slice === undefined || asset === undefined ? [] : [{ name, asset, vnode, ...slice }];
  });
  return copiesOf(known, copies);
}
