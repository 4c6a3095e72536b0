/** One partner's users and segments as one shard has them, and who holds what. */
import { assert } from "../../../errors/assert.ts";
import { PagedIndex } from "../paged-index.ts";
import type { MembershipView } from "./acts.ts";
import { isChosen, type Lanes, lanesOf, placeOf, type Round } from "./draw.ts";
import type { MembershipExpiries } from "./membership-expiries.ts";

/** `removed` by hand: nobody is added again by a percentage. */
export const KINDS = ["manual", "auto", "removed"] as const;
type Kind = (typeof KINDS)[number];

/** Those without an end are one object for all users. */
export interface Membership {
  readonly segment: Segment;
  readonly kind: Kind;
  readonly endsAtMs: number;
}

/** A membership that ends by itself. */
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

/** One generation of a slug. */
export class Segment {
  readonly partner: string;
  /** Names it on this shard. */
  readonly localId: number;
  readonly slug: string;
  readonly generation: number;
  readonly createdAtMs: number;
  readonly lanes: Lanes;
  /** The percentage rises from each to the next. */
  readonly rounds: Round[];
  readonly permanent: Readonly<Record<Kind, Membership>>;
  /** Users here who hold it; those whose time is over count until that is logged. */
  members = 0;
  /** Users here with anything of it: members, and who was removed by hand. */
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
}

/** In memory, about. */
const USER_BYTES = 280;
const MEMBERSHIP_BYTES = 150;
const EXPIRING_BYTES = 540;

export class SegmentStore {
  readonly partner: string;
  readonly users = new Map<string, User>();
  readonly bySerial: User[] = [];
  readonly userList: PagedIndex<User>;
  /** By slug. */
  readonly segments = new Map<string, Segment>();
  /** Those of them that have their home here. */
  readonly ownSegments: PagedIndex<Segment>;
  /** Those with a percentage, which look at every new user. */
  readonly percentSegments = new Set<Segment>();
  /** By number, with the deleted ones of which users here have traces still. */
  readonly #byLocalId = new Map<number, Segment>();
  readonly #expiries: MembershipExpiries;
  readonly #countBytes: (bytes: number) => void;
  /** Segments ever made at this home. */
  generations = 0;
  /** Segments ever known here. */
  segmentsSeen = 0;
  /** The last number that a user without an id was given. */
  lastUserNumber = 0;
  /** Signs reports: sealed, or, from before that was done, in hex. */
  secret: string | null = null;

  /** @param kept counts what is kept in memory. */
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

  /** In the order in which they became known. */
  allSegments(): Iterable<Segment> {
    return this.#byLocalId.values();
  }

  segmentByLocalId(localId: number): Segment {
    const segment = this.#byLocalId.get(localId);
    assert(segment !== undefined, "what is stored names a segment that is stored before it");
    return segment;
  }

  /** The segment that has this slug now. */
  segmentBySlug(slug: string): Segment {
    const segment = this.segments.get(slug);
    assert(segment !== undefined, "an act concerns a segment that exists");
    return segment;
  }

  userById(id: string): User {
    const user = this.users.get(id);
    assert(user !== undefined, "an act concerns a user who exists");
    return user;
  }

  /** @param isOwn its home is here. */
  addSegment(segment: Segment, isOwn: boolean): void {
    this.#byLocalId.set(segment.localId, segment);
    this.segments.set(segment.slug, segment);
    if (isOwn) this.ownSegments.add(segment, segment.createdAtMs);
    if (segment.rounds.length > 0) this.percentSegments.add(segment);
  }

  /** From here on nobody reads it. */
  deleteSegment(segment: Segment, atMs: number): void {
    segment.deletedAtMs = atMs;
    this.segments.delete(segment.slug);
    this.ownSegments.remove(segment);
    this.percentSegments.delete(segment);
  }

  /** No user has a trace of it any more. */
  forgetSegment({ localId, references }: Segment): void {
    assert(references === 0, "a segment is forgotten once nobody has a trace of it");
    this.#byLocalId.delete(localId);
  }

  /** Slugs of the segments that somebody gets by being created now. */
  autoSlugsFor(user: string): readonly string[] {
    if (this.percentSegments.size === 0) return [];
    const lanes = lanesOf(user);
    const serial = this.bySerial.length + 1;
    return [...this.percentSegments]
      .filter((segment) => isChosen(placeOf(segment.lanes, lanes), serial, segment.rounds))
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

  /** In the place of what the user had of the segment, if there was anything. */
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

  /** @param endsAtMs `null`: never. */
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

/** Whether it is read at this time. */
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
