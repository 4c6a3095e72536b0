/** All balances of some shards as CSV (RFC 4180). */
import type { LedgerState } from "../actors/ledger-state.ts";
import { csvCell } from "../csv.ts";

type Row = readonly [
  partner: string,
  account: string,
  asset: string,
  ...figures: readonly (string | number | bigint)[],
];

/** In order of partner, account and asset, so that two files can be compared line by line. */
export function* balanceLines(states: readonly LedgerState[]): Generator<string> {
  yield "partner,account,asset,status,posted,held,available,seq";
  const rows = [...states.flatMap((state) => [...accountRows(state)]), ...systemRows(states)];
  for (const row of rows.toSorted(compareRows)) yield row.map(csvCell).join(",");
}

function* accountRows(state: LedgerState): Generator<Row> {
  for (const [partner, { accounts }] of state.books) {
    for (const { id, asset, status, posted, held, seq } of accounts.values())
      yield [partner, id, asset, status, posted, held, posted - held, seq];
  }
}

/** A system account has a slice on many vnodes, and may have some on every shard. */
function systemRows(states: readonly LedgerState[]): Row[] {
  const sums = new Map<string, { names: readonly [string, string, string]; posted: bigint; held: bigint }>();
  for (const state of states) {
    for (const [partner, book] of state.books) {
      for (const [name, asset, , { posted, held }] of book.slices()) {
        const key = `${partner}\0${name}\0${asset}`;
        const sum = sums.get(key) ?? { names: [partner, name, asset] as const, posted: 0n, held: 0n };
        sums.set(key, { ...sum, posted: sum.posted + BigInt(posted), held: sum.held + BigInt(held) });
      }
    }
  }
  return [...sums.values()].map(({ names, posted, held }) => [...names, "", posted, held, posted - held, ""]);
}

function compareRows(a: Row, b: Row): number {
  for (const column of [0, 1, 2] as const) if (a[column] !== b[column]) return a[column] < b[column] ? -1 : 1;
  return 0;
}
