/** The fields of an account in requests and answers: schemas, JSON, and the rules that a request sets. */
import { z } from "@hono/zod-openapi";
import type { AccountRules, AccountView, UpdateAccount } from "../../../actors/records/command.ts";
import type { SystemAccount } from "../../../gateway/ports.ts";
import { Asset, Balance, Metadata, MetadataPatch, NewAccountId, timeTextOf } from "../../input/fields.ts";
import { canonicalJson } from "../../input/fingerprint.ts";
import { LimitRule, Limits, limitsJson, limitsOf } from "./account-limits.ts";

const Floor = z
  .int()
  .max(0)
  .nullable()
  .openapi({ description: "Minimum of `available`; null: no minimum.", example: 0 });
const Ceiling = z
  .int()
  .nullable()
  .openapi({ description: "Maximum of `posted`; null: no maximum.", example: null });

export const NewAccount = z
  .strictObject({
    id: NewAccountId.optional(),
    asset: Asset,
    floor: Floor.optional(),
    ceiling: Ceiling.optional(),
    limits: Limits.optional(),
    metadata: Metadata.optional(),
  })
  .openapi("NewAccount", { example: { id: "alice/points", asset: "PTS/0" } });

export const AccountPatch = z
  .strictObject({
    floor: Floor.optional(),
    ceiling: Ceiling.optional(),
    limits: Limits.optional(),
    metadata: MetadataPatch.optional(),
  })
  .openapi("AccountPatch", { example: { floor: -10_000, metadata: { tier: "gold" } } });

type ChangedRules = Pick<UpdateAccount, keyof AccountRules>;

/** Normalizes -0, which JSON allows, to 0. */
function withoutMinusZero(value: number | null): number | null {
  return value === 0 ? 0 : value;
}

/** The rules of a new account. Absent: no overdraft, no ceiling. */
export function rulesOf({
  floor = 0,
  ceiling = null,
  metadata,
  limits,
}: z.infer<typeof NewAccount>): AccountRules {
  return {
    floor: withoutMinusZero(floor),
    ceiling: withoutMinusZero(ceiling),
    metadata: metadata === undefined ? null : canonicalJson(metadata),
    ...(limits === undefined ? {} : { limits: limitsOf(limits) }),
  };
}

/** The rules that a patch changes. */
export function changedRulesOf(patch: z.infer<typeof AccountPatch>): ChangedRules {
  const { floor, ceiling, metadata, limits } = patch;
  return {
    ...(floor === undefined ? {} : { floor: withoutMinusZero(floor) }),
    ...(ceiling === undefined ? {} : { ceiling: withoutMinusZero(ceiling) }),
    ...(metadata === undefined ? {} : { metadata: canonicalJson(metadata) }),
    ...(limits === undefined ? {} : { limits: limitsOf(limits) }),
  };
}

/** `metadata` is canonical JSON text already, so it is inserted unchanged. */
export function accountJson(account: AccountView): string {
  const { id, asset, status, floor, ceiling, posted, held, seq, metadata, createdAtMs, limits } = account;
  return (
    `{"id":"${id}","asset":"${asset}","status":"${status}","floor":${floor},"ceiling":${ceiling},` +
    `"limits":[${limits === undefined ? "" : limitsJson(limits)}],` +
    `"posted":${posted},"held":${held},"available":${posted - held},"seq":${seq},"metadata":${metadata ?? "{}"},` +
    `"created_at":"${timeTextOf(createdAtMs)}"}`
  );
}

/** Omits the id, which is assigned only when the account is created. */
export function namelessJson(account: AccountView): string {
  const { id: _, ...nameless } = JSON.parse(accountJson(account)) as Readonly<{ id: string }>;
  return JSON.stringify(nameless);
}

/** Sums are bigints, written digit by digit: as numbers they could be rounded. */
export function systemAccountJson({ id, balances }: SystemAccount): string {
  const rows = Object.entries(balances).map(
    ([asset, { posted, held }]) => `${JSON.stringify(asset)}:{"posted":${posted},"held":${held}}`,
  );
  return `{"id":${JSON.stringify(id)},"system":true,"balances":{${rows.join(",")}}}`;
}

export const AccountSchema = z
  .object({
    id: z.string(),
    asset: z.string(),
    status: z.enum(["open", "frozen", "closed"]),
    floor: z.int().nullable(),
    ceiling: z.int().nullable(),
    limits: z.array(LimitRule),
    posted: Balance,
    held: Balance,
    available: Balance,
    seq: z.int(),
    metadata: z.record(z.string(), z.string()),
    created_at: z.iso.datetime(),
  })
  .openapi("Account", {
    example: {
      id: "alice/points",
      asset: "PTS/0",
      status: "open",
      floor: 0,
      ceiling: null,
      limits: [],
      posted: 2500,
      held: 0,
      available: 2500,
      seq: 1,
      metadata: {},
      created_at: "2026-11-20T10:00:00.000Z",
    },
  });

export const NamelessAccount = AccountSchema.omit({ id: true }).openapi("NamelessAccount");

export const SystemAccountSchema = z
  .object({
    id: z.string(),
    system: z.literal(true),
    balances: z.record(z.string(), z.object({ posted: Balance, held: Balance })),
  })
  .openapi("SystemAccount", {
    example: { id: "@issuance", system: true, balances: { "PTS/0": { posted: -2500, held: 0 } } },
  });
