import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  drainRings,
  droppedIn,
  LineRing,
  newRing,
  newSignal,
  type RingMemory,
} from "../../../src/http/log/line-ring.ts";
import { createLog, openLog } from "../../../src/http/log/request-log.ts";
import { testFolder } from "../../support/server.ts";

function memory(): RingMemory {
  return { ring: newRing(), signal: newSignal() };
}

/** The contents of a file after all published lines were written to it. */
function drained(rings: readonly RingMemory[]): string {
  const file = join(testFolder(), "lines");
  const fd = openSync(file, "a");
  drainRings(
    fd,
    rings.map(({ ring }) => ring),
  );
  closeSync(fd);
  return readFileSync(file, "utf8");
}

test("lines of two threads go to one file, each complete and in its thread's order", () => {
  const file = join(testFolder(), "log");
  const logs = openLog({ level: "info", destination: file, threads: 2 });
  const other = createLog({ level: "info" }, logs.memoryOf(1));
  for (let i = 0; i < 1000; i++) {
    logs.lines?.write(`here ${i} ${"x".repeat(i)}\n`);
    other.lines?.write(`there ${i} ${"é".repeat(i / 10)}\n`);
  }
  other.close();
  logs.close();
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  const of = (whose: string) => lines.filter((line) => line.startsWith(`${whose} `));
  expect(of("here")).toEqual(Array.from({ length: 1000 }, (_, i) => `here ${i} ${"x".repeat(i)}`));
  expect(of("there")).toEqual(Array.from({ length: 1000 }, (_, i) => `there ${i} ${"é".repeat(i / 10)}`));
  expect(logs.dropped()).toBe(0);
});

test("without a writer, lines use no more memory than the ring, and lost lines are counted", () => {
  const own = memory();
  const ring = new LineRing(own);
  const line = `${"x".repeat(999)}\n`;
  for (let i = 0; i < 5000; i++) ring.write(line);
  ring.flush();
  const text = drained([own]);
  const written = text.length / line.length;
  expect(text).toBe(line.repeat(written));
  expect(written).toBeGreaterThan(900);
  expect(droppedIn(own.ring)).toBe(5000 - written);
  ring.write("after\n");
  ring.flush();
  expect(drained([own])).toBe("after\n");
});

test("lines wrap around the end of the ring, and its counters wrap around at 2^32", () => {
  const own = memory();
  const words = new Int32Array(own.ring, 0, 2);
  // Shortly before the byte counters wrap around.
  words.fill(-700);
  const ring = new LineRing(own);
  const lines = Array.from({ length: 100 }, (_, i) => `${i} ${"é".repeat(i % 20)}\n`);
  for (const line of lines) ring.write(line);
  ring.flush();
  expect(drained([own])).toBe(lines.join(""));
  expect(words[0]).toBeGreaterThan(0);
});

test("a restarted thread continues after the lines that its predecessor published", () => {
  const own = memory();
  const dead = new LineRing(own);
  dead.write("handed over\n");
  dead.flush();
  dead.write("never handed over\n");
  const next = new LineRing(own);
  next.write("anew\n");
  next.flush();
  expect(drained([own])).toBe("handed over\nanew\n");
});

test("lines that cannot be written are counted, and block nothing", () => {
  const own = memory();
  const ring = new LineRing(own);
  for (let i = 0; i < 7; i++) ring.write("line\n");
  ring.flush();
  const fd = openSync("/dev/full", "w");
  drainRings(fd, [own.ring]);
  closeSync(fd);
  expect(droppedIn(own.ring)).toBe(7);
});
