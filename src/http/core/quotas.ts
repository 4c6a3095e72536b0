/** Quotas of partners: `/v1/partners/{id}/usage`, and the quotas in `PATCH /v1/partners/{id}`. */
import { z } from "@hono/zod-openapi";
import type { QuotaChanges } from "../../actors/programmes/quotas/acts.ts";
import {
  DEFAULT_QUOTAS,
  QUOTA_NAMES,
  type QuotaName,
  type Quotas,
} from "../../actors/quotas/default-quotas.ts";
import type { Directory, Ledger, Usage } from "../../gateway/ports.ts";
import { memberPartner } from "../auth.ts";
import { jsonAnswer } from "../call.ts";
import { IdParams } from "../input/path-id.ts";
import type { Routes } from "../routes.ts";

type Deps = Readonly<{ ledger: Ledger; directory: Directory }>;

const DESCRIPTIONS = {
  idempotency_keys:
    "Remembered idempotency keys, plus one reserved for the end of each open transfer. A key counts for up to an hour " +
    "longer than the 24 hours for which it is remembered.",
  open_transfers: "Pending transfers that are not posted, voided or expired.",
  bytes: "Estimated memory of accounts and their metadata, open transfers, and items that expire.",
} as const satisfies Record<QuotaName, string>;

const Count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** The members of an object that has one for each quota. */
function byQuota<T extends z.ZodType>(schema: T): Record<QuotaName, T> {
  const members = QUOTA_NAMES.map((name) => [name, schema.openapi({ description: DESCRIPTIONS[name] })]);
  return Object.fromEntries(members) as Record<QuotaName, T>;
}

export const QuotaPatch = z
  .strictObject(byQuota(Count.nullable().optional()))
  .openapi("QuotaPatch", { description: "`null` restores the default. Absent members stay unchanged." });
export const QuotasSchema = z
  .object(byQuota(Count))
  .openapi("Quotas", { description: "Limits on each shard.", example: DEFAULT_QUOTAS });

const used = { idempotency_keys: 1_250, open_transfers: 3, bytes: 1_350_000 };
const UsageSchema = z
  .object({
    partner: z.string(),
    used: z.object(byQuota(Count)).openapi({ description: "Sum over all shards." }),
    quotas: QuotasSchema,
    requests_in_flight: z.int().openapi({
      description:
        "Requests that wait for a shard, at the gateway that answers. Each gateway bounds them by itself.",
    }),
    shards: z.array(z.object({ shard: z.int(), ...byQuota(Count) })),
  })
  .openapi("PartnerUsage", {
    example: {
      partner: "acme",
      used,
      quotas: DEFAULT_QUOTAS,
      requests_in_flight: 2,
      shards: [{ shard: 0, ...used }],
    },
  });

/** The quota changes in a request body. */
export function changesOf(patch: z.infer<typeof QuotaPatch>): QuotaChanges {
  return Object.fromEntries(Object.entries(patch).filter(([, quota]) => quota !== undefined));
}

export function addUsage(routes: Routes, { ledger, directory }: Deps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/partners/{id}/usage",
      access: "member",
      group: "partners",
      summary: "Get a partner's quotas and usage",
      description:
        "A quota applies to each shard. If several partners use much of a shard, a partner may be limited to less than its " +
        "quota: to what is left of the shard's capacity.",
      params: IdParams,
      answer: { status: 200, description: "Usage and quotas.", content: { "application/json": UsageSchema } },
      problems: ["partner_not_found"],
    },
    async (request, call) => {
      await ledger.confirm();
      const { id: partner } = memberPartner(call, directory, request.param("id"));
      return jsonAnswer(call, 200, usageJson(partner, await ledger.usage(partner)));
    },
  );
}

function usageJson(partner: string, { quotas, shards, requestsInFlight }: Usage): string {
  return JSON.stringify({
    partner,
    used: sumOf(shards),
    quotas,
    requests_in_flight: requestsInFlight,
    shards: shards.map((shardUsage, shard) => ({ shard, ...shardUsage })),
  });
}

function sumOf(shards: readonly Quotas[]): object {
  const sums = QUOTA_NAMES.map((name) => [
    name,
    shards.reduce((sum, shardUsage) => sum + shardUsage[name], 0),
  ]);
  return Object.fromEntries(sums) as object;
}
