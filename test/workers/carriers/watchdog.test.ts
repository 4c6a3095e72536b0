import { expect, test } from "vitest";
import { ASK_EVERY_MS, type Liveness, Watchdog } from "../../../src/workers/carriers/watchdog.ts";

const LIMITS = { silentMs: 3_000, hungMs: 10_000, startMs: 30_000 };

/** The watchdog's verdict after each of these seconds. */
function watch(watchdog: Watchdog, fromMs: number, seconds: number): readonly Liveness[] {
  return Array.from({ length: seconds }, (_, i) => watchdog.look(fromMs + (i + 1) * ASK_EVERY_MS));
}

function answering(): Watchdog {
  const watchdog = new Watchdog(LIMITS, 0);
  watchdog.answered();
  return watchdog;
}

test("a part without an answer is silent after 3 s and hung after 10 s", () => {
  const seen = watch(answering(), 0, 10);
  expect(seen.map((liveness) => liveness[0]).join("")).toBe("aasssssssh");
});

test("an answer ends the silence", () => {
  const watchdog = answering();
  expect(watch(watchdog, 0, 9).at(-1)).toBe("silent");
  watchdog.answered();
  expect(watch(watchdog, 9_000, 3)).toEqual(["answers", "answers", "silent"]);
});

test("a starting part has 30 s for its first answer", () => {
  const seen = watch(new Watchdog(LIMITS, 0), 0, 30);
  expect(new Set(seen.slice(0, 29))).toEqual(new Set(["answers"]));
  expect(seen[29]).toBe("hung");
});

test("a pause of the watchdog's own thread counts as one period at most", () => {
  const watchdog = answering();
  // Its thread was blocked, or the machine suspended: answers of that time are not read yet.
  expect(watchdog.look(3_600_000)).toBe("answers");
  expect(watchdog.look(7_200_000)).toBe("answers");
  expect(watchdog.look(7_201_000)).toBe("silent");
});
