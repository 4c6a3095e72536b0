/**
 * Finds ends of all shards' logs that fit together after one of them has lost batches. A shard must not have received
 * what another has not sent (I8), must not have forgotten what another has not received, and must not have sent what
 * cannot be applied where it goes. See docs/adr/0036-what-a-log-has-lost.md.
 */

import type { Message } from "../../actors/ledger/exchange.ts";
import { Ledger } from "../../actors/ledger/ledger.ts";
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import { assert } from "../../errors/assert.ts";
import { NO_BATCH } from "../../wal/frame.ts";
import { batchIdBefore, compareLogIds, type LogId, type Witness } from "../../wal/wal.ts";
import { rebuild, type Sources } from "./rebuild.ts";

/** A shard's log, and its newest batch that may be kept. */
export type ShardEnd = Readonly<{ sources: Sources; newest: Witness }>;

/** The greatest numbers of messages that a shard may have received from a peer, forgotten, and sent to it. */
type Limits = { received: number; forgotten: number; sent: number };

type State = { end: Witness; ledger: Ledger; readonly limits: Limits[] };

/**
 * Moves ends back until all fit together, each only as far as it must.
 *
 * @param shards in the order of their numbers.
 * @returns the newest batch of each shard that can be kept; epoch 0: none.
 * @throws LogError `log_lost_data`: a log was trimmed, and no snapshot reaches back far enough.
 */
export async function findConsistentEnds(shards: readonly ShardEnd[]): Promise<readonly Witness[]> {
  const states: State[] = [];
  for (const { sources, newest } of shards) {
    const limits = shards.map(() => ({ received: Infinity, forgotten: Infinity, sent: Infinity }));
    states.push({ end: newest, ledger: await stateAt(sources, newest.id), limits });
  }
  for (;;) {
    const excess = states.findIndex((_, shard) => tighten(states, shard));
    if (excess < 0) return states.map(({ end }) => end);
    const state = states[excess] as State;
    const { sources } = shards[excess] as ShardEnd;
    state.end = await findEnd(sources, state.end.id, (ledger) => fits(ledger, state.limits));
    state.ledger = await stateAt(sources, state.end.id);
  }
}

/** Lowers the limits of a shard to what its peers' states allow. @returns whether its state is beyond them */
function tighten(states: readonly State[], shard: number): boolean {
  const { ledger, limits } = states[shard] as State;
  for (const [peer, { ledger: other }] of states.entries()) {
    if (peer === shard) continue;
    const limit = limits[peer] as Limits;
    const { sent, received } = other.exchange(shard);
    limit.received = Math.min(limit.received, sent);
    limit.forgotten = Math.min(limit.forgotten, received);
    const bad = ledger
      .exchange(peer)
      .kept.find(({ message }) => message.no > received && !isApplicable(other, message));
    if (bad !== undefined) limit.sent = Math.min(limit.sent, bad.message.no - 1);
  }
  return !fits(ledger, limits);
}

/** Once false, it stays false: none of these numbers ever falls. */
function fits(ledger: Ledger, limits: readonly Limits[]): boolean {
  return [...ledger.state.exchanges].every(([peer, { received, forgotten, sent }]) => {
    const limit = limits[peer];
    return (
      limit === undefined ||
      (received <= limit.received && forgotten <= limit.forgotten && sent <= limit.sent)
    );
  });
}

/** Whether the accounts and the reservation that a committed message needs are there. */
function isApplicable(ledger: Ledger, message: Message): boolean {
  if (message.op === "notice") return true;
  const { partner } = message;
  const isThere = (id: string) => isSystemAccount(id) || ledger.account(partner, id) !== undefined;
  if (message.op === "credit") return isThere(message.credit);
  const { legs, purpose, transfer } = message;
  const isReserved = purpose !== "capture" && legs.some(({ amount }) => amount < 0);
  if (isReserved && ledger.compound.reservations.holdsOf(transfer.id).length === 0) return false;
  return legs.every(({ account }) => isThere(account));
}

/** The newest batch at or before `bound` after which the state fits. */
async function findEnd(sources: Sources, bound: LogId, isFit: (ledger: Ledger) => boolean): Promise<Witness> {
  for (let until = bound; ; ) {
    let newest: Witness | undefined;
    const { snapshot, ledger, replayed } = await rebuild(sources, { id: until }, (batch, state) => {
      if (isFit(state)) newest = { id: batch.id, hash: batch.hash };
    });
    if (newest !== undefined) return newest;
    if (snapshot === undefined) return NO_BATCH;
    if (replayed === 0 && isFit(ledger)) return { id: snapshot.id, hash: snapshot.hash };
    // The snapshot's own state comes next, then what was before it.
    until = replayed > 0 ? snapshot.id : batchIdBefore(snapshot.id);
  }
}

async function stateAt(sources: Sources, id: LogId): Promise<Ledger> {
  const { shard, shards } = sources;
  if (id.epoch === 0) return new Ledger(shard, shards);
  const { ledger, last } = await rebuild(sources, { id }, () => {});
  assert(
    last !== undefined && compareLogIds(last.id, id) === 0,
    "a state is rebuilt up to a batch of the log",
  );
  return ledger;
}
