/**
 * Consistent cuts. While one is made, this shard takes no messages of other shards, so that nothing that happened after
 * some shard's capture is seen in another's; what is on its way then is counted by its sender.
 */
import type { Account } from "../actors/account.ts";
import { viewOf } from "../actors/account.ts";
import type { Ledger } from "../actors/ledger.ts";
import type { QueryResults } from "./messages.ts";

/** A cut that takes longer is over: whoever makes it begins anew. */
const CUT_MS_MAX = 1_000;
/**
 * Others join a halt that began so recently; later ones wait until messages have had their turn. But a cut never waits for
 * one that was begun after it, which may wait for it on another shard.
 */
const JOIN_MS_MAX = 20;
/** Cuts at once, and those that wait. */
const CUTS_MAX = 1024;

type Halted = NonNullable<QueryResults["halt"]>;

export class Cuts {
  readonly #ledger: Ledger;
  readonly #others: readonly number[];
  /** By name, when each was begun. */
  readonly #active = new Map<string, number>();
  #haltedAtMs = 0;
  #waiting: (readonly [cut: string, onHalted: (received: Halted) => void])[] = [];

  constructor(ledger: Ledger, self: number, shards: number) {
    this.#ledger = ledger;
    this.#others = Array.from({ length: shards }, (_, shard) => shard).filter((shard) => shard !== self);
  }

  get isHalted(): boolean {
    return this.#active.size > 0;
  }

  /**
   * @param cut its name; those that were begun later come later in order.
   * @returns "refused" when there are too many.
   */
  halt(cut: string, onHalted: (received: Halted) => void): "halted" | "waits" | "refused" {
    if (this.#active.size + this.#waiting.length >= CUTS_MAX) return "refused";
    const nowMs = performance.now();
    const isLate = this.isHalted && nowMs - this.#haltedAtMs > JOIN_MS_MAX;
    if (isLate && [...this.#active.keys()].every((other) => other < cut)) {
      this.#waiting.push([cut, onHalted]);
      return "waits";
    }
    this.#begin(cut, nowMs, onHalted);
    return "halted";
  }

  /** The accounts here, and what this shard has sent from one account of the cut to another and has not arrived yet. */
  capture(
    partner: string,
    cut: string,
    ids: readonly string[],
    heard: readonly (readonly [shard: number, upTo: number])[],
  ): Readonly<{ result: QueryResults["capture"]; isOver: boolean }> {
    if (!this.#active.delete(cut)) return { result: null, isOver: false };
    const chosen = new Set(ids);
    const accounts = ids
      .map((id) => this.#ledger.account(partner, id))
      .filter((account): account is Account => account !== undefined);
    const inTransit = new Map<string, bigint>();
    for (const [shard, upTo] of heard) {
      for (const { message } of this.#ledger.exchange(shard).kept) {
        if (message.op === "notice" || message.no <= upTo || message.partner !== partner) continue;
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
      accounts: accounts.map(viewOf),
      inTransit: [...inTransit].map(([asset, amount]) => [asset, `${amount}`] as const),
    };
    return { result, isOver: this.#active.size === 0 };
  }

  /** Ends what takes too long. */
  expire(): void {
    const nowMs = performance.now();
    for (const [cut, sinceMs] of this.#active) if (nowMs - sinceMs > CUT_MS_MAX) this.#active.delete(cut);
  }

  /** Messages have had their turn: those that waited for it go ahead. */
  next(): void {
    if (this.isHalted || this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    const nowMs = performance.now();
    for (const [cut, onHalted] of waiting) this.#begin(cut, nowMs, onHalted);
  }

  #begin(cut: string, nowMs: number, onHalted: (received: Halted) => void): void {
    if (this.#active.size === 0) this.#haltedAtMs = nowMs;
    this.#active.set(cut, nowMs);
    onHalted(this.#others.map((shard) => [shard, this.#ledger.exchange(shard).received] as const));
  }
}
