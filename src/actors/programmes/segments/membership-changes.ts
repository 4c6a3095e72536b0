/** What it comes to when users are added to segments, and taken from them. */
import { type Rejected, reject } from "../../records/command.ts";
import type { AddUsers, ChangeUser, MembershipChanges, Until, UserChange } from "./acts.ts";
import {
  type Held,
  heldOf,
  isMembership,
  membershipView,
  type Segment,
  type SegmentStore,
} from "./segment-store.ts";

type End = readonly [name: string, endsAtMs: number | null];

/** What is to become of users who are added by hand until then, or by a percentage for ever. */
export class Additions {
  readonly over: [string, number][] = [];
  readonly added: End[] = [];
  readonly prolonged: End[] = [];
  readonly #nowMs: number;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  /** Nothing is ever shortened. @param name what stands for it in the lists. @returns whether it changes anything. */
  add(name: string, held: Pick<Held, "kind" | "endsAtMs"> | undefined, endsAtMs: number | null): boolean {
    const end: End = [name, endsAtMs];
    if (held === undefined || held.kind === "removed") this.added.push(end);
    else if (held.endsAtMs <= this.#nowMs) {
      this.over.push([name, held.endsAtMs]);
      this.added.push(end);
    } else if ((endsAtMs ?? Number.POSITIVE_INFINITY) > held.endsAtMs) this.prolonged.push(end);
    else return false;
    return true;
  }
}

export function namesOf(ends: readonly End[]): readonly string[] {
  return ends.map(([name]) => name);
}

export function decideChange(roster: SegmentStore, act: ChangeUser, nowMs: number): UserChange | Rejected {
  for (const slug of [...act.add.map(([name]) => name), ...act.remove])
    if (!roster.segments.has(slug)) return reject("segment_not_found", slug);
  const user = roster.users.get(act.user);
  const created = user === undefined ? { auto: roster.drawnFor(act.user) } : null;
  const autoHeld = (created?.auto ?? []).map((slug) => roster.segmentOf(slug).lasting.auto);
  // What is there after each step.
  const holds = new Map<Segment, Held>();
  for (const held of user?.held ?? autoHeld) holds.set(held.segment, held);
  const additions = new Additions(nowMs);
  for (const [slug, until] of act.add) {
    const segment = roster.segmentOf(slug);
    const endsAtMs = endOf(until, nowMs);
    if (additions.add(slug, holds.get(segment), endsAtMs))
      holds.set(segment, { segment, kind: "manual", endsAtMs: endsAtMs ?? Number.POSITIVE_INFINITY });
  }
  const removed: string[] = [];
  for (const slug of act.remove) {
    const segment = roster.segmentOf(slug);
    const held = holds.get(segment);
    if (held === undefined || !isMembership(held, nowMs)) continue;
    removed.push(slug);
    holds.set(segment, segment.lasting.removed);
  }
  const { over, added, prolonged } = additions;
  const held = [...holds.values()].filter((each) => isMembership(each, nowMs)).map(membershipView);
  return { created, over, added, prolonged, removed, held };
}

export function applyChange(roster: SegmentStore, act: ChangeUser, change: UserChange, timeMs: number): void {
  const { created, added, prolonged, removed } = change;
  const user = created === null ? roster.userOf(act.user) : roster.addUser(act.user, timeMs, created.auto);
  for (const [slug, endsAtMs] of [...added, ...prolonged])
    roster.putUntil(user, roster.segmentOf(slug), endsAtMs);
  for (const slug of removed) roster.put(user, roster.segmentOf(slug).lasting.removed);
}

export function decideIntake(
  roster: SegmentStore,
  act: AddUsers,
  nowMs: number,
): MembershipChanges | Rejected {
  const segment = roster.segments.get(act.slug);
  if (segment === undefined) return reject("segment_not_found", act.slug);
  const endsAtMs = endOf(act.until, nowMs);
  const created: [string, readonly string[]][] = [];
  const additions = new Additions(nowMs);
  for (const id of new Set(act.users)) {
    const user = roster.users.get(id);
    const auto = user === undefined ? roster.drawnFor(id) : [];
    if (user === undefined) created.push([id, auto]);
    const autoHeld = auto.includes(act.slug) ? segment.lasting.auto : undefined;
    additions.add(id, user === undefined ? autoHeld : heldOf(user, segment), endsAtMs);
  }
  const { over, added, prolonged } = additions;
  return { created, over, added: namesOf(added), prolonged: namesOf(prolonged), endsAtMs };
}

export function applyIntake(
  roster: SegmentStore,
  { slug }: AddUsers,
  { created, added, prolonged, endsAtMs }: MembershipChanges,
  timeMs: number,
): void {
  for (const [id, auto] of created) roster.addUser(id, timeMs, auto);
  const segment = roster.segmentOf(slug);
  for (const id of [...added, ...prolonged]) roster.putUntil(roster.userOf(id), segment, endsAtMs);
}

function endOf(until: Until, nowMs: number): number | null {
  if (until === null) return null;
  return until[0] === "after" ? nowMs + until[1] : until[1];
}
