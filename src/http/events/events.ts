/** `GET /v1/events`: a partner's events, as a list or as a stream. */
import { z } from "@hono/zod-openapi";
import type { EventType } from "../../actors/records/event.ts";
import type { Directory, FeedRequest } from "../../gateway/ports.ts";
import { keyIdOf } from "../auth.ts";
import type { Call, HttpAnswer } from "../call.ts";
import { prefersText } from "../input/accept.ts";
import { Id, LIST_LIMIT_DEFAULT, Limit } from "../input/fields.ts";
import { pageAnswer, pageSchema } from "../input/pagination.ts";
import { invalid } from "../problem.ts";
import type { HttpRequest } from "../request.ts";
import type { Routes } from "../routes.ts";
import { EVENT_TYPES, eventJson } from "./event-json.ts";
import { eventStream, type FeedDeps, readFeed, type StreamDeps } from "./event-stream.ts";

export const EventSchema = z
  .object({
    id: z.string(),
    type: z.enum(EVENT_TYPES),
    at: z.iso.datetime(),
    subject: z.string(),
    position: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .openapi("Event", {
    example: {
      id: "ev_8Jr0cQvZ1mXJq3d5Yt2k7w",
      type: "loyalty.member.above_threshold",
      at: "2026-11-20T10:00:00.000Z",
      subject: "alice",
      position: "0:1-42",
      data: { member: "alice", balance: 1001, transfer_id: "tr_0a11001" },
    },
  });

/** As the feed issues them. */
const EVENT_ID = /^ev_[A-Za-z0-9_-]{22}$/;

const query = {
  types: z.string().optional().openapi({ description: "Event types, separated by commas." }),
  after: z
    .string()
    .regex(EVENT_ID, "must be the id of an event")
    .optional()
    .openapi({ description: "Id of the event to continue after." }),
  limit: Limit.default(LIST_LIMIT_DEFAULT),
};
export const FeedQuery = z.strictObject(query);
const EventsQuery = z.strictObject({
  ...query,
  subject: Id.optional().openapi({ description: "Events about this account, member, voucher, …" }),
});

type EventsDeps = FeedDeps & Readonly<{ directory: Directory }>;

/** What the descriptions of all feeds share. */
export const feedRoute = {
  method: "get",
  description:
    "With `Accept: text/event-stream` the answer is a stream of server-sent events: those after `after` or " +
    "`Last-Event-ID`, or, without either, those from now on.",
  answer: {
    status: 200,
    description: "Events, oldest first. `next_cursor` is null if there are no more at present.",
    content: { "application/json": pageSchema(EventSchema), "text/event-stream": z.string() },
  },
  problems: ["events_expired"],
} as const;

export function addEvents(routes: Routes, deps: EventsDeps): void {
  routes.add(
    {
      ...feedRoute,
      path: "/v1/events",
      access: "partner",
      group: "events",
      summary: "List events, oldest first, or follow them as a stream",
      query: EventsQuery,
    },
    (request, call, { types, subject, ...asked }) => {
      const { directory } = deps;
      const isAdmitted = () =>
        directory.hasKey(call.partner, keyIdOf(call)) && directory.partner(call.partner)?.status === "active";
      return feedAnswer({ ...deps, isAdmitted }, request, call, {
        ...asked,
        types: typesOf(types, EVENT_TYPES),
        subject,
      });
    },
  );
}

/** A page of a feed, or its stream, as the request prefers. @throws Problem 400, 410, 503 */
export function feedAnswer(
  deps: StreamDeps,
  request: HttpRequest,
  call: Call,
  asked: FeedRequest,
): Promise<HttpAnswer> {
  if (!prefersText(request.header("accept"), "text/event-stream")) return listEvents(deps, call, asked);
  const { limit: _, ...wanted } = asked;
  const after = request.header("last-event-id") ?? asked.after;
  if (after !== undefined && !EVENT_ID.test(after))
    throw invalid("Last-Event-ID", "must be the id of an event");
  return eventStream(deps, call, { ...wanted, after });
}

async function listEvents(
  { ledger, persons }: StreamDeps,
  call: Call,
  request: FeedRequest,
): Promise<HttpAnswer> {
  const { events, next = null, isLast } = await readFeed(ledger, call, request);
  const page = { data: events, cursors: events.map(({ id }) => id), nextCursor: isLast ? null : next };
  return pageAnswer(call, page, (each) => eventJson(each, (sealed) => persons.open(sealed)), {
    headers: { Vary: "Accept" },
  });
}

/** @throws Problem 400: a type that is not one of `known` */
export function typesOf(
  text: string | undefined,
  known: readonly EventType[],
): readonly EventType[] | undefined {
  return text?.split(",").map((name) => {
    const type = known.find((each) => each === name);
    if (type === undefined) throw invalid("types", `${name} is not a type of event`);
    return type;
  });
}
