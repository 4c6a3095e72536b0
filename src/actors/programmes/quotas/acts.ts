/** The act that changes a partner's quotas. Only the operator sends it. See src/actors/quotas. */
import { vnodeOf } from "../../ledger/routing.ts";
import type { Quotas } from "../../quotas/default-quotas.ts";
import type { MemoryGrowth } from "../programme.ts";

/** No account can have this id, so the idempotency keys of the partner and of the operator never collide. */
const QUOTAS_SUBJECT = "#quotas";

/** `null` resets a quota to its default. */
export type QuotaChanges = Readonly<Partial<Record<keyof Quotas, number | null>>>;

export type SetQuotas = Readonly<{
  programme: "quotas";
  act: "set_quotas";
  subject: string;
  vnode: number;
  quotas: QuotaChanges;
}>;

export type QuotasAct = SetQuotas;

/** The quotas that differ from the default: the effect of the act, and the notice to all other shards. */
export type OwnQuotas = Readonly<Partial<Quotas>>;

/** Builds the act. The home shard of the partner decides it. */
export function setQuotas(partner: string, quotas: QuotaChanges): SetQuotas {
  const vnode = vnodeOf(partner, "");
  return { programme: "quotas", act: "set_quotas", subject: QUOTAS_SUBJECT, vnode, quotas };
}

export const QUOTAS_GROWTH = { set_quotas: "never" } as const satisfies Record<
  QuotasAct["act"],
  MemoryGrowth
>;
