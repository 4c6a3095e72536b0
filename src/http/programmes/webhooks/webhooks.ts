/** `/v1/webhooks`: URLs to which a partner's events are sent. */
import { z } from "@hono/zod-openapi";
import {
  askWebhook,
  askWebhooks,
  SECRET_GRACE_MS,
  WEBHOOKS_SUBJECT,
  type WebhookView,
  webhookSecretOf,
  webhooksAct,
} from "../../../actors/programmes/webhooks/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { EventType } from "../../../actors/records/event.ts";
import { assert } from "../../../errors/assert.ts";
import type { Ledger, Operations } from "../../../gateway/ports.ts";
import type { OpenSecret } from "../../../sealed-secrets.ts";
import { urlFault } from "../../../webhooks/public-address.ts";
import { secretText } from "../../../webhooks/secret-text.ts";
import { type Call, callerOf } from "../../call.ts";
import { EVENT_TYPES } from "../../events/event-json.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Description, Id, knownTimeMsOf, Time, timeTextOf } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { invalid, Problem } from "../../problem.ts";
import { readBareChange, readChange } from "../../read-change.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import type { HttpRequest } from "../../request.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer, effectOf } from "../../write-answers.ts";

export type WebhooksDeps = Readonly<{
  ledger: Ledger;
  operations: Pick<Operations, "deliveries">;
  openSecret: OpenSecret;
  webhooksAllowPrivate?: boolean;
}>;

const URL_LENGTH_MAX = 2_000;
const DAY_MS = 24 * 60 * 60 * 1000;

export const Url = z.string().max(URL_LENGTH_MAX).openapi({
  description: "https, without a user name. Private and reserved addresses are refused.",
  example: "https://shop.example.com/daybook-events",
});
const Types = z
  .array(z.enum(EVENT_TYPES))
  .max(EVENT_TYPES.length)
  .openapi({
    description: "The types of events to send. Empty: all of them, also those of later versions.",
    example: ["transfer.posted", "transfer.received"],
  });
const NewWebhook = z
  .strictObject({ url: Url, types: Types.default([]), description: Description.nullable().optional() })
  .openapi("NewWebhook", {
    example: { url: "https://shop.example.com/daybook-events", types: ["transfer.posted"] },
  });
const WebhookPatch = z
  .strictObject({
    url: Url.optional(),
    types: Types.optional(),
    description: Description.nullable().optional(),
    enabled: z.boolean().optional(),
  })
  .openapi("WebhookPatch", { example: { enabled: false } });
const Replay = z
  .strictObject({ from: Time })
  .openapi("WebhookReplay", { example: { from: "2026-11-20T10:00:00.000Z" } });

const shown = {
  id: "wh_5f0c1de2a3b4c5d6e7f80912",
  url: "https://shop.example.com/daybook-events",
  types: ["transfer.posted" as const],
  description: null,
  enabled: true,
  created_at: "2026-11-20T10:00:00.000Z",
};
const view = {
  id: z.string(),
  url: z.string(),
  types: z.array(z.string()),
  description: z.string().nullable(),
  enabled: z.boolean(),
  created_at: z.iso.datetime(),
};
const secretFields = {
  secret: z.string().nullable().openapi({ description: "Shown once; null in a repeated answer." }),
  secret_shown: z
    .literal(true)
    .optional()
    .openapi({ description: "Only in a repeated answer: the first one has shown the secret." }),
};
const secretExample = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const WebhookSchema = z.object(view).openapi("Webhook", { example: shown });
const CreatedWebhook = z
  .object({ ...view, ...secretFields })
  .openapi("CreatedWebhook", { example: { ...shown, secret: secretExample } });
const RotatedSecret = z.object({ id: z.string(), ...secretFields }).openapi("RotatedWebhookSecret", {
  example: { id: shown.id, secret: secretExample },
});
const ReplayStarted = z
  .object({ id: z.string(), from: z.iso.datetime() })
  .openapi("WebhookReplayStarted", { example: { id: shown.id, from: "2026-11-20T10:00:00.000Z" } });

export const WebhookParams = z.object({ id: Id.openapi({ example: shown.id }) });

const PATH = "/v1/webhooks";
const common = { access: "partner", group: "webhooks" } as const;
export const ofWebhook = { ...common, params: WebhookParams } as const;

/** The id of the path. Not checked: an unknown one is answered with 404. */
export function webhookIdOf(request: HttpRequest): string {
  return request.param("id");
}

export function addWebhooks(routes: Routes, deps: WebhooksDeps): void {
  addCreate(routes, deps);
  addReads(routes, deps);
  addPatch(routes, deps);
  addDelete(routes, deps);
  addRotate(routes, deps);
  addReplay(routes, deps);
}

function addCreate(routes: Routes, deps: WebhooksDeps): void {
  routes.add(
    {
      ...common,
      method: "post",
      path: PATH,
      summary: "Send events to a URL",
      description:
        "Events from now on are sent as POST requests with the headers of Standard Webhooks, at least once, each time " +
        "with the same id, and for each subject in its order. An answer other than 2xx within 10 s is a failure, also a " +
        "redirect. A failed event is tried again after 2 to 5 s, then after twice as long each time, and holds back " +
        "later events of its subject; after a day it is parked, if the endpoint has accepted others meanwhile.",
      body: { schema: NewWebhook },
      answer: answerOf(201, "The webhook, with the secret that signs its events.", CreatedWebhook),
      problems: ["too_many_webhooks", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewWebhook);
      const { url, types, description = null } = value;
      const { act, answer } = await createWebhook(deps, header, { url, types, description });
      return decidedAnswer(call, answer, 201, (accepted, { replayed }) => {
        const { webhook, secret } = effectOf(act, accepted);
        return JSON.stringify({ ...webhookView(webhook), ...secretMembers(deps, call, secret, replayed) });
      });
    },
  );
}

/** @throws Problem 400 for a URL that events are not sent to */
export async function createWebhook(
  deps: WebhooksDeps,
  header: CommandHeader,
  fields: Readonly<{ url: string; types: readonly EventType[]; description: string | null }>,
) {
  checkUrl(deps, fields.url);
  const act = webhooksAct("create_webhook", WEBHOOKS_SUBJECT, fields);
  return { act, answer: await deps.ledger.submit(actAlone(header, act)) };
}

function addReads(routes: Routes, { ledger }: WebhooksDeps): void {
  addListRoute(
    routes,
    { ...common, path: PATH, summary: "List webhooks, newest first", query: PageQuery, row: WebhookSchema },
    (_, call, query) => ledger.list(call.partner, askWebhooks, query, callerOf(call)),
    webhookJson,
  );
  addReadRoute(
    routes,
    {
      ...ofWebhook,
      path: `${PATH}/{id}`,
      summary: "Get a webhook",
      answer: answerOf(200, "The webhook.", WebhookSchema),
      problems: ["webhook_not_found"],
    },
    (request, call) => findWebhook(ledger, call.partner, webhookIdOf(request)),
    webhookJson,
  );
}

function addPatch(routes: Routes, deps: WebhooksDeps): void {
  routes.add(
    {
      ...ofWebhook,
      method: "patch",
      path: `${PATH}/{id}`,
      summary: "Change a webhook, or switch it off and on",
      description:
        "While a webhook is off, its events wait. Once it is on again, all of them are sent that are not older than 30 days.",
      body: { schema: WebhookPatch },
      answer: answerOf(200, "The webhook.", WebhookSchema),
      problems: ["webhook_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, WebhookPatch);
      const { url, types, description, enabled } = value;
      if (url !== undefined) checkUrl(deps, url);
      const act = webhooksAct("update_webhook", WEBHOOKS_SUBJECT, {
        webhook: webhookIdOf(request),
        ...(url === undefined ? {} : { url }),
        ...(types === undefined ? {} : { types }),
        ...(description === undefined ? {} : { description }),
        ...(enabled === undefined ? {} : { enabled }),
      });
      return decidedAnswer(call, await deps.ledger.submit(actAlone(header, act)), 200, (accepted) =>
        webhookJson(effectOf(act, accepted).webhook),
      );
    },
  );
}

function addDelete(routes: Routes, { ledger }: WebhooksDeps): void {
  routes.add(
    {
      ...ofWebhook,
      method: "delete",
      path: `${PATH}/{id}`,
      summary: "Delete a webhook",
      description: "Requests that are in flight are not called back.",
      answer: { status: 204, description: "It is deleted." },
      problems: ["webhook_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const header = await readBareChange(request, call);
      const act = webhooksAct("delete_webhook", WEBHOOKS_SUBJECT, { webhook: webhookIdOf(request) });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 204, () => null);
    },
  );
}

function addRotate(routes: Routes, deps: WebhooksDeps): void {
  routes.add(
    {
      ...ofWebhook,
      method: "post",
      operationId: "rotateWebhookSecret",
      path: `${PATH}/{id}/rotate`,
      summary: "Rotate the secret that signs a webhook's events",
      description: `For ${(SECRET_GRACE_MS / DAY_MS) * 24} hours the secret before signs as well: a request then has two signatures.`,
      answer: answerOf(200, "The new secret.", RotatedSecret),
      problems: ["webhook_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const header = await readBareChange(request, call);
      const id = webhookIdOf(request);
      const act = webhooksAct("rotate_secret", WEBHOOKS_SUBJECT, { webhook: id });
      return decidedAnswer(
        call,
        await deps.ledger.submit(actAlone(header, act)),
        200,
        (accepted, { replayed }) =>
          JSON.stringify({ id, ...secretMembers(deps, call, effectOf(act, accepted).secret, replayed) }),
      );
    },
  );
}

function addReplay(routes: Routes, { ledger }: WebhooksDeps): void {
  routes.add(
    {
      ...ofWebhook,
      method: "post",
      operationId: "replayWebhook",
      path: `${PATH}/{id}/replay`,
      summary: "Send all events since a time again",
      description:
        "Events are kept for 30 days. Whatever was delivered, held back or parked: delivery begins again at this time, and " +
        "for each subject in its order. Undelivered events before it are left out.",
      body: { schema: Replay },
      answer: answerOf(202, "The time from which events are sent.", ReplayStarted),
      problems: ["webhook_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, Replay);
      const id = webhookIdOf(request);
      const fromMs = knownTimeMsOf(value.from);
      const act = webhooksAct("replay", WEBHOOKS_SUBJECT, { webhook: id, fromMs });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 202, (accepted) =>
        JSON.stringify({ id, from: timeTextOf(effectOf(act, accepted).fromMs) }),
      );
    },
  );
}

/** @throws Problem 404 */
export async function findWebhook(ledger: Ledger, partner: string, id: string): Promise<WebhookView> {
  const webhook = await ledger.ask(partner, askWebhook(id));
  if (webhook === null) throw new Problem("webhook_not_found", `There is no webhook ${id}.`);
  return webhook;
}

/** @throws Problem 400 */
function checkUrl({ webhooksAllowPrivate = false }: WebhooksDeps, url: string): void {
  const fault = urlFault(url, webhooksAllowPrivate);
  if (fault !== undefined) throw invalid("url", fault);
}

function secretMembers(
  { openSecret }: WebhooksDeps,
  { partner }: Call,
  stored: string,
  replayed: boolean,
): object {
  if (replayed) return { secret: null, secret_shown: true };
  return { secret: openedSecret(openSecret, partner, stored) };
}

/** The secret that signs a webhook's events, as its receiver needs it. @param stored as the ledger has it. */
export function openedSecret(openSecret: OpenSecret, partner: string, stored: string): string {
  const secret = openSecret(stored, webhookSecretOf(partner));
  assert(secret !== undefined, "the shards seal secrets with this server's key");
  return secretText(secret);
}

function webhookView({ id, url, types, description, enabled, createdAtMs }: WebhookView): object {
  return { id, url, types, description, enabled, created_at: timeTextOf(createdAtMs) };
}

function webhookJson(webhook: WebhookView): string {
  return JSON.stringify(webhookView(webhook));
}
