import type { LedgerState } from "./ledger-state.ts";

/** The whole state as sorted lines of JSON, to compare two states (I9). Omits keys past their window at `nowMs`. */
export function* stateLines(state: LedgerState, nowMs: number): Generator<string> {
  yield* [...unsorted(state)].map((line) => JSON.stringify(line)).toSorted();
  for (const pair of state.keys.entries(nowMs)) yield JSON.stringify(["key", ...pair]);
}

function* unsorted(state: LedgerState): Generator<readonly unknown[]> {
  for (const [partner, book] of state.books) {
    const { keys, openTransfers, bytes } = book.usage;
    // A look-up may have created a book that no record has changed.
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

/**
 * A cheap digest of the state as JSON: counts and sums of everything. Equal histories have equal digests. It detects a
 * kind of item that is missing altogether, not every difference.
 */
export function stateDigest(state: LedgerState): string {
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
