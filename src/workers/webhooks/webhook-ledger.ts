/** The server as the delivery of webhooks uses it: the feed of events, and the webhooks with their progress. */
import { setTimeout as delay } from "node:timers/promises";
import {
  askEndpoint,
  type Endpoint,
  type FeedPlace,
  type ProgressChange,
  WEBHOOKS_SUBJECT,
  webhooksAct,
} from "../../actors/programmes/webhooks/acts.ts";
import { actAlone } from "../../actors/records/command.ts";
import { keyless } from "../../actors/records/command-header.ts";
import type {
  ArchiveQueries,
  EventPlace,
  EventRow,
  EventsPage,
  EventsQuery,
} from "../../archive/queries/query.ts";
import { EventIds } from "../../gateway/events/event-ids.ts";
import { Gateway } from "../../gateway/gateway.ts";
import { eventPage, KEPT_MS, tickAfter } from "../../gateway/queries/events.ts";
import { flowOwnerOfSubject } from "../../gateway/shard-link/owners.ts";
import type { ShardLink } from "../../gateway/shard-link/shard-link.ts";
import { positionText, Shards } from "../../gateway/shard-link/shards.ts";
import { eventJson } from "../../http/events/event-json.ts";
import type { Persons } from "../../persons/person-keys.ts";
import type { FeedEntry, FeedPart } from "../../webhooks/feed-entry.ts";
import type { Subscription, WebhookLedger } from "../../webhooks/webhook-service.ts";

/** A feed is read again after this time even if nothing seems new. */
const WAIT_MS = 5_000;
/** Pause before a read, so that many small batches become one read. */
const PAUSE_MS = 50;
/** After this time the archive mostly holds what was logged. */
const ARCHIVED_MS = 20;
const RETRY_MS = 1_000;

export type LedgerParts = Readonly<{
  links: readonly ShardLink[];
  archive: ArchiveQueries;
  /** The setting `SECRET_KEY`, for the ids of events. */
  secretKey: string;
  persons: Pick<Persons, "open">;
}>;

export class FeedLedger implements WebhookLedger {
  readonly #gateway = new Gateway();
  readonly #shards: Shards;
  readonly #ids: EventIds;
  readonly #persons: LedgerParts["persons"];
  #ticking: Promise<void> | undefined;
  /** Reads that have not ended. */
  readonly #reads = new Map<string, Promise<FeedPart>>();

  constructor({ links, archive, secretKey, persons }: LedgerParts) {
    this.#persons = persons;
    this.#gateway.connect(links, archive, () => undefined);
    this.#shards = new Shards(links, archive);
    this.#ids = new EventIds(secretKey);
  }

  endpoint(partner: string, webhook: string): Promise<Endpoint | null> {
    return this.#gateway.ask(partner, askEndpoint(webhook));
  }

  /** Webhooks of one partner mostly wait at the same place of its feed: they share a read. */
  events(
    of: Subscription,
    after: FeedPlace | null,
    filter: Readonly<{ limit: number; subject?: string }>,
  ): Promise<FeedPart> {
    const key = JSON.stringify([of.partner, of.types, after ?? of.fromMs, filter.limit, filter.subject]);
    const shared = this.#reads.get(key);
    if (shared !== undefined) return shared;
    const read = this.#read(of, after, filter).finally(() => this.#reads.delete(key));
    this.#reads.set(key, read);
    return read;
  }

  async #read(
    { partner, types, fromMs }: Subscription,
    after: FeedPlace | null,
    { limit, subject }: Readonly<{ limit: number; subject?: string }>,
  ): Promise<FeedPart> {
    const query = {
      ...this.#query(partner, after === null ? null : eventPlace(after), limit),
      fromMs,
      types: types.length === 0 ? undefined : types,
      subject,
    };
    const { turns, archive } = this.#shards;
    const owner = flowOwnerOfSubject(partner, subject ?? "");
    const page = await turns.pages.run(partner, owner, undefined, () => archive.events(query, []));
    const { waitsFor, indexed } = page;
    let more: Promise<void> | undefined;
    return {
      entries: page.rows.map((row) => this.#entry(partner, row)),
      last: page.last === null ? null : feedPlace(page.last, page.last.timeMs),
      isLast: page.isLast,
      more: () => (more ??= waitsFor === null ? this.#more(partner, indexed) : this.#tick(waitsFor)),
    };
  }

  async event(partner: string, id: string): Promise<FeedEntry | undefined> {
    const place = this.#ids.parse(partner, id);
    if (place === undefined) return undefined;
    const query = this.#query(partner, { ...place, n: place.n - 1 }, 1);
    const [row] = (await eventPage(this.#shards, query)).rows;
    const entry = row && this.#entry(partner, row);
    return entry?.id === id ? entry : undefined;
  }

  async sent(partner: string, webhook: string, event: string): Promise<void> {
    const act = webhooksAct("sent", WEBHOOKS_SUBJECT, { webhook, event });
    await this.#gateway.submit(actAlone(keyless(partner), act));
  }

  async store(partner: string, webhook: string, change: ProgressChange): Promise<boolean> {
    const act = webhooksAct("progress", WEBHOOKS_SUBJECT, { webhook, ...change });
    const answer = await this.#gateway.submit(actAlone(keyless(partner), act));
    return "outcome" in answer && answer.outcome.ok && answer.outcome.effect === true;
  }

  #query(partner: string, after: EventPlace | null, limit: number): EventsQuery {
    const shards = this.#shards.links.length;
    return { partner, shards, after, limit, keptMs: KEPT_MS, beforeMs: Number.POSITIVE_INFINITY };
  }

  #entry(partner: string, { place, timeMs, event }: EventRow): FeedEntry {
    const id = this.#ids.format(partner, place);
    const position = positionText(place.shard, place);
    const body = eventJson({ id, timeMs, position, event }, (sealed) => this.#persons.open(sealed));
    return { place: feedPlace(place, timeMs), id, type: event.type, subject: event.subject, body };
  }

  /**
   * Makes idle shards log a later record, so that the events before it can be read. All readers share it: whatever the number
   * of webhooks, shards log a few such records a second. Busy shards have a later one by themselves after the pause.
   */
  #tick({ afterMs, shards }: NonNullable<EventsPage["waitsFor"]>): Promise<void> {
    const tick = async () => {
      await delay(PAUSE_MS);
      await Promise.all(shards.map((shard) => tickAfter(this.#shards, "", shard, afterMs)));
      await delay(ARCHIVED_MS);
    };
    // While a shard is away, this is only a pause: the next read finds it again.
    this.#ticking ??= tick()
      .catch(() => delay(RETRY_MS))
      .finally(() => {
        this.#ticking = undefined;
      });
    return this.#ticking;
  }

  async #more(partner: string, indexed: number): Promise<void> {
    // While the archive is away, this is only a pause: the next read says why.
    const pause = () => delay(WAIT_MS);
    await this.#shards.archive.awaitEvents(partner, indexed, WAIT_MS).catch(pause);
    await delay(PAUSE_MS);
  }
}

function feedPlace({ shard, epoch, seq, index, n }: EventPlace, timeMs: number): FeedPlace {
  return [timeMs, shard, epoch, seq, index, n];
}

function eventPlace([, shard, epoch, seq, index, n]: FeedPlace): EventPlace {
  return { shard, epoch, seq, index, n };
}
