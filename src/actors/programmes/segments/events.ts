/** Events of segments: a user has entered or left one. The subject is the user. */
import { event, type LedgerEvent } from "../../records/event.ts";
import type { EventContext, EventsByAct } from "../programme.ts";
import type { SegmentsAct, SegmentsActs } from "./acts.ts";
import { membershipChanges } from "./membership-history.ts";

export const SEGMENT_EVENTS: EventsByAct<SegmentsActs> = {
  create_user: changesOf,
  change_user: changesOf,
  add_users: changesOf,
  remove_users: changesOf,
  expire: changesOf,
  fill: changesOf,
  trim: changesOf,
  sweep: changesOf,
};

function changesOf(
  act: SegmentsAct,
  { effect, timeMs }: EventContext<SegmentsActs[keyof SegmentsActs]["effect"]>,
): readonly LedgerEvent[] {
  return Array.from(membershipChanges(act, effect, timeMs), ({ user, slug, operation }) => {
    const type = operation === "I" ? "segment.member_added" : "segment.member_removed";
    return event(type, user, { user, segment: slug });
  });
}
