/**
 * Voucher batches: one order for many customers. Each shard issues the vouchers of its own customers, in portions, so
 * that a batch of a million does not block other requests.
 */

import { assert } from "../../../errors/assert.ts";
import { Deadlines, type Expiring } from "../../ledger/limits/deadlines.ts";
import { actAlone, type Command } from "../../records/command.ts";
import { keyless } from "../../records/command-header.ts";
import type { ProgrammeContext, ScheduledCommand } from "../programme.ts";
import { type BatchOrder, type BatchPart, type Recipients, VOUCHERS_SUBJECT, voucherAct } from "./acts.ts";

/** Vouchers issued in one record: about 1 ms of work. */
export const PORTION_MAX = 128;
/** Unfinished batches per partner: the recipients of each are in memory. */
const UNFINISHED_MAX = 100;
/** Finished batches kept per partner, some 300 bytes each. Beyond it the oldest is forgotten; its vouchers stay. */
export const FINISHED_MAX = 10_000;

export interface Batch extends Expiring {
  readonly partner: string;
  readonly order: BatchOrder;
  /** The recipients on this shard; replaced by their number once the batch is done, to free the memory. */
  recipients: Recipients;
  /** Vouchers issued so far. */
  issued: number;
  /** Recipients so far who were erased before their turn. */
  skipped: number;
  isDone: boolean;
  /** When the next portion may be issued. */
  endsAtMs: number;
}

type PartnerBatches = { readonly byId: Map<string, Batch>; unfinished: number };

/** Deletes the oldest finished batch if there are more than `FINISHED_MAX`. */
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
  /**
   * The next portion, of any batch. There is one for all batches, so that their portions never run at the same time.
   */
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

  /** By partner, each partner's in creation order. */
  *all(): Generator<Batch> {
    for (const { byId } of this.#partners.values()) yield* byId.values();
  }

  add(batch: Omit<Batch, "place">): void {
    const added: Batch = { ...batch, place: -1 };
    let partnerBatches = this.#partners.get(batch.partner);
    if (partnerBatches === undefined)
      this.#partners.set(batch.partner, (partnerBatches = { byId: new Map(), unfinished: 0 }));
    partnerBatches.byId.set(batch.id, added);
    if (batch.isDone) {
      forgetFinished(partnerBatches);
      return;
    }
    partnerBatches.unfinished += 1;
    this.#waiting.add(added);
    this.#schedule();
  }

  /** Records that `count` vouchers were issued to the next `passed` recipients, and schedules the next portion. */
  issued(batch: Batch, count: number, passed: number, timeMs: number): void {
    this.#waiting.remove(batch);
    batch.issued += count;
    batch.skipped += passed - count;
    batch.isDone = batch.issued + batch.skipped === sizeOf(batch.recipients);
    if (batch.isDone) {
      batch.recipients = sizeOf(batch.recipients);
      const partnerBatches = this.#partners.get(batch.partner);
      assert(partnerBatches !== undefined, "the partner of a batch has batches");
      partnerBatches.unfinished -= 1;
      forgetFinished(partnerBatches);
    } else {
      // Commands in one log batch share a time. A due time 1 ms later yields to other voucher batches and to requests.
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
  return {
    requested: sizeOf(recipients),
    issued,
    isDone,
    isScheduled: order.runAtMs > nowMs,
    runAtMs: order.runAtMs,
  };
}

function portionOf(partner: string, batch: string): Command {
  return actAlone(keyless(partner), voucherAct("issue_portion", VOUCHERS_SUBJECT, { batch }));
}
