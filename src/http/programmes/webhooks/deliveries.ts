/** `/v1/webhooks/{id}/deliveries`: what became of the events that a webhook has got, and requests to send one. */
import { z } from "@hono/zod-openapi";
import { WEBHOOKS_SUBJECT, webhooksAct } from "../../../actors/programmes/webhooks/acts.ts";
import { type ActAlone, actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Page } from "../../../archive/queries/query.ts";
import { type Answer, DELIVERY_STATUSES, type Delivery } from "../../../gateway/ports.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { timeTextOf } from "../../input/fields.ts";
import { pageQuery } from "../../input/pagination.ts";
import { invalid, Problem } from "../../problem.ts";
import { firstOrNew, readBareChange } from "../../read-change.ts";
import { addListRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer, effectOf } from "../../write-answers.ts";
import { findWebhook, ofWebhook, WebhookParams, type WebhooksDeps, webhookIdOf } from "./webhooks.ts";

const EVENT = "ev_8Jr0cQvZ1mXJq3d5Yt2k7w";
const Status = z.enum(DELIVERY_STATUSES).openapi({
  description:
    "`failed`: it will be tried again, and holds back later events of its subject. `parked`: it is not tried any more.",
});
const DeliverySchema = z
  .object({
    id: z.string().openapi({ description: "The id of the event." }),
    type: z.string(),
    subject: z.string(),
    status: Status,
    tries: z.int(),
    http_status: z.int().nullable(),
    answer: z.string().openapi({ description: "The first bytes of the answer, or why there was none." }),
    first_at: z.iso.datetime(),
    last_at: z.iso.datetime(),
  })
  .openapi("WebhookDelivery", {
    example: {
      id: EVENT,
      type: "transfer.posted",
      subject: "alice",
      status: "failed",
      tries: 3,
      http_status: 503,
      answer: "down for maintenance",
      first_at: "2026-11-20T10:00:00.000Z",
      last_at: "2026-11-20T10:00:21.000Z",
    },
  });
const DeliveriesParameters = z.strictObject({ status: Status.optional(), ...pageQuery });
const SentSchema = z
  .object({ event: z.string() })
  .openapi("WebhookEventSent", { example: { event: "test_0c1de2a3b4c5d6e7f8091a2b" } });
const DeliveryParams = WebhookParams.extend({ delivery: z.string().openapi({ example: EVENT }) });

const PATH = "/v1/webhooks/{id}";
const sent = answerOf(
  202,
  "The id of the event. The list of deliveries shows what becomes of it.",
  SentSchema,
);

export function addDeliveries(routes: Routes, deps: WebhooksDeps): void {
  addList(routes, deps);
  addTest(routes, deps);
  addRetry(routes, deps);
}

function addList(routes: Routes, { ledger, operations }: WebhooksDeps): void {
  addListRoute(
    routes,
    {
      ...ofWebhook,
      path: `${PATH}/deliveries`,
      summary: "List deliveries, newest event first",
      description:
        "Kept are the newest thousand that were delivered, and the newest thousand others. The list is no part of the " +
        "ledger and may be lost; the deliveries themselves are not.",
      query: DeliveriesParameters,
      row: DeliverySchema,
      problems: ["webhook_not_found"],
    },
    async (request, call, query) => {
      const { partner } = call;
      return listDeliveries({ ledger, operations }, { partner, webhook: webhookIdOf(request), ...query });
    },
    deliveryJson,
  );
}

type DeliveryDeps = Pick<WebhooksDeps, "ledger" | "operations">;
type DeliveryList = z.infer<typeof DeliveriesParameters> & Readonly<{ partner: string; webhook: string }>;

/** The deliveries of a webhook, newest event first. @throws Problem 400, 404 */
export async function listDeliveries(
  { ledger, operations }: DeliveryDeps,
  { partner, webhook, status, limit, cursor }: DeliveryList,
): Promise<Page<Delivery>> {
  const before = rowOf(cursor);
  await findWebhook(ledger, partner, webhook);
  const data = await operations.deliveries({ partner, webhook, status, before, limit });
  const cursors = data.map(({ row }) => String(row));
  return { data, cursors, nextCursor: data.length < limit ? null : (cursors.at(-1) ?? null) };
}

function addTest(routes: Routes, { ledger }: WebhooksDeps): void {
  routes.add(
    {
      ...ofWebhook,
      method: "post",
      operationId: "testWebhook",
      path: `${PATH}/test`,
      summary: "Send an event for a test",
      description: "Its type is `webhook.test`. It is sent once, also to a webhook that is off.",
      answer: sent,
      problems: ["webhook_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const header = await readBareChange(request, call);
      const act = webhooksAct("send", WEBHOOKS_SUBJECT, { webhook: webhookIdOf(request), event: null });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 202, (accepted) =>
        JSON.stringify(effectOf(act, accepted)),
      );
    },
  );
}

function addRetry(routes: Routes, deps: WebhooksDeps): void {
  routes.add(
    {
      ...ofWebhook,
      method: "post",
      operationId: "retryWebhookDelivery",
      path: `${PATH}/deliveries/{delivery}/retry`,
      params: DeliveryParams,
      summary: "Send an event again",
      description:
        "At once, and whatever became of it. If it is held back, its subject is tried again in its order.",
      answer: sent,
      problems: ["webhook_not_found", "delivery_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const header = await readBareChange(request, call);
      const event = request.param("delivery");
      const { act, answer } = await sendAgain(deps, header, { webhook: webhookIdOf(request), event });
      return decidedAnswer(call, answer, 202, (accepted) => JSON.stringify(effectOf(act, accepted)));
    },
  );
}

function sendAct(webhook: string, event: string) {
  return webhooksAct("send", WEBHOOKS_SUBJECT, { webhook, event });
}

/** Sends an event of a webhook again. @throws Problem 404, 422 */
export async function sendAgain(
  { ledger, operations }: DeliveryDeps,
  header: CommandHeader,
  { webhook, event }: Readonly<{ webhook: string; event: string }>,
): Promise<Readonly<{ act: ReturnType<typeof sendAct>; answer: Answer<ActAlone> }>> {
  const { partner } = header;
  const act = sendAct(webhook, event);
  const command = await firstOrNew(ledger, header, { owner: WEBHOOKS_SUBJECT }, async () => {
    await findWebhook(ledger, partner, webhook);
    const query = { partner, webhook, event, before: Number.MAX_SAFE_INTEGER, limit: 1 };
    const found = await operations.deliveries(query);
    if (found.length === 0)
      throw new Problem("delivery_not_found", `There is no delivery of ${event} to this webhook.`);
    return actAlone(header, act);
  });
  return { act, answer: await ledger.submit(command) };
}

/** @throws Problem 400 */
function rowOf(cursor: string | undefined): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  if (!/^[1-9]\d{0,15}$/.test(cursor))
    throw invalid("cursor", "must be the next_cursor of the previous page");
  return Number(cursor);
}

function deliveryJson(delivery: Delivery): string {
  const { event, type, subject, status, tries, httpStatus, answer, firstAtMs, lastAtMs } = delivery;
  return JSON.stringify({
    id: event,
    type,
    subject,
    status,
    tries,
    http_status: httpStatus,
    answer,
    first_at: timeTextOf(firstAtMs),
    last_at: timeTextOf(lastAtMs),
  });
}
