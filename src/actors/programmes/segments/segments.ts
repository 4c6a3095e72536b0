/**
 * Segments of users. A user lives on his own shard, with what he holds; a segment's home is the shard of its slug, and all
 * others are told of it. What concerns many users is done in portions (`backfill-jobs.ts`), and read as if it were done at once.
 */
import { assert, unreachable } from "../../../errors/assert.ts";
import { shardOfVnode, vnodeOfAccount } from "../../ledger/routing.ts";
import type { Act, JsonValue } from "../../records/act.ts";
import { type Rejected, reject } from "../../records/command.ts";
import type { DecisionContext, Done, Effect, Programme, ProgrammeContext } from "../programme.ts";
import {
  type CreateSegment,
  type DeleteSegment,
  type Expired,
  type Filled,
  type MembershipChanges,
  type NewUser,
  type RaisePercent,
  reportSecretOf,
  type SegmentNews,
  type SegmentsAct,
  type SegmentsEffect,
  type Swept,
  segmentSubject,
  type UserChange,
} from "./acts.ts";
import { answerOf } from "./answers.ts";
import { applyFill, applySweep, BackfillJobs, decideFill, decideSweep } from "./backfill-jobs.ts";
import { roundOf } from "./draw.ts";
import { type Item, itemsOf, restoreItem } from "./items.ts";
import { applyChange, applyIntake, decideChange, decideIntake } from "./membership-changes.ts";
import { MembershipExpiries } from "./membership-expiries.ts";
import { Segment, SegmentStore } from "./segment-store.ts";

/** Of one partner: every shard holds all of them. */
const SEGMENTS_MAX = 5_000;
/** Those with a percentage: each looks at every new user. */
const DRAWN_MAX = 200;
const SECRET_BYTES = 32;

export class Segments implements Programme<SegmentsAct, SegmentsEffect> {
  readonly #surroundings: ProgrammeContext;
  readonly #rosters = new Map<string, SegmentStore>();
  readonly #chores: BackfillJobs;
  readonly #endings: MembershipExpiries;

  constructor(surroundings: ProgrammeContext) {
    this.#surroundings = surroundings;
    this.#chores = new BackfillJobs(surroundings.due);
    this.#endings = new MembershipExpiries(surroundings.due);
  }

  decide(act: SegmentsAct, { partner, nowMs }: DecisionContext): Effect<SegmentsEffect> | Rejected {
    const roster = this.#rosters.get(partner) ?? this.#newRoster(partner);
    switch (act.act) {
      case "create_segment":
        return decideCreate(roster, act, nowMs);
      case "raise_percent":
        return decideRaise(roster, act);
      case "delete_segment":
        return decideDelete(roster, act, nowMs);
      case "count_user":
        return accepted({ number: roster.numbers + act.skip + 1 });
      case "create_user":
        return roster.users.has(act.user)
          ? reject("user_exists", act.user)
          : accepted({ auto: roster.drawnFor(act.user) });
      case "change_user":
        return accepted(decideChange(roster, act, nowMs));
      case "add_users":
        return accepted(decideIntake(roster, act, nowMs));
      case "expire":
        return accepted(this.#endings.decide());
      case "fill":
        return accepted(decideFill(this.#chores.first, nowMs));
      case "sweep":
        return accepted(decideSweep(this.#chores.first));
      case "request_report":
        return accepted<SegmentsEffect>(roster.secret === null ? this.#newSecret(partner) : null);
      case "rotate_report_secret":
        return accepted<SegmentsEffect>(
          act.only === null || act.only === roster.secret ? this.#newSecret(partner) : null,
        );
      case "record_answer":
        return accepted(null);
      default:
        return unreachable(act);
    }
  }

  apply(act: SegmentsAct, effect: SegmentsEffect, { partner, timeMs }: Done): void {
    const roster = this.#roster(partner);
    switch (act.act) {
      case "create_segment":
      case "raise_percent":
      case "delete_segment":
        if (effect !== null) this.#learn(roster, effect as SegmentNews, timeMs);
        return;
      case "count_user":
        roster.numbers = (effect as { number: number }).number;
        return;
      case "create_user":
        roster.addUser(act.user, timeMs, (effect as NewUser).auto);
        return;
      case "change_user":
        applyChange(roster, act, effect as UserChange, timeMs);
        return;
      case "add_users":
        applyIntake(roster, act, effect as MembershipChanges, timeMs);
        return;
      case "expire":
        applyExpiry(roster, effect as Expired);
        this.#endings.advance((effect as Expired).ended.length, timeMs);
        return;
      case "fill":
        applyFill(this.#chores.first, effect as Filled);
        this.#chores.advance((effect as Filled).upTo, timeMs);
        return;
      case "sweep":
        applySweep(this.#chores.first, effect as Swept);
        this.#chores.advance((effect as Swept).upTo, timeMs);
        return;
      case "request_report":
      case "rotate_report_secret":
        if (effect !== null) roster.secret = (effect as { secret: string }).secret;
        return;
      case "record_answer":
        return;
      default:
        unreachable(act);
    }
  }

  receiveBroadcast(notice: JsonValue, partner: string, timeMs: number): void {
    this.#learn(this.#roster(partner), notice as SegmentNews, timeMs);
  }

  answer(partner: string, ask: readonly JsonValue[], nowMs: number): JsonValue {
    if (ask[0] === "secrets")
      return [...this.#rosters.values()].flatMap(({ partner: id, secret }) => (secret ? [[id, secret]] : []));
    const { shard } = this.#surroundings;
    const roster = this.#rosters.get(partner) ?? this.#newRoster(partner);
    return answerOf(
      { shard, roster, chores: this.#chores, nowMs, isCurrent: this.#endings.firstMs > nowMs },
      ask,
    );
  }

  items(): Generator<Item> {
    return itemsOf(this.#rosters.values(), this.#chores);
  }

  restore(stored: readonly JsonValue[]): void {
    const item = stored as unknown as Item;
    restoreItem(item, this.#roster(item[1]), this.#chores, (slug) => this.#isHome(item[1], slug));
  }

  #learn(roster: SegmentStore, news: SegmentNews, timeMs: number): void {
    switch (news.news) {
      case "created": {
        const { slug, generation, createdAtMs, draw } = news;
        roster.segmentNos += 1;
        const rounds = draw === null ? [] : [roundOf(draw, this.#surroundings.shard)];
        const { partner, segmentNos: no } = roster;
        const segment = new Segment({ partner, no, slug, generation, createdAtMs, rounds });
        const isHome = this.#isHome(partner, slug);
        if (isHome) roster.generations = generation;
        roster.addSegment(segment, isHome);
        if (draw !== null) this.#begin("fill", roster, segment, timeMs);
        return;
      }
      case "raised": {
        const segment = roster.segmentOf(news.slug);
        segment.rounds.push(roundOf(news.draw, this.#surroundings.shard));
        roster.drawn.add(segment);
        this.#begin("fill", roster, segment, timeMs);
        return;
      }
      case "deleted": {
        const segment = roster.segmentOf(news.slug);
        assert(segment.generation === news.generation, "news of a segment come in order");
        roster.delete(segment, news.atMs);
        this.#begin("sweep", roster, segment, timeMs);
        return;
      }
      default:
        unreachable(news);
    }
  }

  #begin(kind: "fill" | "sweep", roster: SegmentStore, segment: Segment, timeMs: number): void {
    const round = segment.rounds.length - 1;
    this.#chores.add({ kind, roster, segment, round, at: 0, upTo: roster.bySerial.length }, timeMs + 1);
  }

  #roster(partner: string): SegmentStore {
    let roster = this.#rosters.get(partner);
    if (roster === undefined) {
      roster = this.#newRoster(partner);
      this.#rosters.set(partner, roster);
    }
    return roster;
  }

  #newRoster(partner: string): SegmentStore {
    const { shard, kept } = this.#surroundings;
    return new SegmentStore(partner, shard, this.#endings, (bytes) => kept?.(partner, bytes));
  }

  #isHome(partner: string, slug: string): boolean {
    const { shard, shards } = this.#surroundings;
    return shardOfVnode(vnodeOfAccount(partner, segmentSubject(slug)), shards) === shard;
  }

  #newSecret(partner: string): SegmentsEffect {
    const { random, seal } = this.#surroundings;
    assert(seal !== undefined, "no secret stands in the log as it is");
    return { secret: seal(random(SECRET_BYTES), reportSecretOf(partner), random) };
  }
}

/** A membership that is given ends later. */
export function* timesAheadOfSegments(act: Act): Generator<readonly [string, number]> {
  const asked = act as SegmentsAct;
  if (asked.act !== "change_user") return;
  for (const [i, [, until]] of asked.add.entries())
    if (until?.[0] === "at") yield [`add.${i}.expires_at`, until[1]];
}

function accepted<E extends SegmentsEffect>(effect: E | Rejected): Effect<E> | Rejected {
  return isRejected(effect) ? effect : { ok: true, effect };
}

function isRejected(effect: SegmentsEffect | Rejected): effect is Rejected {
  return effect !== null && "ok" in effect;
}

function announced(news: SegmentNews): Effect<SegmentNews> {
  return { ok: true, effect: news, notice: news };
}

function decideCreate(
  roster: SegmentStore,
  { slug, draw }: CreateSegment,
  createdAtMs: number,
): Effect<SegmentNews> | Rejected {
  if (roster.segments.has(slug)) return reject("segment_exists", slug);
  const isFull = roster.segments.size >= SEGMENTS_MAX || (draw !== null && roster.drawn.size >= DRAWN_MAX);
  if (isFull) return reject("too_many_segments", slug);
  const generation = roster.generations + 1;
  return announced({ news: "created", slug, generation, createdAtMs, draw });
}

function decideRaise(
  roster: SegmentStore,
  { slug, generation, draw }: RaisePercent,
): Effect<SegmentsEffect> | Rejected {
  const segment = roster.segments.get(slug);
  if (segment?.generation !== generation) return reject("segment_not_found", slug);
  const percent = segment.percent ?? 0;
  if (draw.percent < percent) return reject("percent_lowered", slug);
  if (draw.percent === percent) return { ok: true, effect: null };
  if (percent === 0 && roster.drawn.size >= DRAWN_MAX) return reject("too_many_segments", slug);
  return announced({ news: "raised", slug, generation, draw });
}

function decideDelete(
  roster: SegmentStore,
  { slug }: DeleteSegment,
  atMs: number,
): Effect<SegmentNews> | Rejected {
  const segment = roster.segments.get(slug);
  if (segment === undefined) return reject("segment_not_found", slug);
  return announced({ news: "deleted", slug, generation: segment.generation, atMs });
}

function applyExpiry(roster: SegmentStore, { ended }: Expired): void {
  for (const [user, , no] of ended) roster.drop(roster.userOf(user), roster.segmentOfNo(no));
}
