import type { LedgerState } from "./ledger-state.ts";

/**
 * What a state comes to, in short: how many there are of everything, and the sums of their figures. States of the same
 * history have the same census, in the same order. It costs little, and shows whatever was left out as a whole.
 */
export function censusOf(state: LedgerState): string {
  const books = [...state.books].map(([partner, book]) => {
    const sums = { accounts: 0, slices: 0, posted: 0, held: 0, seq: 0, limits: 0, metadata: 0 };
    for (const { posted, held, seq, velocities, metadata } of book.accounts.values()) {
      sums.accounts += 1;
      sums.posted += posted;
      sums.held += held;
      sums.seq += seq;
      sums.limits += velocities?.length ?? 0;
      sums.metadata += metadata?.length ?? 0;
    }
    for (const [, , , { posted, held, seq }] of book.slices()) {
      sums.slices += 1;
      sums.posted += posted;
      sums.held += held;
      sums.seq += seq;
    }
    const crossed = [...book.crossed].map(([asset, { sent, received }]) => [asset, `${sent}`, `${received}`]);
    return [partner, sums, crossed];
  });
  const exchanges = [...state.exchanges]
    .filter(([, { sent, received }]) => sent + received > 0)
    .map(([shard, { sent, forgotten, received, kept }]) => [shard, sent, forgotten, received, kept.length]);
  const partners = [...state.partners].map(([id, { keys }]) => [id, keys.size]);
  const { pending, reservations } = state.compound;
  const programmes = new Map<string, number>();
  for (const [programme] of state.programmes.items())
    programmes.set(programme, (programmes.get(programme) ?? 0) + 1);
  return JSON.stringify({
    books,
    programmes: [...programmes],
    exchanges,
    partners,
    keys: state.keys.size,
    pending: pending.size,
    reservations: reservations.size,
    claims: state.claims.size,
    hasOperatorKey: state.operatorKeyHash !== undefined,
  });
}
