/** `/app/webhooks`: webhooks, what became of their events, and sending one again. */
import { z } from "@hono/zod-openapi";
import { askWebhooks, type WebhookView } from "../../../actors/programmes/webhooks/acts.ts";
import type { EventType } from "../../../actors/records/event.ts";
import type { Delivery } from "../../../gateway/ports.ts";
import type { Call } from "../../call.ts";
import { EVENT_TYPES } from "../../events/event-json.ts";
import { Description } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { check } from "../../input/validation.ts";
import type { Problem } from "../../problem.ts";
import { listDeliveries, sendAgain } from "../../programmes/webhooks/deliveries.ts";
import { createWebhook, findWebhook, openedSecret, Url } from "../../programmes/webhooks/webhooks.ts";
import { acceptedOrThrow, effectOf } from "../../write-answers.ts";
import { facts, nextPage, note, section, table } from "../base/blocks.ts";
import {
  type Fields,
  FormKey,
  filledIn,
  formHeader,
  newFormKey,
  problemNote,
  tryForm,
  withNote,
} from "../base/form-attempt.ts";
import { badge, count, deliveryBadge, mono, pathOf, time } from "../base/format.ts";
import { confirmButton, errorOf, field, hidden, tickBoxes } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import { secretPage } from "../base/secret-page.ts";
import { type AppDeps, ROWS_SHOWN, rowsOf } from "./area.ts";

const PATH = "/app/webhooks";
const ListQuery = z.strictObject({ cursor: PageQuery.shape.cursor });
const WebhookQuery = z.strictObject({ cursor: PageQuery.shape.cursor, done: z.literal("sent").optional() });
const Ticked = z.literal("yes").optional();
const NewForm = z.strictObject({
  url: Url,
  description: Description.optional(),
  ...(Object.fromEntries(EVENT_TYPES.map((type) => [type, Ticked])) as Record<EventType, typeof Ticked>),
  form: FormKey,
});
const SendForm = z.strictObject({ form: FormKey });

export function addWebhookPages(pages: PageRoutes, deps: AppDeps): void {
  pages.page({ path: PATH, query: ListQuery }, ({ call, query }) => webhooksPage(call, deps, query.cursor));
  pages.action({ path: PATH }, ({ request, call }) =>
    tryForm(
      request,
      async (fields) => {
        const { form, url, description = null, ...ticked } = check(NewForm, filledIn(fields));
        const types = EVENT_TYPES.filter((type) => ticked[type] !== undefined);
        const header = formHeader(request, call.partner, form, { url, types, description });
        const { act, answer } = await createWebhook(deps, header, { url, types, description });
        const { outcome, replayed } = acceptedOrThrow(answer);
        const { webhook, secret } = effectOf(act, outcome);
        return newSecretPage(webhook, replayed ? null : openedSecret(deps.openSecret, call.partner, secret));
      },
      (fields, problem) => webhooksPage(call, deps, undefined, fields, problem),
    ),
  );
  pages.page({ path: `${PATH}/{id}`, query: WebhookQuery }, async ({ request, call, query }) => {
    const page = await webhookPage(call, deps, request.param("id"), query.cursor);
    if (query.done === undefined) return page;
    return withNote(page, "The event is sent again.");
  });
  pages.action({ path: `${PATH}/{id}/deliveries/{delivery}` }, ({ request, call }) => {
    const webhook = request.param("id");
    return tryForm(
      request,
      async (fields) => {
        const header = formHeader(request, call.partner, check(SendForm, fields).form, {});
        const event = request.param("delivery");
        acceptedOrThrow((await sendAgain(deps, header, { webhook, event })).answer);
        return `${pathOf("app", "webhooks", webhook)}?done=sent`;
      },
      (_, problem) => webhookPage(call, deps, webhook, undefined, problem),
    );
  });
}

async function webhooksPage(
  call: Call,
  { ledger, random }: AppDeps,
  cursor: string | undefined,
  fields: Fields = {},
  problem?: Problem,
): Promise<Page> {
  const { data, nextCursor } = await rowsOf(ledger, call, askWebhooks, cursor);
  return {
    title: "Webhooks",
    body: html`${problemNote(problem)}
${table<WebhookView>({
  caption: "Webhooks",
  rows: data,
  empty: "There are no webhooks yet. Create the first one below.",
  columns: [
    {
      label: "Address",
      isHead: true,
      cell: ({ id, url }) => html`<a href="${pathOf("app", "webhooks", id)}">${url}</a>`,
    },
    { label: "Description", cell: ({ description }) => description },
    { label: "State", cell: stateOf },
    { label: "Events", cell: typesOf },
    { label: "Created", cell: ({ createdAtMs }) => time(createdAtMs) },
  ],
})}
${nextPage(PATH, nextCursor, "webhooks")}
${section("Create a webhook", newForm(newFormKey(random), fields, problem))}`,
  };
}

function newForm(form: string, fields: Fields, problem: Problem | undefined): Html {
  const { url, description } = fields;
  const isSome = EVENT_TYPES.some((type) => fields[type] !== undefined);
  return html`<form method="post" action="${PATH}" class="stack wide">
${field({ name: "url", label: "Address", value: url, hint: "Events are sent to it as POST requests, such as https://shop.example.com/daybook-events.", error: errorOf(problem, "url") })}
${field({ name: "description", label: "Description", value: description, isOptional: true, error: errorOf(problem, "description") })}
<details${isSome && html` open`}><summary>All events, unless some are chosen</summary>${tickBoxes("Events to send", EVENT_TYPES, fields)}</details>
${hidden({ form })}<button>Create webhook</button></form>`;
}

/** @param secret `null` if it was shown before. */
function newSecretPage({ id, url }: WebhookView, secret: string | null): Page {
  const path = pathOf("app", "webhooks", id);
  return secretPage({
    title: "A new webhook",
    noun: "secret",
    secret,
    more: html`It signs the events that are sent to ${url}.`,
    trail: [
      { path: PATH, label: "Webhooks" },
      { path, label: url },
    ],
    next: { path, label: "To the webhook" },
  });
}

function stateOf({ enabled }: WebhookView) {
  return enabled ? badge("on", "good") : badge("off");
}

function typesOf({ types }: WebhookView): string {
  return types.length === 0 ? "all" : types.join(", ");
}

async function webhookPage(
  call: Call,
  deps: AppDeps,
  id: string,
  cursor: string | undefined,
  problem?: Problem,
): Promise<Page> {
  const webhook = await findWebhook(deps.ledger, call.partner, id);
  const found = { partner: call.partner, webhook: id, status: undefined, limit: ROWS_SHOWN, cursor };
  const { data, nextCursor } = await listDeliveries(deps, found);
  const path = pathOf("app", "webhooks", id);
  return {
    title: webhook.url,
    trail: [{ path: PATH, label: "Webhooks" }],
    body: html`${problem !== undefined && note("bad", problem.message)}
${facts([
  ["State", stateOf(webhook)],
  ["Events", typesOf(webhook)],
  ["Description", webhook.description],
  ["Created", time(webhook.createdAtMs)],
])}
${section(
  "Deliveries",
  table<Delivery>({
    caption: "Deliveries",
    rows: data,
    empty: "No event was sent yet.",
    columns: [
      { label: "Event", isHead: true, cell: ({ event }) => mono(event) },
      { label: "Type", cell: ({ type }) => type },
      { label: "Subject", cell: ({ subject }) => subject },
      { label: "State", cell: deliveryBadge },
      { label: "Tries", isNumber: true, cell: ({ tries }) => count(tries) },
      { label: "Answer", cell: ({ httpStatus, answer }) => html`${httpStatus} ${answer}` },
      { label: "Last", cell: ({ lastAtMs }) => time(lastAtMs) },
      {
        label: "Resend",
        cell: ({ event }) =>
          confirmButton({
            id: `send-${event}`,
            label: "Send again",
            question: html`Send ${mono(event)} again?`,
            action: pathOf("app", "webhooks", id, "deliveries", event),
            fields: { form: newFormKey(deps.random) },
            isDanger: false,
          }),
      },
    ],
  }),
)}
${nextPage(path, nextCursor, "deliveries")}`,
  };
}
