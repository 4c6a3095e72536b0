/**
 * The quotas that the operator has set for partners. Every shard has all of them; the partner's home shard decides a
 * change and broadcasts it to the others.
 */
import { DEFAULT_QUOTAS, QUOTA_NAMES, type QuotaName, type Quotas } from "../../quotas/default-quotas.ts";
import { type Changes, type Decisions, TypedProgramme } from "../programme.ts";
import type { OwnQuotas, QuotasActs } from "./acts.ts";

type Item = readonly ["quotas", partner: string, quotas: OwnQuotas];
/** `all`: the set quotas, completed with the defaults. */
type StoredQuotas = Readonly<{ own: OwnQuotas; all: Quotas }>;

export class PartnerQuotas extends TypedProgramme<QuotasActs, Record<never, never>, OwnQuotas, Item> {
  /** By partner; only partners with a quota that differs from the default. */
  readonly #quotas = new Map<string, StoredQuotas>();

  /** On the hot path: called for each command with an idempotency key. */
  of(partner: string): Quotas {
    return this.#quotas.get(partner)?.all ?? DEFAULT_QUOTAS;
  }

  protected readonly decisions: Decisions<QuotasActs, OwnQuotas> = {
    set_quotas: ({ quotas }, { partner }) => {
      const own: Partial<Record<QuotaName, number>> = { ...this.#quotas.get(partner)?.own };
      for (const name of QUOTA_NAMES) {
        const quota = quotas[name];
        if (quota === null) delete own[name];
        else if (quota !== undefined) own[name] = quota;
      }
      return { ok: true, effect: own, notice: own };
    },
  };

  protected readonly changes: Changes<QuotasActs> = {
    set_quotas: (_, own, { partner }) => this.#store(partner, own),
  };

  protected readonly answers = {};

  protected override receive(own: OwnQuotas, partner: string): void {
    this.#store(partner, own);
  }

  *items(): Generator<Item> {
    for (const [partner, { own }] of this.#quotas) yield ["quotas", partner, own];
  }

  protected restoreItem([, partner, own]: Item): void {
    this.#store(partner, own);
  }

  #store(partner: string, own: OwnQuotas): void {
    if (Object.keys(own).length === 0) this.#quotas.delete(partner);
    else this.#quotas.set(partner, { own, all: { ...DEFAULT_QUOTAS, ...own } });
  }
}
