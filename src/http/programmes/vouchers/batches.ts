/** `/v1/voucher-batches`: issues a voucher to each of many customers. */
import { z } from "@hono/zod-openapi";
import {
  askBatch,
  askCount,
  askPlaces,
  type BatchPart,
  type Recipients,
  VOUCHERS_SUBJECT,
  voucherAct,
} from "../../../actors/programmes/vouchers/acts.ts";
import type { Command } from "../../../actors/records/command.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { workSlices } from "../../../gateway/work-slices.ts";
import { jsonAnswer } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Email } from "../../input/email.ts";
import { knownTimeMsOf, Time, timeMsOrNull } from "../../input/fields.ts";
import { invalid, Problem } from "../../problem.ts";
import { firstOrNew, readChange } from "../../read-change.ts";
import type { Routes } from "../../routes.ts";
import { BATCH_BYTES_MAX } from "../../server/body.ts";
import { decidedAnswer, effectOf } from "../../write-answers.ts";
import { OfferName, UsesMax, type VoucherDeps } from "./fields.ts";
import { withEmailOf } from "./pseudonyms.ts";

const EMAILS_MAX = 10_000;
/** E-mails in one lookup. */
const LOOKED_UP_AT_ONCE_MAX = 1_000;

/** Any elements: they are checked one by one, once it is known that there are not too many. */
const Emails = z
  .array(z.custom<string>())
  .min(1)
  .max(EMAILS_MAX, `must be at most ${EMAILS_MAX} e-mails`)
  .openapi({ type: "array", items: { type: "string", format: "email" }, minItems: 1, maxItems: EMAILS_MAX });

const NewBatch = z
  .strictObject({
    offer_name: OfferName,
    expires_at: Time,
    emails: z.union([z.literal("all"), Emails]).openapi({
      description: "The customers, or `all` for every customer who exists now. Duplicates count once.",
    }),
    run_at: Time.optional().openapi({ description: "When to issue the vouchers; now if absent." }),
    uses_max: UsesMax,
  })
  .openapi("NewVoucherBatch", {
    example: { offer_name: "Autumn sale", expires_at: "2027-01-01T00:00:00.000Z", emails: "all" },
  });
const STATUSES = ["scheduled", "running", "completed"] as const;
const BatchSchema = z
  .object({ id: z.string(), status: z.enum(STATUSES), requested: z.int(), issued: z.int() })
  .openapi("VoucherBatch", {
    example: { id: "vb_0123456789abcdef01234567", status: "running", requested: 1200, issued: 512 },
  });
const content = { "application/json": BatchSchema };

export function addVoucherBatches(routes: Routes, deps: VoucherDeps): void {
  addCreate(routes, deps);
  addRead(routes, deps);
}

function addCreate(routes: Routes, deps: VoucherDeps): void {
  const { persons } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/voucher-batches",
      access: "partner",
      group: "vouchers",
      summary: "Issue a voucher to each of many customers",
      body: { schema: NewBatch },
      description:
        "The vouchers are issued in the background, from `run_at` on. `run_at` must be before `expires_at`.",
      answer: { status: 202, description: "The batch; `requested` is final.", content },
      problems: ["offer_not_found", "customer_not_found", "too_many_batches", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewBatch, {
        bytesMax: BATCH_BYTES_MAX,
        longList: { member: "emails", element: Email },
        // One keyed hash of all e-mails.
        shown: ({ emails: all, ...rest }) => ({
          ...rest,
          emails: all === "all" ? all : persons.pseudonymOf(call.partner, all.join(" ")),
        }),
      });
      const { offer_name: offer, emails, run_at, uses_max: usesMax = 1 } = value;
      const expiresAtMs = knownTimeMsOf(value.expires_at);
      const runAtMs = timeMsOrNull(run_at);
      if (runAtMs !== null && runAtMs >= expiresAtMs) throw invalid("run_at", "must be before expires_at");
      const terms = { offer, emails, expiresAtMs, runAtMs, usesMax };
      const { act, decided } = await createBatch(deps, header, terms);
      return decidedAnswer(call, decided, 202, (done, { timeMs }) => {
        const { id, requested, order } = effectOf(act, done);
        return batchJson(id, order.runAtMs > timeMs ? "scheduled" : "running", requested, 0);
      });
    },
  );
}

/** @param order `usesMax`: of each voucher. `runAtMs`: `null` for now. */
export async function createBatch(
  deps: VoucherDeps,
  header: CommandHeader,
  {
    emails,
    usesMax,
    ...order
  }: Readonly<{
    offer: string;
    emails: readonly string[] | "all";
    expiresAtMs: number;
    runAtMs: number | null;
    usesMax: number;
  }>,
) {
  const { ledger } = deps;
  const { partner } = header;
  const command = await firstOrNew(ledger, header, { owner: VOUCHERS_SUBJECT }, async () => {
    const resolved = await recipientsOf(deps, partner, emails);
    const act = { ...order, ...resolved, ...(usesMax > 1 && { usesMax }) };
    return actAlone(header, voucherAct("create_batch", VOUCHERS_SUBJECT, act));
  });
  const decided = await withUnknownEmail(deps, partner, await ledger.submit(command), emails);
  return { act: command.act, decided };
}

function addRead(routes: Routes, { ledger }: VoucherDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/voucher-batches/{id}",
      access: "partner",
      group: "vouchers",
      summary: "Get the progress of a voucher batch",
      params: z.object({ id: z.string() }),
      answer: { status: 200, description: "The batch.", content },
      problems: ["voucher_batch_not_found"],
    },
    async (request, call) => {
      const id = request.param("id");
      const batch = await readBatch(ledger, call.partner, id);
      return jsonAnswer(call, 200, batchJson(id, batchStatus(batch), batch.requested, batch.issued));
    },
  );
}

/** The batch, from the parts of all shards. @throws Problem 404 */
export async function readBatch(ledger: Ledger, partner: string, id: string): Promise<BatchPart> {
  const parts = (await ledger.askAll(partner, askBatch(id))).filter((part) => part !== null);
  const [first] = parts;
  if (first === undefined) throw new Problem("voucher_batch_not_found", `There is no batch ${id}.`);
  const sumOf = (count: "requested" | "issued") => parts.reduce((sum, part) => sum + part[count], 0);
  const isDone = parts.every((part) => part.isDone);
  return { ...first, requested: sumOf("requested"), issued: sumOf("issued"), isDone };
}

export function batchStatus({ isDone, isScheduled, issued }: BatchPart): (typeof STATUSES)[number] {
  if (isDone) return "completed";
  return isScheduled && issued === 0 ? "scheduled" : "running";
}

type ResolvedRecipients = Readonly<{ recipients: readonly Recipients[]; unknown: string | null }>;

/**
 * Resolves e-mails to customers by shard. A customer keeps its place, so the result is still true when the batch is
 * decided. `unknown`: the pseudonym of the first e-mail that belongs to no customer.
 */
async function recipientsOf(
  deps: VoucherDeps,
  partner: string,
  emails: readonly string[] | "all",
): Promise<ResolvedRecipients> {
  const { ledger, persons } = deps;
  if (emails === "all") return { recipients: await ledger.askAll(partner, askCount()), unknown: null };
  const unique = [...new Set(emails)];
  const recipients: number[][] = [];
  for (let from = 0; from < unique.length; from += LOOKED_UP_AT_ONCE_MAX) {
    if (workSlices.isOver) await workSlices.next(partner);
    const chunk = unique.slice(from, from + LOOKED_UP_AT_ONCE_MAX);
    const names = chunk.map((email) => persons.pseudonymOf(partner, email));
    const byShard = await placesOf(deps, partner, chunk, names);
    const unknown = names.find((_, i) => byShard.every((places) => places[i] == null));
    if (unknown !== undefined) return { recipients: [], unknown };
    for (const [shard, places] of byShard.entries())
      (recipients[shard] ??= []).push(...places.filter((place) => place !== null));
  }
  return { recipients, unknown: null };
}

/** By shard: for each customer the place there, or `null`. Customers from an older version are found by their e-mails. */
async function placesOf(
  { ledger, directory }: VoucherDeps,
  partner: string,
  emails: readonly string[],
  names: readonly string[],
): Promise<readonly (readonly (number | null)[])[]> {
  const byShard = await ledger.askAll(partner, askPlaces(names));
  if (!directory.hasClearCustomers(partner)) return byShard;
  const clear = await ledger.askAll(partner, askPlaces(emails));
  return byShard.map((places, shard) => places.map((place, i) => place ?? clear[shard]?.[i] ?? null));
}

/** Names the unknown customer of a rejection by its e-mail, also in a replay. */
async function withUnknownEmail<C extends Command>(
  { persons }: VoucherDeps,
  partner: string,
  answer: Answer<C>,
  emails: readonly string[] | "all",
): Promise<Answer<C>> {
  if (!("outcome" in answer) || answer.outcome.ok || answer.outcome.code !== "customer_not_found")
    return answer;
  const { subject } = answer.outcome;
  for (const email of emails === "all" ? [] : emails) {
    if (workSlices.isOver) await workSlices.next(partner);
    if (persons.pseudonymOf(partner, email) === subject) return withEmailOf(answer, () => email);
  }
  return answer;
}

function batchJson(id: string, status: (typeof STATUSES)[number], requested: number, issued: number): string {
  return JSON.stringify({ id, status, requested, issued });
}
