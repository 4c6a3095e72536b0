import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Log } from "../../../src/http/log/request-log.ts";
import { acceptClock, isAcceptancePending } from "../../../src/wal/clock-acceptance.ts";
import { isOwnAddress } from "../../../src/wal/redis/redis-clock.ts";
import { ClockWatch } from "../../../src/workers/server/clock-watch.ts";
import { ServerClock } from "../../../src/workers/server/server-clock.ts";
import type { JudgedClock } from "../../../src/workers/shard/clock/log-clock.ts";

const HOUR = 3_600_000;
const BEGIN_MS = Date.UTC(2026, 10, 28);

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "daybook-clock-"));
});

afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

/** A server with a settable clock, and a settable clock of its Redis. */
function machine() {
  const at = { uptimeMs: HOUR, shiftMs: 0, redisShiftMs: 0, aheadMs: 0 };
  const judgements: JudgedClock[] = [];
  const clocks = { wallMs: () => BEGIN_MS + at.uptimeMs + at.shiftMs, uptimeMs: () => at.uptimeMs };
  const clock = new ServerClock({ clocks, bootId: "boot", witnessed: [], jumpMsMax: 24 * HOUR });
  const log = { warn: () => {}, info: () => {} } as unknown as Log;
  const second = { ask: async () => BEGIN_MS + at.uptimeMs + at.redisShiftMs };
  const watch = new ClockWatch({ clock, ...clocks, dataDir, second, log });
  const supervisor = {
    judgeClock: (judged: JudgedClock) => void judgements.push(judged),
    get clockAheadMs() {
      return at.aheadMs;
    },
  };
  watch.start({ supervisor, onChange: () => {} });
  /** Lets a minute pass, with the second clock answering. */
  const pass = async (): Promise<void> => {
    for (let looks = 0; looks < 3; looks++) {
      at.uptimeMs += 20_000;
      watch.check();
      await Promise.resolve();
    }
  };
  return { at, judgements, clock, watch, clocks, pass };
}

test("a jump is accepted when the clock of another machine, which has not jumped, agrees", async () => {
  const { at, judgements, clock, watch, pass } = machine();
  at.shiftMs = -HOUR;
  // It was wrong from the beginning and is corrected now.
  await pass();
  clock.accept();
  await pass();
  at.shiftMs = 0;
  await pass();
  expect([clock.state.kind, watch.warnings(), judgements.at(-1)?.baselineMs]).toEqual([
    "followed",
    [],
    BEGIN_MS,
  ]);
});

test.each([
  ["disagrees", 0],
  ["has jumped along, as the clock of another container does", 25 * HOUR],
])("a jump is not accepted when the second clock %s", async (_, redisShiftMs) => {
  const { at, judgements, clock, watch, pass } = machine();
  await pass();
  const before = judgements.at(-1);
  Object.assign(at, { shiftMs: 25 * HOUR, redisShiftMs });
  await pass();
  expect(clock.state.kind).toBe("jumped");
  expect(watch.warnings()).toEqual([expect.stringContaining("has jumped 90000 s ahead")]);
  expect([watch.isFollowed, watch.differenceMs]).toEqual([false, 90_000_000]);
  expect(judgements.at(-1)?.baselineMs ?? BEGIN_MS).toBe(before?.baselineMs ?? BEGIN_MS);
});

test("an operator's acceptance covers the present time of the clock, and no later jump", async () => {
  const { at, clock, watch, clocks, judgements } = machine();
  at.shiftMs = 25 * HOUR;
  acceptClock(dataDir, clocks.wallMs() - HOUR);
  watch.check();
  expect([clock.state.kind, isAcceptancePending(dataDir)]).toEqual(["jumped", false]);
  acceptClock(dataDir, clocks.wallMs());
  watch.check();
  expect([clock.state.kind, isAcceptancePending(dataDir)]).toEqual(["followed", false]);
  expect(judgements.at(-1)?.baselineMs).toBe(BEGIN_MS + 25 * HOUR);
});

test("it warns while the log time of a shard is far ahead of the clock", () => {
  const { at, watch } = machine();
  expect(watch.warnings()).toEqual([]);
  at.aheadMs = 2 * HOUR;
  expect(watch.warnings()).toEqual([expect.stringContaining("runs at half speed")]);
});

test.each([
  ["127.0.0.1", true],
  ["127.8.0.1", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  [undefined, true],
  ["192.0.2.7", false],
  ["2001:db8::7", false],
])("whether %s is an address of this machine: %s", (address, isOwn) => {
  expect(isOwnAddress(address)).toBe(isOwn);
});
