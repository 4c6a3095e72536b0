/**
 * The segments programme. A user and its memberships are stored on the user's shard. The home shard of a segment,
 * selected by the slug, decides its definition and broadcasts it to all others. Changes to many users are done in
 * portions (`backfill-jobs.ts`), but reads show them as if they were done at once.
 */
import { assert, unreachable } from "../../../errors/assert.ts";
import { shardOfVnode, vnodeOfAccount } from "../../ledger/routing.ts";
import { type Rejected, reject } from "../../records/command.ts";
import {
  type Answers,
  type Changes,
  type Decision,
  type Decisions,
  type ProgrammeContext,
  TypedProgramme,
} from "../programme.ts";
import {
  type NewSecret,
  reportSecretOf,
  type SegmentNotice,
  type SegmentPart,
  type SegmentsAct,
  type SegmentsActs,
  type SegmentsQuestions,
  segmentSubject,
} from "./acts.ts";
import {
  applyFill,
  applySweep,
  applyTrim,
  type BackfillJob,
  BackfillJobs,
  decideFill,
  decideSweep,
  decideTrim,
} from "./backfill-jobs.ts";
import { roundOf } from "./draw.ts";
import { type Item, itemsOf, restoreItem } from "./items.ts";
import {
  applyAddUsers,
  applyChangeUser,
  applyRemoveUsers,
  decideAddUsers,
  decideChangeUser,
  decideRemoveUsers,
} from "./membership-changes.ts";
import { MembershipExpiries } from "./membership-expiries.ts";
import {
  holderView,
  membershipsOf,
  placesIn,
  segmentPart,
  segmentRow,
  surveyOf,
  userView,
} from "./segment-queries.ts";
import { Segment, SegmentStore } from "./segment-store.ts";

/** Per partner: every shard has all of them. */
const SEGMENTS_MAX = 5_000;
/** Segments with a percentage, per partner: each is checked for every new user. */
const PERCENT_SEGMENTS_MAX = 200;
/**
 * Per segment, after merging. Only changes between which users were created remain, and of these only the ones whose users
 * are selected up to different positions.
 */
const ROUNDS_MAX = 1_000;
const SECRET_BYTES = 32;

export class Segments extends TypedProgramme<SegmentsActs, SegmentsQuestions, SegmentNotice, Item> {
  readonly #context: ProgrammeContext;
  readonly #stores = new Map<string, SegmentStore>();
  readonly #jobs: BackfillJobs;
  readonly #expiries: MembershipExpiries;

  constructor(context: ProgrammeContext) {
    super();
    this.#context = context;
    this.#jobs = new BackfillJobs(context.scheduler);
    this.#expiries = new MembershipExpiries(context.scheduler);
  }

  protected readonly decisions: Decisions<SegmentsActs, SegmentNotice> = {
    create_segment: (act, { partner, nowMs }) => decideCreate(this.#storeForRead(partner), act, nowMs),
    raise_percent: (act, { partner }) => decideRaise(this.#storeForRead(partner), act),
    lower_percent: (act, { partner }) => decideLower(this.#storeForRead(partner), act),
    delete_segment: (act, { partner, nowMs }) => decideDelete(this.#storeForRead(partner), act, nowMs),
    count_user: ({ skip }, { partner }) =>
      accepted({ number: this.#storeForRead(partner).lastUserNumber + skip + 1 }),
    create_user: ({ user }, { partner }) => {
      const store = this.#storeForRead(partner);
      return store.users.has(user)
        ? reject("user_exists", user)
        : accepted({ auto: store.autoSlugsFor(user) });
    },
    change_user: (act, { partner, nowMs }) =>
      accepted(decideChangeUser(this.#storeForRead(partner), act, nowMs)),
    add_users: (act, { partner, nowMs }) => accepted(decideAddUsers(this.#storeForRead(partner), act, nowMs)),
    remove_users: (act, { partner, nowMs }) =>
      accepted(decideRemoveUsers(this.#storeForRead(partner), act, nowMs)),
    expire: () => accepted(this.#expiries.decide()),
    trim: () => accepted(decideTrim(this.#jobs.first)),
    fill: (_, { nowMs }) => accepted(decideFill(this.#jobs.first, nowMs)),
    sweep: () => accepted(decideSweep(this.#jobs.first)),
    request_report: (_, { partner }) => ({
      ok: true,
      effect: this.#storeForRead(partner).secret === null ? this.#newSecret(partner) : null,
    }),
    rotate_report_secret: ({ only }, { partner }) => {
      const isReplaced = only === null || only === this.#storeForRead(partner).secret;
      return { ok: true, effect: isReplaced ? this.#newSecret(partner) : null };
    },
    record_answer: () => ({ ok: true, effect: null }),
  };

  protected readonly changes: Changes<SegmentsActs> = {
    create_segment: (_, news, { partner, timeMs }) => this.receive(news, partner, timeMs),
    raise_percent: (_, news, { partner, timeMs }) => {
      if (news !== null) this.receive(news, partner, timeMs);
    },
    lower_percent: (_, news, { partner, timeMs }) => this.receive(news, partner, timeMs),
    delete_segment: (_, news, { partner, timeMs }) => this.receive(news, partner, timeMs),
    count_user: (_, { number }, { partner }) => {
      this.#storeOf(partner).lastUserNumber = number;
    },
    create_user: ({ user }, { auto }, { partner, timeMs }) => {
      this.#storeOf(partner).addUser(user, timeMs, auto);
    },
    change_user: (act, change, { partner, timeMs }) =>
      applyChangeUser(this.#storeOf(partner), act, change, timeMs),
    add_users: (act, change, { partner, timeMs }) =>
      applyAddUsers(this.#storeOf(partner), act, change, timeMs),
    remove_users: (act, change, { partner }) => applyRemoveUsers(this.#storeOf(partner), act, change),
    trim: (_, trimmed, { timeMs }) => {
      applyTrim(this.#jobs.first, trimmed);
      this.#jobs.advance(trimmed.upTo, timeMs);
    },
    expire: (_, { ended }, { partner, timeMs }) => {
      const store = this.#storeOf(partner);
      for (const [user, , localId] of ended)
        store.dropMembership(store.userById(user), store.segmentByLocalId(localId));
      this.#expiries.advance(ended.length, timeMs);
    },
    fill: (_, filled, { timeMs }) => {
      applyFill(this.#jobs.first, filled);
      this.#jobs.advance(filled.upTo, timeMs);
    },
    sweep: (_, swept, { timeMs }) => {
      applySweep(this.#jobs.first, swept);
      this.#jobs.advance(swept.upTo, timeMs);
    },
    request_report: (_, made, { partner }) => this.#setSecret(partner, made),
    rotate_report_secret: (_, made, { partner }) => this.#setSecret(partner, made),
    record_answer: () => {},
  };

  protected readonly answers: Answers<SegmentsQuestions> = {
    segment: (partner, [slug], nowMs) => this.#part(partner, slug, nowMs),
    parts: (partner, [slugs], nowMs) => slugs.map((slug) => this.#part(partner, slug, nowMs)),
    segments: (partner, page) => this.#storeForRead(partner).ownSegments.list(page, segmentRow),
    user: (partner, [id]) => {
      const user = this.#storeForRead(partner).users.get(id);
      return user === undefined ? null : userView(user);
    },
    users: (partner, page) => this.#storeForRead(partner).userList.list(page, userView),
    memberships: (partner, [id], nowMs) => membershipsOf(this.#storeForRead(partner).users.get(id), nowMs),
    holders: (partner, [slug, ...page], nowMs) => {
      const { segments, userList } = this.#storeForRead(partner);
      const segment = segments.get(slug);
      return userList.list(page, (user) => holderView(user, segment, nowMs));
    },
    survey: (partner, [slug, after, cutoffs, of]) => {
      const store = this.#storeForRead(partner);
      const cutoff = cutoffs === null ? store.bySerial.length : (cutoffs[this.#context.shard] ?? 0);
      return surveyOf(store, { slug, after, cutoff, of });
    },
    places: (partner, [slug, after, cutoffs, piece, of]) => {
      const cutoff = cutoffs[this.#context.shard] ?? 0;
      return placesIn(this.#storeForRead(partner), { slug, after, cutoff, of }, piece);
    },
    secrets: () =>
      [...this.#stores.values()].flatMap(({ partner, secret }) =>
        secret ? [[partner, secret] as const] : [],
      ),
    secret: (partner) => this.#storeForRead(partner).secret,
  };

  items(): Generator<Item> {
    return itemsOf(this.#stores.values(), this.#jobs);
  }

  protected restoreItem(item: Item): void {
    restoreItem(item, this.#storeOf(item[1]), this.#jobs, (slug) => this.#isHome(item[1], slug));
  }

  /** The change of a segment: the effect on its home shard, the notice on all others. */
  protected override receive(news: SegmentNotice, partner: string, timeMs: number): void {
    const store = this.#storeOf(partner);
    switch (news.news) {
      case "created": {
        const { slug, generation, createdAtMs, draw } = news;
        store.segmentsSeen += 1;
        const rounds = draw === null ? [] : [roundOf(draw, this.#context.shard)];
        const { segmentsSeen: localId } = store;
        const segment = new Segment({ partner, localId, slug, generation, createdAtMs, rounds });
        const isHome = this.#isHome(partner, slug);
        if (isHome) store.generations = generation;
        store.addSegment(segment, isHome);
        if (draw !== null) this.#startJob("fill", store, segment, timeMs);
        return;
      }
      case "raised":
      case "lowered": {
        const segment = store.segmentBySlug(news.slug);
        const isLower = news.news === "lowered";
        const round = roundOf(news.draw, this.#context.shard, isLower);
        segment.addRound(round, !this.#jobs.isFilling(segment));
        store.percentSegments.add(segment);
        this.#startJob(isLower ? "trim" : "fill", store, segment, timeMs);
        return;
      }
      case "deleted": {
        const segment = store.segmentBySlug(news.slug);
        assert(segment.generation === news.generation, "the notices of a segment arrive in order");
        store.deleteSegment(segment, news.atMs);
        this.#startJob("sweep", store, segment, timeMs);
        return;
      }
      default:
        unreachable(news);
    }
  }

  #startJob(kind: BackfillJob["kind"], store: SegmentStore, segment: Segment, timeMs: number): void {
    const round = segment.rounds.length - 1;
    this.#jobs.add({ kind, store, segment, round, scannedTo: 0, upTo: store.bySerial.length }, timeMs + 1);
  }

  #part(partner: string, slug: string, nowMs: number): SegmentPart | null {
    const isCurrent = this.#expiries.firstExpiryMs > nowMs;
    return segmentPart(this.#storeForRead(partner), this.#jobs, isCurrent, slug);
  }

  /** Reads must not create state: for an unknown partner this is an empty store that is not kept. */
  #storeForRead(partner: string): SegmentStore {
    return this.#stores.get(partner) ?? this.#newStore(partner);
  }

  #storeOf(partner: string): SegmentStore {
    let store = this.#stores.get(partner);
    if (store === undefined) {
      store = this.#newStore(partner);
      this.#stores.set(partner, store);
    }
    return store;
  }

  #newStore(partner: string): SegmentStore {
    const { shard, countBytes } = this.#context;
    return new SegmentStore(partner, shard, this.#expiries, (bytes) => countBytes?.(partner, bytes));
  }

  #isHome(partner: string, slug: string): boolean {
    const { shard, shards } = this.#context;
    return shardOfVnode(vnodeOfAccount(partner, segmentSubject(slug)), shards) === shard;
  }

  #setSecret(partner: string, made: NewSecret | null): void {
    const store = this.#storeOf(partner);
    if (made !== null) store.secret = made.secret;
  }

  #newSecret(partner: string): NewSecret {
    const { random, seal } = this.#context;
    assert(seal !== undefined, "secrets are logged only sealed");
    return { secret: seal(random(SECRET_BYTES), reportSecretOf(partner), random) };
  }
}

/** A membership must not be expired when it is added. */
export function* futureTimesOfSegments(act: SegmentsAct): Generator<readonly [string, number]> {
  if (act.act !== "change_user") return;
  for (const [i, [, expiry]] of act.add.entries())
    if (expiry?.[0] === "at") yield [`add.${i}.expires_at`, expiry[1]];
}

type NoticeDecision<E> = Decision<E, SegmentNotice>;

function accepted<E extends object>(effect: E | Rejected): NoticeDecision<E> {
  return "ok" in effect ? effect : { ok: true, effect };
}

function announced(news: SegmentNotice): NoticeDecision<SegmentNotice> {
  return { ok: true, effect: news, notice: news };
}

function decideCreate(
  store: SegmentStore,
  { slug, draw }: SegmentsAct<"create_segment">,
  createdAtMs: number,
): NoticeDecision<SegmentNotice> {
  if (store.segments.has(slug)) return reject("segment_exists", slug);
  const isFull =
    store.segments.size >= SEGMENTS_MAX ||
    (draw !== null && store.percentSegments.size >= PERCENT_SEGMENTS_MAX);
  if (isFull) return reject("too_many_segments", slug);
  const generation = store.generations + 1;
  return announced({ news: "created", slug, generation, createdAtMs, draw });
}

function decideRaise(
  store: SegmentStore,
  { slug, generation, draw, from }: SegmentsAct<"raise_percent">,
): NoticeDecision<SegmentNotice | null> {
  const segment = store.segments.get(slug);
  if (segment?.generation !== generation) return reject("segment_not_found", slug);
  const percent = segment.percent ?? 0;
  if (from !== undefined && from !== segment.percent) return reject("percent_changed", slug);
  if (segment.rounds.length >= ROUNDS_MAX) return reject("too_many_percent_changes", slug);
  if (draw.percent < percent) return reject("percent_lowered", slug);
  if (draw.percent === percent) return { ok: true, effect: null };
  if (percent === 0 && store.percentSegments.size >= PERCENT_SEGMENTS_MAX)
    return reject("too_many_segments", slug);
  return announced({ news: "raised", slug, generation, draw });
}

function decideLower(
  store: SegmentStore,
  { slug, generation, draw, from }: SegmentsAct<"lower_percent">,
): NoticeDecision<SegmentNotice> {
  const segment = store.segments.get(slug);
  if (segment?.generation !== generation) return reject("segment_not_found", slug);
  if (from !== segment.percent) return reject("percent_changed", slug);
  if (segment.rounds.length >= ROUNDS_MAX) return reject("too_many_percent_changes", slug);
  return announced({ news: "lowered", slug, generation, draw });
}

function decideDelete(
  store: SegmentStore,
  { slug }: SegmentsAct<"delete_segment">,
  atMs: number,
): NoticeDecision<SegmentNotice> {
  const segment = store.segments.get(slug);
  if (segment === undefined) return reject("segment_not_found", slug);
  return announced({ news: "deleted", slug, generation: segment.generation, atMs });
}
