/** Helpers that run the segments programme on one ledger. */

import type { ListRequest } from "../../../src/actors/programmes/paged-index.ts";
import type { Question } from "../../../src/actors/programmes/programme.ts";
import {
  askMemberships,
  changeUser,
  type MembershipExpiry,
  type SegmentsAct,
} from "../../../src/actors/programmes/segments/acts.ts";
import type { Draw } from "../../../src/actors/programmes/segments/draw.ts";
import { SPAN } from "../../../src/actors/programmes/segments/draw.ts";
import type { JsonValue } from "../../../src/actors/records/act.ts";
import { PackedLog } from "../ledger/copies.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";

export const PARTNER = "acme";
export const ALL: ListRequest = [99, null];
export const header = { partner: PARTNER, key: null, fingerprint: 0 } as const;

/** A draw of all `count` existing users and of all later ones. */
export function everyone(count: number): Draw {
  return { percent: 100, threshold: SPAN, cutoffs: [count] };
}

/** A ledger with one partner that uses segments. */
export class SegmentFixture {
  readonly log: { act: SegmentsAct; effect: JsonValue; timeMs: number }[] = [];
  readonly packed = new PackedLog();
  readonly run = new LedgerRun(
    ({ command, outcome, timeMs }) => {
      this.packed.add({ command, outcome, timeMs });
      if (command.op === "act" && outcome.ok && "effect" in outcome)
        this.log.push({ act: command.act as SegmentsAct, effect: outcome.effect, timeMs });
    },
    (bytes) => Uint8Array.from({ length: bytes }, (_, i) => 8 * i),
  );

  do(act: SegmentsAct): unknown {
    const { outcome } = this.run.do({ op: "act", ...header, act });
    if (!outcome.ok) return [outcome.code, outcome.subject];
    return "effect" in outcome ? outcome.effect : undefined;
  }

  ask<R>(question: Question<R>): R {
    return this.run.ask(PARTNER, question);
  }

  add(user: string, slug: string, until: MembershipExpiry = null): unknown {
    return this.do(changeUser(user, { add: [[slug, until]], remove: [] }));
  }

  remove(user: string, slug: string): unknown {
    return this.do(changeUser(user, { add: [], remove: [slug] }));
  }

  /** Slug, expiry and source of each membership. */
  held(user: string): readonly (readonly [string, number | null, string])[] {
    return this.ask(askMemberships(user)).map(({ slug, endsAtMs, source }) => [slug, endsAtMs, source]);
  }

  /** Lets `ms` milliseconds pass, and executes the due commands after each. */
  pass(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.run.nowMs += 1;
      this.run.end();
    }
  }

  done(act: SegmentsAct["act"]) {
    return this.log.filter((each) => each.act.act === act);
  }
}
