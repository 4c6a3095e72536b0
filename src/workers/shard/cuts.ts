/**
 * Consistent cuts of accounts on several shards. A gateway halts every shard, then captures every shard.
 *
 * - A shard that has accounts of the cut handles no messages of other shards between its halt and its capture. So no
 *   account is captured with the effect of a transfer that was committed after some shard's capture.
 * - Any shard may be the home of a transfer between the accounts, and only the home knows the amounts in transit. So
 *   all shards are captured, and each keeps the messages that it has sent from its halt to its capture. A shard
 *   without accounts of the cut goes on handling messages (ADR 15).
 */
import { viewOf } from "../../actors/ledger/account.ts";
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { PAGE_BYTES_MAX } from "../../bounds/page-bytes.ts";
import type { QueryResults } from "./messages.ts";
import { accountsWithin } from "./shard-query.ts";

/** A cut that takes longer expires; the gateway begins a new one. */
const CUT_MS_MAX = 1_000;
/**
 * A new cut joins a halt that is at most this old. Otherwise it waits until messages were handled, so that
 * back-to-back cuts cannot starve them. But a cut never waits for a younger one, which may wait for it on another
 * shard (deadlock).
 */
const JOIN_MS_MAX = 20;
/** Active and waiting cuts together. */
const CUTS_MAX = 1024;

type Halted = NonNullable<QueryResults["halt"]>;
type OnHalted = (received: Halted) => void;

type Cut = Readonly<{
  sinceMs: number;
  hasAccounts: boolean;
  /** By shard, the newest message known to be delivered when the cut began: messages up to it may be forgotten. */
  delivered: ReadonlyMap<number, number>;
}>;

export class Cuts {
  readonly #ledger: Ledger;
  readonly #deliveredTo: (shard: number) => number;
  readonly #others: readonly number[];
  /** By cut id. */
  readonly #active = new Map<string, Cut>();
  #haltedAtMs = 0;
  #waiting: (readonly [cut: string, onHalted: OnHalted])[] = [];

  /** @param deliveredTo the newest message to a shard that it has acknowledged as durable. */
  constructor(ledger: Ledger, self: number, shards: number, deliveredTo: (shard: number) => number) {
    this.#ledger = ledger;
    this.#deliveredTo = deliveredTo;
    this.#others = Array.from({ length: shards }, (_, shard) => shard).filter((shard) => shard !== self);
  }

  /** Whether messages of other shards must wait. */
  get isHalted(): boolean {
    return [...this.#active.values()].some(({ hasAccounts }) => hasAccounts);
  }

  /** Messages to this shard up to this number are not needed by any cut. */
  forgettable(shard: number): number {
    let upTo = Number.POSITIVE_INFINITY;
    for (const { delivered } of this.#active.values()) upTo = Math.min(upTo, delivered.get(shard) ?? 0);
    return upTo;
  }

  /**
   * @param cut its id; ids of younger cuts sort after it.
   * @param hasAccounts whether some of its accounts are here.
   * @param onHalted called when the cut begins here, with the newest message received from each other shard.
   * @returns "refused" when there are too many.
   */
  halt(cut: string, hasAccounts: boolean, onHalted: OnHalted): "halted" | "waits" | "refused" {
    if (this.#active.size + this.#waiting.length >= CUTS_MAX) return "refused";
    const nowMs = performance.now();
    const isLate = hasAccounts && this.isHalted && nowMs - this.#haltedAtMs > JOIN_MS_MAX;
    if (isLate && [...this.#active].every(([other, begun]) => !begun.hasAccounts || other < cut)) {
      this.#waiting.push([cut, onHalted]);
      return "waits";
    }
    this.#begin(cut, hasAccounts, nowMs, onHalted);
    return "halted";
  }

  /**
   * Returns the accounts on this shard and the amounts in transit: messages from here, between accounts of the cut,
   * that have not arrived. Credits minus debits, because of a transfer whose home is a third shard either may arrive
   * first.
   *
   * @param received for each shard with accounts, the newest message of this shard that it had received.
   */
  capture(
    partner: string,
    cut: string,
    ids: readonly string[],
    received: readonly (readonly [shard: number, upTo: number])[],
  ): Readonly<{ result: QueryResults["capture"]; isOver: boolean }> {
    const begun = this.#active.get(cut);
    if (begun === undefined) return { result: null, isOver: false };
    this.#active.delete(cut);
    const chosen = new Set(ids);
    const { found, read } = accountsWithin(this.#ledger, partner, ids, PAGE_BYTES_MAX);
    const inTransit = new Map<string, bigint>();
    for (const [shard, upTo] of received) {
      const { kept, forgotten } = this.#ledger.exchange(shard);
      for (let at = Math.max(0, upTo - forgotten); at < kept.length; at++) {
        const message = kept[at]?.message;
        if (message === undefined || message.op === "notice" || message.partner !== partner) continue;
        const legs =
          message.op === "credit"
            ? [{ account: message.credit, counterparty: message.debit, amount: message.amount, asset: "" }]
            : message.legs;
        for (const { account, counterparty, amount, asset } of legs) {
          if (!chosen.has(account) || !chosen.has(counterparty)) continue;
          const code = asset || (this.#ledger.account(partner, counterparty)?.asset ?? "");
          inTransit.set(code, (inTransit.get(code) ?? 0n) + BigInt(amount));
        }
      }
    }
    const result = {
      accounts: read < ids.length ? null : found.map(viewOf),
      inTransit: [...inTransit].map(([asset, amount]) => [asset, `${amount}`] as const),
    };
    return { result, isOver: begun.hasAccounts && !this.isHalted };
  }

  /** Drops cuts that take too long. */
  expire(): void {
    const nowMs = performance.now();
    for (const [cut, { sinceMs }] of this.#active) if (nowMs - sinceMs > CUT_MS_MAX) this.#active.delete(cut);
  }

  /** Called after messages were handled: begins the waiting cuts. */
  next(): void {
    if (this.isHalted || this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    const nowMs = performance.now();
    for (const [cut, onHalted] of waiting) this.#begin(cut, true, nowMs, onHalted);
  }

  #begin(cut: string, hasAccounts: boolean, nowMs: number, onHalted: OnHalted): void {
    if (hasAccounts && !this.isHalted) this.#haltedAtMs = nowMs;
    const delivered = new Map(this.#others.map((shard) => [shard, this.#deliveredTo(shard)]));
    this.#active.set(cut, { sinceMs: nowMs, hasAccounts, delivered });
    onHalted(this.#others.map((shard) => [shard, this.#ledger.exchange(shard).received] as const));
  }
}
