/**
 * The quotas that the operator has set for partners, on every shard: the partner's own shard decides a change, and tells
 * all others by a notice.
 */
import { DEFAULT_QUOTAS, type QuotaName, type Quotas } from "../../quotas/default-quotas.ts";
import type { JsonValue } from "../../records/act.ts";
import type { DecisionContext, Done, Effect, Programme } from "../programme.ts";
import type { OwnQuotas, QuotasAct } from "./acts.ts";

type Item = readonly ["quotas", partner: string, quotas: OwnQuotas];
/** `all`: with the defaults of those that are not set. */
type Kept = Readonly<{ own: OwnQuotas; all: Quotas }>;

export class PartnerQuotas implements Programme<QuotasAct, OwnQuotas> {
  /** Of partners with a quota that is not the default. */
  readonly #set = new Map<string, Kept>();

  /** Asked for each command with a key. */
  of(partner: string): Quotas {
    return this.#set.get(partner)?.all ?? DEFAULT_QUOTAS;
  }

  decide({ quotas }: QuotasAct, { partner }: DecisionContext): Effect<OwnQuotas> {
    const own: Partial<Record<QuotaName, number>> = { ...this.#set.get(partner)?.own };
    for (const [name, quota] of Object.entries(quotas) as [QuotaName, number | null][]) {
      if (quota === null) delete own[name];
      else own[name] = quota;
    }
    return { ok: true, effect: own, notice: own };
  }

  apply(_: QuotasAct, own: OwnQuotas, { partner }: Done): void {
    this.#keep(partner, own);
  }

  receiveBroadcast(notice: JsonValue, partner: string): void {
    this.#keep(partner, notice as OwnQuotas);
  }

  answer(partner: string): JsonValue {
    return this.of(partner);
  }

  *items(): Generator<Item> {
    for (const [partner, { own }] of this.#set) yield ["quotas", partner, own];
  }

  restore(item: readonly JsonValue[]): void {
    const [, partner, own] = item as unknown as Item;
    this.#keep(partner, own);
  }

  #keep(partner: string, own: OwnQuotas): void {
    if (Object.keys(own).length === 0) this.#set.delete(partner);
    else this.#set.set(partner, { own, all: { ...DEFAULT_QUOTAS, ...own } });
  }
}
