/** What can be asked about quotas: only the operator asks for a change. See src/actors/quotas. */
import { vnodeOf } from "../../ledger/routing.ts";
import type { Quotas } from "../../quotas/default-quotas.ts";
import type { Growth } from "../programme.ts";

/** No account has this id, so a partner's own keys cannot meet the operator's. */
const QUOTAS_SUBJECT = "#quotas";

/** `null`: the default. */
export type QuotaChanges = Readonly<Partial<Record<keyof Quotas, number | null>>>;

export type SetQuotas = Readonly<{
  programme: "quotas";
  act: "set_quotas";
  subject: string;
  vnode: number;
  quotas: QuotaChanges;
}>;

export type QuotasAct = SetQuotas;

/** Those that are not the default: the effect of the act, and the notice to all other shards. */
export type OwnQuotas = Readonly<Partial<Quotas>>;

/** Decided where the partner itself is. */
export function setQuotas(partner: string, quotas: QuotaChanges): SetQuotas {
  const vnode = vnodeOf(partner, "");
  return { programme: "quotas", act: "set_quotas", subject: QUOTAS_SUBJECT, vnode, quotas };
}

export const QUOTAS_GROWTH = { set_quotas: "never" } as const satisfies Record<QuotasAct["act"], Growth>;
