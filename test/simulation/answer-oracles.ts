/** Oracles that compare what clients were shown with the entries of all logs: reads after answers, and cuts. */
import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import type { ClientHistory, ShownCut } from "./client-history.ts";
import { type Entry, entriesOf } from "./entries.ts";
import type { Replayed } from "./log-oracles.ts";
import type { Oracle } from "./sim-context.ts";

type Fail = (oracle: Oracle, message: string) => void;
/** Entries by `<partner> <account>`. */
type Entries = ReadonlyMap<string, readonly Entry[]>;

/** A read that began after a transfer was answered shows all entries of the transfer. */
export function checkAnswersSeen(logs: readonly Replayed[], history: ClientHistory, fail: Fail): void {
  /** By account: entries with the number of answers from which on reads must show them, ascending. */
  const required = new Map<string, { sinceAnswer: number; seq: number; transfer: string }[]>();
  for (const [account, entries] of entriesByAccount(logs)) {
    const answered = entries.flatMap(({ seq, transfer }) => {
      const sinceAnswer = history.firstAnswers.get(transfer);
      return sinceAnswer === undefined ? [] : [{ sinceAnswer, seq, transfer }];
    });
    required.set(
      account,
      answered.toSorted((a, b) => a.sinceAnswer - b.sinceAnswer),
    );
  }
  for (const { partner, view, begunAfter } of history.views) {
    if (begunAfter === undefined) continue;
    for (const { sinceAnswer, seq, transfer } of required.get(`${partner} ${view.id}`) ?? []) {
      if (sinceAnswer > begunAfter) break;
      if (seq <= view.seq) continue;
      fail(
        "reads are not stale",
        `${partner} ${view.id} is shown at entry ${view.seq}, although ${transfer} was answered before, which is its entry ${seq}`,
      );
    }
  }
}

/**
 * A cut is consistent: the amount that it reports as in transit is the amount that has left one of its accounts in the
 * balances shown, and has not reached the other.
 */
export function checkCuts(logs: readonly Replayed[], { cuts }: ClientHistory, fail: Fail): void {
  const entries = entriesByAccount(logs);
  for (const cut of cuts) {
    const shown = inTransitOf(cut, entries);
    const assets = new Set([...shown.keys(), ...Object.keys(cut.inTransit)]);
    for (const asset of assets) {
      const there = shown.get(asset)?.sum ?? 0n;
      if (there === BigInt(cut.inTransit[asset] ?? 0)) continue;
      const accounts = cut.accounts.map(({ id, posted, seq }) => `${id}: ${posted} (${seq})`).join(", ");
      const open = shown.get(asset)?.open.join(", ") ?? "nothing";
      fail(
        "cuts add up",
        `a cut of ${cut.partner} says that ${cut.inTransit[asset] ?? 0} ${asset} are in transit, and shows that it is ${there}, of ${open}; ${accounts}`,
      );
    }
  }
}

type InTransit = { sum: bigint; readonly open: string[] };

function inTransitOf({ partner, accounts }: ShownCut, entries: Entries): ReadonlyMap<string, InTransit> {
  /** By transfer, part and posting: the sides that belong to accounts of the cut. */
  const sides = new Map<string, { asset: string; there: boolean; amount: number }[]>();
  for (const { id, asset, seq } of accounts)
    for (const entry of entries.get(`${partner} ${id}`) ?? []) {
      const posting = `${entry.transfer} ${entry.posting}`;
      const side = { asset, there: entry.seq <= seq, amount: entry.amount };
      const known = sides.get(posting);
      if (known === undefined) sides.set(posting, [side]);
      else known.push(side);
    }
  const found = new Map<string, InTransit>();
  for (const [posting, [one, other]] of sides) {
    // Not in transit: the other account is not in the cut, or both sides are shown, or neither is.
    if (one === undefined || other === undefined || one.there === other.there) continue;
    const inTransit = found.get(one.asset) ?? { sum: 0n, open: [] };
    found.set(one.asset, inTransit);
    inTransit.sum -= BigInt(one.there ? one.amount : other.amount);
    inTransit.open.push(posting);
  }
  return found;
}

function entriesByAccount(logs: readonly Replayed[]): Entries {
  const found = new Map<string, Entry[]>();
  for (const record of logs.flatMap(({ records }) => records))
    for (const entry of entriesOf(record)) {
      if (isSystemAccount(entry.account)) continue;
      const account = `${record.command.partner} ${entry.account}`;
      const there = found.get(account);
      if (there === undefined) found.set(account, [entry]);
      else there.push(entry);
    }
  return found;
}
