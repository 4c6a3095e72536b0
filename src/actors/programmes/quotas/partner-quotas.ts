/**
 * The quotas that the operator has set for partners. Every shard has all of them; the partner's home shard decides a
 * change and broadcasts it to the others.
 */
import { DEFAULT_QUOTAS, type QuotaName, type Quotas } from "../../quotas/default-quotas.ts";
import type { JsonValue } from "../../records/act.ts";
import type { AcceptedAct, ApplyContext, DecisionContext, Programme } from "../programme.ts";
import type { OwnQuotas, QuotasAct } from "./acts.ts";

type Item = readonly ["quotas", partner: string, quotas: OwnQuotas];
/** `all`: the set quotas, completed with the defaults. */
type StoredQuotas = Readonly<{ own: OwnQuotas; all: Quotas }>;

export class PartnerQuotas implements Programme<QuotasAct, OwnQuotas> {
  /** By partner; only partners with a quota that differs from the default. */
  readonly #quotas = new Map<string, StoredQuotas>();

  /** On the hot path: called for each command with an idempotency key. */
  of(partner: string): Quotas {
    return this.#quotas.get(partner)?.all ?? DEFAULT_QUOTAS;
  }

  decide({ quotas }: QuotasAct, { partner }: DecisionContext): AcceptedAct<OwnQuotas> {
    const own: Partial<Record<QuotaName, number>> = { ...this.#quotas.get(partner)?.own };
    for (const [name, quota] of Object.entries(quotas) as [QuotaName, number | null][]) {
      if (quota === null) delete own[name];
      else own[name] = quota;
    }
    return { ok: true, effect: own, notice: own };
  }

  apply(_: QuotasAct, own: OwnQuotas, { partner }: ApplyContext): void {
    this.#store(partner, own);
  }

  receiveBroadcast(notice: JsonValue, partner: string): void {
    this.#store(partner, notice as OwnQuotas);
  }

  answer(partner: string): JsonValue {
    return this.of(partner);
  }

  *items(): Generator<Item> {
    for (const [partner, { own }] of this.#quotas) yield ["quotas", partner, own];
  }

  restore(item: readonly JsonValue[]): void {
    const [, partner, own] = item as unknown as Item;
    this.#store(partner, own);
  }

  #store(partner: string, own: OwnQuotas): void {
    if (Object.keys(own).length === 0) this.#quotas.delete(partner);
    else this.#quotas.set(partner, { own, all: { ...DEFAULT_QUOTAS, ...own } });
  }
}
