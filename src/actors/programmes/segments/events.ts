/** Events of segments: a user has entered or left one. The subject is the user. */
import type { Act } from "../../records/act.ts";
import { event, type LedgerEvent } from "../../records/event.ts";
import type { EventContext } from "../programme.ts";
import type { SegmentsAct, SegmentsEffect } from "./acts.ts";
import { membershipChanges } from "./membership-history.ts";

export function eventsOfSegments(act: Act, { effect, timeMs }: EventContext): readonly LedgerEvent[] {
  const changes = membershipChanges(act as SegmentsAct, effect as SegmentsEffect, timeMs);
  return Array.from(changes, ({ user, slug, operation }) =>
    event(operation === "I" ? "segment.member_added" : "segment.member_removed", user, {
      user,
      segment: slug,
    }),
  );
}
