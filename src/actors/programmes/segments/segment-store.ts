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
export interface Held {
  readonly segment: Segment;
  readonly kind: Kind;
  readonly endsAtMs: number;
}

/** A membership that ends by itself. */
interface Timed extends Held {
  readonly user: User;
}

export interface User {
  readonly id: string;
  /** 1, 2, 3, … on this shard: users are never removed. */
  readonly serial: number;
  readonly createdAtMs: number;
  held: readonly Held[];
}

type Definition = Pick<Segment, "partner" | "no" | "slug" | "generation" | "createdAtMs" | "rounds">;

/** One generation of a slug. */
export class Segment {
  readonly partner: string;
  /** Names it on this shard. */
  readonly no: number;
  readonly slug: string;
  readonly generation: number;
  readonly createdAtMs: number;
  readonly lanes: Lanes;
  /** The percentage rises from each to the next. */
  readonly rounds: Round[];
  readonly lasting: Readonly<Record<Kind, Held>>;
  /** Users here who hold it; those whose time is over count until that is logged. */
  members = 0;
  /** Users here with anything of it: members, and who was removed by hand. */
  traces = 0;
  deletedAtMs: number | null = null;

  constructor({ partner, no, slug, generation, createdAtMs, rounds }: Definition) {
    this.partner = partner;
    this.no = no;
    this.slug = slug;
    this.generation = generation;
    this.createdAtMs = createdAtMs;
    this.rounds = rounds;
    this.lanes = lanesOf(slug);
    const lasting = { segment: this, endsAtMs: Number.POSITIVE_INFINITY };
    this.lasting = {
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
const HELD_BYTES = 150;
const TIMED_BYTES = 540;

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
  readonly drawn = new Set<Segment>();
  /** By number, with the deleted ones of which users here have traces still. */
  readonly #all = new Map<number, Segment>();
  readonly #endings: MembershipExpiries;
  readonly #kept: (bytes: number) => void;
  /** Segments ever made at this home. */
  generations = 0;
  /** Segments ever known here. */
  segmentNos = 0;
  /** The last number that a user without an id was given. */
  numbers = 0;
  /** Signs reports: sealed, or, from before that was done, in hex. */
  secret: string | null = null;

  /** @param kept counts what is kept in memory. */
  constructor(
    partner: string,
    shard: number,
    endings: MembershipExpiries,
    kept: (bytes: number) => void = () => {},
  ) {
    this.partner = partner;
    this.#kept = kept;
    this.#endings = endings;
    this.userList = new PagedIndex(shard);
    this.ownSegments = new PagedIndex(shard);
  }

  /** In the order in which they became known. */
  allSegments(): Iterable<Segment> {
    return this.#all.values();
  }

  segmentOfNo(no: number): Segment {
    const segment = this.#all.get(no);
    assert(segment !== undefined, "what is stored names a segment that is stored before it");
    return segment;
  }

  /** The segment that has this slug now. */
  segmentOf(slug: string): Segment {
    const segment = this.segments.get(slug);
    assert(segment !== undefined, "an act concerns a segment that exists");
    return segment;
  }

  userOf(id: string): User {
    const user = this.users.get(id);
    assert(user !== undefined, "an act concerns a user who exists");
    return user;
  }

  /** @param isOwn its home is here. */
  addSegment(segment: Segment, isOwn: boolean): void {
    this.#all.set(segment.no, segment);
    this.segments.set(segment.slug, segment);
    if (isOwn) this.ownSegments.add(segment, segment.createdAtMs);
    if (segment.rounds.length > 0) this.drawn.add(segment);
  }

  /** From here on nobody reads it. */
  delete(segment: Segment, atMs: number): void {
    segment.deletedAtMs = atMs;
    this.segments.delete(segment.slug);
    this.ownSegments.remove(segment);
    this.drawn.delete(segment);
  }

  /** No user has a trace of it any more. */
  forget({ no, traces }: Segment): void {
    assert(traces === 0, "a segment is forgotten once nobody has a trace of it");
    this.#all.delete(no);
  }

  /** Slugs of the segments that somebody gets by being created now. */
  drawnFor(user: string): readonly string[] {
    if (this.drawn.size === 0) return [];
    const lanes = lanesOf(user);
    const serial = this.bySerial.length + 1;
    return [...this.drawn]
      .filter((segment) => isChosen(placeOf(segment.lanes, lanes), serial, segment.rounds))
      .map(({ slug }) => slug);
  }

  addUser(id: string, createdAtMs: number, auto: readonly string[]): User {
    const user: User = { id, serial: this.bySerial.length + 1, createdAtMs, held: [] };
    this.users.set(id, user);
    this.bySerial.push(user);
    this.userList.add(user, createdAtMs);
    this.#kept(USER_BYTES + id.length);
    for (const slug of auto) this.put(user, this.segmentOf(slug).lasting.auto);
    return user;
  }

  /** In the place of what the user had of the segment, if there was anything. */
  put(user: User, held: Held): void {
    const at = user.held.findIndex(({ segment }) => segment === held.segment);
    if (at < 0) user.held = [...user.held, held];
    else {
      this.#letGo(user.held[at] as Held);
      user.held = user.held.with(at, held);
    }
    this.#kept(heldBytes(held));
    held.segment.traces += 1;
    if (held.kind !== "removed") held.segment.members += 1;
  }

  /** @param endsAtMs `null`: never. */
  putUntil(user: User, segment: Segment, endsAtMs: number | null): void {
    if (endsAtMs === null) {
      this.put(user, segment.lasting.manual);
      return;
    }
    const timed: Timed = { user, segment, kind: "manual", endsAtMs };
    this.put(user, timed);
    this.#endings.add(timed);
  }

  drop(user: User, segment: Segment): void {
    const held = heldOf(user, segment);
    if (held === undefined) return;
    this.#letGo(held);
    user.held = user.held.filter((each) => each !== held);
  }

  #letGo(held: Held): void {
    this.#kept(-heldBytes(held));
    held.segment.traces -= 1;
    if (held.kind !== "removed") held.segment.members -= 1;
    if (isTimed(held)) this.#endings.remove(held);
  }
}

function heldBytes(held: Held): number {
  return isTimed(held) ? TIMED_BYTES : HELD_BYTES;
}

function isTimed(held: Held): held is Timed {
  return held.endsAtMs !== Number.POSITIVE_INFINITY;
}

export function heldOf(user: User, segment: Segment): Held | undefined {
  return user.held.find((held) => held.segment === segment);
}

/** Whether it is read at this time. */
export function isMembership({ segment, kind, endsAtMs }: Held, nowMs: number): boolean {
  return kind !== "removed" && segment.deletedAtMs === null && endsAtMs > nowMs;
}

export function membershipView({ segment: { slug }, kind, endsAtMs }: Held): MembershipView {
  return {
    slug,
    endsAtMs: endsAtMs === Number.POSITIVE_INFINITY ? null : endsAtMs,
    source: kind === "auto" ? "auto" : "manual",
  };
}
