/** `/v1/phones`: who was charged, by all sellers of the partner together. */
import { z } from "@hono/zod-openapi";
import { askPhone, askPhones, type PhoneView } from "../../../actors/programmes/topup/acts.ts";
import { jsonAnswer } from "../../call.ts";
import { PageQuery, pageAnswer, pageOf } from "../../input/pagination.ts";
import { invalid, Problem } from "../../problem.ts";
import type { Routes } from "../../routes.ts";
import { PHONE_RULE, phoneOf } from "./phone.ts";
import type { TopupDeps } from "./sellers.ts";

const PhoneParams = z.object({
  phone: z.string().openapi({ description: "As in a top-up.", example: "+989121234567" }),
});
const PhoneSchema = z
  .object({
    phone: z.string(),
    total_charged: z
      .int()
      .openapi({ minimum: 0, description: "Without what was reverted. Beyond 2^53 most readers round it." }),
    topups: z.int().openapi({ minimum: 0 }),
  })
  .openapi("Phone", { example: { phone: "+989121234567", total_charged: 55_000, topups: 11 } });

type Sums = { total: bigint; topups: number };

export function addPhones(routes: Routes, deps: TopupDeps): void {
  addList(routes, deps);
  addRead(routes, deps);
}

/** What the shards know of phones, put together. */
function summed(views: Iterable<PhoneView>): Map<string, Sums> {
  const sums = new Map<string, Sums>();
  for (const { phone, total, topups } of views) {
    const known = sums.get(phone) ?? { total: 0n, topups: 0 };
    sums.set(phone, { total: known.total + BigInt(total), topups: known.topups + topups });
  }
  return sums;
}

function phoneJson(phone: string, { total, topups }: Sums): string {
  return `{"phone":"${phone}","total_charged":${total},"topups":${topups}}`;
}

/** @throws Problem 400 */
function afterOf(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  if (!/^[1-9]\d{6,14}$/.test(cursor)) throw invalid("cursor", "must come from the page before");
  return `+${cursor}`;
}

function addList(routes: Routes, { ledger }: TopupDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/phones",
      access: "partner",
      group: "topups",
      summary: "List phones that were charged, in order of their digits",
      query: PageQuery,
      answer: pageOf(PhoneSchema),
    },
    async (_, call, { limit, cursor }) => {
      const parts = await ledger.askAll(call.partner, askPhones(limit + 1, afterOf(cursor)));
      // Each shard has told of its first ones, so the first of all of them are complete.
      const all = [...summed(parts.flat())].toSorted(([a], [b]) => (a < b ? -1 : 1));
      const shown = all.slice(0, limit);
      const cursors = shown.map(([phone]) => phone.slice(1));
      const nextCursor = all.length > limit ? (cursors.at(-1) ?? null) : null;
      return pageAnswer(call, { data: shown, cursors, nextCursor }, ([phone, sums]) =>
        phoneJson(phone, sums),
      );
    },
  );
}

function addRead(routes: Routes, { ledger }: TopupDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/phones/{phone}",
      access: "partner",
      group: "topups",
      summary: "What a phone was charged with",
      description: "Its history is the list of top-ups with this phone.",
      params: PhoneParams,
      answer: { status: 200, description: "The sums.", content: { "application/json": PhoneSchema } },
      problems: ["phone_not_found"],
    },
    async (request, call) => {
      const phone = phoneOf(request.param("phone"));
      if (phone === undefined) throw invalid("phone", PHONE_RULE);
      const parts = await ledger.askAll(call.partner, askPhone(phone));
      const sums = summed(parts.filter((part) => part !== null)).get(phone);
      if (sums === undefined) throw new Problem("phone_not_found", `The phone ${phone} was never charged.`);
      return jsonAnswer(call, 200, phoneJson(phone, sums));
    },
  );
}
