/** Adding users to segments by hand and removing them. */
import { type Rejected, reject } from "../../records/command.ts";
import type { MembershipChanges, MembershipExpiry, RemovedUsers, SegmentsAct, UserChange } from "./acts.ts";
import {
  isActive,
  type Membership,
  membershipOf,
  membershipView,
  type Segment,
  type SegmentStore,
} from "./segment-store.ts";

type NameAndExpiry = readonly [name: string, endsAtMs: number | null];

/** Collects the changes that additions cause, by hand or by a percentage. */
export class Additions {
  readonly over: [string, number][] = [];
  readonly added: NameAndExpiry[] = [];
  readonly prolonged: NameAndExpiry[] = [];
  readonly #nowMs: number;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  /**
   * Adds a membership. It never shortens an existing one.
   *
   * @param name the slug or user that the lists name the membership by.
   * @param held the existing membership or tombstone.
   * @param endsAtMs the wanted expiry; `null`: never.
   * @returns whether anything changes.
   */
  add(
    name: string,
    held: Pick<Membership, "kind" | "endsAtMs"> | undefined,
    endsAtMs: number | null,
  ): boolean {
    const end: NameAndExpiry = [name, endsAtMs];
    if (held === undefined || held.kind === "removed") this.added.push(end);
    else if (held.endsAtMs <= this.#nowMs) {
      this.over.push([name, held.endsAtMs]);
      this.added.push(end);
    } else if ((endsAtMs ?? Number.POSITIVE_INFINITY) > held.endsAtMs) this.prolonged.push(end);
    else return false;
    return true;
  }
}

export function namesOf(ends: readonly NameAndExpiry[]): readonly string[] {
  return ends.map(([name]) => name);
}

export function decideChangeUser(
  store: SegmentStore,
  act: SegmentsAct<"change_user">,
  nowMs: number,
): UserChange | Rejected {
  for (const slug of [...act.add.map(([name]) => name), ...act.remove])
    if (!store.segments.has(slug)) return reject("segment_not_found", slug);
  const user = store.users.get(act.user);
  const created = user === undefined ? { auto: store.autoSlugsFor(act.user) } : null;
  const autoMemberships = (created?.auto ?? []).map((slug) => store.segmentBySlug(slug).permanent.auto);
  // The user's memberships after each step.
  const memberships = new Map<Segment, Membership>();
  for (const membership of user?.memberships ?? autoMemberships)
    memberships.set(membership.segment, membership);
  const additions = new Additions(nowMs);
  for (const [slug, until] of act.add) {
    const segment = store.segmentBySlug(slug);
    const endsAtMs = expiryAtMs(until, nowMs);
    if (additions.add(slug, memberships.get(segment), endsAtMs))
      memberships.set(segment, { segment, kind: "manual", endsAtMs: endsAtMs ?? Number.POSITIVE_INFINITY });
  }
  const removed: string[] = [];
  for (const slug of act.remove) {
    const segment = store.segmentBySlug(slug);
    const membership = memberships.get(segment);
    if (membership === undefined || !isActive(membership, nowMs)) continue;
    removed.push(slug);
    memberships.set(segment, segment.permanent.removed);
  }
  const { over, added, prolonged } = additions;
  const held = [...memberships.values()].filter((each) => isActive(each, nowMs)).map(membershipView);
  return { created, over, added, prolonged, removed, held };
}

export function applyChangeUser(
  store: SegmentStore,
  act: SegmentsAct<"change_user">,
  change: UserChange,
  timeMs: number,
): void {
  const { created, added, prolonged, removed } = change;
  const user = created === null ? store.userById(act.user) : store.addUser(act.user, timeMs, created.auto);
  for (const [slug, endsAtMs] of [...added, ...prolonged])
    store.putWithExpiry(user, store.segmentBySlug(slug), endsAtMs);
  for (const slug of removed) store.putMembership(user, store.segmentBySlug(slug).permanent.removed);
}

export function decideAddUsers(
  store: SegmentStore,
  act: SegmentsAct<"add_users">,
  nowMs: number,
): MembershipChanges | Rejected {
  const segment = store.segments.get(act.slug);
  if (segment === undefined) return reject("segment_not_found", act.slug);
  const endsAtMs = expiryAtMs(act.until, nowMs);
  const created: [string, readonly string[]][] = [];
  const additions = new Additions(nowMs);
  for (const id of new Set(act.users)) {
    const user = store.users.get(id);
    const auto = user === undefined ? store.autoSlugsFor(id) : [];
    if (user === undefined) created.push([id, auto]);
    const autoMembership = auto.includes(act.slug) ? segment.permanent.auto : undefined;
    additions.add(id, user === undefined ? autoMembership : membershipOf(user, segment), endsAtMs);
  }
  const { over, added, prolonged } = additions;
  return { created, over, added: namesOf(added), prolonged: namesOf(prolonged), endsAtMs };
}

export function applyAddUsers(
  store: SegmentStore,
  { slug }: SegmentsAct<"add_users">,
  { created, added, prolonged, endsAtMs }: MembershipChanges,
  timeMs: number,
): void {
  for (const [id, auto] of created) store.addUser(id, timeMs, auto);
  const segment = store.segmentBySlug(slug);
  for (const id of [...added, ...prolonged]) store.putWithExpiry(store.userById(id), segment, endsAtMs);
}

export function decideRemoveUsers(
  store: SegmentStore,
  { slug, users }: SegmentsAct<"remove_users">,
  nowMs: number,
): RemovedUsers | Rejected {
  const segment = store.segments.get(slug);
  if (segment === undefined) return reject("segment_not_found", slug);
  const removed = [...new Set(users)].filter((id) => {
    const user = store.users.get(id);
    const membership = user && membershipOf(user, segment);
    return membership !== undefined && isActive(membership, nowMs);
  });
  return { removed };
}

export function applyRemoveUsers(
  store: SegmentStore,
  { slug }: SegmentsAct<"remove_users">,
  { removed }: RemovedUsers,
): void {
  const segment = store.segmentBySlug(slug);
  for (const id of removed) store.putMembership(store.userById(id), segment.permanent.removed);
}

function expiryAtMs(until: MembershipExpiry, nowMs: number): number | null {
  if (until === null) return null;
  return until[0] === "after" ? nowMs + until[1] : until[1];
}
