/**
 * Long jobs over all users of a shard, done in portions so that other requests need not wait: `fill` adds the users
 * that a percentage selects, `trim` removes those that a lower one no longer selects, `sweep` removes the memberships of
 * a deleted segment. Neither a fill nor a trim does what a later change of the percentage has taken back. The jobs of a shard share one
 * queue; after each portion the first job moves to the end of the queue and pauses.
 */

import { assert } from "../../../errors/assert.ts";
import { actAlone, type Command } from "../../records/command.ts";
import { keyless } from "../../records/command-header.ts";
import type { ProgrammeContext, ScheduledCommand } from "../programme.ts";
import { type Filled, type SegmentsAct, type Swept, segmentSubject, type Trimmed } from "./acts.ts";
import { drawPosition, isSelected, lanesOf } from "./draw.ts";
import { Additions, namesOf } from "./membership-changes.ts";
import { membershipOf, type Segment, type SegmentStore, type User } from "./segment-store.ts";

/** Users scanned per portion. */
const SCANNED_MAX = 2_500;
/** Memberships changed per portion. A client waits for a fill or a trim; nothing waits for a sweep, so it takes smaller steps. */
const CHANGED_MAX = { fill: 1_000, trim: 1_000, sweep: 200 } as const;
const PAUSE_MS = { fill: 1, trim: 1, sweep: 4 } as const;

export type BackfillJob = {
  readonly kind: "fill" | "sweep" | "trim";
  readonly store: SegmentStore;
  readonly segment: Segment;
  /** Index of the round in `Segment.rounds` that a `fill` executes. */
  readonly round: number;
  /** Serial number of the last user that was scanned; 0 at the start. */
  scannedTo: number;
  /** Serial number of the last user to scan. */
  readonly upTo: number;
};

/**
 * The job queue of one shard. Its length is bounded by the number of segments and of requests that change a percentage at
 * once: each waits for its job.
 */
export class BackfillJobs {
  readonly #scheduler: ProgrammeContext["scheduler"];
  readonly #queue: BackfillJob[] = [];
  #next: ScheduledCommand | undefined;

  constructor(scheduler: ProgrammeContext["scheduler"]) {
    this.#scheduler = scheduler;
  }

  get first(): BackfillJob {
    const [first] = this.#queue;
    assert(first !== undefined, "a portion belongs to a job");
    return first;
  }

  /** Due time of the next portion, in ms. */
  get nextAtMs(): number {
    return this.#next?.endsAtMs ?? 0;
  }

  all(): Iterable<BackfillJob> {
    return this.#queue;
  }

  /** Whether the percentage of the segment is still being applied. */
  isFilling(segment: Segment): boolean {
    return this.#queue.some((job) => job.segment === segment && job.kind !== "sweep");
  }

  add(job: BackfillJob, nextAtMs: number): void {
    this.#queue.push(job);
    if (this.#next === undefined) this.#schedule(nextAtMs);
  }

  /** Records that the first job has scanned up to serial number `serial`, and schedules the next portion. */
  advance(serial: number, timeMs: number): void {
    const job = this.#queue.shift();
    assert(job !== undefined && this.#next !== undefined, "a portion was due");
    this.#scheduler.remove(this.#next);
    this.#next = undefined;
    job.scannedTo = serial;
    if (serial < job.upTo) this.#queue.push(job);
    if (this.#queue.length > 0) this.#schedule(timeMs + PAUSE_MS[this.first.kind]);
  }

  #schedule(endsAtMs: number): void {
    const { partner } = this.first.store;
    const command = () => commandOf(this.first);
    this.#next = { partner, endsAtMs, id: "segments", place: -1, subjects: [], command };
    this.#scheduler.add(this.#next);
  }
}

export function decideFill({ store, segment, round, scannedTo, upTo }: BackfillJob, nowMs: number): Filled {
  const additions = new Additions(nowMs);
  const { over, added, prolonged } = additions;
  const result = (scanned: number) => ({
    upTo: scanned,
    over,
    added: namesOf(added),
    prolonged: namesOf(prolonged),
  });
  if (segment.deletedAtMs !== null) return result(upTo);
  const rounds = segment.rounds.slice(0, round + 1);
  const earlier = segment.rounds.slice(0, round);
  const end = Math.min(upTo, scannedTo + SCANNED_MAX);
  let serial = scannedTo;
  while (serial < end && added.length + prolonged.length < CHANGED_MAX.fill) {
    const user = store.bySerial[serial] as User;
    serial += 1;
    const place = drawPosition(segment.lanes, lanesOf(user.id));
    // A user that earlier rounds selected has the segment already, or was removed by hand.
    if (!isSelected(place, serial, rounds) || isSelected(place, serial, earlier)) continue;
    const membership = membershipOf(user, segment);
    if (membership?.kind !== "removed" && segment.selects(user)) additions.add(user.id, membership, null);
  }
  return result(serial);
}

export function applyFill({ store, segment }: BackfillJob, { added, prolonged }: Filled): void {
  for (const id of [...added, ...prolonged]) store.putMembership(store.userById(id), segment.permanent.auto);
}

export function decideTrim({ store, segment, scannedTo, upTo }: BackfillJob): Trimmed {
  const removed: string[] = [];
  if (segment.deletedAtMs !== null) return { upTo, removed };
  const end = Math.min(upTo, scannedTo + SCANNED_MAX);
  let serial = scannedTo;
  while (serial < end && removed.length < CHANGED_MAX.trim) {
    const user = store.bySerial[serial] as User;
    serial += 1;
    if (membershipOf(user, segment)?.kind === "auto" && !segment.selects(user)) removed.push(user.id);
  }
  return { upTo: serial, removed };
}

/** Leaves no trace of the membership: a higher percentage adds the user again. */
export function applyTrim({ store, segment }: BackfillJob, { removed }: Trimmed): void {
  for (const id of removed) store.dropMembership(store.userById(id), segment);
}

export function decideSweep({ store, segment, scannedTo, upTo }: BackfillJob): Swept {
  const over: [string, number][] = [];
  const removed: string[] = [];
  const end = Math.min(upTo, scannedTo + SCANNED_MAX);
  let changed = 0;
  let serial = scannedTo;
  while (serial < end && changed < Math.min(CHANGED_MAX.sweep, segment.references)) {
    const user = store.bySerial[serial] as User;
    serial += 1;
    const membership = membershipOf(user, segment);
    if (membership === undefined) continue;
    changed += 1;
    if (membership.kind === "removed") continue;
    if (membership.endsAtMs <= (segment.deletedAtMs ?? 0)) over.push([user.id, membership.endsAtMs]);
    else removed.push(user.id);
  }
  return { upTo: changed === segment.references ? upTo : serial, over, removed };
}

export function applySweep(
  { store, segment, scannedTo, upTo: lastSerial }: BackfillJob,
  { upTo }: Swept,
): void {
  for (let serial = scannedTo; serial < upTo && segment.references > 0; serial++)
    store.dropMembership(store.bySerial[serial] as User, segment);
  if (upTo === lastSerial) store.forgetSegment(segment);
}

function commandOf({ kind, store: { partner }, segment }: BackfillJob): Command {
  const { slug, generation, deletedAtMs } = segment;
  const names = { programme: "segments", subject: segmentSubject(slug), slug, generation };
  const act: SegmentsAct<"fill" | "sweep" | "trim"> =
    kind === "sweep" ? { ...names, act: "sweep", deletedAtMs: deletedAtMs ?? 0 } : { ...names, act: kind };
  return actAlone(keyless(partner), act);
}
