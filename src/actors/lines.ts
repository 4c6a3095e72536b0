import type { LedgerState } from "./ledger-state.ts";

/**
 * The whole state as plain lines in a fixed order, for comparing two states (I9). Keys past their window at `nowMs` are
 * not part of it.
 */
export function* linesOf(state: LedgerState, nowMs: number): Generator<string> {
  yield* [...unsorted(state)].map((line) => JSON.stringify(line)).toSorted();
  for (const pair of state.keys.entries(nowMs)) yield JSON.stringify(["key", ...pair]);
}

function* unsorted(state: LedgerState): Generator<readonly unknown[]> {
  for (const [partner, book] of state.books) {
    const { keys, openTransfers, bytes } = book.usage;
    // A book may be there although no record has touched it.
    if (keys.hours.length + bytes > 0) yield ["usage", partner, keys.hours, openTransfers, bytes];
    for (const account of book.accounts.values()) {
      const { batch: _batch, pinned: _pinned, pins: _pins, programme, ...plain } = account;
      yield ["account", partner, programme === null ? plain : { ...plain, programme }];
    }
    for (const [name, asset, vnode, { posted, held, seq, reserved }] of book.slices()) {
      const plain = { posted, held, seq };
      yield ["slice", partner, name, asset, vnode, reserved === 0 ? plain : { ...plain, reserved }];
    }
    for (const [asset, { sent, received }] of book.crossed)
      yield ["crossed", partner, asset, `${sent}`, `${received}`];
  }
  for (const [shard, { sent, forgotten, received, kept }] of state.exchanges)
    if (sent + received > 0) yield ["exchange", shard, forgotten, kept, received];
  for (const { partner, keys } of state.partners.values()) yield ["partner", partner, [...keys.values()]];
  for (const { place: _place, ...transfer } of state.compound.pending.all()) yield ["pending", transfer];
  for (const entry of state.compound.reservations.entries()) yield ["reservation", ...entry];
  yield ["claims_forgotten", state.claims.forgotten];
  for (const entry of state.claims.all()) yield ["claim", ...entry];
  for (const entry of state.programmes.items()) yield ["programme", ...entry];
  yield ["operator_key", state.operatorKeyHash ?? null];
}
