/**
 * Vouchers for many, on one shard: its own customers' part of each batch, issued a portion at a time, so that a million
 * hold up nobody.
 */
import { assert } from "../../../errors/assert.ts";
import { Deadlines, type Expiring } from "../../ledger/limits/deadlines.ts";
import type { Command } from "../../records/command.ts";
import type { ProgrammeContext, ScheduledCommand } from "../programme.ts";
import {
  type BatchOrder,
  type BatchPart,
  type IssuePortion,
  type Recipients,
  VOUCHERS_SUBJECT,
} from "./acts.ts";

/** About a millisecond's work. */
export const PORTION_MAX = 128;
/** Of one partner at a time: the recipients of each are in memory. */
const UNFINISHED_MAX = 100;
/** Of one partner, some 300 bytes each: for one more, the oldest of them leaves. Its vouchers stay. */
export const FINISHED_MAX = 10_000;

export interface Batch extends Expiring {
  readonly partner: string;
  readonly order: BatchOrder;
  /** Of this shard; once all have theirs, only how many they were. */
  recipients: Recipients;
  /** So many have theirs. */
  issued: number;
  isDone: boolean;
  /** When the next portion may be issued. */
  endsAtMs: number;
}

type PartnerBatches = { readonly byId: Map<string, Batch>; unfinished: number };

/** One more is done: beyond the bound the one that came first leaves. */
function forgetFinished({ byId, unfinished }: PartnerBatches): void {
  if (byId.size - unfinished <= FINISHED_MAX) return;
  for (const { id, isDone } of byId.values()) {
    if (!isDone) continue;
    byId.delete(id);
    return;
  }
}

export class Batches {
  readonly #scheduler: ProgrammeContext["scheduler"];
  readonly #partners = new Map<string, PartnerBatches>();
  readonly #waiting = new Deadlines<Batch>();
  /** For the next portion of whichever batch it is: they come one after the other, however many batches there are. */
  #next: ScheduledCommand | undefined;
  #pausedUntilMs = 0;

  constructor(scheduler: ProgrammeContext["scheduler"]) {
    this.#scheduler = scheduler;
  }

  get(partner: string, id: string): Batch | undefined {
    return this.#partners.get(partner)?.byId.get(id);
  }

  isFullFor(partner: string): boolean {
    return (this.#partners.get(partner)?.unfinished ?? 0) >= UNFINISHED_MAX;
  }

  /** In the order in which they came, by partner. */
  *all(): Generator<Batch> {
    for (const { byId } of this.#partners.values()) yield* byId.values();
  }

  add(batch: Omit<Batch, "place">): void {
    const added: Batch = { ...batch, place: -1 };
    let own = this.#partners.get(batch.partner);
    if (own === undefined) this.#partners.set(batch.partner, (own = { byId: new Map(), unfinished: 0 }));
    own.byId.set(batch.id, added);
    if (batch.isDone) {
      forgetFinished(own);
      return;
    }
    own.unfinished += 1;
    this.#waiting.add(added);
    this.#schedule();
  }

  /** So many more have theirs. */
  issued(batch: Batch, count: number, timeMs: number): void {
    this.#waiting.remove(batch);
    batch.issued += count;
    batch.isDone = batch.issued === sizeOf(batch.recipients);
    if (batch.isDone) {
      batch.recipients = batch.issued;
      const own = this.#partners.get(batch.partner);
      assert(own !== undefined, "a batch is one of its partner's");
      own.unfinished -= 1;
      forgetFinished(own);
    } else {
      // The others first; and whatever came meanwhile, since a batch of the log has one time.
      batch.endsAtMs = timeMs + 1;
      this.#waiting.add(batch);
    }
    this.#pausedUntilMs = timeMs + 1;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#next !== undefined) this.#scheduler.remove(this.#next);
    this.#next = undefined;
    const { first } = this.#waiting;
    if (first === undefined) return;
    const { partner, id } = first;
    this.#next = {
      partner,
      endsAtMs: Math.max(first.endsAtMs, this.#pausedUntilMs),
      id: `${partner}\0${id}`,
      place: -1,
      subjects: [],
      command: () => portionOf(partner, id),
    };
    this.#scheduler.add(this.#next);
  }
}

export function sizeOf(recipients: Recipients): number {
  return typeof recipients === "number" ? recipients : recipients.length;
}

export function partOf({ order, recipients, issued, isDone }: Batch, nowMs: number): BatchPart {
  return { requested: sizeOf(recipients), issued, isDone, isScheduled: order.runAtMs > nowMs };
}

function portionOf(partner: string, batch: string): Command {
  const act: IssuePortion = {
    programme: "vouchers",
    act: "issue_portion",
    subject: VOUCHERS_SUBJECT,
    batch,
  };
  return { op: "act", partner, key: null, fingerprint: 0, act };
}
