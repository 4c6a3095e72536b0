/** The events of a transfer, with their deliveries to the partner's webhooks. */
import { eventsOf } from "../../../actors/events/events-of.ts";
import {
  askWebhooks,
  WEBHOOKS_OF_PARTNER_MAX,
  type WebhookView,
} from "../../../actors/programmes/webhooks/acts.ts";
import type { LedgerEvent } from "../../../actors/records/event.ts";
import type { ArchivedRecord } from "../../../archive/queries/query.ts";
import { OperatingError } from "../../../errors/operating-error.ts";
import type { Delivery } from "../../../gateway/ports.ts";
import { table } from "../base/blocks.ts";
import { count, deliveryBadge, mono, none, time } from "../base/format.ts";
import { type Fragment, type Html, html } from "../base/html.ts";
import type { ConsoleDeps } from "./area.ts";

/** Events whose deliveries are read. A pending transfer may have been posted in very many parts. */
const EVENTS_MAX = 30;

type Sent = Readonly<{ url: string; delivery: Delivery }>;
type NamedEvent = Readonly<{ id: string; event: LedgerEvent }>;
/** `sent`: its deliveries; `undefined` if they were not read. */
export type ShownEvent = NamedEvent & Readonly<{ sent: readonly Sent[] | undefined }>;

/** The events of each record, in the order of the records. */
export async function eventsOfRecords(
  deps: ConsoleDeps,
  partner: string,
  records: readonly ArchivedRecord[],
): Promise<readonly (readonly ShownEvent[])[]> {
  const made = records.map(({ at, timeMs, record }) => {
    const events = eventsOf(record, timeMs);
    const ids = deps.ledger.eventIds(partner, at, events.length);
    return events.map((event, n) => ({ id: ids[n] ?? "", event }));
  });
  const webhooks = made.flat().length === 0 ? [] : await webhooksOf(deps, partner);
  const asked = new Set(made.flat().slice(0, EVENTS_MAX));
  const shown = async (each: NamedEvent): Promise<ShownEvent> => {
    const sent = webhooks && asked.has(each) ? await deliveriesOf(deps, partner, webhooks, each) : undefined;
    return { ...each, sent };
  };
  return Promise.all(made.map((events) => Promise.all(events.map(shown))));
}

/** `undefined` while the shard that knows them does not answer: the transfer is shown all the same. */
async function webhooksOf(
  { ledger }: ConsoleDeps,
  partner: string,
): Promise<readonly WebhookView[] | undefined> {
  return orUndefined(async () => {
    const page = { limit: WEBHOOKS_OF_PARTNER_MAX };
    return (await ledger.list(partner, askWebhooks, page)).data;
  });
}

function deliveriesOf(
  { operations }: ConsoleDeps,
  partner: string,
  webhooks: readonly WebhookView[],
  { id, event: { type } }: NamedEvent,
): Promise<readonly Sent[] | undefined> {
  return orUndefined(async () => {
    const asked = webhooks.filter(({ types }) => types.length === 0 || types.includes(type));
    const found = await Promise.all(
      asked.map(async ({ id: webhook, url }) => {
        const query = { partner, webhook, event: id, before: Number.MAX_SAFE_INTEGER, limit: 1 };
        return (await operations.deliveries(query)).map((delivery) => ({ url, delivery }));
      }),
    );
    return found.flat();
  });
}

async function orUndefined<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (failure) {
    if (!(failure instanceof OperatingError)) throw failure;
    return undefined;
  }
}

type Row = Readonly<{ shown: ShownEvent; sent: Sent | undefined }>;

/** @param caption unique on the page. */
export function eventTable(caption: string, events: readonly ShownEvent[]): Html {
  const rows = events.flatMap((shown): readonly Row[] =>
    shown.sent === undefined || shown.sent.length === 0
      ? [{ shown, sent: undefined }]
      : shown.sent.map((sent) => ({ shown, sent })),
  );
  return table<Row>({
    caption,
    rows,
    empty: "It made no event.",
    columns: [
      {
        label: "Event",
        isHead: true,
        cell: ({ shown: { id, event } }) => html`${event.type}<br>${mono(id)}<br>of ${event.subject}`,
      },
      { label: "State", cell: stateOf },
      { label: "Webhook", cell: ({ sent }) => sent?.url },
      { label: "Tries", isNumber: true, cell: ofDelivery(({ tries }) => count(tries)) },
      { label: "Answer", cell: ofDelivery(({ httpStatus, answer }) => html`${httpStatus} ${answer}`) },
      { label: "First try", cell: ofDelivery(({ firstAtMs }) => time(firstAtMs)) },
      { label: "Last try", cell: ofDelivery(({ lastAtMs }) => time(lastAtMs)) },
    ],
  });
}

function stateOf({ shown, sent }: Row): Html {
  if (sent !== undefined) return deliveryBadge(sent.delivery);
  return none(shown.sent === undefined ? "not read" : "no delivery");
}

function ofDelivery(show: (delivery: Delivery) => Fragment): (row: Row) => Fragment {
  return ({ sent }) => sent && show(sent.delivery);
}
