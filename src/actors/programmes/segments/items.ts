/** What a shard knows of segments, as items of a snapshot, and back. */
import { unreachable } from "../../../errors/assert.ts";
import type { BackfillJob, BackfillJobs } from "./backfill-jobs.ts";
import type { Round } from "./draw.ts";
import { type Held, KINDS, Segment, type SegmentStore } from "./segment-store.ts";

/** By its segment's number: one that ends, or, with its kind, one that does not. */
type HeldItem = readonly [no: number, endsAtMs: number] | number;

export type Item =
  | readonly [
      "roster",
      partner: string,
      generations: number,
      segmentNos: number,
      numbers: number,
      secret: string | null,
    ]
  | readonly [
      "segment",
      partner: string,
      no: number,
      slug: string,
      generation: number,
      createdAtMs: number,
      deletedAtMs: number | null,
      rounds: readonly Round[],
    ]
  | readonly ["user", partner: string, id: string, createdAtMs: number, held: readonly HeldItem[]]
  | readonly [
      "chore",
      partner: string,
      kind: BackfillJob["kind"],
      segment: number,
      round: number,
      at: number,
      upTo: number,
      nextAtMs: number,
    ];

export function* itemsOf(rosters: Iterable<SegmentStore>, chores: BackfillJobs): Generator<Item> {
  for (const roster of rosters) {
    const { partner, generations, segmentNos, numbers, secret } = roster;
    yield ["roster", partner, generations, segmentNos, numbers, secret];
    for (const { no, slug, generation, createdAtMs, deletedAtMs, rounds } of roster.allSegments())
      yield ["segment", partner, no, slug, generation, createdAtMs, deletedAtMs, rounds];
    for (const { id, createdAtMs, held } of roster.bySerial)
      yield ["user", partner, id, createdAtMs, held.map(heldItem)];
  }
  for (const { kind, roster, segment, round, at, upTo } of chores.all())
    yield ["chore", roster.partner, kind, segment.no, round, at, upTo, chores.nextAtMs];
}

/** @param isHome whether the segment with this slug has its home here. */
export function restoreItem(
  item: Item,
  roster: SegmentStore,
  chores: BackfillJobs,
  isHome: (slug: string) => boolean,
): void {
  switch (item[0]) {
    case "roster": {
      const [, , generations, segmentNos, numbers, secret] = item;
      Object.assign(roster, { generations, segmentNos, numbers, secret });
      return;
    }
    case "segment": {
      const [, partner, no, slug, generation, createdAtMs, deletedAtMs, rounds] = item;
      const segment = new Segment({ partner, no, slug, generation, createdAtMs, rounds: [...rounds] });
      roster.addSegment(segment, isHome(slug));
      if (deletedAtMs !== null) roster.delete(segment, deletedAtMs);
      return;
    }
    case "user": {
      const [, , id, createdAtMs, held] = item;
      const user = roster.addUser(id, createdAtMs, []);
      for (const each of held) {
        if (typeof each !== "number") roster.putUntil(user, roster.segmentOfNo(each[0]), each[1]);
        else {
          const kind = KINDS[each % KINDS.length] as Held["kind"];
          roster.put(user, roster.segmentOfNo(Math.floor(each / KINDS.length)).lasting[kind]);
        }
      }
      return;
    }
    case "chore": {
      const [, , kind, no, round, at, upTo, nextAtMs] = item;
      chores.add({ kind, roster, segment: roster.segmentOfNo(no), round, at, upTo }, nextAtMs);
      return;
    }
    default:
      unreachable(item);
  }
}

function heldItem({ segment: { no }, kind, endsAtMs }: Held): HeldItem {
  return endsAtMs === Number.POSITIVE_INFINITY ? no * KINDS.length + KINDS.indexOf(kind) : [no, endsAtMs];
}
