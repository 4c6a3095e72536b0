/** Which monitors a changed balance crosses, and which monitors of a partner match an account. */
import { expect, test } from "vitest";
import {
  MONITORS_SUBJECT,
  type MonitorRule,
  monitorAct,
  monitorId,
} from "../../../../src/actors/programmes/monitors/acts.ts";
import { Monitors } from "../../../../src/actors/programmes/monitors/monitors.ts";
import type { Change } from "../../../../src/actors/records/record-views.ts";

const PARTNER = "acme";
const context = {
  shard: 0,
  shards: 1,
  account: () => undefined,
  random: (bytes: number) => new Uint8Array(bytes),
  scheduler: { add: () => {}, remove: () => {} },
};

/** Monitors with these rules, whose ids are `0`, `1`, … */
function monitorsOf(...rules: readonly Partial<MonitorRule>[]): Monitors {
  const monitors = new Monitors(context);
  for (const [id, rule] of rules.entries()) {
    const of = { account: null, prefix: null, field: "posted", when: "above", value: 100 } as const;
    monitors.restore(["monitor", PARTNER, { id: `${id}`, ...of, ...rule, createdAtMs: 1 }]);
  }
  return monitors;
}

const change = (account: string, posted: number, held = 0) => ({ account, posted, held }) as Change;

/** Ids of the monitors that are crossed, with the balance that crosses them. */
function crossed(monitors: Monitors, before: readonly [number, number], ...changes: readonly Change[]) {
  const balanceOf = (account: string) =>
    account.startsWith("@") ? undefined : ({ posted: before[0], held: before[1] } as never);
  return monitors.crossingsBy(PARTNER, changes, balanceOf).map(({ monitor, balance }) => [monitor, balance]);
}

test("a value is crossed by the change that leaves it, and not by one that only reaches it or goes on", () => {
  const monitors = monitorsOf({ account: "a" }, { account: "a", when: "below" });
  const to = (from: number, posted: number) => crossed(monitors, [from, 0], change("a", posted));
  expect([to(99, 100), to(100, 101), to(101, 102)]).toEqual([[], [["0", 101]], []]);
  expect([to(101, 100), to(100, 99), to(99, 98)]).toEqual([[], [["1", 99]], []]);
  expect([to(99, 101), to(101, 99), to(100, 100)]).toEqual([[["0", 101]], [["1", 99]], []]);
});

test("what is posted, held and available is watched for itself", () => {
  const fields = ["posted", "held", "available"] as const;
  const monitors = monitorsOf(...fields.map((field) => ({ account: "a", field })));
  expect(crossed(monitors, [90, 0], change("a", 101, 101))).toEqual([
    ["0", 101],
    ["1", 101],
  ]);
  expect(crossed(monitors, [150, 50], change("a", 150, 49))).toEqual([["2", 101]]);
  expect(crossed(monitors, [150, 50], change("a", 150, 51))).toEqual([]);
});

test("only the balance after all entries of a record counts", () => {
  const monitors = monitorsOf({ account: "a" });
  expect(crossed(monitors, [100, 0], change("a", 200), change("a", 100))).toEqual([]);
  expect(crossed(monitors, [100, 0], change("a", 50), change("a", 101))).toEqual([["0", 101]]);
});

test("a prefix watches every account that begins with it, and no system account is watched", () => {
  const monitors = monitorsOf(
    { prefix: "a" },
    { prefix: "ab" },
    { account: "ab" },
    { account: "b" },
    { prefix: "@" },
  );
  const above = (account: string) => crossed(monitors, [0, 0], change(account, 101)).map(([id]) => id);
  expect(["a", "ab", "abc", "b", "bab", "@a"].map(above)).toEqual([
    ["0"],
    ["2", "0", "1"],
    ["0", "1"],
    ["3"],
    [],
    [],
  ]);
});

const before = () => ({ posted: 5, held: 0 }) as never;

test("the crossing says what was crossed; another partner has none", () => {
  const monitors = monitorsOf({ account: "a", when: "below", field: "available", value: 5 });
  expect(monitors.crossingsBy(PARTNER, [change("a", 5, 1)], before)).toEqual([
    { monitor: "0", account: "a", field: "available", when: "below", value: 5, balance: 4 },
  ]);
  expect(monitors.crossingsBy("other", [change("a", 5, 1)], before)).toEqual([]);
  expect([monitors.watches(PARTNER), monitors.watches("other"), monitorsOf().watches(PARTNER)]).toEqual([
    true,
    false,
    false,
  ]);
});

test("a deleted monitor is crossed no more, and the other one of its account is", () => {
  const monitors = monitorsOf({ account: "a" }, { account: "a" }, { prefix: "a" }, { prefix: "a" });
  const done = { partner: PARTNER, timeMs: 1, transfer: null, amount: 0 } as const;
  for (const id of ["0", "2"])
    monitors.apply(monitorAct("delete_monitor", MONITORS_SUBJECT, { id }), null, done);
  expect(crossed(monitors, [0, 0], change("a", 101))).toEqual([
    ["1", 101],
    ["3", 101],
  ]);
  expect([...monitors.items()].map(([, , { id }]) => id)).toEqual(["1", "3"]);
});

test("the id of a monitor is 96 random bits", () => {
  expect(monitorId(Uint8Array.from({ length: 12 }, (_, i) => 20 * i))).toBe("mon_0014283c5064788ca0b4c8dc");
});

test("a monitor that is refused names what it would have watched, and one that is made has all of its rule", () => {
  const monitors = monitorsOf(
    ...Array.from({ length: 8 }, () => ({ account: "a" })),
    ...Array.from({ length: 8 }, () => ({ prefix: "p" })),
  );
  const decide = (rule: Partial<MonitorRule>) => {
    const whole = { account: null, prefix: null, field: "held", when: "below", value: 3, ...rule } as const;
    const act = monitorAct("create_monitor", MONITORS_SUBJECT, { rule: whole });
    return monitors.decide(act, { partner: PARTNER, nowMs: 7, amount: 0 });
  };
  expect(decide({ account: "a" })).toEqual({ ok: false, code: "too_many_monitors", subject: "a" });
  expect(decide({ prefix: "q" })).toEqual({ ok: false, code: "too_many_monitors", subject: "q" });
  const monitor = {
    id: `mon_${"00".repeat(12)}`,
    account: "b",
    prefix: null,
    field: "held",
    when: "below",
    value: 3,
    createdAtMs: 7,
  };
  expect(decide({ account: "b" })).toEqual({ ok: true, effect: { monitor }, notice: { created: monitor } });
});
