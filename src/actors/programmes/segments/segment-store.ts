/** The users, segments and memberships of one partner on one shard. */
import { assert } from "../../../errors/assert.ts";
import { PagedIndex } from "../paged-index.ts";
import type { MembershipView } from "./acts.ts";
import { drawPosition, isSelected, type Lanes, lanesOf, mergedRounds, type Round } from "./draw.ts";
import type { MembershipExpiries } from "./membership-expiries.ts";

/** `removed` is a tombstone: a user who was removed by hand is never added again by a percentage. */
export const KINDS = ["manual", "auto", "removed"] as const;
type Kind = (typeof KINDS)[number];

/** A membership of a user, or a tombstone. Users share one object per segment and kind if there is no expiry. */
export interface Membership {
  readonly segment: Segment;
  readonly kind: Kind;
  /** Infinite without an expiry. */
  readonly endsAtMs: number;
}

/** A membership with an expiry; it belongs to one user. */
interface ExpiringMembership extends Membership {
  readonly user: User;
}

export interface User {
  readonly id: string;
  /** 1, 2, 3, … on this shard: users are never removed. */
  readonly serial: number;
  readonly createdAtMs: number;
  memberships: readonly Membership[];
}

type Definition = Pick<Segment, "partner" | "localId" | "slug" | "generation" | "createdAtMs" | "rounds">;

/** One generation of a slug: a segment that is deleted and created again is a new generation. */
export class Segment {
  readonly partner: string;
  /** Identifies the generation on this shard: 1, 2, 3, … in the order in which the shard learned of them. */
  readonly localId: number;
  readonly slug: string;
  readonly generation: number;
  readonly createdAtMs: number;
  readonly lanes: Lanes;
  /** Draws in the order in which they were made; merged once there are many. */
  rounds: readonly Round[];
  /** The shared objects for memberships without an expiry. */
  readonly permanent: Readonly<Record<Kind, Membership>>;
  /** Members on this shard. Counts an expired membership until its expiry is logged. */
  members = 0;
  /** Users on this shard with a membership or tombstone of this segment. */
  references = 0;
  deletedAtMs: number | null = null;

  constructor({ partner, localId, slug, generation, createdAtMs, rounds }: Definition) {
    this.partner = partner;
    this.localId = localId;
    this.slug = slug;
    this.generation = generation;
    this.createdAtMs = createdAtMs;
    this.rounds = rounds;
    this.lanes = lanesOf(slug);
    const lasting = { segment: this, endsAtMs: Number.POSITIVE_INFINITY };
    this.permanent = {
      manual: { ...lasting, kind: "manual" },
      auto: { ...lasting, kind: "auto" },
      removed: { ...lasting, kind: "removed" },
    };
  }

  get percent(): number | null {
    return this.rounds.at(-1)?.percent ?? null;
  }

  /** @param mayMerge no job refers to an earlier round. */
  addRound(round: Round, mayMerge: boolean): void {
    this.rounds = [...(mayMerge ? mergedRounds(this.rounds) : this.rounds), round];
  }

  /** Whether the percentage selects the user. */
  selects({ id, serial }: Pick<User, "id" | "serial">): boolean {
    return isSelected(drawPosition(this.lanes, lanesOf(id)), serial, this.rounds);
  }
}

/** Approximate sizes in memory. */
const USER_BYTES = 280;
const MEMBERSHIP_BYTES = 150;
const EXPIRING_BYTES = 540;

export class SegmentStore {
  readonly partner: string;
  readonly users = new Map<string, User>();
  /** The user with serial number `n` is at index `n - 1`. */
  readonly bySerial: User[] = [];
  readonly userList: PagedIndex<User>;
  /** By slug; without deleted segments. */
  readonly segments = new Map<string, Segment>();
  /** Segments whose home shard is this one. */
  readonly ownSegments: PagedIndex<Segment>;
  /** Segments with a percentage: each is checked for every new user. */
  readonly percentSegments = new Set<Segment>();
  /** Also holds deleted segments until they are swept. */
  readonly #byLocalId = new Map<number, Segment>();
  readonly #expiries: MembershipExpiries;
  readonly #countBytes: (bytes: number) => void;
  /** Number of segments ever created on this shard as their home. */
  generations = 0;
  /** Number of segments that this shard ever learned of; the last `localId`. */
  segmentsSeen = 0;
  /** The last number given to a user that was created without an id. */
  lastUserNumber = 0;
  /** Signs reports. Sealed, or in hex if an older version wrote it. */
  secret: string | null = null;

  /** @param countBytes adds to the bytes that the partner occupies in memory. */
  constructor(
    partner: string,
    shard: number,
    expiries: MembershipExpiries,
    countBytes: (bytes: number) => void = () => {},
  ) {
    this.partner = partner;
    this.#countBytes = countBytes;
    this.#expiries = expiries;
    this.userList = new PagedIndex(shard);
    this.ownSegments = new PagedIndex(shard);
  }

  /** By `localId`, including deleted segments that are not swept yet. */
  allSegments(): Iterable<Segment> {
    return this.#byLocalId.values();
  }

  segmentByLocalId(localId: number): Segment {
    const segment = this.#byLocalId.get(localId);
    assert(segment !== undefined, "a segment is stored before the items that refer to it");
    return segment;
  }

  /** The current segment with this slug. It must exist. */
  segmentBySlug(slug: string): Segment {
    const segment = this.segments.get(slug);
    assert(segment !== undefined, "the segment of an act exists");
    return segment;
  }

  userById(id: string): User {
    const user = this.users.get(id);
    assert(user !== undefined, "the user of an act exists");
    return user;
  }

  /** @param isOwn whether this shard is the segment's home. */
  addSegment(segment: Segment, isOwn: boolean): void {
    this.#byLocalId.set(segment.localId, segment);
    this.segments.set(segment.slug, segment);
    if (isOwn) this.ownSegments.add(segment, segment.createdAtMs);
    if (segment.rounds.length > 0) this.percentSegments.add(segment);
  }

  /** Hides the segment from all reads. Its memberships stay in memory until a sweep has removed them. */
  deleteSegment(segment: Segment, atMs: number): void {
    segment.deletedAtMs = atMs;
    this.segments.delete(segment.slug);
    this.ownSegments.remove(segment);
    this.percentSegments.delete(segment);
  }

  /** Frees a deleted segment after its sweep. */
  forgetSegment({ localId, references }: Segment): void {
    assert(references === 0, "a segment is forgotten once no user refers to it");
    this.#byLocalId.delete(localId);
  }

  /** Slugs of the segments whose percentage selects the user if it is created now. */
  autoSlugsFor(user: string): readonly string[] {
    if (this.percentSegments.size === 0) return [];
    const lanes = lanesOf(user);
    const serial = this.bySerial.length + 1;
    return [...this.percentSegments]
      .filter((segment) => isSelected(drawPosition(segment.lanes, lanes), serial, segment.rounds))
      .map(({ slug }) => slug);
  }

  addUser(id: string, createdAtMs: number, auto: readonly string[]): User {
    const user: User = { id, serial: this.bySerial.length + 1, createdAtMs, memberships: [] };
    this.users.set(id, user);
    this.bySerial.push(user);
    this.userList.add(user, createdAtMs);
    this.#countBytes(USER_BYTES + id.length);
    for (const slug of auto) this.putMembership(user, this.segmentBySlug(slug).permanent.auto);
    return user;
  }

  /** Replaces the user's membership or tombstone of the same segment, if there is one. */
  putMembership(user: User, held: Membership): void {
    const at = user.memberships.findIndex(({ segment }) => segment === held.segment);
    if (at < 0) user.memberships = [...user.memberships, held];
    else {
      this.#release(user.memberships[at] as Membership);
      user.memberships = user.memberships.with(at, held);
    }
    this.#countBytes(membershipBytes(held));
    held.segment.references += 1;
    if (held.kind !== "removed") held.segment.members += 1;
  }

  /** Puts a membership by hand. @param endsAtMs `null`: no expiry. */
  putWithExpiry(user: User, segment: Segment, endsAtMs: number | null): void {
    if (endsAtMs === null) {
      this.putMembership(user, segment.permanent.manual);
      return;
    }
    const membership: ExpiringMembership = { user, segment, kind: "manual", endsAtMs };
    this.putMembership(user, membership);
    this.#expiries.add(membership);
  }

  dropMembership(user: User, segment: Segment): void {
    const held = membershipOf(user, segment);
    if (held === undefined) return;
    this.#release(held);
    user.memberships = user.memberships.filter((each) => each !== held);
  }

  #release(held: Membership): void {
    this.#countBytes(-membershipBytes(held));
    held.segment.references -= 1;
    if (held.kind !== "removed") held.segment.members -= 1;
    if (isExpiring(held)) this.#expiries.remove(held);
  }
}

function membershipBytes(held: Membership): number {
  return isExpiring(held) ? EXPIRING_BYTES : MEMBERSHIP_BYTES;
}

function isExpiring(held: Membership): held is ExpiringMembership {
  return held.endsAtMs !== Number.POSITIVE_INFINITY;
}

export function membershipOf(user: User, segment: Segment): Membership | undefined {
  return user.memberships.find((held) => held.segment === segment);
}

/** Whether the user is a member at this time. */
export function isActive({ segment, kind, endsAtMs }: Membership, nowMs: number): boolean {
  return kind !== "removed" && segment.deletedAtMs === null && endsAtMs > nowMs;
}

export function membershipView({ segment: { slug }, kind, endsAtMs }: Membership): MembershipView {
  return {
    slug,
    endsAtMs: endsAtMs === Number.POSITIVE_INFINITY ? null : endsAtMs,
    source: kind === "auto" ? "auto" : "manual",
  };
}
