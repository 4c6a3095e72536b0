/** `/v1/sellers`: sellers, their credit and their status. */
import { z } from "@hono/zod-openapi";
import { KEYS_PER_PARTNER_MAX } from "../../../actors/ledger/partner.ts";
import { ownerKeyOf } from "../../../actors/ledger/routing.ts";
import {
  askSeller,
  askSellers,
  creditAccount,
  type SellerView,
  topupAct,
} from "../../../actors/programmes/topup/acts.ts";
import type { CreateKey } from "../../../actors/records/command.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Directory, Ledger } from "../../../gateway/ports.ts";
import { callerOf } from "../../call.ts";
import type { Clock } from "../../clock.ts";
import { apiKeyFields, apiKeyMembers, makeKey } from "../../core/new-key.ts";
import { IDEMPOTENCY_PROBLEMS, madeId, type Random } from "../../idempotency.ts";
import { Amount, Balance, Name, NewId, timeTextOf } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { IdParams, idOf } from "../../input/path-id.ts";
import { Problem } from "../../problem.ts";
import { firstOrNew, readBareChange, readChange } from "../../read-change.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer, effectOf, isDone, together } from "../../write-answers.ts";
import { LIMITS, limitsMembers, limitsOf, SaleLimitsSchema, SaleLimitsView } from "./sale-limits.ts";
import { maySee, SELLER, SELLER_ACCESS, sellerNotFound, sellerOfKey } from "./seller-access.ts";

export type TopupDeps = Readonly<{
  ledger: Ledger;
  directory: Directory;
  clock: Clock;
  random: Random;
  assets: Readonly<{ topup: string }>;
  /** Whether an operator completes top-ups; else they are completed at once. */
  asksOperator: boolean;
}>;

const SELLERS = "/v1/sellers";
const LOW_CREDIT =
  "Credit in minor units. When the seller's credit falls below it, there is an event `seller.low_credit`.";
const NewSeller = z
  .strictObject({
    id: NewId.optional(),
    name: Name,
    low_credit_threshold: Amount.optional().openapi({ description: LOW_CREDIT }),
  })
  .openapi("NewSeller", { example: { id: "kiosk", name: "Kiosk" } });
const SellerPatch = z
  .strictObject({
    low_credit_threshold: Amount.nullable().optional().openapi({ description: LOW_CREDIT }),
    limits: SaleLimitsSchema.nullable()
      .optional()
      .openapi({ description: `Of the seller's top-ups; null: none. ${LIMITS}` }),
  })
  .refine((patch) => Object.keys(patch).length > 0, "must change something")
  .openapi("SellerPatch", { example: { low_credit_threshold: 100_000, limits: { max_amount: 500_000 } } });
const Total = z.int().openapi({ minimum: 0 });

const sellerFields = {
  id: z.string(),
  name: z.string(),
  status: z.enum(["active", "suspended"]),
  credit: Balance,
  held: Total.openapi({ description: "Credit that pending and unknown top-ups hold, in minor units." }),
  available: Balance.openapi({ description: "`credit` − `held`." }),
  total_credited: Total.openapi({ description: "Credit granted, net of decreases, in minor units." }),
  total_sold: Total.openapi({ description: "Without reverted sales, in minor units." }),
  low_credit_threshold: z.int().nullable().openapi({ description: LOW_CREDIT }),
  limits: SaleLimitsView.nullable(),
  created_at: z.iso.datetime(),
};
const EXAMPLE = {
  id: "kiosk",
  name: "Kiosk",
  status: "active",
  credit: 700_000,
  held: 0,
  available: 700_000,
  total_credited: 1_000_000,
  total_sold: 300_000,
  low_credit_threshold: null,
  limits: null,
  created_at: "2026-11-20T10:00:00.000Z",
};
const SellerSchema = z.object(sellerFields).openapi("Seller", { example: EXAMPLE });
const CreatedSeller = z
  .object({
    ...sellerFields,
    key_id: z.string(),
    ...apiKeyFields,
  })
  .openapi("CreatedSeller", { example: { ...EXAMPLE, key_id: "key_…", api_key: "dk_seller_…" } });

const answerSchema = { description: "The seller.", content: { "application/json": SellerSchema } };

export function addSellers(routes: Routes, deps: TopupDeps): void {
  addCreate(routes, deps);
  addReads(routes, deps);
  addPatch(routes, deps);
  addStatus(routes, deps, "suspend");
  addStatus(routes, deps, "resume");
}

function sellerMembers(seller: SellerView) {
  const { id, name, status, credit, totalCredited, totalSold, createdAtMs, lowCreditThreshold } = seller;
  const { held = 0, limits } = seller;
  return {
    id,
    name,
    status,
    credit,
    held,
    available: credit - held,
    total_credited: totalCredited,
    total_sold: totalSold,
    low_credit_threshold: lowCreditThreshold ?? null,
    limits: limitsMembers(limits ?? null),
    created_at: timeTextOf(createdAtMs),
  };
}

function sellerJson(seller: SellerView): string {
  return JSON.stringify(sellerMembers(seller));
}

function addCreate(routes: Routes, deps: TopupDeps): void {
  routes.add(
    {
      method: "post",
      path: SELLERS,
      access: "partner",
      group: "sellers",
      summary: "Create a seller with an API key of its own",
      description:
        "The seller and its key are created one after the other. If only the seller was created, retry with the same " +
        "idempotency key to create the key; without an idempotency key, create a key of role `seller`.",
      body: { schema: NewSeller },
      answer: answerOf(201, "The seller and its API key, which is shown once.", CreatedSeller),
      problems: ["seller_exists", "account_exists", "too_many_keys", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewSeller);
      const { name, low_credit_threshold } = value;
      const threshold =
        low_credit_threshold === undefined ? {} : { lowCreditThreshold: low_credit_threshold };
      const { id, created, keyed, newKey } = await createSeller(deps, header, {
        id: value.id,
        name,
        ...threshold,
      });
      if (!isDone(created) || keyed === undefined) return decidedAnswer(call, created, 201, () => null);
      return decidedAnswer(call, keyed, 201, ({ key: stored }, done) => {
        const totals = { credit: 0, totalCredited: 0, totalSold: 0, createdAtMs: created.timeMs };
        const members = sellerMembers({ id, name, status: "active", ...totals, ...threshold });
        return JSON.stringify({ ...members, key_id: stored.id, ...apiKeyMembers(newKey, done) });
      });
    },
  );
}

type NewSellerFields = Readonly<{ id: string | undefined; name: string; lowCreditThreshold?: number }>;

/**
 * Creates a seller, and then its key. `keyed`: the answer about the key; `undefined` if the seller was not created.
 *
 * @throws Problem 409 `too_many_keys`
 */
export async function createSeller(
  { ledger, directory, random, assets }: TopupDeps,
  header: CommandHeader,
  { id: chosen, ...fields }: NewSellerFields,
) {
  const { partner, key, fingerprint } = header;
  const id = chosen ?? madeId("slr", partner, `POST ${SELLERS}`, key, random);
  const route = `POST ${SELLERS}\0${id}`;
  const newKey = makeKey(partner, { role: SELLER, name: fields.name, seller: id }, key, route, random);
  const subject = creditAccount(id);
  const { name, ...threshold } = fields;
  const act = topupAct("create_seller", subject, { name, asset: assets.topup, ...threshold });
  const command = await firstOrNew(ledger, header, { owner: ownerKeyOf(subject) }, () => {
    if (directory.keys(partner).length >= KEYS_PER_PARTNER_MAX)
      throw new Problem("too_many_keys", `A partner may have ${KEYS_PER_PARTNER_MAX} keys.`);
    return actAlone(header, act);
  });
  const created = await ledger.submit(command);
  if (!isDone(created)) return { id, created, keyed: undefined, newKey };
  // Callers' keys contain no blanks, so this one is unique.
  const ownKey = key === null ? null : `seller ${id} ${key}`;
  const made = { op: "create_key", partner, key: ownKey, fingerprint, newKey: newKey.newKey } as const;
  return { id, created, keyed: together(created, await ledger.submit<CreateKey>(made)), newKey };
}

function addReads(routes: Routes, { ledger }: TopupDeps): void {
  addListRoute(
    routes,
    {
      path: SELLERS,
      access: SELLER_ACCESS,
      group: "sellers",
      summary: "List sellers, newest first",
      description: "A seller's key lists only its own seller.",
      query: PageQuery,
      row: SellerSchema,
    },
    async (_, call, query) => {
      const ownSeller = sellerOfKey(call);
      if (ownSeller === undefined) return ledger.list(call.partner, askSellers, query, callerOf(call));
      const seller = await ledger.ask(call.partner, askSeller(ownSeller));
      return { data: seller === null ? [] : [seller], cursors: [""], nextCursor: null };
    },
    sellerJson,
  );
  addReadRoute(
    routes,
    {
      path: "/v1/sellers/{id}",
      access: SELLER_ACCESS,
      group: "sellers",
      summary: "Get a seller with its credit and totals",
      params: IdParams,
      answer: { status: 200, ...answerSchema },
      problems: ["seller_not_found"],
    },
    async (request, call) => {
      const id = idOf(request);
      const seller = maySee(call, id) ? await ledger.ask(call.partner, askSeller(id)) : null;
      if (seller === null) throw sellerNotFound(id);
      return seller;
    },
    sellerJson,
  );
}

function addPatch(routes: Routes, { ledger }: TopupDeps): void {
  routes.add(
    {
      method: "patch",
      path: "/v1/sellers/{id}",
      access: "partner",
      group: "sellers",
      summary: "Change a seller's limits, and the credit below which it is reported",
      params: IdParams,
      body: { schema: SellerPatch },
      answer: { status: 200, ...answerSchema },
      problems: ["seller_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const seller = idOf(request);
      const { value, header } = await readChange(request, call, SellerPatch);
      const { low_credit_threshold: lowCreditThreshold, limits } = value;
      const fields = {
        ...(lowCreditThreshold !== undefined && { lowCreditThreshold }),
        ...(limits !== undefined && { limits: limitsOf(limits) }),
      };
      const act = topupAct("update_seller", creditAccount(seller), fields);
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 200, (outcome) => {
        const view = effectOf(act, outcome)?.seller;
        return view === undefined ? null : sellerJson(view);
      });
    },
  );
}

const STATUS_ACTS = { suspend: "suspend_seller", resume: "resume_seller" } as const;

function addStatus(routes: Routes, { ledger }: TopupDeps, action: keyof typeof STATUS_ACTS): void {
  routes.add(
    {
      method: "post",
      path: `/v1/sellers/{id}/${action}`,
      access: "partner",
      group: "sellers",
      summary: action === "suspend" ? "Suspend a seller: refuse its top-ups" : "Resume a suspended seller",
      params: IdParams,
      answer: { status: 200, ...answerSchema },
      problems: ["seller_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const seller = idOf(request);
      const header = await readBareChange(request, call);
      const act = topupAct(STATUS_ACTS[action], creditAccount(seller), {});
      const answer = await ledger.submit(actAlone(header, act));
      if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
      // Older records lack the seller.
      const view =
        effectOf(act, answer.outcome)?.seller ?? (await ledger.ask(call.partner, askSeller(seller)));
      return decidedAnswer(call, answer, 200, () => (view === null ? null : sellerJson(view)));
    },
  );
}
