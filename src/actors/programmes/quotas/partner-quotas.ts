/**
 * The quotas that the operator has set for partners, on every shard: the partner's own shard decides a change, and tells
 * all others by a notice.
 */
import type { QuotaName } from "../../quotas/quotas.ts";
import type { Context, Done, Effect, Plain, Programme } from "../programme.ts";
import type { OwnQuotas, QuotasAct } from "./acts.ts";

type Item = readonly ["quotas", partner: string, quotas: OwnQuotas];

export class PartnerQuotas implements Programme<QuotasAct, OwnQuotas> {
  /** Of partners with a quota that is not the default. */
  readonly #own = new Map<string, OwnQuotas>();

  of(partner: string): OwnQuotas {
    return this.#own.get(partner) ?? {};
  }

  decide({ quotas }: QuotasAct, { partner }: Context): Effect<OwnQuotas> {
    const own: Partial<Record<QuotaName, number>> = { ...this.of(partner) };
    for (const [name, quota] of Object.entries(quotas) as [QuotaName, number | null][]) {
      if (quota === null) delete own[name];
      else own[name] = quota;
    }
    return { ok: true, effect: own, notice: own };
  }

  apply(_: QuotasAct, own: OwnQuotas, { partner }: Done): void {
    this.#set(partner, own);
  }

  hear(notice: Plain, partner: string): void {
    this.#set(partner, notice as OwnQuotas);
  }

  answer(partner: string): Plain {
    return this.of(partner);
  }

  *items(): Generator<Item> {
    for (const [partner, own] of this.#own) yield ["quotas", partner, own];
  }

  restore(item: readonly Plain[]): void {
    const [, partner, own] = item as unknown as Item;
    this.#set(partner, own);
  }

  #set(partner: string, own: OwnQuotas): void {
    if (Object.keys(own).length === 0) this.#own.delete(partner);
    else this.#own.set(partner, own);
  }
}
