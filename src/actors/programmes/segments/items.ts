/** The snapshot items of the segments programme on one shard. */
import { unreachable } from "../../../errors/assert.ts";
import type { BackfillJob, BackfillJobs } from "./backfill-jobs.ts";
import type { Round } from "./draw.ts";
import { KINDS, type Membership, Segment, type SegmentStore } from "./segment-store.ts";

/** `[localId, endsAtMs]` for a membership with an expiry, else the number `localId * KINDS.length + index of its kind`. */
type MembershipItem = readonly [localId: number, endsAtMs: number] | number;

export type Item =
  | readonly [
      "roster",
      partner: string,
      generations: number,
      segmentsSeen: number,
      lastUserNumber: number,
      secret: string | null,
    ]
  | readonly [
      "segment",
      partner: string,
      localId: number,
      slug: string,
      generation: number,
      createdAtMs: number,
      deletedAtMs: number | null,
      rounds: readonly Round[],
    ]
  | readonly ["user", partner: string, id: string, createdAtMs: number, held: readonly MembershipItem[]]
  | readonly [
      "chore",
      partner: string,
      kind: BackfillJob["kind"],
      segment: number,
      round: number,
      scannedTo: number,
      upTo: number,
      nextAtMs: number,
    ];

export function* itemsOf(stores: Iterable<SegmentStore>, jobs: BackfillJobs): Generator<Item> {
  for (const store of stores) {
    const { partner, generations, segmentsSeen, lastUserNumber, secret } = store;
    yield ["roster", partner, generations, segmentsSeen, lastUserNumber, secret];
    for (const { localId, slug, generation, createdAtMs, deletedAtMs, rounds } of store.allSegments())
      yield ["segment", partner, localId, slug, generation, createdAtMs, deletedAtMs, rounds];
    for (const { id, createdAtMs, memberships } of store.bySerial)
      yield ["user", partner, id, createdAtMs, memberships.map(membershipItem)];
  }
  for (const { kind, store, segment, round, scannedTo, upTo } of jobs.all())
    yield ["chore", store.partner, kind, segment.localId, round, scannedTo, upTo, jobs.nextAtMs];
}

/** @param isHome whether this shard is the home of the segment with this slug. */
export function restoreItem(
  item: Item,
  store: SegmentStore,
  jobs: BackfillJobs,
  isHome: (slug: string) => boolean,
): void {
  switch (item[0]) {
    case "roster": {
      const [, , generations, segmentsSeen, lastUserNumber, secret] = item;
      Object.assign(store, { generations, segmentsSeen, lastUserNumber, secret });
      return;
    }
    case "segment": {
      const [, partner, localId, slug, generation, createdAtMs, deletedAtMs, rounds] = item;
      const segment = new Segment({ partner, localId, slug, generation, createdAtMs, rounds: [...rounds] });
      store.addSegment(segment, isHome(slug));
      if (deletedAtMs !== null) store.deleteSegment(segment, deletedAtMs);
      return;
    }
    case "user": {
      const [, , id, createdAtMs, held] = item;
      const user = store.addUser(id, createdAtMs, []);
      for (const each of held) {
        if (typeof each !== "number") store.putWithExpiry(user, store.segmentByLocalId(each[0]), each[1]);
        else {
          const kind = KINDS[each % KINDS.length] as Membership["kind"];
          store.putMembership(user, store.segmentByLocalId(Math.floor(each / KINDS.length)).permanent[kind]);
        }
      }
      return;
    }
    case "chore": {
      const [, , kind, localId, round, scannedTo, upTo, nextAtMs] = item;
      jobs.add({ kind, store, segment: store.segmentByLocalId(localId), round, scannedTo, upTo }, nextAtMs);
      return;
    }
    default:
      unreachable(item);
  }
}

function membershipItem({ segment: { localId }, kind, endsAtMs }: Membership): MembershipItem {
  return endsAtMs === Number.POSITIVE_INFINITY
    ? localId * KINDS.length + KINDS.indexOf(kind)
    : [localId, endsAtMs];
}
