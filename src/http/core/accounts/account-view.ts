/** JSON and schema of accounts. */
import { z } from "@hono/zod-openapi";
import type { AccountView } from "../../../actors/records/command.ts";
import type { SystemAccount } from "../../../gateway/ports.ts";
import { Balance, timeTextOf } from "../../input/fields.ts";
import { LimitRule, limitsJson } from "./account-limits.ts";

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

export const SystemAccountSchema = z
  .object({
    id: z.string(),
    system: z.literal(true),
    balances: z.record(z.string(), z.object({ posted: Balance, held: Balance })),
  })
  .openapi("SystemAccount", {
    example: { id: "@issuance", system: true, balances: { "PTS/0": { posted: -2500, held: 0 } } },
  });
