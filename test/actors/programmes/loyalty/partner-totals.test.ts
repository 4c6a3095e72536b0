/** A shard's reports of its points, and what the home shard makes of them. */
import { expect, test } from "vitest";
import { LOYALTY_SUBJECT } from "../../../../src/actors/programmes/loyalty/acts.ts";
import { PartnerTotals } from "../../../../src/actors/programmes/loyalty/totals.ts";
import type { ScheduledCommand } from "../../../../src/actors/programmes/programme.ts";

/** The totals of a partner on one of two shards, and the times at which reports are due. */
class TotalsFixture {
  readonly #scheduled = new Set<ScheduledCommand>();
  readonly totals = this.#empty();

  due(): readonly number[] {
    return Array.from(this.#scheduled, ({ endsAtMs }) => endsAtMs);
  }

  commands(): readonly unknown[] {
    return Array.from(this.#scheduled, (each) => each.command());
  }

  /** A copy of the state. @param now the total of the shard */
  copy(now: bigint): TotalsFixture {
    const copy = new TotalsFixture();
    copy.totals.restore(this.totals.storedWith(now), now);
    expect(copy.totals.storedWith(now)).toEqual(this.totals.storedWith(now));
    expect(copy.due()).toEqual(this.due());
    expect(copy.totals.isAwaited).toBe(this.totals.isAwaited);
    return copy;
  }

  #empty(): PartnerTotals {
    const scheduler = {
      add: (item: ScheduledCommand) => void this.#scheduled.add(item),
      remove: (item: ScheduledCommand) => void this.#scheduled.delete(item),
    };
    return new PartnerTotals("acme", { shards: 2, scheduler });
  }
}

test("a report is due 100 ms after the first change, and a change meanwhile does not delay it", () => {
  const fixture = new TotalsFixture();
  expect([fixture.totals.isAwaited, fixture.due()]).toEqual([false, []]);
  fixture.totals.changed(1_000);
  fixture.totals.changed(1_050);
  expect(fixture.due()).toEqual([1_100]);
  const act = { programme: "loyalty", act: "report_total", subject: LOYALTY_SUBJECT };
  expect(fixture.commands()).toMatchObject([{ op: "act", partner: "acme", act }]);
});

test("while a report is on its way no other is due; once it has arrived, one is if the total is another", () => {
  for (const [now, due] of [
    [5n, []],
    [6n, [2_100]],
  ] as const) {
    let fixture = new TotalsFixture();
    fixture.totals.changed(1_000);
    fixture.totals.reported(5n, 7);
    expect([fixture.totals.isAwaited, fixture.due()]).toEqual([true, []]);
    fixture.totals.changed(1_200);
    fixture.totals.delivered(6, now, 1_900);
    expect([fixture.totals.isAwaited, fixture.due()]).toEqual([true, []]);
    fixture = fixture.copy(now);
    fixture.totals.delivered(7, now, 2_000);
    expect([fixture.totals.isAwaited, fixture.due()]).toEqual([false, due]);
    fixture = fixture.copy(now);
    fixture.totals.delivered(8, now + 1n, 3_000);
    expect(fixture.due()).toEqual(due);
  }
});

test("the home shard needs no delivery: a change after its own report makes the next one due", () => {
  const fixture = new TotalsFixture();
  fixture.totals.changed(1_000);
  fixture.totals.reported(5n, 0);
  expect([fixture.totals.isAwaited, fixture.due()]).toEqual([false, []]);
  fixture.totals.changed(1_500);
  expect(fixture.due()).toEqual([1_600]);
});

test("the newest report of each shard counts, and a sum crosses the threshold when it rises above it", () => {
  let fixture = new TotalsFixture();
  const report = (shard: number, total: bigint) => {
    const crossed = fixture.totals.crossingBy(shard, total, 100);
    fixture.totals.take(shard, total, crossed);
    fixture = fixture.copy(0n);
    return crossed;
  };
  expect(report(0, 60n)).toBeUndefined();
  expect(report(1, 40n)).toBeUndefined();
  expect(report(1, 41n)).toEqual({ number: 1, total: "101", threshold: 100 });
  expect(report(0, 70n)).toBeUndefined();
  expect(report(0, 59n)).toBeUndefined();
  expect(report(1, 42n)).toEqual({ number: 2, total: "101", threshold: 100 });
});

test("nothing is stored of totals that nobody has reported, and a restart reports them at once", () => {
  const fixture = new TotalsFixture();
  expect(fixture.totals.storedWith(0n)).toBeUndefined();
  fixture.totals.changed(1_000);
  expect(fixture.totals.storedWith(5n)).toBeUndefined();
  const copy = new TotalsFixture();
  copy.totals.restore(undefined, 5n);
  expect(copy.due()).toEqual([100]);
  const empty = new TotalsFixture();
  empty.totals.restore(undefined, 0n);
  expect(empty.due()).toEqual([]);
  // A total that has become 0 again is to be reported too.
  expect(fixture.totals.storedWith(0n)).toEqual(["0", 1_100, 0, [], 0]);
  fixture.totals.reported(5n, 3);
  expect(fixture.totals.storedWith(5n)).toEqual(["5", null, 3, [], 0]);
});
