/**
 * Named steps of the protocol at which the nemesis may strike: every failpoint, and steps without one. They are observed
 * by patching prototypes, so that the code under test is unchanged.
 */
import type { Fact } from "../../src/actors/records/command.ts";
import { StreamJournal } from "../../src/wal/journal.ts";
import { CreditSide } from "../../src/workers/cross-shard/credit-side.ts";
import { Cuts } from "../../src/workers/shard/cuts.ts";
import { Failpoints, SHARD_POINTS } from "../../src/workers/shard/failpoint.ts";
import { Gateways } from "../../src/workers/shard/gateways.ts";

const STEPS = [
  "claim",
  "greeting",
  "welcome",
  "tell_facts",
  "cut_halt",
  "cut_capture",
  "trim",
  "snapshot",
] as const;

export const MOMENTS = [...SHARD_POINTS, ...STEPS] as const;
export type Moment = (typeof MOMENTS)[number];

/** Calls `onMoment` whenever the running code reaches a moment. @returns a function that stops the observation */
export function watchMoments(onMoment: (moment: Moment) => void): () => void {
  const undo = [
    before(Failpoints.prototype, "pass", (point) => onMoment(point as Moment)),
    before(StreamJournal.prototype, "claim", () => onMoment("claim")),
    before(StreamJournal.prototype, "trim", () => onMoment("trim")),
    before(CreditSide.prototype, "greeted", () => onMoment("greeting")),
    before(Gateways.prototype, "welcome", () => onMoment("welcome")),
    before(Gateways.prototype, "tell", (facts) => {
      if ((facts as readonly Fact[]).length > 0) onMoment("tell_facts");
    }),
    before(Cuts.prototype, "halt", () => onMoment("cut_halt")),
    before(Cuts.prototype, "capture", () => onMoment("cut_capture")),
  ];
  return () => {
    for (const restore of undo) restore();
  };
}

/** Calls `act` with the first argument before each call of a method. @returns a function that restores the method */
function before(prototype: object, method: string, act: (argument: unknown) => void): () => void {
  const original = Reflect.get(prototype, method) as (...args: unknown[]) => unknown;
  Reflect.set(prototype, method, function (this: unknown, ...args: unknown[]) {
    act(args[0]);
    return original.apply(this, args);
  });
  return () => void Reflect.set(prototype, method, original);
}
