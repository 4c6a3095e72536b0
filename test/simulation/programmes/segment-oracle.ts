/**
 * Segments: who was added by hand is a member until the end that was said, who was removed is not; of those who existed at
 * a draw exactly the percentage was chosen, and whoever is chosen has the segment.
 */
import type {
  MembershipExpiry,
  SegmentNotice,
  SegmentsAct,
} from "../../../src/actors/programmes/segments/acts.ts";
import {
  type Draw,
  drawPosition,
  isSelected,
  lanesOf,
  roundOf,
} from "../../../src/actors/programmes/segments/draw.ts";
import type { Replayed } from "../log-oracles.ts";
import type { Fail } from "./programme-records.ts";

/** By user, what was done by hand: `null` an end that never comes, a number when it ends. */
type Given = Map<string, { endsAtMs: number; isRemoved: boolean }>;
/** A draw, and whether it lowered the percentage. */
type Drawn = Draw & Readonly<{ lowers: boolean }>;
type Segment = {
  readonly slug: string;
  readonly generation: number;
  readonly draws: Drawn[];
  readonly given: Given;
  /** Whoever was removed by hand is not added again by a percentage. */
  readonly wereRemoved: Set<string>;
};
type Shard = Readonly<{ log: Replayed; users: string[]; segments: Map<string, Segment> }>;
type Part = Readonly<{ isFilled: boolean }>;
type Membership = Readonly<{ slug: string; endsAtMs: number | null }>;

export function checkSegments(logs: readonly Replayed[], fail: Fail): void {
  const partners = new Set<string>();
  for (const { records } of logs) for (const { command } of records) partners.add(command.partner);
  for (const partner of partners) {
    const shards = logs.map((log) => modelOf(log, partner));
    for (const shard of shards) checkMembers(shard, partner, fail);
    checkShares(shards, partner, fail);
  }
}

function modelOf(log: Replayed, partner: string): Shard {
  const users: string[] = [];
  const known = new Set<string>();
  const segments = new Map<string, Segment>();
  const create = (user: string) => {
    if (known.has(user)) return;
    known.add(user);
    users.push(user);
  };
  const learn = (news: SegmentNotice) => {
    if (news.news === "deleted") segments.delete(news.slug);
    else if (news.news === "raised" || news.news === "lowered")
      segments.get(news.slug)?.draws.push({ ...news.draw, lowers: news.news === "lowered" });
    else {
      const draws = news.draw === null ? [] : [{ ...news.draw, lowers: false }];
      const { slug, generation } = news;
      segments.set(slug, { slug, generation, draws, given: new Map(), wereRemoved: new Set() });
    }
  };
  for (const { command, outcome, timeMs } of log.records) {
    if (command.partner !== partner || !outcome.ok) continue;
    if (command.op === "notice" && command.programme === "segments") learn(command.notice as SegmentNotice);
    if (command.op !== "act" || command.act.programme !== "segments") continue;
    const act = command.act as SegmentsAct;
    const effect = "effect" in outcome ? outcome.effect : null;
    const add = (slug: string, user: string, until: MembershipExpiry) => {
      const segment = segments.get(slug);
      if (segment === undefined) return;
      const endsAtMs = endOf(until, timeMs);
      const had = segment.given.get(user);
      const isMember = had !== undefined && !had.isRemoved && had.endsAtMs > timeMs;
      const end = isMember ? Math.max(had.endsAtMs, endsAtMs) : endsAtMs;
      segment.given.set(user, { endsAtMs: end, isRemoved: false });
    };
    switch (act.act) {
      case "create_segment":
      case "raise_percent":
      case "lower_percent":
      case "delete_segment":
        if (effect !== null) learn(effect as SegmentNotice);
        break;
      case "create_user":
        create(act.user);
        break;
      case "change_user":
        create(act.user);
        for (const [slug, until] of act.add) add(slug, act.user, until);
        for (const slug of act.remove) {
          const segment = segments.get(slug);
          segment?.given.set(act.user, { endsAtMs: 0, isRemoved: true });
          segment?.wereRemoved.add(act.user);
        }
        break;
      case "remove_users":
        for (const user of act.users) {
          const segment = segments.get(act.slug);
          segment?.given.set(user, { endsAtMs: 0, isRemoved: true });
          segment?.wereRemoved.add(user);
        }
        break;
      case "add_users":
        for (const user of act.users) {
          create(user);
          add(act.slug, user, act.until);
        }
        break;
      default:
    }
  }
  return { log, users, segments };
}

function checkMembers({ log, users, segments }: Shard, partner: string, fail: Fail): void {
  const { ledger, shard, timeMs } = log;
  const { programmes } = ledger.state;
  // A shard whose clock was put back goes on with its portions once it is where the log is.
  const isFilled = (slug: string) =>
    (programmes.answer("segments", partner, ["segment", slug], timeMs) as Part | null)?.isFilled === true;
  for (const [i, user] of users.entries()) {
    const shown = programmes.answer("segments", partner, ["memberships", user], timeMs);
    const held = new Map((shown as unknown as Membership[]).map(({ slug, endsAtMs }) => [slug, endsAtMs]));
    for (const { slug, draws, given, wereRemoved } of segments.values()) {
      const rounds = draws.map((draw) => roundOf(draw, shard, draw.lowers));
      const place = drawPosition(lanesOf(slug), lanesOf(user));
      const isDrawn = isSelected(place, i + 1, rounds);
      const wasDrawn = rounds.some((_, at) => isSelected(place, i + 1, rounds.slice(0, at + 1)));
      const name = `${user} of ${partner} on shard ${shard}`;
      const end = held.get(slug);
      // By hand and by a percentage in any order: only what is certain is judged.
      if (isDrawn && !wereRemoved.has(user)) {
        if (end !== null && isFilled(slug)) fail(`${name} is chosen for ${slug}, and has it until ${end}`);
      } else if (!isDrawn && wasDrawn) {
        if (end !== undefined && !given.has(user) && isFilled(slug))
          fail(`${name} is no longer chosen for ${slug}, and has it`);
      } else if (!isDrawn) {
        const hand = given.get(user);
        const isMember = hand !== undefined && !hand.isRemoved && hand.endsAtMs > timeMs;
        const expected = isMember
          ? hand.endsAtMs === Number.POSITIVE_INFINITY
            ? null
            : hand.endsAtMs
          : undefined;
        if (end !== expected) fail(`${name} has ${slug} until ${end}, and should until ${expected}`);
      }
    }
    for (const slug of held.keys())
      if (!segments.has(slug)) fail(`${user} of ${partner} has ${slug}, which is deleted`);
  }
}

/** Of those who were there when it was drawn, over all shards. */
function checkShares(shards: readonly Shard[], partner: string, fail: Fail): void {
  const known = shards.map(({ segments }) =>
    [...segments.values()]
      .map(({ slug, generation }) => `${slug} ${generation}`)
      .toSorted()
      .join(),
  );
  for (const text of known)
    if (text !== known[0])
      fail(`one shard knows the segments ${text} of ${partner}, another one ${known[0]}`);
  for (const { slug, draws } of shards[0]?.segments.values() ?? []) {
    const draw = draws.at(-1);
    if (draw === undefined || draw.cutoffs.length === 0) continue;
    let chosen = 0;
    let counted = 0;
    let before = 0;
    for (const [shard, { users }] of shards.entries()) {
      const upTo = draw.cutoffs[shard] ?? 0;
      const rounds = draws.map((each) => roundOf(each, shard, each.lowers));
      for (const [i, user] of users.slice(0, upTo).entries()) {
        const place = drawPosition(lanesOf(slug), lanesOf(user));
        counted += 1;
        if (isSelected(place, i + 1, rounds)) chosen += 1;
        if (isSelected(place, i + 1, rounds.slice(0, -1))) before += 1;
      }
    }
    // A raise takes it from nobody, a lowering gives it to nobody.
    const wanted = Math.floor((counted * draw.percent) / 100 + 0.5);
    const share = draw.lowers ? Math.min(before, wanted) : Math.max(before, wanted);
    if (chosen !== share)
      fail(`${draw.percent} % of ${counted} users of ${partner} are ${share}, and ${chosen} have ${slug}`);
  }
}

function endOf(until: MembershipExpiry, nowMs: number): number {
  if (until === null) return Number.POSITIVE_INFINITY;
  return until[0] === "after" ? nowMs + until[1] : until[1];
}
