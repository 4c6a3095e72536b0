/** The act that changes a partner's quotas. Only the operator sends it. See src/actors/quotas. */
import { vnodeOf } from "../../ledger/routing.ts";
import type { Quotas } from "../../quotas/default-quotas.ts";
import { actsOf, type MemoryGrowth } from "../programme.ts";

/** No account can have this id, so the idempotency keys of the partner and of the operator never collide. */
const QUOTAS_SUBJECT = "#quotas";

/** `null` resets a quota to its default. */
export type QuotaChanges = Readonly<Partial<Record<keyof Quotas, number | null>>>;

/** The quotas that differ from the default: the effect of the act, and the notice to all other shards. */
export type OwnQuotas = Readonly<Partial<Quotas>>;

export type QuotasActs = { set_quotas: { fields: { quotas: QuotaChanges }; effect: OwnQuotas } };

const quotasAct = actsOf<QuotasActs>("quotas");

/** Builds the act. The home shard of the partner decides it. */
export function setQuotas(partner: string, quotas: QuotaChanges) {
  return quotasAct("set_quotas", QUOTAS_SUBJECT, { vnode: vnodeOf(partner, ""), quotas });
}

export const QUOTAS_GROWTH = { set_quotas: "never" } as const satisfies Record<
  keyof QuotasActs,
  MemoryGrowth
>;
