/**
 * The secret that signs a partner's reports: created once, sealed, replaced on request, and read from older logs.
 */
import { expect, test } from "vitest";
import { Scheduler } from "../../../src/actors/programmes/scheduler.ts";
import {
  REPORTS_SUBJECT,
  reportSecretOf,
  rotateReportSecret,
  type SegmentsAct,
} from "../../../src/actors/programmes/segments/acts.ts";
import { Segments } from "../../../src/actors/programmes/segments/segments.ts";
import { randomBytes } from "../../../src/random.ts";
import { openerOf, sealerOf } from "../../../src/sealed-secrets.ts";

const KEY = "secret-key-for-tests-0123456789abcdef";
const CLEAR = "0f".repeat(32);
const REQUEST: SegmentsAct = { programme: "segments", act: "request_report", subject: REPORTS_SUBJECT };
const open = openerOf(KEY);

function segments(): {
  decide: (act: SegmentsAct) => Readonly<{ secret: string }> | null;
  apply: (act: SegmentsAct, effect: Readonly<{ secret: string }> | null) => void;
  stored: () => string;
  items: () => readonly unknown[];
} {
  const surroundings = { shard: 0, shards: 1, account: () => undefined, random: randomBytes };
  const programme = new Segments({ ...surroundings, seal: sealerOf(KEY), scheduler: new Scheduler() });
  const done = { partner: "acme", timeMs: 1, transfer: null, amount: 0 };
  return {
    decide: (act) => {
      const decided = programme.decide(act, { partner: "acme", nowMs: 1, amount: 0 });
      if (!decided.ok) throw new Error(decided.code);
      return decided.effect as Readonly<{ secret: string }> | null;
    },
    apply: (act, effect) => programme.apply(act, effect, done),
    stored: () => programme.answer("acme", ["secret"], 1) as string,
    items: () => [...programme.items()],
  };
}

test("the secret is created with the first report and sealed; replay restores it", () => {
  const live = segments();
  const effect = live.decide(REQUEST);
  live.apply(REQUEST, effect);
  expect(live.decide(REQUEST)).toBeNull();
  expect(live.stored()).toMatch(/^sealed:1:[0-9a-f]{8}:[\w-]+$/);
  expect(open(live.stored(), reportSecretOf("acme"))).toHaveLength(32);
  const replayed = segments();
  replayed.apply(REQUEST, effect);
  expect(replayed.items()).toEqual(live.items());
});

test("a secret that an older version logged in clear still signs, until it is replaced", () => {
  const { decide, apply, stored } = segments();
  apply(REQUEST, { secret: CLEAR });
  expect(decide(REQUEST)).toBeNull();
  expect(open(stored(), reportSecretOf("acme"))).toEqual(Buffer.from(CLEAR, "hex"));
  const rotate = rotateReportSecret();
  apply(rotate, decide(rotate));
  expect(stored()).toMatch(/^sealed:1:/);
});

test("a secret that cannot be opened is replaced once, however many requests notice", () => {
  const { decide, apply, stored } = segments();
  const other = sealerOf("another key 0123456789 0123456789")(
    randomBytes(32),
    reportSecretOf("acme"),
    randomBytes,
  );
  apply(REQUEST, { secret: other });
  expect(open(other, reportSecretOf("acme"))).toBeUndefined();
  const replace = rotateReportSecret(other);
  apply(replace, decide(replace));
  const replaced = stored();
  expect(replaced).not.toBe(other);
  apply(replace, decide(replace));
  expect(stored()).toBe(replaced);
});

test("a changed secret does not open, and a secret of another partner does not either", () => {
  const sealed = sealerOf(KEY)(randomBytes(32), reportSecretOf("acme"), randomBytes);
  expect(open(sealed, reportSecretOf("acme"))).toHaveLength(32);
  expect(open(sealed, reportSecretOf("other"))).toBeUndefined();
  const at = sealed.length - 10;
  const changed = sealed.slice(0, at) + (sealed[at] === "A" ? "B" : "A") + sealed.slice(at + 1);
  for (const bad of [changed, sealed.slice(0, -1), "", "sealed:1:00000000:", CLEAR.slice(1)])
    expect(open(bad, reportSecretOf("acme")), bad).toBeUndefined();
});
