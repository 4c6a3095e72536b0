/**
 * The segments programme. A user and its memberships are stored on the user's shard. The home shard of a segment,
 * selected by the slug, decides its definition and broadcasts it to all others. Changes to many users are done in
 * portions (`backfill-jobs.ts`), but reads show them as if they were done at once.
 */
import { assert, unreachable } from "../../../errors/assert.ts";
import { shardOfVnode, vnodeOfAccount } from "../../ledger/routing.ts";
import type { Act, JsonValue } from "../../records/act.ts";
import { type Rejected, reject } from "../../records/command.ts";
import type {
  AcceptedAct,
  ApplyContext,
  DecisionContext,
  Programme,
  ProgrammeContext,
} from "../programme.ts";
import {
  type CreateSegment,
  type DeleteSegment,
  type Expired,
  type Filled,
  type MembershipChanges,
  type NewUser,
  type RaisePercent,
  reportSecretOf,
  type SegmentNotice,
  type SegmentsAct,
  type SegmentsEffect,
  type Swept,
  segmentSubject,
  type UserChange,
} from "./acts.ts";
import { applyFill, applySweep, BackfillJobs, decideFill, decideSweep } from "./backfill-jobs.ts";
import { roundOf } from "./draw.ts";
import { type Item, itemsOf, restoreItem } from "./items.ts";
import { applyAddUsers, applyChangeUser, decideAddUsers, decideChangeUser } from "./membership-changes.ts";
import { MembershipExpiries } from "./membership-expiries.ts";
import { answerOf } from "./segment-queries.ts";
import { Segment, SegmentStore } from "./segment-store.ts";

/** Per partner: every shard has all of them. */
const SEGMENTS_MAX = 5_000;
/** Segments with a percentage, per partner: each is checked for every new user. */
const PERCENT_SEGMENTS_MAX = 200;
const SECRET_BYTES = 32;

export class Segments implements Programme<SegmentsAct, SegmentsEffect> {
  readonly #context: ProgrammeContext;
  readonly #stores = new Map<string, SegmentStore>();
  readonly #jobs: BackfillJobs;
  readonly #expiries: MembershipExpiries;

  constructor(context: ProgrammeContext) {
    this.#context = context;
    this.#jobs = new BackfillJobs(context.scheduler);
    this.#expiries = new MembershipExpiries(context.scheduler);
  }

  decide(act: SegmentsAct, { partner, nowMs }: DecisionContext): AcceptedAct<SegmentsEffect> | Rejected {
    const store = this.#stores.get(partner) ?? this.#newStore(partner);
    switch (act.act) {
      case "create_segment":
        return decideCreate(store, act, nowMs);
      case "raise_percent":
        return decideRaise(store, act);
      case "delete_segment":
        return decideDelete(store, act, nowMs);
      case "count_user":
        return accepted({ number: store.lastUserNumber + act.skip + 1 });
      case "create_user":
        return store.users.has(act.user)
          ? reject("user_exists", act.user)
          : accepted({ auto: store.autoSlugsFor(act.user) });
      case "change_user":
        return accepted(decideChangeUser(store, act, nowMs));
      case "add_users":
        return accepted(decideAddUsers(store, act, nowMs));
      case "expire":
        return accepted(this.#expiries.decide());
      case "fill":
        return accepted(decideFill(this.#jobs.first, nowMs));
      case "sweep":
        return accepted(decideSweep(this.#jobs.first));
      case "request_report":
        return accepted<SegmentsEffect>(store.secret === null ? this.#newSecret(partner) : null);
      case "rotate_report_secret":
        return accepted<SegmentsEffect>(
          act.only === null || act.only === store.secret ? this.#newSecret(partner) : null,
        );
      case "record_answer":
        return accepted(null);
      default:
        return unreachable(act);
    }
  }

  apply(act: SegmentsAct, effect: SegmentsEffect, { partner, timeMs }: ApplyContext): void {
    const store = this.#storeOf(partner);
    switch (act.act) {
      case "create_segment":
      case "raise_percent":
      case "delete_segment":
        if (effect !== null) this.#applyNews(store, effect as SegmentNotice, timeMs);
        return;
      case "count_user":
        store.lastUserNumber = (effect as { number: number }).number;
        return;
      case "create_user":
        store.addUser(act.user, timeMs, (effect as NewUser).auto);
        return;
      case "change_user":
        applyChangeUser(store, act, effect as UserChange, timeMs);
        return;
      case "add_users":
        applyAddUsers(store, act, effect as MembershipChanges, timeMs);
        return;
      case "expire":
        applyExpiry(store, effect as Expired);
        this.#expiries.advance((effect as Expired).ended.length, timeMs);
        return;
      case "fill":
        applyFill(this.#jobs.first, effect as Filled);
        this.#jobs.advance((effect as Filled).upTo, timeMs);
        return;
      case "sweep":
        applySweep(this.#jobs.first, effect as Swept);
        this.#jobs.advance((effect as Swept).upTo, timeMs);
        return;
      case "request_report":
      case "rotate_report_secret":
        if (effect !== null) store.secret = (effect as { secret: string }).secret;
        return;
      case "record_answer":
        return;
      default:
        unreachable(act);
    }
  }

  receiveBroadcast(notice: JsonValue, partner: string, timeMs: number): void {
    this.#applyNews(this.#storeOf(partner), notice as SegmentNotice, timeMs);
  }

  answer(partner: string, ask: readonly JsonValue[], nowMs: number): JsonValue {
    if (ask[0] === "secrets")
      return [...this.#stores.values()].flatMap(({ partner: id, secret }) => (secret ? [[id, secret]] : []));
    const { shard } = this.#context;
    const store = this.#stores.get(partner) ?? this.#newStore(partner);
    return answerOf(
      { shard, store, jobs: this.#jobs, nowMs, isCurrent: this.#expiries.firstExpiryMs > nowMs },
      ask,
    );
  }

  items(): Generator<Item> {
    return itemsOf(this.#stores.values(), this.#jobs);
  }

  restore(stored: readonly JsonValue[]): void {
    const item = stored as unknown as Item;
    restoreItem(item, this.#storeOf(item[1]), this.#jobs, (slug) => this.#isHome(item[1], slug));
  }

  #applyNews(store: SegmentStore, news: SegmentNotice, timeMs: number): void {
    switch (news.news) {
      case "created": {
        const { slug, generation, createdAtMs, draw } = news;
        store.segmentsSeen += 1;
        const rounds = draw === null ? [] : [roundOf(draw, this.#context.shard)];
        const { partner, segmentsSeen: localId } = store;
        const segment = new Segment({ partner, localId, slug, generation, createdAtMs, rounds });
        const isHome = this.#isHome(partner, slug);
        if (isHome) store.generations = generation;
        store.addSegment(segment, isHome);
        if (draw !== null) this.#startJob("fill", store, segment, timeMs);
        return;
      }
      case "raised": {
        const segment = store.segmentBySlug(news.slug);
        segment.rounds.push(roundOf(news.draw, this.#context.shard));
        store.percentSegments.add(segment);
        this.#startJob("fill", store, segment, timeMs);
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

  #startJob(kind: "fill" | "sweep", store: SegmentStore, segment: Segment, timeMs: number): void {
    const round = segment.rounds.length - 1;
    this.#jobs.add({ kind, store, segment, round, scannedTo: 0, upTo: store.bySerial.length }, timeMs + 1);
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

  #newSecret(partner: string): SegmentsEffect {
    const { random, seal } = this.#context;
    assert(seal !== undefined, "secrets are logged only sealed");
    return { secret: seal(random(SECRET_BYTES), reportSecretOf(partner), random) };
  }
}

/** A membership must not be expired when it is added. */
export function* futureTimesOfSegments(act: Act): Generator<readonly [string, number]> {
  const segmentsAct = act as SegmentsAct;
  if (segmentsAct.act !== "change_user") return;
  for (const [i, [, expiry]] of segmentsAct.add.entries())
    if (expiry?.[0] === "at") yield [`add.${i}.expires_at`, expiry[1]];
}

function accepted<E extends SegmentsEffect>(effect: E | Rejected): AcceptedAct<E> | Rejected {
  return isRejected(effect) ? effect : { ok: true, effect };
}

function isRejected(effect: SegmentsEffect | Rejected): effect is Rejected {
  return effect !== null && "ok" in effect;
}

function announced(news: SegmentNotice): AcceptedAct<SegmentNotice> {
  return { ok: true, effect: news, notice: news };
}

function decideCreate(
  store: SegmentStore,
  { slug, draw }: CreateSegment,
  createdAtMs: number,
): AcceptedAct<SegmentNotice> | Rejected {
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
  { slug, generation, draw }: RaisePercent,
): AcceptedAct<SegmentsEffect> | Rejected {
  const segment = store.segments.get(slug);
  if (segment?.generation !== generation) return reject("segment_not_found", slug);
  const percent = segment.percent ?? 0;
  if (draw.percent < percent) return reject("percent_lowered", slug);
  if (draw.percent === percent) return { ok: true, effect: null };
  if (percent === 0 && store.percentSegments.size >= PERCENT_SEGMENTS_MAX)
    return reject("too_many_segments", slug);
  return announced({ news: "raised", slug, generation, draw });
}

function decideDelete(
  store: SegmentStore,
  { slug }: DeleteSegment,
  atMs: number,
): AcceptedAct<SegmentNotice> | Rejected {
  const segment = store.segments.get(slug);
  if (segment === undefined) return reject("segment_not_found", slug);
  return announced({ news: "deleted", slug, generation: segment.generation, atMs });
}

function applyExpiry(store: SegmentStore, { ended }: Expired): void {
  for (const [user, , localId] of ended)
    store.dropMembership(store.userById(user), store.segmentByLocalId(localId));
}
