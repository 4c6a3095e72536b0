/** `GET /v1/events`: a partner's events, as a list or as a stream. */
import { z } from "@hono/zod-openapi";
import type { EventType } from "../../actors/records/event.ts";
import type { FeedRequest, Ledger } from "../../gateway/ports.ts";
import type { Call, HttpAnswer } from "../call.ts";
import { prefersText } from "../input/accept.ts";
import { Id, LIST_LIMIT_DEFAULT, Limit } from "../input/fields.ts";
import { pageAnswer, pageSchema } from "../input/pagination.ts";
import { invalid } from "../problem.ts";
import type { Routes } from "../routes.ts";
import { EVENT_TYPES, eventJson } from "./event-json.ts";
import { eventStream, readFeed } from "./event-stream.ts";
import type { EventStreams } from "./event-streams.ts";

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

const EventsQuery = z.strictObject({
  types: z.string().optional().openapi({
    description: "Event types, separated by commas.",
    example: "transfer.posted,transfer.voided",
  }),
  subject: Id.optional().openapi({ description: "Events about this account, member, voucher, …" }),
  after: z
    .string()
    .regex(EVENT_ID, "must be the id of an event")
    .optional()
    .openapi({ description: "Id of the event to continue after." }),
  limit: Limit.default(LIST_LIMIT_DEFAULT),
});

type EventsDeps = Readonly<{ ledger: Ledger; streams: EventStreams }>;

export function addEvents(routes: Routes, deps: EventsDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/events",
      access: "partner",
      group: "events",
      summary: "List events, oldest first, or follow them as a stream",
      description:
        "With `Accept: text/event-stream` the answer is a stream of server-sent events: those after `after` or " +
        "`Last-Event-ID`, or, without either, those from now on.",
      query: EventsQuery,
      answer: {
        status: 200,
        description: "Events, oldest first. `next_cursor` is null if there are no more at present.",
        content: { "application/json": pageSchema(EventSchema), "text/event-stream": z.string() },
      },
      problems: ["events_expired"],
    },
    (request, call, query) => {
      const types = typesOf(query.types);
      const wanted = { types, subject: query.subject };
      if (prefersText(request.header("accept"), "text/event-stream")) {
        const after = request.header("last-event-id") ?? query.after;
        if (after !== undefined && !EVENT_ID.test(after))
          throw invalid("Last-Event-ID", "must be the id of an event");
        return eventStream(deps, call, { ...wanted, after });
      }
      return listEvents(deps.ledger, call, { ...wanted, after: query.after, limit: query.limit });
    },
  );
}

async function listEvents(ledger: Ledger, call: Call, request: FeedRequest): Promise<HttpAnswer> {
  const { events, next = null, isLast } = await readFeed(ledger, call, request);
  const page = { data: events, cursors: events.map(({ id }) => id), nextCursor: isLast ? null : next };
  return pageAnswer(call, page, eventJson, { headers: { Vary: "Accept" } });
}

/** @throws Problem 400: a type that does not exist */
function typesOf(text: string | undefined): readonly EventType[] | undefined {
  return text?.split(",").map((name) => {
    const type = EVENT_TYPES.find((each) => each === name);
    if (type === undefined) throw invalid("types", `${name} is not a type of event`);
    return type;
  });
}
