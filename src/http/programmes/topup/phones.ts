/** `/v1/phones`: totals of each phone over all sellers of the partner. */
import { z } from "@hono/zod-openapi";
import { askPhone, askPhones, type PhoneView } from "../../../actors/programmes/topup/acts.ts";
import { PageQuery } from "../../input/pagination.ts";
import { invalid, Problem } from "../../problem.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { PHONE_RULE, phoneOf } from "./phone.ts";
import type { TopupDeps } from "./sellers.ts";

const PhoneParams = z.object({
  phone: z.string().openapi({
    description: "E.164, or an Iranian mobile number in national format.",
    example: "+989121234567",
  }),
});
const PhoneSchema = z
  .object({
    phone: z.string(),
    total_charged: z.int().openapi({
      minimum: 0,
      description: "Minor units, without reverted top-ups. Most JSON readers round numbers above 2^53.",
    }),
    topups: z.int().openapi({ minimum: 0 }),
  })
  .openapi("Phone", { example: { phone: "+989121234567", total_charged: 55_000, topups: 11 } });

type Totals = { total: bigint; topups: number };

export function addPhones(routes: Routes, deps: TopupDeps): void {
  addList(routes, deps);
  addRead(routes, deps);
}

/** Totals by phone, over the parts of all shards. */
function totalsByPhone(views: Iterable<PhoneView>): Map<string, Totals> {
  const totals = new Map<string, Totals>();
  for (const { phone, total, topups } of views) {
    const known = totals.get(phone) ?? { total: 0n, topups: 0 };
    totals.set(phone, { total: known.total + BigInt(total), topups: known.topups + topups });
  }
  return totals;
}

function phoneJson([phone, { total, topups }]: readonly [phone: string, Totals]): string {
  return `{"phone":"${phone}","total_charged":${total},"topups":${topups}}`;
}

/** The phone after which the next page starts. @throws Problem 400 */
function afterOf(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  if (!/^[1-9]\d{6,14}$/.test(cursor)) throw invalid("cursor", "must come from the page before");
  return `+${cursor}`;
}

function addList(routes: Routes, { ledger }: TopupDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/phones",
      access: "partner",
      group: "topups",
      summary: "List charged phones, ordered by digits",
      query: PageQuery,
      row: PhoneSchema,
    },
    async (_, call, { limit, cursor }) => {
      const parts = await ledger.askAll(call.partner, askPhones(limit + 1, afterOf(cursor)));
      // Each shard returns its first `limit + 1` phones, so the first `limit` of the union have all their parts.
      const all = [...totalsByPhone(parts.flat())].toSorted(([a], [b]) => (a < b ? -1 : 1));
      const shown = all.slice(0, limit);
      const cursors = shown.map(([phone]) => phone.slice(1));
      const nextCursor = all.length > limit ? (cursors.at(-1) ?? null) : null;
      return { data: shown, cursors, nextCursor };
    },
    phoneJson,
  );
}

function addRead(routes: Routes, { ledger }: TopupDeps): void {
  addReadRoute(
    routes,
    {
      path: "/v1/phones/{phone}",
      access: "partner",
      group: "topups",
      summary: "Get the totals of a phone",
      description: "For its history, list the top-ups with this phone.",
      params: PhoneParams,
      answer: answerOf(200, "The totals.", PhoneSchema),
      problems: ["phone_not_found"],
    },
    async (request, call) => {
      const phone = phoneOf(request.param("phone"));
      if (phone === undefined) throw invalid("phone", PHONE_RULE);
      const parts = await ledger.askAll(call.partner, askPhone(phone));
      const totals = totalsByPhone(parts.filter((part) => part !== null)).get(phone);
      if (totals === undefined) throw new Problem("phone_not_found", `The phone ${phone} was never charged.`);
      return [phone, totals] as const;
    },
    phoneJson,
  );
}
