/**
 * What concerns a great many users is done in portions, so that nobody else has to wait for it: who falls under a
 * percentage is given the segment, and who held a deleted one loses what is left of it. All chores of a shard stand in
 * one row and take turns, with a pause after each portion.
 */
import { assert } from "../../../errors/assert.ts";
import type { Command } from "../../records/command.ts";
import type { ProgrammeContext, ScheduledCommand } from "../programme.ts";
import { type Fill, type Filled, type Sweep, type Swept, segmentSubject } from "./acts.ts";
import { isChosen, lanesOf, placeOf } from "./draw.ts";
import { Additions, namesOf } from "./membership-changes.ts";
import { membershipOf, type Segment, type SegmentStore, type User } from "./segment-store.ts";

const SCANNED_MAX = 2_500;
/** Somebody waits for a segment to be filled, and nobody for a deleted one to be swept: nobody reads what is left of it. */
const CHANGED_MAX = { fill: 1_000, sweep: 200 } as const;
const PAUSE_MS = { fill: 1, sweep: 4 } as const;

export type BackfillJob = {
  readonly kind: "fill" | "sweep";
  readonly store: SegmentStore;
  readonly segment: Segment;
  /** Of the segment's rounds, which a `fill` carries out. */
  readonly round: number;
  /** Serial number of the last user that was looked at, and of the last one that is to be. */
  scannedTo: number;
  readonly upTo: number;
};

/** Bounded by the segments, and the rounds of each, which are 100 at most. */
export class BackfillJobs {
  readonly #scheduler: ProgrammeContext["scheduler"];
  readonly #queue: BackfillJob[] = [];
  #next: ScheduledCommand | undefined;

  constructor(scheduler: ProgrammeContext["scheduler"]) {
    this.#scheduler = scheduler;
  }

  get first(): BackfillJob {
    const [first] = this.#queue;
    assert(first !== undefined, "a portion belongs to a chore");
    return first;
  }

  /** When the next portion is due. */
  get nextAtMs(): number {
    return this.#next?.endsAtMs ?? 0;
  }

  all(): Iterable<BackfillJob> {
    return this.#queue;
  }

  isFilling(segment: Segment): boolean {
    return this.#queue.some((job) => job.segment === segment && job.kind === "fill");
  }

  add(job: BackfillJob, nextAtMs: number): void {
    this.#queue.push(job);
    if (this.#next === undefined) this.#schedule(nextAtMs);
  }

  /** The first one has got as far as this. */
  advance(at: number, timeMs: number): void {
    const job = this.#queue.shift();
    assert(job !== undefined && this.#next !== undefined, "a portion was due");
    this.#scheduler.remove(this.#next);
    this.#next = undefined;
    job.scannedTo = at;
    if (at < job.upTo) this.#queue.push(job);
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
  const result = (last: number) => ({
    upTo: last,
    over,
    added: namesOf(added),
    prolonged: namesOf(prolonged),
  });
  if (segment.deletedAtMs !== null) return result(upTo);
  const rounds = segment.rounds.slice(round, round + 1);
  const earlier = segment.rounds.slice(0, round);
  const end = Math.min(upTo, scannedTo + SCANNED_MAX);
  let serial = scannedTo;
  while (serial < end && added.length + prolonged.length < CHANGED_MAX.fill) {
    const user = store.bySerial[serial] as User;
    serial += 1;
    const place = placeOf(segment.lanes, lanesOf(user.id));
    // Who was chosen before has it, or has been removed by hand.
    if (!isChosen(place, serial, rounds) || isChosen(place, serial, earlier)) continue;
    const held = membershipOf(user, segment);
    if (held?.kind !== "removed") additions.add(user.id, held, null);
  }
  return result(serial);
}

export function applyFill({ store, segment }: BackfillJob, { added, prolonged }: Filled): void {
  for (const id of [...added, ...prolonged]) store.putMembership(store.userById(id), segment.permanent.auto);
}

export function decideSweep({ store, segment, scannedTo, upTo }: BackfillJob): Swept {
  const over: [string, number][] = [];
  const removed: string[] = [];
  const end = Math.min(upTo, scannedTo + SCANNED_MAX);
  let concerned = 0;
  let serial = scannedTo;
  while (serial < end && concerned < Math.min(CHANGED_MAX.sweep, segment.references)) {
    const user = store.bySerial[serial] as User;
    serial += 1;
    const held = membershipOf(user, segment);
    if (held === undefined) continue;
    concerned += 1;
    if (held.kind === "removed") continue;
    if (held.endsAtMs <= (segment.deletedAtMs ?? 0)) over.push([user.id, held.endsAtMs]);
    else removed.push(user.id);
  }
  return { upTo: concerned === segment.references ? upTo : serial, over, removed };
}

export function applySweep({ store, segment, scannedTo, upTo: last }: BackfillJob, { upTo }: Swept): void {
  for (let serial = scannedTo; serial < upTo && segment.references > 0; serial++)
    store.dropMembership(store.bySerial[serial] as User, segment);
  if (upTo === last) store.forgetSegment(segment);
}

function commandOf({ kind, store: { partner }, segment }: BackfillJob): Command {
  const { slug, generation, deletedAtMs } = segment;
  const names = { programme: "segments", subject: segmentSubject(slug), slug, generation } as const;
  const act: Fill | Sweep =
    kind === "fill" ? { ...names, act: "fill" } : { ...names, act: "sweep", deletedAtMs: deletedAtMs ?? 0 };
  return { op: "act", partner, key: null, fingerprint: 0, act };
}
